//! Takes values out of a parsed TOML table by name and remembers every problem and every name asked for.

use std::ops::RangeInclusive;

use skueye_models::Code;
use toml::de::{DeTable, DeValue};

use super::problem::Problem;
use super::renamed::{self, Renamed};

/// A value with its place in the text.
type Value<'a> = toml::Spanned<DeValue<'a>>;

/// The key of the version.
const VERSION: &str = "version";

/// Reads one document.
pub(super) struct Reader<'a> {
    text: &'a str,
    root: &'a DeTable<'a>,
    sections: Vec<&'static str>,
    keys: Vec<String>,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

/// What a document was found to hold.
pub(super) struct Found {
    /// Every key that was asked for, with its section; the shipped profile names each.
    #[cfg_attr(not(test), expect(dead_code))]
    pub keys: Vec<String>,
    /// What it is refused for, in the order of lines.
    pub problems: Vec<Problem>,
    /// What should be changed though it is accepted, in the order of lines.
    pub warnings: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub fn new(text: &'a str, root: &'a DeTable<'a>) -> Self {
        Self {
            text,
            root,
            sections: Vec::new(),
            keys: Vec::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// The key `version` above the sections: of what is newer than `known` nobody knows what it means.
    pub fn version(&mut self, known: u32) {
        self.sections.push(VERSION);
        let Some(value) = self.root.get(VERSION) else {
            return;
        };
        let (found, at) = (integer(value.get_ref()), value.span().start);
        let written = self.text.get(value.span()).unwrap_or_default();
        let got: String = written.chars().take(60).collect();
        let expected = format!("1 to {known}");
        match found {
            Some(found) if (1..=known).contains(&found) => {}
            Some(found) if found > known => self.add(
                at,
                Code::SettingsVersion,
                VERSION,
                expected,
                got,
                "install the program that these settings were written for".into(),
            ),
            _ => {
                let remedy = "correct the value".into();
                self.add(at, Code::SettingsValue, VERSION, expected, got, remedy);
            }
        }
    }

    /// The section `name`, empty where the document has none. Call [`Section::finish`] on it.
    pub fn section(&mut self, name: &'static str) -> Section<'_, 'a> {
        self.sections.push(name);
        let root = self.root;
        let value = root.get(name);
        let table = value.and_then(|v| v.get_ref().as_table());
        if let (Some(value), None) = (value, table) {
            let got = value.get_ref().type_str().to_string();
            let remedy = format!("write [{name}] and the keys below it");
            self.add(
                value.span().start,
                Code::SettingsValue,
                name,
                "a section",
                got,
                remedy,
            );
        }
        Section {
            reader: self,
            name,
            at: value.map_or(0, |v| v.span().start),
            table,
            known: Vec::new(),
        }
    }

    /// Refuses the sections that nobody asked for.
    pub fn finish(mut self) -> Found {
        let sections = std::mem::take(&mut self.sections);
        self.refuse_unknown("", self.root, &sections, &[]);
        self.problems.sort_by_key(|problem| problem.line);
        self.warnings.sort_by_key(|warning| warning.line);
        Found {
            keys: self.keys,
            problems: self.problems,
            warnings: self.warnings,
        }
    }

    fn refuse_unknown(&mut self, section: &str, table: &DeTable<'_>, known: &[&str], old: &[&str]) {
        for key in table.keys() {
            let name = key.get_ref().as_ref();
            if known.contains(&name) || old.contains(&name) {
                continue;
            }
            let (expected, remedy) = match nearest(name, known) {
                Some(near) => (format!("{near:?}"), format!("write {near}")),
                None => (format!("one of {}", known.join(", ")), "remove it".into()),
            };
            let shown: String = name.chars().take(60).collect();
            let full = match section.is_empty() {
                true => shown.clone(),
                false => format!("{section}.{shown}"),
            };
            let got = format!("{shown:?}");
            let at = key.span().start;
            self.add(at, Code::SettingsUnknownKey, &full, expected, got, remedy);
        }
    }

    fn add(
        &mut self,
        at: usize,
        code: Code,
        key: &str,
        expected: impl Into<String>,
        got: String,
        remedy: String,
    ) {
        self.problems.push(Problem {
            line: line_of(self.text, at),
            code,
            key: key.into(),
            expected: expected.into(),
            got,
            remedy,
        });
    }

    /// The old name of a key is understood, but not beside the new one.
    fn note_renamed(&mut self, table: &DeTable<'_>, of: Renamed) {
        let Renamed { section, old, new } = of;
        let Some((key, _)) = table.get_key_value(old) else {
            return;
        };
        let (at, full) = (key.span().start, format!("{section}.{old}"));
        if table.contains_key(new) {
            let (expected, got) = (format!("{new} alone"), format!("{old} and {new}"));
            let remedy = format!("remove {old}, which is the old name of {new}");
            self.add(at, Code::SettingsValue, &full, expected, got, remedy);
            return;
        }
        self.warnings.push(Problem {
            line: line_of(self.text, at),
            code: Code::SettingsRenamed,
            key: full,
            expected: format!("{section}.{new}"),
            got: old.into(),
            remedy: format!("write {new}, or let skueye config migrate do it"),
        });
    }
}

/// One section of a document.
pub(super) struct Section<'r, 'a> {
    reader: &'r mut Reader<'a>,
    name: &'static str,
    /// Where it stands in the text.
    at: usize,
    table: Option<&'a DeTable<'a>>,
    known: Vec<&'static str>,
}

impl<'a> Section<'_, 'a> {
    /// Text without control characters.
    pub fn text(&mut self, key: &'static str, into: &mut String) {
        if let Some(text) = self.take(key, "text in quotes", |v| Some(v.as_str()?.to_owned())) {
            *into = text;
        }
    }

    /// `true` or `false`.
    pub fn flag(&mut self, key: &'static str, into: &mut bool) {
        if let Some(flag) = self.take(key, "true or false", |v| v.as_bool()) {
            *into = flag;
        }
    }

    /// A whole number.
    pub fn integer(&mut self, key: &'static str, range: RangeInclusive<u32>, into: &mut u32) {
        let expected = format!("a whole number of {} to {}", range.start(), range.end());
        let read = |v: &DeValue<'_>| integer(v).filter(|value| range.contains(value));
        if let Some(value) = self.take(key, &expected, read) {
            *into = value;
        }
    }

    /// A number.
    pub fn number(&mut self, key: &'static str, range: RangeInclusive<f32>, into: &mut f32) {
        let expected = format!("a number of {} to {}", range.start(), range.end());
        let read = |v: &DeValue<'_>| number(v).filter(|value| range.contains(value));
        if let Some(value) = self.take(key, &expected, read) {
            *into = value;
        }
    }

    /// A number that may be absent.
    pub fn optional(
        &mut self,
        key: &'static str,
        range: RangeInclusive<f32>,
        into: &mut Option<f32>,
    ) {
        let mut value = f32::NAN;
        self.number(key, range, &mut value);
        if value.is_finite() {
            *into = Some(value);
        }
    }

    /// Four whole numbers.
    pub fn four(&mut self, key: &'static str, expected: &str) -> Option<[u32; 4]> {
        self.take(key, expected, |v| {
            let items = v.as_array()?.iter().map(|item| integer(item.get_ref()));
            items.collect::<Option<Vec<u32>>>()?.try_into().ok()
        })
    }

    /// A text that `parse` understands.
    pub fn parsed<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        into: &mut T,
        parse: impl Fn(&str) -> Option<T>,
    ) {
        if let Some(value) = self.take(key, expected, |v| parse(v.as_str()?)) {
            *into = value;
        }
    }

