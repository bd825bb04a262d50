//! The one bundle on a stick.

use std::fs;
use std::path::{Path, PathBuf};

use skueye_models::{Code, Fault};

/// With more files than these in its top folder a stick is not looked through.
pub const MOST_ENTRIES: usize = 10_000;
const ENDING: &str = ".skueye";

/// The bundle in `folder`: the one plain file there whose name ends in `.skueye`. Names that begin with a dot, among them the
/// copies that other systems leave beside each file (`._NAME`), do not count, nor does anything below the folder. Errors: E810
/// where there is none, more than one, a link, or more files than anyone looks through; E901.
pub fn candidate(folder: &Path) -> Result<PathBuf, Fault> {
    let failed = |e: std::io::Error| Fault::io("read", folder, &e);
    let mut found: Vec<PathBuf> = Vec::new();
    for (count, entry) in fs::read_dir(folder).map_err(failed)?.enumerate() {
        if count == MOST_ENTRIES {
            return Err(refused(folder, format!("more than {MOST_ENTRIES} files")));
        }
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_bundle = name.to_ascii_lowercase().ends_with(ENDING);
        if name.starts_with('.') || !is_bundle {
            continue;
        }
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            continue;
        }
        if !kind.is_file() {
            let got = format!("{}, which is no plain file", name.escape_debug());
            return Err(refused(folder, got));
        }
        found.push(entry.path());
    }
    found.sort();
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(refused(folder, "none".into())),
        count => {
            let names = found.iter().take(3).filter_map(|path| path.file_name());
            let names = names.map(|name| name.to_string_lossy().escape_debug().to_string());
            let names = names.collect::<Vec<_>>().join(", ");
            Err(refused(folder, format!("{count}: {names}")))
        }
    }
}

fn refused(folder: &Path, got: String) -> Fault {
    let expected = format!("exactly one file NAME{ENDING} in the stick's top folder");
    let remedy = "leave the bundle for this device alone on the stick";
    Fault::new(Code::StickCandidates, expected, got, remedy).at(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stick(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            fs::write(folder.path().join(name), b"x").unwrap();
        }
        folder
    }

    fn refused(folder: &Path) -> String {
        let fault = candidate(folder).unwrap_err();
        assert_eq!(fault.code(), Code::StickCandidates);
        fault.got().to_owned()
    }

    #[test]
    fn one_bundle_among_other_files_is_taken() {
        let names = [
            "photo.jpg",
            "SPRING.SKUEYE",
            "._SPRING.SKUEYE",
            ".hidden.skueye",
            "skueye",
        ];
        let folder = stick(&names);
        fs::create_dir(folder.path().join("old.skueye")).unwrap();
        assert_eq!(
            candidate(folder.path()).unwrap(),
            folder.path().join("SPRING.SKUEYE")
        );
    }

    #[test]
    fn no_bundle_two_bundles_and_names_that_draw_on_a_terminal() {
        assert_eq!(refused(stick(&["._a.skueye"]).path()), "none");
        let got = refused(stick(&["a.skueye", "b\u{1b}[2J.skueye"]).path());
        assert_eq!(got, "2: a.skueye, b\\u{1b}[2J.skueye");
    }

    #[test]
    fn symbolic_links_are_not_followed() {
        let folder = stick(&[]);
        std::os::unix::fs::symlink("/etc/hostname", folder.path().join("a.skueye")).unwrap();
        assert_eq!(refused(folder.path()), "a.skueye, which is no plain file");
    }

    #[test]
    fn ten_thousand_files_are_not_looked_through() {
        let names: Vec<String> = (0..=MOST_ENTRIES).map(|n| format!("{n}.jpg")).collect();
        let folder = stick(&names.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(refused(folder.path()), "more than 10000 files");
    }
}
