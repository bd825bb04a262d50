//! A tiny network that tells saturated colours apart, as real ONNX in a real model folder.
//!
//! `x -> Conv 1x1 (3 -> 8) -> Relu -> GlobalAveragePool -> Flatten -> Gemm (8 -> 32)`: one channel for every corner of
//! the colour cube, silent on grey, so a picture's embedding says which corners it shows and how much of each.

use std::io::Cursor;
use std::path::Path;

use half::f16;
use prost::Message;
use skueye_models::manifest::{FileRef, ManifestParts, ONNX_EMBEDDING_ID_KEY, SelfTest};
use skueye_models::{EmbeddingId, Manifest, Preprocess, Thresholds, UnitEmbedding};
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::type_proto::{Tensor, Value};
use tract_onnx::pb::*;

use crate::embed::Embedder;
use crate::model::{MANIFEST_NAME, sha256_hex};
use crate::onnx::Contract;
use crate::picture::{Region, RgbImage};
use crate::preprocess::Preprocessor;
use crate::tract::TractEmbedder;

/// Width and height of the tiny network's input.
pub const SIZE: u32 = 32;
/// Length of its embedding.
pub const DIM: u32 = 32;

/// The tiny network, with weights and arithmetic in FP16 or f32.
pub fn tiny_network(id: EmbeddingId, fp16: bool) -> ModelProto {
    let graph = GraphProto {
        name: "tiny".into(),
        node: tiny_nodes(fp16),
        initializer: tiny_weights(fp16),
        input: vec![value("x", &[1, 3, SIZE, SIZE])],
        output: vec![value("y", &[1, DIM])],
        ..Default::default()
    };
    ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetIdProto {
            domain: String::new(),
            version: 17,
        }],
        graph: Some(graph),
        metadata_props: vec![StringStringEntryProto {
            key: ONNX_EMBEDDING_ID_KEY.into(),
            value: id.to_string(),
        }],
        ..Default::default()
    }
}

/// The bytes of [`tiny_network`].
pub fn tiny_onnx(id: EmbeddingId, fp16: bool) -> Vec<u8> {
    tiny_network(id, fp16).encode_to_vec()
}

/// Writes a model folder with the tiny network: both ONNX files, a golden picture, the manifest.
pub fn write_tiny_model(folder: &Path, id: EmbeddingId) -> Manifest {
    let golden = golden_picture();
    let png = png_bytes(&golden);
    let (f32_bytes, f16_bytes) = (tiny_onnx(id, false), tiny_onnx(id, true));
    let manifest = Manifest::new(ManifestParts {
        network: "tiny".into(),
        embedding_id: id,
        dim: DIM,
        preprocess: Preprocess::efficientnet_lite(SIZE),
        thresholds: Thresholds {
            accept: 0.9,
            reject: 0.7,
            margin: 0.05,
            false_accept_rate: 0.01,
        },
        onnx_f16: file_ref("model.f16.onnx", &f16_bytes),
        onnx_f32: Some(file_ref("model.onnx", &f32_bytes)),
        self_test: SelfTest {
            image: file_ref("golden.png", &png),
            embedding: embed(id, &golden).as_slice().to_vec(),
            min_cosine: 0.999,
        },
    })
    .expect("the tiny manifest is in range");
    let json = manifest.to_json();
    let files: [(&str, &[u8]); 4] = [
        ("model.onnx", &f32_bytes),
        ("model.f16.onnx", &f16_bytes),
        ("golden.png", &png),
        (MANIFEST_NAME, json.as_bytes()),
    ];
    for (name, bytes) in files {
        std::fs::write(folder.join(name), bytes).expect("the test folder can be written");
    }
    manifest
}

/// What the tiny network makes of the whole of `image`.
pub fn embed(id: EmbeddingId, image: &RgbImage) -> UnitEmbedding {
    let contract = Contract {
        embedding_id: id,
        size: SIZE,
        dim: DIM,
    };
    let mut embedder = TractEmbedder::new(&tiny_onnx(id, false), &contract).expect("tiny network");
    let mut preprocessor =
        Preprocessor::new(Preprocess::efficientnet_lite(SIZE)).expect("a valid spec");
    let tensor = preprocessor
        .tensor(image, Region::whole(image))
        .expect("a whole picture");
    let mut out = vec![0.0; DIM as usize];
    embedder
        .embed(tensor, &mut out)
        .expect("the tiny network runs");
    UnitEmbedding::normalise(out).expect("a bias keeps it from zero")
}

