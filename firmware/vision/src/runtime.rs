//! Which runtime computes the network: what the settings ask for, what the machine has, which was chosen and why.
//!
//! With `auto` the fastest runtime that is installed and passes the model's self-test is taken; tract, which is built
//! in, is the last and always there. A runtime that the settings name must work, or the program does not start.

use std::path::{Path, PathBuf};

use serde::Serialize;
use skueye_models::Fault;

use crate::embed::Embedder;
use crate::onnx::Contract;
use crate::onnxruntime::{OnnxRuntimeEmbedder, open_library};
use crate::tract::TractEmbedder;

/// A runtime for networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Runtime {
    /// ONNX Runtime, where its library is installed.
    OnnxRuntime,
    /// Built in.
    Tract,
}

impl Runtime {
    /// All of them, the fastest first.
    pub const ALL: [Self; 2] = [Self::OnnxRuntime, Self::Tract];

    /// Its name in settings and reports.
    pub fn name(self) -> &'static str {
        match self {
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
}

impl Settings {
    /// tract alone, which computes the same everywhere.
    pub fn tract() -> Self {
        Self {
            only: Some(Runtime::Tract),
            onnxruntime: None,
        }
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
            None => (&[Runtime::OnnxRuntime], Runtime::Tract),
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
}

/// What the machine has, before a model is looked at.
pub fn look(settings: &Settings) -> Vec<Finding> {
    let finding = |runtime: Runtime| {
        let answer = match runtime {
            _ if !settings.asks_for(runtime) => Err("not asked for".into()),
            Runtime::Tract => Ok("built in".into()),
            Runtime::OnnxRuntime => open_library(settings.onnxruntime.as_deref())
                .map(|path| path.display().to_string())
                .map_err(|fault| format!("not found: {}", fault.got())),
        };
        Finding {
            name: runtime.name(),
            found: answer.is_ok(),
            chosen: false,
            why: answer.unwrap_or_else(|why| why),
        }
    };
    Runtime::ALL.map(finding).into()
}

/// An embedder with what its test gave and what was found on the way to it.
pub(crate) struct Chosen<T> {
    pub embedder: Box<dyn Embedder>,
    pub proof: T,
    pub findings: Vec<Finding>,
}

/// The first runtime of `settings` whose embedder passes `test`.
///
/// Errors: those of the runtime that the settings name, or of tract.
pub(crate) fn choose<T>(
    onnx: &[u8],
    contract: &Contract,
    settings: &Settings,
    mut test: impl FnMut(&mut dyn Embedder) -> Result<T, Fault>,
) -> Result<Chosen<T>, Fault> {
    let mut findings = look(settings);
    let mut attempt = |runtime: Runtime| {
        let mut embedder = open(runtime, onnx, contract, settings.onnxruntime.as_deref())?;
        Ok((runtime, test(&mut *embedder)?, embedder))
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
    let (runtime, proof, embedder) = match taken {
        Some(works) => works,
        None => attempt(last)?,
    };
    for finding in &mut findings {
        finding.chosen = finding.name == runtime.name();
    }
    Ok(Chosen {
        embedder,
        proof,
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

/// A network on `runtime`; `library` is that of ONNX Runtime, where it is not the system's.
///
/// Errors: E403 to E405 the file does not serve, E409 the runtime is not there.
pub fn open(
    runtime: Runtime,
    onnx: &[u8],
    contract: &Contract,
    library: Option<&Path>,
) -> Result<Box<dyn Embedder>, Fault> {
    Ok(match runtime {
        Runtime::Tract => Box::new(TractEmbedder::new(onnx, contract)?),
        Runtime::OnnxRuntime => Box::new(OnnxRuntimeEmbedder::new(onnx, contract, library)?),
    })
}
