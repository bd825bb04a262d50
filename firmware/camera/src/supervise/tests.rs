use super::*;
use crate::fake::ScriptedSource;
use proptest::prelude::*;
use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

/// A clock that only sleeping moves, and the sleeps.
#[derive(Clone, Default)]
struct FakeClock(Rc<Cell<Duration>>);

impl Clock for FakeClock {
    fn now(&self) -> Duration {
        self.0.get()
    }

    fn sleep(&mut self, time: Duration) {
        assert!(time <= WAIT, "a call must not wait for long");
        self.0.set(self.0.get() + time);
    }
}

type Take = Result<Vec<Result<Frame, CameraError>>, CameraError>;

/// Opens the takes one after the other, then fails for ever.
fn supervised(
    takes: impl IntoIterator<Item = Take>,
    frozen_after: u32,
) -> Supervised<ScriptedSource, impl FnMut() -> Result<ScriptedSource, CameraError>, FakeClock> {
    let mut takes: VecDeque<Take> = takes.into_iter().collect();
    let open = move || match takes.pop_front() {
        Some(take) => take.map(ScriptedSource::new),
        None => Err(gone()),
    };
    Supervised::with_clock("/dev/video0", open, frozen_after, FakeClock::default())
}

fn frame(sequence: u64, picture: u8) -> Result<Frame, CameraError> {
    Ok(Frame {
        sequence,
        timestamp: Duration::from_millis(sequence * 40),
        data: vec![picture; 40],
        ..Frame::default()
    })
}

fn lost(loss: Loss) -> CameraError {
    let path = "/dev/video0".into();
    CameraError::Lost { path, loss }
}

fn gone() -> CameraError {
    CameraError::Unopened {
        path: "/dev/video0".into(),
        expected: "a camera",
        got: "No such file or directory".into(),
        remedy: "plug it in",
    }
}

/// Everything but waiting, until `calls` are done.
fn told(source: &mut impl FrameSource, calls: usize) -> (Vec<Event>, Vec<(u64, Duration)>) {
    let (mut events, mut frames) = (Vec::new(), Vec::new());
    let mut frame = Frame::default();
    for _ in 0..calls {
        match source.next_frame(&mut frame).unwrap() {
            Event::Waiting => {}
            Event::Frame => frames.push((frame.sequence, frame.timestamp)),
            other => events.push(other),
        }
    }
    (events, frames)
}

#[test]
fn a_lost_camera_is_opened_again_and_its_numbers_go_on() {
    let unplugged = lost(Loss::Unplugged);
    let first = vec![frame(0, 1), frame(1, 2), Err(unplugged.clone())];
    let second = vec![frame(0, 3), frame(1, 4), frame(5, 5)];
    let takes = [Ok(first), Err(gone()), Err(gone()), Ok(second)];
    let mut source = supervised(takes, 0);
    let (events, frames) = told(&mut source, 17);
    let opened = Event::Opened(String::new());
    let expected = [
        opened.clone(),
        Event::Lost(unplugged),
        Event::Lost(gone()),
        opened,
    ];
    assert_eq!(events[..4], expected);
    let numbers: Vec<u64> = frames.iter().map(|frame| frame.0).collect();
    assert_eq!(numbers, [0, 1, 3, 4, 8]);
    assert!(frames.windows(2).all(|w| w[0].1 <= w[1].1), "{frames:?}");
    // 0.25 s after the loss, 0.5 s and 1 s after the failures.
    assert_eq!(frames[2].1, Duration::from_millis(1750));
    assert_eq!(source.opened(), 2);
}

#[test]
fn a_camera_that_never_comes_is_told_once_and_tried_ever_more_seldom() {
    let mut source = supervised([], 0);
    let (events, frames) = told(&mut source, 10_000);
    assert_eq!(events, [Event::Lost(gone())]);
    assert_eq!(frames, []);
    // Each of the 10,000 calls waits for a quarter of a second at the most; the attempts between are few.
    let slept = source.clock.now();
    assert!(slept > Duration::from_secs(2000), "{slept:?}");
}

#[test]
fn a_frozen_picture_is_lost_and_a_still_one_below_the_limit_is_not() {
    let still = vec![
        frame(0, 1),
        frame(1, 1),
        frame(2, 1),
        frame(3, 2),
        frame(4, 2),
        frame(5, 2),
    ];
    let (events, frames) = told(&mut supervised([Ok(still)], 3), 7);
    assert_eq!((events.len(), frames.len()), (1, 6));
    let frozen: Vec<_> = (0..9).map(|n| frame(n, 1)).collect();
    let thawed = vec![frame(0, 1), frame(1, 2), frame(2, 3)];
    let mut source = supervised([Ok(frozen.clone()), Ok(thawed)], 3);
    let (events, frames) = told(&mut source, 10);
    assert_eq!(events[1], Event::Lost(lost(Loss::Frozen(3))));
    assert_eq!(events[2], Event::Opened(String::new()));
    assert_eq!(frames.len(), 3 + 3);
    let (events, frames) = told(&mut supervised([Ok(frozen)], 0), 10);
    assert_eq!((events.len(), frames.len()), (1, 9), "0 switches it off");
}

#[test]
fn a_camera_that_comes_back_frozen_is_told_once() {
    let frozen = || Ok((0..9).map(|n| frame(n, 1)).collect());
    let (events, _) = told(&mut supervised([frozen(), frozen(), frozen()], 3), 60);
    let losses = events
        .iter()
        .filter(|event| matches!(event, Event::Lost(CameraError::Lost { .. })));
    assert_eq!(losses.count(), 1, "{events:?}");
}

#[test]
fn a_damaged_frame_is_no_loss() {
    let flagged = CameraError::Flagged {
        path: "/dev/video0".into(),
    };
    let take = vec![frame(0, 1), Err(flagged.clone()), frame(2, 2)];
    let mut source = supervised([Ok(take)], 3);
    let mut into = Frame::default();
    assert_eq!(
        source.next_frame(&mut into),
        Ok(Event::Opened(String::new()))
    );
    assert_eq!(source.next_frame(&mut into), Ok(Event::Frame));
    assert_eq!(source.next_frame(&mut into), Err(flagged));
    assert_eq!(source.next_frame(&mut into), Ok(Event::Frame));
    assert_eq!(into.sequence, 2);
}

proptest! {
    #[test]
    fn one_changed_byte_is_another_picture(mut data in proptest::collection::vec(any::<u8>(), 1..200), at: usize, by in 1..=255u8) {
        let before = hash(&data);
        prop_assert_eq!(before, hash(&data));
        let at = at % data.len();
        data[at] = data[at].wrapping_add(by);
        prop_assert_ne!(before, hash(&data));
    }

    #[test]
    fn numbers_and_times_ascend_whatever_happens(
        takes in proptest::collection::vec(proptest::collection::vec(0..4u8, 0..6), 0..6)
    ) {
        let takes = takes.into_iter().map(|take| match take.is_empty() {
            true => Err(gone()),
            false => {
                let frames = take.into_iter().enumerate().map(|(n, picture)| frame(n as u64 * 3, picture));
                Ok(frames.chain([Err(lost(Loss::Unplugged))]).collect())
            }
        });
        let (_, frames) = told(&mut supervised(takes.collect::<Vec<_>>(), 2), 400);
        prop_assert!(frames.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 <= w[1].1));
    }
}
