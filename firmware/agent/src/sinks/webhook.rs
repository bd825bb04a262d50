//! Events as HTTP requests: each is taken when the receiver answers with 2xx.

use std::time::Duration;

use skueye_models::{Code, Fault};
use ureq::Agent;

use super::events::Post;
use crate::config;

/// The receiver of the settings.
pub struct Http {
    agent: Agent,
    url: String,
}

impl Http {
    /// Nothing is connected yet.
    pub fn new(settings: &config::Webhook) -> Self {
        Self {
            agent: agent(settings),
            url: settings.url.clone(),
        }
    }
}

impl Post for Http {
    fn post(&mut self, key: &str, body: &[u8]) -> Result<(), String> {
        let request = self
            .agent
            .post(&self.url)
            .header("Content-Type", "application/json")
            .header("Idempotency-Key", key);
        let answer = request.send(body).map_err(|e| e.to_string())?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(status.to_string()),
        }
    }

    fn refused(&self, why: &str) -> Fault {
        let remedy = "check the address and the receiver; the events are kept and sent again";
        Fault::new(Code::WebhookRefused, "an answer of 2xx", why, remedy).at(&self.url)
    }
}

/// Goes to the receiver directly, whatever proxies the environment names, follows no redirection, and keeps no connection
/// open, so that one that died unnoticed is not taken for the receiver.
fn agent(settings: &config::Webhook) -> Agent {
    let timeout = Duration::from_millis(settings.timeout_ms.into());
    let config = Agent::config_builder()
        .proxy(None)
        .max_redirects(0)
        .http_status_as_error(false)
        .max_idle_connections(0)
        .timeout_global(Some(timeout))
        .user_agent(concat!("skueye/", env!("CARGO_PKG_VERSION")));
    config.build().new_agent()
}
