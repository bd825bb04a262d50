//! The page itself, embedded: nothing is read from the disk, so no address leads anywhere else.

use std::collections::HashMap;
use std::fmt::Write as _;

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const JSON: &str = "application/json";
const SVG: &str = "image/svg+xml";

macro_rules! asset {
    ($address:literal, $kind:expr, $file:literal) => {
        (
            $address,
            $kind,
            include_bytes!(concat!("../assets/", $file)).as_slice(),
        )
    };
}

const ASSETS: &[(&str, &str, &[u8])] = &[
    asset!("/", HTML, "index.html"),
    asset!("/page.css", CSS, "page.css"),
    asset!("/icon.svg", SVG, "icon.svg"),
    asset!("/js/api.js", JAVASCRIPT, "js/api.js"),
    asset!("/js/device.js", JAVASCRIPT, "js/device.js"),
    asset!("/js/dom.js", JAVASCRIPT, "js/dom.js"),
    asset!("/js/enrol.js", JAVASCRIPT, "js/enrol.js"),
    asset!("/js/feed.js", JAVASCRIPT, "js/feed.js"),
    asset!("/js/gate.js", JAVASCRIPT, "js/gate.js"),
    asset!("/js/gtin.js", JAVASCRIPT, "js/gtin.js"),
    asset!("/js/keys.js", JAVASCRIPT, "js/keys.js"),
    asset!("/js/log.js", JAVASCRIPT, "js/log.js"),
    asset!("/js/main.js", JAVASCRIPT, "js/main.js"),
    asset!("/js/preview.js", JAVASCRIPT, "js/preview.js"),
    asset!("/js/scan.js", JAVASCRIPT, "js/scan.js"),
    asset!("/js/words.js", JAVASCRIPT, "js/words.js"),
    asset!("/messages/en.json", JSON, "messages/en.json"),
    asset!("/messages/de.json", JSON, "messages/de.json"),
];

struct Asset {
    kind: HeaderValue,
    tag: HeaderValue,
    bytes: &'static [u8],
}

/// Every asset by its address.
pub(crate) struct Assets(HashMap<&'static str, Asset>);

impl Default for Assets {
    fn default() -> Self {
        let asset = |&(address, kind, bytes)| {
            let tag = HeaderValue::try_from(tag(bytes));
            let asset = Asset {
                kind: HeaderValue::from_static(kind),
                tag: tag.unwrap_or(HeaderValue::from_static("\"\"")),
                bytes,
            };
            (address, asset)
        };
        Self(ASSETS.iter().map(asset).collect())
    }
}

impl Assets {
    /// The asset at `address`, or that the browser has it already; `None` where there is none.
    pub(crate) fn get(&self, address: &str, asked: &HeaderMap) -> Option<Response> {
        let asset = self.0.get(address)?;
        // A new version of the program is seen at the next visit: the browser asks each time, and mostly need not load.
        let headers = [
            (CONTENT_TYPE, asset.kind.clone()),
            (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            (ETAG, asset.tag.clone()),
        ];
        let headers: HeaderMap = headers.into_iter().collect();
        if asked.get(IF_NONE_MATCH) == Some(&asset.tag) {
            return Some((StatusCode::NOT_MODIFIED, headers).into_response());
        }
        Some((headers, Body::from(Bytes::from_static(asset.bytes))).into_response())
    }
}

fn tag(bytes: &[u8]) -> String {
    let mut tag = String::from("\"");
    for byte in &Sha256::digest(bytes)[..12] {
        let _ = write!(tag, "{byte:02x}");
    }
    tag + "\""
}
