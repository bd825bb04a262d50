//! The stage as a small picture, for as long as somebody looks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use jpeg_encoder::{ColorType, Encoder};
use skueye_models::Fault;
use skueye_vision::resample::{Pixels, Resampler};
use skueye_vision::{Region, RgbImage};

use super::lock;

/// Without a request for so long nobody looks any more.
const LOOKS_FOR_MS: u64 = 3000;
/// Between two pictures.
const EVERY_MS: u64 = 100;
/// The longest side of the preview.
const SIDE: u32 = 640;
const QUALITY: u8 = 70;

/// The newest picture. Recognition reduces a frame now and then; whoever asks encodes it.
pub struct Preview {
    begin: Instant,
    asked_ms: AtomicU64,
    made_ms: AtomicU64,
    picture: Mutex<Option<(u64, Arc<RgbImage>)>>,
    encoded: Mutex<Option<(u64, Arc<[u8]>)>>,
    reducer: Mutex<Option<((u32, u32), Resampler)>>,
}

impl std::fmt::Debug for Preview {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Preview").finish_non_exhaustive()
    }
}

impl Default for Preview {
    fn default() -> Self {
        Self {
            begin: Instant::now(),
            asked_ms: AtomicU64::new(0),
            made_ms: AtomicU64::new(0),
            picture: Mutex::default(),
            encoded: Mutex::default(),
            reducer: Mutex::default(),
        }
    }
}

impl Preview {
    fn now_ms(&self) -> u64 {
        // Never zero, which stands for "never asked".
        self.begin.elapsed().as_millis() as u64 + 1
    }

    /// Takes a frame where somebody looks and the last picture is old enough.
    pub(crate) fn offer(&self, frame: &RgbImage) {
        let (now, asked) = (self.now_ms(), self.asked_ms.load(Ordering::Relaxed));
        let made = self.made_ms.load(Ordering::Relaxed);
        if asked == 0 || now > asked + LOOKS_FOR_MS || now < made + EVERY_MS {
            return;
        }
        // A picture that cannot be reduced is one that recognition tells of.
        if let Ok(picture) = self.reduced(frame) {
            self.made_ms.store(now, Ordering::Relaxed);
            *lock(&self.picture) = Some((now, Arc::new(picture)));
        }
    }

    fn reduced(&self, frame: &RgbImage) -> Result<RgbImage, Fault> {
        let size = fitted(frame.width(), frame.height(), SIDE);
        let mut reducer = lock(&self.reducer);
        let fits = reducer.as_ref().is_some_and(|(of, _)| *of == size);
        if !fits {
            *reducer = Some((size, Resampler::new(size.0 as usize, size.1 as usize)));
        }
        match &mut *reducer {
            Some((_, resampler)) => resampler.picture(&Pixels::of(frame), Region::whole(frame)),
            None => RgbImage::black(size.0, size.1),
        }
    }

    /// The newest picture as JPEG, encoded once for everybody. Asking is what keeps the pictures coming.
    pub(crate) fn jpeg(&self) -> Option<Arc<[u8]>> {
        self.asked_ms.store(self.now_ms(), Ordering::Relaxed);
        let (number, picture) = lock(&self.picture).clone()?;
        let mut encoded = lock(&self.encoded);
        if let Some((of, jpeg)) = &*encoded
            && *of == number
        {
            return Some(Arc::clone(jpeg));
        }
        let jpeg: Arc<[u8]> = jpeg(&picture, QUALITY)?.into();
        *encoded = Some((number, Arc::clone(&jpeg)));
        Some(jpeg)
    }
}

/// `picture` as JPEG; nothing where it has no pixels.
pub(super) fn jpeg(picture: &RgbImage, quality: u8) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (width, height) = (picture.width() as u16, picture.height() as u16);
    let encoder = Encoder::new(&mut bytes, quality);
    encoder
        .encode(picture.data(), width, height, ColorType::Rgb)
        .ok()?;
    Some(bytes)
}

/// `region` of `image`, reduced so that no side is longer than `side`.
pub(super) fn crop(image: &RgbImage, region: Region, side: u32) -> Result<RgbImage, Fault> {
    let (width, height) = fitted(region.width, region.height, side);
    let mut resampler = Resampler::new(width as usize, height as usize);
    resampler.picture(&Pixels::of(image), region)
}

/// The largest size of the same shape with no side beyond `side`, and not larger than it is.
fn fitted(width: u32, height: u32, side: u32) -> (u32, u32) {
    let longest = width.max(height).max(1);
    if longest <= side {
        return (width.max(1), height.max(1));
    }
    let scaled = |length: u32| {
        let scaled = u64::from(length) * u64::from(side) / u64::from(longest);
        (scaled as u32).max(1)
    };
    (scaled(width), scaled(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_looking_costs_nothing_and_a_request_keeps_pictures_coming() {
        let (mut preview, frame) = (Preview::default(), RgbImage::black(1280, 720).unwrap());
        preview.offer(&frame);
        assert!(lock(&preview.picture).is_none());
        assert!(preview.jpeg().is_none());
        preview.begin = preview
            .begin
            .checked_sub(std::time::Duration::from_secs(1))
            .unwrap();
        preview.jpeg();
        preview.offer(&frame);
        let jpeg = preview.jpeg().unwrap();
        assert_eq!(&jpeg[..2], [0xff, 0xd8]);
        assert!(Arc::ptr_eq(&jpeg, &preview.jpeg().unwrap()));
    }

    #[test]
    fn a_picture_keeps_its_shape() {
        assert_eq!(fitted(1280, 720, 640), (640, 360));
        assert_eq!(fitted(1, 8192, 640), (1, 640));
        assert_eq!(fitted(100, 50, 640), (100, 50));
    }
}
