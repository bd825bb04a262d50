//! The desk for the page.

use std::path::PathBuf;
use std::sync::Arc;

use skueye_gallery::Snapshot;
use skueye_models::{Code, Fault, Gtin, Product};
use skueye_page::Station;
use skueye_page::station::{
    Answer, Candidate, DayLog, EnrolStep, Enrolment, Health, ProductLine, Trouble, UpdateView, View,
};
use skueye_vision::decode::read_bounded;

use super::board::{self, Noted, State};
use super::feedback::Correction;
use super::{Desk, Meant, Run, Said, day, shots};
use crate::config::{Config, Problem};

/// The longest photo that is shown, in bytes.
const LARGEST_PHOTO: u64 = 4 << 20;

impl Station for Desk {
    fn view(&self) -> View {
        let state = self.board.state();
        let enrolment = self.studio.view();
        let mut view = View {
            version: 0,
            stage: self.pulse.now(),
            asks: state.asks(),
            enrolment,
            update: self.update(&state),
            troubles: state
                .troubles()
                .map(|(_, trouble)| trouble.clone())
                .collect(),
            fps: self.pulse.fps(),
            latency_ms: self.pulse.latency_ms(),
            products: self.run().map_or(0, |run| run.gallery.product_count()),
            counts: state.counts,
            recent: state.recent.into(),
        };
        view.counts.frames = self.pulse.frames();
        let further = [self.metrics.fallen(), self.metrics.log_trouble()];
        let further = further.iter().flatten().map(board::trouble);
        view.troubles.extend(further);
        for presentation in &mut view.recent {
            self.note_photos(&mut presentation.candidates);
        }
        if let Some(enrolment) = &mut view.enrolment {
            self.note_photos(&mut enrolment.lookalikes);
        }
        view.version = state.version;
        view
    }

    fn preview(&self) -> Option<Arc<[u8]>> {
        self.preview.jpeg()
    }

    fn photo(&self, gtin: Gtin) -> Option<Arc<[u8]>> {
        let bytes = read_bounded(&self.photo_path(gtin)?, LARGEST_PHOTO, Code::ImageFormat);
        Some(bytes.ok()?.into())
    }

    fn answer(&self, number: u32, answer: Answer) -> Result<(), Fault> {
        let Some(noted) = self.board.answer(number, answer)? else {
            return Ok(());
        };
        self.learn(number, &noted, false)?;
        self.hand_on(Said {
            number,
            said: noted.said,
            meant: noted.right.map_or(Meant::NotThis, Meant::Is),
            send: !noted.told,
            void: noted.void,
        })
    }

    fn take_back(&self, number: u32) -> Result<(), Fault> {
        let noted = self.board.take_back(number)?;
        self.learn(number, &noted, true)?;
        self.hand_on(Said {
            number,
            said: noted.said,
            meant: Meant::Undone,
            send: false,
            void: noted.void,
        })
    }

    fn enrol(&self, step: EnrolStep) -> Result<Option<Enrolment>, Fault> {
        let done = self.enrol_step(step);
        self.board.touch();
        done?;
        Ok(self.studio.view())
    }

    fn find(&self, text: &str, most: usize) -> Vec<ProductLine> {
        let Some(run) = self.run() else {
            return Vec::new();
        };
        let text = text.to_lowercase();
        let snapshot = run.gallery.snapshot();
        let lines = products(&snapshot);
        let fits = |line: &ProductLine| {
            line.gtin.to_string().contains(&text) || line.title.to_lowercase().contains(&text)
        };
        let mut found: Vec<ProductLine> = lines.filter(fits).take(most).collect();
        for line in self.names.search(&text, most) {
            let known = found.iter().any(|f| f.gtin.value() == line.gtin.value());
            if !known && found.len() < most {
                found.push(line);
            }
        }
        found
    }

    fn log(&self, day: Option<&str>, most: usize) -> Result<DayLog, Fault> {
        let mut log = match &self.log {
            Some(folder) => day::read(folder, day, most)?,
            None => DayLog::default(),
        };
        for presentation in &mut log.presentations {
            self.note_photos(&mut presentation.candidates);
        }
        Ok(log)
    }

    fn health(&self) -> Health {
        let state = self.board.state();
        let of = |is: fn(Code) -> bool| state.troubles().find(|(code, _)| is(*code));
        let of = |is| of(is).map(|(_, trouble)| trouble.clone());
        let missing = self.run().is_none().then(starting);
        Health {
            camera: of(board::is_camera),
            model: missing.clone(),
            gallery: missing,
            link: of(board::is_link),
            scores: self.metrics.fallen().as_ref().map(board::trouble),
        }
    }

    fn metrics(&self) -> String {
        let staged = u8::from(self.staged.now().is_some());
        self.metrics.text()
            + &format!(
                "# HELP skueye_update_staged Whether a release waits to be tried.\n\
                 # TYPE skueye_update_staged gauge\nskueye_update_staged {staged}\n"
            )
    }

    fn settings_problems(&self) -> Vec<String> {
        match Config::check(&self.settings) {
            Ok(Ok(config)) => config.warnings.iter().map(Problem::to_string).collect(),
            Ok(Err(problems)) => problems.iter().map(Problem::to_string).collect(),
            Err(fault) => vec![fault.to_string()],
        }
    }
}

