//! The same bits on every processor. `samples/processors.txt` holds what x86-64 gave; aarch64 is held against it by
//! `cargo device-test`, with and without its dot-product instruction.

mod common;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use common::{Random, clustered};
use skueye_gallery::{GalleryView, Hits, Kernel, Request, Scan, Searcher};

const DIM: usize = 256;

/// FNV-1a: enough to see a difference.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A gallery's bytes and what each kind of search finds in it, scores bit by bit.
fn told(kernel: Kernel) -> String {
    let (builder, rows) = clustered(8, DIM, 700, 3);
    let bytes = builder.to_bytes();
    let view = GalleryView::open(&bytes).unwrap();
    let mut text = format!("gallery {:016x}\n", hash(&bytes));
    let (mut searcher, mut hits, mut random) =
        (Searcher::with_kernel(kernel), Hits::new(), Random(9));
    for number in 0..12 {
        let probe = random.near(rows[number * 97].as_slice(), 1.0);
        let pruned = Request {
            scan: Scan::Pruned,
            ..Request::new(5)
        };
        for (name, request) in [("exact", Request::exact(5)), ("pruned", pruned)] {
            searcher
                .answer(&view, probe.as_slice(), &request, &mut hits)
                .unwrap();
            for hit in hits.rows() {
                let score = hit.score.to_bits();
                writeln!(text, "{number} {name} row {} score {score:08x}", hit.row).unwrap();
            }
        }
    }
    text
}

#[test]
fn every_kernel_of_this_processor_tells_what_the_file_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/processors.txt");
    if std::env::var_os("SKUEYE_WRITE_SAMPLES").is_some() {
        fs::write(&path, told(Kernel::best())).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    for kernel in Kernel::available() {
        println!("kernel {}", kernel.name());
        let told = told(kernel);
        let differs = told
            .lines()
            .zip(expected.lines())
            .find(|(got, right)| got != right);
        assert_eq!(
            differs,
            None,
            "{} against {}",
            kernel.name(),
            path.display()
        );
        assert_eq!(told.len(), expected.len());
    }
}
