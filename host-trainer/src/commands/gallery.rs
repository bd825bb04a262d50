//! `skueye-train gallery`.

use std::path::PathBuf;

use clap::Subcommand;
use skueye_trainer::data::Dataset;
use skueye_trainer::embed::{Besides, build_gallery, read_thresholds};
use skueye_trainer::evaluate::{EvaluationSet, write_photos};

use super::print;

/// Pairs of look-alikes that are printed; the file beside the gallery has more.
const SHOWN: usize = 20;

#[derive(Subcommand)]
pub enum GalleryCommand {
    /// Builds a gallery from vectors that `embed` wrote; the ground truth says which product each row shows.
    Build {
        /// The model's folder.
        model: PathBuf,
        /// The .npy files of all shards, in any order.
        #[arg(long, required = true, num_args = 1..)]
        vectors: Vec<PathBuf>,
        /// The data set's folder.
        #[arg(long)]
        data: PathBuf,
        /// The gallery to write.
        #[arg(long)]
        out: PathBuf,
        /// Keeps the rows in FP16 besides, so that a search ends in the order of float: three times the size.
        #[arg(long)]
        fp16: bool,
        /// Sorts the rows into this many inverted lists besides, for millions of rows: about twice their square root.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
        lists: Option<u32>,
        /// A CSV of thresholds of single products: GTIN, ACCEPT, REJECT, MARGIN. An empty cell is as for all products.
        #[arg(long, value_name = "FILE")]
        thresholds: Option<PathBuf>,
        /// Lists at most so many pairs of products that look alike, beside the gallery; 0 looks for none. Of more than
        /// 200,000 rows none are looked for.
        #[arg(long, value_name = "N", default_value_t = 100)]
        look_alikes: usize,
    },
    /// Writes a photo of each product of a data set's index, GTIN.jpg, for the device's page (gallery.photos).
    Photos {
        /// The data set's folder.
        data: PathBuf,
        /// Folder to write.
        #[arg(long)]
        out: PathBuf,
    },
}

/// Does what `command` asks of a gallery.
pub fn run(command: GalleryCommand, json: bool) -> anyhow::Result<bool> {
    match command {
        GalleryCommand::Build {
            model,
            vectors,
            data,
            out,
            fp16,
            lists,
            thresholds,
            look_alikes,
        } => {
            let thresholds = thresholds.map_or(Ok(Vec::new()), |path| read_thresholds(&path))?;
            let besides = Besides {
                fp16,
                lists,
                thresholds,
                look_alikes,
            };
            let data = Dataset::open(&data)?;
            let report = build_gallery(&model, &vectors, &data, &besides, &out)?;
            print(json, &report, |report| {
                let (rows, products) = (report.rows, report.products);
                let written = format!("{rows} rows of {products} products in {}", out.display());
                match &report.look_alikes {
                    Some(found) => format!("{}{written}", found.table(SHOWN)),
                    None => written,
                }
            })
        }
        GalleryCommand::Photos { data, out } => {
            let set = EvaluationSet::load(&Dataset::open(&data)?)?;
            let count = write_photos(&set, &out)?;
            print(json, &serde_json::json!({ "photos": count }), |_| {
                format!("{count} photos in {}", out.display())
            })
        }
    }
}
