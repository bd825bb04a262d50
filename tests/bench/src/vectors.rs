//! Synthetic unit vectors with the structure of a shop: rows of one product lie near each other, products of one line and
//! lines of one category lie nearer than strangers. They stand in for whitened embeddings, of which none exist at a million
//! rows; they are not a measure of recognition.
//!
//! A row is `0.4 category + 0.4 line + 0.55 product + 0.6 noise`, a query has `0.7 noise`; each part is a Gaussian vector,
//! the sum is normalised: cosines of query and row of about 0.60 within a product, 0.31 within a line, 0.15 within a
//! category, and 0 +- 1 / sqrt(dim) between strangers. Directions are a little unequal (1.2 to 0.8), as whitening with a
//! ridge leaves them. Products have 1 + geometric rows (4 on average, at most 20), lines 8 products, categories 34 lines.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::Args;
use skueye_models::Fault;

use crate::npy;
use crate::random::Random;

const CATEGORY: f32 = 0.4;
const LINE: f32 = 0.4;
const PRODUCT: f32 = 0.55;
const ROW_NOISE: f32 = 0.6;
const QUERY_NOISE: f32 = 0.7;
const PRODUCTS_PER_LINE: u64 = 8;
const LINES_PER_CATEGORY: u64 = 34;
const MOST_ROWS: u64 = 20;
/// Vectors that one thread makes at a time.
const BATCH: usize = 1024;

/// What a stream of random numbers is for.
#[derive(Clone, Copy)]
enum Purpose {
    Category = 1,
    Line,
    Product,
    Count,
    Row,
    Query,
    Choice,
}

/// Numbers of products and lines that no gallery has.
const NEW: u64 = 1 << 40;

/// What a vector shows.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    product: u64,
    line: u64,
    category: u64,
}

impl Seen {
    fn of(product: u64) -> Self {
        let line = product / PRODUCTS_PER_LINE;
        Self {
            product,
            line,
            category: line / LINES_PER_CATEGORY,
        }
    }
}

/// How many vectors, and which.
#[derive(Debug, Clone, Args)]
pub struct Made {
    /// Number of rows of the gallery.
    #[arg(long, default_value_t = 100_000)]
    pub rows: usize,
    /// Values of a vector.
    #[arg(long, default_value_t = 256)]
    pub dim: usize,
    /// Number of queries; every fifth is of a product that the gallery lacks.
    #[arg(long, default_value_t = 1000)]
    pub query_count: usize,
    /// The seed.
    #[arg(long, default_value_t = 4)]
    pub seed: u64,
}

/// What to make, and where.
#[derive(Debug, Args)]
pub struct Vectors {
    #[command(flatten)]
    made: Made,
    /// Folder for base.npy, products.npy (of each row), queries.npy and labels.npy (product of each query, -1: unknown).
    #[arg(long)]
    out: PathBuf,
}

impl Vectors {
    pub fn run(self) -> Result<(), Fault> {
        std::fs::create_dir_all(&self.out).map_err(|e| Fault::io("create", &self.out, &e))?;
        let Made { rows, dim, .. } = self.made;
        let products = self.made.products()?;
        self.write("base.npy", "<f4", &[rows, dim], |out| {
            let write = |_, values: &[f32]| write_floats(out, values);
            self.made.for_rows(&products, write)
        })?;
        self.write_integers("products.npy", &products)?;
        let asked = self.made.asked(&products);
        self.write("queries.npy", "<f4", &[asked.len(), dim], |out| {
            write_floats(out, &self.made.queries(&asked))
        })?;
        let labels: Vec<i64> = asked.iter().map(|(_, label)| *label).collect();
        self.write_integers("labels.npy", &labels)?;
        let count = products.last().map_or(0, |last| last + 1);
        eprintln!("{rows} rows of {count} products, {} queries", asked.len());
        Ok(())
    }

