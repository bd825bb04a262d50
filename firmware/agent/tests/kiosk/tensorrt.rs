//! The kiosk on a stand-in of TensorRT: an engine that is built beside the work, one from the cache, and what goes wrong.

use std::fs;

use serde_json::Value;

use super::shop::{BLUE, RED, Shop};
use super::standin::{Machine, majors};
use super::{SESSION, check_session, lines, of_kind, skueye};

/// A shop with a machine of each major version that is here.
fn on_each(scenario: &str, test: impl Fn(&Shop, &Machine)) {
    for major in majors() {
        let (shop, machine) = (Shop::new(), Machine::new(major, scenario));
        settings(&shop, &machine, "");
        test(&shop, &machine);
    }
}

fn settings(shop: &Shop, machine: &Machine, more: &str) {
    let folder = machine.path().display();
    shop.settings(&format!(
        "[model]\nonnxruntime = \"/no/such/library\"\ntensorrt = \"{folder}\"\n{more}[link]\npty = false\n"
    ));
}

fn run(shop: &Shop) -> Vec<Value> {
    let run = skueye(shop, &["run", "--replay", "session", "--json"]);
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    lines(&run.stdout)
}

fn engines(shop: &Shop) -> usize {
    fs::read_dir(shop.folder().join("engines")).unwrap().count()
}

#[test]
fn the_kiosk_works_while_its_engine_is_built_and_with_the_engine() {
    on_each("hold", |shop, machine| {
        shop.replay("session", &SESSION.map(|(look, ..)| look));
        let told = run(shop);
        check_session(&told);
        let building = of_kind(&told, "runtime");
        assert_eq!(building[0]["state"], "building");
        assert!(building[0]["percent"].as_u64().unwrap() <= 100);
        // The run has ended before the engine was built.
        assert_eq!(engines(shop), 0);

        machine.set("");
        let doctor = skueye(shop, &["doctor", "--json"]);
        let findings = &lines(&doctor.stdout)[0];
        assert_eq!(findings["healthy"], true, "{findings}");
        assert_eq!(findings["model"]["backend"], "tensorrt");
        assert!(findings["model"]["self_test_cosine"].as_f64().unwrap() > 0.999);
        assert_eq!(findings["backends"][0]["chosen"], true);
        assert!(String::from_utf8_lossy(&doctor.stderr).contains("building TensorRT's engine"));
        assert_eq!(engines(shop), 1);

        // Nobody builds any more.
        machine.set("no-builder");
        let told = run(shop);
        check_session(&told);
        assert!(of_kind(&told, "runtime").is_empty());
        shop.picture("red.png", RED);
        let answer = lines(&skueye(shop, &["recognise", "red.png", "--json"]).stdout).remove(0);
        assert_eq!(answer["verdict"], "accept");
        let calls = fs::read_to_string(machine.path().join("calls")).unwrap();
        assert!(calls.lines().filter(|call| *call == "launch").count() > 10);
    });
}

#[test]
fn an_engine_that_cannot_be_built_is_told_by_run_and_doctor() {
    on_each("no-plan", |shop, _| {
        shop.replay("session", &SESSION.map(|(look, ..)| look));
        let told = run(shop);
        check_session(&told);
        let doctor = lines(&skueye(shop, &["doctor", "--json"]).stdout).remove(0);
        let fault = &doctor["faults"][0];
        assert_eq!(fault["code"], "E410", "{doctor}");
        assert!(
            fault["got"]
                .as_str()
                .unwrap()
                .contains("Could not find any implementation")
        );
        assert_eq!(
            (&doctor["healthy"], &doctor["model"]["backend"]),
            (&false.into(), &"tract".into())
        );
    });
}

#[test]
fn a_cache_that_is_a_link_another_power_mode_and_a_missing_gpu_are_told() {
    on_each("", |shop, machine| {
        let elsewhere = shop.folder().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, shop.folder().join("engines")).unwrap();
        settings(shop, machine, "power_mode = \"MAXN\"\n");
        let doctor = lines(&skueye(shop, &["doctor", "--json"]).stdout).remove(0);
        let faults = doctor["faults"].as_array().unwrap();
        let codes: Vec<_> = faults.iter().map(|f| f["code"].as_str().unwrap()).collect();
        assert_eq!(codes, ["E411", "E414"], "{doctor}");
        assert_eq!(doctor["model"]["backend"], "tensorrt");
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);

        shop.picture("blue.png", BLUE);
        machine.set("no-gpu");
        let recognise = || skueye(shop, &["recognise", "blue.png", "--json"]);
        assert_eq!(lines(&recognise().stdout)[0]["verdict"], "accept");
        settings(shop, machine, "runtime = \"tensorrt\"\n");
        assert_eq!(lines(&recognise().stdout)[0]["code"], "E413");
    });
}
