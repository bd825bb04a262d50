//! The printed surface of a product: front with logo, flavour band, picture and size; back with small print and bars.

use super::barcode;
use super::canvas::{Area, Canvas};
use super::colour::{INK, Rgb, readable};
use super::design::Design;
use super::package::Package;
use super::texture::Texture;
use crate::synth::goods::product::{Product, Shape, title_case};

/// Everything printed on one product, ready to be wrapped around its shape.
pub(crate) struct Artwork {
    pub(crate) package: Package,
    /// The front of boxes and pouches; the whole wrapped label of cans and bottles, its front in the middle.
    pub(crate) front: Texture,
    /// The back of boxes and pouches.
    pub(crate) back: Option<Texture>,
    /// The narrow side of boxes.
    pub(crate) side: Option<Texture>,
    /// Ground of the label, for faces without print.
    pub(crate) base: Rgb,
    /// Colour of the flavour, for what shows through a bottle.
    pub(crate) flavour: Rgb,
    /// Colour of lids and caps.
    pub(crate) closure: Rgb,
}

impl Artwork {
    /// Draws `product` with the front about `pixels` high.
    pub(crate) fn new(seed: u64, product: &Product, pixels: f32) -> Self {
        let package = Package::new(seed, &product.line);
        let [width, height] = package.front();
        let design = Design::new(seed, &product.line, [width, height]);
        let painter = Painter {
            product,
            design: &design,
            scale: pixels / height,
        };
        let panel = |width: f32, draw: &dyn Fn(&mut Canvas, Area)| {
            let mut canvas = Canvas::new(width, height, painter.scale, design.palette.base);
            draw(&mut canvas, Area::new(0.0, 0.0, width, height));
            Texture::new(&canvas.into_pixmap())
        };
        let (front, back, side) = match package.shape {
            Shape::Can | Shape::Bottle | Shape::Tub | Shape::Jar => {
                let around = std::f32::consts::PI * package.size[0];
                (
                    panel(around, &|c, area| painter.wrap(c, area, width)),
                    None,
                    None,
                )
            }
            Shape::Pouch | Shape::Tube => {
                let back = panel(width, &|c, area| painter.back(c, area));
                // The seams above and below stay free.
                let front = |c: &mut Canvas, area: Area| {
                    painter.front(c, area, area.inset(0.02 * width, 0.06 * height));
                };
                (panel(width, &front), Some(back), None)
            }
            Shape::Box | Shape::Gable => {
                let back = panel(width, &|c, area| painter.back(c, area));
                let side = panel(package.size[2], &|c, area| painter.side(c, area));
                (
                    panel(width, &|c, area| painter.front(c, area, area)),
                    Some(back),
                    Some(side),
                )
            }
        };
        let flavour = Rgb::hex(product.flavour.colour);
        let closure = design.closure;
        Self {
            package,
            front,
            back,
            side,
            base: design.palette.base,
            flavour,
            closure,
        }
    }
}

/// Draws the print of one product in its line's design.
pub(crate) struct Painter<'a> {
    pub(crate) product: &'a Product,
    pub(crate) design: &'a Design,
    scale: f32,
}

impl Painter<'_> {
    /// The front's design in `front`; ground and band go on to the edges of `all`.
    fn front(&self, canvas: &mut Canvas, all: Area, front: Area) {
        self.ground(canvas, all);
        let layout = &self.design.layout;
        self.band(canvas, all, front.part(layout.band));
        self.pictures(canvas, front.part(layout.motif));
        self.logo(canvas, front.part(layout.logo));
        let base = self.design.palette.base;
        let noun = title_case(self.product.line.noun);
        let ink = readable(self.design.palette.accent, base);
        canvas.text(front.part(layout.noun), &noun, self.design.text_font, ink);
        self.claim(canvas, front.part(layout.claim));
        self.size(canvas, front.part(layout.size));
    }

    fn wrap(&self, canvas: &mut Canvas, all: Area, front_width: f32) {
        let (cx, _) = all.centre();
        let front = Area::new(
            cx - front_width / 2.0,
            all.y0,
            cx + front_width / 2.0,
            all.y1,
        );
        self.front(canvas, all, front);
        let left = Area::new(all.x0, all.y0, front.x0, all.y1);
        let right = Area::new(front.x1, all.y0, all.x1, all.y1);
        self.small_print(canvas, left.part(Area::new(0.12, 0.30, 0.70, 0.62)));
        let bars = right.part(Area::new(0.35, 0.30, 0.85, 0.48));
        barcode::draw(canvas, bars, self.product.gtin);
    }

    fn back(&self, canvas: &mut Canvas, area: Area) {
        self.ground(canvas, area);
        self.logo(canvas, area.part(Area::new(0.2, 0.05, 0.8, 0.17)));
        let band = area.part(Area::new(0.0, 0.20, 1.0, 0.29));
        canvas.area(band, Rgb::hex(self.product.flavour.colour));
        self.flavour_text(canvas, band.inset(band.width() * 0.1, band.height() * 0.2));
        self.small_print(canvas, area.part(Area::new(0.08, 0.34, 0.92, 0.70)));
        barcode::draw(
            canvas,
            area.part(Area::new(0.5, 0.76, 0.93, 0.94)),
            self.product.gtin,
        );
        self.size(canvas, area.part(Area::new(0.07, 0.80, 0.42, 0.90)));
    }

    fn side(&self, canvas: &mut Canvas, area: Area) {
        let base = self.design.palette.base.mix(INK, 0.08);
        canvas.area(area, base);
        let band = area.part(self.design.layout.band);
        canvas.area(
            Area::new(area.x0, band.y0, area.x1, band.y1),
            Rgb::hex(self.product.flavour.colour),
        );
        let brand = &self.product.line.brand;
        let logo = area.part(Area::new(0.1, 0.44, 0.9, 0.54));
        canvas.text(
            logo,
            brand,
            self.design.logo_font,
            readable(self.design.palette.logo, base),
        );
        self.small_print(canvas, area.part(Area::new(0.14, 0.12, 0.86, 0.40)));
    }
}