    fn write(
        &self,
        name: &str,
        descr: &str,
        shape: &[usize],
        content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<(), Fault> {
        npy::write(&self.out.join(name), descr, shape, content)
    }

    fn write_integers(&self, name: &str, numbers: &[i64]) -> Result<(), Fault> {
        self.write(name, "<i8", &[numbers.len()], |out| {
            let mut numbers = numbers.iter();
            numbers.try_for_each(|n| out.write_all(&n.to_le_bytes()))
        })
    }
}

fn write_floats(out: &mut impl Write, values: &[f32]) -> io::Result<()> {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    out.write_all(&bytes)
}

impl Made {
    /// The product of each row, ascending. A fault where there is nothing to make.
    pub fn products(&self) -> Result<Vec<i64>, Fault> {
        if self.rows == 0 || self.dim == 0 {
            return Err(crate::refused("at least one row and one value", "none"));
        }

        let mut rows = Vec::with_capacity(self.rows);
        for product in 0.. {
            let mut random = Random::new(self.seed, Purpose::Count as u64, product);
            let mut count = 1;
            while count < MOST_ROWS && random.uniform() < 0.75 {
                count += 1;
            }
            let left = self.rows - rows.len();
            rows.extend(std::iter::repeat_n(
                product as i64,
                left.min(count as usize),
            ));
            if rows.len() == self.rows {
                break;
            }
        }
        Ok(rows)
    }

    /// Calls `each` with the number of the first row and the values of some rows, all of them in order.
    pub fn for_rows<E>(
        &self,
        products: &[i64],
        each: impl FnMut(usize, &[f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        let make = |n: usize, out: &mut [f32]| {
            let seen = Seen::of(products[n].cast_unsigned());
            self.vector(seen, ROW_NOISE, Purpose::Row, n, out);
        };
        self.for_vectors(products.len(), make, each)
    }

    /// What each query shows, and its label.
    pub fn asked(&self, products: &[i64]) -> Vec<(Seen, i64)> {
        let count = products.last().map_or(1, |last| last.cast_unsigned() + 1);
        (0..self.query_count).map(|n| self.asks(n, count)).collect()
    }

    /// The vectors of all queries.
    pub fn queries(&self, asked: &[(Seen, i64)]) -> Vec<f32> {
        let mut queries = vec![0.0; asked.len() * self.dim];
        for (n, out) in queries.chunks_mut(self.dim).enumerate() {
            self.vector(asked[n].0, QUERY_NOISE, Purpose::Query, n, out);
        }
        queries
    }

    /// What a query shows, and its label. Unknown ones are, in turn, a new product of a known line and one of a new line in
    /// a known category.
    fn asks(&self, number: usize, products: u64) -> (Seen, i64) {
        let mut random = Random::new(self.seed, Purpose::Choice as u64, number as u64);
        let known = random.bits() % products;
        let (seen, new) = (Seen::of(known), NEW + number as u64);
        match number % 10 {
            4 => (
                Seen {
                    product: new,
                    ..seen
                },
                -1,
            ),
            9 => (
                Seen {
                    product: new,
                    line: new,
                    ..seen
                },
                -1,
            ),
            _ => (seen, known as i64),
        }
    }

    /// Writes one look at what is `seen`.
    fn vector(&self, seen: Seen, noise: f32, purpose: Purpose, number: usize, out: &mut [f32]) {
        let random = |purpose, number| Random::new(self.seed, purpose as u64, number);
        let mut category = random(Purpose::Category, seen.category);
        let mut line = random(Purpose::Line, seen.line);
        let mut product = random(Purpose::Product, seen.product);
        let mut own = random(purpose, number as u64);
        let last = out.len().max(2) as f32 - 1.0;
        for (at, value) in out.iter_mut().enumerate() {
            let weight = 1.2 - 0.4 * at as f32 / last;
            let shared = CATEGORY * category.normal() + LINE * line.normal();
            *value = weight * (shared + PRODUCT * product.normal() + noise * own.normal());
        }
        let norm = out.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-12);
        out.iter_mut().for_each(|v| *v /= norm);
    }

    /// Calls `each` with the number of the first vector and the values of some, which `make` made on all processors.
    fn for_vectors<E>(
        &self,
        count: usize,
        make: impl Fn(usize, &mut [f32]) + Sync,
        mut each: impl FnMut(usize, &[f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let mut values = vec![0f32; threads * BATCH * self.dim];
        for first in (0..count).step_by(threads * BATCH) {
            let rows = (count - first).min(threads * BATCH);
            let values = &mut values[..rows * self.dim];
            std::thread::scope(|scope| {
                for (part, values) in values.chunks_mut(BATCH * self.dim).enumerate() {
                    let make = &make;
                    scope.spawn(move || {
                        for (n, out) in values.chunks_mut(self.dim).enumerate() {
                            make(first + part * BATCH + n, out);
                        }
                    });
                }
            });
            each(first, values)?;
        }
        Ok(())
    }
}
