//! Pictures of floats in linear light: colour (3), premultiplied colour with coverage (4), masks (1).

/// `width * height` pixels of `N` channels, row by row.
#[derive(Debug, Clone)]
pub(crate) struct Plane<const N: usize> {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) pixels: Vec<[f32; N]>,
}

pub(crate) type Picture = Plane<3>;
pub(crate) type Layer = Plane<4>;
pub(crate) type Mask = Plane<1>;

impl<const N: usize> Plane<N> {
    pub(crate) fn filled(width: usize, height: usize, pixel: [f32; N]) -> Self {
        Self {
            width,
            height,
            pixels: vec![pixel; width * height],
        }
    }

    /// Blurs with a Gaussian of `sigma` pixels; below a quarter of a pixel there is nothing to see.
    pub(crate) fn blur(&mut self, sigma: f32) {
        if sigma < 0.25 {
            return;
        }
        let kernel = gaussian(sigma);
        let (w, h) = (self.width, self.height);
        self.pixels = along_rows(&self.pixels, w, &kernel);
        let down = along_columns(&self.pixels, w, h, &kernel);
        self.pixels = down;
    }

    /// Smears along (`dx`, `dy`) pixels, centred.
    pub(crate) fn smear(&mut self, dx: f32, dy: f32) {
        let taps = (dx.hypot(dy).ceil() as i32).clamp(0, 24);
        if taps < 1 {
            return;
        }
        let (w, h) = (self.width as i32, self.height as i32);
        let offsets: Vec<(i32, i32)> = (0..=taps)
            .map(|i| i as f32 / taps as f32 - 0.5)
            .map(|t| ((t * dx).round() as i32, (t * dy).round() as i32))
            .collect();
        let share = 1.0 / offsets.len() as f32;
        let source = &self.pixels;
        let filled = |row: &[[f32; N]]| row.iter().any(|p| *p != [0.0; N]);
        let rows: Vec<bool> = source.chunks_exact(self.width).map(filled).collect();
        let mut result = vec![[0.0; N]; source.len()];
        for (y, out) in (0..h).zip(result.chunks_exact_mut(self.width)) {
            for &(ox, oy) in &offsets {
                let from = (y + oy).clamp(0, h - 1) as usize;
                // Layers are empty for the most part.
                if !rows[from] {
                    continue;
                }
                let row = &source[from * self.width..][..self.width];
                for (x, sum) in (0..w).zip(out.iter_mut()) {
                    accumulate(sum, &row[(x + ox).clamp(0, w - 1) as usize], share);
                }
            }
        }
        self.pixels = result;
    }
}

impl Mask {
    /// Bilinear at pixel coordinates of a plane `factor` times as large.
    pub(crate) fn sample(&self, x: f32, y: f32, factor: f32) -> f32 {
        let limit = |v: f32, n: usize| (v / factor - 0.5).clamp(0.0, (n - 1) as f32);
        let (x, y) = (limit(x, self.width), limit(y, self.height));
        let (x0, y0) = (x as usize, y as usize);
        let (x1, y1) = ((x0 + 1).min(self.width - 1), (y0 + 1).min(self.height - 1));
        let at = |x: usize, y: usize| self.pixels[y * self.width + x][0];
        let (fx, fy) = (x - x0 as f32, y - y0 as f32);
        let mix = |a: f32, b: f32, t: f32| a + (b - a) * t;
        mix(
            mix(at(x0, y0), at(x1, y0), fx),
            mix(at(x0, y1), at(x1, y1), fx),
            fy,
        )
    }
}

impl Picture {
    /// Puts `layer` over it.
    pub(crate) fn cover(&mut self, layer: &Layer) {
        for (under, over) in self.pixels.iter_mut().zip(&layer.pixels) {
            let open = 1.0 - over[3];
            *under = std::array::from_fn(|i| under[i] * open + over[i]);
        }
    }
}

fn gaussian(sigma: f32) -> Vec<f32> {
    let radius = (2.5 * sigma).ceil().max(1.0) as i32;
    let weight = |i: i32| (-0.5 * (i as f32 / sigma).powi(2)).exp();
    let sum: f32 = (-radius..=radius).map(weight).sum();
    (-radius..=radius).map(|i| weight(i) / sum).collect()
}

fn accumulate<const N: usize>(sum: &mut [f32; N], pixel: &[f32; N], weight: f32) {
    for (s, p) in sum.iter_mut().zip(pixel) {
        *s += p * weight;
    }
}

/// Convolves every row; the ends of rows are repeated outwards.
fn along_rows<const N: usize>(source: &[[f32; N]], width: usize, kernel: &[f32]) -> Vec<[f32; N]> {
    let radius = kernel.len() / 2;
    let mut result = Vec::with_capacity(source.len());
    let mut padded = Vec::with_capacity(width + 2 * radius);
    for row in source.chunks_exact(width) {
        padded.clear();
        padded.resize(radius, row[0]);
        padded.extend_from_slice(row);
        padded.resize(width + 2 * radius, row[width - 1]);
        result.extend(padded.windows(kernel.len()).map(|window| {
            let mut sum = [0.0; N];
            for (pixel, weight) in window.iter().zip(kernel) {
                accumulate(&mut sum, pixel, *weight);
            }
            sum
        }));
    }
    result
}

/// Convolves every column, a whole row at a time.
fn along_columns<const N: usize>(
    source: &[[f32; N]],
    width: usize,
    height: usize,
    kernel: &[f32],
) -> Vec<[f32; N]> {
    let radius = kernel.len() / 2;
    let mut result = vec![[0.0; N]; source.len()];
    for (y, out) in result.chunks_exact_mut(width).enumerate() {
        for (k, weight) in kernel.iter().enumerate() {
            let row = (y + k).saturating_sub(radius).min(height - 1);
            for (sum, pixel) in out.iter_mut().zip(&source[row * width..][..width]) {
                accumulate(sum, pixel, *weight);
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blur_and_smear_keep_the_light() {
        let mut plane = Mask::filled(31, 31, [0.0]);
        plane.pixels[15 * 31 + 15] = [1.0];
        plane.blur(2.0);
        plane.smear(5.0, 3.0);
        let sum: f32 = plane.pixels.iter().map(|p| p[0]).sum();
        assert!((sum - 1.0).abs() < 1e-4);
        assert!(plane.pixels[15 * 31 + 15][0] < 0.1);
    }
}
