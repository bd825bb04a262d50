//! `skueye gallery`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;
use skueye_agent::report::printable;
use skueye_gallery::{Gallery, GalleryInfo};
use skueye_models::Fault;

use super::print;

/// The commands of `skueye gallery`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Counts and identity.
    Info(Target),
    /// Every product, one a line.
    List(Target),
    /// Read everything and check it.
    Verify(Target),
}

/// Which file, and how to print.
#[derive(Debug, Args)]
pub struct Target {
    /// The gallery file.
    file: PathBuf,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

/// What `verify` found.
#[derive(Debug, Serialize)]
struct Verified {
    verified: bool,
    #[serde(flatten)]
    info: GalleryInfo,
}

impl Command {
    pub fn run(self) -> Result<ExitCode, Fault> {
        match self {
            Self::Info(target) => target.info()?,
            Self::List(target) => target.list()?,
            Self::Verify(target) => target.verify()?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Target {
    fn info(&self) -> Result<(), Fault> {
        let info = Gallery::open(&self.file)?.view().info();
        match self.json {
            true => print::json(&info),
            false => print::line(&text(&info)),
        }
    }

    fn list(&self) -> Result<(), Fault> {
        let gallery = Gallery::open(&self.file)?;
        let view = gallery.view();
        for product in view.products() {
            let (_, product) = product.map_err(|fault| fault.at(&self.file))?;
            match self.json {
                true => print::json(&product)?,
                false => print::line(&format!(
                    "{:<14}  {}  [{}]",
                    product.gtin,
                    printable(product.title),
                    printable(product.category)
                ))?,
            }
        }
        Ok(())
    }

    fn verify(&self) -> Result<(), Fault> {
        let gallery = Gallery::open(&self.file)?;
        gallery.verify()?;
        let info = gallery.view().info();
        match self.json {
            true => print::json(&Verified {
                verified: true,
                info,
            }),
            false => print::line(&format!("sound\n{}", text(&info))),
        }
    }
}

fn text(info: &GalleryInfo) -> String {
    let GalleryInfo {
        rows,
        products,
        categories,
        dim,
        bytes,
        embedding_id,
        ..
    } = info;
    format!(
        "{products} products, {rows} rows of {dim} values, {categories} categories, {bytes} bytes\n\
         embedding id {embedding_id}"
    )
}
