//! The program as a service: a thread of its own tells systemd that the device is ready, that frames flow, and that it ends; and
//! writes the status that `skueye status` reads.
//!
//! systemd's watchdog is fed when the recognition has finished frames since the last time, or when a camera that is known to
//! be lost was waited for: a program that only exists is not fed for.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use sd_notify::NotifyState;
use skueye_page::station::Station as _;

use crate::desk::{Desk, lock};
use crate::metrics::Metrics;
use crate::status::Status;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// The same before the first frame.
const START: Duration = Duration::from_millis(100);
/// More time for a start that waits for its camera.
const MORE_TIME: Duration = Duration::from_secs(60);

/// The thread; it ends, and says so, when this is dropped.
pub struct Service {
    end: Arc<End>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct End {
    is_here: Mutex<bool>,
    changed: Condvar,
}

impl End {
    /// Waits for the end, so long at most.
    fn within(&self, time: Duration) -> bool {
        let guard = lock(&self.is_here);
        let waited = self.changed.wait_timeout_while(guard, time, |end| !*end);
        waited.is_ok_and(|(end, _)| *end)
    }
}

impl Service {
    /// Tells of the device behind `desk` from now on; its status goes to the file `status`.
    pub fn start(desk: Arc<Desk>, status: Option<PathBuf>) -> Self {
        let end = Arc::<End>::default();
        let ending = Arc::clone(&end);
        let watchdog = sd_notify::watchdog_enabled();
        let every = watchdog.map_or(LOOK, |limit| LOOK.min(limit / 3));
        let thread = std::thread::spawn(move || {
            let (mut teller, mut is_told) = (Teller::default(), false);
            while !ending.within(if teller.is_ready { every } else { START }) {
                let summary = summary(&desk);
                let words = teller.words(&desk.metrics, watchdog.is_some());
                let mut states: Vec<_> = words.into_iter().map(Word::state).collect();
                states.push(NotifyState::Status(&summary));
                tell_once(&mut is_told, sd_notify::notify(&states));
                if let Some(path) = &status {
                    let written = Status::now(&desk).write(path);
                    tell_once(&mut is_told, written);
                }
            }
        });
        Self {
            end,
            thread: Some(thread),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = sd_notify::notify(&[NotifyState::Stopping]);
        *lock(&self.end.is_here) = true;
        self.end.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed.
            let _ = thread.join();
        }
    }
}

/// What cannot be told is said once; the device has other work.
fn tell_once(is_told: &mut bool, outcome: io::Result<()>) {
    if let (Err(error), false) = (outcome, std::mem::replace(is_told, true)) {
        eprintln!("skueye: the system cannot be told how the device is: {error}");
    }
}

/// What systemd is to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Ready,
    Alive,
    MoreTime,
}

/// Remembers what was told.
#[derive(Default)]
struct Teller {
    is_ready: bool,
    frames: u64,
    waits: u64,
}

impl Teller {
    /// What has changed since the last call. Ready means: a frame has gone from the camera through model and gallery, with the link
    /// open.
    fn words(&mut self, metrics: &Metrics, watchdog: bool) -> Vec<Word> {
        let (frames, waits) = (metrics.frames(), metrics.waits());
        let flows = frames != self.frames || waits != self.waits;
        (self.frames, self.waits) = (frames, waits);
        let mut words = Vec::new();
        match (self.is_ready, frames > 0) {
            (false, true) => {
                self.is_ready = true;
                words.push(Word::Ready);
            }
            (false, false) if flows => words.push(Word::MoreTime),
            _ => {}
        }
        if flows && watchdog {
            words.push(Word::Alive);
        }
        words
    }
}

impl Word {
    fn state(self) -> NotifyState<'static> {
        match self {
            Self::Ready => NotifyState::Ready,
            Self::Alive => NotifyState::Watchdog,
            Self::MoreTime => NotifyState::ExtendTimeoutUsec(MORE_TIME.as_micros() as u32),
        }
    }
}

/// One line for `systemctl status`.
fn summary(desk: &Desk) -> String {
    let view = desk.view();
    let first = view.troubles.first();
    let trouble = first.map_or(String::new(), |trouble| format!("; {}", trouble.code));
    let (stage, fps, counts) = (
        format!("{:?}", view.stage).to_lowercase(),
        view.fps,
        view.counts,
    );
    format!(
        "stage {stage}, {fps:.0} frames/s, {} presentations{trouble}",
        counts.presentations
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::FrameTimes;
    use crate::metrics::Counted;
    use skueye_camera::fake::ScriptedSource;
    use skueye_camera::{Frame, FrameSource};

    #[test]
    fn only_frames_that_flow_feed_the_watchdog() {
        let (metrics, mut teller) = (Metrics::new("/".into()), Teller::default());
        assert_eq!(teller.words(&metrics, true), []);
        // What the camera delivers does not count until the recognition is through with it.
        let mut source = Counted::new(ScriptedSource::new(vec![Ok(Frame::default())]), &metrics);
        source.next_frame(&mut Frame::default()).unwrap();
        assert_eq!(teller.words(&metrics, true), []);
        metrics.looked(&FrameTimes::default());
        assert_eq!(teller.words(&metrics, true), [Word::Ready, Word::Alive]);
        assert_eq!(teller.words(&metrics, true), []);
        metrics.looked(&FrameTimes::default());
        assert_eq!(teller.words(&metrics, true), [Word::Alive]);
        metrics.looked(&FrameTimes::default());
        assert_eq!(teller.words(&metrics, false), []);
    }
}
