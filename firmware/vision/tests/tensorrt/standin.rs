//! The stand-ins for TensorRT and CUDA's driver: compiled from NVIDIA's own headers, each scenario in a folder of its own.
//!
//! The headers (Apache-2.0) are those that the crate `trtx-sys` carries. It is no dependency, since building it wants
//! libclang; `cargo info` fetches it, checked against the registry's checksum, and nothing of it is built or copied.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use skueye_vision::model::sha256_hex;
use tempfile::TempDir;

/// A major version with the crate and the folder that have its headers.
#[derive(Debug, Clone, Copy)]
pub struct Major {
    pub number: u32,
    crate_version: &'static str,
    headers: &'static str,
}

pub const MAJORS: [Major; 2] = [
    Major {
        number: 10,
        crate_version: "0.5.0",
        headers: "TRT-Enterprise-10.16",
    },
    Major {
        number: 11,
        crate_version: "0.9.1+rtx1.7",
        headers: "TRT-Enterprise-11.4",
    },
];

/// The classes whose methods the stand-in has, in their header, by the name of the class that is made of each.
const CLASSES: [(&str, &str, &str); 9] = [
    ("NvInferImpl.h", "apiv::VHostMemory", "StubHostMemory"),
    ("NvInferImpl.h", "apiv::VBuilder", "StubBuilder"),
    ("NvInferImpl.h", "apiv::VBuilderConfig", "StubBuilderConfig"),
    (
        "NvInferImpl.h",
        "apiv::VNetworkDefinition",
        "StubNetworkDefinition",
    ),
    ("NvInferImpl.h", "apiv::VRuntime", "StubRuntime"),
    ("NvInferImpl.h", "apiv::VCudaEngine", "StubCudaEngine"),
    (
        "NvInferImpl.h",
        "apiv::VExecutionContext",
        "StubExecutionContext",
    ),
    (
        "NvOnnxParser.h",
        "nvonnxparser::IParserError",
        "StubParserError",
    ),
    ("NvOnnxParser.h", "nvonnxparser::IParser", "StubParser"),
];

impl Major {
    /// The folder of the headers, fetched where it must be. `None` where it cannot be had.
    fn headers(&self) -> Option<PathBuf> {
        self.fetched().or_else(|| {
            let name = format!("trtx-sys@{}", self.crate_version);
            let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
            let _ = cargo.args(["info", "--quiet", &name]).output();
            self.fetched()
        })
    }

    fn fetched(&self) -> Option<PathBuf> {
        let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
        let home = home.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cargo")))?;
        let registries = fs::read_dir(home.join("registry/src")).ok()?.flatten();
        let name = format!("trtx-sys-{}/TensorRT-Headers", self.crate_version);
        let mut folders = registries.map(|registry| registry.path().join(&name).join(self.headers));
        folders.find(|folder| folder.join("NvInfer.h").exists())
    }

    /// The compiled stand-ins: of the driver and of TensorRT with its parser.
    fn libraries(&self) -> Option<[PathBuf; 2]> {
        let headers = self.headers()?;
        let includes = [headers.as_path(), headers.parent()?, Path::new(HERE)];
        let stubs = [("stubs.h".into(), stubs(&headers))];
        Some([
            compiled("cuda", &[Path::new(HERE)], &[]),
            compiled("infer", &includes, &stubs),
        ])
    }
}

/// The majors whose headers are here. Says so where one is left out.
pub fn majors() -> Vec<Major> {
    let there = |major: &Major| {
        let there = major.libraries().is_some();
        if !there {
            let name = (major.number, major.crate_version);
            println!(
                "left out: TensorRT {}, trtx-sys {} cannot be fetched",
                name.0, name.1
            );
        }
        there
    };
    MAJORS.into_iter().filter(there).collect()
}

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../vision/tests/tensorrt");

/// One compiler at a time, so that no two tests compile the same.
static COMPILER: Mutex<()> = Mutex::new(());

