//! One-time codes, passwords and their hashes.

use std::fmt;

use argon2::Argon2;
use serde::{Deserialize, Serialize};
use skueye_models::{Code, Fault};

use super::{LONGEST, SHORTEST};

/// Letters and digits that nobody takes for one another.
const ALPHABET: &[u8; 30] = b"23456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH: usize = 8;

/// Eight characters out of thirty, 39 bits. Shown as two groups of four.
#[derive(Clone, PartialEq, Eq)]
pub struct OneTimeCode(String);

impl OneTimeCode {
    /// A new one of the system's randomness.
    pub(super) fn new() -> Result<Self, Fault> {
        let mut code = String::with_capacity(LENGTH);
        while code.len() < LENGTH {
            let [byte] = random()?;
            // 240 is the largest multiple of 30: beyond it some letters would come more often.
            if byte < 240 {
                code.push(char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
            }
        }
        Ok(Self(code))
    }

    pub(super) fn plain(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OneTimeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (left, right) = self.0.split_at(LENGTH / 2);
        write!(f, "{left}-{right}")
    }
}

/// A code as it was typed, without what people add: case, spaces, hyphens.
pub(super) fn normal(code: &str) -> String {
    let characters = code.chars().filter(char::is_ascii_alphanumeric);
    characters
        .take(2 * LENGTH)
        .map(|c| c.to_ascii_uppercase())
        .collect()
}

/// E718 for a password that is guessed at once.
pub(super) fn check(password: &str) -> Result<(), Fault> {
    let refused = |expected: String, got: &str| {
        Err(Fault::new(
            Code::PageRequest,
            expected,
            got,
            "choose another password",
        ))
    };
    let bytes = password.as_bytes();
    if password.chars().count() < SHORTEST || bytes.len() > LONGEST {
        let expected = format!("a password of {SHORTEST} to {LONGEST} characters");
        return refused(expected, "one of another length");
    }
    let steps: Vec<i16> = bytes
        .windows(2)
        .map(|w| i16::from(w[1]) - i16::from(w[0]))
        .collect();
    let is_row = steps.iter().all(|step| *step == steps[0]) && (-1..=1).contains(&steps[0]);
    match is_row {
        true => refused(
            "a password that is not guessed at once".into(),
            "characters in a row",
        ),
        false => Ok(()),
    }
}

/// Argon2id of a secret: 19 MiB, 2 passes, 1 lane (RFC 9106; the least that OWASP's password storage page advises).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hashed {
    salt: [u8; 16],
    hash: [u8; 32],
}

impl Hashed {
    pub(super) fn new(secret: &str) -> Result<Self, Fault> {
        let salt = random()?;
        let hash = hash(secret, &salt)?;
        Ok(Self { salt, hash })
    }

    pub(super) fn is_of(&self, secret: &str) -> Result<bool, Fault> {
        let given = hash(secret, &self.salt)?;
        // All bytes are looked at, wherever the first difference is.
        let differs = given
            .iter()
            .zip(&self.hash)
            .fold(0, |sum, (a, b)| sum | (a ^ b));
        Ok(differs == 0)
    }
}

fn hash(secret: &str, salt: &[u8; 16]) -> Result<[u8; 32], Fault> {
    let mut out = [0; 32];
    let done = Argon2::default().hash_password_into(secret.as_bytes(), salt, &mut out);
    done.map_err(|e| {
        Fault::new(
            Code::PageAccess,
            "to hash a password",
            e.to_string(),
            "choose a shorter one",
        )
    })?;
    Ok(out)
}

/// Bytes of the system's randomness.
pub(super) fn random<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| {
        Fault::new(
            Code::Io,
            "the system's randomness",
            e.to_string(),
            "start the device again",
        )
    })?;
    Ok(bytes)
}
