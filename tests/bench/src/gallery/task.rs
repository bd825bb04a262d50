//! What is measured: vectors and queries, from files or made up.

use std::path::PathBuf;

use clap::Args;
use skueye_models::Fault;

use crate::npy::Array;
use crate::refused;
use crate::vectors::Made;

/// Rows read at a time.
const ROWS: usize = 8192;

/// Where vectors and queries come from.
#[derive(Debug, Args)]
pub struct Input {
    /// The rows: a matrix of float32.
    #[arg(long, required_unless_present = "synthetic")]
    vectors: Option<PathBuf>,
    /// The queries: a matrix of float32 with as many columns.
    #[arg(long, required_unless_present = "synthetic")]
    queries: Option<PathBuf>,
    /// A vector of integers: the product of each query, negative where the gallery has none.
    #[arg(long)]
    labels: Option<PathBuf>,
    /// A vector of integers, none negative: the product of each row. Without it, each row is a product.
    #[arg(long)]
    products: Option<PathBuf>,
    /// Makes the vectors up as they are needed, as `skueye-bench vectors` does, and keeps none: for more than fit on a disk.
    #[arg(long, conflicts_with_all = ["vectors", "queries", "labels", "products"])]
    synthetic: bool,
    #[command(flatten)]
    made: Made,
}

/// The input, checked.
pub struct Task {
    base: Base,
    pub rows: usize,
    pub dim: usize,
    /// One after the other.
    pub queries: Vec<f32>,
    /// Whether the gallery has the product of each query.
    pub known: Option<Vec<bool>>,
    /// The product of each row.
    pub products: Option<Vec<i64>>,
}

/// The rows, which need not fit in memory.
enum Base {
    File(Array),
    Made(Made),
}

impl Input {
    pub fn task(&self) -> Result<Task, Fault> {
        match (&self.vectors, &self.queries) {
            (Some(vectors), Some(queries)) => {
                self.read(Array::open(vectors)?, Array::open(queries)?)
            }
            _ => make(&self.made),
        }
    }

    fn read(&self, base: Array, asked: Array) -> Result<Task, Fault> {
        let (rows, dim) = base.matrix()?;
        let (count, columns) = asked.matrix()?;
        if columns != dim || count == 0 || rows == 0 {
            let got = format!("{count} of {columns} to {rows} rows");
            return Err(refused(format!("queries of {dim} values"), got));
        }
        let integers = |path: &Option<PathBuf>, expected: usize| {
            let path = path.as_ref();
            let read = |path: &PathBuf| {
                let numbers = Array::open(path)?.integers()?;
                match numbers.len() == expected {
                    true => Ok(numbers),
                    false => {
                        let got = numbers.len().to_string();
                        Err(refused(format!("{expected} integers"), got).at(path))
                    }
                }
            };
            path.map(read).transpose()
        };
        let labels = integers(&self.labels, count)?;
        Ok(Task {
            queries: asked.values()?,
            known: labels.map(|labels| labels.iter().map(|label| *label >= 0).collect()),
            products: integers(&self.products, rows)?,
            base: Base::File(base),
            rows,
            dim,
        })
    }
}

fn make(made: &Made) -> Result<Task, Fault> {
    let products = made.products()?;
    let asked = made.asked(&products);
    if asked.is_empty() {
        return Err(refused("at least one query", "none"));
    }
    Ok(Task {
        rows: made.rows,
        dim: made.dim,
        queries: made.queries(&asked),
        known: Some(asked.iter().map(|(_, label)| *label >= 0).collect()),
        products: Some(products),
        base: Base::Made(made.clone()),
    })
}

impl Task {
    /// Calls `each` with the number of the first row and the values of some rows, all of them in order.
    pub fn for_rows(
        &self,
        each: impl FnMut(usize, &[f32]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        match &self.base {
            Base::File(array) => array.for_rows(ROWS, each),
            Base::Made(made) => made.for_rows(self.products.as_deref().unwrap_or(&[]), each),
        }
    }

    /// The queries, one by one.
    pub fn each_query(&self) -> impl Iterator<Item = &[f32]> {
        self.queries.chunks_exact(self.dim)
    }
}
