//! A shop in a folder: model, gallery, settings, and replays of coloured boxes on a grey stage.

use std::fs;
use std::path::{Path, PathBuf};

use skueye_gallery::GalleryBuilder;
use skueye_models::{EmbeddingId, Gtin, Product};
use skueye_vision::RgbImage;
use skueye_vision::testing::{DIM, embed, png_bytes, write_tiny_model};
use tempfile::TempDir;

/// The colours of a box's left and right half.
pub type Look = [[u8; 3]; 2];

pub const RED: Look = [[250, 10, 10]; 2];
pub const GREEN: Look = [[10, 250, 10]; 2];
pub const BLUE: Look = [[10, 10, 250]; 2];
/// In no gallery.
pub const MAGENTA: Look = [[250, 10, 250]; 2];
/// As near to red as to green.
pub const HALF: Look = [RED[0], GREEN[0]];

const ID: EmbeddingId = EmbeddingId([1; 16]);
const PRODUCTS: [(Look, u64, &str); 3] = [
    (RED, 400_638_133_393, "Red tea 20 bags"),
    (GREEN, 400_638_133_394, "Green tea 20 bags"),
    (BLUE, 400_638_133_395, "Blue tea 20 bags"),
];
pub const WIDTH: u32 = 160;
const HEIGHT: u32 = 120;

/// Removed when it is dropped.
pub struct Shop(TempDir);

impl Shop {
    /// With a model and a gallery, without settings.
    pub fn new() -> Self {
        let shop = Self(tempfile::tempdir().unwrap());
        fs::create_dir(shop.folder().join("model")).unwrap();
        write_tiny_model(&shop.folder().join("model"), ID);
        let mut builder = GalleryBuilder::new(ID, DIM).unwrap();
        for (look, body, title) in PRODUCTS {
            let product = Product {
                gtin: Gtin::from_body(body, 13).unwrap(),
                title: title.into(),
                category: "tea".into(),
            };
            let product = builder.add_product(product).unwrap();
            let mut picture = RgbImage::black(64, 64).unwrap();
            paint(&mut picture, [0, 0, 64, 64], look);
            builder.add_row(product, &embed(ID, &picture)).unwrap();
        }
        builder.write(shop.folder().join("gallery.skg")).unwrap();
        shop
    }

    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    pub fn gtin(&self, title: &str) -> Gtin {
        let (_, body, _) = PRODUCTS.iter().find(|product| product.2 == title).unwrap();
        Gtin::from_body(*body, 13).unwrap()
    }

    /// Writes the settings, with thresholds that tell half and half from unknown.
    pub fn settings(&self, text: &str) -> PathBuf {
        let path = self.folder().join("kiosk.toml");
        let text = match text.contains("[decision]") {
            true => text.to_owned(),
            false => format!("{text}[decision]\nreject = 0.5\n"),
        };
        fs::write(&path, text).unwrap();
        path
    }

    /// Puts a model of another embedding id in the place of the gallery's.
    pub fn other_model(&self) {
        write_tiny_model(&self.folder().join("model"), EmbeddingId([2; 16]));
    }

    /// A picture that a box of this look fills.
    pub fn picture(&self, name: &str, look: Look) {
        let mut picture = RgbImage::black(80, 80).unwrap();
        paint(&mut picture, [0, 0, 80, 80], look);
        fs::write(self.folder().join(name), png_bytes(&picture)).unwrap();
    }

    /// Frames of an empty stage, then for each look a box that slides in, lies, and is taken away.
    pub fn replay(&self, name: &str, looks: &[Look]) {
        let folder = self.folder().join(name);
        fs::create_dir(&folder).unwrap();
        let mut places: Vec<Option<(u32, Look)>> = vec![None; 4];
        for (number, look) in (0..).zip(looks) {
            let rest = 30 + number * 7 % 40;
            places.extend([0, rest / 2].map(|x| Some((x, *look))));
            places.extend([Some((rest, *look)); 9]);
            places.extend([None; 3]);
        }
        for (sequence, place) in (0..).zip(places) {
            let frame = scene(sequence, place);
            fs::write(folder.join(format!("{sequence:05}.png")), png_bytes(&frame)).unwrap();
        }
    }

    /// How many frames a replay has.
    pub fn frames(&self, name: &str) -> usize {
        fs::read_dir(self.folder().join(name)).unwrap().count()
    }

    /// Cuts a frame of a replay in half.
    pub fn damage(&self, name: &str, sequence: u32) {
        let path = self.folder().join(name).join(format!("{sequence:05}.png"));
        let bytes = fs::read(&path).unwrap();
        fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    }
}

/// The stage, with a box at a column or empty.
pub fn scene(sequence: u32, place: Option<(u32, Look)>) -> RgbImage {
    let mut frame = stage(sequence);
    if let Some((x, look)) = place {
        paint(&mut frame, [x, 30, x + 60, 90], look);
    }
    frame
}

/// Grey with noise that differs from frame to frame.
fn stage(sequence: u32) -> RgbImage {
    let mut image = RgbImage::black(WIDTH, HEIGHT).unwrap();
    let mut state = sequence.wrapping_mul(2_654_435_761) | 1;
    for value in image.data_mut() {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        *value = 124 + (state % 9) as u8;
    }
    image
}

/// Paints the box `[left, top, right, bottom]`.
fn paint(image: &mut RgbImage, place: [u32; 4], look: Look) {
    let [left, top, right, bottom] = place;
    let width = image.width();
    for y in top..bottom {
        for x in left..right {
            let half = usize::from(x >= (left + right) / 2);
            let at = ((y * width + x) * 3) as usize;
            image.data_mut()[at..at + 3].copy_from_slice(&look[half]);
        }
    }
}
