//! The section `[log]`.

use std::path::Path;

use super::Log;
use super::reader::Section;

pub(super) fn read(mut section: Section<'_, '_>, folder: &Path, into: &mut Log) {
    let mut path = String::from("log");
    section.text("folder", &mut path);
    into.folder = (!path.is_empty()).then(|| folder.join(path));
    section.integer("days", 1..=36_500, &mut into.keep.days);
    let mut megabytes = (into.keep.bytes >> 20) as u32;
    section.integer("megabytes", 1..=1_000_000, &mut megabytes);
    into.keep.bytes = u64::from(megabytes) << 20;
    section.number("score_fall", 0.0..=2.0, &mut into.score_fall);
    section.finish();
}
