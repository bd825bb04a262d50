//! Products-10K: `train.csv` (name, class, group) with the pictures in `train`, and the labelled list of the test pictures in
//! `test`. Its challenge asks for the class of each test picture: by a gallery, that of its nearest training picture.

use std::path::Path;

use serde::Deserialize;
use skueye_models::{Code, Fault};

use super::{Numbers, about, below};
use crate::data::csv_fault;
use crate::retrieval::set::{Picture, TestSet};

#[derive(Deserialize)]
struct Row {
    name: String,
    class: Option<String>,
}

pub(super) fn read(root: &Path) -> Result<TestSet, Fault> {
    let mut numbers = Numbers::default();
    let enrolment = side(root, "train.csv", "train", &mut numbers)?;
    let labelled = ["test_kaggletest.csv", "test.csv"];
    let list = labelled.into_iter().find(|name| root.join(name).is_file());
    let queries = side(root, list.unwrap_or("test.csv"), "test", &mut numbers)?;
    Ok(TestSet {
        about: about(
            "test pictures ask the training pictures; recall@1 is the challenge's top-1 accuracy by the nearest picture (Bai et al. 2020)",
            &[1],
        ),
        enrolment,
        queries,
        lines: None,
    })
}

fn side(
    root: &Path,
    list: &str,
    folder: &str,
    numbers: &mut Numbers,
) -> Result<Vec<Picture>, Fault> {
    let list = root.join(list);
    let layout = |got: String| {
        let expected = "a CSV with the columns name and class";
        let remedy = "name the folder of Products-10K with its labelled lists";
        Fault::new(Code::DataLayout, expected, got, remedy).at(&list)
    };
    if !list.is_file() {
        return Err(layout("no such file".into()));
    }
    let mut rows = csv::Reader::from_path(&list).map_err(|e| csv_fault(&list, &e))?;
    let mut pictures = Vec::new();
    for row in rows.deserialize() {
        let row: Row = row.map_err(|e| csv_fault(&list, &e))?;
        let class = row.class.filter(|class| !class.is_empty());
        let class = class.ok_or_else(|| layout(format!("no class for {}", row.name)))?;
        let path = below(&root.join(folder), &row.name, &list)?;
        pictures.push(numbers.picture(path, &class));
    }
    Ok(pictures)
}
