//! What training holds of a listing: where its picture lies, which attributes its title names, its categories.
//!
//! At eProduct's size (1.3 million rows) that is about 70 bytes a row and 4 for each attribute. Titles are read once and
//! forgotten.

use std::collections::BTreeSet;
use std::path::PathBuf;

use skueye_models::Fault;

use super::{Tokens, Vocabulary};
use crate::data::{Classes, Dataset, Level, PicturePaths, Row, Split};
use crate::progress::Step;

/// The class of a row without a category, or with one that the classes lack.
const NO_CLASS: u32 = u32::MAX;

/// The rows of one split, ready for training.
#[derive(Debug, Clone)]
pub struct TrainingIndex {
    pictures: PicturePaths,
    /// For each row where its attributes end in `attributes`.
    ends: Vec<u64>,
    attributes: Vec<u32>,
    weights: Vec<f32>,
    classes: Classes,
    /// For each level and row its class.
    class: [Vec<u32>; 3],
}

impl TrainingIndex {
    /// Reads `split` of `dataset`; its own categories become the classes. Errors: those of reading.
    pub fn load(dataset: &Dataset, split: Split, vocabulary: &Vocabulary) -> Result<Self, Fault> {
        let mut numbers: [BTreeSet<u32>; 3] = Default::default();
        let mut index = Self::read(dataset, split, vocabulary, |level, number| {
            numbers[level as usize].insert(number);
            number
        })?;
        index.classes = Classes::new(numbers.map(|level| level.into_iter().collect()));
        for level in Level::ALL {
            let class = |number: &mut u32| {
                *number = index.classes.class(level, *number).unwrap_or(NO_CLASS);
            };
            index.class[level as usize].iter_mut().for_each(class);
        }
        Ok(index)
    }

    /// Reads `split` of `dataset` with the classes of another index, such as those of the training split for validation.
    pub fn load_with(
        dataset: &Dataset,
        split: Split,
        vocabulary: &Vocabulary,
        classes: &Classes,
    ) -> Result<Self, Fault> {
        let mut index = Self::read(dataset, split, vocabulary, |level, number| {
            classes.class(level, number).unwrap_or(NO_CLASS)
        })?;
        index.classes = classes.clone();
        Ok(index)
    }

    fn read(
        dataset: &Dataset,
        split: Split,
        vocabulary: &Vocabulary,
        mut class: impl FnMut(Level, u32) -> u32,
    ) -> Result<Self, Fault> {
        let mut index = Self {
            pictures: PicturePaths::new(dataset.root()),
            ends: Vec::new(),
            attributes: Vec::new(),
            weights: vocabulary.weights().to_vec(),
            classes: Classes::default(),
            class: Default::default(),
        };
        let mut table = dataset.table(split)?;
        let step = Step::new("read rows", table.progress().1);
        let (mut tokens, mut named, mut shown) = (Tokens::default(), Vec::new(), 0);
        while let Some(row) = table.next_row().transpose()? {
            vocabulary.targets_into(row.title, &mut tokens, &mut named);
            index.push(&row, &named, &mut class);
            if index.len().is_multiple_of(1024) {
                let at = table.progress().0;
                step.advance(at - shown);
                shown = at;
            }
        }
        index.shrink();
        Ok(index)
    }

    fn push(&mut self, row: &Row, attributes: &[u32], class: &mut impl FnMut(Level, u32) -> u32) {
        self.pictures.push(&row.image());
        self.attributes.extend(attributes);
        self.ends.push(self.attributes.len() as u64);
        for level in Level::ALL {
            let number = row.categories[level as usize];
            let class = number.map_or(NO_CLASS, |number| class(level, number));
            self.class[level as usize].push(class);
        }
    }

    /// The same without `rows`, ascending. Attributes and classes stay as they are, whether or not a row is left that has
    /// them.
    #[must_use]
    pub fn without(&self, rows: &[usize]) -> Self {
        let mut left = Self {
            pictures: self.pictures.without(rows),
            ends: Vec::new(),
            attributes: Vec::new(),
            weights: self.weights.clone(),
            classes: self.classes.clone(),
            class: Default::default(),
        };
        for row in (0..self.len()).filter(|row| rows.binary_search(row).is_err()) {
            left.attributes.extend(self.attributes(row));
            left.ends.push(left.attributes.len() as u64);
            for (left, all) in left.class.iter_mut().zip(&self.class) {
                left.push(all[row]);
            }
        }
        left.shrink();
        left
    }

    fn shrink(&mut self) {
        self.pictures.shrink();
        self.ends.shrink_to_fit();
        self.attributes.shrink_to_fit();
        self.class.iter_mut().for_each(Vec::shrink_to_fit);
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The picture files, by row.
    pub fn pictures(&self) -> &PicturePaths {
        &self.pictures
    }

    /// The picture file of `row`.
    pub fn picture(&self, row: usize) -> PathBuf {
        self.pictures.path(row)
    }

    /// The attributes that the title of `row` names: indices in the vocabulary, ascending, each once.
    pub fn attributes(&self, row: usize) -> &[u32] {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.attributes[start as usize..self.ends[row] as usize]
    }

    /// How many attributes the vocabulary has.
    pub fn attribute_count(&self) -> usize {
        self.weights.len()
    }

    /// For each attribute what it weighs in a title's target; all 1 unless the vocabulary was mined with weights.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// The class of `row` on `level`; `None` where the row has no category that the classes know.
    pub fn class(&self, row: usize, level: Level) -> Option<u32> {
        Some(self.class[level as usize][row]).filter(|&class| class != NO_CLASS)
    }

    /// The categories that classes stand for.
    pub fn classes(&self) -> &Classes {
        &self.classes
    }

    /// Bytes of memory that the rows take, attributes included.
    pub fn heap_bytes(&self) -> usize {
        let classes = self.class.iter().map(|level| level.capacity() * 4);
        self.pictures.heap_bytes()
            + self.ends.capacity() * 8
            + self.attributes.capacity() * 4
            + classes.sum::<usize>()
    }
}
