//! The group of processes that train together.

use std::time::{Duration, Instant};

use skueye_models::{Code, Fault};
use tch::{Device, Kind, Tensor};

use crate::place::Place;
use crate::shim::{self, Group, Meeting};

/// How long to wait for other ranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For all ranks to start.
    pub meeting: Duration,
    /// For one operation: as long as any rank may take between two of them, such as rank 0 with an evaluation.
    pub operation: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            meeting: Duration::from_mins(5),
            operation: Duration::from_mins(30),
        }
    }
}

/// The parameters of a synchronised batch normalisation over c channels, each `[c]`.
#[derive(Debug, Clone, Copy)]
pub struct BatchNorm<'a> {
    /// Scale.
    pub weight: &'a Tensor,
    /// Shift.
    pub bias: &'a Tensor,
    /// Moved towards the joined batch's mean.
    pub running_mean: &'a Tensor,
    /// Moved towards the joined batch's unbiased variance.
    pub running_variance: &'a Tensor,
    /// How far the running statistics move.
    pub momentum: f64,
    /// Added to the variance.
    pub eps: f64,
}

/// Loads the CUDA half of the libtorch that this program is linked with. It must come before anything else asks for
/// a GPU: libtorch remembers the answer. Says why where it cannot be loaded.
pub fn load_cuda() -> Result<(), String> {
    shim::load_cuda()
}

/// This process's connections to all others. Every rank calls the same functions in the same order.
///
/// After a failed operation (E642) every later one fails too: end the process, resume from the last checkpoint.
#[derive(Debug)]
pub struct ProcessGroup {
    group: Group,
    rank: usize,
    ranks: usize,
    local_ranks: usize,
    device: Device,
}

impl ProcessGroup {
    /// Meets the other ranks and connects to them; tensors of all operations are on `device`. Errors: E641 where not all
    /// ranks come, E643 where `device` is a GPU and this libtorch has no NCCL.
    pub fn join(place: &Place, device: Device, timeouts: Timeouts) -> Result<Self, Fault> {
        let cuda = matches!(device, Device::Cuda(_));
        if cuda {
            load_cuda().map_err(|got| no_nccl(&got))?;
        }
        let deadline = Instant::now() + timeouts.meeting;
        let meeting = enter(place, timeouts.meeting).map_err(|got| not_met(place, got))?;
        wait_for_all(&meeting, place, cuda, deadline)?;
        let group = Group::new(&meeting, place.rank, place.ranks, cuda, timeouts.operation);
        let group = group.map_err(|got| match cuda {
            true => no_nccl(&got),
            false => not_met(place, got),
        })?;
        let joined = Self {
            group,
            rank: place.rank,
            ranks: place.ranks,
            local_ranks: place.local_ranks,
            device,
        };
        joined.barrier()?;
        Ok(joined)
    }

    /// This process, from 0.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// How many processes there are.
    pub fn ranks(&self) -> usize {
        self.ranks
    }

    /// This process's share of `cores` cores of its machine: at least one.
    pub fn threads(&self, cores: usize) -> usize {
        (cores / self.local_ranks.max(1)).max(1)
    }

    /// Where the tensors of its operations are.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Replaces each of `tensors`, of one kind and dense, by its sum over the ranks.
    pub fn sum(&self, tensors: &[&Tensor]) -> Result<(), Fault> {
        self.begin_sum(tensors)?.finish(self)
    }

