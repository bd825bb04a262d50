//! What an ONNX file must say to be taken, and the way of a typed FP16 file into a runtime without FP16 arithmetic.

use half::f16;
use skueye_models::manifest::ONNX_EMBEDDING_ID_KEY;
use skueye_models::{Code, EmbeddingId, Fault, Manifest};
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dimension;
use tract_onnx::pb::type_proto::Value as TypeValue;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto,
};
use tract_onnx::prelude::Framework;

const FLOAT: i32 = DataType::Float as i32;
const FLOAT16: i32 = DataType::Float16 as i32;

/// The network of a release.
#[derive(Debug, Clone, Copy)]
pub struct Network<'a> {
    /// The bytes of the f32 file; of the FP16 file where the release ships no other.
    pub f32: &'a [u8],
    /// The bytes of the typed FP16 file.
    pub f16: &'a [u8],
    /// What both must be.
    pub contract: Contract,
}

/// What a caller wants an ONNX file to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contract {
    /// The embedding space.
    pub embedding_id: EmbeddingId,
    /// Width and height of the input, pixels.
    pub size: u32,
    /// Length of the output.
    pub dim: u32,
}

impl Contract {
    /// What `manifest` promises of its ONNX files.
    pub fn of(manifest: &Manifest) -> Self {
        Self {
            embedding_id: manifest.embedding_id,
            size: manifest.preprocess.size,
            dim: manifest.dim,
        }
    }
}

/// Parses an ONNX file and proves that it carries the id (E405) and declares the input (E404) of `contract`. A file that
/// is no ONNX model is E403.
pub fn parse(bytes: &[u8], contract: &Contract) -> Result<ModelProto, Fault> {
    let mut reader = bytes;
    let model = tract_onnx::onnx()
        .proto_model_for_read(&mut reader)
        .map_err(|error| damaged(format!("{error:#}")))?;
    check_id(&model, contract.embedding_id)?;
    check_input(&model, contract.size)?;
    Ok(model)
}

/// The embedding id that `model` carries, as text.
pub fn embedding_id_text(model: &ModelProto) -> Option<&str> {
    model
        .metadata_props
        .iter()
        .find(|entry| entry.key == ONNX_EMBEDDING_ID_KEY)
        .map(|entry| entry.value.as_str())
}

fn check_id(model: &ModelProto, wanted: EmbeddingId) -> Result<(), Fault> {
    let found = embedding_id_text(model);
    if found == Some(wanted.to_string().as_str()) {
        return Ok(());
    }
    let shown: String = found.unwrap_or("none").chars().take(40).collect();
    Err(Fault::new(
        Code::ModelEmbeddingId,
        format!("embedding id {wanted}"),
        shown,
        "install the ONNX file and the manifest of one release",
    ))
}

/// The one input that is no initialiser must be f32 `[1 or free, 3, size, size]`.
fn check_input(model: &ModelProto, size: u32) -> Result<(), Fault> {
    let graph = model.graph.as_ref().ok_or_else(|| damaged("no graph"))?;
    let weight = |name: &str| graph.initializer.iter().any(|t| t.name == name);
    let inputs: Vec<_> = graph.input.iter().filter(|i| !weight(&i.name)).collect();
    let [input] = inputs[..] else {
        return Err(wrong_input(size, format!("{} inputs", inputs.len())));
    };
    let (element, dims) = declared(input);
    let size_i = i64::from(size);
    let fits = element == FLOAT
        && matches!(dims[..], [batch, Some(3), Some(h), Some(w)]
            if batch.is_none_or(|b| b == 1) && h == size_i && w == size_i);
    match fits {
        true => Ok(()),
        false => Err(wrong_input(
            size,
            format!("{dims:?} of element type {element}"),
        )),
    }
}

