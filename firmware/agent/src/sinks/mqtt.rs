//! Events as messages to an MQTT broker (3.1.1, QoS 1): each is taken when the broker acknowledges it.
//!
//! Every event has a connection of its own, as sales are seconds apart: so nothing has to be kept alive between them, and a
//! connection that died unnoticed is not taken for the broker.

use std::time::{Duration, Instant};

use rumqttc::{Client, Connection, Event, MqttOptions, Outgoing, Packet, QoS};
use skueye_models::{Code, Fault};

use super::events::Post;
use crate::config;

/// How long the end of a connection may take that has done its work.
const FAREWELL: Duration = Duration::from_millis(500);
/// The longest message, in bytes: far longer than an event.
const MOST_BYTES: usize = 16 * 1024;

/// The broker of the settings.
pub struct Mqtt {
    settings: config::Mqtt,
}

impl Mqtt {
    /// Nothing is connected yet.
    pub fn new(settings: &config::Mqtt) -> Self {
        Self {
            settings: settings.clone(),
        }
    }

    fn connect(&self, key: &str) -> (Client, Connection) {
        // A client's name has 23 characters at most: the start of the program that the key names.
        let start = key.split('-').next().unwrap_or_default();
        let name = format!("skueye-{start}");
        let config::Mqtt { host, port, .. } = &self.settings;
        let mut options = MqttOptions::new(name, host, *port);
        options.set_clean_session(true);
        options.set_max_packet_size(MOST_BYTES, MOST_BYTES);
        if let Some((user, password)) = &self.settings.login {
            options.set_credentials(user, password);
        }
        Client::new(options, 4)
    }

    /// Until the broker has it: the answer that counts is the one to the only message of this connection.
    fn publish(&self, key: &str, body: &[u8]) -> Result<(), String> {
        let until = Instant::now() + Duration::from_millis(self.settings.timeout_ms.into());
        let (client, mut connection) = self.connect(key);
        let publish = client.try_publish(&self.settings.topic, QoS::AtLeastOnce, false, body);
        publish.map_err(|e| e.to_string())?;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match connection.recv_timeout(left) {
                Ok(Ok(Event::Incoming(Packet::PubAck(_)))) => break,
                Ok(Ok(_)) if !left.is_zero() => {}
                Ok(Err(error)) => return Err(error.to_string()),
                _ => return Err("no acknowledgement in time".into()),
            }
        }
        if client.try_disconnect().is_ok() {
            let gone = |event| {
                matches!(
                    event,
                    Ok(Ok(Event::Outgoing(Outgoing::Disconnect))) | Ok(Err(_)) | Err(_)
                )
            };
            while !gone(connection.recv_timeout(FAREWELL)) {}
        }
        Ok(())
    }
}

impl Post for Mqtt {
    fn post(&mut self, key: &str, body: &[u8]) -> Result<(), String> {
        self.publish(key, body)
    }

    fn refused(&self, why: &str) -> Fault {
        let remedy = "check address, login and broker; the events are kept and sent again";
        let place = self.settings.place();
        Fault::new(
            Code::WebhookRefused,
            "the broker's acknowledgement",
            why,
            remedy,
        )
        .at(place)
    }
}
