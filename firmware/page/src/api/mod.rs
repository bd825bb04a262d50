//! What each address answers.
//!
//! | module | subject |
//! |---|---|
//! | `entry` | setting up, logging in and out; who may look and answer |
//! | `device` | what stands on the stage, products, log |
//! | `care` | health and metrics, for programs that look after the device |

mod care;
mod device;
mod entry;

use std::sync::Arc;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware;
use axum::response::Response;
use axum::routing::{get, post};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::guard::guard;
use crate::refusals::Refusal;
use crate::reply::{Refused, text};
use crate::shared::Shared;

/// The largest body of a request.
const LARGEST_BODY: usize = 16 * 1024;

type Page = State<Arc<Shared>>;
type Outcome = Result<Response, Refused>;

/// Every address.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/api/state", get(entry::state))
        .route("/api/setup", post(entry::set_up))
        .route("/api/login", post(entry::log_in))
        .route("/api/logout", post(entry::log_out))
        .route("/api/view", get(device::view))
        .route("/api/events", get(device::events))
        .route("/api/answer", post(device::answer))
        .route("/api/enrol", post(device::enrol))
        .route("/api/find", get(device::find))
        .route("/api/log", get(device::log))
        .route("/api/health", get(care::health))
        .route("/api/settings", get(device::settings))
        .route("/preview.jpg", get(device::preview))
        .route("/photo/{gtin}", get(device::photo))
        .route(
            "/healthz",
            get(async || text("text/plain", Bytes::from_static(b"ok\n"))),
        )
        .route("/readyz", get(care::ready))
        .route("/metrics", get(care::metrics))
        .fallback(asset)
        .method_not_allowed_fallback(async || {
            let status = StatusCode::METHOD_NOT_ALLOWED;
            Refused::request(
                status,
                Refusal::Request,
                "a method of this address",
                "another",
            )
        })
        .layer(middleware::from_fn_with_state(shared.clone(), guard))
        .with_state(shared)
}

async fn asset(State(page): Page, uri: Uri, headers: HeaderMap) -> Outcome {
    page.assets.get(uri.path(), &headers).ok_or_else(|| {
        let expected = "an address of the page";
        Refused::request(StatusCode::NOT_FOUND, Refusal::Request, expected, "another")
    })
}

/// The request's body as JSON, whole and in time.
async fn body<T: DeserializeOwned>(page: &Shared, request: Request) -> Result<T, Refused> {
    let limit = page.settings.limits.body;
    let bytes = timeout(limit, to_bytes(request.into_body(), LARGEST_BODY)).await;
    let refused = |status, why, got: String| {
        let expected = format!("a JSON body of at most {LARGEST_BODY} bytes");
        Refused::request(status, why, &expected, got)
    };
    let bytes = match bytes {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(_)) => {
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            return Err(refused(
                status,
                Refusal::Size,
                "a longer one, or half of one".into(),
            ));
        }
        Err(_) => {
            let status = StatusCode::REQUEST_TIMEOUT;
            return Err(refused(
                status,
                Refusal::Slow,
                "not all of it in time".into(),
            ));
        }
    };
    serde_json::from_slice(&bytes)
        .map_err(|e| refused(StatusCode::BAD_REQUEST, Refusal::Request, e.to_string()))
}
