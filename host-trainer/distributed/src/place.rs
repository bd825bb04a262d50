//! Which rank this process is: the variables that `torchrun`, Slurm or our own launcher set.

use std::str::FromStr;

use skueye_models::{Code, Fault};

/// A process's place among those that train together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// This process, below `ranks`.
    pub rank: usize,
    /// Processes in all.
    pub ranks: usize,
    /// This process among those of its machine; chooses the GPU.
    pub local_rank: usize,
    /// Processes on this machine, as far as it was told; they share its cores.
    pub local_ranks: usize,
    /// Where the ranks meet.
    pub host: String,
    /// The port of the store there.
    pub port: u16,
    /// The prefix of this start's keys where the launcher keeps the store, as torchrun does; else rank 0 opens it.
    pub launchers_store: Option<String>,
}

impl Place {
    /// This process's place, or none where it was started by itself. Errors: E640 for variables that are missing or
    /// disagree.
    pub fn from_environment() -> Result<Option<Self>, Fault> {
        Self::from_variables(&|name| std::env::var(name).ok())
    }

    /// As [`Self::from_environment`] with `variable` in place of the environment.
    pub fn from_variables(
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, Fault> {
        let place = if variable("RANK").is_some() || variable("WORLD_SIZE").is_some() {
            torchrun(variable)?
        } else if variable("SLURM_PROCID").is_some() && variable("SLURM_STEP_ID").is_some() {
            slurm(variable)?
        } else {
            return Ok(None);
        };
        if place.rank >= place.ranks {
            let got = format!("rank {} of {}", place.rank, place.ranks);
            return Err(unfit("a rank below the number of ranks", got));
        }
        Ok(Some(place))
    }

    /// This rank's share of `cores` cores of its machine: at least one.
    pub fn threads(&self, cores: usize) -> usize {
        (cores / self.local_ranks.max(1)).max(1)
    }
}

type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

fn torchrun(variable: Variables) -> Result<Place, Fault> {
    let launchers_store = (variable("TORCHELASTIC_USE_AGENT_STORE").as_deref() == Some("True"))
        .then(|| {
            let restarts = variable("TORCHELASTIC_RESTART_COUNT").unwrap_or_default();
            format!("skueye/attempt_{restarts}")
        });
    let rank = required(variable, "RANK")?;
    Ok(Place {
        rank,
        ranks: required(variable, "WORLD_SIZE")?,
        local_rank: optional(variable, "LOCAL_RANK")?.unwrap_or(rank),
        local_ranks: optional(variable, "LOCAL_WORLD_SIZE")?.unwrap_or(1),
        host: required(variable, "MASTER_ADDR")?,
        port: required(variable, "MASTER_PORT")?,
        launchers_store,
    })
}

/// A task of `srun`. In a batch script outside a step Slurm sets SLURM_PROCID too; nobody else would come there.
fn slurm(variable: Variables) -> Result<Place, Fault> {
    let ranks = match optional(variable, "SLURM_STEP_NUM_TASKS")? {
        Some(ranks) => ranks,
        None => required(variable, "SLURM_NTASKS")?,
    };
    let rank = required(variable, "SLURM_PROCID")?;
    let nodes = || {
        variable("SLURM_STEP_NODELIST")
            .or_else(|| variable("SLURM_NODELIST"))
            .map(|list| first_host(&list))
    };
    let host = variable("MASTER_ADDR").or_else(nodes);
    Ok(Place {
        rank,
        ranks,
        local_rank: optional(variable, "SLURM_LOCALID")?.unwrap_or(rank),
        local_ranks: match variable("SLURM_CPUS_PER_TASK") {
            // Each task is bound to cores of its own, and sees no others.
            Some(_) => 1,
            None => optional(variable, "SLURM_NTASKS_PER_NODE")?.unwrap_or(1),
        },
        host: host.ok_or_else(|| missing("MASTER_ADDR"))?,
        port: match optional(variable, "MASTER_PORT")? {
            Some(port) => port,
            None => slurm_port(required(variable, "SLURM_JOB_ID")?),
        },
        launchers_store: None,
    })
}

/// A port that all tasks of a job agree on and that other jobs on the machine hardly choose.
fn slurm_port(job: u64) -> u16 {
    20_000 + (job % 10_000) as u16
}

/// The first host of Slurm's list: `node[03,05-07],gpu1` begins with `node03`.
fn first_host(list: &str) -> String {
    let mut host = String::new();
    let mut rest = list;
    while let Some(at) = rest.find(['[', ',']) {
        host += &rest[..at];
        if rest[at..].starts_with(',') {
            return host;
        }
        let inside = &rest[at + 1..];
        let end = inside.find(']').unwrap_or(inside.len());
        host += inside[..end].split(['-', ',']).next().unwrap_or_default();
        rest = inside.get(end + 1..).unwrap_or_default();
    }
    host + rest
}

fn required<T: FromStr>(variable: Variables, name: &str) -> Result<T, Fault> {
    optional(variable, name)?.ok_or_else(|| missing(name))
}

fn optional<T: FromStr>(variable: Variables, name: &str) -> Result<Option<T>, Fault> {
    let Some(value) = variable(name).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    match value.parse() {
        Ok(value) => Ok(Some(value)),
        Err(_) => Err(unfit("a number in its range", format!("{name}={value}"))),
    }
}

fn missing(name: &str) -> Fault {
    unfit(
        "RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, or the variables of srun",
        format!("no {name}"),
    )
}

fn unfit(expected: &str, got: String) -> Fault {
    Fault::new(
        Code::RanksVariables,
        expected,
        got,
        "start with `torchrun --no-python`, `srun` or `skueye-train launch`, or unset RANK and WORLD_SIZE to run alone",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(variables: &[(&str, &str)]) -> Result<Option<Place>, Fault> {
        Place::from_variables(&|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.to_string())
        })
    }

