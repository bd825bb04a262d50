use super::*;

const WIDTH: u32 = 320;
const HEIGHT: u32 = 240;

/// A grey stage with a gradient and sensor noise that differs from frame to frame.
fn stage(light: f32, seed: u32) -> RgbImage {
    let mut image = RgbImage::black(WIDTH, HEIGHT).unwrap();
    let mut state = seed.wrapping_mul(2_654_435_761).max(1);
    for (at, value) in image.data_mut().iter_mut().enumerate() {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let column = (at / 3) as u32 % WIDTH;
        let level = 90.0 + column as f32 * 0.1 + (state % 11) as f32 - 5.0;
        *value = (level * light).clamp(0.0, 255.0) as u8;
    }
    image
}

fn put(image: &mut RgbImage, region: Region, colour: [u8; 3]) {
    let width = image.width();
    for y in region.y..region.y + region.height {
        let row = ((y * width + region.x) * 3) as usize;
        let bytes = &mut image.data_mut()[row..row + region.width as usize * 3];
        bytes
            .chunks_exact_mut(3)
            .for_each(|pixel| pixel.copy_from_slice(&colour));
    }
}

const ITEM: Region = Region {
    x: 120,
    y: 60,
    width: 80,
    height: 120,
};

fn with_item(seed: u32, region: Region) -> RgbImage {
    let mut image = stage(1.0, seed);
    put(&mut image, region, [200, 40, 40]);
    image
}

/// A localiser that has learnt the empty stage.
fn learnt(settings: Settings) -> Localiser {
    let mut localiser = Localiser::new(settings);
    for seed in 0..settings.learn_frames {
        let scene = localiser.observe(&stage(1.0, seed)).unwrap().scene;
        assert_eq!(scene, Scene::Learning);
    }
    for seed in 10..12 {
        localiser.observe(&stage(1.0, seed)).unwrap();
    }
    localiser
}

fn scene(localiser: &mut Localiser, frame: &RgbImage) -> Scene {
    localiser.observe(frame).unwrap().scene
}

fn still_region(localiser: &mut Localiser, item: Region) -> Region {
    for seed in 20..30 {
        if let Scene::Still(region) = scene(localiser, &with_item(seed, item)) {
            return region;
        }
    }
    panic!("the item never lies still");
}

#[test]
fn an_item_comes_lies_still_and_leaves() {
    let mut localiser = learnt(Settings::default());
    assert_eq!(scene(&mut localiser, &stage(1.0, 19)), Scene::Empty);
    let mut scenes = Vec::new();
    for step in 0..4 {
        let region = Region {
            x: step * 40,
            ..ITEM
        };
        scenes.push(scene(&mut localiser, &with_item(step, region)));
    }
    assert_eq!(scenes, [Scene::Moving; 4], "while it moves");
    still_region(&mut localiser, ITEM);
    assert_eq!(scene(&mut localiser, &stage(1.0, 50)), Scene::Moving);
    assert_eq!(scene(&mut localiser, &stage(1.0, 51)), Scene::Empty);
}

#[test]
fn the_region_holds_the_item_with_a_margin() {
    let tight = Settings {
        square: false,
        ..Settings::default()
    };
    let region = still_region(&mut learnt(tight), ITEM);
    assert!(region.x <= ITEM.x && region.y <= ITEM.y);
    assert!(region.x + region.width >= ITEM.x + ITEM.width);
    assert!(region.y + region.height >= ITEM.y + ITEM.height);
    assert!(
        region.width <= 80 + 30 && region.height <= 120 + 30,
        "{region:?}"
    );
    let square = still_region(&mut learnt(Settings::default()), ITEM);
    assert_eq!(square.width, square.height);
}

#[test]
fn an_item_at_the_edge_gives_a_region_inside_the_frame() {
    let corner = Region {
        x: 250,
        y: 0,
        width: 70,
        height: 100,
    };
    let region = still_region(&mut learnt(Settings::default()), corner);
    assert!(region.fits(WIDTH, HEIGHT), "{region:?}");
}

#[test]
fn light_that_drifts_or_jumps_is_no_item_and_an_item_is_seen_after_it() {
    let mut localiser = learnt(Settings::default());
    for step in 0..60 {
        let light = 1.0 + step as f32 * 0.008;
        let frame = stage(light, 100 + step);
        assert_eq!(scene(&mut localiser, &frame), Scene::Empty, "{light}");
    }
    assert_eq!(scene(&mut localiser, &stage(1.15, 200)), Scene::Empty);
    let mut frame = stage(1.15, 201);
    put(&mut frame, ITEM, [40, 60, 190]);
    localiser.observe(&frame).unwrap();
    localiser.observe(&frame).unwrap();
    assert!(matches!(scene(&mut localiser, &frame), Scene::Still(_)));
}

#[test]
fn a_crumb_is_no_item() {
    let crumb = Region {
        width: 12,
        height: 12,
        ..ITEM
    };
    let mut localiser = learnt(Settings::default());
    for seed in 0..5 {
        assert_eq!(scene(&mut localiser, &with_item(seed, crumb)), Scene::Empty);
    }
}

#[test]
fn with_a_fixed_region_only_what_lies_in_it_counts() {
    let fixed = Region {
        x: 100,
        y: 40,
        width: 120,
        height: 160,
    };
    let settings = Settings {
        fixed: Some(fixed),
        ..Settings::default()
    };
    let beside = Region {
        x: 0,
        width: 60,
        ..ITEM
    };
    let mut localiser = learnt(settings);
    for seed in 0..4 {
        assert_eq!(
            scene(&mut localiser, &with_item(seed, beside)),
            Scene::Empty
        );
    }
    assert_eq!(still_region(&mut localiser, ITEM), fixed);
    let small = RgbImage::black(64, 64).unwrap();
    assert!(localiser.observe(&small).is_err());
}

#[test]
fn what_stays_for_very_long_becomes_the_stage() {
    let settings = Settings {
        relearn_frames: 10,
        ..Settings::default()
    };
    let mut localiser = learnt(settings);
    let scenes: Vec<Scene> = (0..20)
        .map(|seed| scene(&mut localiser, &with_item(seed, ITEM)))
        .collect();
    assert!(scenes.contains(&Scene::Learning));
    assert_eq!(scenes.last(), Some(&Scene::Empty));
}

#[test]
fn frames_of_another_size_start_over() {
    let mut localiser = learnt(Settings::default());
    let other = RgbImage::new(100, 300, vec![90; 90_000]).unwrap();
    assert_eq!(scene(&mut localiser, &other), Scene::Learning);
}
