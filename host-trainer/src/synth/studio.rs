//! Photographs every product of a plan and writes pictures and rows.

use rayon::prelude::*;
use skueye_models::Fault;

use super::SynthOptions;
use super::rng::{Purpose, stream};
use crate::data::layout::uuid;
use crate::data::{DatasetWriter, ImageRow, Look, ProductRow, Split};
use crate::progress::Step;
use crate::synth::goods::plan::{Entry, Role};
use crate::synth::goods::product::Product;
use crate::synth::goods::titles;
use crate::synth::photo::scene::{self, Subject, Surroundings};
use crate::synth::print::art::Artwork;
use crate::synth::solid::raster::Raster;

/// What photographers share.
pub(crate) struct Studio<'a> {
    pub(crate) options: &'a SynthOptions,
    pub(crate) surroundings: &'a Surroundings<'a>,
    pub(crate) writer: &'a DatasetWriter,
}

impl Studio<'_> {
    /// All photos of all products, written; returns their rows in the order of the plan.
    pub(crate) fn photograph(
        &self,
        plan: &[Entry],
    ) -> Result<(Vec<ProductRow>, Vec<ImageRow>), Fault> {
        let total: usize = plan.iter().map(|entry| self.views(entry.role).len()).sum();
        let step = Step::new("synth photos", total as u64);
        let size = self.options.size as usize;
        let shot: Vec<(ProductRow, Vec<ImageRow>)> = plan
            .par_iter()
            .enumerate()
            .map_init(
                || Raster::new(size, size),
                |raster, (serial, entry)| self.product(entry, serial, raster, &step),
            )
            .collect::<Result<_, Fault>>()?;
        let (products, images): (Vec<_>, Vec<_>) = shot.into_iter().unzip();
        Ok((products, images.into_iter().flatten().collect()))
    }

    /// The photos that products of `role` get.
    fn views(&self, role: Role) -> Vec<(Split, Look)> {
        let (listing, kiosk, listings) = match role {
            Role::Train => (Split::Train, Split::Train, self.options.listing_per_product),
            Role::Val => (Split::Val, Split::Val, self.options.listing_per_product),
            Role::Eval => (Split::Index, Split::Query, self.options.listing_per_product),
            Role::Unknown => (Split::Query, Split::Query, 0),
        };
        let listings = (0..listings).map(|_| (listing, Look::Listing));
        listings
            .chain((0..self.options.kiosk_per_product).map(|_| (kiosk, Look::Kiosk)))
            .collect()
    }

    fn product(
        &self,
        entry: &Entry,
        serial: usize,
        raster: &mut Raster,
        step: &Step,
    ) -> Result<(ProductRow, Vec<ImageRow>), Fault> {
        let product = entry.product(self.options, serial);
        let art = Artwork::new(self.options.seed, &product, 1.5 * self.options.size as f32);
        let subject = Subject::new(&art);
        let views = self.views(entry.role);
        let mut rows = Vec::with_capacity(views.len());
        for (view, (split, look)) in views.into_iter().enumerate() {
            let row = self.row(&product, serial, view, split, look);
            self.writer
                .write_image(&row, &self.photo(&subject, serial, view, look, raster)?)?;
            rows.push(row);
            step.advance(1);
        }
        Ok((truth(&product), rows))
    }

    fn photo(
        &self,
        subject: &Subject<'_>,
        serial: usize,
        view: usize,
        look: Look,
        raster: &mut Raster,
    ) -> Result<Vec<u8>, Fault> {
        let mut rng = stream(
            self.options.seed,
            Purpose::Photo,
            serial as u64,
            view as u64,
        );
        let size = self.options.size as usize;
        match look {
            Look::Kiosk => scene::kiosk(subject, self.surroundings, &mut rng, raster, size),
            _ => scene::listing(subject, &mut rng, raster, size),
        }
    }

    fn row(
        &self,
        product: &Product,
        serial: usize,
        view: usize,
        split: Split,
        look: Look,
    ) -> ImageRow {
        let seed = self.options.seed;
        let mut rng = stream(seed, Purpose::Title, serial as u64, view as u64);
        let title = match split.has_titles() {
            true => titles::noisy_title(product, &mut rng),
            false => String::new(),
        };
        let uuid = uuid("synth", seed, (serial as u64) << 16 | view as u64);
        ImageRow {
            uuid,
            split,
            gtin: product.gtin,
            title,
            categories: product.line.categories,
            look,
        }
    }
}

fn truth(product: &Product) -> ProductRow {
    ProductRow {
        gtin: product.gtin,
        title: product.title(),
        brand: product.line.brand.clone(),
        flavour: product.flavour.name.to_owned(),
        size: product.size.label(),
        shape: product.line.shape.word().to_owned(),
        line: product.line_name(),
    }
}
