//! How often each token occurs. Memory grows with the different tokens, not with the titles.

use std::collections::HashMap;

use rayon::prelude::*;
use skueye_models::Fault;

use super::tokens::Tokens;

/// Titles that one thread takes at a time.
const BATCH: usize = 4096;

/// Token counts over titles. Counts of parts merge exactly, so parts may be counted anywhere in any order.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Counts {
    pub(super) titles: u64,
    pub(super) tokens: HashMap<Box<str>, u64>,
}

impl Counts {
    /// Counts `titles` on all threads; the result does not depend on how many. Ends at the first error.
    pub fn of(titles: impl Iterator<Item = Result<String, Fault>> + Send) -> Result<Self, Fault> {
        let mut titles = titles;
        let batches = std::iter::from_fn(|| {
            let batch: Result<Vec<_>, _> = titles.by_ref().take(BATCH).collect();
            (!matches!(&batch, Ok(batch) if batch.is_empty())).then_some(batch)
        });
        let count = |mut counts: Self, batch: Result<Vec<String>, Fault>| {
            let (batch, mut tokens) = (batch?, Tokens::default());
            batch
                .iter()
                .for_each(|title| counts.add(title, &mut tokens));
            Ok(counts)
        };
        batches
            .par_bridge()
            .try_fold(Self::default, count)
            .try_reduce(Self::default, |mut a, b| {
                a.merge(b);
                Ok(a)
            })
    }

    /// Counts the tokens of one title; a token that stands in it twice counts twice.
    pub fn add(&mut self, title: &str, tokens: &mut Tokens) {
        self.titles += 1;
        for token in tokens.of(title) {
            match self.tokens.get_mut(token) {
                Some(count) => *count += 1,
                None => {
                    self.tokens.insert(token.into(), 1);
                }
            }
        }
    }

    /// Adds the counts of another part.
    pub fn merge(&mut self, mut other: Self) {
        if other.tokens.len() > self.tokens.len() {
            std::mem::swap(self, &mut other);
        }
        self.titles += other.titles;
        for (token, count) in other.tokens {
            *self.tokens.entry(token).or_default() += count;
        }
    }

    /// How many titles were counted.
    pub fn titles(&self) -> u64 {
        self.titles
    }

    /// How often `token` occurs.
    pub fn count(&self, token: &str) -> u64 {
        self.tokens.get(token).copied().unwrap_or(0)
    }
}
