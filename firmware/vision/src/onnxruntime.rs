//! The [`Embedder`] on ONNX Runtime, whose library is opened when the program runs; nothing of it is linked.
//!
//! On x86 processors it is several times as fast as tract. A typed FP16 file is widened to f32 first, since processors
//! without FP16 arithmetic would convert back and forth at every layer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ort::environment::Environment;
use ort::session::Session;
use ort::value::{Outlet, TensorElementType, TensorRef, ValueType};
use prost::Message;
use skueye_models::{Code, Fault};

use crate::embed::{Embedder, check_finite, check_lengths};
use crate::onnx::{Contract, damaged, parse, widen_to_f32};

/// Names that the system's loader is asked for, where no path is given.
const SONAMES: [&str; 2] = ["libonnxruntime.so.1", "libonnxruntime.so"];
/// A path to the library, as other programs on ONNX Runtime understand it too.
const PATH_VARIABLE: &str = "ORT_DYLIB_PATH";
/// The oldest library that has the interface used here.
const OLDEST: &str = "1.17";

/// The opened library and its environment: one for the process, since the library allows one.
struct Runtime {
    environment: Environment,
    path: PathBuf,
}

/// Once it is open it stays; a library that could not be opened may be asked for again.
static RUNTIME: OnceLock<Runtime> = OnceLock::new();

/// Opens the library, at `path` or where the system has it, and says which it was.
///
/// The first library that is opened serves the whole process. Errors: E409 with what each place answered.
pub fn open_library(path: Option<&Path>) -> Result<&'static Path, Fault> {
    runtime(path).map(|runtime| runtime.path.as_path())
}

fn runtime(path: Option<&Path>) -> Result<&'static Runtime, Fault> {
    if let Some(open) = RUNTIME.get() {
        return Ok(open);
    }
    let mut answers = Vec::new();
    for place in places(path) {
        match open(&place) {
            Ok(opened) => return Ok(RUNTIME.get_or_init(|| opened)),
            Err(answer) => answers.push(answer),
        }
    }
    Err(not_found(&answers.join("; ")))
}

/// The path of the settings, else that of the environment, else the loader's.
fn places(path: Option<&Path>) -> Vec<PathBuf> {
    let variable = std::env::var_os(PATH_VARIABLE).filter(|value| !value.is_empty());
    match path.map(Path::to_owned).or(variable.map(PathBuf::from)) {
        Some(path) => vec![path],
        None => SONAMES.map(PathBuf::from).to_vec(),
    }
}

fn open(path: &Path) -> Result<Runtime, String> {
    // The crate asserts in places where a library that is not ONNX Runtime misbehaves.
    let opened = catch_unwind(|| {
        let builder = ort::environment::init_from(path).map_err(|error| error.to_string())?;
        let environment = builder.with_name("skueye").with_telemetry(false).build();
        environment.map_err(|error| error.to_string())
    });
    let environment = opened.unwrap_or_else(|_| Err("it does not offer the interface".into()))?;
    Ok(Runtime {
        environment,
        path: path.to_owned(),
    })
}

fn not_found(got: &str) -> Fault {
    Fault::new(
        Code::RuntimeMissing,
        format!("the library of ONNX Runtime {OLDEST} or later"),
        got.chars().take(400).collect::<String>(),
        "install libonnxruntime, name its path in the settings (model.onnxruntime), or set model.runtime to \"tract\"",
    )
}

/// A network in ONNX Runtime on one thread.
pub struct OnnxRuntimeEmbedder {
    session: Session,
    size: usize,
    dim: usize,
}

impl OnnxRuntimeEmbedder {
    /// From the bytes of an ONNX file, f32 or typed FP16, with the library at `library` or where the system has it.
    ///
    /// Errors: E403 unreadable or with an operator that the library lacks, E404 another input or output shape, E405
    /// another id, E409 no library.
    pub fn new(onnx: &[u8], contract: &Contract, library: Option<&Path>) -> Result<Self, Fault> {
        let mut model = parse(onnx, contract)?;
        widen_to_f32(&mut model);
        Self::from_bytes(&model.encode_to_vec(), contract, library)
    }

    /// As [`Self::new`], computing in the arithmetic that the file states, FP16 too.
    pub fn as_typed(
        onnx: &[u8],
        contract: &Contract,
        library: Option<&Path>,
    ) -> Result<Self, Fault> {
        parse(onnx, contract)?;
        Self::from_bytes(onnx, contract, library)
    }

    fn from_bytes(onnx: &[u8], contract: &Contract, library: Option<&Path>) -> Result<Self, Fault> {
        let environment = &runtime(library)?.environment;
        let made = catch_unwind(AssertUnwindSafe(|| session(environment, onnx)));
        let made = made.map_err(|_| damaged("a graph that the library cannot describe"))?;
        let session = made.map_err(|error| damaged(error.to_string()))?;
        check_output(session.outputs(), contract.dim)?;
        Ok(Self {
            session,
            size: contract.size as usize,
            dim: contract.dim as usize,
        })
    }

    fn run(&mut self, tensor: &[f32], out: &mut [f32]) -> ort::Result<()> {
        let shape = [1, 3, self.size, self.size];
        let input = TensorRef::from_array_view((shape, tensor))?;
        let outputs = self.session.run(ort::inputs![input])?;
        let (_, values) = outputs[0].try_extract_tensor::<f32>()?;
        if values.len() != out.len() {
            return Err(ort::Error::new(format!("{} values", values.len())));
        }
        out.copy_from_slice(values);
        Ok(())
    }
}

fn session(environment: &Environment, onnx: &[u8]) -> ort::Result<Session> {
    Session::builder(environment)?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?
        .commit_from_memory(onnx)
}

/// One f32 output of `[1 or free, dim]`, unless the graph leaves its shape open; then the first call tells.
fn check_output(outputs: &[Outlet], dim: u32) -> Result<(), Fault> {
    let fits = match outputs {
        [output] => match output.dtype() {
            ValueType::Tensor { ty, shape, .. } => {
                *ty == TensorElementType::Float32
                    && matches!(shape[..], [-1 | 1, length] if length == -1 || length == i64::from(dim))
            }
            _ => false,
        },
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let got: String = format!("{outputs:?}").chars().take(200).collect();
    Err(Fault::new(
        Code::ModelShape,
        format!("one f32 output [1, {dim}]"),
        got,
        "install the ONNX file and the manifest of one release",
    ))
}

impl Embedder for OnnxRuntimeEmbedder {
    fn name(&self) -> &str {
        "onnxruntime"
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn input_size(&self) -> usize {
        self.size
    }

    fn embed(&mut self, tensor: &[f32], out: &mut [f32]) -> Result<(), Fault> {
        check_lengths(self, tensor, out)?;
        self.run(tensor, out)
            .map_err(|error| damaged(error.to_string()))?;
        check_finite(out)
    }
}
