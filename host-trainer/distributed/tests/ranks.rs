//! Real processes on one machine, connected by Gloo. Each test starts itself once per rank, through the launcher.
#![cfg(feature = "torch")]
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use skueye_distributed::{BatchNorm, Launch, Place, ProcessGroup, Timeouts, launch, load_cuda};
use skueye_models::{Code, Fault};
use tch::{Device, Kind, Tensor};

const PATIENCE: Timeouts = Timeouts {
    meeting: Duration::from_secs(60),
    operation: Duration::from_secs(60),
};

/// In a rank: its group, on one thread. In the test itself: none.
fn joined() -> Option<ProcessGroup> {
    let place = Place::from_environment().unwrap()?;
    tch::set_num_threads(1);
    Some(ProcessGroup::join(&place, Device::Cpu, PATIENCE).unwrap())
}

/// Runs the test `name` as `processes` ranks; what they print lies in `logs`.
fn run(name: &str, processes: usize, logs: &Path) -> Result<(), Fault> {
    launch(&Launch {
        processes,
        program: std::env::current_exe().unwrap(),
        arguments: [name, "--exact", "--nocapture"].map(Into::into).to_vec(),
        grace: Duration::from_secs(30),
        logs: Some(logs.to_owned()),
    })
}

fn log(logs: &Path, rank: usize) -> String {
    fs::read_to_string(logs.join(format!("rank-{rank}.log"))).unwrap()
}

/// Every rank of `name` ends well, with 2 and with 4 of them.
fn run_well(name: &str) {
    for processes in [2, 4] {
        let logs = tempfile::tempdir().unwrap();
        if let Err(fault) = run(name, processes, logs.path()) {
            let all: Vec<String> = (0..processes).map(|rank| log(logs.path(), rank)).collect();
            panic!("{fault}\n{}", all.join("\n"));
        }
        // A name that names no test would pass by doing nothing.
        assert!(log(logs.path(), 0).contains("1 passed"));
    }
}

fn values(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.to_kind(Kind::Double).contiguous().view(-1)).unwrap()
}

/// The largest difference.
fn apart(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    let difference = a.to_kind(Kind::Double) - b.to_kind(Kind::Double);
    difference.abs().max().double_value(&[])
}

#[test]
fn what_ranks_tell_each_other_arrives() {
    let Some(group) = joined() else {
        return run_well("what_ranks_tell_each_other_arrives");
    };
    let (rank, ranks) = (group.rank(), group.ranks());
    let told = group.gather_bytes(&vec![rank as u8; 3 * rank]).unwrap();
    let expected: Vec<Vec<u8>> = (0..ranks).map(|r| vec![r as u8; 3 * r]).collect();
    assert_eq!(told, expected);

    let weights = Tensor::full([5], rank as f64, (Kind::Float, Device::Cpu));
    group.broadcast(&weights, ranks - 1).unwrap();
    assert_eq!(values(&weights), [(ranks - 1) as f64; 5]);

    group.agree("seed", "7").unwrap();
    let fault = group.agree("seed", if rank == 1 { "8" } else { "7" });
    let fault = fault.unwrap_err();
    assert_eq!(fault.code(), Code::RanksDiffer);
    assert_eq!(fault.got(), "8 on rank 1");
    group.barrier().unwrap();
}

#[test]
fn means_are_those_of_all_ranks() {
    let Some(group) = joined() else {
        return run_well("means_are_those_of_all_ranks");
    };
    let (rank, ranks) = (group.rank() as i64, group.ranks() as i64);
    let mean = (ranks - 1) as f64 / 2.0;
    let shape = [2, 3, 4, 5];
    let of = |factor: i64, kind| (Tensor::arange(120, (kind, Device::Cpu)) * factor).view(shape);
    let rows = Tensor::from_slice(&[rank, rank + 1]).view([1, 2]);
    let ones = Tensor::ones([2, 3], (Kind::Float, Device::Cpu));
    let options = (Kind::Float, Device::Cpu);
    let sparse =
        Tensor::sparse_coo_tensor_indices_size(&rows, &ones, [ranks + 2, 3], options, false);
    // Larger than a bucket, of several kinds and layouts, and sparse with other rows on each rank.
    let mut tensors = [
        of(rank, Kind::Float).contiguous_format(true),
        Tensor::full([7 << 20], rank as f64, (Kind::Float, Device::Cpu)),
        of(rank, Kind::Double),
        sparse,
        Tensor::full([3], rank as f64, (Kind::BFloat16, Device::Cpu)),
    ];
    group.mean(&mut tensors).unwrap();
    let expected = of(1, Kind::Double) * mean;
    assert_eq!(apart(&tensors[0], &expected), 0.0);
    assert_eq!(apart(&tensors[2], &expected), 0.0);
    let [least, most] = [tensors[1].min(), tensors[1].max()].map(|t| t.double_value(&[]));
    assert_eq!((least, most), (mean, mean));
    assert_eq!(values(&tensors[4]), [mean; 3]);
    // Row r is named by ranks r and r - 1, the last row by none.
    let dense = tensors[3].to_dense(None, false);
    for row in 0..ranks + 2 {
        let named = (0..ranks).filter(|r| row == *r || row == r + 1).count();
        let expected = named as f64 / ranks as f64;
        assert_eq!(values(&dense.get(row)), [expected; 3], "row {row}");
    }
    assert_eq!(tensors[3].coalesce().indices().size(), [1, ranks + 1]);
}

