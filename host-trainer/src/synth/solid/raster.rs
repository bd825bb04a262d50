//! Draws meshes: depth-buffered triangles with perspective-correct textures, light computed at the vertices.

use std::ops::Range;

use super::camera::Camera;
use super::light::Light;
use super::mesh::{Material, Mesh, Part, Pose, Vertex};
use super::vector::{Vec3, mul, normalize, scale, sub};
use crate::synth::photo::plane::{Layer, Mask};

/// Samples per pixel and axis.
pub(crate) const SUPERSAMPLING: usize = 2;

/// A picture under construction, supersampled, with the depth and owner of every sample. Owner 0 is nothing.
#[derive(Debug, Clone)]
pub(crate) struct Raster {
    width: usize,
    height: usize,
    colour: Vec<Vec3>,
    depth: Vec<f32>,
    owner: Vec<u8>,
    /// The rows that anything was drawn in.
    used: Range<usize>,
}

/// Texture place (2), diffuse light (3) and highlight (1), all over depth, and one over depth.
type Varying = [f32; 7];

struct Corner {
    x: f32,
    y: f32,
    varying: Varying,
}

impl Raster {
    /// An empty raster for a picture of `width` by `height` pixels.
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let (width, height) = (width * SUPERSAMPLING, height * SUPERSAMPLING);
        let samples = width * height;
        Self {
            width,
            height,
            colour: vec![[0.0; 3]; samples],
            depth: vec![0.0; samples],
            owner: vec![0; samples],
            used: 0..0,
        }
    }

    pub(crate) fn clear(&mut self) {
        let used = self.samples();
        self.colour[used.clone()].fill([0.0; 3]);
        self.depth[used.clone()].fill(0.0);
        self.owner[used].fill(0);
        self.used = 0..0;
    }

    /// The samples of the rows that anything was drawn in.
    fn samples(&self) -> Range<usize> {
        self.used.start * self.width..self.used.end * self.width
    }

    /// How many samples show `owner`.
    pub(crate) fn count(&self, owner: u8) -> usize {
        self.owner[self.samples()]
            .iter()
            .filter(|&&o| o == owner)
            .count()
    }

    /// Draws `mesh` as seen by `camera` (in pixels of the finished picture).
    pub(crate) fn draw(
        &mut self,
        mesh: &Mesh<'_>,
        pose: &Pose,
        camera: &Camera,
        light: &Light,
        owner: u8,
    ) {
        let camera = camera.enlarged(SUPERSAMPLING as f32);
        for part in &mesh.parts {
            let shade = |vertex: &Vertex| corner(vertex, &part.material, pose, &camera, light);
            let corners: Vec<Corner> = part.vertices.iter().map(shade).collect();
            self.draw_part(part, &corners, owner);
        }
    }

    fn draw_part(&mut self, part: &Part<'_>, corners: &[Corner], owner: u8) {
        for triangle in &part.triangles {
            let [a, b, c] = triangle.map(|i| &corners[i as usize]);
            // Behind the eye nothing is drawn; scenes keep their bodies in front of it.
            if [a, b, c].iter().all(|p| p.varying[6] > 0.0) {
                self.triangle(&part.material, [a, b, c], owner);
            }
        }
    }

    fn triangle(&mut self, material: &Material<'_>, [a, b, c]: [&Corner; 3], owner: u8) {
        let area = (b.x - a.x) * (c.y - a.y) - (c.x - a.x) * (b.y - a.y);
        // Corners run clockwise on the screen, whose y points down, when the front is seen.
        if area < 1e-6 {
            return;
        }
        let low = |p: f32, q: f32, r: f32| p.min(q).min(r).max(0.0) as usize;
        let high =
            |p: f32, q: f32, r: f32, n: usize| (p.max(q).max(r).ceil().max(0.0) as usize).min(n);
        let (x0, x1) = (low(a.x, b.x, c.x), high(a.x, b.x, c.x, self.width));
        let (y0, y1) = (low(a.y, b.y, c.y), high(a.y, b.y, c.y, self.height));
        let level = material
            .texture
            .map_or(0, |t| t.level(texels(t.area(), [a, b, c], area)));
        if y0 >= y1 {
            return;
        }
        self.used = match self.used.is_empty() {
            true => y0..y1,
            false => self.used.start.min(y0)..self.used.end.max(y1),
        };
        let inverse = 1.0 / area;
        for y in y0..y1 {
            let py = y as f32 + 0.5;
            let row = y * self.width;
            for x in x0..x1 {
                let px = x as f32 + 0.5;
                let wb = ((px - a.x) * (c.y - a.y) - (c.x - a.x) * (py - a.y)) * inverse;
                let wc = ((b.x - a.x) * (py - a.y) - (px - a.x) * (b.y - a.y)) * inverse;
                let wa = 1.0 - wb - wc;
                if wa < 0.0 || wb < 0.0 || wc < 0.0 {
                    continue;
                }
                let near = wa * a.varying[6] + wb * b.varying[6] + wc * c.varying[6];
                if near <= self.depth[row + x] {
                    continue;
                }
                let v: [f32; 6] = std::array::from_fn(|i| {
                    (wa * a.varying[i] + wb * b.varying[i] + wc * c.varying[i]) / near
                });
                let colour = material
                    .texture
                    .map_or(material.colour, |t| t.sample(level, v[0], v[1]));
                self.depth[row + x] = near;
                self.owner[row + x] = owner;
                self.colour[row + x] = mul(colour, [v[2], v[3], v[4]]).map(|c| c + v[5]);
            }
        }
    }

    /// The finished picture: colour times coverage, and coverage.
    pub(crate) fn resolve(&self) -> Layer {
        const SHARE: f32 = 1.0 / (SUPERSAMPLING * SUPERSAMPLING) as f32;
        let (width, height) = (self.width / SUPERSAMPLING, self.height / SUPERSAMPLING);
        let mut layer = Layer::filled(width, height, [0.0; 4]);
        let rows = self.used.start / SUPERSAMPLING..self.used.end.div_ceil(SUPERSAMPLING);
        for y in rows {
            let out = &mut layer.pixels[y * width..][..width];
            for row in 0..SUPERSAMPLING {
                let start = (y * SUPERSAMPLING + row) * self.width;
                let colours = self.colour[start..][..self.width].chunks_exact(SUPERSAMPLING);
                let owners = self.owner[start..][..self.width].chunks_exact(SUPERSAMPLING);
                for (pixel, (colours, owners)) in out.iter_mut().zip(colours.zip(owners)) {
                    for (colour, &owner) in colours.iter().zip(owners) {
                        if owner != 0 {
                            let [r, g, b] = *colour;
                            *pixel = [
                                pixel[0] + r * SHARE,
                                pixel[1] + g * SHARE,
                                pixel[2] + b * SHARE,
                                pixel[3] + SHARE,
                            ];
                        }
                    }
                }
            }
        }
        layer
    }
}

