//! What every request must show before it is looked at, and what every answer says to the browser.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::refusals::Refusal;
use crate::reply::Refused;
use crate::shared::Shared;

/// A header that no page of another site can send without asking first, which is never granted.
const OURS: HeaderName = HeaderName::from_static("x-skueye");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// The outermost layer: checks, answers, counts refusals, adds the headers.
pub(crate) async fn guard(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match check(&shared, &request) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    };
    if let Some(why) = response.extensions().get::<Refusal>() {
        shared.refusals.add(*why);
    }
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_FRAME_OPTIONS, "DENY"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), microphone=(), geolocation=()",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn check(shared: &Shared, request: &Request) -> Result<(), Refused> {
    let headers = request.headers();
    let host = host(request).filter(|host| is_ours(host.host(), &shared.settings.names));
    let host = host.ok_or_else(|| {
        Refused::request(
            StatusCode::MISDIRECTED_REQUEST,
            Refusal::Host,
            "one of the device's own names (page.host_names)",
            "another or none",
        )
    })?;
    let foreign = |got| {
        let expected = "a request of the device's own page";
        Refused::request(StatusCode::FORBIDDEN, Refusal::Origin, expected, got)
    };
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let site = text(FETCH_SITE).unwrap_or("none");
    // Following a link from elsewhere to the page is no harm; showing its pictures there would be.
    if !matches!(site, "none" | "same-origin") && text(FETCH_MODE) != Some("navigate") {
        return Err(foreign("one from another site"));
    }
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(());
    }
    if site != "none" && site != "same-origin" {
        return Err(foreign("one from another site"));
    }
    if headers.contains_key(ORIGIN) && !text(ORIGIN).is_some_and(|o| is_origin(o, &host)) {
        return Err(foreign("another origin"));
    }
    if !headers.contains_key(OURS) {
        return Err(foreign("one without the header X-Skueye"));
    }
    if !is_json(headers) {
        return Err(Refused::request(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Refusal::Request,
            "Content-Type: application/json",
            "another",
        ));
    }
    Ok(())
}

/// The one host that a request names: by its head, and by its address where that is a whole one.
fn host(request: &Request) -> Option<Authority> {
    let mut named = request.headers().get_all(HOST).iter();
    let host: Authority = named.next()?.to_str().ok()?.parse().ok()?;
    let other = request.uri().authority();
    let agrees = other.is_none_or(|other| other.host() == host.host());
    (named.next().is_none() && agrees && !host.as_str().contains('@')).then_some(host)
}

/// Plain addresses are no names that anybody could point elsewhere.
fn is_ours(host: &str, names: &[String]) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().is_ok()
        || host.eq_ignore_ascii_case("localhost")
        || names.iter().any(|name| name.eq_ignore_ascii_case(host))
}

fn is_origin(origin: &str, host: &Authority) -> bool {
    let bare = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    bare.is_some_and(|bare| bare.eq_ignore_ascii_case(host.as_str()))
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next());
    essence.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_pointed_at_the_device_is_not_its_own() {
        let names = ["till-3.shop.example".to_owned()];
        for ours in [
            "127.0.0.1",
            "192.168.1.7",
            "[::1]",
            "LocalHost",
            "till-3.shop.example",
        ] {
            assert!(is_ours(ours, &names), "{ours}");
        }
        for foreign in [
            "",
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "2130706433x",
        ] {
            assert!(!is_ours(foreign, &names), "{foreign}");
        }
    }

    #[test]
    fn an_origin_is_ours_with_its_port_only() {
        let host: Authority = "localhost:8080".parse().unwrap();
        assert!(is_origin("http://localhost:8080", &host));
        for foreign in [
            "null",
            "http://localhost",
            "http://localhost:8081",
            "ftp://localhost:8080",
            "http://localhost:8080.evil",
        ] {
            assert!(!is_origin(foreign, &host), "{foreign}");
        }
    }
}
