//! Who may do what: a one-time code sets up a password, a password opens a session.
//!
//! There is no default password. Until one is chosen every start makes a new one-time code, which the program prints where
//! only a person at the device reads it; of code and password only hashes are kept.

mod secret;
mod session;
mod stored;
mod tries;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use skueye_models::{Code, Fault};

pub use secret::OneTimeCode;
use session::Sessions;
pub use session::Token;
use stored::{Seen, Stored};
use tries::Tries;

use crate::clock::{Clock, SystemClock};

/// A password has at least so many characters.
pub const SHORTEST: usize = 6;
/// And at most so many bytes.
pub const LONGEST: usize = 128;

/// Codes, password and sessions. Shared by every request.
pub struct Access {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// One hash at a time: each takes 19 MiB.
    hashing: Mutex<()>,
}

struct State {
    stored: Stored,
    seen: Seen,
    sessions: Sessions,
    /// Of people at the device, and of everyone else: nobody on the network locks the device's own screen.
    tries: [Tries; 2],
}

/// Why nobody was let in.
#[derive(Debug)]
pub enum Denied {
    /// The code or password is wrong.
    Wrong,
    /// Too many were wrong; how long to wait.
    Wait(Duration),
    /// It cannot be done.
    Fault(Fault),
}

impl From<Fault> for Denied {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Access {
    /// The access kept at `path`, made where there is none. With it the code to print while no password is chosen: a new one at
    /// every start. Errors: E714, E901.
    pub fn open(path: impl AsRef<Path>) -> Result<(Self, Option<OneTimeCode>), Fault> {
        Self::with_clock(path, Arc::new(SystemClock::default()))
    }

    /// As [`Access::open`], with another clock.
    pub fn with_clock(
        path: impl AsRef<Path>,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Option<OneTimeCode>), Fault> {
        let path = path.as_ref().to_owned();
        let found = Stored::read(&path)?;
        let (stored, code) = match found {
            Some((stored, _)) if stored.password.is_some() => (stored, None),
            _ => Self::new_code(&path).map(|(stored, code)| (stored, Some(code)))?,
        };
        let seen = Seen::of(&path)?;
        let state = State {
            stored,
            seen,
            sessions: Sessions::default(),
            tries: Default::default(),
        };
        let access = Self {
            path,
            clock,
            state: Mutex::new(state),
            hashing: Mutex::new(()),
        };
        Ok((access, code))
    }

    /// Forgets the password kept at `path` and makes a new one-time code, whatever was there. A page that is being served
    /// notices within seconds and ends every session. Errors: E901.
    pub fn reset(path: impl AsRef<Path>) -> Result<OneTimeCode, Fault> {
        Self::new_code(path.as_ref()).map(|(_, code)| code)
    }

    fn new_code(path: &Path) -> Result<(Stored, OneTimeCode), Fault> {
        let code = OneTimeCode::new()?;
        let stored = Stored {
            code: Some(secret::Hashed::new(code.plain())?),
            password: None,
        };
        stored.write(path)?;
        Ok((stored, code))
    }

    /// Whether a password was chosen.
    pub fn is_set_up(&self) -> bool {
        self.state().stored.password.is_some()
    }

    /// Chooses the password with the one-time code, and opens a session. `here`: asked on the device itself. E712 where a
    /// password was chosen already; E718 a password that is too easy.
    pub fn set_up(&self, here: bool, code: &str, password: &str) -> Result<Token, Denied> {
        secret::check(password)?;
        self.refresh();
        let hashed = self
            .state()
            .stored
            .code
            .clone()
            .ok_or_else(already_set_up)?;
        self.try_secret(here, &hashed, &secret::normal(code))?;
        let new = Stored {
            code: None,
            password: Some(secret::Hashed::new(password)?),
        };
        let mut state = self.state();
        if state.stored.code.as_ref() != Some(&hashed) {
            return Err(already_set_up().into());
        }
        new.write(&self.path)?;
        (state.stored, state.seen) = (new, Seen::of(&self.path)?);
        Ok(state.sessions.open(self.clock.now())?)
    }

    /// Opens a session with the password.
    pub fn log_in(&self, here: bool, password: &str) -> Result<Token, Denied> {
        self.refresh();
        let hashed = self.state().stored.password.clone();
        let hashed = hashed.ok_or_else(not_set_up)?;
        if password.len() > LONGEST {
            return Err(Denied::Wrong);
        }
        self.try_secret(here, &hashed, password)?;
        let mut state = self.state();
        if state.stored.password.as_ref() != Some(&hashed) {
            return Err(Denied::Wrong);
        }
        Ok(state.sessions.open(self.clock.now())?)
    }

    /// Whether `token` is of an open session, whose time begins anew where it is `used`.
    pub fn is_open(&self, token: &Token, used: bool) -> bool {
        let now = self.clock.now();
        self.state().sessions.is_open(token, now, used)
    }

    /// Ends a session.
    pub fn log_out(&self, token: &Token) {
        self.state().sessions.close(token);
    }

    /// Takes over what [`Access::reset`] wrote meanwhile; every session ends with it. A file that cannot be read leaves
    /// things as they are: it is looked at again.
    pub fn refresh(&self) {
        let mut state = self.state();
        if Seen::of(&self.path).is_ok_and(|seen| seen == state.seen) {
            return;
        }
        if let Ok(Some((stored, seen))) = Stored::read(&self.path) {
            state.stored = stored;
            state.seen = seen;
            state.sessions = Sessions::default();
            state.tries = Default::default();
        }
    }

    /// Compares `given` with `hashed`. The try counts as failed before it is looked at, so that many at once are as slow as
    /// one after the other.
    fn try_secret(&self, here: bool, hashed: &secret::Hashed, given: &str) -> Result<(), Denied> {
        let bucket = usize::from(!here);
        let now = self.clock.now();
        self.state().tries[bucket]
            .begin(now)
            .map_err(Denied::Wait)?;
        let right = {
            let _one = self.hashing.lock().unwrap_or_else(PoisonError::into_inner);
            hashed.is_of(given)?
        };
        if !right {
            return Err(Denied::Wrong);
        }
        self.state().tries[bucket] = Tries::default();
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What is behind the lock is whole at every step, so a panic elsewhere leaves it usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn already_set_up() -> Fault {
    Fault::new(
        Code::PageAccess,
        "a device without a password",
        "a password was chosen already",
        "log in with it, or make a new code with skueye page reset-code",
    )
}

fn not_set_up() -> Fault {
    Fault::new(
        Code::PageAccess,
        "a password that was chosen",
        "none yet",
        "choose one with the one-time code that the device prints",
    )
}

#[cfg(test)]
mod tests;
