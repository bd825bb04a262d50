//! What the virtual device's camera sees. Pictures are made here and written to a port; in the guest they go to v4l2loopback,
//! which is a camera of the kernel's to the program.

use std::collections::VecDeque;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::trouble::Trouble;

/// Columns of a frame; the shop's photos are of this size.
pub const WIDTH: usize = 480;
/// Rows of a frame.
pub const HEIGHT: usize = 360;
/// Bytes of a frame in YUYV.
pub const BYTES: usize = WIDTH * HEIGHT * 2;
/// Levels of red, green and blue.
pub type Rgb = [u8; 3];

/// What is put on the stage and taken away.
#[derive(Debug, Clone)]
pub struct Item {
    /// What it is.
    pub gtin: String,
    /// The frames on which it comes; on the last of them it lies still.
    pub comes: Vec<Picture>,
    /// The frames on which it goes; the last is the empty stage.
    pub goes: Vec<Picture>,
}

/// A frame in YUYV with luma of 16 to 235, as webcams deliver it.
#[derive(Debug, Clone)]
pub struct Picture(Vec<u8>);

impl Picture {
    /// A JPEG of the right size.
    pub fn from_jpeg(jpeg: &[u8]) -> Result<Self, Trouble> {
        let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::YCbCr);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
        let pixels = decoder
            .decode()
            .map_err(|error| unusable(&error.to_string()))?;
        if pixels.len() != WIDTH * HEIGHT * 3 {
            return Err(unusable("another size"));
        }
        let pairs = pixels.chunks_exact(6);
        let yuyv = pairs.flat_map(|p| {
            let mean = |a: u8, b: u8| u8::midpoint(a, b);
            [
                luma(p[0]),
                chroma(mean(p[1], p[4])),
                luma(p[3]),
                chroma(mean(p[2], p[5])),
            ]
        });
        Ok(Self(yuyv.collect()))
    }

    /// A stage of one colour with a box on it whose halves have these.
    pub fn of_box(stage: Rgb, halves: [Rgb; 2]) -> Self {
        let mut yuyv = Vec::with_capacity(BYTES);
        for at in 0..WIDTH * HEIGHT / 2 {
            let (x, y) = (at * 2 % WIDTH, at * 2 / WIDTH);
            let inside = (WIDTH / 3..WIDTH * 2 / 3).contains(&x)
                && (HEIGHT / 4..HEIGHT * 3 / 4).contains(&y);
            let colour = match inside {
                true => halves[usize::from(x >= WIDTH / 2)],
                false => stage,
            };
            let [y, blue, red] = full_range(colour);
            yuyv.extend([luma(y), chroma(blue), luma(y), chroma(red)]);
        }
        Self(yuyv)
    }

    /// The same with a sensor's noise: one level up or down at some pixels, others at each `turn`.
    fn noisy(&self, turn: u32) -> Vec<u8> {
        let mut frame = self.0.clone();
        let mut state = turn | 1;
        for luma in frame.iter_mut().step_by(2 * 61) {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            *luma = luma.saturating_add_signed(if state & 1 == 0 { 1 } else { -1 });
        }
        frame
    }
}

fn unusable(why: &str) -> Trouble {
    Trouble::new(
        format!("a photo of the shop cannot be shown ({why})"),
        "remove target/device/shop and try again",
    )
}

/// As in a JPEG (ITU-R BT.601, full range).
fn full_range(rgb: Rgb) -> [u8; 3] {
    let [red, green, blue] = rgb.map(f32::from);
    let y = 0.299 * red + 0.587 * green + 0.114 * blue;
    let levels = [y, 128.0 + 0.564 * (blue - y), 128.0 + 0.713 * (red - y)];
    levels.map(|level| level.round() as u8)
}

/// JPEG's luma of 0 to 255 to that of video (ITU-R BT.601).
fn luma(full: u8) -> u8 {
    16 + scaled(full, 219)
}

fn chroma(full: u8) -> u8 {
    16 + scaled(full, 224)
}

fn scaled(full: u8, range: u32) -> u8 {
    u8::try_from((u32::from(full) * range + 127) / 255).unwrap_or(u8::MAX)
}

/// What may be asked of the camera while it runs.
enum Order {
    Play(Vec<Picture>),
    Noise(bool),
    Silent(bool),
}

/// The running camera. It ends when dropped or when the machine does.
#[derive(Debug)]
pub struct Camera(Sender<Order>);

impl Camera {
    /// Shows `first` until something else is played, so many frames a second.
    pub fn start(stream: UnixStream, first: Picture, fps: u32) -> Self {
        let (orders, taken) = channel();
        let period = Duration::from_secs(1) / fps;
        thread::spawn(move || show(stream, first, period, &taken));
        Self(orders)
    }

    /// Shows these, one a frame, then the last of them for good.
    pub fn play(&self, pictures: Vec<Picture>) {
        let _ = self.0.send(Order::Play(pictures));
    }

    /// Whether a sensor's noise makes each frame differ from the one before. Without it the picture is frozen.
    pub fn noise(&self, wanted: bool) {
        let _ = self.0.send(Order::Noise(wanted));
    }

    /// Delivers nothing while it is silent.
    pub fn silent(&self, wanted: bool) {
        let _ = self.0.send(Order::Silent(wanted));
    }
}

fn show(mut stream: UnixStream, first: Picture, period: Duration, orders: &Receiver<Order>) {
    let mut waiting = VecDeque::new();
    let (mut shown, mut noise, mut silent) = (first, true, false);
    for turn in 0_u32.. {
        let next = Instant::now() + period;
        if !silent {
            shown = waiting.pop_front().unwrap_or(shown);
            let frame = shown.noisy(if noise { turn } else { 0 });
            if stream.write_all(&frame).is_err() {
                return;
            }
        }
        // Orders are taken until the next frame is due.
        loop {
            match orders.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(Order::Play(pictures)) => waiting.extend(pictures),
                Ok(Order::Noise(wanted)) => noise = wanted,
                Ok(Order::Silent(wanted)) => silent = wanted,
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_and_white_are_those_of_video() {
        assert_eq!((luma(0), luma(255)), (16, 235));
        assert_eq!((chroma(0), chroma(128), chroma(255)), (16, 128, 240));
    }

    #[test]
    fn a_box_has_its_colours_on_a_stage_of_another() {
        let picture = Picture::of_box([120; 3], [[250, 10, 10], [10, 10, 250]]);
        let at = |x: usize, y: usize| &picture.0[(y * WIDTH + x) * 2..][..4];
        assert_eq!(at(0, 0), [119, 128, 119, 128]);
        assert_eq!(at(WIDTH / 2 - 2, HEIGHT / 2)[1..2], [93], "little blue");
        assert_eq!(at(WIDTH / 2, HEIGHT / 2)[3..4], [111], "little red");
        assert_eq!(picture.0.len(), BYTES);
    }

    #[test]
    fn noise_changes_each_frame_a_little_and_its_absence_none() {
        let grey = Picture(vec![128; BYTES]);
        let (one, two) = (grey.noisy(1), grey.noisy(2));
        assert_ne!(one, two);
        assert!(one.iter().all(|level| level.abs_diff(128) <= 1));
        assert_eq!(grey.noisy(0), grey.noisy(0));
    }
}
