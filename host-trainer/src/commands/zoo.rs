//! `skueye-train zoo`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use skueye_models::{Code, Fault};
use skueye_trainer::zoo::{Difference, Figures, MeasureOptions};
use skueye_vision::model::read_manifest;

use super::print;

#[derive(Subcommand)]
pub enum Zoo {
    /// Makes a model from a recipe: data, teachers, ensemble, student, export, bands. Run again, it goes on.
    Train(Train),
    /// Measures a model on synth-unseen, makers-unseen and emoji-datasource, and keeps the figures in a file.
    Measure {
        #[command(flatten)]
        of: Measured,
        /// The file to write.
        #[arg(long, default_value = "target/zoo/figures.json")]
        out: PathBuf,
        /// Products of synth-unseen.
        #[arg(long, default_value_t = 500)]
        products: usize,
        /// Seed of sets, corruptions and intervals.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Measures a model again and lists every figure that is not what the file says; exits with 1 where there is one.
    Verify {
        #[command(flatten)]
        of: Measured,
        /// The figures that were kept.
        #[arg(long, default_value = "models/zoo/figures.json")]
        figures: PathBuf,
    },
}

/// What is measured, and where its sets lie.
#[derive(Args)]
pub struct Measured {
    /// The model's folder.
    #[arg(default_value = "models/zoo/default")]
    model: PathBuf,
    /// Where sets that were made lie, to be used again.
    #[arg(long, default_value = "target/retrieval")]
    work: PathBuf,
    /// Where fetched packages stay.
    #[arg(long, default_value = "target/cache")]
    cache: PathBuf,
}

#[derive(Args)]
pub struct Train {
    /// A recipe: a TOML file such as models/zoo/recipe.toml.
    recipe: PathBuf,
    /// Where everything of it lies; OUT/model is the model.
    #[arg(long, default_value = "target/zoo")]
    out: PathBuf,
    /// auto, cpu or cuda:N.
    #[arg(long, default_value = "auto")]
    device: String,
    /// Where fetched packages stay.
    #[arg(long, default_value = "target/cache")]
    cache: PathBuf,
}

/// Does what `command` asks.
pub fn run(command: Zoo, json: bool) -> anyhow::Result<bool> {
    match command {
        Zoo::Train(options) => train(&options, json),
        Zoo::Measure {
            of,
            out,
            products,
            seed,
        } => {
            let found = Figures::measure(&of.options(products, seed))?;
            found.write(&out)?;
            print(json, &found, |found| {
                format!("{found}\nwritten to {}", out.display())
            })
        }
        Zoo::Verify { of, figures } => verify(of, &figures, json),
    }
}

impl Measured {
    fn options(self, products: usize, seed: u64) -> MeasureOptions {
        MeasureOptions {
            model: self.model,
            products,
            work: self.work,
            cache: self.cache,
            seed,
        }
    }
}

fn verify(of: Measured, path: &Path, json: bool) -> anyhow::Result<bool> {
    let kept = Figures::read(path)?;
    let own = read_manifest(&of.model)?.embedding_id.to_string();
    if own != kept.embedding_id {
        let expected = format!("figures of the model {own}");
        let remedy = "name the file that belongs to it, or measure it";
        let fault = Fault::new(Code::WorkFolder, expected, kept.embedding_id, remedy);
        return Err(fault.at(path).into());
    }
    let found = Figures::measure(&of.options(kept.products, kept.seed))?;
    let differences = kept.differences(&found);
    print(json, &differences, |differences| {
        let line = |d: &Difference| format!("{}: {:?} is {:?} now\n", d.figure, d.kept, d.found);
        let lines: String = differences.iter().map(line).collect();
        format!("{lines}{} figures differ", differences.len())
    })?;
    Ok(differences.is_empty())
}

/// Refuses: this program was built without the training engine (E603).
#[cfg(not(feature = "torch"))]
fn train(_: &Train, _: bool) -> anyhow::Result<bool> {
    skueye_trainer::run::training_is_possible()?;
    Ok(false)
}

/// Makes the model and tells what came of it.
#[cfg(feature = "torch")]
fn train(options: &Train, json: bool) -> anyhow::Result<bool> {
    use skueye_trainer::engine::device;
    use skueye_trainer::zoo::{Recipe, ZooRequest, train};

    let made = train(&ZooRequest {
        recipe: &Recipe::read(&options.recipe)?,
        out: &options.out,
        cache: &options.cache,
        device: device(&options.device, 0)?,
    })?;
    print(json, &made, |made| {
        let mut lines: Vec<String> = Vec::new();
        for share in &made.data {
            let percent = share.share_of_training * 100.0;
            lines.push(format!(
                "{percent:.1} % of training: {} ({})",
                share.name, share.licence
            ));
        }
        let bands = &made.calibration;
        lines.push(format!(
            "{} in {}: accepts {:.1} % of known items rightly, {:.1} % wrongly, {:.1} % of unknown ones",
            made.embedding_id,
            made.model.display(),
            bands.accepted_right * 100.0,
            bands.accepted_wrong * 100.0,
            bands.unknown_accepted * 100.0
        ));
        lines.join("\n")
    })
}
