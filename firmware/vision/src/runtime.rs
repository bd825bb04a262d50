//! Which runtime computes the network: what the settings ask for, what the machine has, which was chosen and why.
//!
//! With `auto` the fastest runtime that is installed and passes the model's self-test is taken; tract, which is built
//! in, is the last and always there. TensorRT is taken with its engine still to be built: tract answers until then. A runtime that the settings name must work, or the program does not start.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use skueye_models::Fault;

use crate::embed::Embedder;
use crate::golden::Golden;
use crate::onnx::Network;
use crate::onnxruntime::{OnnxRuntimeEmbedder, open_library};
use crate::tensorrt::{self, TensorRtEmbedder};
use crate::tract::TractEmbedder;

/// A runtime for networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Runtime {
    /// TensorRT, where its libraries and a GPU are.
    TensorRt,
    /// ONNX Runtime, where its library is installed.
    OnnxRuntime,
    /// Built in.
    Tract,
}

impl Runtime {
    /// All of them, the fastest first.
    pub const ALL: [Self; 3] = [Self::TensorRt, Self::OnnxRuntime, Self::Tract];

    /// Its name in settings and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::TensorRt => "tensorrt",
            Self::OnnxRuntime => "onnxruntime",
            Self::Tract => "tract",
        }
    }
}

/// What a person may set about runtimes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// This one and no other; `None` takes the fastest that works.
    pub only: Option<Runtime>,
    /// The library of ONNX Runtime; `None` looks where the system's loader does.
    pub onnxruntime: Option<PathBuf>,
    /// TensorRT's.
    pub tensorrt: tensorrt::Options,
}

impl Settings {
    /// tract alone, which computes the same everywhere.
    pub fn tract() -> Self {
        Self {
            only: Some(Runtime::Tract),
            ..Self::default()
        }
    }

    /// The same for a single answer, which no engine is built for.
    #[must_use]
    pub fn at_once(mut self) -> Self {
        self.tensorrt.build = false;
        self
    }

    /// The text of a settings file: `auto` or the name of a runtime.
    pub fn parse_choice(text: &str) -> Option<Option<Runtime>> {
        let named = || Runtime::ALL.into_iter().find(|r| r.name() == text);
        match text {
            "auto" => Some(None),
            _ => named().map(Some),
        }
    }

    /// The runtimes to try, whose failure is only noted, and the one that must work then.
    fn order(&self) -> (&'static [Runtime], Runtime) {
        match self.only {
            Some(only) => (&[], only),
            None => (&[Runtime::TensorRt, Runtime::OnnxRuntime], Runtime::Tract),
        }
    }

    fn asks_for(&self, runtime: Runtime) -> bool {
        self.only.is_none_or(|only| only == runtime)
    }
}

/// What was found about a runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its name.
    pub name: &'static str,
    /// Whether the machine has it.
    pub found: bool,
    /// Whether it computes the network.
    pub chosen: bool,
    /// Why, or where it was found.
    pub why: String,
    /// Of the one that computes: how it came to that, where there is something to say.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub about: String,
}

/// What the machine has, before a model is looked at.
pub fn look(settings: &Settings) -> Vec<Finding> {
    let finding = |runtime: Runtime| {
        let answer = match runtime {
            _ if !settings.asks_for(runtime) => Err("not asked for".into()),
            Runtime::Tract => Ok("built in".into()),
            Runtime::TensorRt => tensorrt::look(settings.tensorrt.folder.as_deref())
                .map_err(|fault| format!("not found: {}", fault.got())),
            Runtime::OnnxRuntime => open_library(settings.onnxruntime.as_deref())
                .map(|path| path.display().to_string())
                .map_err(|fault| format!("not found: {}", fault.got())),
        };
        Finding {
            name: runtime.name(),
            found: answer.is_ok(),
            chosen: false,
            why: answer.unwrap_or_else(|why| why),
            about: String::new(),
        }
    };
    Runtime::ALL.map(finding).into()
}

/// An embedder with the cosine of its self-test and what was found on the way to it.
pub(crate) struct Chosen {
    pub embedder: Box<dyn Embedder>,
    pub cosine: f32,
    pub findings: Vec<Finding>,
}

/// The first runtime of `settings` whose embedder passes `golden`.
///
/// Errors: those of the runtime that the settings name, or of tract.
pub(crate) fn choose(
    network: &Network<'_>,
    settings: &Settings,
    golden: &Arc<Golden>,
) -> Result<Chosen, Fault> {
    let mut findings = look(settings);
    let attempt = |runtime: Runtime| {
        let mut embedder = open(runtime, network, settings, Some(golden))?;
        Ok((runtime, golden.check(&mut *embedder)?, embedder))
    };
    let (preferred, last) = settings.order();
    let mut taken = None;
    for &runtime in preferred {
        match attempt(runtime) {
            Ok(works) => {
                taken = Some(works);
                break;
            }
            Err(fault) => note_failure(&mut findings, runtime, &fault),
        }
    }
    let (runtime, cosine, embedder) = match taken {
        Some(works) => works,
        None => attempt(last)?,
    };
    for finding in findings.iter_mut().filter(|f| f.name == runtime.name()) {
        (finding.chosen, finding.about) = (true, embedder.about());
    }
    Ok(Chosen {
        embedder,
        cosine,
        findings,
    })
}

/// A library that is there but does not serve says why; one that is not there has said so already.
fn note_failure(findings: &mut [Finding], runtime: Runtime, fault: &Fault) {
    let mut found = findings.iter_mut().filter(|finding| finding.found);
    if let Some(finding) = found.find(|finding| finding.name == runtime.name()) {
        finding.why = format!("{}, passed over: {fault}", finding.why);
    }
}

/// A network on `runtime`. An engine that has to be built must pass `golden` before it computes.
///
/// Errors: E403 to E405 the file does not serve, E409 the runtime is not there, E410 its engine is not, E413 nor a GPU.
pub fn open(
    runtime: Runtime,
    network: &Network<'_>,
    settings: &Settings,
    golden: Option<&Arc<Golden>>,
) -> Result<Box<dyn Embedder>, Fault> {
    let (onnx, contract) = (network.f32, &network.contract);
    let library = settings.onnxruntime.as_deref();
    Ok(match runtime {
        Runtime::Tract => Box::new(TractEmbedder::new(onnx, contract)?),
        Runtime::OnnxRuntime => Box::new(OnnxRuntimeEmbedder::new(onnx, contract, library)?),
        Runtime::TensorRt => Box::new(TensorRtEmbedder::new(network, &settings.tensorrt, golden)?),
    })
}
