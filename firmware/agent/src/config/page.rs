//! The section `[page]`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use skueye_page::{Display, Settings};

use super::parse::read_path;
use super::reader::Section;

/// The operator page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Where it is served; `None`: it is not.
    pub listen: Option<SocketAddr>,
    /// Names by which browsers may call the device, besides `localhost` and plain addresses.
    pub names: Vec<String>,
    /// Who sees preview and answers without a login.
    pub display: Display,
    /// Where hashes of code and password are kept.
    pub access: PathBuf,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            listen: Some((Ipv4Addr::LOCALHOST, 8080).into()),
            names: Vec::new(),
            display: Display::Here,
            access: "page-access.json".into(),
        }
    }
}

impl Page {
    /// For the server, where the page is served.
    pub fn settings(&self) -> Option<Settings> {
        Some(Settings {
            listen: self.listen?,
            names: self.names.clone(),
            display: self.display,
            ..Settings::default()
        })
    }
}

pub(super) fn read(mut section: Section<'_, '_>, folder: &Path, into: &mut Page) {
    let parse = |text: &str| match text {
        "off" => Some(None),
        address => address.parse().ok().map(Some),
    };
    let expected = "off, or an address with a port, as 127.0.0.1:8080";
    section.parsed("listen", expected, &mut into.listen, parse);
    let mut names = String::new();
    section.text("names", &mut names);
    into.names = names.split_whitespace().map(str::to_owned).collect();
    let parse = |text: &str| match text {
        "here" => Some(Display::Here),
        "everyone" => Some(Display::Everyone),
        "nobody" => Some(Display::Nobody),
        _ => None,
    };
    let expected = "here, everyone or nobody";
    section.parsed("display", expected, &mut into.display, parse);
    read_path(&mut section, "access", folder, &mut into.access);
    section.finish();
}
