//! How fast this machine is, measured with the very parts that will run.

use std::path::{Path, PathBuf};
use std::time::Instant;

use skueye_models::Fault;
use skueye_models::network::by_name;
use tch::Device;

use super::plan::{Candidate, MemberSpeed, Sizes, Speed};
use super::site::Site;
use super::teach::{MEMBERS, School, Subject};
use crate::data::Split;
use crate::distil::vectors::{all_vectors, computing, vectors_of};
use crate::distil::{SourceKind, TrainingPictures};
use crate::engine::objective::{AttributeLoss, Attributes, Head};
use crate::engine::{Alone, Flow, Observer, Step, TrainOptions, Trainer};
use crate::mine::{MiningOptions, TrainingIndex, mine};
use crate::run::starting_network;

/// Pictures that are looked at; two batches, of which the second is timed.
const PICTURES: usize = 128;
const BATCH: usize = 64;
/// The device's code, on one core, takes about as long as the training engine's whole network on two.
const DEVICE_FACTOR: f64 = 2.0;

/// The speed at `candidate` with the pictures of `site`. Errors: those of loading, fetching and training.
pub fn measure(
    candidate: Candidate,
    site: &Site,
    weights: &str,
    device: Device,
    cache: &Path,
) -> Result<Speed, Fault> {
    let sizes = Sizes {
        picture: candidate.0,
        lower_stages_frozen: candidate.1,
        stored_views: 1,
        batch: BATCH,
        ..Sizes::tiny()
    };
    let school = School::new(site, &sizes, weights, device, cache);
    let members = (0..MEMBERS.len())
        .map(|member| of_member(&school, member))
        .collect::<Result<Vec<_>, Fault>>()?;
    let device = members[0].whole * DEVICE_FACTOR;
    Ok(Speed { members, device })
}

fn of_member(school: &School, member: usize) -> Result<MemberSpeed, Fault> {
    debug_assert!(by_name(MEMBERS[member].network).is_some());
    let settings = school.settings(member, Subject::Attributes);
    let start = starting_network(&settings, school.cache)?;
    let all = &school.site.pictures;
    let few = TrainingPictures {
        paths: all.paths.iter().take(PICTURES).cloned().collect(),
        contents: all.contents.iter().take(PICTURES).copied().collect(),
        left_out: Vec::new(),
    };
    let count = few.paths.len() as f64;
    let (source, stored) = timed(|| few.source(&start, &SourceKind::of(&settings), school.device))?;
    let module = computing(&start, school.device);
    let (_, upper) = timed(|| all_vectors(&module, &source, 1))?;
    let paths: Vec<PathBuf> = few.paths.clone();
    let (_, whole) = timed(|| vectors_of(&start, paths, school.device))?;
    let options = MiningOptions::above(super::site::threshold(&school.site.set));
    let vocabulary = mine(&school.site.dataset, &options)?;
    let labels = TrainingIndex::load(&school.site.dataset, Split::Train, &vocabulary)?;
    let softmax = AttributeLoss::Softmax {
        poly: 0.0,
        negatives: None,
    };
    let head = Head::linear(labels.attribute_count(), start.dim() as i64, school.device);
    let objective = Attributes::new(&labels, head, softmax);
    let options = TrainOptions {
        epochs: 2,
        batch: BATCH,
        ..TrainOptions::default()
    };
    let mut trainer = Trainer::new(&module, &source, &objective, &Alone, &options)?;
    let mut clock = Clock::default();
    trainer.run(&mut clock)?;
    let frozen = school.sizes.lower_stages_frozen;
    Ok(MemberSpeed {
        store: if frozen { stored / count } else { 0.0 },
        step: clock.seconds / clock.pictures.max(1) as f64,
        whole: whole / count,
        upper: upper / count,
    })
}

fn timed<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<(T, f64), Fault> {
    let start = Instant::now();
    work().map(|done| (done, start.elapsed().as_secs_f64()))
}

/// Times all steps but the first, which allocates.
#[derive(Default)]
struct Clock {
    seconds: f64,
    pictures: usize,
}

impl Observer for Clock {
    fn step(&mut self, _: &Trainer, step: &Step) -> Result<Flow, Fault> {
        if step.step > 0 {
            self.seconds += step.time.as_secs_f64();
            self.pictures += step.pictures;
        }
        Ok(Flow::Go)
    }
}