    const TORCHRUN: [(&str, &str); 8] = [
        ("RANK", "5"),
        ("WORLD_SIZE", "8"),
        ("LOCAL_RANK", "1"),
        ("LOCAL_WORLD_SIZE", "4"),
        ("MASTER_ADDR", "10.0.0.7"),
        ("MASTER_PORT", "29500"),
        ("TORCHELASTIC_USE_AGENT_STORE", "True"),
        ("TORCHELASTIC_RESTART_COUNT", "2"),
    ];

    #[test]
    fn a_process_by_itself_has_no_place() {
        assert_eq!(place(&[]).unwrap(), None);
        // A batch script's own variables, outside any step.
        assert_eq!(
            place(&[("SLURM_PROCID", "0"), ("SLURM_NTASKS", "4")]).unwrap(),
            None
        );
    }

    #[test]
    fn torchruns_variables_are_read() {
        let found = place(&TORCHRUN).unwrap().unwrap();
        assert_eq!((found.rank, found.ranks, found.local_rank), (5, 8, 1));
        assert_eq!((found.host.as_str(), found.port), ("10.0.0.7", 29500));
        assert_eq!(found.launchers_store.as_deref(), Some("skueye/attempt_2"));
        assert_eq!((found.threads(16), found.threads(2)), (4, 1));
        // Plain variables set by hand: rank 0 opens the store.
        let found = place(&TORCHRUN[..6]).unwrap().unwrap();
        assert_eq!(found.launchers_store, None);
    }

    #[test]
    fn sruns_variables_are_read() {
        let variables = [
            ("SLURM_PROCID", "3"),
            ("SLURM_LOCALID", "1"),
            ("SLURM_NTASKS", "4"),
            ("SLURM_STEP_ID", "0"),
            ("SLURM_STEP_NODELIST", "gpu[07-08,11]"),
            ("SLURM_JOB_ID", "1234567"),
        ];
        let found = place(&variables).unwrap().unwrap();
        assert_eq!((found.rank, found.ranks, found.local_rank), (3, 4, 1));
        assert_eq!((found.host.as_str(), found.port), ("gpu07", 24567));
    }

    #[test]
    fn what_is_missing_or_does_not_fit_is_named() {
        let fault = place(&TORCHRUN[..5]).unwrap_err();
        assert_eq!(fault.code(), Code::RanksVariables);
        assert!(fault.got().contains("MASTER_PORT"), "{fault}");
        let mut variables = TORCHRUN;
        variables[0].1 = "8";
        assert!(place(&variables).unwrap_err().got().contains("rank 8 of 8"));
        variables[0].1 = "-1";
        assert!(place(&variables).unwrap_err().got().contains("RANK=-1"));
    }

    #[test]
    fn the_first_host_of_a_list_is_found() {
        for (list, first) in [
            ("n1", "n1"),
            ("n1,n2", "n1"),
            ("n[1-4]", "n1"),
            ("r[2,4]c[07-09]-ib,x", "r2c07-ib"),
            ("n[", "n"),
            ("", ""),
        ] {
            assert_eq!(first_host(list), first, "{list}");
        }
    }
}
