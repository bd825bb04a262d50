//! The section `[status]`.

use std::path::{Path, PathBuf};

use super::reader::Section;

pub(super) fn read(mut section: Section<'_, '_>, folder: &Path, into: &mut Option<PathBuf>) {
    let mut path = String::new();
    section.text("path", &mut path);
    *into = (!path.is_empty()).then(|| folder.join(path));
    section.finish();
}
