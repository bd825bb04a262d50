//! How long an exact search takes on this machine, with each kernel:
//! `cargo run --release -p skueye-gallery --example scan -- [ROWS [DIM]]`

use std::hint::black_box;
use std::time::{Duration, Instant};

use skueye_gallery::{GalleryBuilder, GalleryView, Hits, Kernel, Reranker, Searcher};
use skueye_models::{EmbeddingId, Fault, Gtin, Product, UnitEmbedding};

fn main() -> Result<(), Fault> {
    let mut numbers = std::env::args()
        .skip(1)
        .filter_map(|text| text.parse().ok());
    let (rows, dim) = (
        numbers.next().unwrap_or(10_000),
        numbers.next().unwrap_or(256),
    );
    let bytes = gallery(rows, dim)?;
    println!("{rows} rows of {dim} values, {} bytes", bytes.len());
    let view = GalleryView::open(&bytes)?;
    let (_, opened) = best_of(|| black_box(GalleryView::open(black_box(&bytes))));
    let (_, verified) = best_of(|| view.verify());
    println!("open {opened:?}, verify {verified:?}");

    let probe = embedding(u64::from(u32::MAX), dim)?;
    let mut hits = Hits::new();
    for kernel in Kernel::available() {
        let mut searcher = Searcher::with_kernel(kernel);
        for k in [10, 100] {
            let (found, time) = best_of(|| searcher.search(&view, probe.as_slice(), k, &mut hits));
            found?;
            println!("exact, k {k}, {}: {time:?}", kernel.name());
        }
    }
    let mut reranker = Reranker::new(dim as usize);
    let (_, time) = best_of(|| {
        reranker
            .rerank(&view, probe.as_slice(), hits.rows())
            .is_ok()
    });
    println!("re-rank {}: {time:?}", hits.rows().len());
    Ok(())
}

fn gallery(rows: u32, dim: u32) -> Result<Vec<u8>, Fault> {
    let mut builder = GalleryBuilder::new(EmbeddingId([0; 16]), dim)?;
    for row in 0..rows {
        let gtin = Gtin::from_body(u64::from(row / 4), 13)?;
        let product = match builder.product_of(gtin) {
            Some(product) => product,
            None => builder.add_product(Product {
                gtin,
                title: format!("Tea {row}"),
                category: String::new(),
            })?,
        };
        builder.add_row(product, &embedding(u64::from(row), dim)?)?;
    }
    Ok(builder.to_bytes())
}

/// A direction that follows from the seed.
fn embedding(seed: u64, dim: u32) -> Result<UnitEmbedding, Fault> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let values = (0..dim).map(|_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 - 8_388_608.0
    });
    UnitEmbedding::normalise(values.collect())
}

/// The last result and the shortest of 50 runs.
fn best_of<T>(mut run: impl FnMut() -> T) -> (T, Duration) {
    let mut timed = || {
        let start = Instant::now();
        let result = run();
        (result, start.elapsed())
    };
    let first = timed();
    (1..50)
        .map(|_| timed())
        .fold(first, |(_, best), (result, time)| (result, best.min(time)))
}
