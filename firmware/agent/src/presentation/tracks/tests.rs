use super::*;
use crate::latency::FrameTimes;
use crate::vote::Ranked;
use proptest::prelude::*;
use skueye_gallery::ProductIndex;
use skueye_models::Verdict;
use std::time::Duration;

const THRESHOLDS: Thresholds = Thresholds {
    accept: 0.6,
    reject: 0.4,
    margin: 0.05,
    false_accept_rate: 0.01,
};
const WIDTH: i32 = 640;

/// A box on the belt: where its left edge is at frame 0, its top, its side, and pixels a frame.
#[derive(Debug, Clone, Copy)]
struct Parcel {
    left: f32,
    top: i32,
    side: i32,
    speed: f32,
}

impl Parcel {
    /// What of it is in the picture at a frame: left, top, right, bottom.
    fn seen(&self, frame: u64) -> Option<[i32; 4]> {
        let left = (self.left + self.speed * frame as f32) as i32;
        let (from, to) = (left.max(0), (left + self.side).min(WIDTH));
        (to - from >= 8).then_some([from, self.top, to, self.top + self.side])
    }
}

/// Boxes that touch are one item, as the localiser sees them.
fn items(parcels: &[Parcel], frame: u64) -> std::vec::Vec<Item> {
    let mut boxes: std::vec::Vec<[i32; 4]> = parcels.iter().filter_map(|p| p.seen(frame)).collect();
    let touch = |a: &[i32; 4], b: &[i32; 4]| {
        a[0] <= b[2] + 6 && b[0] <= a[2] + 6 && a[1] <= b[3] + 6 && b[1] <= a[3] + 6
    };
    while let Some((i, j)) = (0..boxes.len())
        .flat_map(|i| (i + 1..boxes.len()).map(move |j| (i, j)))
        .find(|(i, j)| touch(&boxes[*i], &boxes[*j]))
    {
        let (a, b) = (boxes[i], boxes.swap_remove(j));
        boxes[i] = [
            a[0].min(b[0]),
            a[1].min(b[1]),
            a[2].max(b[2]),
            a[3].max(b[3]),
        ];
    }
    boxes.sort_by_key(|b| -(b[2] - b[0]) * (b[3] - b[1]));
    let item = |b: &[i32; 4]| Item {
        region: Region {
            x: b[0] as u32,
            y: b[1] as u32,
            width: (b[2] - b[0]) as u32,
            height: (b[3] - b[1]) as u32,
        },
        whole: b[0] > 0 && b[2] < WIDTH,
    };
    boxes.iter().map(item).collect()
}

/// Runs the belt until everything has left; parcel n is product n. A look at two parcels at once is a look at neither.
fn run(parcels: &[Parcel], frames: u64) -> std::vec::Vec<Outcome> {
    let mut tracker = Tracker::new(Decision::default(), THRESHOLDS);
    let mut outcomes = std::vec::Vec::new();
    for frame in 0..frames {
        let now = Moment {
            sequence: frame,
            time: Duration::from_millis(frame * 33),
        };
        let look = tracker.observe(now, items(parcels, frame).into_iter());
        if let Some(region) = look {
            let place = Place::of(region);
            let shown = (0..).zip(parcels).filter_map(|(product, parcel)| {
                let [left, top, right, bottom] = parcel.seen(frame)?.map(|n| n as f32);
                let seen = Place {
                    left,
                    top,
                    right,
                    bottom,
                };
                (place.shared(seen) > 0.5 * seen.area()).then_some(product)
            });
            let shown: std::vec::Vec<u32> = shown.collect();
            let hits: std::vec::Vec<Ranked> = match shown[..] {
                [product] => vec![Ranked {
                    product: ProductIndex(product),
                    score: 0.9,
                    own: None,
                }],
                _ => vec![Ranked {
                    product: ProductIndex(99),
                    score: 0.1,
                    own: None,
                }],
            };
            let looked = Looked {
                found: &hits,
                sharpness: 100.0,
                contested: false,
                times: &FrameTimes::default(),
            };
            outcomes.extend(tracker.looked(now, &looked));
        }
        outcomes.extend(std::iter::from_fn(|| tracker.closed()));
    }
    assert!(!tracker.is_voting());
    outcomes
}

fn accepted(outcomes: &[Outcome]) -> std::vec::Vec<u32> {
    let accepted = outcomes.iter().filter(|o| o.verdict == Verdict::Accept);
    let mut products: std::vec::Vec<u32> = accepted.map(|o| o.candidates[0].product.0).collect();
    products.sort_unstable();
    products
}

