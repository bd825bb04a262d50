//! Sessions: who has given the password, for how long.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use sha2::{Digest, Sha256};
use skueye_models::Fault;

use super::secret::random;

/// Without use a session ends after a shift.
pub(super) const IDLE: Duration = Duration::from_secs(8 * 3600);
/// In use it ends after a day.
pub(super) const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// More than so many close the one that was used least lately.
pub(super) const MOST: usize = 32;

/// 256 random bits, which the browser keeps.
#[derive(Clone, Copy)]
pub struct Token([u8; 32]);

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl FromStr for Token {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(());
        }
        for (byte, place) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[place..place + 2], 16).map_err(|_| ())?;
        }
        Ok(Self(bytes))
    }
}

#[derive(Clone, Copy)]
struct Session {
    begun: Duration,
    used: Duration,
}

/// The open ones by their token's digest, so that the time of a look-up tells nothing about a token.
#[derive(Default)]
pub(super) struct Sessions(HashMap<[u8; 32], Session>);

impl Sessions {
    pub(super) fn open(&mut self, now: Duration) -> Result<Token, Fault> {
        self.0.retain(|_, session| !is_over(session, now));
        if self.0.len() >= MOST {
            let oldest = self.0.iter().min_by_key(|(_, session)| session.used);
            if let Some(oldest) = oldest.map(|(digest, _)| *digest) {
                self.0.remove(&oldest);
            }
        }
        let token = Token(random()?);
        let session = Session {
            begun: now,
            used: now,
        };
        self.0.insert(digest(&token), session);
        Ok(token)
    }

    pub(super) fn is_open(&mut self, token: &Token, now: Duration, used: bool) -> bool {
        let Some(session) = self.0.get_mut(&digest(token)) else {
            return false;
        };
        if is_over(session, now) {
            self.0.remove(&digest(token));
            return false;
        }
        if used {
            session.used = now;
        }
        true
    }

    pub(super) fn close(&mut self, token: &Token) {
        self.0.remove(&digest(token));
    }
}

fn is_over(session: &Session, now: Duration) -> bool {
    now.saturating_sub(session.used) > IDLE || now.saturating_sub(session.begun) > LONGEST
}

fn digest(token: &Token) -> [u8; 32] {
    Sha256::digest(token.0).into()
}
