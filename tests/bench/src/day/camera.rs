//! The simulated camera: its clock runs as fast as is wished, and it is unplugged when the script says so.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use skueye_camera::supervise::Clock;
use skueye_camera::{CameraError, Event, Frame, FrameSource, Loss, PixelFormat, Supervised};

use super::film::{Painter, Picture};
use super::ledger::{Ledger, Sight};
use super::operator::{Counter, Done, Enrolling};
use super::script::{FPS, Kind, SHOTS, Scene, Script, daylight};
use super::till::Cable;

/// Time between two frames.
const INTERVAL: Duration = Duration::from_millis(1000 / FPS);
/// So many equal pictures are a frozen camera, as in the kiosk profile.
const FROZEN: u32 = 150;
/// How far the simulated clock may lag behind and still make up for it, in real time.
const CATCH_UP: Duration = Duration::from_millis(100);
/// How long a frame takes at least while the operator is waited for, in real time.
const HOLD: Duration = Duration::from_millis(20);
const PATH: &str = "simulated camera";

/// Simulated time. It goes on with every frame and with every wait, and never faster than `speed` times real time.
#[derive(Clone)]
pub struct SimulatedClock {
    now: Arc<AtomicU64>,
    due: Arc<Mutex<Instant>>,
    speed: f64,
}

impl SimulatedClock {
    pub fn new(speed: f64) -> Self {
        Self {
            now: Arc::new(AtomicU64::new(0)),
            due: Arc::new(Mutex::new(Instant::now())),
            speed,
        }
    }

    fn advance(&self, time: Duration) {
        self.now
            .fetch_add(time.as_micros() as u64, Ordering::Relaxed);
        let mut due = locked(&self.due);
        // A moment is caught up; what the machine could not keep up with for longer is not: a shop does not hurry either.
        let now = Instant::now();
        let earliest = now.checked_sub(CATCH_UP).unwrap_or(now);
        *due = (*due + time.div_f64(self.speed)).max(earliest);
        let wait = due.saturating_duration_since(now);
        drop(due);
        if !wait.is_zero() {
            std::thread::sleep(wait);
        }
    }

    fn frame(&self) -> u64 {
        (self.now().as_micros() / INTERVAL.as_micros()) as u64
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Duration {
        Duration::from_micros(self.now.load(Ordering::Relaxed))
    }

    fn sleep(&mut self, time: Duration) {
        self.advance(time);
    }
}

/// The shop in front of the camera.
pub struct Shop {
    pub script: Script,
    pub painter: Painter,
    pub ledger: Arc<Mutex<Ledger>>,
    till: Option<Sender<Cable>>,
    counter: Counter,
    pub clock: SimulatedClock,
    /// Frames for which the script stood still, as the operator was not ready.
    held: u64,
    /// The scene of the frame that was painted last, and its number in it.
    scene: usize,
    camera: Absence,
    cable: Absence,
    /// How long it took each time, in simulated time, until the camera was open again after it had been plugged in.
    pub recoveries: Vec<Duration>,
}

/// Which of the absences is at hand.
#[derive(Default)]
struct Absence {
    next: usize,
    away: bool,
    /// At which frame it was plugged in again, until that was noticed.
    back: Option<u64>,
}

impl Absence {
    /// Whether it changed at `frame`, and how.
    fn change(&mut self, absences: &[[u64; 2]], frame: u64) -> Option<bool> {
        let [from, to] = *absences.get(self.next)?;
        if !self.away && frame >= from {
            self.away = true;
            return Some(true);
        }
        if self.away && frame >= to {
            self.away = false;
            self.next += 1;
            self.back = Some(to);
            return Some(false);
        }
        None
    }
}

impl Shop {
    pub fn new(
        script: Script,
        painter: Painter,
        ledger: Arc<Mutex<Ledger>>,
        till: Sender<Cable>,
        counter: Counter,
        clock: SimulatedClock,
    ) -> Self {
        Self {
            recoveries: Vec::with_capacity(script.camera_away.len()),
            script,
            painter,
            ledger,
            till: Some(till),
            counter,
            held: 0,
            clock,
            scene: 0,
            camera: Absence::default(),
            cable: Absence::default(),
        }
    }

    /// The frame of the script that it is time for.
    fn now(&self) -> u64 {
        self.clock.frame() - self.held
    }

    /// Goes to the scene of this moment, and lets the script stand still where the operator is not ready for the next frame.
    fn turn(&mut self) {
        let now = self.now();
        let scenes = &self.script.scenes;
        let begun = |scene: &Scene| scene.begin <= now;
        while scenes.get(self.scene + 1).is_some_and(begun) {
            self.scene += 1;
        }
        let Some(scene) = scenes.get(self.scene) else {
            return;
        };
        let Kind::Enrol(view) = scene.kind else {
            return;
        };
        let Some(number) = now.checked_sub(scene.begin) else {
            return;
        };
        let film = self.painter.film();
        let (lies, row) = (scene.lies(number, film), &film.visits[scene.visit].row);
        let mut counter = locked(&self.counter);
        if view == 0 && number == 0 {
            counter.get_or_insert_with(|| Enrolling {
                gtin: row.gtin,
                title: row.title.clone(),
                view,
                lies,
                done: Done::Nothing,
            });
        }
        let Some(enrolling) = &mut *counter else {
            return;
        };
        (enrolling.view, enrolling.lies) = (view, lies);
        let begun = enrolling.done >= Done::Begun;
        let shot = enrolling.done > Done::Shots(view);
        let last = lies && !scene.lies(number + 1, film);
        if (view == 0 && number == 0 && !begun) || (last && !shot) {
            self.held += 1;
            // The operator's time is real: an item that lay for minutes of the shop's would become part of the stage.
            std::thread::sleep(HOLD);
        } else if view + 1 == SHOTS && !lies && shot {
            *counter = None;
        }
    }

