//! The cells of one set and seed.

use std::path::{Path, PathBuf};

use serde_json::json;
use skueye_models::Fault;

use super::cells::{Cell, settings_hash};
use super::plan::Sizes;
use super::rows::{Figures, MINING_DEFAULT, Row, SeedFigures};
use super::site::threshold;
use super::teach::{MEMBERS, School, Subject};
use super::tricks::{Trick, tricks};
use crate::data::Split;
use crate::distil::DistilRequest;
use crate::distil::ensemble::EnsembleReport;
use crate::distil::fit::{FitOptions, Jury, fit_ensemble};
use crate::distil::teachers::{Teacher, Teachers};
use crate::distil::vectors::{all_vectors, computing, tables, vectors_of};
use crate::embed::embed_pictures;
use crate::engine::Source;
use crate::ensemble::Ensemble;
use crate::evaluate::{Metrics, Truth, device_rows, float_row, reranked_row};
use crate::mine::{MiningOptions, TrainingIndex, Vocabulary, mine};
use crate::run::{ExportRequest, RunFolder, export};
use crate::shard::Shard;
use crate::vectors::{UnitVectors, Vectors};

/// Changes whenever the recipe below does, so that cells of another recipe are not taken for this one's.
const RECIPE: u32 = 1;
/// Length of the student's vectors.
const DIM: usize = 256;
/// Peak rate of the student, which starts near its goal.
const STUDENT_RATE: f64 = 5e-4;

/// Tells of each cell: its name, its figures, whether it was there already.
pub type Tell<'t> = &'t dyn Fn(&str, &Cell, bool);

/// Figures of everything for the site of `school`, and what was chosen on the way.
pub fn work(school: &School, tell: Tell) -> Result<(SeedFigures, serde_json::Value, f64), Fault> {
    let bench = Bench::new(school)?;
    let mut all = SeedFigures::default();
    let (mut notes, mut seconds) = (serde_json::Map::new(), 0.0);
    let mut take = |name: &str, cell: Cell| {
        all.rows.extend(cell.figures.rows);
        all.mining.extend(cell.figures.mining);
        notes.insert(name.into(), cell.notes);
        seconds += cell.seconds;
    };
    for name in bench.names() {
        let settings = bench.settings_of(&name);
        let (cell, found) = school
            .site
            .cell(&name, &settings, || bench.compute(&name))?;
        tell(&name, &cell, found);
        take(&name, cell);
    }
    Ok((all, notes.into(), seconds))
}

/// How many cells each site has.
pub fn cells() -> usize {
    1 + MEMBERS.len() + 2 + tricks().len()
}

/// What the cells of one site share.
struct Bench<'a> {
    school: &'a School<'a>,
    vocabulary: PathBuf,
    tricks: Vec<Trick>,
}

impl<'a> Bench<'a> {
    fn new(school: &'a School) -> Result<Self, Fault> {
        let site = school.site;
        let vocabulary = site.folder.join("vocabulary.tsv");
        let options = MiningOptions::above(threshold(&site.set));
        mine(&site.dataset, &options)?.write(&vocabulary)?;
        Ok(Self {
            school,
            vocabulary,
            tricks: tricks(),
        })
    }

    /// The cells in an order in which each finds what it needs.
    fn names(&self) -> Vec<String> {
        let members = MEMBERS.iter().map(|kind| kind.network.to_owned());
        let mining = self
            .tricks
            .iter()
            .map(|trick| format!("mining-{}", trick.name));
        let first = ["category_only".to_owned()];
        let joined = ["ensemble", "student"].map(String::from);
        first
            .into_iter()
            .chain(members)
            .chain(joined)
            .chain(mining)
            .collect()
    }

    /// What decides the figures of the cell `name`.
    fn settings_of(&self, name: &str) -> String {
        let site = self.school.site;
        let teachers = MEMBERS.map(|kind| format!("{kind:?}"));
        let settings = self.school.settings(0, Subject::Attributes).to_text();
        let sizes: &Sizes = self.school.sizes;
        // What only the later cells depend on, so that a change of it leaves the others standing.
        let own = match name {
            "ensemble" => vec![DIM as f64],
            "student" => vec![DIM as f64, STUDENT_RATE],
            _ => vec![],
        };
        settings_hash(&(
            RECIPE,
            name,
            site.seed,
            sizes,
            self.school.weights,
            teachers,
            settings,
            own,
        ))
    }

    fn compute(&self, name: &str) -> Result<Cell, Fault> {
        if let Some(member) = MEMBERS.iter().position(|kind| kind.network == name) {
            return self.member(member);
        }
        match (name, name.strip_prefix("mining-")) {
            (_, Some(trick)) => self.mining(trick),
            ("category_only", _) => self.category_only(),
            ("ensemble", _) => self.ensemble(),
            _ => self.student(),
        }
    }

