//! The picture files of many rows in little memory: folders once, names end to end.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Picture files below one root. A row costs the length of its file name and 12 bytes; a `PathBuf` of its own would
/// cost the whole path, 24 bytes, and an allocation.
#[derive(Debug, Clone)]
pub struct PicturePaths {
    root: PathBuf,
    folders: Vec<Box<str>>,
    by_folder: HashMap<Box<str>, u32>,
    /// For each row its folder's place in `folders`.
    folder: Vec<u32>,
    /// For each row where its name ends in `names`.
    end: Vec<u64>,
    names: String,
}

impl PicturePaths {
    /// No files yet, all to be below `root`.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            folders: Vec::new(),
            by_folder: HashMap::new(),
            folder: Vec::new(),
            end: Vec::new(),
            names: String::new(),
        }
    }

    /// Adds the file `path`, relative to the root, with `/` between its parts.
    pub fn push(&mut self, path: &str) {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let folder = match self.by_folder.get(folder) {
            Some(&at) => at,
            None => {
                // More folders than u32 would not fit any memory.
                let at = self.folders.len() as u32;
                self.folders.push(folder.into());
                self.by_folder.insert(folder.into(), at);
                at
            }
        };
        self.names.push_str(name);
        self.folder.push(folder);
        self.end.push(self.names.len() as u64);
    }

    /// The same without `rows`, ascending.
    #[must_use]
    pub fn without(&self, rows: &[usize]) -> Self {
        let mut left = Self {
            folders: self.folders.clone(),
            ..Self::new(&self.root)
        };
        for row in (0..self.len()).filter(|row| rows.binary_search(row).is_err()) {
            left.names.push_str(self.name(row));
            left.folder.push(self.folder[row]);
            left.end.push(left.names.len() as u64);
        }
        left.shrink();
        left
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.end.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.end.is_empty()
    }

    /// The file of `row`. Panics beyond [`Self::len`], as a slice does.
    pub fn path(&self, row: usize) -> PathBuf {
        let folder = &*self.folders[self.folder[row] as usize];
        [
            self.root.as_path(),
            folder.as_ref(),
            self.name(row).as_ref(),
        ]
        .iter()
        .collect()
    }

    fn name(&self, row: usize) -> &str {
        let start = row.checked_sub(1).map_or(0, |before| self.end[before]);
        &self.names[start as usize..self.end[row] as usize]
    }

    /// The files in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = PathBuf> {
        (0..self.len()).map(|row| self.path(row))
    }

    /// Gives back the room that was taken in advance.
    pub fn shrink(&mut self) {
        self.by_folder = HashMap::new();
        self.folders.shrink_to_fit();
        self.folder.shrink_to_fit();
        self.end.shrink_to_fit();
        self.names.shrink_to_fit();
    }

    /// Bytes of memory that the rows take.
    pub fn heap_bytes(&self) -> usize {
        let folders = self.folders.iter().map(|f| f.len() + 16).sum::<usize>();
        folders + self.folder.capacity() * 4 + self.end.capacity() * 8 + self.names.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_path_comes_back(paths in proptest::collection::vec("([a-c]{1,2}/){0,3}[a-zé]{1,5}\\.jpg", 0..40)) {
            let mut kept = PicturePaths::new(Path::new("/root"));
            paths.iter().for_each(|path| kept.push(path));
            kept.shrink();
            let wanted: Vec<_> = paths.iter().map(|path| Path::new("/root").join(path)).collect();
            prop_assert_eq!(kept.iter().collect::<Vec<_>>(), wanted);
            prop_assert_eq!((kept.len(), kept.is_empty()), (paths.len(), paths.is_empty()));
            let odd: Vec<usize> = (0..paths.len()).filter(|row| row % 2 == 1).collect();
            let even: Vec<_> = kept.iter().step_by(2).collect();
            prop_assert_eq!(kept.without(&odd).iter().collect::<Vec<_>>(), even);
        }
    }
}
