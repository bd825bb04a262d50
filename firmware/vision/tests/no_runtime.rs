//! What a library that is none does. A process opens one library of ONNX Runtime for good, so this is its own process.

use std::path::PathBuf;

use skueye_models::{Code, EmbeddingId};
use skueye_vision::ModelSet;
use skueye_vision::runtime::{Runtime, Settings};
use skueye_vision::testing::write_tiny_model;

#[test]
fn without_its_library_a_named_runtime_is_refused_and_auto_goes_on_with_tract() {
    let folder = tempfile::tempdir().unwrap();
    write_tiny_model(folder.path(), EmbeddingId([3; 16]));
    let text = folder.path().join("libonnxruntime.so");
    std::fs::write(&text, "no library").unwrap();
    // A library that loads and is another one: this program's own C library.
    let other = PathBuf::from("libc.so.6");
    for library in [folder.path().join("missing.so"), text, other] {
        let settings = |only| Settings {
            only,
            onnxruntime: Some(library.clone()),
            ..Settings::default()
        };
        let named = ModelSet::load_with(folder.path(), &settings(Some(Runtime::OnnxRuntime)));
        let fault = named.map(|_| ()).unwrap_err();
        assert_eq!(fault.code(), Code::RuntimeMissing, "{fault}");
        let model = ModelSet::load_with(folder.path(), &settings(None)).unwrap();
        assert_eq!(model.embedder.name(), "tract");
        let findings = model.runtimes();
        let of = |runtime: Runtime| findings.iter().find(|f| f.name == runtime.name()).unwrap();
        let missing = of(Runtime::OnnxRuntime);
        assert!(!missing.found && missing.why.starts_with("not found: "));
        assert!(of(Runtime::Tract).chosen);
    }
}