    fn category_only(&self) -> Result<Cell, Fault> {
        let teacher =
            self.school
                .teach("category_only", 0, Subject::Categories, &self.vocabulary)?;
        let figures = self.raw(&teacher)?;
        self.forget("category_only")?;
        Ok(Cell::of(
            SeedFigures::row(Row::CategoryOnly, figures),
            json!({}),
        ))
    }

    /// A member's teacher; the first member's is the attribute teacher.
    fn member(&self, member: usize) -> Result<Cell, Fault> {
        let network = MEMBERS[member].network;
        let teacher = self
            .school
            .teach(network, member, Subject::Attributes, &self.vocabulary)?;
        let figures = self.raw(&teacher)?;
        let rows = match member {
            0 => SeedFigures::row(Row::Attributes, figures),
            _ => SeedFigures::default(),
        };
        Ok(Cell::of(rows, json!({ "raw": figures })))
    }

    fn ensemble(&self) -> Result<Cell, Fault> {
        let (school, site) = (self.school, self.school.site);
        let networks = self.networks()?;
        let mut fitting = Vec::new();
        for (member, teacher) in networks.iter().enumerate() {
            let module = computing(&teacher.trained, school.device);
            let statistics =
                all_vectors(&module, school.source(member)?, school.sizes.stored_views)?;
            fitting.push(tables(
                teacher,
                statistics,
                &site.validation,
                school.device,
            )?);
        }
        let jury = Jury::new(&site.validation);
        let fitted = fit_ensemble(&fitting, &jury, &FitOptions::for_dim(DIM))?;
        drop(fitting);
        Teachers::write(&fitted.ensemble, &self.runs(), &self.ensemble_path())?;
        let report = EnsembleReport::new(&networks, &fitted);
        let embed = |pictures: &Vec<PathBuf>| {
            let of =
                |teacher: &Teacher| vectors_of(&teacher.trained, pictures.clone(), school.device);
            networks
                .iter()
                .map(of)
                .collect::<Result<Vec<Vectors>, Fault>>()
        };
        let index = embed(&site.evaluation.index)?;
        let queries = embed(&site.evaluation.queries)?;
        let best = report.best();
        let mut rows = SeedFigures::default();
        let units = |vectors: &Vectors| vectors.clone().normalised();
        let raw = (units(&index[best])?, units(&queries[best])?);
        rows.put(Row::SingleRaw, self.float(&raw.0, &raw.1)?);
        let member = &fitted.ensemble.members()[best];
        let whitened = (member.units(&index[best])?, member.units(&queries[best])?);
        rows.put(Row::SingleWhitened, self.float(&whitened.0, &whitened.1)?);
        let join = |of: &[Vectors]| fitted.ensemble.join(&of.iter().collect::<Vec<_>>());
        let (index_joined, queries_joined) = (join(&index)?, join(&queries)?);
        let plain = float_row("ensemble", "", &index_joined, &queries_joined)?;
        let reranked = reranked_row(&plain, &index_joined, &queries_joined)?;
        rows.put(Row::Ensemble, self.figures(&plain.rankings));
        rows.put(Row::EnsembleReranked, self.figures(&reranked.rankings));
        // What a perfect student would reach: the vectors that it is taught.
        let targets = |of: &[Vectors]| fitted.ensemble.targets(&of.iter().collect::<Vec<_>>());
        let target = self.float(&targets(&index)?, &targets(&queries)?)?;
        let best = MEMBERS[best].network;
        Ok(Cell::of(
            rows,
            json!({ "fit": report, "best_member": best, "target": target }),
        ))
    }

    fn student(&self) -> Result<Cell, Fault> {
        let (school, site) = (self.school, self.school.site);
        let teachers = Teachers::new(self.networks()?, Ensemble::read(&self.ensemble_path())?)?;
        let mut settings = school.settings(0, Subject::Attributes);
        let pictures = site.pictures.paths.len();
        settings.network.embedding = DIM;
        settings.training.epochs = Sizes::passes(school.sizes.student_views, pictures);
        settings.training.rate = STUDENT_RATE;
        settings.schedule.floor = STUDENT_RATE * 0.01;
        let out = school.run("student");
        let request = DistilRequest {
            teachers: &teachers,
            trunk: &teachers.networks[0],
            data: site.dataset.root(),
            out: &out,
            store: &site.folder.join("store"),
            shard: Shard::WHOLE,
            settings: &settings,
            vocabulary: Some(&self.vocabulary),
            resume: true,
            until: None,
            device: school.device,
            group: None,
        };
        let sources = (0..MEMBERS.len())
            .map(|member| school.source(member))
            .collect::<Result<Vec<&Source>, Fault>>()?;
        request.fill(&site.pictures, &sources)?;
        request.learn(&site.pictures, sources[0])?;
        school.forget_checkpoints(&out)?;
        let rows = self.on_device(&RunFolder::open(&out)?)?;
        Ok(Cell::of(rows, json!({ "start": self.started(&out)? })))
    }

