//! What every request shares, and how the device is asked.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::access::Access;
use crate::assets::Assets;
use crate::connection::Places;
use crate::feed::{Feed, Fresh, PERIOD, Seen};
use crate::refusals::Refusals;
use crate::reply::Refused;
use crate::settings::Settings;
use crate::station::{Health, Station};

/// So many questions to the device may be under way; further ones are refused.
const MOST_QUESTIONS: usize = 32;

/// What every request shares.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) station: Arc<dyn Station>,
    pub(crate) access: Arc<Access>,
    pub(crate) refusals: Arc<Refusals>,
    pub(crate) places: Arc<Places>,
    pub(crate) feed: Feed,
    pub(crate) assets: Assets,
    questions: Arc<Semaphore>,
    views: Fresh<Seen>,
    pub(crate) previews: Fresh<Option<Arc<[u8]>>>,
    healths: Fresh<Health>,
    pub(crate) metrics: Fresh<String>,
}

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
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Station) -> T + Send + 'static,
    ) -> Result<T, Refused> {
        let station = self.station.clone();
        self.wait(move || question(&*station)).await
    }

    pub(crate) async fn wait<T: Send + 'static>(
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

    /// Whether the parts work, one look a second for all who ask.
    pub(crate) async fn health(&self) -> Result<Health, Refused> {
        self.healths.get(self.ask(|station| station.health())).await
    }
}
