//! Answers: JSON, pictures, faults with their status.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use skueye_models::{Code, Fault};

use crate::access::Denied;
use crate::refusals::Refusal;

/// A fault on its way to a browser.
pub(crate) struct Refused {
    status: StatusCode,
    fault: Fault,
    why: Option<Refusal>,
    wait: Option<Duration>,
}

impl Refused {
    pub(crate) fn new(status: StatusCode, why: Refusal, fault: Fault) -> Self {
        Self {
            status,
            fault,
            why: Some(why),
            wait: None,
        }
    }

    /// A request that cannot be used.
    pub(crate) fn request(
        status: StatusCode,
        why: Refusal,
        expected: &str,
        got: impl Into<String>,
    ) -> Self {
        let fault = Fault::new(Code::PageRequest, expected, got, "load the page again");
        Self::new(status, why, fault)
    }

    pub(crate) fn login() -> Self {
        let fault = Fault::new(Code::PageLogin, "a login", "none", "log in on the page");
        Self::new(StatusCode::UNAUTHORIZED, Refusal::Login, fault)
    }

    pub(crate) fn busy(got: &str) -> Self {
        let fault = Fault::new(
            Code::PageBusy,
            "a device that answers at once",
            got,
            "wait a moment and try again",
        );
        Self::new(StatusCode::SERVICE_UNAVAILABLE, Refusal::Busy, fault)
    }
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        let status = match fault.code() {
            Code::AnswerLate | Code::EnrolStep | Code::PageAccess => StatusCode::CONFLICT,
            Code::GalleryInput | Code::GtinInvalid | Code::PageRequest => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Code::PageBusy => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self {
            status,
            fault,
            why: None,
            wait: None,
        }
    }
}

impl From<Denied> for Refused {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Fault(fault) => fault.into(),
            Denied::Wrong => {
                let remedy = "type it again; a new code is made with skueye page reset-code";
                let fault = Fault::new(Code::PageCode, "the right one", "another", remedy);
                Self::new(StatusCode::FORBIDDEN, Refusal::Code, fault)
            }
            Denied::Wait(wait) => {
                let seconds = wait.as_secs() + 1;
                let fault = Fault::new(
                    Code::PageTries,
                    "few wrong tries",
                    format!("too many; the next may come in {seconds} s"),
                    "wait, then try again",
                );
                let refused = Self::new(StatusCode::TOO_MANY_REQUESTS, Refusal::Wait, fault);
                Self {
                    wait: Some(wait),
                    ..refused
                }
            }
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body<'f> {
            fault: &'f Fault,
            #[serde(skip_serializing_if = "Option::is_none")]
            wait_seconds: Option<u64>,
        }
        let wait_seconds = self.wait.map(|wait| wait.as_secs() + 1);
        let fault = &self.fault;
        let mut response = json(&Body {
            fault,
            wait_seconds,
        });
        *response.status_mut() = self.status;
        if let Some(seconds) = wait_seconds {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        // Counted in one place, where every answer passes.
        if let Some(why) = self.why {
            response.extensions_mut().insert(why);
        }
        response
    }
}

/// `value` as JSON.
pub(crate) fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => text("application/json", bytes.into()),
        // A map with keys that are no text; none of ours is.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// `bytes` of a kind that must be asked for anew each time.
pub(crate) fn text(kind: &'static str, bytes: Bytes) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let headers: HeaderMap = headers.into_iter().collect();
    (headers, Body::from(bytes)).into_response()
}

/// A picture that is shared with whoever else asks for it.
pub(crate) fn picture(bytes: Arc<[u8]>, cache: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("image/jpeg")),
        (CACHE_CONTROL, HeaderValue::from_static(cache)),
    ];
    let headers: HeaderMap = headers.into_iter().collect();
    (headers, Body::from(Bytes::from_owner(bytes))).into_response()
}
