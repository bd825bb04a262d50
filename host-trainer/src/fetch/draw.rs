//! From an SVG body to the bytes of a JPEG file.

use jpeg_encoder::{ColorType, Encoder};
use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::{Options, Tree};
use skueye_models::{Code, Fault};

use super::icons::Icon;

const JPEG_QUALITY: u8 = 92;

const THUMBNAIL_SIZE: u16 = 48;

/// Draws `icon` on white, as large as fits into `size` x `size` pixels, centred, as a JPEG file.
/// Errors: E301 for SVG that cannot be drawn, E303 for a size of 0 or beyond 8,192.
pub(super) fn draw(icon: &Icon, size: u16) -> Result<Vec<u8>, Fault> {
    encode(&render(icon, size)?, size)
}

/// The same small, as RGB bytes, to compare drawings by.
pub(super) fn thumbnail(icon: &Icon) -> Result<Vec<u8>, Fault> {
    let pixels = render(icon, THUMBNAIL_SIZE)?;
    Ok(pixels
        .data()
        .chunks_exact(4)
        .flat_map(|p| &p[..3])
        .copied()
        .collect())
}

fn render(icon: &Icon, size: u16) -> Result<Pixmap, Fault> {
    let Icon {
        body,
        left,
        top,
        width,
        height,
    } = icon;
    let svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{width}" height="{height}" viewBox="{left} {top} {width} {height}">{body}</svg>"#
    );
    let tree = Tree::from_str(&svg, &Options::default()).map_err(|e| {
        let remedy = "remove the package from the cache and fetch it again";
        Fault::new(Code::ImageDamaged, "an SVG drawing", e.to_string(), remedy)
    })?;
    let mut pixels = canvas(size)?;
    let scale = f32::from(size) / tree.size().width().max(tree.size().height());
    let margin = |extent: f32| (f32::from(size) - extent * scale) / 2.0;
    let place = Transform::from_scale(scale, scale)
        .post_translate(margin(tree.size().width()), margin(tree.size().height()));
    resvg::render(&tree, place, &mut pixels.as_mut());
    Ok(pixels)
}

/// White, `size` x `size` pixels. Errors: E303.
pub(super) fn canvas(size: u16) -> Result<Pixmap, Fault> {
    let refused = || {
        let remedy = "choose a size in that range";
        Fault::new(
            Code::ImageSize,
            "1 to 8192 pixels",
            size.to_string(),
            remedy,
        )
    };
    let fits = (1..=8192).contains(&size);
    let mut pixels = Pixmap::new(size.into(), size.into())
        .filter(|_| fits)
        .ok_or_else(refused)?;
    pixels.fill(Color::WHITE);
    Ok(pixels)
}

/// As a JPEG file. The canvas is opaque, so the alpha channel says nothing.
pub(super) fn encode(pixels: &Pixmap, size: u16) -> Result<Vec<u8>, Fault> {
    let mut jpeg = Vec::new();
    Encoder::new(&mut jpeg, JPEG_QUALITY)
        .encode(pixels.data(), size, size, ColorType::Rgba)
        .map_err(|e| {
            Fault::new(
                Code::ImageSize,
                "a picture that JPEG holds",
                e.to_string(),
                "choose another size",
            )
        })?;
    Ok(jpeg)
}