/// The shared library of one source, compiled unless it is there from the same text. `made` are headers that are written
/// for it.
fn compiled(name: &str, includes: &[&Path], made: &[(String, String)]) -> PathBuf {
    let _one = COMPILER.lock().unwrap_or_else(|error| error.into_inner());
    let source = Path::new(HERE).join(name).with_extension("cpp");
    let mut all = fs::read(&source).unwrap();
    all.extend(fs::read(Path::new(HERE).join("standin.h")).unwrap());
    made.iter().for_each(|(_, text)| all.extend(text.bytes()));
    let digest = &sha256_hex(&all)[..16];
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tensorrt-{name}-{digest}"));
    let library = folder.join("library.so");
    if library.exists() {
        return library;
    }
    fs::create_dir_all(&folder).unwrap();
    for (name, text) in made {
        fs::write(folder.join(name), text).unwrap();
    }
    let partial = folder.join("partial.so");
    let mut compiler = Command::new(std::env::var_os("CXX").unwrap_or("c++".into()));
    compiler.args([
        "-std=c++17",
        "-O1",
        "-w",
        "-shared",
        "-fno-gnu-unique",
        "-fPIC",
        "-pthread",
    ]);
    for include in includes.iter().copied().chain([folder.as_path()]) {
        compiler.arg("-I").arg(include);
    }
    let done = compiler
        .arg(&source)
        .arg("-o")
        .arg(&partial)
        .args(["-ldl"])
        .output();
    let done = done.expect("a C++ compiler");
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    fs::rename(partial, &library).unwrap();
    library
}

/// For every class one in which every method ends the process, in the same namespace.
fn stubs(headers: &Path) -> String {
    let mut text = String::from("#pragma once\n");
    for (header, class, stub) in CLASSES {
        let header = fs::read_to_string(headers.join(header)).unwrap();
        let (space, _) = class.split_once("::").unwrap();
        let space = if space == "apiv" { "nvinfer1" } else { space };
        text += &format!("namespace {space} {{\nclass {stub} : public {class} {{\npublic:\n");
        let methods = methods(&header, class.rsplit(':').next().unwrap());
        assert!(!methods.is_empty(), "{class}");
        for method in methods {
            text +=
                &format!("    {method} override {{ standin::wrong(\"{class}: {method}\"); }}\n");
        }
        text += "};\n}\n";
    }
    text
}

/// The declarations of the pure virtual methods of `class`, without the parts that a definition must not repeat.
fn methods(header: &str, class: &str) -> Vec<String> {
    let mut switched_off = false;
    let lines = header.lines().filter(|line| {
        switched_off |= line.starts_with("#if ");
        let kept = !switched_off;
        switched_off &= !line.starts_with("#endif");
        kept
    });
    let lines = lines.map(|line| line.split("//").next().unwrap_or_default());
    let code = lines.collect::<Vec<_>>().join("\n");
    let begin = [" ", "\n"].map(|end| code.find(&format!("\nclass {class}{end}")));
    let begin = begin.into_iter().flatten().min();
    let body = &code[begin.unwrap_or_else(|| panic!("no class {class}"))..];
    let body = &body[..body.find("\n};").unwrap()];
    let pure = body.split(';').filter_map(|statement| {
        let declaration = statement.trim().strip_suffix("= 0")?;
        let (_, method) = declaration.split_once("virtual ")?;
        Some(method.split_whitespace().collect::<Vec<_>>().join(" "))
    });
    pure.filter(|method| !method.contains('~')).collect()
}

/// A folder with the libraries of one major version, as a device has them.
pub struct Machine {
    pub folder: TempDir,
}

impl Machine {
    /// `scenario`: what fails, in words; the sources of the stand-ins list them.
    pub fn new(major: Major, scenario: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [cuda, infer] = major.libraries().unwrap();
        // Copies: the loader takes one file for one library, whatever its name.
        let copy = |from: &Path, name: &str| {
            fs::copy(from, folder.path().join(name)).unwrap();
        };
        copy(&cuda, "libcuda.so.1");
        for stem in ["libnvinfer", "libnvonnxparser"] {
            copy(&infer, &format!("{stem}.so.{}", major.number));
        }
        let machine = Self { folder };
        machine.set(scenario);
        machine
    }

    /// What fails from now on.
    pub fn set(&self, scenario: &str) {
        let partial = self.folder.path().join("scenario.partial");
        fs::write(&partial, scenario).unwrap();
        fs::rename(partial, self.folder.path().join("scenario")).unwrap();
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}