/// Element type and sizes (`None` where free) of a declared value.
fn declared(value: &ValueInfoProto) -> (i32, Vec<Option<i64>>) {
    let Some(TypeValue::TensorType(tensor)) = value.r#type.as_ref().and_then(|t| t.value.as_ref())
    else {
        return (DataType::Undefined as i32, Vec::new());
    };
    let dims = tensor.shape.iter().flat_map(|shape| &shape.dim);
    let size = |value: &Option<Dimension>| match value {
        Some(Dimension::DimValue(size)) => Some(*size),
        _ => None,
    };
    (tensor.elem_type, dims.map(|d| size(&d.value)).collect())
}

/// Makes a free batch size one picture, for runtimes that would otherwise have to be told so.
pub(crate) fn with_batch_of_one(model: &mut ModelProto) {
    let Some(graph) = &mut model.graph else {
        return;
    };
    // Shapes that were worked out for a free batch; runtimes work them out anew.
    graph.value_info.clear();
    let weights: Vec<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    let inputs = graph
        .input
        .iter_mut()
        .filter(|i| !weights.contains(&&*i.name));
    for value in inputs.chain(&mut graph.output) {
        if let Some(TypeValue::TensorType(tensor)) =
            value.r#type.as_mut().and_then(|t| t.value.as_mut())
            && let Some(batch) = tensor
                .shape
                .as_mut()
                .and_then(|shape| shape.dim.first_mut())
        {
            batch.value = Some(Dimension::DimValue(1));
        }
    }
}

/// Turns typed FP16 into f32 where it stands: weights, constants, declared types and casts. The values are those of the
/// FP16 file; sums are then carried in f32. Tensors whose data has another length than a whole number of halves, or lies
/// outside the file, stay as they are, and the runtime refuses them.
pub fn widen_to_f32(model: &mut ModelProto) {
    if let Some(graph) = &mut model.graph {
        widen_graph(graph);
    }
}

/// Makes a network that [`widen_to_f32`] has widened round every result to FP16, as a runtime with FP16 arithmetic does
/// that adds up in f32: what such a runtime will give can so be had on a processor without it.
pub fn round_to_f16(model: &mut ModelProto) {
    let Some(graph) = &mut model.graph else {
        return;
    };
    for node in std::mem::take(&mut graph.node) {
        let rounded = node.op_type != "Constant" && node.output.len() == 1;
        match rounded {
            true => graph.node.extend(rounded_node(node)),
            false => graph.node.push(node),
        }
    }
}

/// The node, its output by way of FP16.
fn rounded_node(mut node: NodeProto) -> [NodeProto; 3] {
    let output = node.output[0].clone();
    let [exact, half] = ["exact", "half"].map(|kind| format!("{output}/{kind}"));
    node.output = vec![exact.clone()];
    [
        node,
        cast(&exact, &half, FLOAT16),
        cast(&half, &output, FLOAT),
    ]
}

