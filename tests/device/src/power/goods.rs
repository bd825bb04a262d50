//! What a device is given in these tests: keys, signed bundles, a picture and a film of the stage.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use minisign::KeyPair;
use skueye_gallery::GalleryBuilder;
use skueye_models::{EmbeddingId, Gtin, Product, UnitEmbedding};
use skueye_update::delta;
use skueye_update::{
    Content, Digest, DiskStorage, Draft, Key, KeySet, Kind, Role, SignedKeys, Source, SourceDelta,
    Standing, bundle,
};

use super::random::Random;
use crate::tiny::MODEL;
use crate::trouble::Trouble;

const ID: EmbeddingId = EmbeddingId([1; 16]);
const DIM: u32 = 32;
/// Enough for a gallery of some hundred kilobytes, which a disk writes in many pieces.
const ROWS: u64 = 8000;
const PRODUCTS: u64 = 80;

/// How many contents one file gets.
pub const GENERATIONS: u64 = 8;

/// The settings of the device; paths in them start where they lie.
pub const SETTINGS: &str = "[decision]\nreject = 0.5\n[update]\nfolder = \"update\"\nhealth_seconds = 300\n[log]\nfolder = \"log\"\n";

/// The files of a release by their names.
type Files = BTreeMap<String, Vec<u8>>;

/// The goods, in a folder.
#[derive(Debug)]
pub struct Goods {
    folder: PathBuf,
    releases: BTreeMap<&'static str, Files>,
}

/// A release in the making.
struct Bundle<'a> {
    release: &'static str,
    files: Vec<Source<Cursor<Vec<u8>>>>,
    keys: &'a [SignedKeys],
    signer: &'a KeyPair,
}

impl Goods {
    /// Makes them in `folder`, which is made. Keys are new each time, all else is the same.
    ///
    /// - `keys.json`: what a new device trusts.
    /// - `one.skueye`: model and gallery, by the first key.
    /// - `two.skueye`: a gallery as a delta, the whole behind it, and keys that take the first key out of use; by the second key.
    /// - `three.skueye`, `four.skueye`: whole galleries and the same keys, by the second key.
    /// - `whole.skueye`: as `one`, with another gallery.
    /// - `golden.png`, `stage.y4m`: a picture of an item, and a stage with an item on it for a while.
    /// - `generation-0` and more: what one file holds, one after the other.
    /// - `trusting/`: the update folder of a device that knows the first key.
    pub fn make(folder: &Path) -> Result<Self, Trouble> {
        let mut goods = Self {
            folder: folder.to_owned(),
            releases: BTreeMap::new(),
        };
        fs::create_dir_all(folder).map_err(|e| Trouble::disk(folder, &e))?;
        let [first, second] = [new_key()?, new_key()?];
        let trusted = KeySet::default().trust(Role::Release, &first.pk.to_base64())?;
        goods.write("keys.json", &trusted.to_text())?;
        trusted.write(&DiskStorage::open(folder.join("trusting"))?)?;
        let next = [next_keys(&first, &second)?];
        let galleries = [1, 2, 3, 4].map(gallery);
        let [one, two, three, four] = galleries;
        let (one, two, three, four) = (one?, two?, three?, four?);
        for (release, gallery) in [("one", &one), ("whole", &two)] {
            goods.bundle(Bundle {
                release,
                files: [model(), vec![whole(gallery.clone())]]
                    .into_iter()
                    .flatten()
                    .collect(),
                keys: &[],
                signer: &first,
            })?;
        }
        goods.bundle(Bundle {
            release: "two",
            files: vec![changed(&one, &two), whole(two.clone())],
            keys: &next,
            signer: &second,
        })?;
        for (release, gallery) in [("three", &three), ("four", &four)] {
            goods.bundle(Bundle {
                release,
                files: vec![whole(gallery.clone())],
                keys: &next,
                signer: &second,
            })?;
        }
        for (release, gallery) in [("one", one), ("two", two), ("three", three), ("four", four)] {
            goods.releases.insert(release, files(gallery));
        }
        goods.write("golden.png", MODEL[0].1)?;
        goods.write("stage.y4m", &film())?;
        goods.write("kiosk.toml", SETTINGS.as_bytes())?;
        for number in 0..GENERATIONS {
            goods.write(&format!("generation-{number}"), &generation(number))?;
        }
        Ok(goods)
    }

    /// Where they are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What a slot with this release holds, byte by byte.
    pub fn release(&self, name: &str) -> Option<&Files> {
        self.releases.get(name)
    }