/// `image` as the bytes of a PNG file.
pub fn png_bytes(image: &RgbImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image::RgbImage::from_raw(image.width(), image.height(), image.data().to_vec())
        .expect("a picture has exactly its bytes")
        .write_to(&mut bytes, image::ImageFormat::Png)
        .expect("memory takes a PNG");
    bytes.into_inner()
}

/// A grey picture with a red left and a blue lower part.
fn golden_picture() -> RgbImage {
    let mut image = RgbImage::new(64, 64, vec![128; 64 * 64 * 3]).expect("a valid size");
    for (at, pixel) in image.data_mut().chunks_exact_mut(3).enumerate() {
        match (at % 64, at / 64) {
            (0..20, _) => pixel.copy_from_slice(&[230, 20, 30]),
            (_, 48..) => pixel.copy_from_slice(&[10, 30, 220]),
            _ => {}
        }
    }
    image
}

fn file_ref(name: &str, bytes: &[u8]) -> FileRef {
    FileRef {
        name: name.into(),
        sha256: sha256_hex(bytes),
    }
}

fn tiny_nodes(fp16: bool) -> Vec<NodeProto> {
    let (first, last) = if fp16 { ("xh", "yh") } else { ("x", "y") };
    let mut nodes = vec![
        node("Conv", &[first, "conv.w", "conv.b"], "conv"),
        node("Relu", &["conv"], "relu"),
        node("GlobalAveragePool", &["relu"], "pool"),
        node("Flatten", &["pool"], "flat"),
        node("Gemm", &["flat", "gemm.w", "gemm.b"], last),
    ];
    nodes[4].attribute.push(int("transB", 1));
    if fp16 {
        nodes.insert(0, cast("x", "xh", DataType::Float16));
        nodes.push(cast("yh", "y", DataType::Float));
    }
    nodes
}

fn tiny_weights(fp16: bool) -> Vec<TensorProto> {
    let sign = |corner: usize, channel: usize| {
        if corner >> channel & 1 == 1 {
            1.0
        } else {
            -1.0
        }
    };
    let conv: Vec<f32> = (0..24).map(|i| sign(i / 3, i % 3)).collect();
    let gemm: Vec<f32> = (0..DIM as usize * 8)
        .map(|i| f32::from(u8::from(i / 8 % 8 == i % 8)))
        .collect();
    vec![
        weight("conv.w", &[8, 3, 1, 1], &conv, fp16),
        weight("conv.b", &[8], &[-1.0; 8], fp16),
        weight("gemm.w", &[i64::from(DIM), 8], &gemm, fp16),
        weight("gemm.b", &[i64::from(DIM)], &[0.01; DIM as usize], fp16),
    ]
}

fn weight(name: &str, dims: &[i64], values: &[f32], fp16: bool) -> TensorProto {
    let raw_data = match fp16 {
        true => values
            .iter()
            .flat_map(|v| f16::from_f32(*v).to_le_bytes())
            .collect(),
        false => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
    };
    TensorProto {
        name: name.into(),
        dims: dims.to_vec(),
        data_type: element(fp16) as i32,
        raw_data,
        ..Default::default()
    }
}

fn element(fp16: bool) -> DataType {
    if fp16 {
        DataType::Float16
    } else {
        DataType::Float
    }
}

fn node(op: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        op_type: op.into(),
        name: output.into(),
        input: inputs.iter().map(|name| (*name).into()).collect(),
        output: vec![output.into()],
        ..Default::default()
    }
}

fn cast(input: &str, output: &str, to: DataType) -> NodeProto {
    let mut cast = node("Cast", &[input], output);
    cast.attribute.push(int("to", to as i64));
    cast
}

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        i: value,
        r#type: AttributeType::Int as i32,
        ..Default::default()
    }
}

fn value(name: &str, dims: &[u32]) -> ValueInfoProto {
    let dim = dims
        .iter()
        .map(|size| Dimension {
            value: Some(dimension::Value::DimValue(i64::from(*size))),
            ..Default::default()
        })
        .collect();
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto {
            value: Some(Value::TensorType(Tensor {
                elem_type: DataType::Float as i32,
                shape: Some(TensorShapeProto { dim }),
            })),
            ..Default::default()
        }),
        ..Default::default()
    }
}
