//! The build of an engine, on a thread of its own: minutes on a small device.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use skueye_models::{Code, Fault};

use super::cache::{Cache, Key};
use super::ffi::callbacks::{Logger, Monitor};
use super::ffi::objects::{Builder, Memory};
use super::loader::Found;
use super::progress::Progress;
use super::said;
use super::session::Session;
use crate::golden::Golden;
use crate::onnx::{Contract, damaged};

/// Everything that a build needs.
pub(super) struct Job {
    pub found: Found,
    /// The network as TensorRT is given it.
    pub onnx: Vec<u8>,
    pub contract: Contract,
    pub dla_core: Option<u32>,
    pub cache: Option<Cache>,
    pub key: Key,
    /// What the engine must pass.
    pub golden: Option<Arc<Golden>>,
}

/// An engine that has passed, and what is wrong with the cache.
pub(super) struct Built {
    pub session: Session,
    pub cache_fault: Option<Fault>,
}

impl Job {
    /// The engine of the cache, or why there is none that serves.
    pub fn cached(&self) -> Result<Session, String> {
        let cache = self.cache.as_ref().ok_or("there is no cache")?;
        let plan = cache.load(&self.key)?;
        let session = self.session(&plan);
        session.map_err(|fault| format!("the one in the cache does not serve: {fault}"))
    }

    /// Errors: E403 the parser refuses the network, or the engine fails the self-test; E404; E410; E412.
    fn build(&self, progress: &Progress) -> Result<Built, Fault> {
        let plan = self.plan(progress)?;
        let plan = plan.bytes();
        // Before the engine is tried: should trying it end the process, the next start need not build it again.
        let stored = self
            .cache
            .as_ref()
            .map(|cache| cache.store(&self.key, plan));
        let session = self.session(plan)?;
        Ok(Built {
            session,
            cache_fault: stored.and_then(Result::err),
        })
    }

    fn plan(&self, progress: &Progress) -> Result<Memory, Fault> {
        self.found.gpu.bind()?;
        let logger = Logger::new(self.found.library.slots);
        let builder = Builder::new(self.found.library, &logger);
        let builder = builder.ok_or_else(|| not_built(said(&logger)))?;
        if let Some(core) = self.dla_core {
            check_dla(core, builder.dla_cores())?;
        }
        let network = builder.network();
        let mut network = network.ok_or_else(|| not_built(said(&logger)))?;
        network.parse(&self.onnx).map_err(damaged)?;
        let monitor = Monitor::new(progress);
        let plan = network.build(self.dla_core.map(|core| core as i32), &monitor);
        plan.filter(|plan| !plan.bytes().is_empty())
            .ok_or_else(|| match progress.is_stopped() {
                true => not_built("the program's end".into()),
                false => not_built(said(&logger)),
            })
    }

    fn session(&self, plan: &[u8]) -> Result<Session, Fault> {
        let mut session = Session::new(&self.found, plan, &self.contract, self.dla_core)?;
        if let Some(golden) = &self.golden {
            golden.check(&mut session)?;
        }
        Ok(session)
    }
}

fn check_dla(core: u32, there: i32) -> Result<(), Fault> {
    if i64::from(core) < i64::from(there) {
        return Ok(());
    }
    Err(Fault::new(
        Code::EngineBuild,
        format!("a core {core} for deep learning (model.dla_core)"),
        format!("{there} of them"),
        "take model.dla_core out of the settings, or correct it",
    ))
}

fn not_built(got: String) -> Fault {
    Fault::new(
        Code::EngineBuild,
        "TensorRT to build an engine",
        got,
        "close other programs for memory, or take model.dla_core out of the settings; \"skueye doctor\" tries again",
    )
}

/// A build under way. It ends with this value: at the builder's next step, without an engine.
pub(super) struct Building {
    progress: Arc<Progress>,
    result: Receiver<Result<Built, Fault>>,
    thread: Option<JoinHandle<()>>,
}

impl Building {
    pub fn start(job: Job) -> Self {
        let progress = Arc::new(Progress::new());
        let (sender, result) = sync_channel(1);
        let of_thread = Arc::clone(&progress);
        let thread = std::thread::spawn(move || {
            // Nobody may listen any more.
            let _ = sender.send(job.build(&of_thread));
        });
        Self {
            progress,
            result,
            thread: Some(thread),
        }
    }

    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The result, once it is there.
    pub fn poll(&self) -> Option<Result<Built, Fault>> {
        match self.result.try_recv() {
            Ok(result) => Some(result),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(ended())),
        }
    }

    /// As [`Self::poll`], after waiting for up to `time`.
    pub fn wait(&self, time: Duration) -> Option<Result<Built, Fault>> {
        match self.result.recv_timeout(time) {
            Ok(result) => Some(result),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Err(ended())),
        }
    }
}

fn ended() -> Fault {
    not_built("the builder's thread has ended".into())
}

impl Drop for Building {
    fn drop(&mut self) {
        self.progress.stop();
        if let Some(thread) = self.thread.take() {
            // Its panic has been printed, and the engine it did not build is missed nowhere.
            let _ = thread.join();
        }
    }
}
