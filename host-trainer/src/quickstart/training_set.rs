//! Training pictures with the attributes of their titles.

use std::path::PathBuf;

use skueye_models::Fault;

use crate::data::{Dataset, Split};
use crate::mine::{Tokens, Vocabulary};

/// What the teacher learns from.
#[derive(Debug, Clone)]
pub struct TrainingSet {
    /// Picture files.
    pub paths: Vec<PathBuf>,
    /// For each picture the attributes that its title names, ascending.
    pub targets: Vec<Vec<u32>>,
    /// How many attributes there are.
    pub attributes: usize,
}

impl TrainingSet {
    /// The train split of `dataset` with `vocabulary`. Errors: those of reading.
    pub fn load(dataset: &Dataset, vocabulary: &Vocabulary) -> Result<Self, Fault> {
        let mut set = Self {
            paths: Vec::new(),
            targets: Vec::new(),
            attributes: vocabulary.len(),
        };
        let mut tokens = Tokens::default();
        for row in dataset.rows(Split::Train)? {
            let row = row?;
            set.targets
                .push(vocabulary.targets(&row.title, &mut tokens));
            set.paths.push(row.image);
        }
        Ok(set)
    }
}
