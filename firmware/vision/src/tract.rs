//! The [`Embedder`] on tract: pure Rust, one thread, nothing to install.
//!
//! It computes in f32: tract has fast FP16 kernels on aarch64 only, so a typed FP16 file is widened on load.

use std::panic::{AssertUnwindSafe, catch_unwind};

use skueye_models::{Code, Fault};
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::transform::get_transform;

use crate::embed::{Embedder, check_finite, check_lengths};
use crate::onnx::{Contract, damaged, parse, widen_to_f32};

/// A network in tract, optimised for one batch size.
pub struct TractEmbedder {
    state: TypedSimpleState,
    size: usize,
    dim: usize,
    batch: usize,
}

impl TractEmbedder {
    /// From the bytes of an ONNX file, f32 or typed FP16, one picture a call.
    ///
    /// Errors: E403 unreadable or with an operator that tract lacks, E404 another input or output shape, E405 another id.
    pub fn new(onnx: &[u8], contract: &Contract) -> Result<Self, Fault> {
        Self::with_batch(onnx, contract, 1)
    }

    /// As [`Self::new`], `batch` (at least 1) pictures a call, for throughput.
    pub fn with_batch(onnx: &[u8], contract: &Contract, batch: usize) -> Result<Self, Fault> {
        let mut model = parse(onnx, contract)?;
        widen_to_f32(&mut model);
        Self::of(&model, contract, batch)
    }

    /// As [`Self::new`], each value of the type that the file gives it: for a network that rounds its results to FP16
    /// ([`crate::onnx::round_to_f16`]), as a runtime with FP16 arithmetic does. Slower than f32.
    pub fn as_typed(onnx: &[u8], contract: &Contract) -> Result<Self, Fault> {
        Self::of(&parse(onnx, contract)?, contract, 1)
    }

    fn of(model: &ModelProto, contract: &Contract, batch: usize) -> Result<Self, Fault> {
        let (batch, size, dim) = (batch.max(1), contract.size as usize, contract.dim as usize);
        // A graph that contradicts itself makes tract panic in places; nothing of it outlives the attempt.
        let built = catch_unwind(AssertUnwindSafe(|| build(model, batch, size)))
            .map_err(|_| damaged("a graph that contradicts itself"))?;
        let plan = built.map_err(|error| damaged(format!("{error:#}")))?;
        check_output(&plan, batch, dim)?;
        let state = plan
            .spawn()
            .map_err(|error| damaged(format!("{error:#}")))?;
        Ok(Self {
            state,
            size,
            dim,
            batch,
        })
    }

    fn run(&mut self, tensor: &[f32], out: &mut [f32]) -> TractResult<()> {
        let shape = [self.batch, 3, self.size, self.size];
        let input = Tensor::from_shape(&shape, tensor)?;
        let output = self.state.run(tvec![input.into()])?;
        out.copy_from_slice(output[0].try_as_plain_ram()?.as_slice::<f32>()?);
        Ok(())
    }
}

