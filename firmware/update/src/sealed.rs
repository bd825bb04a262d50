//! The small files that hold the device's state: one line `skueye-state 1 SHA-256`, then JSON. The checksum tells a
//! damaged disk from a state.

use serde::Serialize;
use serde::de::DeserializeOwned;
use skueye_models::{Code, Fault};

use crate::digest::Digest;
use crate::storage::{Storage, read_small, replace};

const HEAD: &str = "skueye-state 1 ";
/// A slot's record holds the chunk digests of a manifest and of the set before.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Reads the file at `path`; `None` when there is none. Errors: E805 when it is damaged.
pub(crate) fn read<T: DeserializeOwned>(
    storage: &impl Storage,
    path: &str,
) -> Result<Option<T>, Fault> {
    let Some(bytes) = read_small(storage, path, MAX_BYTES)? else {
        return Ok(None);
    };
    let damaged = || damaged(path, "a sealed state", "other bytes");
    let body = open(&bytes).ok_or_else(damaged)?;
    serde_json::from_slice(body)
        .map_err(|_| damaged())
        .map(Some)
}

/// Writes the file at `path`: old or new, never half.
pub(crate) fn write(
    storage: &impl Storage,
    path: &str,
    state: &impl Serialize,
) -> Result<(), Fault> {
    let body = serde_json::to_vec(state).expect("states are strings and whole numbers");
    let mut bytes = format!("{HEAD}{}\n", Digest::of(&body)).into_bytes();
    bytes.extend(body);
    replace(storage, path, &bytes)
}

/// What was once written whole is not whole any more.
pub(crate) fn damaged(path: &str, expected: impl Into<String>, got: impl Into<String>) -> Fault {
    let remedy = "the disk may be failing: empty the update folder and install a full bundle";
    Fault::new(Code::SlotDamaged, expected, got, remedy).at(path)
}

fn open(bytes: &[u8]) -> Option<&[u8]> {
    let (digest, body) = bytes.strip_prefix(HEAD.as_bytes())?.split_at_checked(64)?;
    let body = body.strip_prefix(b"\n")?;
    let digest = Digest::parse(std::str::from_utf8(digest).ok()?)?;
    (digest == Digest::of(body)).then_some(body)
}
