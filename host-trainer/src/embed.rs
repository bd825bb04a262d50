//! Embedding of many pictures by the device's own code.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use skueye_models::{Fault, UnitEmbedding};
use skueye_vision::decode::decode_file;
use skueye_vision::model::ModelSet;
use skueye_vision::picture::Region;

use crate::progress::Step;

/// The unit embeddings of `paths` in order, by the model in `folder`, each picture whole, on all cores.
pub fn embed_pictures(folder: &Path, paths: &[PathBuf]) -> Result<Vec<UnitEmbedding>, Fault> {
    let step = Step::new("embed", paths.len() as u64);
    let threads = rayon::current_num_threads().max(1);
    let share = paths.len().div_ceil(threads).max(1);
    let parts = paths.par_chunks(share).map(|part| {
        let mut model = ModelSet::load(folder)?;
        let embed = |path: &PathBuf| {
            let image = decode_file(path)?;
            step.advance(1);
            model
                .embed_image(&image, Region::whole(&image))
                .map_err(|fault| fault.at(path))
        };
        part.iter().map(embed).collect::<Result<Vec<_>, Fault>>()
    });
    Ok(parts.collect::<Result<Vec<_>, Fault>>()?.concat())
}
