//! An engine at work: a plan made ready, its input and output proven, one picture at a time.

use std::sync::Arc;

use skueye_models::{Code, Fault};

use super::ffi::callbacks::Logger;
use super::ffi::lane::Lane;
use super::ffi::objects::{Border, Context, Engine, Mode};
use super::loader::Found;
use super::said;
use crate::embed::{Embedder, check_finite, check_lengths};
use crate::onnx::Contract;

/// An engine with its buffers.
pub(super) struct Session {
    lane: Lane,
    size: usize,
    dim: usize,
}

impl Session {
    /// From a plan that was built here. Errors: E404 another input or output, E410 TensorRT refuses the plan, E412 the
    /// GPU refuses the work.
    pub fn new(
        found: &Found,
        plan: &[u8],
        contract: &Contract,
        dla_core: Option<u32>,
    ) -> Result<Self, Fault> {
        found.gpu.bind()?;
        let logger = Arc::new(Logger::new(found.library.slots));
        let engine = Engine::new(
            found.library,
            &logger,
            plan,
            dla_core.map(|core| core as i32),
        );
        let engine = engine.ok_or_else(|| refused(&logger))?;
        let context = Context::new(engine).ok_or_else(|| refused(&logger))?;
        let (size, dim) = (contract.size as usize, contract.dim as usize);
        let (input, output) = check_borders(&context.engine().borders(), contract)?;
        let lane = Lane::new(
            &found.gpu,
            context,
            (&input, &output),
            (3 * size * size, dim),
        )?;
        Ok(Self { lane, size, dim })
    }

    /// Whether pictures are handed over as a CUDA graph.
    pub fn has_graph(&self) -> bool {
        self.lane.has_graph()
    }
}

/// The names of the one f32 input `[1, 3, size, size]` and the one f32 output `[1, dim]`. Errors: E404.
fn check_borders(
    borders: &[Border<'_>],
    contract: &Contract,
) -> Result<(std::ffi::CString, std::ffi::CString), Fault> {
    let (size, dim) = (i64::from(contract.size), i64::from(contract.dim));
    let is = |border: &Border<'_>, mode, sizes: &[i64]| {
        border.mode == mode && border.is_f32 && border.sizes == sizes
    };
    let find = |mode, sizes: &[i64]| borders.iter().find(|border| is(border, mode, sizes));
    let input = find(Mode::Input, &[1, 3, size, size]);
    let output = find(Mode::Output, &[1, dim]);
    match (input, output, borders.len()) {
        (Some(input), Some(output), 2) => Ok((input.name.to_owned(), output.name.to_owned())),
        _ => Err(Fault::new(
            Code::ModelShape,
            format!("one f32 input [1, 3, {size}, {size}] and one f32 output [1, {dim}]"),
            format!("{borders:?}").chars().take(300).collect::<String>(),
            "install the ONNX file and the manifest of one release",
        )),
    }
}

fn refused(logger: &Logger) -> Fault {
    Fault::new(
        Code::EngineBuild,
        "TensorRT to take the engine",
        said(logger),
        "remove the folder of engines (model.engines), so that the engine is built anew",
    )
}

impl Embedder for Session {
    fn name(&self) -> &str {
        "tensorrt"
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn input_size(&self) -> usize {
        self.size
    }

    fn embed(&mut self, tensor: &[f32], out: &mut [f32]) -> Result<(), Fault> {
        check_lengths(self, tensor, out)?;
        self.lane.run(tensor, out)?;
        check_finite(out)
    }
}
