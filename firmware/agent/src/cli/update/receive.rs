//! `skueye update receive`: bundles over a serial cable.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;
use skueye_link::{Link, PseudoTerminal, SerialLink};
use skueye_models::Fault;
use skueye_update::DiskStorage;
use skueye_update::cable::{Arrived, Decoder, Receiver};

use super::{Receive, release, stage};
use crate::cli::print;

/// Between two looks at a quiet port.
const PAUSE: Duration = Duration::from_millis(5);
/// A host that has not said by then that it heard the answer has gone.
const FAREWELL: Duration = Duration::from_secs(3);
/// Between two tries to open a port whose cable is out.
const BACK_OFF: Duration = Duration::from_secs(1);

/// Ends after the first bundle where that is wanted, otherwise never.
pub fn run(options: &Receive) -> Result<(), Fault> {
    let mut port = open(options)?;
    let mut receiver = Receiver::new(DiskStorage::open(&options.target.folder)?)?;
    let mut decoder = Decoder::default();
    loop {
        match serve(&mut *port, &mut receiver, &mut decoder, options) {
            Ok(()) => return Ok(()),
            // The cable is out, or its other end is: what was spooled stays.
            Err(fault) => print::line(&fault.to_string())?,
        }
        // The kernel gives an adapter that comes back another name while anybody holds it by this one.
        drop(port);
        port = loop {
            sleep(BACK_OFF);
            if let Ok(port) = open(options) {
                break port;
            }
        };
    }
}

fn open(options: &Receive) -> Result<Box<dyn Link>, Fault> {
    if options.port != "pty" {
        return Ok(Box::new(SerialLink::open(&options.port, options.baud)?));
    }
    let (port, path) = PseudoTerminal::open()?;
    options
        .target
        .tell(&json!({ "port": path }), || path.clone())?;
    Ok(Box::new(port))
}

fn serve(
    port: &mut dyn Link,
    receiver: &mut Receiver<DiskStorage>,
    decoder: &mut Decoder,
    options: &Receive,
) -> Result<(), Fault> {
    let mut bytes = vec![0; 1 << 16];
    let mut staged_at: Option<Instant> = None;
    loop {
        if options.once && staged_at.is_some_and(|at| at.elapsed() > FAREWELL) {
            return Ok(());
        }
        let count = port.receive(&mut bytes)?;
        if count == 0 {
            sleep(PAUSE);
        }
        for &byte in &bytes[..count] {
            let Some(frame) = decoder.push(byte) else {
                continue;
            };
            let answer = match receiver.take(frame) {
                Ok(Arrived::Nothing) => continue,
                Ok(Arrived::Heard) if options.once && staged_at.is_some() => return Ok(()),
                Ok(Arrived::Heard) => continue,
                Ok(Arrived::Answer(frame)) => frame,
                Ok(Arrived::Whole(path)) => {
                    let refused = stage_spooled(&path, options)?.err();
                    staged_at = refused.is_none().then(Instant::now);
                    receiver.done(refused.as_ref())?
                }
                Err(fault) => receiver.failed(&fault),
            };
            port.send(&answer.encode())?;
        }
    }
}

/// Stages what has arrived and tells the operator. Outer errors: the standard output is gone.
fn stage_spooled(path: &str, options: &Receive) -> Result<Result<(), Fault>, Fault> {
    let (_lock, mut slots) = match options.target.open_to_change() {
        Ok(opened) => opened,
        Err(fault) => return Ok(Err(fault)),
    };
    let path = slots.storage().path(path);
    match stage(&mut slots, &path, &options.fit) {
        Ok(staged) => {
            let release = release(&staged);
            options.target.tell(&super::told(&staged), || {
                format!("release {release} is staged")
            })?;
            Ok(Ok(()))
        }
        Err(fault) => {
            options.target.tell(&fault, || fault.to_string())?;
            Ok(Err(fault))
        }
    }
}
