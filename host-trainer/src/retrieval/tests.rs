//! What users of the benchmark rely on.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use skueye_models::Code;

use super::figures::{Question, Sides, figures};
use super::pooling::Pooling;
use super::public::{Layout, read};
use super::set::{About, Picture, TestSet};
use crate::evaluate::{Bootstrap, Metrics, Row, Truth, float_ranking, recall_within};
use crate::vectors::Vectors;

/// Files below a new folder; those that are no lists hold nothing.
fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

/// Names of the files with their products.
fn shown(root: &Path, pictures: &[Picture]) -> Vec<(String, usize)> {
    let name = |picture: &Picture| {
        let path = picture.path.strip_prefix(root).unwrap();
        (path.display().to_string(), picture.product)
    };
    pictures.iter().map(name).collect()
}

fn pairs(pairs: &[(&str, usize)]) -> Vec<(String, usize)> {
    pairs
        .iter()
        .map(|(name, of)| ((*name).to_owned(), *of))
        .collect()
}

#[test]
fn stanford_online_products_leaves_one_out_of_the_test_list() {
    let list = "image_id class_id super_class_id path\n1 11319 1 bicycle_final/a_0.JPG\n\
                2 11319 1 bicycle_final/a_1.JPG\n3 11320 1 chair_final/b_0.JPG\n";
    let root = tree(&[
        ("Ebay_test.txt", list),
        (
            "Ebay_train.txt",
            "image_id class_id super_class_id path\n1 1 1 never/read.JPG\n",
        ),
        ("bicycle_final/a_0.JPG", ""),
        ("bicycle_final/a_1.JPG", ""),
        ("chair_final/b_0.JPG", ""),
    ]);
    let set = read(Layout::StanfordOnlineProducts, root.path()).unwrap();
    assert!(set.leaves_one_out());
    let wanted = [
        ("bicycle_final/a_0.JPG", 0),
        ("bicycle_final/a_1.JPG", 0),
        ("chair_final/b_0.JPG", 1),
    ];
    assert_eq!(shown(root.path(), &set.enrolment), pairs(&wanted));
    assert_eq!(set.about.recalls, [1, 10, 100, 1000]);
    // The lone chair has nothing to be found, so it does not count.
    assert_eq!(set.truth(vec![0, 0, 1]).known().collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn in_shop_divides_as_the_list_says() {
    let list = "4\nimage_name item_id evaluation_status\nimg/W/id_1/01_1.jpg id_1 train\n\
                img/W/id_2/01_1.jpg id_2 query\nimg/W/id_2/01_2.jpg id_2 gallery\nimg/W/id_3/02_1.jpg id_3 gallery\n";
    let files = [
        "img/W/id_2/01_1.jpg",
        "img/W/id_2/01_2.jpg",
        "img/W/id_3/02_1.jpg",
    ];
    let mut all = vec![("Eval/list_eval_partition.txt", list)];
    all.extend(files.map(|file| (file, "")));
    let root = tree(&all);
    let set = read(Layout::InShop, root.path()).unwrap();
    assert_eq!(shown(root.path(), &set.queries), pairs(&[(files[0], 0)]));
    assert_eq!(
        shown(root.path(), &set.enrolment),
        pairs(&[(files[1], 0), (files[2], 1)])
    );
}

#[test]
fn products_10k_asks_with_the_labelled_test_pictures() {
    let root = tree(&[
        ("train.csv", "name,class,group\n0.jpg,7,1\n1.jpg,9,1\n"),
        (
            "test_kaggletest.csv",
            "name,class,group,Usage\n5.jpg,9,1,Public\n",
        ),
        ("train/0.jpg", ""),
        ("train/1.jpg", ""),
        ("test/5.jpg", ""),
    ]);
    let set = read(Layout::Products10K, root.path()).unwrap();
    assert_eq!(
        shown(root.path(), &set.enrolment),
        pairs(&[("train/0.jpg", 0), ("train/1.jpg", 1)])
    );
    assert_eq!(
        shown(root.path(), &set.queries),
        pairs(&[("test/5.jpg", 1)])
    );
    fs::remove_file(root.path().join("test_kaggletest.csv")).unwrap();
    fs::write(root.path().join("test.csv"), "name\n5.jpg\n").unwrap();
    let fault = read(Layout::Products10K, root.path()).unwrap_err();
    assert_eq!(
        fault.code(),
        Code::DataLayout,
        "a list without classes: {fault}"
    );
}

#[test]
fn rp2k_takes_the_folders_of_train_and_test() {
    let files = [
        "all/train/cola 330/a.jpg",
        "all/train/tea/b.png",
        "all/test/tea/c.jpg",
        "all/test/new/d.jpg",
    ];
    let mut all = vec![("all/train/tea/notes.txt", "no picture")];
    all.extend(files.map(|file| (file, "")));
    let root = tree(&all);
    let set = read(Layout::Rp2k, root.path()).unwrap();
    assert_eq!(
        shown(root.path(), &set.enrolment),
        pairs(&[(files[0], 0), (files[1], 1)])
    );
    assert_eq!(
        shown(root.path(), &set.queries),
        pairs(&[(files[3], 2), (files[2], 1)])
    );
    assert_eq!(set.truth(vec![0, 1]).unknown().count(), 1);
}

#[test]
fn eproduct_is_read_with_its_truth_and_refused_without() {
    use crate::synth::{SynthOptions, generate};
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    let options = SynthOptions {
        train_products: 1,
        val_products: 1,
        eval_products: 3,
        unknown_products: 1,
        listing_per_product: 2,
        kiosk_per_product: 1,
        size: 32,
        presentations: 0,
        unknown_presentations: 0,
        ..SynthOptions::default()
    };
    generate(&data, &options).unwrap();
    let set = read(Layout::EProduct, &data).unwrap();
    assert_eq!((set.enrolment.len(), set.queries.len()), (6, 4));
    fs::remove_dir_all(data.join("truth")).unwrap();
    assert_eq!(
        read(Layout::EProduct, &data).unwrap_err().code(),
        Code::DataLayout
    );
}

#[test]
fn other_folders_missing_pictures_and_paths_that_leave_are_refused() {
    let empty = tempfile::tempdir().unwrap();
    for layout in Layout::ALL {
        let code = read(layout, empty.path()).unwrap_err().code();
        let known = [Code::DataLayout, Code::DataMissingFile, Code::Io];
        assert!(known.contains(&code), "{layout:?}: {code:?}");
    }
    let head = "image_id class_id super_class_id path\n";
    for (line, code) in [
        ("1 1 1 gone.jpg", Code::DataMissingFile),
        ("1 1 1 ../out.jpg", Code::DataRow),
        ("1 1 1 /etc/passwd", Code::DataRow),
        ("1 1", Code::DataRow),
    ] {
        let root = tree(&[("Ebay_test.txt", &format!("{head}{line}\n"))]);
        let fault = read(Layout::StanfordOnlineProducts, root.path()).unwrap_err();
        assert_eq!(fault.code(), code, "{line}");
    }
}

/// A set of products whose pictures do not exist.
fn set(enrolment: &[usize], queries: &[usize]) -> TestSet {
    let of = |products: &[usize]| {
        let picture = |&product: &usize| Picture {
            path: "none".into(),
            product,
        };
        products.iter().map(picture).collect()
    };
    TestSet {
        about: About::default(),
        enrolment: of(enrolment),
        queries: of(queries),
        lines: None,
    }
}

#[test]
fn the_first_shots_of_each_product_are_taken_in_order() {
    let set = set(&[4, 5, 4, 4, 6, 5], &[4]);
    assert_eq!(set.first_shots(Some(1)), [0, 1, 4]);
    assert_eq!(set.first_shots(Some(2)), [0, 1, 2, 4, 5]);
    assert_eq!(set.first_shots(None), [0, 1, 2, 3, 4, 5]);
}

/// Unit vectors at these angles.
fn at(angles: &[f32]) -> Vectors {
    let values = angles.iter().flat_map(|a| [a.cos(), a.sin()]);
    Vectors::new(2, values.collect()).unwrap()
}

#[test]
fn who_leaves_one_out_never_finds_itself() {
    let set = set(&[0, 0, 1, 1, 2], &[]);
    let vectors = at(&[0.0, 0.1, 0.15, 1.5, 3.0]);
    let sides = Sides {
        index: vectors.clone(),
        queries: vectors,
    };
    let bootstrap = Bootstrap {
        replicates: 10,
        seed: 1,
    };
    let question = Question::new(&set, None, bootstrap);
    let rows = question.of_student(&[("student_f32", "Student", sides)]);
    let rows = rows.unwrap();
    assert!(rows.iter().all(|row| !row.key.ends_with("reranked")));
    let gallery = question.gallery(None, rows);
    assert_eq!((gallery.known, gallery.unknown), (4, 1));
    // 0 finds its twin; 1 lies nearer to 2, 2 nearer to 1, 3 nearest to 2, its twin.
    let recalls: Vec<f64> = gallery
        .figures
        .iter()
        .map(|f| f.row.metrics.recall1)
        .collect();
    assert_eq!(recalls, [0.5, 0.5]);
}

#[test]
fn an_answer_of_the_same_line_counts_for_the_line_alone() {
    let set = TestSet {
        lines: Some(vec![0, 0, 1, 1]),
        ..set(&[0, 1, 2], &[0, 2, 3])
    };
    let truth = set.truth(vec![0, 1, 2]);
    let index = at(&[0.0, 0.2, 1.0]).normalised().unwrap();
    let queries = at(&[0.19, 0.21, 1.0]).normalised().unwrap();
    let row = Row {
        key: "a".into(),
        name: "a".into(),
        on_device: false,
        rankings: float_ranking(&index, &queries, 100).unwrap(),
    };
    let bootstrap = Bootstrap {
        replicates: 10,
        seed: 1,
    };
    let found = figures(&set, &truth, row, &bootstrap);
    // The first is answered by its sibling, the second by another line; the third is unknown.
    assert_eq!(
        (found.row.metrics.recall1, found.line_recall1),
        (0.0, Some(0.5))
    );
}

#[test]
fn pooling_makes_the_rows_that_it_says() {
    let units = at(&[0.0, 1.0, 0.2, 2.0]).normalised().unwrap();
    let products = [7, 8, 7, 8];
    let counts = Pooling::ALL.map(|pooling| {
        let (rows, of) = pooling.rows(&units, &products).unwrap();
        assert_eq!(rows.rows(), of.len());
        of.len()
    });
    assert_eq!(counts, [4, 2, 6]);
    let (means, of) = Pooling::Mean.rows(&units, &products).unwrap();
    assert_eq!(of, [7, 8]);
    let wanted = at(&[0.1, 1.5]);
    let off = means
        .values()
        .iter()
        .zip(wanted.values())
        .map(|(a, b)| (a - b).abs());
    assert!(off.fold(0.0f32, f32::max) < 1e-6);
}

#[test]
fn recalls_of_the_sets_authors_agree_with_the_houses() {
    let set = TestSet {
        about: About {
            recalls: vec![1, 5, 1000],
            ..About::default()
        },
        ..set(&[0, 1, 2], &[1, 2])
    };
    let truth = set.truth(vec![0, 1, 2]);
    let index = at(&[0.0, 0.2, 1.0]).normalised().unwrap();
    let queries = at(&[0.05, 1.0]).normalised().unwrap();
    let rankings = float_ranking(&index, &queries, 100).unwrap();
    let row = Row {
        key: "a".into(),
        name: "a".into(),
        on_device: false,
        rankings,
    };
    let bootstrap = Bootstrap {
        replicates: 10,
        seed: 1,
    };
    let found = figures(&set, &truth, row, &bootstrap);
    assert_eq!(
        found.recall_at.into_iter().collect::<Vec<_>>(),
        [(1, 0.5), (5, 1.0), (1000, 1.0)]
    );
    assert_eq!(found.row.metrics.recall1, 0.5);
    assert_eq!(found.false_reject_at_1_percent, None, "nobody is unknown");
}

proptest! {
    #[test]
    fn leaving_one_out_counts_as_asking_a_gallery_without_it(
        products in prop::collection::vec(0usize..4, 2..9),
        angles in prop::collection::vec(0.0f32..6.0, 9),
    ) {
        let vectors = at(&angles[..products.len()]).normalised().unwrap();
        let truth = Truth::leave_one_out(products.clone());
        let mut rankings = float_ranking(&vectors, &vectors, 100).unwrap();
        rankings.iter_mut().enumerate().for_each(|(own, hits)| hits.retain(|hit| hit.row != own));
        let (mut right, mut known) = (0, 0);
        for own in 0..products.len() {
            let rest: Vec<usize> = (0..products.len()).filter(|&row| row != own).collect();
            let index = vectors.table().select(&rest).normalised().unwrap();
            let query = vectors.table().select(&[own]).normalised().unwrap();
            let of = rest.iter().map(|&row| products[row]).collect();
            let truth = Truth::new(of, vec![products[own]]);
            known += truth.known().count();
            let metrics = Metrics::new(&float_ranking(&index, &query, 100).unwrap(), &truth);
            right += metrics.recall1 as usize;
        }
        prop_assert_eq!(truth.known().count(), known);
        let recall = recall_within(&rankings, &truth, 1);
        prop_assert!((recall * known.max(1) as f64 - right as f64).abs() < 1e-9);
    }
}

#[test]
fn the_shipped_release_is_measured_in_f32_and_rounded_to_fp16() {
    use super::extract::{Student, vectors_of};
    use skueye_vision::decode_file;
    let zoo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/zoo/default");
    let student = Student::open(&zoo, true).unwrap();
    assert_eq!(student.first.key, "student_f16", "no f32 file is shipped");
    let networks = [&student.first.network, &student.others[0].network];
    let picture = |_| decode_file(&zoo.join("golden.jpg"));
    let both = vectors_of(&networks, "test", 1, picture).unwrap();
    assert_ne!(both[0], both[1], "rounding shows");
    let units: Vec<_> = both.into_iter().map(|v| v.normalised().unwrap()).collect();
    let with = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    assert!(with(units[0].row(0), units[1].row(0)) > 0.999);
    let golden = &student.manifest.self_test.embedding;
    assert!(with(units[0].row(0), golden) > 0.9999);
}