    /// A problem of `key` that shows only when several keys are seen together.
    pub fn refuse(&mut self, key: &'static str, expected: String, remedy: &str) {
        let value = self.value(key);
        let at = value.map_or(self.at, |v| v.span().start);
        let got = value.map_or("nothing".into(), |v| self.shown(v));
        let full = format!("{}.{key}", self.name);
        self.reader
            .add(at, Code::SettingsValue, &full, expected, got, remedy.into());
    }

    /// Whether `key` is there.
    pub fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// Gives each key, as `parse` understands it, and the table that is its value to `read`, which finishes it. What is no
    /// such key with such a value is refused.
    pub fn each<T>(
        self,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
        mut read: impl FnMut(T, Section<'_, 'a>),
    ) {
        for (key, value) in self.table.into_iter().flatten() {
            let name = key.get_ref().as_ref();
            let table = value.get_ref().as_table();
            let (Some(parsed), Some(_)) = (parse(name), table) else {
                let shown: String = name.chars().take(60).collect();
                let full = format!("{}.{shown}", self.name);
                let (at, got) = (key.span().start, format!("{shown:?}"));
                let remedy = "correct the line".into();
                self.reader
                    .add(at, Code::SettingsValue, &full, expected, got, remedy);
                continue;
            };
            let section = Section {
                reader: &mut *self.reader,
                name: self.name,
                at: value.span().start,
                table,
                known: Vec::new(),
            };
            read(parsed, section);
        }
    }

