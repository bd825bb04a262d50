//! The [`Embedder`] on NVIDIA's TensorRT, in FP16, where its libraries and a GPU are: on a Jetson.
//!
//! The published crate `tensorrt-rs` 0.3.0 cannot be used: it speaks TensorRT 5.1 and 7.1 and reads UFF, a format that
//! TensorRT dropped in 9, and JetPack 6 brings 10.3. So this module opens whichever TensorRT the device has when the
//! program runs (`libnvinfer.so.10` or `.11`; nothing of it is linked) and calls its C++ objects itself.
//!
//! An engine is built on the device, once for every network, TensorRT and GPU, which takes minutes; tract answers until
//! then. FP16 is in the network: the release's typed FP16 file is built as *strongly typed*, since TensorRT 11 knows no
//! other way.
//!
//! | module | subject |
//! |---|---|
//! | `loader` | which libraries, which GPU |
//! | `cache` | engines on disk |
//! | `build` | the build, on a thread of its own |
//! | `progress` | how far it is |
//! | `session` | an engine at work |
//! | [`power`] | the power mode of a Jetson |
//! | `ffi` | everything that is called, and everything that is unsafe |

mod build;
mod cache;
#[allow(unsafe_code)]
mod ffi;
mod loader;
pub mod power;
mod progress;
#[cfg(test)]
mod rtx;
mod session;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use prost::Message;
use skueye_models::{Code, Fault};

use crate::embed::{Embedder, Notice};
use crate::golden::Golden;
use crate::onnx::{Network, parse, with_batch_of_one};
use crate::tract::TractEmbedder;
use build::{Building, Built, Job};
use cache::{Cache, Key};
use ffi::callbacks::Logger;
use session::Session;

/// How often the progress of a build is told.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// What a person may set about TensorRT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The folder with its libraries; `None` looks where the system's loader does.
    pub folder: Option<PathBuf>,
    /// The folder for engines; without one they are built at every start.
    pub engines: Option<PathBuf>,
    /// A Jetson's core for deep learning in place of the GPU, for what it can compute.
    pub dla_core: Option<u32>,
    /// Whether an engine that is missing is built. Without, only one of the cache serves.
    pub build: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            folder: None,
            engines: None,
            dla_core: None,
            build: true,
        }
    }
}

/// What TensorRT was found, in words. Errors: E409 no library, E413 no GPU.
pub fn look(folder: Option<&Path>) -> Result<String, Fault> {
    loader::find(folder).map(|found| found.to_string())
}

/// What TensorRT complained of.
fn said(logger: &Logger) -> String {
    let text: String = logger.take().chars().take(600).collect();
    match text.is_empty() {
        true => "no, and no reason".into(),
        false => text,
    }
}

enum State {
    Building(Building),
    Working(Box<Session>),
    /// tract answers for good.
    GivenUp,
}

/// A network in TensorRT; in tract until its engine is built, and again should the engine fail.
pub struct TensorRtEmbedder {
    state: State,
    spare: TractEmbedder,
    /// How it began.
    origin: String,
    /// What was not told yet: at most the end of a build with the cache's trouble, or the engine's failure.
    notices: Vec<Notice>,
    tell_after: Instant,
}

impl TensorRtEmbedder {
    /// An engine of the cache that passes `golden`, or one that is being built.
    ///
    /// Errors: E403 to E405 the file does not serve, E409 no library, E410 no engine in the cache where none may be
    /// built, E413 no GPU.
    pub fn new(
        network: &Network<'_>,
        options: &Options,
        golden: Option<&Arc<Golden>>,
    ) -> Result<Self, Fault> {
        let found = loader::find(options.folder.as_deref())?;
        let mut model = parse(network.f16, &network.contract)?;
        with_batch_of_one(&mut model);
        let onnx = model.encode_to_vec();
        let spare = TractEmbedder::new(network.f32, &network.contract)?;
        let cache = options.engines.as_deref().map(Cache::open).transpose();
        let (cache, fault) = match cache {
            Ok(cache) => (cache, None),
            Err(fault) => (None, Some(fault)),
        };
        let job = Job {
            key: Key::new(&onnx, &found, options.dla_core),
            found,
            onnx,
            contract: network.contract,
            dla_core: options.dla_core,
            cache,
            golden: golden.cloned(),
        };
        let (state, origin) = begin(job, options.build)?;
        Ok(Self {
            state,
            spare,
            origin,
            notices: fault.map(Notice::Trouble).into_iter().collect(),
            tell_after: Instant::now(),
        })
    }

