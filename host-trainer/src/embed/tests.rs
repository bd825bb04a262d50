//! However many processes embed, and however often they are interrupted, the bytes are the same.

use std::fs;
use std::path::{Path, PathBuf};

use skueye_models::{Code, Fault, Gtin};

use super::journal::Journal;
use super::*;
use crate::data::{Dataset, Split};
use crate::shard::Shard;
use crate::synth::{SynthOptions, generate};

fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/zoo/default")
}

/// A small set of packaged goods: 12 index pictures of 4 products.
fn data_set(root: &Path) -> Dataset {
    let options = SynthOptions {
        train_products: 2,
        val_products: 1,
        eval_products: 4,
        unknown_products: 1,
        listing_per_product: 3,
        kiosk_per_product: 1,
        size: 32,
        presentations: 0,
        unknown_presentations: 0,
        ..SynthOptions::default()
    };
    generate(root, &options).unwrap();
    Dataset::open(root).unwrap()
}

fn options(out: &Path, shard: &str) -> EmbedOptions {
    EmbedOptions {
        model: model(),
        split: Split::Index,
        shard: shard.parse().unwrap(),
        out: out.to_owned(),
        max_bad: 0.0,
    }
}

fn same(a: &Path, b: &Path) {
    for ending in ["npy", "tsv"] {
        let (a, b) = (a.with_extension(ending), b.with_extension(ending));
        assert!(
            fs::read(&a).unwrap() == fs::read(&b).unwrap(),
            "{}",
            a.display()
        );
    }
}

#[test]
fn three_shards_merge_to_the_bytes_of_one_process_vectors_and_gallery() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let dataset = data_set(&at("data"));
    let whole = at("whole.npy");
    let report = embed(&dataset, &options(&whole, "1/1")).unwrap();
    assert_eq!((report.vectors, report.skipped, report.resumed), (12, 0, 0));
    assert!(!at("whole.npy.partial").exists());
    let parts: Vec<_> = (1..=3).map(|n| at(&format!("part-{n}.npy"))).collect();
    for (part, number) in parts.iter().zip(1..) {
        embed(&dataset, &options(part, &format!("{number}/3"))).unwrap();
    }
    let shuffled = [&parts[2], &parts[0], &parts[1]].map(Clone::clone);
    let merged = at("merged.npy");
    assert_eq!(merge(&shuffled, &merged).unwrap(), 12);
    same(&whole, &merged);
    let (one, three) = (at("one.skg"), at("three.skg"));
    let besides = Besides {
        fp16: true,
        lists: Some(2),
        look_alikes: 9,
        ..Besides::default()
    };
    let report = build_gallery(
        &model(),
        std::slice::from_ref(&whole),
        &dataset,
        &besides,
        &one,
    )
    .unwrap();
    let text = fs::read_to_string(at("one.look-alikes.json")).unwrap();
    let looks = report.look_alikes.clone().unwrap();
    assert_eq!(text, serde_json::to_string_pretty(&looks).unwrap() + "\n");
    assert_eq!((looks.of, looks.worst.len()), (4, looks.pairs.min(9)));
    assert_eq!(
        report,
        GalleryReport {
            rows: 12,
            products: 4,
            look_alikes: Some(looks)
        }
    );
    build_gallery(&model(), &shuffled, &dataset, &besides, &three).unwrap();
    assert!(fs::read(&one).unwrap() == fs::read(&three).unwrap());
    assert_thresholds(&whole, &dataset, folder.path());
    // What the file says is what the device's code says.
    let pictures: Vec<_> = dataset
        .rows(Split::Index)
        .unwrap()
        .map(|r| r.unwrap().image)
        .collect();
    let units = embed_pictures(&model(), &pictures).unwrap();
    let mut at = 0;
    let vectors = EmbeddingFile::open(&whole).unwrap();
    vectors
        .each(|_, values| {
            assert_eq!(values, units[at].as_slice());
            at += 1;
            Ok(())
        })
        .unwrap();
    let again = embed(&dataset, &options(&whole, "1/1")).unwrap();
    assert_eq!(again.resumed, 12, "nothing is done twice");
    refuses(&whole, &parts, &dataset, folder.path());
}

fn assert_thresholds(whole: &Path, dataset: &Dataset, folder: &Path) {
    let (table, out) = (folder.join("own.csv"), folder.join("own.skg"));
    let build = |line: String| {
        fs::write(&table, format!("GTIN,ACCEPT,REJECT,MARGIN\n{line}\n")).unwrap();
        let besides = Besides {
            thresholds: read_thresholds(&table)?,
            ..Besides::default()
        };
        build_gallery(&model(), &[whole.to_owned()], dataset, &besides, &out)
    };
    let shown = |gtin: Gtin| {
        let gallery = skueye_gallery::Gallery::open(&out).unwrap();
        let mut products = gallery.view().products().map(Result::unwrap);
        let (index, _) = products.find(|(_, product)| product.gtin == gtin).unwrap();
        let extras = gallery.view().extras(index);
        (extras.accept, extras.reject, extras.margin)
    };
    let stocked = skueye_gallery::Gallery::open(folder.join("one.skg")).unwrap();
    let stocked = stocked.view().products().map(|p| p.unwrap().1.gtin).next();
    let known = stocked.unwrap();
    build(format!("{known},0.9,,0.125")).unwrap();
    assert_eq!(shown(known), (Some(0.9), None, Some(0.125)));
    for (line, code) in [
        (format!("{known},high,,"), Code::DataRow),
        (format!("{known},0.2,0.3,"), Code::GalleryInput),
        ("96385074,0.9,,".into(), Code::DataRow),
    ] {
        assert_eq!(build(line).unwrap_err().code(), code);
    }
}

