//! What each address answers.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Extension, Path, RawQuery, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use skueye_models::Gtin;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::access::{Access, Token};
use crate::assets::Assets;
use crate::connection::{Peer, Places};
use crate::feed::{Feed, Fresh, PERIOD, Seen};
use crate::guard::guard;
use crate::refusals::{Refusal, Refusals};
use crate::reply::{Refused, json, picture, text};
use crate::settings::{Display, Settings};
use crate::station::{Answer, EnrolStep, Health, Station, Trouble};

/// The largest body of a request.
const LARGEST_BODY: usize = 16 * 1024;
/// So many questions to the device may be under way; further ones are refused.
const MOST_QUESTIONS: usize = 32;
/// Products that a search lists, and presentations that a day lists, at most.
const MOST_FOUND: usize = 20;
const MOST_LOGGED: usize = 500;
const COOKIE_NAME: &str = "skueye";

/// What every request shares.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) station: Arc<dyn Station>,
    pub(crate) access: Arc<Access>,
    pub(crate) refusals: Arc<Refusals>,
    pub(crate) places: Arc<Places>,
    pub(crate) feed: Feed,
    assets: Assets,
    questions: Arc<Semaphore>,
    views: Fresh<Seen>,
    previews: Fresh<Option<Arc<[u8]>>>,
    healths: Fresh<Health>,
    metrics: Fresh<String>,
}

type Page = State<Arc<Shared>>;
type Outcome = Result<Response, Refused>;

impl Shared {
    pub(crate) fn new(
        settings: Settings,
        station: Arc<dyn Station>,
        access: Arc<Access>,
        refusals: Arc<Refusals>,
    ) -> Self {
        Self {
            settings,
            station,
            access,
            refusals,
            places: Arc::default(),
            feed: Feed::default(),
            assets: Assets::default(),
            questions: Arc::new(Semaphore::new(MOST_QUESTIONS)),
            views: Fresh::new(PERIOD / 2),
            previews: Fresh::new(PERIOD),
            healths: Fresh::new(Duration::from_secs(1)),
            metrics: Fresh::new(Duration::from_secs(1)),
        }
    }

    /// Asks the device on a thread where waiting is allowed. Whoever gives up waiting leaves the question's place taken
    /// until it is answered, so that a device that hangs gathers no threads.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Station) -> T + Send + 'static,
    ) -> Result<T, Refused> {
        let station = self.station.clone();
        self.wait(move || question(&*station)).await
    }

    async fn wait<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refused> {
        let turn = self.questions.clone().try_acquire_owned();
        let turn = turn.map_err(|_| Refused::busy("too much to do"))?;
        let work = spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        match timeout(self.settings.limits.answer, work).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(Refused::busy("a part that failed")),
            Err(_) => Err(Refused::busy("no answer in time")),
        }
    }

    /// How things stand, one look for all who ask at the same time.
    pub(crate) async fn look(&self) -> Result<Seen, Refused> {
        let look = self.ask(|station| Seen::new(&station.view()));
        self.views.get(look).await
    }

    async fn health(&self) -> Result<Health, Refused> {
        self.healths.get(self.ask(|station| station.health())).await
    }

    fn session(&self, headers: &HeaderMap, used: bool) -> Option<Token> {
        token(headers).filter(|token| self.access.is_open(token, used))
    }

    fn may_look(&self, peer: Peer) -> bool {
        match self.settings.display {
            Display::Here => peer.is_here,
            Display::Everyone => true,
            Display::Nobody => false,
        }
    }

    fn may_answer(&self, peer: Peer) -> bool {
        peer.is_here && self.settings.display != Display::Nobody
    }

    fn need_login(&self, headers: &HeaderMap) -> Result<(), Refused> {
        self.session(headers, true)
            .map(|_| ())
            .ok_or_else(Refused::login)
    }
}

