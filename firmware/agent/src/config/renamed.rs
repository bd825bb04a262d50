//! Keys that had other names once, and bringing a file up to date.
//!
//! An old name is understood for good and warned about, so that a device does not stop at an update. A file is brought up to
//! date in its text: only names and the version change, so every comment and the layout stay.

use std::fmt::Write as _;
use std::ops::Range;

use toml::de::DeTable;

use super::VERSION;

/// A key that had another name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Renamed {
    /// Its section.
    pub section: &'static str,
    /// Its name before.
    pub old: &'static str,
    /// Its name.
    pub new: &'static str,
}

/// All of them. Version 2: two different lists were called `names`.
pub(super) const RENAMED: [Renamed; 2] = [
    Renamed {
        section: "page",
        old: "names",
        new: "host_names",
    },
    Renamed {
        section: "enrol",
        old: "names",
        new: "product_list",
    },
];

/// The keys of `section` that had another name.
pub(super) fn of(section: &str) -> impl Iterator<Item = Renamed> {
    RENAMED
        .into_iter()
        .filter(move |key| key.section == section)
}

/// A settings file brought up to date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The whole text.
    pub text: String,
    /// What was changed, a line each; empty where the file is up to date.
    pub changes: Vec<String>,
}

/// `text` with the names and the version of today; `None` where it is no TOML.
pub fn migrate(text: &str) -> Option<Migrated> {
    let root = DeTable::parse(text).ok()?;
    let (mut edits, mut changes) = (Vec::new(), Vec::new());
    for Renamed { section, old, new } in RENAMED {
        let table = root.get_ref().get(section);
        let table = table.and_then(|table| table.get_ref().as_table());
        if let Some((key, _)) = table.and_then(|table| table.get_key_value(old)) {
            edits.push((key.span(), new.to_owned()));
            changes.push(format!("{section}.{old} is now {section}.{new}"));
        }
    }
    let written = root.get_ref().get("version");
    let version = written.and_then(|v| v.get_ref().as_integer()?.as_str().parse().ok());
    if version != Some(VERSION) && (written.is_some() || !edits.is_empty()) {
        let (place, text) = match written {
            Some(value) => (value.span(), VERSION.to_string()),
            None => (top(text), format!("version = {VERSION}\n\n")),
        };
        edits.push((place, text));
        let mut change = format!("version is now {VERSION}");
        if let Some(before) = version {
            let _ = write!(change, ", was {before}");
        }
        changes.push(change);
    }
    Some(Migrated {
        text: edited(text, edits),
        changes,
    })
}

/// The place of the first line that is neither empty nor a comment.
fn top(text: &str) -> Range<usize> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim();
        if !bare.is_empty() && !bare.starts_with('#') {
            break;
        }
        at += line.len();
    }
    at..at
}

fn edited(text: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(place, _)| place.start);
    let mut out = text.to_owned();
    // From the end, so that the places before stay where they are.
    for (place, new) in edits.into_iter().rev() {
        out.replace_range(place, &new);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "# My shop.\n\n# Set in May.\nversion = 1 # first\n\n[page]\n  \
        names = \"till-3\"  # the label says so\nlisten = \"off\"\n\n[enrol]\n\"names\" = 'list.csv'\n";

    #[test]
    fn names_and_version_change_and_nothing_else() {
        let migrated = migrate(OLD).unwrap();
        let expected = OLD
            .replace("version = 1", "version = 2")
            .replace("  names = \"till", "  host_names = \"till")
            .replace("\"names\" = 'l", "product_list = 'l");
        assert_eq!(migrated.text, expected);
        assert_eq!(migrated.changes.len(), 3);
        let again = migrate(&migrated.text).unwrap();
        assert_eq!((again.text, again.changes.len()), (expected, 0));
    }

    #[test]
    fn a_file_without_a_version_gets_one_below_its_first_comment() {
        let text = "# Mine.\n[enrol]\nnames = \"a.csv\"\n";
        let expected = "# Mine.\nversion = 2\n\n[enrol]\nproduct_list = \"a.csv\"\n";
        assert_eq!(migrate(text).unwrap().text, expected);
        for sound in ["", "[enrol]\nshots = 3\n", "page.listen = \"off\"\n"] {
            assert_eq!(migrate(sound).unwrap().text, sound);
        }
        assert_eq!(migrate("[page"), None);
    }

    #[test]
    fn every_way_to_write_a_section_is_understood() {
        for (old, new) in [
            ("page.names = \"a\"\n", "page.host_names = \"a\"\n"),
            (
                "page = { names = \"a\" }\n",
                "page = { host_names = \"a\" }\n",
            ),
        ] {
            let migrated = migrate(old).unwrap();
            assert_eq!(migrated.text, format!("version = 2\n\n{new}"));
        }
    }
}
