//! The pictures of enrolled shots: `GTIN/N.jpg`, for the page and the next training.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use skueye_models::{Fault, Gtin};
use tempfile::NamedTempFile;

/// Writes `pictures` beside those that the product has; each is whole or not there. Their paths. Errors: E901.
pub(super) fn keep(root: &Path, gtin: Gtin, pictures: &[Vec<u8>]) -> Result<Vec<PathBuf>, Fault> {
    let folder = root.join(gtin.to_string());
    fs::create_dir_all(&folder).map_err(|e| Fault::io("create", &folder, &e))?;
    let next = numbers(&folder).max().unwrap_or(0) + 1;
    let keep = |(number, picture): (u32, &Vec<u8>)| {
        let path = folder.join(format!("{number}.jpg"));
        write(&folder, &path, picture).map_err(|e| Fault::io("write", &path, &e))?;
        Ok(path)
    };
    (next..).zip(pictures).map(keep).collect()
}

fn write(folder: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    fs::File::open(folder)?.sync_all()
}

/// Takes pictures away that were kept by mistake. Errors: E901.
pub(super) fn forget(paths: &[PathBuf]) -> Result<(), Fault> {
    paths.iter().try_for_each(|path| {
        fs::remove_file(path).map_err(|e| Fault::io("remove", path, &e))?;
        // A product without pictures needs no folder; one with others keeps it.
        let _ = path.parent().map(fs::remove_dir);
        Ok(())
    })
}

/// A product's first picture.
pub(super) fn first(root: &Path, gtin: Gtin) -> Option<PathBuf> {
    let folder = root.join(gtin.to_string());
    let number = numbers(&folder).min()?;
    Some(folder.join(format!("{number}.jpg")))
}

fn numbers(folder: &Path) -> impl Iterator<Item = u32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let name = entry.file_name();
        name.to_str()?.strip_suffix(".jpg")?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_stand_beside_those_before_and_are_taken_away_alone() {
        let root = tempfile::tempdir().unwrap();
        let gtin = Gtin::from_body(7, 13).unwrap();
        assert_eq!(first(root.path(), gtin), None);
        let before = keep(root.path(), gtin, &[vec![1], vec![2]]).unwrap();
        let after = keep(root.path(), gtin, &[vec![3]]).unwrap();
        assert_eq!(fs::read(&after[0]).unwrap(), [3]);
        assert_eq!(first(root.path(), gtin), Some(before[0].clone()));
        forget(&after).unwrap();
        assert!(before.iter().all(|path| path.exists()) && !after[0].exists());
        forget(&before).unwrap();
        assert!(!root.path().join(gtin.to_string()).exists());
    }
}
