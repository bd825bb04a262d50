//! The device's half of a quick start: the real device program, run on the replay with the set just made.

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};
use skueye_models::{Code, Fault, Gtin, Verdict};

use crate::data::PresentationRow;
use crate::files::write_file;
use crate::progress::Step;

/// An event as the device program prints it.
#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    verdict: Verdict,
    gtin: Option<Gtin>,
    first_frame: u64,
    last_frame: u64,
}

/// What the device program made of a replay.
#[derive(Debug, Clone, Default)]
pub struct Replayed {
    /// One for each presentation that it saw.
    pub events: Vec<Event>,
    /// Its summary line.
    pub summary: serde_json::Map<String, serde_json::Value>,
}

/// Events against what was shown. Every presentation is counted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Tally {
    /// Items that were shown.
    pub presentations: u64,
    /// Accepted with the right product, or rejected where the product is not in the gallery.
    pub events_correct: u64,
    /// Accepted with a wrong product, or though the product is not in the gallery, or answered more than once.
    pub events_wrong: u64,
    /// Left to a person.
    pub events_asked: u64,
    /// Rejected or not noticed, though the product is in the gallery.
    pub events_rejected: u64,
    /// Items shown that are not in the gallery.
    pub unknown_presentations: u64,
    /// Of those, items that were rejected; they count as correct.
    pub unknown_rejected: u64,
}

/// Writes the settings for `device` (a folder with `model/` and `gallery.skg`) and runs `program` over `frames`.
pub fn replay(program: &Path, device: &Path, frames: &Path) -> Result<Replayed, Fault> {
    let config = device.join("kiosk.toml");
    let text = "# Made by a quick start: the shipped kiosk profile with the replay's frame rate.\n\
                [model]\nfolder = \"model\"\n\n[gallery]\npath = \"gallery.skg\"\n\n\
                [camera]\nreplay_fps = 10\n\n[link]\npty = true\n\n[events]\npath = \"-\"\n";
    write_file(&config, text.as_bytes())?;
    let count = std::fs::read_dir(frames)
        .map_err(|e| Fault::io("list", frames, &e))?
        .count();
    let step = Step::new("replay", count as u64);
    let mut command = Command::new(program);
    command
        .arg("run")
        .arg("--json")
        .arg("--config")
        .arg(&config)
        .arg("--replay")
        .arg(frames);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| missing(program, &e))?;
    let stdout = child.stdout.take().expect("stdout is piped");
    let (mut lines, mut seen) = (String::new(), 0);
    for line in std::io::BufReader::new(stdout).lines() {
        let line = line.map_err(|e| Fault::io("read the output of", program, &e))?;
        seen = advance(&step, &line, seen);
        lines.push_str(&line);
        lines.push('\n');
    }
    let status = child
        .wait()
        .map_err(|e| Fault::io("wait for", program, &e))?;
    write_file(&device.join("events.jsonl"), lines.as_bytes())?;
    if !status.success() {
        return Err(failed(
            program,
            format!(
                "{status}; its lines are in {}",
                device.join("events.jsonl").display()
            ),
        ));
    }
    parse(&lines).map_err(|got| failed(program, got))
}

/// Moves the bar to the frame that `line` speaks of.
fn advance(step: &Step, line: &str, seen: u64) -> u64 {
    let frame = serde_json::from_str::<serde_json::Value>(line)
        .ok()
        .and_then(|v| v.get("last_frame")?.as_u64());
    let frame = frame.unwrap_or(seen).max(seen);
    step.advance(frame - seen);
    frame
}

fn parse(lines: &str) -> Result<Replayed, String> {
    let mut replayed = Replayed::default();
    for line in lines.lines() {
        let value: serde_json::Value =
            serde_json::from_str(line).map_err(|e| format!("{e} in {line:?}"))?;
        match value.get("kind").and_then(|kind| kind.as_str()) {
            Some("event") => replayed
                .events
                .push(serde_json::from_value(value).map_err(|e| e.to_string())?),
            Some("summary") => replayed.summary = value.as_object().cloned().unwrap_or_default(),
            _ => {}
        }
    }
    Ok(replayed)
}

