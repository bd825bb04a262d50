//! The section `[update]`.

use std::path::Path;

use skueye_camera::program::words;

use super::Update;
use super::reader::Section;

pub(super) fn read(mut section: Section<'_, '_>, folder: &Path, into: &mut Update) {
    let mut path = String::new();
    section.text("folder", &mut path);
    into.folder = (!path.is_empty()).then(|| folder.join(path));
    let parse = |name: &str| match name {
        "quiet" => Some(true),
        "command" => Some(false),
        _ => None,
    };
    section.parsed("activate", "quiet or command", &mut into.when_quiet, parse);
    section.integer("quiet_seconds", 0..=86_400, &mut into.quiet_seconds);
    section.integer("health_frames", 1..=1000, &mut into.health_frames);
    section.integer("health_seconds", 1..=3600, &mut into.health_seconds);
    let (mut mark_good, mut active_slot) = (String::new(), String::new());
    section.text("mark_good", &mut mark_good);
    section.text("active_slot", &mut active_slot);
    into.boot.mark_good = words(&mark_good);
    into.boot.active_slot = words(&active_slot);
    section.finish();
}