impl Desk {
    /// Keeps an answer for the next training and against the same mistake, or takes that back. Errors: E901.
    fn learn(&self, number: u32, noted: &Noted, undone: bool) -> Result<(), Fault> {
        let (Some(run), Some(probe)) = (self.run(), self.probe(number)) else {
            return Ok(());
        };
        let was = noted.right.as_ref().map(|right| right.gtin);
        let correction = Correction::new(noted.said, was, run.embedding, &probe);
        match undone {
            false => self.feedback.add(correction),
            true => self.feedback.take_back(correction),
        }
    }

    /// For the link thread. Errors: E711 where too much waits for it.
    fn hand_on(&self, said: Said) -> Result<(), Fault> {
        match self.post(said) {
            true => Ok(()),
            false => Err(Fault::new(
                Code::AnswerLate,
                "a till that takes answers",
                "too many answers that wait for it",
                "check the till and its cable",
            )),
        }
    }

    fn enrol_step(&self, step: EnrolStep) -> Result<(), Fault> {
        match step {
            EnrolStep::Begin {
                gtin,
                title,
                category,
            } => self.begin_enrolment(&gtin, title, category),
            EnrolStep::Shot => self.studio.ask_for_shot(),
            EnrolStep::Drop(at) => self.studio.drop_shot(at),
            EnrolStep::Save => {
                let (gtin, pictures) = self.studio.save(&self.running()?)?;
                self.keep_pictures(gtin, &pictures);
                Ok(())
            }
            EnrolStep::Cancel => {
                self.studio.cancel();
                Ok(())
            }
            EnrolStep::Undo => {
                let pictures = self.studio.undo(&self.running()?)?;
                shots::forget(&pictures)
            }
        }
    }

    /// A product that the gallery knows keeps its name and category; one without a name has that of the shop's list.
    fn begin_enrolment(&self, gtin: &str, title: String, category: String) -> Result<(), Fault> {
        let gtin: Gtin = gtin.trim().parse()?;
        let snapshot = self.running()?.gallery.snapshot();
        let known = products(&snapshot).find(|line| line.gtin.value() == gtin.value());
        let named = || self.names.find(gtin).filter(|_| title.trim().is_empty());
        let known = known.or_else(named);
        let product = match known {
            Some(line) => Product {
                gtin: line.gtin,
                title: line.title,
                category: line.category,
            },
            None if title.trim().is_empty() => {
                return Err(Fault::new(
                    Code::GalleryInput,
                    "a name for a product that the gallery does not have",
                    "none",
                    "type the product's name",
                ));
            }
            None => Product {
                gtin,
                title: title.trim().to_owned(),
                category: category.trim().to_owned(),
            },
        };
        self.studio.begin(product)
    }

    fn running(&self) -> Result<Run, Fault> {
        self.run().ok_or_else(|| {
            Fault::new(
                Code::EnrolStep,
                "a device that recognises",
                "one that is still starting",
                "wait until it has started",
            )
        })
    }

    /// The product is enrolled already: pictures that cannot be kept are told, and that is all.
    fn keep_pictures(&self, gtin: Gtin, pictures: &[Vec<u8>]) {
        let Some(root) = self.studio.pictures() else {
            return;
        };
        match shots::keep(root, gtin, pictures) {
            Ok(paths) => self.studio.note_pictures(paths),
            Err(fault) => self.board.tell(&fault),
        }
    }

    fn note_photos(&self, candidates: &mut [Candidate]) {
        for candidate in candidates {
            candidate.photo = self.photo_path(candidate.gtin).is_some();
        }
    }

    /// The photo that came with the gallery, or the first of those that were taken here.
    fn photo_path(&self, gtin: Gtin) -> Option<PathBuf> {
        let given = self.photos.as_ref();
        let given = given.map(|folder| folder.join(format!("{gtin}.jpg")));
        let taken = || shots::first(self.studio.pictures()?, gtin);
        given.filter(|path| path.is_file()).or_else(taken)
    }

    fn update(&self, state: &State) -> UpdateView {
        UpdateView {
            release: state.release.clone(),
            staged: self.staged.now(),
            percent: state.percent,
        }
    }
}

fn starting() -> Trouble {
    Trouble {
        code: String::new(),
        text: "the device is starting".into(),
        remedy: "wait".into(),
    }
}

/// Every product of the file and of what was added, each once. Products that cannot be read are left out; verifying tells.
fn products(snapshot: &Snapshot) -> impl Iterator<Item = ProductLine> {
    let of_base = snapshot.base().view().products();
    let added = snapshot.added().map(|added| added.view());
    let base = snapshot.base().view();
    let is_new = move |line: &ProductLine| base.find(line.gtin.value()).is_none();
    let lines = of_base.filter_map(|product| Some(line(&product.ok()?.1)));
    let new: Vec<ProductLine> = match &added {
        Some(view) => view
            .products()
            .filter_map(|product| Some(line(&product.ok()?.1)))
            .filter(is_new)
            .collect(),
        None => Vec::new(),
    };
    lines.chain(new)
}

fn line(product: &skueye_gallery::ProductRef<'_>) -> ProductLine {
    ProductLine {
        gtin: product.gtin,
        title: product.title.to_owned(),
        category: product.category.to_owned(),
    }
}
