//! One suite for every runtime, each with its tolerance.

#[path = "tensorrt/standin.rs"]
mod standin;

use std::path::PathBuf;

use prost::Message;
use skueye_models::{Code, EmbeddingId, Fault};

use skueye_vision::onnx::{Contract, Network};
use skueye_vision::runtime::{Runtime, Settings, open};
use skueye_vision::testing::{DIM, SIZE, tiny_network, tiny_onnx, write_tiny_model};
use skueye_vision::{Embedder, ModelSet};
use standin::{Machine, majors};

const ID: EmbeddingId = EmbeddingId([3; 16]);
const CONTRACT: Contract = Contract {
    embedding_id: ID,
    size: SIZE,
    dim: DIM,
};

/// A runtime and the largest absolute deviation of an output of the order of 1 that its arithmetic may have.
struct Subject {
    runtime: Runtime,
    tolerance: f32,
    settings: Settings,
    /// The stand-in of TensorRT.
    _machine: Option<Machine>,
}

impl Subject {
    fn new(runtime: Runtime, tolerance: f32, settings: Settings) -> Self {
        Self {
            runtime,
            tolerance,
            settings: Settings {
                only: Some(runtime),
                ..settings
            },
            _machine: None,
        }
    }
}

/// The library that `cargo ci` names in the variable, or has fetched before.
fn library() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("ORT_DYLIB_PATH") {
        return Some(named.into());
    }
    let fetched = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../target/exported/python/onnxruntime/capi"
    );
    let entries = std::fs::read_dir(fetched).ok()?.flatten();
    let mut paths = entries.map(|entry| entry.path());
    paths.find(|path| path.to_string_lossy().contains("libonnxruntime.so"))
}

/// Those that are here. TensorRT is a stand-in, which computes the tests' network in f32 from the FP16 file.
fn subjects() -> Vec<Subject> {
    let mut subjects = vec![Subject::new(Runtime::Tract, 1e-5, Settings::default())];
    match library() {
        Some(library) => {
            let settings = Settings {
                onnxruntime: Some(library),
                ..Settings::default()
            };
            subjects.push(Subject::new(Runtime::OnnxRuntime, 1e-5, settings));
        }
        None => println!("left out: ONNX Runtime, whose library is not here (ORT_DYLIB_PATH)"),
    }
    subjects.extend(majors().into_iter().map(|major| {
        let machine = Machine::new(major, "");
        let mut settings = Settings::default();
        settings.tensorrt.folder = Some(machine.path().to_owned());
        Subject {
            _machine: Some(machine),
            ..Subject::new(Runtime::TensorRt, 2e-5, settings)
        }
    }));
    subjects
}

fn opened(subject: &Subject, f16: &[u8], contract: &Contract) -> Result<Box<dyn Embedder>, Fault> {
    let network = Network {
        f32: f16,
        f16,
        contract: *contract,
    };
    let mut embedder = open(subject.runtime, &network, &subject.settings, None)?;
    embedder.settle(&mut |_| ());
    Ok(embedder)
}

fn code(subject: &Subject, onnx: &[u8], contract: &Contract) -> Code {
    match opened(subject, onnx, contract) {
        Ok(_) => panic!("{:?} took it", subject.runtime),
        Err(fault) => fault.code(),
    }
}

/// Red everywhere.
fn red() -> Vec<f32> {
    [[1.0; (SIZE * SIZE) as usize], [-1.0; _], [-1.0; _]].concat()
}

#[test]
fn each_computes_the_network_from_both_files() {
    for subject in subjects() {
        for fp16 in [false, true] {
            if subject.runtime == Runtime::TensorRt && !fp16 {
                continue; // it takes the FP16 file alone
            }
            let mut embedder = opened(&subject, &tiny_onnx(ID, fp16), &CONTRACT).unwrap();
            let mut out = vec![0.0; DIM as usize];
            embedder.embed(&red(), &mut out).unwrap();
            // The bias of 0.01 is not exact in FP16.
            let tolerance = subject.tolerance + if fp16 { 1e-5 } else { 0.0 };
            // Red is corner 1 of the cube: 3 - 1 there, silent elsewhere, 0.01 of bias everywhere.
            for (at, value) in out.iter().enumerate() {
                let expected = if at % 8 == 1 { 2.01 } else { 0.01 };
                let name = embedder.name();
                assert!(
                    (value - expected).abs() < tolerance,
                    "{name} {at}: {value} for {expected}"
                );
            }
        }
    }
}

#[test]
fn another_id_another_shape_and_unknown_operators_have_their_numbers() {
    let onnx = tiny_onnx(ID, false);
    let mut unknown = tiny_network(ID, false);
    unknown.graph.as_mut().unwrap().node[1].op_type = "Frobnicate".into();
    let mut dangling = tiny_network(ID, false);
    dangling.graph.as_mut().unwrap().output[0].name = "nowhere".into();
    let contract = |id: u8, size, dim| Contract {
        embedding_id: EmbeddingId([id; 16]),
        size,
        dim,
    };
    let cases = [
        (onnx.clone(), contract(4, SIZE, DIM), Code::ModelEmbeddingId),
        (onnx.clone(), contract(3, 64, DIM), Code::ModelShape),
        (onnx, contract(3, SIZE, 64), Code::ModelShape),
        (unknown.encode_to_vec(), CONTRACT, Code::ModelDamaged),
        (dangling.encode_to_vec(), CONTRACT, Code::ModelDamaged),
        (b"no ONNX file".to_vec(), CONTRACT, Code::ModelDamaged),
    ];
    for subject in subjects() {
        for (onnx, contract, expected) in &cases {
            assert_eq!(code(&subject, onnx, contract), *expected);
        }
    }
}

#[test]
fn wrong_lengths_and_embeddings_that_are_not_finite_are_refused() {
    for subject in subjects() {
        let mut embedder = opened(&subject, &tiny_onnx(ID, true), &CONTRACT).unwrap();
        assert_eq!(embedder.name(), subject.runtime.name());
        let mut out = vec![0.0; DIM as usize];
        let short = embedder.embed(&red()[1..], &mut out).unwrap_err();
        assert_eq!(short.code(), Code::ModelShape);
        for bad in [f32::INFINITY, f32::NAN] {
            let fault = embedder.embed(&vec![bad; red().len()], &mut out);
            assert_eq!(fault.unwrap_err().code(), Code::EmbeddingNotFinite);
        }
        // What was refused leaves nothing behind.
        embedder.embed(&red(), &mut out).unwrap();
    }
}

#[test]
fn a_model_says_which_runtime_computes_it_and_why() {
    let folder = tempfile::tempdir().unwrap();
    write_tiny_model(folder.path(), ID);
    for subject in subjects() {
        let mut model = ModelSet::load_with(folder.path(), &subject.settings).unwrap();
        model.settle(&mut |_| ()).unwrap();
        assert_eq!(model.embedder.name(), subject.runtime.name());
        assert!(model.self_test_cosine() > 0.9999);
        let chosen: Vec<_> = model.runtimes().iter().filter(|f| f.chosen).collect();
        assert_eq!((chosen.len(), chosen[0].found), (1, true));
        assert_eq!(chosen[0].name, subject.runtime.name());
    }
}

#[test]
fn the_choice_is_read_from_text() {
    assert_eq!(Settings::parse_choice("auto"), Some(None));
    for runtime in Runtime::ALL {
        assert_eq!(Settings::parse_choice(runtime.name()), Some(Some(runtime)));
    }
    assert_eq!(Settings::parse_choice("Tract"), None);
}
