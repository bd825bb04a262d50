//! `skueye-train distil`.

use std::path::PathBuf;

use clap::Args;
#[cfg(feature = "torch")]
use skueye_models::{Code, Fault};
#[cfg(feature = "torch")]
use skueye_trainer::distil::teachers::Teachers;
use skueye_trainer::shard::Shard;

#[derive(Args)]
pub struct Distil {
    /// Who teaches: the folder of an ensemble, or of one run.
    teacher: PathBuf,
    /// The data set's folder.
    #[arg(long)]
    data: PathBuf,
    /// The student's run folder; absent or empty, unless --resume.
    #[arg(long)]
    out: PathBuf,
    /// The student's network.
    #[arg(long, default_value = "efficientnet-lite0")]
    network: String,
    /// A run of that network to start from; by default the first teacher of that network.
    #[arg(long)]
    from: Option<PathBuf>,
    /// Length of the student's vectors: an ensemble's own, or with one run as the teacher 64 to 512.
    #[arg(long, value_parser = clap::value_parser!(u32).range(64..=512))]
    dim: Option<u32>,
    /// Views of each picture in the store of teacher vectors; as --set network.stored_views=...
    #[arg(long)]
    views: Option<usize>,
    /// The store's folder; by default OUT with .store behind it.
    #[arg(long)]
    store: Option<PathBuf>,
    /// Fill this part of the store alone, such as 2/8: the second of eight.
    #[arg(long, requires = "store_only")]
    shard: Option<Shard>,
    /// Fill the store and train nothing.
    #[arg(long)]
    store_only: bool,
    /// A TOML file as `train` takes it.
    #[arg(long)]
    settings: Option<PathBuf>,
    /// A setting over the file's, such as distil.relational=1. Can be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// A vocabulary that `mine` wrote; by default the titles are mined.
    #[arg(long)]
    vocabulary: Option<PathBuf>,
    /// Go on where the folder holds a run; begin where it does not.
    #[arg(long)]
    resume: bool,
    /// End after so many epochs; --resume goes on from there.
    #[arg(long, value_name = "EPOCH")]
    until: Option<u64>,
    /// auto, cpu or cuda:N.
    #[arg(long, default_value = "auto")]
    device: String,
}

/// Refuses: this program was built without the training engine (E603).
#[cfg(not(feature = "torch"))]
pub fn run(_: Distil, _: bool) -> anyhow::Result<bool> {
    skueye_trainer::run::training_is_possible()?;
    Ok(false)
}

/// Fills the store, teaches the student, and tells what came of it. Of several processes that were started together each
/// fills its part of the store, then they train together.
#[cfg(feature = "torch")]
pub fn run(options: Distil, json: bool) -> anyhow::Result<bool> {
    use skueye_trainer::distil::teachers::Teacher;
    use skueye_trainer::distil::{DistilRequest, UNREADABLE_FILE, trunk};
    use skueye_trainer::run::Settings;

    use super::ranks::Ranks;

    let ranks = Ranks::join(&options.device)?;
    tch::set_num_threads(ranks.threads as i32);
    let mut settings = Settings::read(options.settings.as_deref(), &options.set)?;
    let teachers = teachers(&options, settings.training.unreadable, &ranks)?;
    let from = options.from.as_deref().map(Teacher::open).transpose()?;
    let trunk = trunk(&teachers, &options.network, from.as_ref())?;
    settings.network.name = options.network;
    settings.network.embedding = teachers.ensemble.target_dim();
    settings.network.size = trunk.trained.preprocess.size;
    settings.network.stored_views = options.views.unwrap_or(settings.network.stored_views);
    settings.check()?;
    let beside = options.out.with_added_extension("store");
    let request = DistilRequest {
        teachers: &teachers,
        trunk,
        data: &options.data,
        out: &options.out,
        store: options.store.as_deref().unwrap_or(&beside),
        shard: shard(options.shard, &ranks)?,
        settings: &settings,
        vocabulary: options.vocabulary.as_deref(),
        resume: options.resume,
        until: options.until,
        device: ranks.device,
        group: ranks.group.clone(),
    };
    let done = request.run(options.store_only)?;
    if !ranks.speaks() {
        return Ok(true);
    }
    super::print(json, &done, |done| {
        let (found, computed) = (done.store.found, done.store.computed);
        let mut store = format!("store: {found} vectors found, {computed} computed");
        if done.unreadable > 0 {
            let list = request.store.join(UNREADABLE_FILE);
            store += &format!(
                "\n{} pictures could not be read and were left out: {}",
                done.unreadable,
                list.display()
            );
        }
        match &done.run {
            None => store,
            Some(run) => format!(
                "{store}\n{} epochs, {} steps in {}",
                run.epochs,
                run.steps,
                run.run.display()
            ),
        }
    })
}

/// The part of the store that this process fills.
#[cfg(feature = "torch")]
fn shard(wanted: Option<Shard>, ranks: &super::ranks::Ranks) -> Result<Shard, Fault> {
    match (wanted, &ranks.group) {
        (Some(_), Some(_)) => Err(Fault::new(
            Code::Usage,
            "no --shard where several processes are started together: each takes its own",
            "--shard",
            "leave it out, or start the processes one by one",
        )),
        (wanted, None) => Ok(wanted.unwrap_or(Shard::WHOLE)),
        (None, Some(group)) => {
            let own = Shard::new(group.rank() as u32 + 1, group.ranks() as u32);
            Ok(own.expect("a rank is below the number of ranks"))
        }
    }
}

/// The ensemble, or the one run with a whitening fitted to it. Of several processes the first fits it, into a folder
/// beside the student's run.
#[cfg(feature = "torch")]
fn teachers(
    options: &Distil,
    unreadable: f64,
    ranks: &super::ranks::Ranks,
) -> Result<Teachers, Fault> {
    use skueye_trainer::data::{Dataset, Split};
    use skueye_trainer::distil::ensemble::{Sample, fit_networks};
    use skueye_trainer::distil::fit::FitOptions;
    use skueye_trainer::distil::teachers::Teacher;

    if Teachers::are_at(&options.teacher) {
        let teachers = Teachers::open(&options.teacher)?;
        let dim = teachers.ensemble.target_dim();
        return match options.dim {
            Some(wanted) if wanted as usize != dim => Err(Fault::new(
                Code::Usage,
                format!("--dim {dim}, which the ensemble was made for"),
                wanted.to_string(),
                "make the ensemble with that --dim",
            )),
            _ => Ok(teachers),
        };
    }
    let fit = || {
        let networks = vec![Teacher::open(&options.teacher)?];
        let data = Dataset::open(&options.data)?;
        let fit = FitOptions::for_one(options.dim.unwrap_or(256) as usize);
        let sample = Sample {
            unreadable,
            ..Sample::of(Split::Train)
        };
        let fitted = fit_networks(&networks, &data, sample, &fit, ranks.device)?;
        Teachers::new(networks, fitted.ensemble)
    };
    let Some(group) = &ranks.group else {
        return fit();
    };
    let folder = options.out.with_added_extension("teacher");
    if group.rank() == 0 {
        let runs = std::slice::from_ref(&options.teacher);
        Teachers::write(&fit()?.ensemble, runs, &folder)?;
    }
    group.barrier()?;
    Teachers::open(&folder)
}
