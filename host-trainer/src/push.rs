//! `skueye-push PORT BUNDLE`: sends an update bundle to a device over a USB serial cable, and goes on where it was when the
//! cable was out.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Parser;
use serialport::{SerialPort, TTYPort};
use skueye_models::{Code, Fault};
use skueye_trainer::progress::Step;
use skueye_update::cable::{Decoder, Frame, Next, Sender};

/// Sends an update bundle to a device over a serial cable.
#[derive(Parser)]
#[command(name = "skueye-push", version)]
struct Arguments {
    /// The port, such as /dev/ttyACM0.
    port: String,
    /// The bundle.
    bundle: PathBuf,
    /// Bits a second; USB serial does not care.
    #[arg(long, default_value_t = 115_200)]
    baud: u32,
    /// How many seconds to wait for a cable that is out, or a device that does not answer.
    #[arg(long, default_value_t = 60)]
    patience: u64,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = push(&arguments);
    match (&result, arguments.json) {
        (Ok(()), true) => println!("{}", serde_json::json!({ "staged": true })),
        (Ok(()), false) => println!("staged: `skueye update apply` on the device tries it"),
        (Err(fault), true) => println!("{}", serde_json::json!(fault)),
        (Err(fault), false) => eprintln!("skueye-push: {fault}"),
    }
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// How long one read waits.
const READ: Duration = Duration::from_millis(50);
/// How many bytes are written at once. The system blocks a write for which it has room in part, whatever the timeout, so no write
/// may be larger than the room that "writable" promises: a full-speed USB packet, and one byte for a pseudo-terminal.
const PIECE: (usize, usize) = (64, 1);
/// How long a port may take nothing.
const FULL: Duration = Duration::from_secs(5);

fn push(arguments: &Arguments) -> Result<(), Fault> {
    let path = &arguments.bundle;
    let file = File::open(path).map_err(|e| Fault::io("read", path, &e))?;
    let mut sender = Sender::new(BufReader::new(file)).map_err(|fault| fault.at(path))?;
    let step = Step::new("push", sender.progress().1);
    let patience = Duration::from_secs(arguments.patience);
    let (begin, mut heard) = (Instant::now(), Instant::now());
    let mut shown = 0;
    loop {
        let told = open(arguments).and_then(|mut port| {
            sender.reconnected();
            talk(&mut port, &mut sender, begin, &mut |done| {
                if done > shown {
                    step.advance(done - shown);
                    shown = done;
                    heard = Instant::now();
                }
                heard.elapsed() < patience
            })
        });
        match told {
            Ok(None) => return Ok(()),
            Ok(Some(why_not)) => return Err(refused(&why_not)),
            Err(fault) if heard.elapsed() >= patience => return Err(fault),
            Err(_) => sleep(READ * 4), // the cable is out
        }
    }
}

fn open(arguments: &Arguments) -> Result<TTYPort, Fault> {
    let settings = serialport::new(&arguments.port, arguments.baud).timeout(READ);
    TTYPort::open(&settings).map_err(|e| {
        let remedy = "check the cable, the path, and that this user may use it (group dialout)";
        Fault::new(Code::LinkOpen, "a serial port", e.to_string(), remedy).at(&arguments.port)
    })
}

/// Talks until the device has staged it (`None`) or said why not. `goes_on` hears how many bytes the device has. Errors: E702
/// where the port fails, or the device is silent for too long.
fn talk(
    port: &mut TTYPort,
    sender: &mut Sender<BufReader<File>>,
    begin: Instant,
    goes_on: &mut dyn FnMut(u64) -> bool,
) -> Result<Option<String>, Fault> {
    let mut decoder = Decoder::default();
    let mut bytes = [0; 4096];
    loop {
        let is_waiting = match sender.next(begin.elapsed())? {
            Next::Done(why_not) => {
                // Only a courtesy: without it the device waits a moment before it hangs up.
                let _ = write_all(port, &Frame::Heard.encode());
                return Ok(why_not);
            }
            Next::Send(frame) => {
                write_all(port, &frame.encode())?;
                false
            }
            Next::Wait(_) => true,
        };
        // While there is more to send, look only at what is there already.
        if !is_waiting && port.bytes_to_read().map_err(|e| gone(&e))? == 0 {
            continue;
        }
        let count = match port.read(&mut bytes) {
            Err(e) if matches!(e.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => 0,
            other => other.map_err(|e| gone(&e))?,
        };
        for frame in bytes[..count].iter().filter_map(|&byte| decoder.push(byte)) {
            sender.take(frame, begin.elapsed());
        }
        if !goes_on(sender.progress().0) {
            return Err(gone(&"no sign of the device"));
        }
    }
}

/// A port that is full for a while is no failure.
fn write_all(port: &mut TTYPort, mut bytes: &[u8]) -> Result<(), Fault> {
    let is_terminal = port.name().is_some_and(|name| name.starts_with("/dev/pts"));
    let piece = if is_terminal { PIECE.1 } else { PIECE.0 };
    let mut taken = Instant::now();
    while !bytes.is_empty() {
        match port.write(&bytes[..bytes.len().min(piece)]) {
            Ok(0) => return Err(gone(&"the port takes nothing")),
            Ok(count) => (bytes, taken) = (&bytes[count..], Instant::now()),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) if e.kind() == ErrorKind::TimedOut && taken.elapsed() < FULL => {}
            Err(e) => return Err(gone(&e)),
        }
    }
    Ok(())
}

fn gone(error: &dyn std::fmt::Display) -> Fault {
    let remedy = "check the cable and that `skueye update receive` runs on the device, then push again: it goes on";
    Fault::new(
        Code::LinkWrite,
        "a device that answers",
        error.to_string(),
        remedy,
    )
}

fn refused(why_not: &str) -> Fault {
    let remedy = "do what the device's own message says";
    Fault::new(
        Code::BundleRefused,
        "a device that takes the bundle",
        why_not,
        remedy,
    )
}
