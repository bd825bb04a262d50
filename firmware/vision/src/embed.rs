//! The seam between pixels and vectors: one trait for every runtime.

use skueye_models::embedding::normalise_in_place;
use skueye_models::{Code, Fault};

/// What a runtime has to tell between pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Its engine is being built; another runtime answers meanwhile.
    Building {
        /// Of the work.
        percent: u8,
        /// An estimate, once there is one.
        seconds_left: Option<u32>,
    },
    /// From now on it computes itself.
    Ready,
    /// Something failed and the work goes on.
    Trouble(Fault),
}

/// A network on some runtime. It computes `batch` pictures at a time.
pub trait Embedder: Send {
    /// The runtime's name, such as `tract`.
    fn name(&self) -> &str;

    /// Length of one embedding.
    fn dim(&self) -> usize;

    /// Width and height of the input, pixels.
    fn input_size(&self) -> usize;

    /// Pictures in one call.
    fn batch(&self) -> usize {
        1
    }

    /// The network's output for `tensor` (`[batch, 3, size, size]`) into `out` (`[batch, dim]`), not normalised.
    ///
    /// Errors: E404 another length, E403 the runtime failed, E406 a value that is not finite.
    fn embed(&mut self, tensor: &[f32], out: &mut [f32]) -> Result<(), Fault>;

    /// More than its name: how it came to be, in words. Empty where there is nothing to say.
    fn about(&self) -> String {
        String::new()
    }

    /// What happened since the last call, one thing at a time. It takes no memory while nothing fails.
    fn notice(&mut self) -> Option<Notice> {
        None
    }

    /// Waits until the runtime itself computes or has given up, and tells everything that [`Self::notice`] would.
    fn settle(&mut self, _tell: &mut dyn FnMut(Notice)) {}

    /// As [`Self::embed`], each embedding divided by its norm.
    fn embed_unit(&mut self, tensor: &[f32], out: &mut [f32]) -> Result<(), Fault> {
        self.embed(tensor, out)?;
        out.chunks_mut(self.dim()).try_for_each(normalise_in_place)
    }
}

/// Refuses buffers of another length than `[batch, 3, size, size]` and `[batch, dim]` (E404).
pub(crate) fn check_lengths(
    embedder: &dyn Embedder,
    tensor: &[f32],
    out: &[f32],
) -> Result<(), Fault> {
    let input = embedder.batch() * 3 * embedder.input_size().pow(2);
    let output = embedder.batch() * embedder.dim();
    if tensor.len() == input && out.len() == output {
        return Ok(());
    }
    Err(Fault::new(
        Code::ModelShape,
        format!("{input} values in and {output} out"),
        format!("{} and {}", tensor.len(), out.len()),
        "use the model's own preprocessing",
    ))
}

/// Refuses values that are not finite (E406).
pub(crate) fn check_finite(values: &[f32]) -> Result<(), Fault> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(at) => Err(Fault::new(
            Code::EmbeddingNotFinite,
            "finite values",
            format!("{} at position {at}", values[at]),
            "run the model's self-test; if it fails, install the model again",
        )),
    }
}
