//! Gallery entries of several shots of one product.

use std::collections::HashMap;

use clap::ValueEnum;
use serde::Serialize;
use skueye_models::Fault;

use crate::vectors::{UnitVectors, Vectors};

/// What becomes of a product's shots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Each is a row; the product's score is its best row's.
    Every,
    /// One row: the direction of their mean.
    Mean,
    /// Both.
    MeanAndEvery,
}

impl Pooling {
    /// All ways.
    pub const ALL: [Self; 3] = [Self::Every, Self::Mean, Self::MeanAndEvery];

    /// Its word, as files have it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Every => "every",
            Self::Mean => "mean",
            Self::MeanAndEvery => "mean_and_every",
        }
    }

    /// The gallery's rows for shots `index` of `products`, and the product of each. Errors: E406 where shots cancel out.
    pub fn rows(
        self,
        index: &UnitVectors,
        products: &[usize],
    ) -> Result<(UnitVectors, Vec<usize>), Fault> {
        let every = || (index.table().clone(), products.to_vec());
        let (table, products) = match self {
            Self::Every => every(),
            Self::Mean => means(index, products)?,
            Self::MeanAndEvery => {
                let (mut table, mut of) = means(index, products)?;
                table.append(index)?;
                of.extend(products);
                (table, of)
            }
        };
        Ok((table.normalised()?, products))
    }
}

/// The sums of the shots of each product, products in the order of their first shots.
fn means(index: &UnitVectors, products: &[usize]) -> Result<(Vectors, Vec<usize>), Fault> {
    let dim = index.dim();
    let mut places = HashMap::new();
    let (mut values, mut of) = (Vec::new(), Vec::new());
    for (row, &product) in products.iter().enumerate() {
        let place = *places.entry(product).or_insert_with(|| {
            of.push(product);
            values.resize(of.len() * dim, 0.0);
            of.len() - 1
        });
        let sum = &mut values[place * dim..][..dim];
        sum.iter_mut()
            .zip(index.row(row))
            .for_each(|(s, v)| *s += v);
    }
    Ok((Vectors::new(dim, values)?, of))
}
