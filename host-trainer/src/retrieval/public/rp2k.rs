//! RP2K: a folder a product in `train` and in `test`.

use std::path::{Path, PathBuf};

use skueye_models::{Code, Fault};

use super::{Numbers, about};
use crate::retrieval::set::{Picture, TestSet};

pub(super) fn read(root: &Path) -> Result<TestSet, Fault> {
    let inner = root.join("all");
    let root = if inner.is_dir() { &inner } else { root };
    let mut numbers = Numbers::default();
    Ok(TestSet {
        enrolment: side(&root.join("train"), &mut numbers)?,
        queries: side(&root.join("test"), &mut numbers)?,
        about: about(
            "test pictures ask the training pictures; recall@1 is the top-1 accuracy by the nearest picture (Peng et al. 2020)",
            &[1],
        ),
        lines: None,
    })
}

fn side(folder: &Path, numbers: &mut Numbers) -> Result<Vec<Picture>, Fault> {
    let mut pictures = Vec::new();
    for class in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        let name = class
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let is_picture = |path: &PathBuf| {
            let end = path.extension().unwrap_or_default().to_ascii_lowercase();
            path.is_file() && ["jpg", "jpeg", "png"].iter().any(|known| end == *known)
        };
        for path in entries(&class)?.into_iter().filter(is_picture) {
            pictures.push(numbers.picture(path, &name));
        }
    }
    Ok(pictures)
}

/// What lies in `folder`, by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    let read = std::fs::read_dir(folder).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => {
            let expected = "a folder of pictures for each product, in train and in test";
            let remedy = "name the folder of RP2K";
            Fault::new(Code::DataLayout, expected, "no such folder", remedy).at(folder)
        }
        _ => Fault::io("read", folder, &e),
    })?;
    let mut paths = Vec::new();
    for entry in read {
        paths.push(entry.map_err(|e| Fault::io("read", folder, &e))?.path());
    }
    paths.sort();
    Ok(paths)
}
