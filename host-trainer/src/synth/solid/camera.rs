//! A pinhole camera.

use super::vector::{Vec3, add, cross, dot, normalize, scale, sub};

/// Pixel x = `centre`\[0\] + `zoom` * X / Z, y downwards.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Camera {
    pub(crate) eye: Vec3,
    right: Vec3,
    up: Vec3,
    forward: Vec3,
    zoom: f32,
    centre: [f32; 2],
}

impl Camera {
    /// Looks at `target` from `distance` away, `elevation` radians above the horizon, rolled by `roll` radians.
    pub(crate) fn orbit(target: Vec3, distance: f32, elevation: f32, roll: f32) -> Self {
        let (sin, cos) = elevation.sin_cos();
        let eye = add(target, [0.0, distance * sin, distance * cos]);
        let forward = normalize(sub(target, eye));
        let level = normalize(cross(forward, [0.0, 1.0, 0.0]));
        let upright = cross(level, forward);
        let (sin, cos) = roll.sin_cos();
        Self {
            eye,
            right: add(scale(level, cos), scale(upright, sin)),
            up: sub(scale(upright, cos), scale(level, sin)),
            forward,
            zoom: 1.0,
            centre: [0.0; 2],
        }
    }

    /// The same camera with pixels so chosen that `area`, measured by [`Self::bounds`] before, becomes as large as `pixels`
    /// on its longer side with its middle at `centre`.
    pub(crate) fn framed(
        mut self,
        [x0, y0, x1, y1]: [f32; 4],
        pixels: f32,
        centre: [f32; 2],
    ) -> Self {
        self.zoom = pixels / (x1 - x0).max(y1 - y0).max(1e-6);
        self.centre = [
            centre[0] - self.zoom * (x0 + x1) / 2.0,
            centre[1] - self.zoom * (y0 + y1) / 2.0,
        ];
        self
    }

    /// The same view on a picture `factor` times as large.
    pub(crate) fn enlarged(mut self, factor: f32) -> Self {
        self.zoom *= factor;
        self.centre = self.centre.map(|c| c * factor);
        self
    }

    /// Pixel coordinates and depth of `p`.
    pub(crate) fn project(&self, p: Vec3) -> Vec3 {
        let v = sub(p, self.eye);
        let depth = dot(v, self.forward);
        let zoom = self.zoom / depth;
        [
            self.centre[0] + zoom * dot(v, self.right),
            self.centre[1] - zoom * dot(v, self.up),
            depth,
        ]
    }

    /// Left, top, right and bottom of the picture of `points`.
    pub(crate) fn bounds(&self, points: impl Iterator<Item = Vec3>) -> [f32; 4] {
        points
            .map(|p| self.project(p))
            .fold([f32::MAX, f32::MAX, f32::MIN, f32::MIN], |b, p| {
                [
                    b[0].min(p[0]),
                    b[1].min(p[1]),
                    b[2].max(p[0]),
                    b[3].max(p[1]),
                ]
            })
    }

    /// Centimetres that a pixel covers at `depth`.
    pub(crate) fn footprint(&self, depth: f32) -> f32 {
        depth / self.zoom
    }

    /// The direction in which the pixel at (`x`, `y`) looks.
    pub(crate) fn ray(&self, x: f32, y: f32) -> Vec3 {
        let (sx, sy) = (
            (x - self.centre[0]) / self.zoom,
            (self.centre[1] - y) / self.zoom,
        );
        add(self.forward, add(scale(self.right, sx), scale(self.up, sy)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rays_pass_through_what_they_show() {
        let point = [3.0, 9.0, -2.0];
        let camera = Camera::orbit([0.0, 5.0, 0.0], 60.0, 0.3, 0.1);
        let box2 = camera.bounds([[-5.0, 0.0, 0.0], [5.0, 10.0, 0.0]].into_iter());
        let camera = camera.framed(box2, 100.0, [96.0, 90.0]).enlarged(2.0);
        let [x, y, depth] = camera.project(point);
        let back = add(camera.eye, scale(camera.ray(x, y), depth));
        assert!(sub(back, point).iter().all(|d| d.abs() < 1e-3), "{back:?}");
    }

    #[test]
    fn framing_puts_the_box_where_it_is_asked() {
        let corners = [[-5.0, 0.0, 0.0], [5.0, 10.0, 0.0]];
        let camera = Camera::orbit([0.0, 5.0, 0.0], 60.0, 0.2, 0.0);
        let camera = camera.framed(camera.bounds(corners.into_iter()), 100.0, [96.0, 90.0]);
        let [x0, y0, x1, y1] = camera.bounds(corners.into_iter());
        assert!(((x1 - x0).max(y1 - y0) - 100.0).abs() < 1e-2);
        assert!(((x0 + x1) / 2.0 - 96.0).abs() < 1e-2 && ((y0 + y1) / 2.0 - 90.0).abs() < 1e-2);
    }
}
