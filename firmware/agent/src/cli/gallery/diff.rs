//! `skueye gallery diff`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use skueye_agent::recognise::open_gallery;
use skueye_agent::report::printable;
use skueye_gallery::Store;
use skueye_models::{EmbeddingId, Fault};

use super::list::{Listed, products};
use crate::cli::print;

/// Two galleries, each with its journal.
#[derive(Debug, Args)]
pub struct Diff {
    /// The one before.
    old: PathBuf,
    /// The one after.
    new: PathBuf,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

/// What differs.
#[derive(Debug, Serialize)]
struct Difference {
    embedding_ids: [EmbeddingId; 2],
    same_embedding: bool,
    only_old: Vec<Listed>,
    only_new: Vec<Listed>,
    changed: Vec<[Listed; 2]>,
}

impl Diff {
    /// Ends with 0 where nothing differs, with 1 where something does.
    pub fn run(self) -> Result<ExitCode, Fault> {
        let (old, new) = (open_gallery(&self.old)?, open_gallery(&self.new)?);
        let difference = self.compare(&old, &new)?;
        match self.json {
            true => print::json(&difference)?,
            false => difference.print()?,
        }
        Ok(match difference.is_empty() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }

    fn compare(&self, old: &Store, new: &Store) -> Result<Difference, Fault> {
        let ids = [old, new].map(|store| store.snapshot().base().view().embedding_id());
        let old = products(&old.snapshot(), &self.old)?;
        let new = products(&new.snapshot(), &self.new)?;
        let missing = |from: &Listed, other: &std::collections::BTreeMap<u64, Listed>| {
            !other.contains_key(&from.product.gtin.value())
        };
        let changed = old.iter().filter_map(|(gtin, old)| {
            let new = new.get(gtin).filter(|new| *new != old)?;
            Some([old.clone(), new.clone()])
        });
        Ok(Difference {
            embedding_ids: ids,
            same_embedding: ids[0] == ids[1],
            changed: changed.collect(),
            only_old: old.values().filter(|p| missing(p, &new)).cloned().collect(),
            only_new: new.values().filter(|p| missing(p, &old)).cloned().collect(),
        })
    }
}

impl Difference {
    fn is_empty(&self) -> bool {
        let listed = self.only_old.len() + self.only_new.len() + self.changed.len();
        self.same_embedding && listed == 0
    }

    fn print(&self) -> Result<(), Fault> {
        let [old, new] = &self.embedding_ids;
        if !self.same_embedding {
            print::line(&format!("embedding id {old} -> {new}"))?;
        }
        for (sign, listed) in [("-", &self.only_old), ("+", &self.only_new)] {
            for product in listed {
                print::line(&format!("{sign} {}", line(product)))?;
            }
        }
        for [old, new] in &self.changed {
            print::line(&format!("! {} -> {}", line(old), line(new)))?;
        }
        Ok(())
    }
}

fn line(listed: &Listed) -> String {
    let Listed { product, rows } = listed;
    let (title, category) = (printable(&product.title), printable(&product.category));
    format!("{}  {title}  [{category}]  {rows}", product.gtin)
}