    /// Takes over what the builder has finished.
    fn poll(&mut self) {
        if let State::Building(building) = &self.state
            && let Some(result) = building.poll()
        {
            self.take(result);
        }
    }

    fn take(&mut self, result: Result<Built, Fault>) {
        match result {
            Ok(built) => {
                self.notices.extend(built.cache_fault.map(Notice::Trouble));
                self.notices.push(Notice::Ready);
                self.origin = "built at this start".into();
                self.state = State::Working(Box::new(built.session));
            }
            Err(fault) => self.give_up(fault),
        }
    }

    fn give_up(&mut self, fault: Fault) {
        self.origin = fault.to_string();
        self.notices.push(Notice::Trouble(fault));
        self.state = State::GivenUp;
    }
}

/// The engine of the cache, or the build of one, with why.
fn begin(job: Job, build: bool) -> Result<(State, String), Fault> {
    match job.cached() {
        Ok(session) => Ok((State::Working(Box::new(session)), "from the cache".into())),
        Err(why) if build => Ok((State::Building(Building::start(job)), why)),
        Err(why) => Err(Fault::new(
            Code::EngineBuild,
            "an engine in the cache",
            why,
            "build it with \"skueye doctor\"",
        )),
    }
}

fn building(building: &Building) -> Notice {
    let (share, left) = building.progress().look();
    Notice::Building {
        percent: (share * 100.0) as u8,
        seconds_left: left.map(|left| left.as_secs_f32().ceil() as u32),
    }
}

impl Embedder for TensorRtEmbedder {
    fn name(&self) -> &str {
        match &self.state {
            State::Working(session) => session.name(),
            _ => self.spare.name(),
        }
    }

    fn dim(&self) -> usize {
        self.spare.dim()
    }

    fn input_size(&self) -> usize {
        self.spare.input_size()
    }

    /// An engine that fails is not asked again: tract answers, and the fault is told as a notice.
    fn embed(&mut self, tensor: &[f32], out: &mut [f32]) -> Result<(), Fault> {
        self.poll();
        if let State::Working(session) = &mut self.state {
            match session.embed(tensor, out) {
                Err(fault) if fault.code() == Code::EngineFailed => self.give_up(fault),
                answer => return answer,
            }
        }
        self.spare.embed(tensor, out)
    }

    fn about(&self) -> String {
        let origin = &self.origin;
        match &self.state {
            State::Building(_) => {
                format!("an engine is being built ({origin}); tract answers until then")
            }
            State::Working(session) => match session.has_graph() {
                true => format!("engine {origin}, as a CUDA graph"),
                false => format!("engine {origin}, without a CUDA graph"),
            },
            State::GivenUp => format!("tract answers in its place: {origin}"),
        }
    }

    fn notice(&mut self) -> Option<Notice> {
        self.poll();
        if !self.notices.is_empty() {
            return Some(self.notices.remove(0));
        }
        let State::Building(under_way) = &self.state else {
            return None;
        };
        let now = Instant::now();
        if now < self.tell_after {
            return None;
        }
        self.tell_after = now + TOLD_EVERY;
        Some(building(under_way))
    }

    fn settle(&mut self, tell: &mut dyn FnMut(Notice)) {
        while let State::Building(under_way) = &self.state {
            tell(building(under_way));
            if let Some(result) = under_way.wait(Duration::from_secs(1)) {
                self.take(result);
            }
        }
        self.notices.drain(..).for_each(tell);
    }
}
