//! Several real processes that train one network. Each test starts itself once per rank, through the launcher.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use skueye_distributed::{Launch, Place, ProcessGroup, Timeouts, launch};
use skueye_models::{Code, Fault};
use tch::Device;

use super::objective::{AttributeLoss, Attributes, Head};
use super::tests::*;
use super::*;

/// In a rank: its group and the words that the test gave it. In the test itself: none.
fn rank() -> Option<(Rc<ProcessGroup>, Vec<OsString>)> {
    let place = Place::from_environment().unwrap()?;
    tch::set_num_threads(1);
    let group = ProcessGroup::join(&place, Device::Cpu, Timeouts::default()).unwrap();
    Some((
        Rc::new(group),
        std::env::args_os().skip(ARGUMENTS + 1).collect(),
    ))
}

/// Words before the test's own: its name and two options.
const ARGUMENTS: usize = 3;

/// Runs the test `name` of this module as `processes` ranks with more `words`, which name no other test.
fn run(name: &str, processes: usize, logs: &Path, words: &[&Path]) -> Result<(), Fault> {
    let name = format!("engine::ranks_tests::{name}");
    let options = [name.as_str(), "--exact", "--nocapture"].map(OsString::from);
    launch(&Launch {
        processes,
        program: std::env::current_exe().unwrap(),
        arguments: options
            .into_iter()
            .chain(words.iter().map(|word| word.into()))
            .collect(),
        grace: Duration::from_secs(30),
        logs: Some(logs.to_owned()),
    })
}

fn log(logs: &Path, rank: usize) -> String {
    std::fs::read_to_string(logs.join(format!("rank-{rank}.log"))).unwrap()
}

/// One step over all attributes: gradients (as the first moments, which are a tenth of them), running statistics.
fn one_step(set: &Set, group: Option<&Rc<ProcessGroup>>) -> State {
    let network = network();
    let mut module = Module::new(network.clone(), &weights(&network), Device::Cpu);
    let mut reducer: &dyn Reducer = &Alone;
    if let Some(group) = group {
        module = module.synchronised(Rc::clone(group));
        reducer = group.as_ref();
    }
    let head = Head::from_weight(
        tch::Tensor::arange(48, (tch::Kind::Float, Device::Cpu)).view([8, 6]) * 0.01,
        None,
    );
    let loss = AttributeLoss::Softmax {
        poly: 0.5,
        negatives: None,
    };
    let objective = Attributes::new(&set.labels, head, loss);
    let options = TrainOptions {
        clip_norm: None,
        ..options()
    };
    let mut trainer = Trainer::new(&module, &set.source, &objective, reducer, &options).unwrap();
    trainer.run(&mut StopAfter(1)).unwrap();
    values(&trainer)
}

#[test]
fn processes_compute_the_gradients_of_the_joined_batch() {
    if let Some((group, _)) = rank() {
        let set = set();
        let expected = one_step(&set, None);
        let found = one_step(&set, Some(&group));
        let compared =
            |name: &str| name.starts_with("first/") || name.starts_with("model/norm.running_");
        let names: Vec<_> = expected.keys().filter(|name| compared(name)).collect();
        assert_eq!(names.len(), 6, "{names:?}");
        for name in names {
            let pairs = expected[name].iter().zip(&found[name]);
            // Times ten: of the gradients themselves.
            let worst = pairs.map(|(a, b)| 10.0 * (a - b).abs()).fold(0.0, f32::max);
            let largest = expected[name].iter().fold(0.0f32, |m, v| m.max(v.abs()));
            assert!(largest > 1e-4, "{name} does not learn: {largest}");
            assert!(worst <= 1e-6, "{name}: {worst}, largest {largest}");
        }
        return;
    }
    for processes in [2, 4] {
        let logs = tempfile::tempdir().unwrap();
        let name = "processes_compute_the_gradients_of_the_joined_batch";
        if let Err(fault) = run(name, processes, logs.path(), &[]) {
            panic!("{fault}\n{}", log(logs.path(), 0));
        }
        assert!(log(logs.path(), 0).contains("1 passed"));
    }
}

/// Rank 0 keeps the state after every step; one rank dies after step `dies_after`.
struct Keep {
    path: Option<PathBuf>,
    dies_after: Option<u64>,
}

impl Observer for Keep {
    fn step(&mut self, trainer: &Trainer, _: &Step) -> Result<Flow, Fault> {
        if let Some(path) = &self.path {
            Checkpoint::of(trainer, &identity(), None).write(path)?;
        }
        if self.dies_after == Some(trainer.position().step) {
            std::process::abort();
        }
        Ok(Flow::Go)
    }

    fn wants_state(&self, _: u64) -> bool {
        true
    }
}

/// Trains on from the state in `path`, where there is one, to the last epoch.
fn train_on(group: &Rc<ProcessGroup>, path: &Path, dies_after: Option<u64>) -> Result<(), Fault> {
    let (set, network) = (set(), network());
    let module = Module::new(network.clone(), &weights(&network), Device::Cpu)
        .synchronised(Rc::clone(group));
    let objective = objective(&set.labels);
    let mut trainer = Trainer::new(&module, &set.source, &objective, &**group, &options())?;
    let keeps = group.rank() == 0;
    if path.is_file() {
        Checkpoint::restore(path, &mut trainer, &identity())?;
    }
    share_state(&trainer, group)?;
    trainer.run(&mut Keep {
        path: keeps.then(|| path.to_owned()),
        dies_after: dies_after.filter(|_| group.rank() == 2),
    })
}

#[test]
fn a_dead_rank_ends_the_job_and_its_checkpoint_is_resumed_to_the_same_weights() {
    let name = "a_dead_rank_ends_the_job_and_its_checkpoint_is_resumed_to_the_same_weights";
    if let Some((group, words)) = rank() {
        let dies_after = words[1].to_str().and_then(|word| word.parse().ok());
        if let Err(fault) = train_on(&group, Path::new(&words[0]), dies_after) {
            eprintln!("{fault}");
            std::process::exit(1);
        }
        return;
    }
    let logs = tempfile::tempdir().unwrap();
    let (whole, cut) = (logs.path().join("whole.skc"), logs.path().join("cut.skc"));
    let go = |state: &Path, dies: &str| run(name, 4, logs.path(), &[state, Path::new(dies)]);
    go(&whole, "never").unwrap_or_else(|fault| panic!("{fault}\n{}", log(logs.path(), 0)));

    let fault = go(&cut, "5").unwrap_err();
    assert_eq!(fault.code(), Code::RankFailed);
    assert_eq!(fault.got(), "rank 2: signal 6 ended it");
    for rank in [0, 1, 3] {
        let log = log(logs.path(), rank);
        assert!(log.contains("E642"), "rank {rank}: {log}");
    }
    assert_eq!(Checkpoint::header(&cut).unwrap().position.step, 5);

    go(&cut, "never").unwrap();
    assert_eq!(Checkpoint::header(&cut).unwrap().position.step, 8);
    assert!(std::fs::read(&cut).unwrap() == std::fs::read(&whole).unwrap());
}