fn refuses(whole: &Path, parts: &[PathBuf], dataset: &Dataset, folder: &Path) {
    let mismatch = |result: Result<u64, Fault>| {
        assert_eq!(result.unwrap_err().code(), Code::EmbeddingsMismatch);
    };
    let out = folder.join("refused.npy");
    mismatch(merge(&parts[..2], &out));
    mismatch(merge(
        &[parts[0].clone(), parts[0].clone(), parts[1].clone()],
        &out,
    ));
    mismatch(merge(&[], &out));
    mismatch(embed(dataset, &options(whole, "1/2")).map(|report| report.vectors));
    assert!(!out.exists());
    for ending in ["npy", "tsv"] {
        let path = parts[0].with_extension(ending);
        let good = fs::read(&path).unwrap();
        let mut changed = good.clone();
        changed[good.len() - 70] ^= 1;
        fs::write(&path, changed).unwrap();
        assert_eq!(
            merge(parts, &out).unwrap_err().code(),
            Code::EmbeddingsDamaged,
            "{ending}"
        );
        fs::write(&path, good).unwrap();
    }
    let products = dataset.root().join("truth/products.csv");
    let text = fs::read_to_string(&products).unwrap();
    fs::write(&products, format!("{text}\n")).unwrap();
    let gallery = build_gallery(
        &model(),
        &[whole.to_owned()],
        dataset,
        &Besides::default(),
        &folder.join("other.skg"),
    );
    assert_eq!(
        gallery.unwrap_err().code(),
        Code::EmbeddingsMismatch,
        "the tables have changed"
    );
    fs::write(&products, text).unwrap();
}

#[test]
fn unreadable_pictures_are_named_up_to_a_share() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = data_set(&folder.path().join("data"));
    let rows: Vec<_> = dataset
        .rows(Split::Index)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    fs::write(&rows[5].image, "broken").unwrap();
    fs::remove_file(&rows[7].image).unwrap();
    let out = folder.path().join("out.npy");
    let strict = embed(&dataset, &options(&out, "1/1")).unwrap_err();
    assert_eq!(strict.code(), Code::DataTooManyBad);
    assert!(!out.exists());
    let lenient = EmbedOptions {
        max_bad: 0.2,
        ..options(&out, "1/1")
    };
    let report = embed(&dataset, &lenient).unwrap();
    assert_eq!(
        (report.vectors, report.skipped, report.resumed),
        (10, 2, 12)
    );
    let skipped = EmbeddingFile::open(&out).unwrap().skipped;
    let wanted = [(rows[5].uuid.as_str(), 302), (rows[7].uuid.as_str(), 505)];
    let found: Vec<_> = skipped
        .iter()
        .map(|(uuid, code)| (&**uuid, *code))
        .collect();
    assert_eq!(found, wanted);
}

#[test]
fn a_journal_cut_anywhere_goes_on_to_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.partial");
    let row = |n: u64| match n % 5 {
        4 => Err(301),
        _ => Ok(vec![n as f32, 0.5]),
    };
    let rows = |from: u64, to: u64| (from..to).map(row).collect::<Vec<_>>();
    let fill = |journal: &mut Journal| {
        while journal.rows() < 700 {
            let from = journal.rows();
            journal.append(&rows(from, (from + 256).min(700))).unwrap();
        }
    };
    let mut journal = Journal::open(&path, "work", 2).unwrap();
    assert_eq!(
        Journal::open(&path, "work", 2).unwrap_err().code(),
        Code::EmbeddingsBusy
    );
    fill(&mut journal);
    drop(journal);
    let whole = fs::read(&path).unwrap();
    for cut in (0..whole.len()).step_by(97) {
        let mut bytes = whole[..cut].to_vec();
        // What a power cut leaves behind the last whole block may be anything.
        bytes.extend([0; 50]);
        fs::write(&path, if cut < 30 { &whole[..cut] } else { &bytes }).unwrap();
        let mut journal = Journal::open(&path, "work", 2).unwrap();
        assert!(journal.rows() <= 700 && journal.rows() % 256 * (700 - journal.rows()) == 0);
        fill(&mut journal);
        drop(journal);
        assert!(fs::read(&path).unwrap() == whole, "cut at {cut}");
    }
    let other = Journal::open(&path, "other", 2).unwrap_err();
    assert_eq!(other.code(), Code::EmbeddingsMismatch);
    let mut seen = 0;
    let journal = Journal::open(&path, "work", 2).unwrap();
    journal
        .each(|outcome| {
            assert_eq!(outcome, row(seen));
            seen += 1;
            Ok(())
        })
        .unwrap();
    assert_eq!((seen, journal.rows()), (700, 700));
}

#[test]
fn an_interrupted_shard_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = data_set(&folder.path().join("data"));
    let (a, b) = (folder.path().join("a.npy"), folder.path().join("b.npy"));
    embed(&dataset, &options(&a, "1/1")).unwrap();
    // The journal of a run that was stopped before it wrote its file.
    let vectors = EmbeddingFile::open(&a).unwrap();
    let partial = b.with_extension("npy.partial");
    let mut journal = Journal::open(
        &partial,
        &vectors.head.identity(),
        vectors.head.dim as usize,
    )
    .unwrap();
    let mut block = Vec::new();
    vectors
        .each(|_, values| {
            block.push(Ok(values.to_vec()));
            Ok(())
        })
        .unwrap();
    journal.append(&block).unwrap();
    drop(journal);
    let report = embed(&dataset, &options(&b, "1/1")).unwrap();
    assert_eq!((report.vectors, report.resumed), (12, 12));
    same(&a, &b);
    assert_eq!(Shard::WHOLE.to_string(), "1/1");
}
