//! What users of the generated data rely on.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::sync::LazyLock;

use super::goods::{plan, product, titles};
use super::rng::{Purpose, stream};
use super::*;
use crate::data::{Dataset, Split};
use crate::synth::print::art::Artwork;

fn small(seed: u64) -> SynthOptions {
    SynthOptions {
        seed,
        vocabulary: Vocabulary::Training,
        train_products: 7,
        val_products: 2,
        eval_products: 8,
        unknown_products: 4,
        listing_per_product: 2,
        kiosk_per_product: 1,
        size: 48,
        presentations: 2,
        unknown_presentations: 1,
        frames_per_presentation: 2,
        frame_size: [120, 90],
    }
}

/// The set of seed 5, generated once with all threads; it lies under `data` there.
static SET: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let root = tempfile::tempdir().unwrap();
    generate(&root.path().join("data"), &small(5)).unwrap();
    root
});

fn set() -> Dataset {
    Dataset::open(&SET.path().join("data")).unwrap()
}

/// Every file below `root` with its content.
fn content(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                files.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    files
}

fn generated(options: &SynthOptions, threads: usize) -> BTreeMap<String, Vec<u8>> {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("data");
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    pool.install(|| generate(&folder, options)).unwrap();
    content(&folder)
}

#[test]
fn bytes_depend_on_the_seed_and_not_on_threads() {
    let one = generated(&small(5), 1);
    assert!(
        one == content(set().root()),
        "one and several threads differ"
    );
    let other = generated(&small(4), 2);
    let frames = |files: &BTreeMap<String, Vec<u8>>| files.get("replay/000012.jpg").cloned();
    assert_ne!(frames(&one), frames(&other));
    let pictures = |files: &BTreeMap<String, Vec<u8>>| {
        files
            .iter()
            .filter(|(n, _)| n.starts_with("Images"))
            .map(|(_, b)| b.clone())
            .collect::<HashSet<_>>()
    };
    assert!(pictures(&one).is_disjoint(&pictures(&other)));
}

#[test]
fn splits_share_no_brand_and_the_counts_are_those_asked_for() {
    let (options, data) = (small(5), set());
    let info = data.info().unwrap();
    let photos =
        [Split::Train, Split::Val, Split::Index, Split::Query].map(|split| info.images[&split]);
    assert_eq!(photos, [21, 6, 16, 12]);
    let brands: BTreeMap<_, _> = data
        .products()
        .unwrap()
        .unwrap()
        .into_iter()
        .map(|p| (p.gtin, p.brand))
        .collect();
    assert_eq!(brands.len(), 21, "GTINs are unique");
    let images = data.image_truth().unwrap().unwrap();
    let of = |splits: &[Split]| -> BTreeSet<&String> {
        images
            .iter()
            .filter(|i| splits.contains(&i.split))
            .map(|i| &brands[&i.gtin])
            .collect()
    };
    assert!(of(&[Split::Train, Split::Val]).is_disjoint(&of(&[Split::Index, Split::Query])));
    let gtins = |split: Split| -> BTreeSet<_> {
        images
            .iter()
            .filter(|i| i.split == split)
            .map(|i| i.gtin)
            .collect()
    };
    assert_eq!(
        gtins(Split::Query).difference(&gtins(Split::Index)).count(),
        options.unknown_products
    );
    assert!(gtins(Split::Train).is_disjoint(&gtins(Split::Val)));
}

#[test]
fn the_replay_tells_where_and_when_each_item_rests() {
    let data = set();
    let info = data.info().unwrap();
    let visits = data.presentations().unwrap().unwrap();
    assert_eq!(visits.len(), 3);
    assert_eq!(visits.iter().filter(|v| v.known).count(), 2);
    assert!(
        visits[0].first_frame >= 6,
        "the device needs empty frames first"
    );
    let mut free = 0;
    for v in &visits {
        assert!(
            free < v.first_frame && v.first_frame < v.first_still && v.first_still <= v.last_still
        );
        assert!(v.last_still < v.last_frame && v.last_frame + 3 <= info.frames);
        free = v.last_frame + 3;
        assert!((27..=58).contains(&v.h) && v.w > 5, "{} x {}", v.w, v.h);
        assert!(v.x + v.w <= 120 && v.y + v.h <= 90);
    }
}

#[test]
fn members_of_a_line_differ_in_art_and_title_and_share_shape_and_brand() {
    for line in 0..12 {
        let members = product::Line::new(9, Vocabulary::Training, line).members;
        let products: Vec<_> = (0..=members)
            .map(|m| Product::new(9, Vocabulary::Training, line, m, m as u64))
            .collect();
        let titles: HashSet<_> = products.iter().map(Product::title).collect();
        assert_eq!(titles.len(), members + 1, "{titles:?}");
        let art: Vec<_> = products.iter().map(|p| Artwork::new(9, p, 120.0)).collect();
        for (i, a) in art.iter().enumerate() {
            assert_eq!(a.package.size, art[0].package.size);
            for b in &art[..i] {
                assert!(a.front.distance(&b.front) > 2e-4, "line {line}: {titles:?}");
            }
        }
    }
}