    /// Refuses the keys that nobody asked for, and warns of old names.
    pub fn finish(self) {
        let Some(table) = self.table else { return };
        let mut old = Vec::new();
        for key in renamed::of(self.name) {
            old.push(key.old);
            self.reader.note_renamed(table, key);
        }
        self.reader
            .refuse_unknown(self.name, table, &self.known, &old);
    }

    /// The value of `key` is accepted, though a person should think about it.
    pub fn warn(&mut self, key: &'static str, code: Code, expected: &str, remedy: &str) {
        let value = self.value(key);
        self.reader.warnings.push(Problem {
            line: line_of(self.reader.text, value.map_or(self.at, |v| v.span().start)),
            code,
            key: format!("{}.{key}", self.name),
            expected: expected.into(),
            got: value.map_or_else(|| "nothing".into(), |value| self.shown(value)),
            remedy: remedy.into(),
        });
    }

    fn value(&self, key: &str) -> Option<&'a Value<'a>> {
        let table = self.table?;
        let old = renamed::of(self.name).find(|of| of.new == key);
        let by_old_name = || table.get(old?.old);
        table.get(key).or_else(by_old_name)
    }

    fn take<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        read: impl Fn(&DeValue<'_>) -> Option<T>,
    ) -> Option<T> {
        self.known.push(key);
        self.reader.keys.push(format!("{}.{key}", self.name));
        let found = self.value(key)?;
        let taken = read(found.get_ref());
        if taken.is_none() {
            self.refuse(key, expected.to_owned(), "correct the value");
        }
        taken
    }

    /// The value as it is written, shortened.
    fn shown(&self, value: &Value<'_>) -> String {
        let written = self.reader.text.get(value.span()).unwrap_or_default();
        let line = written.lines().next().unwrap_or_default();
        line.chars().take(60).collect()
    }
}

fn integer(value: &DeValue<'_>) -> Option<u32> {
    let value = value.as_integer()?;
    u32::from_str_radix(value.as_str(), value.radix()).ok()
}

fn number(value: &DeValue<'_>) -> Option<f32> {
    let text = match value {
        DeValue::Float(value) => value.as_str(),
        DeValue::Integer(value) if value.radix() == 10 => value.as_str(),
        _ => return None,
    };
    text.parse().ok().filter(|value: &f32| value.is_finite())
}

/// The line, from 1, that holds byte `at`.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

/// The known name that takes the fewest changes to reach, if they are few.
fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    if name.len() > 40 {
        return None;
    }
    let distances = known.iter().map(|known| (edits(name, known), *known));
    let (edits, near) = distances.min_by_key(|(edits, _)| *edits)?;
    (edits <= 1 + near.len() / 3).then_some(near)
}

/// Insertions, deletions and replacements that turn `a` into `b` (Levenshtein).
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
