//! After start-up no frame takes memory on the way to its tensor, whatever its size and region.

use allocation_counter::measure;
use skueye_models::Preprocess;
use skueye_vision::localise::{self, Localiser, Scene};
use skueye_vision::resample::{Colour, Layout, Pixels};
use skueye_vision::{Preprocessor, Region, RgbImage};

#[test]
fn frames_of_changing_layouts_sizes_and_regions_take_no_memory() {
    let data = vec![90; 1280 * 720 * 3];
    let mut preprocessor = Preprocessor::new(Preprocess::efficientnet_lite(128)).unwrap();
    let mut frame = |layout, (width, height), stride, (x, y, w, h)| {
        let pixels = Pixels::new(layout, Colour::default(), (width, height), stride, &data);
        let region = Region {
            x,
            y,
            width: w,
            height: h,
        };
        let tensor = preprocessor.tensor_of(&pixels.unwrap(), region).unwrap();
        assert!(tensor.iter().all(|value| value.is_finite()));
    };
    let taken = measure(|| {
        frame(Layout::Yuyv, (640, 480), 1280, (100, 50, 301, 300));
        frame(Layout::Yuyv, (1280, 720), 2560, (0, 0, 1280, 720));
        frame(Layout::Nv12, (1280, 720), 1280, (7, 9, 700, 600));
        frame(Layout::Rgb, (1280, 720), 3840, (0, 0, 1280, 720));
        frame(Layout::Grey, (320, 200), 320, (0, 0, 320, 200));
        frame(Layout::Yuyv, (1280, 720), 2560, (300, 1, 33, 719));
    });
    assert_eq!(taken.count_total, 0, "{taken:?}");
}

#[test]
fn a_stage_that_is_watched_takes_no_memory() {
    let mut localiser = Localiser::new(localise::Settings::default());
    let frame = RgbImage::black(1280, 720).unwrap();
    let mut item = frame.clone();
    for y in 200..400 {
        item.data_mut()[(y * 1280 + 500) * 3..][..300 * 3].fill(200);
    }
    for _ in 0..4 {
        localiser.observe(&frame).unwrap();
    }
    let mut seen = Scene::Learning;
    let taken = measure(|| {
        for _ in 0..4 {
            seen = localiser.observe(&item).unwrap().scene;
        }
    });
    assert!(matches!(seen, Scene::Still(_)), "{seen:?}");
    assert_eq!(taken.count_total, 0, "{taken:?}");
}