/// Every address.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/api/state", get(state))
        .route("/api/setup", post(set_up))
        .route("/api/login", post(log_in))
        .route("/api/logout", post(log_out))
        .route("/api/view", get(view))
        .route("/api/events", get(events))
        .route("/api/answer", post(answer))
        .route("/api/enrol", post(enrol))
        .route("/api/find", get(find))
        .route("/api/log", get(log))
        .route("/api/health", get(health))
        .route("/api/settings", get(settings))
        .route("/preview.jpg", get(preview))
        .route("/photo/{gtin}", get(photo))
        .route(
            "/healthz",
            get(async || text("text/plain", Bytes::from_static(b"ok\n"))),
        )
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
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

async fn state(
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

async fn set_up(State(page): Page, Extension(peer): Extension<Peer>, request: Request) -> Outcome {
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

async fn log_in(State(page): Page, Extension(peer): Extension<Peer>, request: Request) -> Outcome {
    let LogIn { password } = body(&page, request).await?;
    let access = page.access.clone();
    let token = page.wait(move || access.log_in(peer.is_here, &password));
    Ok(welcome(&token.await??))
}

async fn log_out(State(page): Page, headers: HeaderMap) -> Response {
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

async fn view(State(page): Page, Extension(peer): Extension<Peer>, headers: HeaderMap) -> Outcome {
    looking(&page, peer, &headers)?;
    Ok(text("application/json", page.look().await?.json()))
}

/// Whoever may look: by the display's rule, or with a session.
fn looking(page: &Shared, peer: Peer, headers: &HeaderMap) -> Result<(), Refused> {
    match page.may_look(peer) {
        true => Ok(()),
        false => page.need_login(headers),
    }
}

async fn events(
    State(page): Page,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Outcome {
    looking(&page, peer, &headers)?;
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

async fn preview(
    State(page): Page,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Outcome {
    looking(&page, peer, &headers)?;
    let picture_now = page
        .previews
        .get(page.ask(|station| station.preview()))
        .await?;
    Ok(picture_or_none(picture_now, "no-store"))
}

async fn photo(
    State(page): Page,
    Extension(peer): Extension<Peer>,
    Path(gtin): Path<String>,
    headers: HeaderMap,
) -> Outcome {
    looking(&page, peer, &headers)?;
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
    answer: Answer,
}

async fn answer(State(page): Page, Extension(peer): Extension<Peer>, request: Request) -> Outcome {
    if !page.may_answer(peer) {
        page.need_login(request.headers())?;
    }
    let Answered { number, answer } = body(&page, request).await?;
    page.ask(move |station| station.answer(number, answer))
        .await??;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn enrol(State(page): Page, request: Request) -> Outcome {
    page.need_login(request.headers())?;
    let step: EnrolStep = body(&page, request).await?;
    Ok(json(&page.ask(move |station| station.enrol(step)).await??))
}

async fn find(State(page): Page, RawQuery(query): RawQuery, headers: HeaderMap) -> Outcome {
    page.need_login(&headers)?;
    let text = parameter(query.as_deref(), "text").unwrap_or_default();
    Ok(json(
        &page
            .ask(move |station| station.find(&text, MOST_FOUND))
            .await?,
    ))
}

async fn log(State(page): Page, RawQuery(query): RawQuery, headers: HeaderMap) -> Outcome {
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

async fn health(State(page): Page, headers: HeaderMap) -> Outcome {
    page.need_login(&headers)?;
    Ok(json(&page.health().await?))
}

async fn settings(State(page): Page, headers: HeaderMap) -> Outcome {
    page.need_login(&headers)?;
    Ok(json(
        &page.ask(|station| station.settings_problems()).await?,
    ))
}

/// 200 where the device can do its work; otherwise 503 with the error number of each part that cannot.
async fn ready(State(page): Page) -> Outcome {
    #[derive(Serialize)]
    struct Parts {
        ready: bool,
        failed: std::collections::BTreeMap<&'static str, String>,
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

async fn metrics(State(page): Page) -> Outcome {
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
