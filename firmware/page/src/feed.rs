//! One look at the device for all browsers: what was fetched lately is shared, changes are handed to everyone at once.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use futures_util::Stream;
use futures_util::stream;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::station::View;

/// How often the device is looked at while somebody watches.
pub(crate) const PERIOD: Duration = Duration::from_millis(100);
/// Without a change something is sent so often all the same, so that a browser knows that the device lives.
const BEAT: Duration = Duration::from_secs(2);

/// Something that is fetched at most once in a while, however many ask for it.
pub(crate) struct Fresh<T> {
    keep: Duration,
    last: Mutex<Option<(Instant, T)>>,
}

impl<T: Clone> Fresh<T> {
    pub(crate) fn new(keep: Duration) -> Self {
        Self {
            keep,
            last: Mutex::new(None),
        }
    }

    /// The last one while it is fresh, otherwise what `fetch` gives. Those who ask meanwhile wait for the same.
    pub(crate) async fn get<E>(&self, fetch: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let mut last = self.last.lock().await;
        if let Some((when, value)) = &*last
            && when.elapsed() < self.keep
        {
            return Ok(value.clone());
        }
        let value = fetch.await?;
        *last = Some((Instant::now(), value.clone()));
        Ok(value)
    }
}

/// A view with its JSON, made once.
#[derive(Clone)]
pub(crate) struct Seen {
    /// Without what changes with every frame.
    still: Arc<View>,
    json: Bytes,
}

impl Seen {
    pub(crate) fn new(view: &View) -> Self {
        let json = serde_json::to_vec(view).unwrap_or_default();
        let mut still = view.clone();
        (still.version, still.fps, still.latency_ms) = (0, 0.0, None);
        still.counts.frames = 0;
        Self {
            still: Arc::new(still),
            json: json.into(),
        }
    }

    pub(crate) fn json(&self) -> Bytes {
        self.json.clone()
    }

    /// As one server-sent event.
    fn event(&self) -> Bytes {
        [b"data: ", &self.json[..], b"\n\n"].concat().into()
    }
}

/// What is handed to every browser.
#[derive(Clone)]
pub(crate) struct Feed(Arc<watch::Sender<Bytes>>);

impl Default for Feed {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Bytes::new())))
    }
}

impl Feed {
    /// How many watch.
    pub(crate) fn watchers(&self) -> usize {
        self.0.receiver_count()
    }

    /// Looks with `look` while somebody watches, and hands on what has changed. It never ends.
    pub(crate) async fn run<E, F: Future<Output = Result<Seen, E>>>(&self, look: impl Fn() -> F) {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut last, mut told) = (None, Instant::now());
        loop {
            ticks.tick().await;
            if self.watchers() == 0 {
                continue;
            }
            let Ok(seen) = look().await else { continue };
            let is_new = last.as_ref() != Some(&seen.still);
            if is_new || told.elapsed() >= BEAT {
                self.0.send_replace(seen.event());
                (last, told) = (Some(seen.still), Instant::now());
            }
        }
    }

    /// Server-sent events: `first`, then every change for as long as `goes_on`.
    pub(crate) fn events(
        &self,
        first: &Seen,
        goes_on: impl Fn() -> bool + Send + 'static,
    ) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
        let changes = self.0.subscribe();
        let state = (Some(first.event()), changes, goes_on);
        stream::unfold(state, |(first, mut changes, goes_on)| async move {
            let event = match first {
                Some(first) => first,
                None => {
                    changes.changed().await.ok()?;
                    changes.borrow_and_update().clone()
                }
            };
            goes_on().then_some((Ok(event), (None, changes, goes_on)))
        })
    }
}
