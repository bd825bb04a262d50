use super::*;
use proptest::prelude::*;
use skueye_gallery::ProductIndex;

use crate::latency::FrameTimes;

const THRESHOLDS: Thresholds = Thresholds {
    accept: 0.6,
    reject: 0.4,
    margin: 0.05,
    false_accept_rate: 0.01,
};
const STILL: Scene = Scene::Still(Region {
    x: 0,
    y: 0,
    width: 10,
    height: 10,
});

/// What one frame of a script shows: a scene, and the scores of products 0, 1, ... if it is looked at.
type Shown<'a> = (Scene, &'a [f32]);

fn presenter(decision: Decision) -> Presenter {
    Presenter::new(decision, THRESHOLDS)
}

/// Plays the frames at 10 frames a second and gives the outcomes, with the end of the frames.
fn play(presenter: &mut Presenter, frames: &[Shown<'_>]) -> std::vec::Vec<Outcome> {
    let mut outcomes = std::vec::Vec::new();
    let mut now = Moment::default();
    for (sequence, (scene, scores)) in (0..).zip(frames) {
        now = Moment {
            sequence,
            time: Duration::from_millis(sequence * 100),
        };
        match presenter.observe(now, *scene) {
            Step::Rest => {}
            Step::Close(outcome) => outcomes.push(outcome),
            Step::Look(_) => outcomes.extend(look(presenter, now, scores)),
        }
    }
    outcomes.extend(presenter.finish(now));
    outcomes
}

fn look(presenter: &mut Presenter, now: Moment, scores: &[f32]) -> Option<Outcome> {
    let mut hits: std::vec::Vec<Ranked> = (0..)
        .zip(scores)
        .map(|(row, score)| Ranked {
            product: ProductIndex(row),
            score: *score,
            own: None,
        })
        .collect();
    hits.sort_by(|a, b| b.score.total_cmp(&a.score));
    presenter.looked(
        now,
        &Looked {
            found: &hits,
            sharpness: 100.0,
            contested: false,
            times: &FrameTimes::default(),
        },
    )
}

fn verdicts(frames: &[Shown<'_>]) -> std::vec::Vec<(Verdict, Option<Reason>)> {
    let outcomes = play(&mut presenter(Decision::default()), frames);
    outcomes.iter().map(|o| (o.verdict, o.reason)).collect()
}

const EMPTY: Shown<'_> = (Scene::Empty, &[]);
const MOVING: Shown<'_> = (Scene::Moving, &[]);
const SURE: Shown<'_> = (STILL, &[0.9, 0.3]);
const UNSURE: Shown<'_> = (STILL, &[0.5, 0.3]);
const CLOSE: Shown<'_> = (STILL, &[0.7, 0.69]);
const STRANGE: Shown<'_> = (STILL, &[0.2, 0.1]);

#[test]
fn a_product_with_thresholds_of_its_own_is_judged_by_them() {
    let own = |own: Option<Thresholds>| {
        let mut presenter = presenter(Decision::default());
        let times = FrameTimes::default();
        let found = [0.7, 0.3].map(|score| Ranked {
            product: ProductIndex((score * 10.0) as u32),
            score,
            own: own.filter(|_| score > 0.5),
        });
        let mut outcome = None;
        for sequence in 0..8 {
            let now = Moment {
                sequence,
                time: Duration::from_millis(sequence * 100),
            };
            if let Step::Look(_) = presenter.observe(now, STILL) {
                let looked = Looked {
                    found: &found,
                    sharpness: 100.0,
                    contested: false,
                    times: &times,
                };
                outcome = outcome.or(presenter.looked(now, &looked));
            }
        }
        let outcome = outcome.unwrap();
        (outcome.verdict, outcome.reason)
    };
    let strict = |accept, reject, margin| {
        own(Some(Thresholds {
            accept,
            reject,
            margin,
            ..THRESHOLDS
        }))
    };
    assert_eq!(own(None), (Verdict::Accept, None));
    assert_eq!(
        strict(0.8, 0.4, 0.05),
        (Verdict::Ask, Some(Reason::BelowAccept))
    );
    assert_eq!(
        strict(0.6, 0.4, 0.5),
        (Verdict::Ask, Some(Reason::SmallMargin))
    );
    assert_eq!(
        strict(0.9, 0.8, 0.05),
        (Verdict::Reject, Some(Reason::Unknown))
    );
}

#[test]
fn what_is_exchanged_while_the_camera_is_away_is_a_new_presentation_and_what_stays_is_not() {
    let other: Shown<'_> = (STILL, &[0.3, 0.9]);
    for (after, events) in [(SURE, 1), (other, 2), (STRANGE, 2)] {
        let mut presenter = presenter(Decision::default());
        let mut outcomes = std::vec::Vec::new();
        for (sequence, shown) in (0..).zip([EMPTY, SURE, SURE, SURE].into_iter().chain([after; 8]))
        {
            let now = Moment {
                sequence,
                time: Duration::from_millis(sequence * 100),
            };
            if sequence == 4 {
                presenter.lost(now);
            }
            match presenter.observe(now, shown.0) {
                Step::Rest => {}
                Step::Close(outcome) => outcomes.push(outcome),
                Step::Look(_) => outcomes.extend(look(&mut presenter, now, shown.1)),
            }
        }
        assert_eq!(outcomes.len(), events);
    }
}

#[test]
fn votes_of_two_items_are_not_mixed_when_the_camera_was_lost_between() {
    let mut presenter = presenter(Decision::default());
    let other: Shown<'_> = (STILL, &[0.3, 0.9]);
    let mut outcomes = std::vec::Vec::new();
    for (sequence, shown) in (0..).zip([EMPTY, SURE, other, other]) {
        let now = Moment {
            sequence,
            time: Duration::from_millis(sequence * 100),
        };
        if sequence == 2 {
            presenter.lost(now);
        }
        if let Step::Look(_) = presenter.observe(now, shown.0) {
            outcomes.extend(look(&mut presenter, now, shown.1));
        }
    }
    assert_eq!(outcomes.len(), 1);
    let outcome = &outcomes[0];
    assert_eq!(
        (outcome.presentation, outcome.votes, outcome.agreeing),
        (1, 2, 2)
    );
    assert_eq!(outcome.candidates[0].product, ProductIndex(1));
}

#[test]
fn a_trigger_presents_anew_what_lies_there_and_does_not_cut_a_vote_short() {
    let mut presenter = presenter(Decision::default());
    assert_eq!(play(&mut presenter, &[EMPTY, SURE, SURE, SURE]).len(), 1);
    let mut outcomes = std::vec::Vec::new();
    for (sequence, shown) in (10..).zip([SURE, SURE, SURE, SURE]) {
        presenter.phase = match sequence {
            10 => Phase::Decided,
            _ => presenter.phase,
        };
        presenter.look_again();
        let now = Moment {
            sequence,
            time: Duration::from_millis(sequence * 100),
        };
        if let Step::Look(_) = presenter.observe(now, shown.0) {
            outcomes.extend(look(&mut presenter, now, shown.1));
        }
    }
    assert_eq!(outcomes.len(), 2, "two votes each");
}

#[test]
fn one_outcome_per_presentation_however_long_the_item_stays() {
    let mut frames = vec![EMPTY, MOVING];
    frames.extend([SURE; 50]);
    frames.extend([
        MOVING, SURE, SURE, SURE, MOVING, EMPTY, MOVING, SURE, SURE, SURE, EMPTY,
    ]);
    let outcomes = play(&mut presenter(Decision::default()), &frames);
    let told: std::vec::Vec<_> = outcomes
        .iter()
        .map(|o| {
            (
                o.presentation,
                o.verdict,
                o.first.sequence,
                o.last.sequence,
                o.votes,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (1, Verdict::Accept, 2, 3, 2),
            (2, Verdict::Accept, 59, 60, 2)
        ]
    );
    assert_eq!(outcomes[0].candidates[0].product, ProductIndex(0));
}

#[test]
fn what_is_not_sure_waits_for_all_frames_and_says_why() {
    let stays = |shown| {
        [
            EMPTY, shown, shown, shown, shown, shown, shown, shown, EMPTY,
        ]
    };
    assert_eq!(
        verdicts(&stays(UNSURE)),
        [(Verdict::Ask, Some(Reason::BelowAccept))]
    );
    assert_eq!(
        verdicts(&stays(CLOSE)),
        [(Verdict::Ask, Some(Reason::SmallMargin))]
    );
    assert_eq!(
        verdicts(&stays(STRANGE)),
        [(Verdict::Reject, Some(Reason::Unknown))]
    );
    let nothing = (STILL, &[][..]);
    assert_eq!(
        verdicts(&stays(nothing)),
        [(Verdict::Reject, Some(Reason::Unknown))],
        "an empty gallery"
    );
}

#[test]
fn an_item_that_leaves_early_is_asked_about_not_accepted() {
    let too_few = [(Verdict::Ask, Some(Reason::TooFewFrames))];
    assert_eq!(verdicts(&[EMPTY, SURE, MOVING, EMPTY, EMPTY]), too_few);
    assert_eq!(verdicts(&[EMPTY, SURE]), too_few, "the frames end");
}

#[test]
fn a_hand_that_passes_is_no_presentation() {
    assert_eq!(verdicts(&[EMPTY, MOVING, MOVING, MOVING, EMPTY]), []);
}

#[test]
fn the_time_limit_closes_an_item_that_is_never_sure() {
    let mut frames = vec![EMPTY, UNSURE];
    frames.extend([MOVING; 60]);
    let outcomes = play(&mut presenter(Decision::default()), &frames);
    assert_eq!(outcomes.len(), 1);
    assert_eq!(
        outcomes[0].last.time - outcomes[0].first.time,
        Duration::from_secs(3)
    );
}

#[test]
fn blurred_frames_have_no_vote() {
    let decision = Decision {
        min_sharpness: 101.0,
        ..Decision::default()
    };
    let outcomes = play(&mut presenter(decision), &[EMPTY, SURE, SURE, SURE, EMPTY]);
    assert_eq!(outcomes.len(), 1);
    assert_eq!(
        (outcomes[0].reason, outcomes[0].votes),
        (Some(Reason::Blurred), 0)
    );
}

#[test]
fn a_frame_that_cannot_be_recognised_loses_no_presentation() {
    let mut presenter = presenter(Decision::default());
    let now = Moment::default();
    assert!(matches!(presenter.observe(now, STILL), Step::Look(_)));
    let Step::Close(outcome) = presenter.observe(now, Scene::Empty) else {
        panic!("the presentation is not closed");
    };
    assert_eq!(outcome.reason, Some(Reason::Unreadable));
}

proptest! {
    #[test]
    fn every_presentation_has_exactly_one_outcome(script in proptest::collection::vec(0..6usize, 0..200)) {
        let kinds = [EMPTY, MOVING, SURE, UNSURE, CLOSE, STRANGE];
        let frames: std::vec::Vec<Shown<'_>> = script.iter().map(|kind| kinds[*kind]).collect();
        let mut presenter = presenter(Decision::default());
        let outcomes = play(&mut presenter, &frames);
        let numbers: std::vec::Vec<u32> = outcomes.iter().map(|o| o.presentation).collect();
        prop_assert_eq!(numbers, (1..=presenter.presentations()).collect::<std::vec::Vec<u32>>());
        for outcome in outcomes {
            prop_assert_eq!(outcome.verdict == Verdict::Accept, outcome.reason.is_none());
        }
    }
}
