//! After start-up, neither searching nor re-ranking allocates.

mod common;

use std::sync::Arc;

use skueye_gallery::{
    Gallery, GalleryView, Hits, Kernel, Request, Reranker, Scan, Searcher, Snapshot, Team,
};

fn allocations(run: impl FnOnce()) -> u64 {
    allocation_counter::measure(run).count_total
}

#[test]
fn searching_and_reranking_allocate_nothing() {
    let (builder, rows) = common::clustered(3, 256, 300, 3);
    let bytes = builder.to_bytes();
    let view = GalleryView::open(&bytes).unwrap();
    assert!(
        allocations(|| drop(std::hint::black_box(vec![1u8]))) > 0,
        "the counter counts"
    );
    for kernel in Kernel::available() {
        let (mut searcher, mut hits) = (Searcher::with_kernel(kernel), Hits::new());
        let mut reranker = Reranker::new(256);
        let counted = allocations(|| {
            for (row, k) in rows
                .iter()
                .step_by(50)
                .zip([1, 10, 100, 256].into_iter().cycle())
            {
                let row = row.as_slice();
                searcher.search(&view, row, k, &mut hits).unwrap();
                reranker.rerank(&view, row, hits.rows()).unwrap();
            }
        });
        assert_eq!(counted, 0, "{}", kernel.name());
    }
    let opened = allocations(|| assert!(GalleryView::open(&bytes).is_ok()));
    assert_eq!(opened, 0, "nor does opening");
}

#[test]
fn pruned_searches_fp16_and_teams_allocate_nothing() {
    let (builder, rows) = common::with_halves(3, 64, 9_000, 3);
    let gallery = Gallery::from_bytes(builder.to_bytes(), "memory").unwrap();
    let snapshot = Snapshot::of(Arc::new(gallery));
    let (mut searcher, mut hits) = (Searcher::new(), Hits::new());
    let mut team = Team::new(3).unwrap();
    for scan in [Scan::Exact, Scan::Pruned] {
        let request = Request {
            scan,
            ..Request::new(10)
        };
        let counted = allocations(|| {
            for row in rows.iter().step_by(1000) {
                let row = row.as_slice();
                searcher
                    .answer_in(&snapshot, row, &request, &mut hits)
                    .unwrap();
                team.answer(&snapshot, row, &request, None, &mut hits)
                    .unwrap();
            }
        });
        assert_eq!(counted, 0, "{scan:?}");
    }
}
