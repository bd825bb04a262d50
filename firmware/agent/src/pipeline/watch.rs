//! The recognition thread: a frame's journey from bytes to hits.

use std::sync::Arc;
use std::time::Instant;

use skueye_camera::Frame;
use skueye_models::Fault;
use skueye_page::station::Stage;
use skueye_vision::localise::{Localiser, Scene};
use skueye_vision::sharpness::sharpness;
use skueye_vision::{Region, RgbImage};

use super::stand::Stand;
use super::{Captured, Message};
use crate::camera::{camera_fault, decode};
use crate::config::Config;
use crate::desk::Desk;
use crate::desk::studio::Look;
use crate::lane::{Receiver, Sender};
use crate::latency::{FrameTimes, Latencies, Stage as Part};
use crate::moment::Activity;
use crate::presentation::{Looked, Moment, Outcome};
use crate::recognise::Recogniser;

/// What recognition counted.
pub(super) struct Watched {
    pub damaged: u64,
    pub presentations: u32,
    pub latencies: Latencies,
}

/// The recognition thread's state.
pub(super) struct Watcher<'g> {
    recogniser: Recogniser,
    activity: &'g Activity,
    desk: &'g Desk,
    /// The sharpest look of the presentation that is open, and its embedding.
    best: (f32, Vec<f32>),
    localiser: Localiser,
    stand: Stand,
    /// Presentations of earlier runs since the start.
    before: u32,
    image: RgbImage,
    latencies: Latencies,
    damaged: u64,
}

impl<'g> Watcher<'g> {
    pub fn new(
        recogniser: Recogniser,
        localiser: Localiser,
        activity: &'g Activity,
        desk: &'g Desk,
        config: &Config,
    ) -> Self {
        let before = desk.pulse.presentations();
        Self {
            activity,
            desk,
            best: (0.0, recogniser.probe().to_vec()),
            stand: Stand::new(config.decision, *recogniser.thresholds(), before),
            before,
            recogniser,
            localiser,
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
                    match error.is_frame_only() {
                        true => self.damaged += 1,
                        false => self.stand.lost(last),
                    }
                    let fault = camera_fault(&error);
                    Some(Message::Fault { frame: None, fault })
                }
            };
            let mut heard = message.is_none_or(|message| messages.send(message).is_ok());
            while heard && let Some(outcome) = self.stand.closed() {
                heard = messages.send(self.message(outcome)).is_ok();
            }
            while heard && let Some(notice) = self.recogniser.notice() {
                heard = messages.send(Message::Runtime(notice)).is_ok();
            }
            if !heard {
                break;
            }
        }
        self.stand.finish(last);
        while let Some(outcome) = self.stand.closed() {
            let _ = messages.send(self.message(outcome));
        }
        self.desk.keep_stage(self.localiser);
        Watched {
            damaged: self.damaged,
            presentations: self.stand.presentations() - self.before,
            latencies: self.latencies,
        }
    }

    /// One frame's journey. A fault of the frame is told; the presentation goes on without it.
    fn frame(&mut self, frame: &Frame) -> Option<Message> {
        let mut times = FrameTimes::default();
        let step = self.step(frame, &mut times);
        self.latencies.add(&times);
        self.desk.metrics.looked(&times);
        match step {
            Ok(outcome) => outcome.map(|outcome| self.message(outcome)),
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
        times.time(Part::Decode, || decode(frame, image))?;
        let localiser = &mut self.localiser;
        let seen = times.time(Part::Settle, || localiser.observe(image))?;
        if matches!(seen.scene, Scene::Moving | Scene::Still(_)) {
            self.activity.touch();
        }
        self.desk.preview.offer(&self.image);
        self.desk.pulse.frame(stage(seen.scene, &self.stand));
        let now = moment(frame);
        if self.desk.studio.is_open() {
            return self.enrol(now, seen.scene, times);
        }
        if self.desk.pulse.take_again() {
            self.stand.look_again();
        }
        match self.stand.observe(now, seen.scene, &self.localiser) {
            Some(region) => self.look(now, region, start, times),
            None => Ok(None),
        }
    }

    /// A frame while a product is enrolled: it may become a shot, and nothing of it goes to the till.
    fn enrol(
        &mut self,
        now: Moment,
        scene: Scene,
        times: &mut FrameTimes,
    ) -> Result<Option<Outcome>, Fault> {
        self.stand.hold(now);
        let open = self.stand.closed();
        if let (Scene::Still(region), None, true) = (scene, &open, self.desk.studio.wants()) {
            self.recogniser.follow();
            self.recogniser.look(&self.image, region, times)?;
            self.desk.studio.offer(&Look {
                image: &self.image,
                region,
                probe: self.recogniser.probe(),
                sharpness: sharpness(&self.image, region),
                found: self.recogniser.found(),
                snapshot: self.recogniser.snapshot(),
                thresholds: *self.recogniser.thresholds(),
            })?;
            self.desk.board.touch();
        }
        Ok(open)
    }

    /// An outcome for the link thread; the embedding that it went by is kept for a correction.
    fn message(&mut self, outcome: Outcome) -> Message {
        self.desk.keep_probe(outcome.presentation, &self.best.1);
        Message::Outcome(outcome, Arc::clone(self.recogniser.snapshot()))
    }

    fn look(
        &mut self,
        now: Moment,
        region: Region,
        start: Instant,
        times: &mut FrameTimes,
    ) -> Result<Option<Outcome>, Fault> {
        if self.stand.is_fresh() {
            // Products are numbered as in the state that is searched: it changes between presentations only.
            self.recogniser.follow();
            self.best.0 = f32::NEG_INFINITY;
        }
        let sharpness = sharpness(&self.image, region);
        self.recogniser.look(&self.image, region, times)?;
        if sharpness > self.best.0 {
            self.best.0 = sharpness;
            self.best.1.copy_from_slice(self.recogniser.probe());
        }
        let contested = self.is_contested()?;
        times.since(Part::Total, start);
        let looked = Looked {
            found: self.recogniser.found(),
            sharpness,
            contested,
            times,
        };
        let outcome = self.stand.looked(now, &looked);
        let micros = start.elapsed().as_micros().min(u32::MAX.into());
        self.desk
            .pulse
            .looked(self.stand.presentations(), micros as u32);
        Ok(outcome)
    }

    /// Whether a person has said of such a look that it is not the first that it found.
    fn is_contested(&self) -> Result<bool, Fault> {
        let found = self.recogniser.found();
        let Some(best) = found.first().filter(|_| !self.desk.feedback.is_empty()) else {
            return Ok(false);
        };
        let gtin = self.recogniser.snapshot().product(best.product)?.gtin;
        let probe = self.recogniser.probe();
        Ok(self.desk.feedback.contests(probe, gtin, best.score))
    }
}

/// What a person sees on the stage.
fn stage(scene: Scene, stand: &Stand) -> Stage {
    match scene {
        Scene::Learning => Stage::Learning,
        Scene::Empty => Stage::Empty,
        Scene::Moving => Stage::Moving,
        Scene::Still(_) if stand.has_decided() => Stage::Decided,
        Scene::Still(_) => Stage::Looking,
    }
}

fn moment(frame: &Frame) -> Moment {
    Moment {
        sequence: frame.sequence,
        time: frame.timestamp,
    }
}
