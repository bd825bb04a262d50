//! The shim for TensorRT 11 before a real library: TensorRT-RTX 1.7, whose tables agree with those of 11.4 for everything
//! that is called here, and which parses and builds without a GPU.
//!
//! `cargo ci` fetches it; the variable names another place. Its engines run on no Jetson, and without a GPU none runs at
//! all, so what is proven is the way from an ONNX file to a plan: logger, builder, network, parser, its errors, progress
//! monitor, configuration, plan.

use std::path::PathBuf;

use prost::Message;
use skueye_models::EmbeddingId;

use super::ffi::callbacks::{Logger, Monitor};
use super::ffi::objects::{Builder, Library};
use super::ffi::slots::V11;
use super::loader::version_text;
use super::progress::Progress;
use crate::testing::tiny_network;

const VARIABLE: &str = "SKUEYE_TENSORRT_RTX";
const FETCHED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../target/exported/tensorrt/tensorrt_rtx_libs"
);

fn library() -> Option<Library> {
    let folder = std::env::var_os(VARIABLE).map_or(PathBuf::from(FETCHED), PathBuf::from);
    let [infer, parser] = ["libtensorrt_rtx.so.1", "libtensorrt_onnxparser_rtx.so.1"];
    if !folder.join(infer).exists() {
        println!(
            "left out: TensorRT-RTX is not in {} ({VARIABLE})",
            folder.display()
        );
        return None;
    }
    Some(Library::open(&folder.join(infer), &folder.join(parser), &V11).unwrap())
}

#[test]
fn a_real_builder_and_parser_are_called_at_the_right_places() {
    let Some(library) = library() else { return };
    println!("TensorRT-RTX {}", version_text(library.version));
    let logger = Logger::new(library.slots);
    let builder = Builder::new(&library, &logger).expect("a builder");
    assert_eq!(builder.dla_cores(), 0);

    let mut unknown = tiny_network(EmbeddingId([3; 16]), true);
    unknown.graph.as_mut().unwrap().node[2].op_type = "Frobnicate".into();
    let mut network = builder.network().expect("a network");
    let error = network.parse(&unknown.encode_to_vec()).unwrap_err();
    assert!(error.contains("node 2 Frobnicate: "), "{error}");
    assert!(network.parse(b"no ONNX file").is_err());
    drop(network);

    let mut network = builder.network().expect("a network");
    let onnx = tiny_network(EmbeddingId([3; 16]), true).encode_to_vec();
    network.parse(&onnx).unwrap();
    let progress = Progress::new();
    let plan = network.build(None, &Monitor::new(&progress));
    let plan = plan.unwrap_or_else(|| panic!("{}", logger.take()));
    println!("a plan of {} bytes", plan.bytes().len());
    assert!(plan.bytes().len() > 1000);
    assert!(progress.look().0 > 0.5, "{progress:?}");

    let progress = Progress::new();
    progress.stop();
    assert!(network.build(None, &Monitor::new(&progress)).is_none());
}
