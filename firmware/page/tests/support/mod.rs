//! A device in memory with its page, and ways to speak with it.
#![allow(dead_code, reason = "each test program uses a part")]

pub mod driver;
pub mod http;

use std::sync::Arc;

use skueye_page::access::OneTimeCode;
use skueye_page::fake::{FakeStation, shelf};
use skueye_page::{Access, Server, Settings, serve};

/// The password that tests choose.
pub const PASSWORD: &str = "seven apples";

/// A page that is being served on a free port of this machine.
pub struct Device {
    pub station: Arc<FakeStation>,
    pub server: Server,
    pub access: Arc<Access>,
    pub code: OneTimeCode,
    pub folder: tempfile::TempDir,
}

impl Device {
    pub fn start() -> Self {
        Self::with(Settings::default())
    }

    /// With `settings`, but on a free port.
    pub fn with(mut settings: Settings) -> Self {
        settings.listen.set_port(0);
        let folder = tempfile::tempdir().unwrap();
        let (access, code) = Access::open(folder.path().join("access.json")).unwrap();
        let access = Arc::new(access);
        let station = FakeStation::new(shelf());
        let server = serve(settings, station.clone(), access.clone()).unwrap();
        Self {
            station,
            server,
            access,
            code: code.unwrap(),
            folder,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.server.address())
    }

    /// The cookie of a new session; the first chooses the password.
    pub fn log_in(&self) -> String {
        let token = match self.access.is_set_up() {
            true => self.access.log_in(true, PASSWORD),
            false => self.access.set_up(true, &self.code.to_string(), PASSWORD),
        };
        format!("skueye={}", token.unwrap())
    }
}