    /// The student through the device's own code: exported, embedded, searched.
    fn on_device(&self, run: &RunFolder) -> Result<SeedFigures, Fault> {
        let site = self.school.site;
        let model = site.folder.join("model");
        export(&ExportRequest {
            run,
            out: &model,
            data: None,
            picture: Some(&site.evaluation.index[0]),
            false_accept_rate: 0.02,
            with_f32: true,
        })?;
        let embed = |pictures: &[PathBuf]| embed_pictures(&model, pictures);
        let units = |pictures: &[PathBuf]| Vectors::of_units(DIM, &embed(pictures)?);
        let (index, queries) = (
            units(&site.evaluation.index)?,
            units(&site.evaluation.queries)?,
        );
        let mut rows = SeedFigures::row(Row::StudentF32, self.float(&index, &queries)?);
        let products = &site.evaluation.truth.index;
        let on_device = device_rows("student", "", &index, &queries, products)?;
        for (row, found) in [Row::StudentInt8, Row::StudentInt8Reranked]
            .into_iter()
            .zip(on_device)
        {
            rows.put(row, self.figures(&found.rankings));
        }
        Ok(rows)
    }

    /// What the student reached before its first step.
    fn started(&self, run: &Path) -> Result<Figures, Fault> {
        let start = crate::run::TrainedNetwork::open(&run.join("start"))?;
        let [index, queries] = self.school.embed(&start)?;
        self.float(&index, &queries)
    }

    /// An attribute teacher with one mining option on.
    fn mining(&self, name: &str) -> Result<Cell, Fault> {
        let site = self.school.site;
        let trick = self
            .tricks
            .iter()
            .find(|trick| trick.name == name)
            .expect("one of the names");
        let path = site.folder.join(format!("vocabulary-{name}.tsv"));
        let vocabulary = mine(&site.dataset, &trick.options(threshold(&site.set)))?;
        vocabulary.write(&path)?;
        let usual = Vocabulary::read(&self.vocabulary)?;
        let other = self.targets(&vocabulary)? != self.targets(&usual)?;
        // The same targets teach the same: the run is that of the default.
        let (run, taught) = match other {
            true => (format!("mining-{name}"), &path),
            false => (format!("mining-{MINING_DEFAULT}"), &self.vocabulary),
        };
        let figures = self.raw(&self.school.teach(&run, 0, Subject::Mining, taught)?)?;
        if other {
            self.forget(&run)?;
        }
        let mut all = SeedFigures::default();
        all.mining.insert(name.to_owned(), figures);
        let notes = json!({ "attributes": vocabulary.len(), "other_targets": other });
        Ok(Cell::of(all, notes))
    }

    /// What `vocabulary` asks for of every training picture.
    fn targets(&self, vocabulary: &Vocabulary) -> Result<Vec<Vec<(String, f32)>>, Fault> {
        let index = TrainingIndex::load(&self.school.site.dataset, Split::Train, vocabulary)?;
        let names: Vec<&str> = vocabulary.entries().map(|(name, _)| name).collect();
        let target = |&attribute: &u32| {
            let at = attribute as usize;
            (names[at].to_owned(), index.weights()[at])
        };
        let of = |picture| index.attributes(picture).iter().map(target).collect();
        Ok((0..index.len()).map(of).collect())
    }

    /// The members' networks, as their runs left them.
    fn networks(&self) -> Result<Vec<Teacher>, Fault> {
        self.runs().iter().map(|run| Teacher::open(run)).collect()
    }

    fn runs(&self) -> Vec<PathBuf> {
        MEMBERS
            .iter()
            .map(|kind| self.school.run(kind.network))
            .collect()
    }

    fn ensemble_path(&self) -> PathBuf {
        self.school.site.folder.join("ensemble")
    }

    fn raw(&self, teacher: &Teacher) -> Result<Figures, Fault> {
        let [index, queries] = self.school.embed(&teacher.trained)?;
        self.float(&index, &queries)
    }

    fn float(&self, index: &UnitVectors, queries: &UnitVectors) -> Result<Figures, Fault> {
        Ok(self.school.site.evaluation.metrics(index, queries)?.into())
    }

    fn figures(&self, rankings: &crate::evaluate::Rankings) -> Figures {
        let truth: &Truth = &self.school.site.evaluation.truth;
        Metrics::new(rankings, truth).into()
    }

    /// Removes a run that no later cell needs.
    fn forget(&self, run: &str) -> Result<(), Fault> {
        let path = self.school.run(run);
        match std::fs::remove_dir_all(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(Fault::io("remove", &path, &e))
            }
            _ => Ok(()),
        }
    }
}
