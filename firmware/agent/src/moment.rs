//! The moment at which nobody minds a change of sets: a set is staged at any time, but the run goes on until the stage has
//! been quiet for a while. A sale in which items follow one another is never interrupted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use skueye_camera::{CameraError, Event, Frame, FrameSource};

/// Between two looks for a set that waits.
const LOOK: Duration = Duration::from_secs(2);

/// Whether a sale may be open: the seam behind which the stage stands, or a till that knows better.
pub trait Sale {
    /// How long nothing of a sale was seen.
    fn quiet_for(&self) -> Duration;
}

/// When something was last on the stage; shared by the threads of a run.
#[derive(Debug)]
pub struct Activity {
    begin: Instant,
    last_ms: AtomicU64,
}

impl Default for Activity {
    fn default() -> Self {
        Self {
            begin: Instant::now(),
            last_ms: AtomicU64::new(0),
        }
    }
}

impl Activity {
    /// Something is on the stage.
    pub fn touch(&self) {
        let now = self.begin.elapsed().as_millis() as u64;
        self.last_ms.store(now, Ordering::Relaxed);
    }
}

impl Sale for Activity {
    fn quiet_for(&self) -> Duration {
        let last = Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
        self.begin.elapsed().saturating_sub(last)
    }
}

/// A source that ends, as a replay does, once a new set is due and the sale has been quiet for long enough. Whoever reads
/// from it closes what is open in order.
pub struct UntilDue<'s, S> {
    source: S,
    sale: &'s (dyn Sale + Sync),
    quiet: Duration,
    due: Box<dyn FnMut() -> bool + Send + 's>,
    looked: Option<Instant>,
    /// Whether the last answer of the source was a frame: a set that is tried without a camera is given up.
    delivers: bool,
}

impl<'s, S: FrameSource> UntilDue<'s, S> {
    /// `source` until `due` answers true, which is asked every two seconds of a quiet of `quiet` while frames come.
    pub fn new(
        source: S,
        sale: &'s (dyn Sale + Sync),
        quiet: Duration,
        due: impl FnMut() -> bool + Send + 's,
    ) -> Self {
        Self {
            source,
            sale,
            quiet,
            due: Box::new(due),
            looked: None,
            delivers: false,
        }
    }

    fn is_due(&mut self) -> bool {
        let again = self.looked.is_none_or(|looked| looked.elapsed() >= LOOK);
        if !again || !self.delivers || self.sale.quiet_for() < self.quiet {
            return false;
        }
        self.looked = Some(Instant::now());
        (self.due)()
    }
}

impl<S: FrameSource> FrameSource for UntilDue<'_, S> {
    fn next_frame(&mut self, into: &mut Frame) -> Result<Event, CameraError> {
        if self.is_due() {
            return Ok(Event::EndOfReplay);
        }
        let answer = self.source.next_frame(into);
        self.delivers = answer == Ok(Event::Frame);
        answer
    }

    fn describe(&self) -> String {
        self.source.describe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skueye_camera::fake::ScriptedSource;

    struct Quiet(Duration);

    impl Sale for Quiet {
        fn quiet_for(&self) -> Duration {
            self.0
        }
    }

    fn frame(sequence: u64) -> Result<Frame, CameraError> {
        Ok(Frame {
            sequence,
            ..Frame::default()
        })
    }

    /// How many frames came, and how often it was asked whether a set is due.
    fn frames(quiet: u64, due: bool) -> (usize, usize) {
        watched((0..5).map(frame).collect(), quiet, due)
    }

    fn watched(script: Vec<Result<Frame, CameraError>>, quiet: u64, due: bool) -> (usize, usize) {
        let (sale, mut asked) = (Quiet(Duration::from_secs(quiet)), 0);
        let due = || {
            asked += 1;
            due
        };
        let quiet = Duration::from_secs(60);
        let mut source = UntilDue::new(ScriptedSource::new(script), &sale, quiet, due);
        let mut into = Frame::default();
        let seen = std::iter::from_fn(|| match source.next_frame(&mut into) {
            Ok(Event::Frame) => Some(()),
            _ => None,
        });
        let seen = seen.count();
        drop(source);
        (seen, asked)
    }

    #[test]
    fn a_sale_is_not_interrupted_and_a_quiet_stage_changes_sets_when_one_is_due() {
        assert_eq!(frames(59, true), (5, 0));
        assert_eq!(frames(60, false), (5, 1));
        assert_eq!(frames(60, true), (1, 1));
    }

    #[test]
    fn a_device_without_its_camera_tries_no_set() {
        let gone = CameraError::PictureTooLarge { path: "1".into() };
        let script = vec![Err(gone), frame(1)];
        assert_eq!(watched(script, 60, true), (0, 0));
    }

    #[test]
    fn whatever_is_on_the_stage_begins_the_quiet_anew() {
        let activity = Activity {
            begin: Instant::now() - Duration::from_secs(100),
            last_ms: AtomicU64::new(0),
        };
        assert!(activity.quiet_for() >= Duration::from_secs(100));
        activity.touch();
        assert!(activity.quiet_for() < Duration::from_secs(50));
    }
}