trait Layout {
    fn contiguous_format(&self, channels_last: bool) -> Tensor;
}

impl Layout for Tensor {
    /// A copy whose channels lie together, as the trainer's tensors do.
    fn contiguous_format(&self, channels_last: bool) -> Tensor {
        match channels_last {
            true => self
                .permute([0, 2, 3, 1])
                .contiguous()
                .permute([0, 3, 1, 2]),
            false => self.contiguous(),
        }
    }
}

/// Parameters and what comes of them for `x` under the gradient `dy`: output, gradients of x, weight and bias, and the
/// running statistics.
fn normalised(
    x: &Tensor,
    dy: &Tensor,
    forward: impl Fn(&Tensor, [&Tensor; 4]) -> Tensor,
) -> [Tensor; 6] {
    // The parameters of 16-bit values are 32-bit.
    let kind = match x.kind() {
        Kind::BFloat16 => Kind::Float,
        kind => kind,
    };
    let options = (kind, Device::Cpu);
    let channels = x.size()[1];
    let x = x.detach().set_requires_grad(true);
    let weight = (Tensor::arange(channels, options) * 0.5 + 0.5).set_requires_grad(true);
    let bias = Tensor::arange(channels, options).set_requires_grad(true);
    let (mean, variance) = (
        Tensor::zeros([channels], options),
        Tensor::ones([channels], options),
    );
    let y = forward(&x, [&weight, &bias, &mean, &variance]);
    (&y * dy).sum(Kind::Double).backward();
    let [dx, dw, db] = [x.grad(), weight.grad(), bias.grad()];
    [y.detach(), dx, dw, db, mean, variance]
}

#[test]
fn synchronised_normalisation_is_that_of_the_joined_batch() {
    let Some(group) = joined() else {
        return run_well("synchronised_normalisation_is_that_of_the_joined_batch");
    };
    tch::manual_seed(3);
    // Values around 10 are rounded to 1e-6 in 32 bits, before anything is computed.
    for (kind, bound) in [
        (Kind::Double, 1e-12),
        (Kind::Float, 1e-5),
        (Kind::BFloat16, 0.02),
    ] {
        for shape in [vec![4, 5, 3], vec![6]] {
            // The parts of 2, 3, ... rows; a mean far from zero, where sums of squares would lose digits.
            let starts: Vec<i64> = (0..=group.ranks() as i64)
                .map(|r| r * (r + 3) / 2)
                .collect();
            let mut size = vec![starts[group.ranks()]];
            size.extend(shape);
            let options = (kind, Device::Cpu);
            let joined = Tensor::randn(&size, options) + 10.0;
            let gradient = Tensor::randn(&size, options);
            let (joined, gradient) = match size.len() {
                4 => (joined.contiguous_format(true), gradient),
                _ => (joined, gradient),
            };
            let expected = normalised(&joined, &gradient, |x, [w, b, m, v]| {
                x.batch_norm(Some(w), Some(b), Some(m), Some(v), true, 0.1, 1e-5, false)
            });
            let (from, to) = (starts[group.rank()], starts[group.rank() + 1]);
            let part = |t: &Tensor| t.narrow(0, from, to - from);
            let found = normalised(&part(&joined), &part(&gradient), |x, [w, b, m, v]| {
                let norm = BatchNorm {
                    weight: w,
                    bias: b,
                    running_mean: m,
                    running_variance: v,
                    momentum: 0.1,
                    eps: 1e-5,
                };
                group.batch_norm(x, norm).unwrap()
            });
            group.sum(&[&found[2], &found[3]]).unwrap();
            for i in 0..6 {
                let expected = if i < 2 {
                    part(&expected[i])
                } else {
                    expected[i].shallow_clone()
                };
                let scale = expected.abs().max().double_value(&[]).max(1.0);
                let apart = apart(&found[i], &expected) / scale;
                assert!(apart <= bound, "{kind:?} {size:?} value {i}: {apart}");
            }
        }
    }
}

