//! Health and metrics, for programs that look after the device.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Serialize;

use super::{Outcome, Page};
use crate::reply::{json, text};
use crate::station::Trouble;

pub(super) async fn health(State(page): Page, headers: HeaderMap) -> Outcome {
    page.need_login(&headers)?;
    Ok(json(&page.health().await?))
}

/// 200 where the device can do its work; otherwise 503 with the error number of each part that cannot.
pub(super) async fn ready(State(page): Page) -> Outcome {
    #[derive(Serialize)]
    struct Parts {
        ready: bool,
        failed: BTreeMap<&'static str, String>,
    }
    let health = page.health().await?;
    let parts = [
        ("camera", &health.camera),
        ("model", &health.model),
        ("gallery", &health.gallery),
        ("link", &health.link),
    ];
    let code = |trouble: &Trouble| trouble.code.clone();
    let failed = parts
        .into_iter()
        .filter_map(|(name, part)| Some((name, code(part.as_ref()?))));
    let failed = failed.collect();
    let ready = health.ready();
    let mut response = json(&Parts { ready, failed });
    if !ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    Ok(response)
}

pub(super) async fn metrics(State(page): Page) -> Outcome {
    let mut lines = page
        .metrics
        .get(page.ask(|station| station.metrics()))
        .await?;
    lines += &page.refusals.metrics();
    lines += &format!(
        "# TYPE skueye_page_connections gauge\nskueye_page_connections {}\n# TYPE skueye_page_watchers gauge\nskueye_page_watchers {}\n",
        page.places.open(),
        page.feed.watchers()
    );
    Ok(text("text/plain; version=0.0.4", lines.into()))
}
