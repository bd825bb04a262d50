//! What the system asks of the running program by signals: to end (SIGTERM, SIGINT), and to read its settings again (SIGHUP).
//!
//! Either way the source ends as a replay does, so that whatever is open is closed in order: an item on the stage gets its event,
//! the till its answer, the log its lines. A second request to end ends at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use skueye_camera::{CameraError, Event, Frame, FrameSource};

use crate::moment::Sale;

/// The stage is free when nothing was on it for so long: settings are read again between presentations.
const FREE: Duration = Duration::from_secs(1);

/// What has been asked for.
#[derive(Debug, Clone, Default)]
pub struct Requests {
    stop: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
}

impl Requests {
    /// Listens to the signals from now on.
    pub fn listen() -> io::Result<Self> {
        let requests = Self::default();
        for signal in [SIGTERM, SIGINT] {
            flag::register_conditional_default(signal, Arc::clone(&requests.stop))?;
            flag::register(signal, Arc::clone(&requests.stop))?;
        }
        flag::register(SIGHUP, Arc::clone(&requests.reload))?;
        Ok(requests)
    }

    /// Whether the program is to end.
    pub fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// Whether settings are to be read again; asked once for each request.
    pub fn take_reload(&self) -> bool {
        self.reload.swap(false, Ordering::SeqCst)
    }
}

/// A source that ends when that is asked for.
pub struct UntilAsked<'s, S> {
    source: S,
    requests: &'s Requests,
    sale: &'s (dyn Sale + Sync),
}

impl<'s, S: FrameSource> UntilAsked<'s, S> {
    /// `source` until the program is to end, or to read its settings again and the stage is free.
    pub fn new(source: S, requests: &'s Requests, sale: &'s (dyn Sale + Sync)) -> Self {
        Self {
            source,
            requests,
            sale,
        }
    }

    fn is_over(&self) -> bool {
        let reload = || self.requests.reload.load(Ordering::Relaxed);
        self.requests.stop.load(Ordering::Relaxed) || reload() && self.sale.quiet_for() >= FREE
    }
}

impl<S: FrameSource> FrameSource for UntilAsked<'_, S> {
    fn next_frame(&mut self, into: &mut Frame) -> Result<Event, CameraError> {
        match self.is_over() {
            true => Ok(Event::EndOfReplay),
            false => self.source.next_frame(into),
        }
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

    fn frames(requests: &Requests, quiet_ms: u64) -> usize {
        let sale = Quiet(Duration::from_millis(quiet_ms));
        let frame = |sequence| {
            Ok::<_, CameraError>(Frame {
                sequence,
                ..Frame::default()
            })
        };
        let script: Vec<_> = (0..3).map(frame).collect();
        let mut source = UntilAsked::new(ScriptedSource::new(script), requests, &sale);
        let mut into = Frame::default();
        std::iter::from_fn(|| (source.next_frame(&mut into) == Ok(Event::Frame)).then_some(()))
            .count()
    }

    #[test]
    fn settings_wait_for_the_end_of_a_presentation_and_the_end_does_not() {
        let requests = Requests::default();
        assert_eq!(frames(&requests, 5000), 3);
        requests.reload.store(true, Ordering::SeqCst);
        assert_eq!((frames(&requests, 999), frames(&requests, 1000)), (3, 0));
        assert!(requests.take_reload() && !requests.take_reload());
        requests.stop.store(true, Ordering::SeqCst);
        assert_eq!(frames(&requests, 0), 0);
    }
}