    /// Begins [`Self::sum`]: several may be under way.
    pub(crate) fn begin_sum<'a>(&'a self, tensors: &[&'a Tensor]) -> Result<Pending<'a>, Fault> {
        let work = self.group.all_reduce(tensors);
        Ok(Pending(
            work.map_err(|got| self.lost("sum of gradients", &got))?,
        ))
    }

    /// Replaces `tensor` on every rank by rank `root`'s, which has the same shape, kind and layout.
    pub fn broadcast(&self, tensor: &Tensor, root: usize) -> Result<(), Fault> {
        let work = self.group.broadcast(tensor, root);
        work.and_then(shim::Work::wait)
            .map_err(|got| self.lost("broadcast", &got))
    }

    /// Every rank's `row`, all of one shape and kind, stacked in the order of the ranks: `[ranks, ...]`.
    pub fn gather(&self, row: &Tensor) -> Result<Tensor, Fault> {
        let rows = self.group.all_gather(row);
        rows.map_err(|got| self.lost("gathering", &got))
    }

    /// Every rank's bytes, in the order of the ranks. Their lengths may differ.
    pub fn gather_bytes(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, Fault> {
        let lengths = self.gather_numbers(bytes.len() as i64)?;
        let longest = lengths.iter().max().map_or(0, |&n| n as usize);
        let mut padded = bytes.to_vec();
        padded.resize(longest, 0);
        let rows = self.gather(&Tensor::from_slice(&padded).to_device(self.device))?;
        let rows = Vec::<u8>::try_from(rows.view(-1));
        let rows = rows.map_err(|e| self.lost("gathering", &e.to_string()))?;
        let parts = lengths.iter().enumerate();
        Ok(parts
            .map(|(i, &n)| rows[i * longest..i * longest + n as usize].to_vec())
            .collect())
    }

    /// Every rank's number.
    pub(crate) fn gather_numbers(&self, number: i64) -> Result<Vec<i64>, Fault> {
        let all = self.gather(&Tensor::from_slice(&[number]).to_device(self.device))?;
        let all = Vec::<i64>::try_from(all.view(-1));
        all.map_err(|e| self.lost("gathering", &e.to_string()))
    }

    /// Waits until every rank has come here.
    pub fn barrier(&self) -> Result<(), Fault> {
        let one = Tensor::ones([1], (Kind::Float, self.device));
        self.sum(&[&one])?;
        // Reading it waits for a GPU as well.
        match one.double_value(&[0]) == self.ranks as f64 {
            true => Ok(()),
            false => Err(self.lost("a barrier", "ranks out of step")),
        }
    }

    /// Ends with E645 on every rank unless all bring the same `value` of `what`: ranks with other settings or data would
    /// train something else, or wait for each other for ever.
    pub fn agree(&self, what: &str, value: &str) -> Result<(), Fault> {
        let all = self.gather_bytes(value.as_bytes())?;
        let Some(rank) = all.iter().position(|other| other != &all[0]) else {
            return Ok(());
        };
        let text = |rank: usize| String::from_utf8_lossy(&all[rank]).into_owned();
        Err(Fault::new(
            Code::RanksDiffer,
            format!("the same {what} on every rank, as rank 0's {}", text(0)),
            format!("{} on rank {rank}", text(rank)),
            "start every rank with the same program, settings and data",
        ))
    }

    /// Normalises `input` `[n, c, ...]` by mean and variance over all ranks' inputs, so that the gradients of all ranks
    /// together are those of one process on the joined batch. The parts may differ in n. Where another rank is lost only
    /// in the backward pass, the next [`Self::mean`] says so.
    pub fn batch_norm(&self, input: &Tensor, norm: BatchNorm) -> Result<Tensor, Fault> {
        let tensors = [
            norm.weight,
            norm.bias,
            norm.running_mean,
            norm.running_variance,
        ];
        let output = self
            .group
            .batch_norm(input, tensors, norm.momentum, norm.eps);
        output.map_err(|got| self.lost("synchronised normalisation", &got))
    }

    /// The fault of a failed operation. What is still under way is broken off.
    pub(crate) fn lost(&self, doing: &str, got: &str) -> Fault {
        // It has failed already; that the rest cannot be broken off either changes nothing.
        let _ = self.group.abort();
        Fault::new(
            Code::RankLost,
            format!("all {} ranks to take part in {doing}", self.ranks),
            format!("on rank {}: {}", self.rank, first_line(got)),
            "look for the first failure in the output of the other ranks, then start all ranks again to resume",
        )
    }
}

/// An operation under way.
#[must_use]
pub(crate) struct Pending<'a>(shim::Work<'a>);

impl Pending<'_> {
    /// Waits for its end.
    pub(crate) fn finish(self, group: &ProcessGroup) -> Result<(), Fault> {
        self.0
            .wait()
            .map_err(|got| group.lost("the sum over all ranks", &got))
    }
}

/// Opens or joins the store.
fn enter(place: &Place, patience: Duration) -> Result<Meeting, String> {
    let serve = place.launchers_store.is_none() && place.rank == 0;
    let prefix = place.launchers_store.as_deref().unwrap_or("skueye");
    Meeting::new(&place.host, place.port, serve, prefix, patience)
}

/// Says that this rank is there and waits for the others; names those that do not come.
fn wait_for_all(
    meeting: &Meeting,
    place: &Place,
    cuda: bool,
    deadline: Instant,
) -> Result<(), Fault> {
    let failed = |got| not_met(place, got);
    let kind = if cuda { "GPU" } else { "CPU" };
    let key = |rank: usize| format!("{kind}/{rank}");
    meeting.set(&key(place.rank)).map_err(failed)?;
    let mut missing = Vec::new();
    for rank in 0..place.ranks {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = left.max(Duration::from_millis(1));
        if !meeting.wait(&key(rank), left).map_err(failed)? {
            missing.push(rank.to_string());
        }
    }
    match missing.is_empty() {
        true => Ok(()),
        false => Err(failed(format!(
            "no sign of rank {} with a {kind}",
            missing.join(", ")
        ))),
    }
}

fn not_met(place: &Place, got: String) -> Fault {
    let at = format!("{}:{}", place.host, place.port);
    Fault::new(
        Code::RanksMeeting,
        format!("{} ranks to meet at {at}", place.ranks),
        format!("on rank {}: {}", place.rank, first_line(&got)),
        "check that every rank was started, that MASTER_ADDR and MASTER_PORT are the same for all and reachable, and that the port is free",
    )
}

fn no_nccl(got: &str) -> Fault {
    Fault::new(
        Code::RanksNccl,
        "a libtorch whose CUDA half and NCCL load",
        first_line(got),
        "name in LIBTORCH the torch folder of a complete PyTorch installation for CUDA, or train with --device cpu",
    )
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
