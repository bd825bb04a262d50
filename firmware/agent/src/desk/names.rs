//! The shop's list of products, for naming what is enrolled: a CSV table with `gtin`, `title` and perhaps `category`.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use skueye_models::{Code, Fault, Gtin};
use skueye_page::station::ProductLine;
use skueye_vision::decode::read_bounded;
use tempfile::NamedTempFile;

use super::lock;

/// The longest list: some 500,000 products.
const MAX_BYTES: u64 = 64 << 20;
/// The longest name and category, in bytes, as a gallery takes them.
const MAX_TEXT: usize = 1024;

/// Products by number.
type List = HashMap<u64, ProductLine>;

/// The list at a path, read again when it has changed.
#[derive(Debug)]
pub(super) struct Names {
    path: Option<PathBuf>,
    read: Mutex<Option<(SystemTime, Arc<List>)>>,
}

impl Names {
    pub fn new(path: Option<PathBuf>) -> Self {
        let read = Mutex::default();
        Self { path, read }
    }

    /// The product of this number, where the list has it. A list that cannot be read has nothing: importing it tells why.
    pub fn find(&self, gtin: Gtin) -> Option<ProductLine> {
        self.list()?.get(&gtin.value()).cloned()
    }

    /// Products whose number or name contains `text` (in lower case), at most `most`, by number.
    pub fn search(&self, text: &str, most: usize) -> Vec<ProductLine> {
        let Some(list) = self.list() else {
            return Vec::new();
        };
        let fits = |line: &&ProductLine| {
            line.gtin.to_string().contains(text) || line.title.to_lowercase().contains(text)
        };
        let mut found: Vec<ProductLine> = list.values().filter(fits).cloned().collect();
        found.sort_by_key(|line| line.gtin.value());
        found.truncate(most);
        found
    }

    fn list(&self) -> Option<Arc<List>> {
        let path = self.path.as_deref()?;
        let changed = path.metadata().ok()?.modified().ok()?;
        let mut read = lock(&self.read);
        if let Some((of, list)) = &*read
            && *of == changed
        {
            return Some(Arc::clone(list));
        }
        let products = parse(path).ok()?.products;
        let by_number = products.into_iter().map(|line| (line.gtin.value(), line));
        let list = Arc::new(by_number.collect::<List>());
        *read = Some((changed, Arc::clone(&list)));
        Some(list)
    }
}

/// What a list holds.
#[derive(Debug, Default)]
pub struct Parsed {
    /// Each number once; where it comes twice the last counts.
    pub products: Vec<ProductLine>,
    /// Lines that cannot be used, with why; at most 100 are kept.
    pub refused: Vec<(u64, String)>,
    /// How many lines cannot be used.
    pub refused_count: u64,
}

/// Reads the list at `path`. Errors: E901; E204 for a table without the columns `gtin` and `title`.
pub fn parse(path: &Path) -> Result<Parsed, Fault> {
    let bytes = read_bounded(path, MAX_BYTES, Code::GalleryInput)?;
    // A byte order mark, as spreadsheets write it, is no part of the first column's name.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter(bytes))
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(bytes);
    let headers = reader.headers().cloned().unwrap_or_default();
    let column = |name: &str| headers.iter().position(|h| h.eq_ignore_ascii_case(name));
    let (Some(gtin), Some(title)) = (column("gtin"), column("title")) else {
        let got: String = headers.iter().collect::<Vec<_>>().join(", ");
        let got = got.chars().take(200).collect::<String>();
        return Err(Fault::new(
            Code::GalleryInput,
            "a first line with the columns gtin and title",
            got,
            "name the columns in the first line; category may be a third",
        )
        .at(path));
    };
    let category = column("category");
    let mut parsed = Parsed::default();
    let mut places = HashMap::new();
    for record in reader.records() {
        let position = match &record {
            Ok(record) => record.position(),
            Err(error) => error.position(),
        };
        let line = position.map_or(0, |at| line_at(bytes, at.byte() as usize));
        match record.map_err(|e| e.to_string()).and_then(|record| {
            let field = |at: usize| record.get(at).unwrap_or_default().to_owned();
            product(
                field(gtin),
                field(title),
                category.map_or(String::new(), field),
            )
        }) {
            Ok(product) => {
                let next = parsed.products.len();
                let at = *places.entry(product.gtin.value()).or_insert(next);
                match parsed.products.get_mut(at) {
                    Some(before) => *before = product,
                    None => parsed.products.push(product),
                }
            }
            Err(why) => {
                parsed.refused_count += 1;
                if parsed.refused.len() < 100 {
                    parsed.refused.push((line, why));
                }
            }
        }
    }
    Ok(parsed)
}