#[test]
fn every_parcel_of_a_belt_has_its_one_event() {
    let parcels: std::vec::Vec<Parcel> = (0..20)
        .map(|n| Parcel {
            left: -100.0 - n as f32 * 160.0,
            top: 100,
            side: 100,
            speed: 12.0,
        })
        .collect();
    let outcomes = run(&parcels, 400);
    assert_eq!(outcomes.len(), 20);
    assert_eq!(accepted(&outcomes), (0..20).collect::<std::vec::Vec<_>>());
}

#[test]
fn two_lanes_at_different_speeds_are_not_mixed_up() {
    let lane = |top, speed: f32| {
        (0..6).map(move |n| Parcel {
            left: -120.0 - n as f32 * 260.0,
            top,
            side: 110,
            speed,
        })
    };
    let parcels: std::vec::Vec<Parcel> = lane(20, 8.0).chain(lane(260, 14.0)).collect();
    let outcomes = run(&parcels, 400);
    assert_eq!(accepted(&outcomes), (0..12).collect::<std::vec::Vec<_>>());
    assert_eq!(outcomes.len(), 12);
}

#[test]
fn a_parcel_that_overtakes_another_and_joins_it_for_a_while_is_counted_once() {
    let parcels = [
        Parcel {
            left: 40.0,
            top: 100,
            side: 100,
            speed: 5.0,
        },
        Parcel {
            left: -160.0,
            top: 190,
            side: 100,
            speed: 11.0,
        },
    ];
    let outcomes = run(&parcels, 200);
    assert_eq!(accepted(&outcomes), [0, 1], "{outcomes:?}");
    assert_eq!(outcomes.len(), 2, "{outcomes:?}");
}

#[test]
fn an_item_that_is_first_seen_in_two_parts_has_its_one_event() {
    let part = |left| Parcel {
        left,
        top: 100,
        side: 60,
        speed: 0.0,
    };
    let mut tracker = Tracker::new(Decision::default(), THRESHOLDS);
    let mut outcomes = 0;
    for frame in 0..120 {
        let now = Moment {
            sequence: frame,
            time: Duration::from_millis(frame * 33),
        };
        // For one frame its halves are seen apart, then as one.
        let apart = if frame < 1 { 20.0 } else { 0.0 };
        let parcels = [part(200.0), part(262.0 + apart)];
        if tracker
            .observe(now, items(&parcels, frame).into_iter())
            .is_some()
        {
            let hits = [Ranked {
                product: ProductIndex(0),
                score: 0.9,
                own: None,
            }];
            let looked = Looked {
                found: &hits,
                sharpness: 100.0,
                contested: false,
                times: &FrameTimes::default(),
            };
            outcomes += usize::from(tracker.looked(now, &looked).is_some());
        }
        outcomes += std::iter::from_fn(|| tracker.closed()).count();
    }
    assert_eq!(outcomes, 1);
}

#[test]
fn what_passes_in_two_frames_is_no_presentation_and_what_stays_has_one() {
    let flash = Parcel {
        left: -90.0,
        top: 100,
        side: 100,
        speed: 400.0,
    };
    assert!(run(&[flash], 30).is_empty());
    let still = Parcel {
        left: 200.0,
        top: 100,
        side: 100,
        speed: 0.0,
    };
    assert_eq!(run(&[still], 600).len(), 1);
}

proptest! {
    #[test]
    fn any_belt_with_gaps_counts_its_parcels(
        speed in 3.0f32..20.0, side in 60i32..160, gap in 40i32..300, count in 1usize..12,
    ) {
        let parcels: std::vec::Vec<Parcel> = (0..count).map(|n| Parcel {
            left: -(side as f32) - n as f32 * (side + gap) as f32,
            top: 100,
            side,
            speed,
        }).collect();
        let frames = ((WIDTH as f32 + count as f32 * (side + gap) as f32) / speed) as u64 + 30;
        let outcomes = run(&parcels, frames);
        prop_assert_eq!(accepted(&outcomes).len(), count);
        prop_assert_eq!(outcomes.len(), count);
    }

    #[test]
    fn no_boxes_whatever_they_do_make_it_fail(
        boxes in prop::collection::vec(prop::collection::vec((0u32..600, 0u32..400, 1u32..200, 1u32..200, any::<bool>()), 0..20), 0..60),
    ) {
        let mut tracker = Tracker::new(Decision::default(), THRESHOLDS);
        for (frame, boxes) in (0..).zip(&boxes) {
            let now = Moment { sequence: frame, time: Duration::from_millis(frame * 33) };
            let items = boxes.iter().map(|(x, y, width, height, whole)| Item {
                region: Region { x: *x, y: *y, width: *width, height: *height },
                whole: *whole,
            });
            if tracker.observe(now, items).is_some() {
                let looked = Looked { found: &[], sharpness: 1.0, contested: false, times: &FrameTimes::default() };
                tracker.looked(now, &looked);
            }
            while tracker.closed().is_some() {}
        }
        prop_assert!(tracker.presentations() < 2000);
    }
}
