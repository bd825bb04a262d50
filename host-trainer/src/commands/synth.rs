//! `skueye-train data synth`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use skueye_trainer::synth::{SynthOptions, Vocabulary, contact_sheet, generate};

use super::print_dataset;

#[derive(Args)]
pub struct Synth {
    /// Folder to write; absent or empty.
    out: PathBuf,
    /// Equal seeds give equal bytes.
    #[arg(long, default_value_t = SynthOptions::default().seed)]
    seed: u64,
    /// Brands, package shapes and fonts: those that training sees, or others that are for measuring alone.
    #[arg(long, default_value = "training")]
    vocabulary: Words,
    /// Products to train with.
    #[arg(long, default_value_t = SynthOptions::default().train_products)]
    train_products: usize,
    /// Products kept for validation.
    #[arg(long, default_value_t = SynthOptions::default().val_products)]
    val_products: usize,
    /// Products of the index, of brands that training never sees.
    #[arg(long, default_value_t = SynthOptions::default().eval_products)]
    eval_products: usize,
    /// Products that are asked for and not in the index.
    #[arg(long, default_value_t = SynthOptions::default().unknown_products)]
    unknown_products: usize,
    /// Studio photos per product.
    #[arg(long, default_value_t = SynthOptions::default().listing_per_product)]
    listing_per_product: usize,
    /// Kiosk photos per product.
    #[arg(long, default_value_t = SynthOptions::default().kiosk_per_product)]
    kiosk_per_product: usize,
    /// Edge of the photos, pixels.
    #[arg(long, default_value_t = SynthOptions::default().size)]
    size: u32,
    /// Presentations of known products in the replay.
    #[arg(long, default_value_t = SynthOptions::default().presentations)]
    presentations: usize,
    /// Presentations of unknown products in the replay.
    #[arg(long, default_value_t = SynthOptions::default().unknown_presentations)]
    unknown_presentations: usize,
    /// Also write a picture that shows the data.
    #[arg(long)]
    contact_sheet: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Words {
    Training,
    Unseen,
}

/// Draws the goods and tells what was written.
pub fn run(synth: &Synth, json: bool) -> anyhow::Result<bool> {
    let options = SynthOptions {
        seed: synth.seed,
        vocabulary: match synth.vocabulary {
            Words::Training => Vocabulary::Training,
            Words::Unseen => Vocabulary::Unseen,
        },
        train_products: synth.train_products,
        val_products: synth.val_products,
        eval_products: synth.eval_products,
        unknown_products: synth.unknown_products,
        listing_per_product: synth.listing_per_product,
        kiosk_per_product: synth.kiosk_per_product,
        size: synth.size,
        presentations: synth.presentations,
        unknown_presentations: synth.unknown_presentations,
        ..SynthOptions::default()
    };
    generate(&synth.out, &options)?;
    if let Some(sheet) = &synth.contact_sheet {
        contact_sheet(&synth.out, sheet)?;
    }
    print_dataset(&synth.out, json)
}