/// Compares `events` with what was `shown`.
pub fn tally(events: &[Event], shown: &[PresentationRow]) -> Tally {
    let mut tally = Tally {
        presentations: shown.len() as u64,
        ..Tally::default()
    };
    for row in shown {
        let during = |event: &&Event| {
            event.first_frame <= row.last_frame && event.last_frame >= row.first_frame
        };
        let own: Vec<&Event> = events.iter().filter(during).collect();
        tally.unknown_presentations += u64::from(!row.known);
        match own[..] {
            [] => tally.reject(row),
            [event] => match event.verdict {
                Verdict::Accept if row.known && event.gtin == Some(row.gtin) => {
                    tally.events_correct += 1
                }
                Verdict::Accept => tally.events_wrong += 1,
                Verdict::Ask => tally.events_asked += 1,
                Verdict::Reject => tally.reject(row),
            },
            _ => tally.events_wrong += 1,
        }
    }
    tally
}

impl Tally {
    fn reject(&mut self, row: &PresentationRow) {
        match row.known {
            true => self.events_rejected += 1,
            false => {
                self.events_correct += 1;
                self.unknown_rejected += 1;
            }
        }
    }
}

/// The device program beside this one.
pub fn default_program() -> PathBuf {
    let beside = |path: PathBuf| path.with_file_name("skueye");
    std::env::current_exe().map_or_else(|_| PathBuf::from("skueye"), beside)
}

fn missing(program: &Path, error: &std::io::Error) -> Fault {
    let remedy = "build it: cargo build --release -p skueye-agent";
    Fault::new(
        Code::ToolMissing,
        "the device program skueye",
        error.to_string(),
        remedy,
    )
    .at(program)
}

fn failed(program: &Path, got: String) -> Fault {
    let remedy = "run the command by hand; its own fault says what to do";
    Fault::new(
        Code::ToolMissing,
        "the device program to finish the replay",
        got,
        remedy,
    )
    .at(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(first: u64, known: bool) -> PresentationRow {
        let gtin = Gtin::from_body(200_000_000_001, 13).unwrap();
        PresentationRow {
            presentation: first,
            first_frame: first,
            last_frame: first + 9,
            first_still: first + 3,
            last_still: first + 7,
            gtin,
            known,
            x: 0,
            y: 0,
            w: 1,
            h: 1,
        }
    }

    fn event(frame: u64, verdict: Verdict, body: u64) -> Event {
        let gtin = (verdict == Verdict::Accept).then(|| Gtin::from_body(body, 13).unwrap());
        Event {
            verdict,
            gtin,
            first_frame: frame,
            last_frame: frame + 2,
        }
    }

    #[test]
    fn every_presentation_is_counted_once() {
        let right = 200_000_000_001;
        let events = [
            event(3, Verdict::Accept, right),
            event(23, Verdict::Accept, right + 1),
            event(43, Verdict::Ask, 0),
            event(63, Verdict::Reject, 0),
            event(83, Verdict::Accept, right),
            event(103, Verdict::Accept, right),
            event(106, Verdict::Accept, right),
        ];
        let rows: Vec<_> = [0, 20, 40, 60, 80, 100, 120]
            .map(|first| shown(first, first != 60 && first != 80))
            .into();
        let tally = tally(&events, &rows);
        assert_eq!(
            (tally.events_correct, tally.events_wrong),
            (2, 3),
            "one wrong, one unknown, one double sale"
        );
        assert_eq!(
            (
                tally.events_asked,
                tally.events_rejected,
                tally.unknown_rejected
            ),
            (1, 1, 1)
        );
        assert_eq!((tally.presentations, tally.unknown_presentations), (7, 2));
    }
}
