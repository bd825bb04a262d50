//! The device connects to nothing: what the system sees of a run, and a run where there is no network at all.

#[path = "kiosk/shop.rs"]
#[expect(dead_code, reason = "the kiosk's tests use the rest")]
mod shop;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use shop::{GREEN, RED, Shop};

const PROGRAM: &str = env!("CARGO_BIN_EXE_skueye");
const RUN: [&str; 4] = ["run", "--json", "--replay", "frames"];

fn shop() -> Shop {
    let shop = Shop::new();
    shop.replay("frames", &[RED, GREEN]);
    shop.settings(
        "[link]\npty = true\n[log]\nfolder = \"log\"\n[status]\npath = \"status.json\"\n",
    );
    shop
}

/// `program` with the device's run behind it; `None` where this machine has no such program or does not let it work.
fn under(program: &str, arguments: &[&str], folder: &Path) -> Option<Output> {
    let works = Command::new(program)
        .args(arguments)
        .arg("true")
        .current_dir(folder)
        .output();
    if !works.is_ok_and(|output| output.status.success()) {
        eprintln!("not checked: {program} does not work here");
        return None;
    }
    let mut command = Command::new(program);
    command
        .args(arguments)
        .arg(PROGRAM)
        .args(RUN)
        .current_dir(folder);
    Some(command.output().unwrap())
}

fn titles(output: &Output) -> Vec<String> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let events = lines.filter(|line| line["kind"] == "event");
    events.map(|event| event["title"].to_string()).collect()
}

#[test]
fn a_run_opens_no_socket_to_any_other_machine() {
    let shop = shop();
    let trace = ["-f", "-qq", "-e", "trace=%network", "-o", "calls"];
    let Some(output) = under("strace", &trace, shop.folder()) else {
        return;
    };
    assert_eq!(titles(&output).len(), 2, "{output:?}");
    let calls = std::fs::read_to_string(shop.folder().join("calls")).unwrap();
    let others = calls.lines().filter(|call| call.contains("AF_INET"));
    assert_eq!(others.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn the_trace_would_show_a_socket() {
    let shop = shop();
    let trace = ["-f", "-qq", "-e", "trace=%network", "-o", "calls"];
    if under("strace", &trace, shop.folder()).is_none() {
        return;
    }
    let mut page = Command::new("strace");
    page.args(trace).arg(PROGRAM).args(RUN);
    page.args(["--page", "127.0.0.1:0"]);
    let output = page.current_dir(shop.folder()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let calls = std::fs::read_to_string(shop.folder().join("calls")).unwrap();
    let sockets: Vec<&str> = calls
        .lines()
        .filter(|call| call.contains("AF_INET"))
        .collect();
    assert!(
        sockets
            .iter()
            .any(|call| call.contains("bind(") && call.contains("127.0.0.1")),
        "{sockets:?}"
    );
    assert!(
        !sockets.iter().any(|call| call.contains(" connect(")),
        "{sockets:?}"
    );
}

#[test]
fn without_a_network_the_answers_are_the_same() {
    let shop = shop();
    let Some(alone) = under("unshare", &["-r", "-n"], shop.folder()) else {
        return;
    };
    let here = Command::new(PROGRAM)
        .args(RUN)
        .current_dir(shop.folder())
        .output()
        .unwrap();
    assert_eq!(titles(&alone), titles(&here));
    assert_eq!(titles(&alone).len(), 2);
}
