//! The self-test that travels with every release: one picture, and what the network must make of it.

use skueye_models::{Code, Fault, Manifest, UnitEmbedding};

use crate::embed::Embedder;
use crate::picture::{Region, RgbImage};
use crate::preprocess::Preprocessor;

/// The golden picture as a tensor, with its embedding.
#[derive(Debug)]
pub struct Golden {
    tensor: Vec<f32>,
    expected: UnitEmbedding,
    least: f32,
}

impl Golden {
    /// Of `picture`, prepared as the release prepares every picture. Errors: the embedding of the manifest is none.
    pub fn new(
        manifest: &Manifest,
        picture: &RgbImage,
        preprocessor: &mut Preprocessor,
    ) -> Result<Self, Fault> {
        Ok(Self {
            tensor: preprocessor
                .tensor(picture, Region::whole(picture))?
                .to_vec(),
            expected: UnitEmbedding::normalise(manifest.self_test.embedding.clone())?,
            least: manifest.self_test.min_cosine,
        })
    }

    /// The cosine between what `embedder` gives and the embedding of the release. Errors: E403 where it is too small;
    /// the embedder's own.
    pub fn check(&self, embedder: &mut dyn Embedder) -> Result<f32, Fault> {
        let mut values = vec![0.0; embedder.dim()];
        embedder.embed(&self.tensor, &mut values)?;
        let cosine = UnitEmbedding::normalise(values)?.cosine(&self.expected);
        if cosine >= self.least {
            return Ok(cosine);
        }
        Err(Fault::new(
            Code::ModelDamaged,
            format!(
                "a cosine of at least {} in the golden self-test",
                self.least
            ),
            format!("{cosine:.6} on {}", embedder.name()),
            "install the model again; if it fails again, report the runtime and processor",
        ))
    }
}