/// The line, from 1, that begins at byte `at` or, where an end of line stands there, behind it.
fn line_at(bytes: &[u8], at: usize) -> u64 {
    let ends = bytes[at.min(bytes.len())..].iter();
    let at = at + ends.take_while(|byte| b"\r\n".contains(byte)).count();
    let before = &bytes[..at.min(bytes.len())];
    before.iter().filter(|byte| **byte == b'\n').count() as u64 + 1
}

/// Comma, semicolon or tab: the one of which the first line has most.
fn delimiter(bytes: &[u8]) -> u8 {
    let first = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let count = |of: &u8| first.iter().filter(|byte| *byte == of).count();
    // The last of equal ones counts: a comma.
    b"\t;,".iter().copied().max_by_key(count).unwrap_or(b',')
}

fn product(gtin: String, title: String, category: String) -> Result<ProductLine, String> {
    let gtin: Gtin = gtin.parse().map_err(|fault: Fault| fault.to_string())?;
    if title.is_empty() || title.len() > MAX_TEXT || category.len() > MAX_TEXT {
        return Err(format!("a name of 1 to {MAX_TEXT} bytes is expected"));
    }
    Ok(ProductLine {
        gtin,
        title,
        category,
    })
}

/// Writes a list to `path`: whole or not at all. Errors: E901.
pub fn write(path: &Path, products: &[ProductLine]) -> Result<(), Fault> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let written = || -> std::io::Result<()> {
        let mut file = NamedTempFile::new_in(folder)?;
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["gtin", "title", "category"])?;
        for line in products {
            writer.write_record([&line.gtin.to_string(), &line.title, &line.category])?;
        }
        let bytes = writer.into_inner().map_err(|error| error.into_error())?;
        file.write_all(&bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        std::fs::File::open(folder)?.sync_all()
    };
    written().map_err(|error| Fault::io("write", path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Parsed, Fault> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("names.csv");
        std::fs::write(&path, text).unwrap();
        parse(&path)
    }

    #[test]
    fn lists_of_spreadsheets_are_read_and_bad_lines_are_told_by_number() {
        let text = "\u{feff}GTIN;Title;Category\r\n4006381333931; Tea ;drinks\r\n4006381333932;x;\r\n\
                    96385074;Rice\r\n4006381333931;\"Tea; green\";drinks\r\n";
        let parsed = read(text).unwrap();
        let titles: Vec<_> = parsed.products.iter().map(|p| p.title.as_str()).collect();
        assert_eq!(titles, ["Tea; green", "Rice"]);
        assert_eq!(parsed.refused_count, 1);
        assert_eq!(parsed.refused[0].0, 3);
        assert_eq!(read("a,b\n1,2\n").unwrap_err().code(), Code::GalleryInput);
    }

    #[test]
    fn a_list_that_changed_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("names.csv");
        let gtin: Gtin = "4006381333931".parse().unwrap();
        let line = |title: &str| ProductLine {
            gtin,
            title: title.into(),
            category: String::new(),
        };
        let names = Names::new(Some(path.clone()));
        assert_eq!(names.find(gtin), None);
        write(&path, &[line("Tea")]).unwrap();
        assert_eq!(names.find(gtin), Some(line("Tea")));
        write(&path, &[line("Green tea")]).unwrap();
        let later = SystemTime::now() + std::time::Duration::from_secs(5);
        std::fs::File::open(&path)
            .unwrap()
            .set_modified(later)
            .unwrap();
        assert_eq!(names.search("green", 9), [line("Green tea")]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("names.csv");
            std::fs::write(&path, [b"gtin,title\n", &bytes[..]].concat()).unwrap();
            prop_assert!(parse(&path).is_ok());
        }
    }
}
