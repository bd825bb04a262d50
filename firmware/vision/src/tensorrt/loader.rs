//! Finds TensorRT: NVIDIA's driver first, then the libraries by their sonames, the newest major version first.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use skueye_models::{Code, Fault};

use super::ffi::cuda::Gpu;
use super::ffi::objects::Library;
use super::ffi::slots::{MAJORS, Slots};

const DRIVER: &str = "libcuda.so.1";

/// TensorRT on a GPU.
#[derive(Clone)]
pub(super) struct Found {
    pub library: &'static Library,
    pub gpu: Arc<Gpu>,
    /// The library's path or soname.
    pub place: PathBuf,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (place, version) = (self.place.display(), version_text(self.library.version));
        let (major, minor) = self.gpu.compute;
        let name = &self.gpu.name;
        write!(f, "{place}, TensorRT {version} on {name} ({major}.{minor})")
    }
}

/// A version as `getInferLibVersion` has it since TensorRT 10.
pub(super) fn version_text(version: i32) -> String {
    let (major, minor, patch) = (version / 10_000, version / 100 % 100, version % 100);
    format!("{major}.{minor}.{patch}")
}

/// What was found, by the folder that was asked for. Libraries and contexts stay for good, so they are opened once.
static FOUND: Mutex<Vec<(Option<PathBuf>, Found)>> = Mutex::new(Vec::new());

/// The libraries in `folder`, or where the system's loader has them; of the driver, the one in `folder` where it holds
/// one.
///
/// Errors: E413 no driver or no GPU, E409 no library, or one that is not of a major version that is served.
pub(super) fn find(folder: Option<&Path>) -> Result<Found, Fault> {
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, known)) = found.iter().find(|(asked, _)| asked.as_deref() == folder) {
        return Ok(known.clone());
    }
    let fresh = search(folder)?;
    found.push((folder.map(Path::to_owned), fresh.clone()));
    Ok(fresh)
}

fn search(folder: Option<&Path>) -> Result<Found, Fault> {
    let own_driver = folder.map(|f| f.join(DRIVER)).filter(|path| path.exists());
    let gpu = Gpu::probe(own_driver.as_deref().unwrap_or(Path::new(DRIVER)))?;
    let mut answers = Vec::new();
    for slots in MAJORS {
        match open(folder, slots) {
            Ok((place, library)) => {
                return Ok(Found {
                    library: Box::leak(Box::new(library)),
                    gpu,
                    place,
                });
            }
            Err(answer) => answers.push(answer),
        }
    }
    Err(not_found(&answers.join("; ")))
}

fn open(folder: Option<&Path>, slots: &'static Slots) -> Result<(PathBuf, Library), String> {
    let place = |stem: &str| {
        let soname = format!("{stem}.so.{}", slots.major);
        folder.map_or(PathBuf::from(&soname), |folder| folder.join(&soname))
    };
    let infer = place("libnvinfer");
    let library = Library::open(&infer, &place("libnvonnxparser"), slots)?;
    // A file under another's name would be called at the wrong places.
    match library.version / 10_000 == slots.major {
        true => Ok((infer, library)),
        false => Err(format!(
            "{} is version {}",
            infer.display(),
            version_text(library.version)
        )),
    }
}

fn not_found(got: &str) -> Fault {
    let majors = MAJORS.map(|slots| slots.major.to_string());
    Fault::new(
        Code::RuntimeMissing,
        format!(
            "libnvinfer and libnvonnxparser of TensorRT {}",
            majors.join(" or ")
        ),
        got.chars().take(600).collect::<String>(),
        "install TensorRT with its ONNX parser, name their folder in the settings (model.tensorrt), or set \
         model.runtime to \"auto\" or \"tract\"",
    )
}
