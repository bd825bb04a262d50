//! What stands on the stage, products, log.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Path, RawQuery, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use skueye_models::Gtin;

use super::{Outcome, Page, body};
use crate::connection::Peer;
use crate::refusals::Refusal;
use crate::reply::{Refused, json, picture, text};
use crate::station::{Answer, EnrolStep};

/// Products that a search lists, and presentations that a day lists, at most.
const MOST_FOUND: usize = 20;
const MOST_LOGGED: usize = 500;

pub(super) async fn view(
    State(page): Page,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Outcome {
    page.need_look(peer, &headers)?;
    Ok(text("application/json", page.look().await?.json()))
}

pub(super) async fn events(
    State(page): Page,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Outcome {
    page.need_look(peer, &headers)?;
    let first = page.look().await?;
    let watcher = page.clone();
    // A session that ends takes its events with it.
    let goes_on = move || watcher.may_look(peer) || watcher.session(&headers, false).is_some();
    let stream = page.feed.events(&first, goes_on);
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::from_stream(stream)).into_response())
}

pub(super) async fn preview(
    State(page): Page,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Outcome {
    page.need_look(peer, &headers)?;
    let picture_now = page
        .previews
        .get(page.ask(|station| station.preview()))
        .await?;
    Ok(picture_or_none(picture_now, "no-store"))
}

pub(super) async fn photo(
    State(page): Page,
    Extension(peer): Extension<Peer>,
    Path(gtin): Path<String>,
    headers: HeaderMap,
) -> Outcome {
    page.need_look(peer, &headers)?;
    let gtin: Gtin = gtin.trim_end_matches(".jpg").parse()?;
    let photo = page.ask(move |station| station.photo(gtin)).await?;
    Ok(picture_or_none(photo, "private, max-age=300"))
}

fn picture_or_none(found: Option<Arc<[u8]>>, cache: &'static str) -> Response {
    match found {
        Some(bytes) => picture(bytes, cache),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answered {
    number: u32,
    answer: Said,
}

/// What a person says.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Product(Gtin),
    NotThis,
    /// The answer before was a mistake.
    TakeBack,
}

pub(super) async fn answer(
    State(page): Page,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Outcome {
    page.need_answer(peer, request.headers())?;
    let Answered { number, answer } = body(&page, request).await?;
    page.ask(move |station| match answer {
        Said::Product(gtin) => station.answer(number, Answer::Product(gtin)),
        Said::NotThis => station.answer(number, Answer::NotThis),
        Said::TakeBack => station.take_back(number),
    })
    .await??;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn enrol(State(page): Page, request: Request) -> Outcome {
    page.need_login(request.headers())?;
    let step: EnrolStep = body(&page, request).await?;
    Ok(json(&page.ask(move |station| station.enrol(step)).await??))
}

pub(super) async fn find(
    State(page): Page,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Outcome {
    page.need_login(&headers)?;
    let text = parameter(query.as_deref(), "text").unwrap_or_default();
    Ok(json(
        &page
            .ask(move |station| station.find(&text, MOST_FOUND))
            .await?,
    ))
}

pub(super) async fn log(
    State(page): Page,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Outcome {
    page.need_login(&headers)?;
    let day = parameter(query.as_deref(), "day");
    if day.as_deref().is_some_and(|day| !is_day(day)) {
        let expected = "a day as 2026-01-31";
        return Err(Refused::request(
            StatusCode::BAD_REQUEST,
            Refusal::Request,
            expected,
            "another text",
        ));
    }
    let log = page.ask(move |station| station.log(day.as_deref(), MOST_LOGGED));
    Ok(json(&log.await??))
}

pub(super) async fn settings(State(page): Page, headers: HeaderMap) -> Outcome {
    page.need_login(&headers)?;
    Ok(json(
        &page.ask(|station| station.settings_problems()).await?,
    ))
}

fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query?.as_bytes());
    pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
}

fn is_day(day: &str) -> bool {
    let fits = |(place, byte): (usize, u8)| match place {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    day.len() == 10 && day.bytes().enumerate().all(fits)
}
