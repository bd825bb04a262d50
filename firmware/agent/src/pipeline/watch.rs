//! The recognition thread: a frame's journey from bytes to hits.

use std::time::Instant;

use skueye_camera::Frame;
use skueye_models::Fault;
use skueye_vision::localise::{Localiser, Scene};
use skueye_vision::sharpness::sharpness;
use skueye_vision::{Region, RgbImage};

use super::{Captured, Message};
use crate::camera::{camera_fault, decode};
use crate::config::Config;
use crate::lane::{Receiver, Sender};
use crate::latency::{FrameTimes, Latencies, Stage};
use crate::moment::Activity;
use crate::presentation::{Moment, Outcome, Presenter, Step};
use crate::recognise::Recogniser;

/// What recognition counted.
pub(super) struct Watched {
    pub damaged: u64,
    pub presentations: u32,
    pub latencies: Latencies,
}

/// The recognition thread's state.
pub(super) struct Watcher<'g> {
    recogniser: Recogniser<'g>,
    activity: &'g Activity,
    localiser: Localiser,
    presenter: Presenter,
    image: RgbImage,
    latencies: Latencies,
    damaged: u64,
}

impl<'g> Watcher<'g> {
    pub fn new(recogniser: Recogniser<'g>, activity: &'g Activity, config: &Config) -> Self {
        Self {
            activity,
            presenter: Presenter::new(config.decision, *recogniser.thresholds()),
            recogniser,
            localiser: Localiser::new(config.localise),
            image: RgbImage::default(),
            latencies: Latencies::default(),
            damaged: 0,
        }
    }

    pub fn watch(
        mut self,
        frames: &mut Receiver<'_, Captured>,
        mut give_back: Sender<'_, Frame>,
        mut messages: Sender<'_, Message>,
    ) -> Watched {
        let mut last = Moment::default();
        while let Some(captured) = frames.receive() {
            let message = match captured {
                Captured::Frame(frame) => {
                    last = moment(&frame);
                    let message = self.frame(&frame);
                    // Capture may be gone already; the frames that it left are still looked at.
                    let _ = give_back.send(frame);
                    message
                }
                Captured::Opened(camera) => Some(Message::Camera(camera)),
                Captured::Fault(error) => {
                    self.damaged += u64::from(error.is_frame_only());
                    let fault = camera_fault(&error);
                    Some(Message::Fault { frame: None, fault })
                }
            };
            let notices = std::iter::from_fn(|| self.recogniser.notice().map(Message::Runtime));
            let mut all = message.into_iter().chain(notices);
            if all.any(|message| messages.send(message).is_err()) {
                break;
            }
        }
        if let Some(outcome) = self.presenter.finish(last) {
            let _ = messages.send(Message::Outcome(outcome));
        }
        Watched {
            damaged: self.damaged,
            presentations: self.presenter.presentations(),
            latencies: self.latencies,
        }
    }

    /// One frame's journey. A fault of the frame is told; the presentation goes on without it.
    fn frame(&mut self, frame: &Frame) -> Option<Message> {
        let mut times = FrameTimes::default();
        let step = self.step(frame, &mut times);
        self.latencies.add(&times);
        match step {
            Ok(outcome) => outcome.map(Message::Outcome),
            Err(fault) => {
                self.damaged += 1;
                let frame = Some(frame.sequence);
                Some(Message::Fault { frame, fault })
            }
        }
    }

    fn step(&mut self, frame: &Frame, times: &mut FrameTimes) -> Result<Option<Outcome>, Fault> {
        let start = Instant::now();
        let image = &mut self.image;
        times.time(Stage::Decode, || decode(frame, image))?;
        let localiser = &mut self.localiser;
        let seen = times.time(Stage::Settle, || localiser.observe(image))?;
        if matches!(seen.scene, Scene::Moving | Scene::Still(_)) {
            self.activity.touch();
        }
        match self.presenter.observe(moment(frame), seen.scene) {
            Step::Rest => Ok(None),
            Step::Close(outcome) => Ok(Some(outcome)),
            Step::Look(region) => self.look(moment(frame), region, start, times),
        }
    }

    fn look(
        &mut self,
        now: Moment,
        region: Region,
        start: Instant,
        times: &mut FrameTimes,
    ) -> Result<Option<Outcome>, Fault> {
        let sharpness = sharpness(&self.image, region);
        let hits = self.recogniser.look(&self.image, region, times)?;
        times.since(Stage::Total, start);
        Ok(self.presenter.looked(now, hits, sharpness, times))
    }
}

fn moment(frame: &Frame) -> Moment {
    Moment {
        sequence: frame.sequence,
        time: frame.timestamp,
    }
}