fn cast(from: &str, into: &str, element: i32) -> NodeProto {
    NodeProto {
        op_type: "Cast".into(),
        // Other nodes may be called what they give.
        name: format!("{into}/rounding"),
        input: vec![from.into()],
        output: vec![into.into()],
        attribute: vec![AttributeProto {
            name: "to".into(),
            i: i64::from(element),
            r#type: AttributeType::Int as i32,
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn widen_graph(graph: &mut GraphProto) {
    graph.initializer.iter_mut().for_each(widen_tensor);
    graph.node.iter_mut().for_each(widen_node);
    let values = graph.input.iter_mut().chain(&mut graph.output);
    values.chain(&mut graph.value_info).for_each(widen_value);
}

fn widen_node(node: &mut NodeProto) {
    for AttributeProto {
        name,
        i,
        t,
        tensors,
        g,
        graphs,
        ..
    } in &mut node.attribute
    {
        if node.op_type == "Cast" && name == "to" && *i == i64::from(FLOAT16) {
            *i = i64::from(FLOAT);
        }
        t.iter_mut().chain(tensors).for_each(widen_tensor);
        g.iter_mut().chain(graphs).for_each(widen_graph);
    }
}

fn widen_value(value: &mut ValueInfoProto) {
    let declared = value.r#type.as_mut().and_then(|t| t.value.as_mut());
    if let Some(TypeValue::TensorType(tensor)) = declared
        && tensor.elem_type == FLOAT16
    {
        tensor.elem_type = FLOAT;
    }
}

fn widen_tensor(tensor: &mut TensorProto) {
    let whole = tensor.raw_data.len().is_multiple_of(2) && tensor.external_data.is_empty();
    if tensor.data_type != FLOAT16 || !whole {
        return;
    }
    tensor.data_type = FLOAT;
    let raw = std::mem::take(&mut tensor.raw_data);
    tensor.raw_data = raw
        .chunks_exact(2)
        .flat_map(|half| {
            f16::from_le_bytes([half[0], half[1]])
                .to_f32()
                .to_le_bytes()
        })
        .collect();
    // The other place for halves: one in the low 16 bits of each int32.
    tensor.float_data = std::mem::take(&mut tensor.int32_data)
        .into_iter()
        .map(|bits| f16::from_bits(bits as u16).to_f32())
        .collect();
}

/// E403 with the start of what the runtime said.
pub(crate) fn damaged(got: impl Into<String>) -> Fault {
    let got: String = got.into().chars().take(400).collect();
    Fault::new(
        Code::ModelDamaged,
        "an ONNX model of operators that the runtime knows",
        got,
        "install the model again",
    )
}

fn wrong_input(size: u32, got: String) -> Fault {
    Fault::new(
        Code::ModelShape,
        format!("one f32 input [1, 3, {size}, {size}]"),
        got,
        "install the ONNX file and the manifest of one release",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn halves(values: &[f32], raw: bool) -> TensorProto {
        let bits = values.iter().map(|v| f16::from_f32(*v));
        let mut tensor = TensorProto {
            dims: vec![values.len() as i64],
            data_type: FLOAT16,
            ..Default::default()
        };
        match raw {
            true => tensor.raw_data = bits.flat_map(f16::to_le_bytes).collect(),
            false => tensor.int32_data = bits.map(|h| i32::from(h.to_bits())).collect(),
        }
        tensor
    }

    #[test]
    fn weights_constants_casts_and_types_become_f32_with_the_same_values() {
        let values = [1.5, -0.0, 6.0e-8, 65504.0];
        let cast = NodeProto {
            op_type: "Cast".into(),
            attribute: vec![AttributeProto {
                name: "to".into(),
                i: i64::from(FLOAT16),
                ..Default::default()
            }],
            ..Default::default()
        };
        let constant = NodeProto {
            op_type: "Constant".into(),
            attribute: vec![AttributeProto {
                t: Some(halves(&values, false)),
                ..Default::default()
            }],
            ..Default::default()
        };
        let mut model = ModelProto {
            graph: Some(GraphProto {
                initializer: vec![halves(&values, true)],
                node: vec![cast, constant],
                ..Default::default()
            }),
            ..Default::default()
        };
        widen_to_f32(&mut model);
        let graph = model.graph.unwrap();
        let expected = values.map(|v| f16::from_f32(v).to_f32());
        let raw: Vec<u8> = expected.iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(graph.initializer[0].raw_data, raw);
        assert_eq!(graph.node[0].attribute[0].i, i64::from(FLOAT));
        let constant = graph.node[1].attribute[0].t.as_ref().unwrap();
        assert_eq!(constant.float_data, expected);
        assert_eq!((constant.data_type, constant.int32_data.len()), (FLOAT, 0));
    }

    #[test]
    fn half_a_half_stays_for_the_runtime_to_refuse() {
        let mut tensor = halves(&[1.0], true);
        tensor.raw_data.push(0);
        let before = tensor.clone();
        widen_tensor(&mut tensor);
        assert_eq!(tensor, before);
    }
}