    /// Pulls and plugs what the script wants pulled and plugged by now.
    fn plug(&mut self) {
        let frame = self.now();
        self.camera.change(&self.script.camera_away, frame);
        let change = self.cable.change(&self.script.cable_away, frame);
        if let (Some(away), Some(till)) = (change, &self.till) {
            // Without a till the day is over anyway.
            let _ = till.send(if away { Cable::Pull } else { Cable::Plug });
        }
    }

    /// The day is over: the till gets no more orders.
    pub fn close(&mut self) {
        self.till = None;
    }

    fn opened(&mut self) {
        if let Some(back) = self.camera.back.take() {
            let frames = self.now() - back;
            self.recoveries.push(INTERVAL * frames as u32);
        }
    }

    /// Paints the frame of this moment. Answers its scene and its number in it.
    fn paint(&mut self, into: &mut Frame) -> Result<(), CameraError> {
        let frame = self.now();
        let scenes = &self.script.scenes;
        let (number, film) = (self.number(frame), self.painter.film());
        let (picture, dim) = match number {
            Some(number) => scenes[self.scene].picture(number, film),
            None => (Picture::Empty, 1.0),
        };
        let (width, height) = film.size();
        let light = daylight(frame, self.script.frames).map(|level| level * dim);
        let painted = self.painter.paint(picture, light, &mut into.data);
        painted.map_err(|error| CameraError::PictureUnreadable {
            path: PATH.into(),
            got: error.to_string(),
        })?;
        into.format = PixelFormat::Rgb;
        (into.width, into.height, into.stride) = (width, height, 3 * width);
        Ok(())
    }

    /// The number of `frame` in its scene; `None` before the first.
    fn number(&self, frame: u64) -> Option<u64> {
        let begin = self.script.scenes.get(self.scene)?.begin;
        frame.checked_sub(begin)
    }

    fn sight(&self, scene: &Scene, number: u64) -> Sight {
        let film = self.painter.film();
        match scene.picture(number, film).0 {
            Picture::Empty => Sight::Empty,
            _ if scene.lies(number, film) => Sight::Lies,
            _ => Sight::Moves,
        }
    }
}

/// The shop as the camera's supervisor opens it, again and again.
struct Session {
    shop: Arc<Mutex<Shop>>,
    begin: Duration,
    frames: u64,
}

impl Session {
    fn open(shop: &Arc<Mutex<Shop>>) -> Result<Self, CameraError> {
        let mut open = locked(shop);
        open.plug();
        if open.camera.away {
            return Err(CameraError::Unopened {
                path: PATH.into(),
                expected: "a camera",
                got: "no such device".into(),
                remedy: "plug it in",
            });
        }
        open.opened();
        Ok(Self {
            shop: Arc::clone(shop),
            begin: open.clock.now(),
            frames: 0,
        })
    }
}

impl FrameSource for Session {
    fn next_frame(&mut self, into: &mut Frame) -> Result<Event, CameraError> {
        let mut shop = locked(&self.shop);
        shop.clock.advance(INTERVAL);
        shop.turn();
        if shop.now() >= shop.script.frames {
            return Ok(Event::EndOfReplay);
        }
        shop.plug();
        if shop.camera.away {
            return Err(CameraError::Lost {
                path: PATH.into(),
                loss: Loss::Unplugged,
            });
        }
        shop.paint(into)?;
        into.sequence = self.frames;
        into.timestamp = shop.clock.now() - self.begin;
        self.frames += 1;
        Ok(Event::Frame)
    }

    fn describe(&self) -> String {
        PATH.into()
    }
}

type Open = Box<dyn FnMut() -> Result<Session, CameraError> + Send>;

/// The camera as the run loop gets it: supervised as a real one is, its frames noted in the ledger.
pub struct Camera {
    source: Supervised<Session, Open, SimulatedClock>,
    shop: Arc<Mutex<Shop>>,
    /// The newest scene, for whoever shows progress.
    pub scene: Arc<AtomicUsize>,
}

impl Camera {
    pub fn new(shop: Shop) -> (Self, Arc<Mutex<Shop>>) {
        let clock = shop.clock.clone();
        let shop = Arc::new(Mutex::new(shop));
        let opened = Arc::clone(&shop);
        let open: Open = Box::new(move || Session::open(&opened));
        let path = PathBuf::from(PATH);
        let camera = Self {
            source: Supervised::with_clock(path, open, FROZEN, clock),
            shop: Arc::clone(&shop),
            scene: Arc::default(),
        };
        (camera, shop)
    }
}

impl FrameSource for Camera {
    fn next_frame(&mut self, into: &mut Frame) -> Result<Event, CameraError> {
        let event = self.source.next_frame(into);
        if event == Ok(Event::Frame) {
            let shop = locked(&self.shop);
            let (scene, frame) = (shop.scene, shop.now());
            self.scene.store(scene, Ordering::Relaxed);
            let shown = &shop.script.scenes[scene];
            if let Some(number) = frame.checked_sub(shown.begin) {
                let sight = shop.sight(shown, number);
                locked(&shop.ledger).delivered(scene, into.sequence, sight);
            }
        }
        event
    }

    fn describe(&self) -> String {
        self.source.describe()
    }
}

/// A panic elsewhere ends the day anyway.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