#[test]
fn titles_keep_the_identifying_words_mostly_and_are_noisy() {
    let (mut brands, mut flavours, mut different) = (0, 0, HashSet::new());
    for i in 0..400u64 {
        let product = Product::new(2, Vocabulary::Training, i / 4, (i % 4) as usize, i);
        let title = titles::noisy_title(&product, &mut stream(2, Purpose::Title, i, 0));
        let lower = title.to_lowercase();
        brands += usize::from(lower.contains(&product.line.brand.to_lowercase()));
        flavours += usize::from(lower.contains(&product.flavour.name.to_lowercase()));
        different.insert(title != product.title());
        assert!((4..200).contains(&title.len()), "{title:?}");
    }
    assert!(
        (340..400).contains(&brands),
        "{brands} of 400 titles name the brand"
    );
    assert!(
        (320..400).contains(&flavours),
        "{flavours} of 400 titles name the flavour"
    );
    assert!(different.contains(&true));
}

#[test]
fn the_vocabulary_of_a_quick_start_has_hundreds_of_words() {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (serial, entry) in plan::plan(&SynthOptions::default()).iter().enumerate() {
        let product = entry.product(&SynthOptions::default(), serial);
        for view in 0..7 {
            let title = titles::noisy_title(
                &product,
                &mut stream(1, Purpose::Title, serial as u64, view),
            );
            for word in title.to_lowercase().split(' ') {
                *counts.entry(word.to_owned()).or_default() += 1;
            }
        }
    }
    let kept = counts.values().filter(|&&n| n > 10).count();
    assert!(kept > 300, "{kept} words occur more than ten times");
}

#[test]
fn gtins_of_the_largest_set_are_unique_and_synthetic() {
    let gtins: HashSet<_> = (0..MAX_PRODUCTS)
        .map(|serial| product::gtin(1, serial as u64))
        .collect();
    assert_eq!(gtins.len(), MAX_PRODUCTS);
    assert!(
        gtins
            .iter()
            .all(|gtin| gtin.to_string().starts_with('2') && gtin.digits() == 13)
    );
}

#[test]
fn options_out_of_range_are_refused_before_anything_is_written() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("data");
    let wrong = [
        SynthOptions {
            size: 0,
            ..small(1)
        },
        SynthOptions {
            train_products: usize::MAX,
            ..small(1)
        },
        SynthOptions {
            kiosk_per_product: usize::MAX,
            ..small(1)
        },
        SynthOptions {
            eval_products: 0,
            ..small(1)
        },
        SynthOptions {
            unknown_products: 0,
            ..small(1)
        },
    ];
    for options in wrong {
        assert_eq!(
            generate(&folder, &options).unwrap_err().code(),
            Code::SettingsValue
        );
        assert!(!folder.exists());
    }
}

#[test]
fn the_contact_sheet_shows_the_set() {
    let root = tempfile::tempdir().unwrap();
    let sheet = root.path().join("sheet.png");
    contact_sheet(set().root(), &sheet).unwrap();
    let image = skueye_vision::decode_file(&sheet).unwrap();
    assert!(image.width() > 1000 && image.height() > 500);
    assert_eq!(
        contact_sheet(root.path(), &sheet).unwrap_err().code(),
        Code::DataLayout
    );
}

#[test]
fn the_unseen_vocabulary_shares_no_brand_shape_or_font_with_training() {
    use super::print::fonts::{logo_fonts, text_fonts};
    let data = |vocabulary| {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("data");
        let options = SynthOptions {
            vocabulary,
            presentations: 0,
            unknown_presentations: 0,
            eval_products: 40,
            ..small(5)
        };
        let info = generate(&folder, &options).unwrap();
        let products = Dataset::open(&folder).unwrap().products().unwrap();
        (info.name, products.unwrap())
    };
    let (name, seen) = data(Vocabulary::Training);
    let (other_name, unseen) = data(Vocabulary::Unseen);
    assert_eq!((&*name, &*other_name), ("synth", "synth-unseen"));
    let brands = |of: &[crate::data::ProductRow]| {
        let brands = of.iter().map(|p| p.brand.clone());
        brands.collect::<BTreeSet<String>>()
    };
    let shapes = |of: &[crate::data::ProductRow]| {
        let shapes = of.iter().map(|p| p.shape.clone());
        shapes.collect::<BTreeSet<String>>()
    };
    assert!(brands(&seen).is_disjoint(&brands(&unseen)));
    assert!(shapes(&seen).is_disjoint(&shapes(&unseen)));
    let fonts = |of| [logo_fonts(of), text_fonts(of)].concat();
    let seen = fonts(Vocabulary::Training);
    assert!(
        fonts(Vocabulary::Unseen)
            .iter()
            .all(|font| !seen.contains(font))
    );
}