#[test]
fn a_killed_rank_ends_the_others_with_its_number() {
    let name = "a_killed_rank_ends_the_others_with_its_number";
    if let Some(group) = joined() {
        let gradient = Tensor::ones([1 << 16], (Kind::Float, Device::Cpu));
        for step in 0.. {
            if step == 20 && group.rank() == 2 {
                let _ = rustix::process::kill_process(
                    rustix::process::getpid(),
                    rustix::process::Signal::KILL,
                );
            }
            if let Err(fault) = group.sum(&[&gradient]) {
                eprintln!("{fault}");
                std::process::exit(1);
            }
            assert!(step < 20, "rank 2 is gone");
        }
    }
    let logs = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let fault = run(name, 4, logs.path()).unwrap_err();
    assert!(
        began.elapsed() < Duration::from_secs(30),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(fault.code(), Code::RankFailed);
    assert_eq!(fault.got(), "rank 2: signal 9 ended it");
    for rank in [0, 1, 3] {
        let log = log(logs.path(), rank);
        assert!(log.contains("E642"), "rank {rank}: {log}");
    }
}

fn first_of_three() -> Place {
    Place {
        rank: 0,
        ranks: 3,
        local_rank: 0,
        local_ranks: 1,
        host: "127.0.0.1".into(),
        port: 0,
        launchers_store: None,
    }
}

#[test]
fn ranks_that_do_not_come_are_named() {
    let timeouts = Timeouts {
        meeting: Duration::from_millis(200),
        ..PATIENCE
    };
    let fault = ProcessGroup::join(&first_of_three(), Device::Cpu, timeouts).unwrap_err();
    assert_eq!(fault.code(), Code::RanksMeeting);
    assert!(fault.got().contains("no sign of rank 1, 2"), "{fault}");
}

#[test]
fn a_rank_that_does_not_end_by_itself_is_ended() {
    let began = Instant::now();
    let script = "if [ $RANK = 1 ]; then exit 3; fi; trap '' TERM; exec sleep 1000";
    let fault = launch(&Launch {
        processes: 2,
        program: "sh".into(),
        arguments: ["-c", script].map(Into::into).to_vec(),
        grace: Duration::from_millis(50),
        logs: None,
    });
    let fault = fault.unwrap_err();
    assert_eq!(fault.code(), Code::RankFailed);
    assert_eq!(fault.got(), "rank 1: it ended with status 3");
    assert!(began.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let fault = launch(&Launch {
        processes: 2,
        program: "/no/such/program".into(),
        arguments: Vec::new(),
        grace: Duration::from_secs(1),
        logs: None,
    });
    assert_eq!(fault.unwrap_err().code(), Code::ToolMissing);
}

/// With GPUs this speaks through NCCL, one rank for each of the first four; without, the fault says what is missing.
#[test]
fn gpus_speak_with_each_other_or_it_says_why_not() {
    if let Some(place) = Place::from_environment().unwrap() {
        let group = ProcessGroup::join(&place, Device::Cuda(place.local_rank), PATIENCE).unwrap();
        let gradient = Tensor::full([1000], group.rank() as f64, (Kind::Float, group.device()));
        let mut gradients = [gradient];
        group.mean(&mut gradients).unwrap();
        let expected = (group.ranks() - 1) as f64 / 2.0;
        assert_eq!(
            values(&gradients[0].to_device(Device::Cpu)),
            [expected; 1000]
        );
        assert_eq!(group.gather_bytes(b"x").unwrap().len(), group.ranks());
        return;
    }
    let gpus = load_cuda().map_or(0, |()| tch::Cuda::device_count());
    if let 1.. = gpus {
        let logs = tempfile::tempdir().unwrap();
        let name = "gpus_speak_with_each_other_or_it_says_why_not";
        return run(name, gpus.min(4) as usize, logs.path()).unwrap();
    }
    let place = Place {
        ranks: 1,
        ..first_of_three()
    };
    let fault = ProcessGroup::join(&place, Device::Cuda(0), PATIENCE).unwrap_err();
    assert_eq!(fault.code(), Code::RanksNccl);
    println!("{fault}");
}
