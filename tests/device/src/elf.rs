//! What a program or library asks of the system: the libraries that it is linked with and the newest version of the C library
//! among the symbols that it needs (System V ABI, chapter 5; Linux Standard Base, "Symbol Versioning").

use std::fs;
use std::path::Path;

use crate::trouble::Trouble;

const DYNAMIC: u32 = 6;
const STRINGS: u32 = 3;
const VERSIONS_NEEDED: u32 = 0x6fff_fffe;
/// The tag of a dynamic entry that names a library.
const NEEDED: u64 = 1;

/// A file of 64-bit little-endian ELF.
#[derive(Debug)]
pub struct Elf {
    bytes: Vec<u8>,
    sections: Vec<Section>,
}

#[derive(Debug, Clone, Copy)]
struct Section {
    kind: u32,
    offset: usize,
    size: usize,
    link: usize,
    info: usize,
}

impl Elf {
    /// Reads a file.
    pub fn open(path: &Path) -> Result<Self, Trouble> {
        let bytes = fs::read(path).map_err(|e| Trouble::disk(path, &e))?;
        Self::parse(bytes).ok_or_else(|| {
            let what = format!("{} is no whole 64-bit ELF file", path.display());
            Trouble::new(what, "remove target/device and try again")
        })
    }

    fn parse(bytes: Vec<u8>) -> Option<Self> {
        if bytes.get(..6)? != b"\x7fELF\x02\x01" {
            return None;
        }
        let start = usize::try_from(long(&bytes, 0x28)?).ok()?;
        let (each, count) = (short(&bytes, 0x3a)?, short(&bytes, 0x3c)?);
        let section = |number: usize| {
            let at = start.checked_add(number.checked_mul(each)?)?;
            Some(Section {
                kind: word(&bytes, at + 4)?,
                offset: usize::try_from(long(&bytes, at + 0x18)?).ok()?,
                size: usize::try_from(long(&bytes, at + 0x20)?).ok()?,
                link: word(&bytes, at + 0x28)? as usize,
                info: word(&bytes, at + 0x2c)? as usize,
            })
        };
        let sections = (0..count).map(section).collect::<Option<_>>()?;
        Some(Self { bytes, sections })
    }

    /// The libraries that it names.
    pub fn libraries(&self) -> Vec<String> {
        let Some((dynamic, strings)) = self.with_strings(DYNAMIC) else {
            return Vec::new();
        };
        let entries = (0..dynamic.size / 16).map(|number| dynamic.offset + 16 * number);
        let named = entries.filter(|&at| long(&self.bytes, at) == Some(NEEDED));
        let names = named.filter_map(|at| self.text(strings, long(&self.bytes, at + 8)?));
        names.collect()
    }

    /// The newest `GLIBC_a.b` that it asks for, as (a, b).
    pub fn glibc(&self) -> Option<(u32, u32)> {
        self.versions()
            .iter()
            .filter_map(|name| glibc_version(name))
            .max()
    }

    fn versions(&self) -> Vec<String> {
        let mut names = Vec::new();
        let Some((needs, strings)) = self.with_strings(VERSIONS_NEEDED) else {
            return names;
        };
        let mut at = needs.offset;
        for _ in 0..needs.info {
            let Some((count, mut entry, next)) = self.need(at) else {
                break;
            };
            for _ in 0..count {
                let name = word(&self.bytes, entry + 8).and_then(|n| self.text(strings, n.into()));
                names.extend(name);
                entry += word(&self.bytes, entry + 12).unwrap_or_default() as usize;
            }
            at += next;
        }
        names
    }

    /// How many versions of one library, where the first is, and how far the next library.
    fn need(&self, at: usize) -> Option<(usize, usize, usize)> {
        let first = at + word(&self.bytes, at + 8)? as usize;
        Some((
            short(&self.bytes, at + 2)?,
            first,
            word(&self.bytes, at + 12)? as usize,
        ))
    }

    fn with_strings(&self, kind: u32) -> Option<(Section, Section)> {
        let section = *self.sections.iter().find(|section| section.kind == kind)?;
        let strings = *self.sections.get(section.link)?;
        (strings.kind == STRINGS).then_some((section, strings))
    }

    fn text(&self, strings: Section, offset: u64) -> Option<String> {
        let start = strings.offset.checked_add(usize::try_from(offset).ok()?)?;
        let rest = self.bytes.get(start..)?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        Some(String::from_utf8_lossy(&rest[..end]).into_owned())
    }
}

fn glibc_version(name: &str) -> Option<(u32, u32)> {
    let (major, minor) = name.strip_prefix("GLIBC_")?.split_once('.')?;
    let minor = minor.split('.').next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn short(bytes: &[u8], at: usize) -> Option<usize> {
    let part = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes(part.try_into().ok()?).into())
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let part = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(part.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    let part = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(part.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_program_is_read() {
        let own = std::env::current_exe().unwrap();
        let elf = Elf::open(&own).unwrap();
        assert!(elf.libraries().contains(&"libc.so.6".to_owned()));
        assert!(elf.glibc().is_some_and(|version| version >= (2, 17)));
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(glibc_version("GLIBC_2.9") < glibc_version("GLIBC_2.17"));
        assert_eq!(glibc_version("GLIBC_2.2.5"), Some((2, 2)));
        assert_eq!(glibc_version("GCC_3.0"), None);
    }

    #[test]
    fn a_file_that_is_cut_off_is_refused() {
        let bytes = fs::read(std::env::current_exe().unwrap()).unwrap();
        for length in [0, 5, 0x30, 200] {
            assert!(Elf::parse(bytes[..length].to_vec()).is_none(), "{length}");
        }
    }
}
