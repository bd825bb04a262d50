//! Setting up, logging in and out; who may look and answer.

use axum::extract::{Extension, Request, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::{Outcome, Page, body};
use crate::access::Token;
use crate::connection::Peer;
use crate::reply::{Refused, json};
use crate::settings::Display;
use crate::shared::Shared;

const COOKIE_NAME: &str = "skueye";

impl Shared {
    pub(super) fn session(&self, headers: &HeaderMap, used: bool) -> Option<Token> {
        token(headers).filter(|token| self.access.is_open(token, used))
    }

    pub(super) fn may_look(&self, peer: Peer) -> bool {
        match self.settings.display {
            Display::Here => peer.is_here,
            Display::Everyone => true,
            Display::Nobody => false,
        }
    }

    pub(super) fn may_answer(&self, peer: Peer) -> bool {
        peer.is_here && self.settings.display != Display::Nobody
    }

    pub(super) fn need_login(&self, headers: &HeaderMap) -> Result<(), Refused> {
        self.session(headers, true)
            .map(|_| ())
            .ok_or_else(Refused::login)
    }

    /// Whoever may look: by the display's rule, or with a session.
    pub(super) fn need_look(&self, peer: Peer, headers: &HeaderMap) -> Result<(), Refused> {
        match self.may_look(peer) {
            true => Ok(()),
            false => self.need_login(headers),
        }
    }

    /// Whoever may answer: on the device itself, or with a session.
    pub(super) fn need_answer(&self, peer: Peer, headers: &HeaderMap) -> Result<(), Refused> {
        match self.may_answer(peer) {
            true => Ok(()),
            false => self.need_login(headers),
        }
    }
}

pub(super) async fn state(
    State(page): Page,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Response {
    #[derive(Serialize)]
    struct Standing {
        set_up: bool,
        logged_in: bool,
        may_look: bool,
        may_answer: bool,
        here: bool,
        version: &'static str,
    }
    page.access.refresh();
    let logged_in = page.session(&headers, false).is_some();
    json(&Standing {
        set_up: page.access.is_set_up(),
        logged_in,
        may_look: logged_in || page.may_look(peer),
        may_answer: logged_in || page.may_answer(peer),
        here: peer.is_here,
        version: env!("CARGO_PKG_VERSION"),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetUp {
    code: String,
    password: String,
}

pub(super) async fn set_up(
    State(page): Page,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Outcome {
    let SetUp { code, password } = body(&page, request).await?;
    let access = page.access.clone();
    let token = page.wait(move || access.set_up(peer.is_here, &code, &password));
    Ok(welcome(&token.await??))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogIn {
    password: String,
}

pub(super) async fn log_in(
    State(page): Page,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Outcome {
    let LogIn { password } = body(&page, request).await?;
    let access = page.access.clone();
    let token = page.wait(move || access.log_in(peer.is_here, &password));
    Ok(welcome(&token.await??))
}

pub(super) async fn log_out(State(page): Page, headers: HeaderMap) -> Response {
    if let Some(token) = token(&headers) {
        page.access.log_out(&token);
    }
    cookie("", 0)
}

fn welcome(token: &Token) -> Response {
    cookie(&token.to_string(), 24 * 3600)
}

/// An empty answer that sets the cookie: out of reach of scripts, and not sent along from other sites.
fn cookie(value: &str, seconds: u32) -> Response {
    let cookie =
        format!("{COOKIE_NAME}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict");
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

fn token(headers: &HeaderMap) -> Option<Token> {
    let cookies = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut pairs = cookies
        .flat_map(|cookies| cookies.split(';'))
        .map(str::trim);
    pairs.find_map(|pair| {
        pair.strip_prefix(COOKIE_NAME)?
            .strip_prefix('=')?
            .parse()
            .ok()
    })
}
