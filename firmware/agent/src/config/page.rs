//! The section `[page]`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use skueye_page::{Display, Settings};

use skueye_models::Code;

use super::parse::read_path;
use super::reader::Section;

/// The operator page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Where it is served; `None`: it is not.
    pub listen: Option<SocketAddr>,
    /// Names by which browsers may call the device, besides `localhost` and plain addresses; `None`: the machine's own.
    pub host_names: Option<Vec<String>>,
    /// Who sees preview and answers without a login.
    pub display: Display,
    /// Where hashes of code and password are kept.
    pub access: PathBuf,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            listen: Some((Ipv4Addr::LOCALHOST, 8080).into()),
            host_names: None,
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
            names: self.host_names.clone().unwrap_or_else(own_names),
            display: self.display,
            ..Settings::default()
        })
    }
}

/// The machine's host name, alone and as it is announced in a local network.
fn own_names() -> Vec<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => Vec::new(),
        name => vec![name.to_owned(), format!("{name}.local")],
    }
}

pub(super) fn read(mut section: Section<'_, '_>, folder: &Path, into: &mut Page) {
    let parse = |text: &str| match text {
        "off" => Some(None),
        address => address.parse().ok().map(Some),
    };
    let expected = "off, or an address with a port, as 127.0.0.1:8080";
    section.parsed("listen", expected, &mut into.listen, parse);
    if into
        .listen
        .is_some_and(|address| !address.ip().is_loopback())
    {
        let expected = "127.0.0.1, which browsers on the device alone reach";
        let remedy = "keep it where other machines need the page; on a network that others share put a proxy \
                      that speaks TLS before it";
        section.warn("listen", Code::PageExposed, expected, remedy);
    }
    let mut names = String::new();
    section.text("host_names", &mut names);
    let names = names.split_whitespace().map(str::to_owned).collect();
    into.host_names = section.has("host_names").then_some(names);
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