    /// The number of the generation that is these bytes.
    pub fn generation(&self, bytes: &[u8]) -> Option<u64> {
        (0..GENERATIONS).find(|number| generation(*number) == bytes)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Trouble> {
        let path = self.folder.join(name);
        fs::write(&path, bytes).map_err(|e| Trouble::disk(&path, &e))
    }

    fn bundle(&self, made: Bundle<'_>) -> Result<(), Trouble> {
        let draft = Draft {
            release: made.release.into(),
            embedding_id: Some(ID),
            ..Draft::default()
        };
        let mut bytes = Vec::new();
        let text = |text: &[u8]| Ok(sign(made.signer, text));
        bundle::write(&mut bytes, draft, made.keys, made.files, text)?;
        self.write(&format!("{}.skueye", made.release), &bytes)
    }
}

fn new_key() -> Result<KeyPair, Trouble> {
    KeyPair::generate_unencrypted_keypair()
        .map_err(|error| Trouble::new(format!("no key can be made: {error}"), "try again"))
}

fn sign(key: &KeyPair, text: &[u8]) -> String {
    let signed = minisign::sign(None, &key.sk, text, Some("power cuts"), None);
    signed
        .expect("a key without a passphrase signs")
        .to_string()
}

/// Keys that take `first` out of use and put `second` into it.
fn next_keys(first: &KeyPair, second: &KeyPair) -> Result<SignedKeys, Trouble> {
    let key = |pair: &KeyPair, standing| Key {
        role: Role::Release,
        standing,
        public: pair.pk.to_base64(),
    };
    let keys = vec![
        key(first, Standing::Revoked),
        key(second, Standing::Current),
    ];
    let text = KeySet::new(1, keys).to_text();
    let signature = sign(first, &text);
    Ok(SignedKeys { text, signature })
}

fn model() -> Vec<Source<Cursor<Vec<u8>>>> {
    let source = |(name, bytes): (&str, &[u8])| source(name, Kind::Model, bytes.to_vec());
    MODEL.map(source).into()
}

fn source(name: &str, kind: Kind, bytes: Vec<u8>) -> Source<Cursor<Vec<u8>>> {
    Source {
        name: name.into(),
        kind,
        content: Cursor::new(bytes),
        delta: None,
    }
}

fn whole(gallery: Vec<u8>) -> Source<Cursor<Vec<u8>>> {
    source("gallery.skg", Kind::Gallery, gallery)
}

/// A gallery as what differs from `base`.
fn changed(base: &[u8], gallery: &[u8]) -> Source<Cursor<Vec<u8>>> {
    let content = delta::encode(base, gallery);
    Source {
        delta: Some(SourceDelta {
            base: Digest::of(base),
            result: Content::of(gallery),
        }),
        ..source("gallery.skg", Kind::Gallery, content)
    }
}

/// 64 KiB that no other generation has.
fn generation(number: u64) -> Vec<u8> {
    let mut random = Random::new(number);
    let words = std::iter::repeat_with(|| random.next());
    words.take(8192).flat_map(u64::to_le_bytes).collect()
}

fn files(gallery: Vec<u8>) -> Files {
    let model = MODEL.iter().map(|(name, bytes)| (*name, bytes.to_vec()));
    let all = model.chain([("gallery.skg", gallery)]);
    all.map(|(name, bytes)| (name.to_owned(), bytes)).collect()
}

/// Drawn rows; the first quarter is the same in all.
fn gallery(number: u64) -> Result<Vec<u8>, Trouble> {
    let mut builder = GalleryBuilder::new(ID, DIM)?;
    for product in 0..PRODUCTS {
        builder.add_product(Product {
            gtin: Gtin::from_body(400_000_000_000 + product, 13)?,
            title: format!("Biscuits {product} of {number}"),
            category: "food".into(),
        })?;
    }
    for row in 0..ROWS {
        let of = if row < ROWS / 4 { 0 } else { number };
        let mut random = Random::new(of << 32 | row);
        let values = (0..DIM).map(|_| random.below(2001) as f32 - 1000.0);
        let gtin = Gtin::from_body(400_000_000_000 + row % PRODUCTS, 13)?;
        let index = builder.product_of(gtin).expect("it was added");
        builder.add_row(index, &UnitEmbedding::normalise(values.collect())?)?;
    }
    Ok(builder.to_bytes())
}

const WIDTH: usize = 160;
const HEIGHT: usize = 120;

/// An empty stage, a red box on it, and the empty stage again; YUV4MPEG2.
fn film() -> Vec<u8> {
    let mut film = format!("YUV4MPEG2 W{WIDTH} H{HEIGHT} F30:1 C420\n").into_bytes();
    for frame in 0..22 {
        film.extend(b"FRAME\n");
        let shows = (4..14).contains(&frame);
        // Brightness, then the two colours at half the size, of the stage and of the box.
        for (scale, stage, item) in [(1, 125, 80), (2, 127, 90), (2, 127, 240)] {
            let mut random = Random::new(frame);
            for at in 0..WIDTH / scale * (HEIGHT / scale) {
                let (x, y) = (at % (WIDTH / scale) * scale, at / (WIDTH / scale) * scale);
                let is_box = shows && (40..100).contains(&x) && (30..90).contains(&y);
                let noise = random.below(3) as u8;
                film.push(noise + if is_box { item } else { stage });
            }
        }
    }
    film
}
