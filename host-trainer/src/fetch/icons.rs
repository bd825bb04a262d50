//! Icon sets as Iconify packs them: one `icons.json` of SVG bodies by name, `metadata.json` with categories, `chars.json` with
//! names by Unicode, `info.json` with author and licence.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use skueye_models::{Code, Fault};

/// No file that is wanted from a package is longer than this.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// The files of a package that are read.
const MEMBERS: [&str; 4] = ["icons.json", "metadata.json", "chars.json", "info.json"];

/// One maker's drawings.
#[derive(Debug)]
pub(super) struct IconSet {
    /// Short name of the maker's set, such as `twemoji`.
    pub maker: &'static str,
    pub info: Info,
    /// What is drawn, by the maker's own name; without withdrawn icons.
    pub icons: BTreeMap<String, Icon>,
    /// Other names for the very same drawing.
    pub aliases: BTreeMap<String, String>,
    /// The category of each name.
    pub categories: BTreeMap<String, String>,
    /// Names by code points, as in `1f468-200d-1f33e`; a set may have none.
    pub characters: BTreeMap<String, String>,
}

/// One drawing: what stands between `<svg>` and `</svg>`, and its view box.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Icon {
    pub body: String,
    pub left: f32,
    pub top: f32,
    pub width: f32,
    pub height: f32,
}

/// Who made a set, and under which licence.
#[derive(Debug, Deserialize)]
pub(super) struct Info {
    pub name: String,
    pub author: Author,
    pub license: Licence,
}

#[derive(Debug, Deserialize)]
pub(super) struct Author {
    pub name: String,
    pub url: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Licence {
    pub spdx: String,
    pub url: String,
}

#[derive(Deserialize)]
struct IconsFile {
    icons: BTreeMap<String, IconEntry>,
    #[serde(default)]
    aliases: BTreeMap<String, AliasEntry>,
    width: Option<f32>,
    height: Option<f32>,
}

#[derive(Deserialize)]
struct IconEntry {
    body: String,
    left: Option<f32>,
    top: Option<f32>,
    width: Option<f32>,
    height: Option<f32>,
    #[serde(default)]
    hidden: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AliasEntry {
    parent: String,
    #[serde(default)]
    h_flip: bool,
    #[serde(default)]
    v_flip: bool,
    #[serde(default)]
    rotate: u8,
    #[serde(default)]
    hidden: bool,
}

#[derive(Deserialize)]
struct MetadataFile {
    #[serde(default)]
    categories: BTreeMap<String, Vec<String>>,
}

impl IconSet {
    /// Reads the package file (`.tgz`) of `maker`. Errors: E903 for content that is no icon set, E901.
    pub fn read(maker: &'static str, package: &Path) -> Result<Self, Fault> {
        let texts = read_members(package)?;
        Self::parse(maker, texts.each_ref().map(String::as_str)).map_err(|fault| fault.at(package))
    }

    /// The set of the texts of [`MEMBERS`].
    pub fn parse(
        maker: &'static str,
        [icons, metadata, characters, info]: [&str; MEMBERS.len()],
    ) -> Result<Self, Fault> {
        let file: IconsFile = json(icons)?;
        let metadata: MetadataFile = json(metadata)?;
        let (width, height) = (file.width.unwrap_or(16.0), file.height.unwrap_or(16.0));
        let visible = file.icons.into_iter().filter(|(_, icon)| !icon.hidden);
        let icons: BTreeMap<_, _> = visible
            .map(|(name, icon)| (name, icon.sized(width, height)))
            .collect();
        let same = |alias: &AliasEntry| {
            let turned = alias.h_flip || alias.v_flip || alias.rotate != 0;
            !turned && !alias.hidden && icons.contains_key(&alias.parent)
        };
        let aliases = file.aliases.into_iter().filter(|(_, alias)| same(alias));
        let aliases = aliases.map(|(name, alias)| (name, alias.parent)).collect();
        let listed = metadata.categories.into_iter();
        let categories = listed
            .flat_map(|(c, names)| names.into_iter().map(move |n| (n, c.clone())))
            .collect();
        Ok(Self {
            maker,
            info: json(info)?,
            icons,
            aliases,
            categories,
            characters: json(characters)?,
        })
    }

    /// The maker's own name for the drawing called `name`.
    pub fn resolve<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        match self.icons.contains_key(name) {
            true => Some(name),
            false => self.aliases.get(name).map(String::as_str),
        }
    }
}

impl IconEntry {
    fn sized(self, width: f32, height: f32) -> Icon {
        Icon {
            body: self.body,
            left: self.left.unwrap_or(0.0),
            top: self.top.unwrap_or(0.0),
            width: self.width.unwrap_or(width),
            height: self.height.unwrap_or(height),
        }
    }
}

/// The texts of the files [`MEMBERS`] of an npm package.
fn read_members(package: &Path) -> Result<[String; MEMBERS.len()], Fault> {
    let read = |e: std::io::Error| Fault::io("read", package, &e);
    let mut archive = tar::Archive::new(GzDecoder::new(File::open(package).map_err(read)?));
    let mut texts = [const { None }; MEMBERS.len()];
    for entry in archive.entries().map_err(read)? {
        let mut entry = entry.map_err(read)?;
        let path = entry.path().map_err(read)?.into_owned();
        if let Some(at) = MEMBERS
            .iter()
            .position(|name| path == Path::new("package").join(name))
        {
            let mut text = String::new();
            entry
                .by_ref()
                .take(MAX_FILE_BYTES)
                .read_to_string(&mut text)
                .map_err(read)?;
            texts[at] = Some(text);
        }
    }
    if let Some(missing) = texts.iter().position(Option::is_none) {
        return Err(unlike(format!("a package without {}", MEMBERS[missing])).at(package));
    }
    Ok(texts.map(Option::unwrap_or_default))
}

fn json<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|e| unlike(e.to_string()))
}

fn unlike(got: String) -> Fault {
    let expected = "an icon set as Iconify packs it";
    Fault::new(
        Code::FetchFailed,
        expected,
        got,
        "remove the file from the cache and fetch it again",
    )
}