impl Embedder for TractEmbedder {
    fn name(&self) -> &str {
        "tract"
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn input_size(&self) -> usize {
        self.size
    }

    fn batch(&self) -> usize {
        self.batch
    }

    fn embed(&mut self, tensor: &[f32], out: &mut [f32]) -> Result<(), Fault> {
        check_lengths(self, tensor, out)?;
        self.run(tensor, out)
            .map_err(|error| damaged(format!("{error:#}")))?;
        check_finite(out)
    }
}

/// Convolutions run channel-last: tract's depthwise convolution then walks channels, which lie side by side, instead of
/// the few pixels of a small map, most of them at its border.
fn build(model: &ModelProto, batch: usize, size: usize) -> TractResult<Arc<TypedSimplePlan>> {
    // Declared inner and output shapes may carry the exporter's batch of one.
    let mut model = tract_onnx::onnx()
        .with_ignore_value_info(true)
        .with_ignore_output_shapes(true)
        .model_for_proto_model(model)?
        .with_input_fact(0, f32::fact([batch, 3, size, size]).into())?
        .into_typed()?
        .into_decluttered()?;
    if let Some(channels_last) = get_transform("conv_nhwc")? {
        channels_last.transform(&mut model)?;
    }
    model.into_optimized()?.into_runnable()
}

fn check_output(plan: &TypedSimplePlan, batch: usize, dim: usize) -> Result<(), Fault> {
    let refused = |got: String| {
        Fault::new(
            Code::ModelShape,
            format!("one f32 output [{batch}, {dim}]"),
            got,
            "install the ONNX file and the manifest of one release",
        )
    };
    let outputs = plan.model().outputs.len();
    if outputs != 1 {
        return Err(refused(format!("{outputs} outputs")));
    }
    let fact = plan.model().output_fact(0);
    let fact = fact.map_err(|error| damaged(format!("{error:#}")))?;
    let is_shape = fact.shape.as_concrete() == Some(&[batch, dim][..]);
    if !is_shape || fact.datum_type != f32::datum_type() {
        return Err(refused(format!("{fact:?}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{DIM, SIZE, tiny_onnx};
    use proptest::prelude::*;
    use skueye_models::EmbeddingId;

    const ID: EmbeddingId = EmbeddingId([3; 16]);
    const CONTRACT: Contract = Contract {
        embedding_id: ID,
        size: SIZE,
        dim: DIM,
    };

    /// A tensor of `batch` pictures, all values different.
    fn tensor(batch: usize) -> Vec<f32> {
        let count = batch * 3 * (SIZE * SIZE) as usize;
        (0..count)
            .map(|i| ((i * 7919 % 2001) as f32 - 1000.0) / 1000.0)
            .collect()
    }

    fn embed(embedder: &mut TractEmbedder, tensor: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; embedder.batch() * embedder.dim()];
        embedder.embed(tensor, &mut out).unwrap();
        out
    }

    #[test]
    fn typed_fp16_is_widened_and_a_batch_gives_the_rows_of_single_calls() {
        let mut single = TractEmbedder::new(&tiny_onnx(ID, false), &CONTRACT).unwrap();
        let mut fp16 = TractEmbedder::with_batch(&tiny_onnx(ID, true), &CONTRACT, 3).unwrap();
        let input = tensor(3);
        let rows: Vec<f32> = input
            .chunks(input.len() / 3)
            .flat_map(|row| embed(&mut single, row))
            .collect();
        // The weights are exact in FP16 but for the bias of 0.01.
        for (a, b) in embed(&mut fp16, &input).iter().zip(&rows) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }

    #[test]
    fn a_network_that_rounds_to_fp16_does_so_only_as_typed() {
        let mut model = parse(&tiny_onnx(ID, true), &CONTRACT).unwrap();
        widen_to_f32(&mut model);
        crate::onnx::round_to_f16(&mut model);
        let rounded = prost::Message::encode_to_vec(&model);
        let mut typed = TractEmbedder::as_typed(&rounded, &CONTRACT).unwrap();
        let mut widened = TractEmbedder::new(&rounded, &CONTRACT).unwrap();
        let is_half = |v: &f32| half::f16::from_f32(*v).to_f32() == *v;
        let (halves, floats) = (
            embed(&mut typed, &tensor(1)),
            embed(&mut widened, &tensor(1)),
        );
        assert!(halves.iter().all(is_half) && !floats.iter().all(is_half));
        for (a, b) in halves.iter().zip(&floats) {
            assert!((a - b).abs() < 2e-3 * b.abs().max(1.0), "{a} {b}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_damaged_file_is_refused_or_computes(at: usize, value: u8, cut: usize) {
            let mut onnx = tiny_onnx(ID, true);
            let at = at % onnx.len();
            onnx[at] = value;
            onnx.truncate(onnx.len() - cut % 3 * 50);
            if let Ok(mut embedder) = TractEmbedder::new(&onnx, &CONTRACT) {
                let _ = embedder.embed(&tensor(1), &mut [0.0; DIM as usize]);
            }
        }
    }
}
