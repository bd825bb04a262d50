//! Pictures of a stage and of packages, drawn from a number.

use jpeg_encoder::{ColorType, Encoder};

const WIDTH: i32 = 640;
const HEIGHT: i32 = 480;

type Colour = [i32; 3];

/// The stage, with the package of `item` on it. JPEG.
pub(super) fn stage(item: Option<u64>) -> Vec<u8> {
    picture(WIDTH, HEIGHT, |x, y| {
        let light = 214 - (x - 320).abs() / 12 - (y - 200).abs() / 8;
        let ground = [light, light - 2, light - 8];
        let Some(item) = item else { return ground };
        let (left, top, width, height) = (215, 85, 210, 300);
        if let Some(colour) = package(item, x - left, y - top, width, height) {
            return colour;
        }
        let shade = (x - left - width).max(0) + (y - top - height).max(0) + (left - x).max(0);
        let near =
            (x > left - 6 && x < left + width + 26) && (y > top + 14 && y < top + height + 22);
        match near {
            true => ground.map(|c| c - (60 - 2 * shade).max(0)),
            false => ground,
        }
    })
}

/// The package of `item`, `size` pixels wide and high. JPEG.
pub(super) fn photo(item: u64, size: u16) -> Vec<u8> {
    let size = i32::from(size);
    let (width, height) = (size * 56 / 100, size * 84 / 100);
    picture(size, size, |x, y| {
        package(
            item,
            x - (size - width) / 2,
            y - (size - height) / 2,
            width,
            height,
        )
        .unwrap_or([244, 244, 240])
    })
}

/// The package's colour at a place within it: ground, a band, a disc, lines of print.
fn package(item: u64, x: i32, y: i32, width: i32, height: i32) -> Option<Colour> {
    if x < 0 || y < 0 || x >= width || y >= height {
        return None;
    }
    let mix = item.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let part = |shift: u32| i32::from((mix >> shift) as u8);
    let ground = [40 + part(56) / 2, 50 + part(48) / 2, 60 + part(40) / 2];
    let accent = [255 - part(40) / 3, 235 - part(56) / 3, 120 + part(48) / 3];
    let (u, v) = (x * 100 / width, y * 100 / height);
    let (dx, dy) = (u - 50, (v - 66) * height / width);
    let is_print = (18..82).contains(&u) && [22, 23, 29, 30, 31].contains(&v);
    let colour = match () {
        () if is_print => [250, 250, 245],
        () if dx * dx + dy * dy < 24 * 24 => accent,
        () if (14..40).contains(&v) => ground.map(|c| c * 6 / 10),
        () if !(3..97).contains(&u) => ground.map(|c| c * 8 / 10),
        () => ground,
    };
    // Lit from the left.
    Some(colour.map(|c| (c + 14 - u / 4).clamp(0, 255)))
}

fn picture(width: i32, height: i32, colour: impl Fn(i32, i32) -> Colour) -> Vec<u8> {
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let pixels: Vec<u8> = places
        .flat_map(|(x, y)| colour(x, y).map(|c| c.clamp(0, 255) as u8))
        .collect();
    let mut jpeg = Vec::new();
    let encoder = Encoder::new(&mut jpeg, 80);
    let done = encoder.encode(&pixels, width as u16, height as u16, ColorType::Rgb);
    done.unwrap_or_else(|e| panic!("the sizes fit: {e}"));
    jpeg
}