fn corner(
    vertex: &Vertex,
    material: &Material<'_>,
    pose: &Pose,
    camera: &Camera,
    light: &Light,
) -> Corner {
    let position = pose.apply(vertex.position);
    let normal = pose.turn(vertex.normal);
    let view = normalize(sub(camera.eye, position));
    let [x, y, depth] = camera.project(position);
    // Less light reaches what is close to the floor.
    let open = 1.0 - light.contact * (1.0 - position[1] / 4.0).clamp(0.0, 1.0);
    let [r, g, b] = scale(light.diffuse(normal), open);
    let shine = light.highlight(material, normal, view);
    let near = if depth > 0.1 { 1.0 / depth } else { 0.0 };
    let [u, v] = vertex.uv;
    Corner {
        x,
        y,
        varying: [
            u * near,
            v * near,
            r * near,
            g * near,
            b * near,
            shine * near,
            near,
        ],
    }
}

/// Texels of the finest level per sample of the triangle.
fn texels(texture_area: f32, [a, b, c]: [&Corner; 3], area: f32) -> f32 {
    let uv = |p: &Corner| (p.varying[0] / p.varying[6], p.varying[1] / p.varying[6]);
    let ((au, av), (bu, bv), (cu, cv)) = (uv(a), uv(b), uv(c));
    ((bu - au) * (cv - av) - (cu - au) * (bv - av)).abs() * texture_area / area
}

/// The shade of `mesh` on the floor y = 0 as seen by `camera`, at a quarter of the picture's resolution; `direction` leads
/// to the lamp.
pub(crate) fn shadow(
    mesh: &Mesh<'_>,
    pose: &Pose,
    camera: &Camera,
    direction: Vec3,
    size: [usize; 2],
) -> Mask {
    let camera = camera.enlarged(1.0 / SHADOW_SCALE);
    let [width, height] = size.map(|n| n.div_ceil(SHADOW_SCALE as usize));
    let mut mask = Mask::filled(width, height, [0.0]);
    for part in &mesh.parts {
        let points: Vec<Vec3> = part
            .vertices
            .iter()
            .map(|v| pose.apply(v.position))
            .map(|p| sub(p, scale(direction, p[1].max(0.0) / direction[1].max(0.2))))
            .map(|p| camera.project([p[0], 0.0, p[2]]))
            .collect();
        for triangle in &part.triangles {
            fill(&mut mask, triangle.map(|i| points[i as usize]));
        }
    }
    mask
}

/// How many times smaller shadow masks are than the picture.
pub(crate) const SHADOW_SCALE: f32 = 4.0;

/// Sets the pixels of `mask` whose middle lies in the triangle, whichever way it runs.
fn fill(mask: &mut Mask, [a, b, c]: [Vec3; 3]) {
    let area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1]);
    if area.abs() < 1e-9 || [a, b, c].iter().any(|p| p[2] < 0.1) {
        return;
    }
    let range = |i: usize, n: usize| {
        let low = a[i].min(b[i]).min(c[i]).max(0.0) as usize;
        low..(a[i].max(b[i]).max(c[i]).ceil().max(0.0) as usize).min(n)
    };
    for y in range(1, mask.height) {
        for x in range(0, mask.width) {
            let (px, py) = (x as f32 + 0.5, y as f32 + 0.5);
            let wb = ((px - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (py - a[1])) / area;
            let wc = ((b[0] - a[0]) * (py - a[1]) - (px - a[0]) * (b[1] - a[1])) / area;
            if wb >= 0.0 && wc >= 0.0 && wb + wc <= 1.0 {
                mask.pixels[y * mask.width + x] = [1.0];
            }
        }
    }
}
