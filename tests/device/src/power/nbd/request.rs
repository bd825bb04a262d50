//! Requests and replies once the negotiation is over, on bytes alone.

use crate::trouble::Trouble;

use super::super::disk::Extent;
use super::{MOST_BYTES, malformed, take};

const REQUEST_MAGIC: u32 = 0x2560_9513;
const REPLY_MAGIC: u32 = 0x6744_6698;
const HEAD: usize = 28;

const FUA: u16 = 1;
const NO_HOLE: u16 = 2;

/// Errors that a client is told, with the numbers of the protocol.
pub const INVALID: u32 = 22;
pub const NO_SPACE: u32 = 28;

/// What a client wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The client's number for it.
    pub cookie: u64,
    /// What is to be done.
    pub command: Command,
}

/// What is to be done; extents are inside the export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Read(Extent),
    Write {
        extent: Extent,
        bytes: Vec<u8>,
        durable: bool,
    },
    Zero {
        extent: Extent,
        durable: bool,
    },
    Trim {
        extent: Extent,
        durable: bool,
    },
    Flush,
    Disconnect,
    /// Nothing: the request is refused with this error.
    Refuse(u32),
}

/// Takes the next request for an export of `size` bytes off the front of `input`; `None` while it is not whole. Errors: E980
/// for bytes that are no request, after which nobody can tell where the next one begins.
pub fn next(input: &mut Vec<u8>, size: u64) -> Result<Option<Request>, Trouble> {
    let Some(head) = input.first_chunk::<HEAD>() else {
        return Ok(None);
    };
    let (magic, rest) = head.split_first_chunk().expect("28 bytes");
    if u32::from_be_bytes(*magic) != REQUEST_MAGIC {
        return Err(malformed("a request", "other bytes"));
    }
    let (flags, rest) = rest.split_first_chunk().expect("24 bytes");
    let (kind, rest) = rest.split_first_chunk().expect("22 bytes");
    let (cookie, rest) = rest.split_first_chunk().expect("20 bytes");
    let (offset, length) = rest.split_first_chunk().expect("12 bytes");
    let length = u32::from_be_bytes(length.try_into().expect("4 bytes"));
    let asked = Asked {
        flags: u16::from_be_bytes(*flags),
        kind: u16::from_be_bytes(*kind),
        offset: u64::from_be_bytes(*offset),
        length,
    };
    let cookie = u64::from_be_bytes(*cookie);
    let payload = match asked.kind {
        1 if length > MOST_BYTES => return Err(malformed("a short write", length)),
        1 => length as usize,
        _ => 0,
    };
    let Some(whole) = take(input, HEAD + payload) else {
        return Ok(None);
    };
    let command = asked.command(size, &whole[HEAD..]);
    Ok(Some(Request { cookie, command }))
}

/// The fields of a request as they came.
struct Asked {
    flags: u16,
    kind: u16,
    offset: u64,
    length: u32,
}

impl Asked {
    fn command(&self, size: u64, payload: &[u8]) -> Command {
        let extent = Extent::new(self.offset, u64::from(self.length), size);
        let durable = self.flags & FUA != 0;
        let allowed = match self.kind {
            1 | 4 => FUA,
            6 => FUA | NO_HOLE,
            // A flush and a read mean the same with it.
            _ => FUA,
        };
        if self.flags & !allowed != 0 {
            return Command::Refuse(INVALID);
        }
        match (self.kind, extent) {
            (0, Some(extent)) if self.length <= MOST_BYTES => Command::Read(extent),
            (1, Some(extent)) => Command::Write {
                extent,
                bytes: payload.to_vec(),
                durable,
            },
            (2, _) => Command::Disconnect,
            (3, _) if self.offset == 0 && self.length == 0 => Command::Flush,
            (4, Some(extent)) => Command::Trim { extent, durable },
            (6, Some(extent)) => Command::Zero { extent, durable },
            (1 | 6, None) if self.is_beyond(size) => Command::Refuse(NO_SPACE),
            _ => Command::Refuse(INVALID),
        }
    }

    fn is_beyond(&self, size: u64) -> bool {
        let end = self.offset.checked_add(u64::from(self.length));
        end.is_none_or(|end| end > size)
    }
}

/// The reply to request `cookie`: an error (0 for none) and what was read.
pub fn reply(cookie: u64, error: u32, read: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(16 + read.len());
    bytes.extend(REPLY_MAGIC.to_be_bytes());
    bytes.extend(error.to_be_bytes());
    bytes.extend(cookie.to_be_bytes());
    bytes.extend(read);
    bytes
}

/// A request as a client sends it.
#[cfg(test)]
pub fn encode(kind: u16, flags: u16, offset: u64, length: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = REQUEST_MAGIC.to_be_bytes().to_vec();
    bytes.extend(flags.to_be_bytes());
    bytes.extend(kind.to_be_bytes());
    bytes.extend(7u64.to_be_bytes());
    bytes.extend(offset.to_be_bytes());
    bytes.extend(length.to_be_bytes());
    bytes.extend(payload);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIZE: u64 = 4096;

    fn command(kind: u16, flags: u16, offset: u64, length: u32) -> Command {
        let payload = if kind == 1 { length as usize } else { 0 };
        let mut bytes = encode(kind, flags, offset, length, &vec![9; payload]);
        let request = next(&mut bytes, SIZE).unwrap().unwrap();
        assert!(bytes.is_empty());
        request.command
    }

    #[test]
    fn requests_are_read_and_those_that_do_not_fit_are_refused_by_number() {
        let extent = Extent::new(512, 1024, SIZE).unwrap();
        assert_eq!(command(0, 0, 512, 1024), Command::Read(extent));
        let write = command(1, FUA, 512, 1024);
        assert!(matches!(write, Command::Write { durable: true, .. }));
        assert_eq!(command(3, 0, 0, 0), Command::Flush);
        let zero = command(6, NO_HOLE, 512, 1024);
        assert!(matches!(zero, Command::Zero { durable: false, .. }));
        for (kind, flags, offset, length, error) in [
            (0, 0, 4096, 512, INVALID),
            (1, 0, 4096, 512, NO_SPACE),
            (1, 0, u64::MAX, 512, NO_SPACE),
            (1, 0, 1, 512, INVALID),
            (1, NO_HOLE, 0, 512, INVALID),
            (4, 0, 0, 0, INVALID),
            (5, 0, 0, 512, INVALID),
            (7, 0, 0, 512, INVALID),
            (3, 0, 512, 512, INVALID),
        ] {
            let refused = command(kind, flags, offset, length);
            assert_eq!(refused, Command::Refuse(error), "{kind} {offset} {length}");
        }
    }

    #[test]
    fn what_is_no_request_or_too_long_ends_the_session() {
        assert!(next(&mut vec![0; HEAD], SIZE).is_err());
        assert!(next(&mut encode(1, 0, 0, MOST_BYTES + 1, &[]), SIZE).is_err());
    }

    proptest! {
        #[test]
        fn any_request_is_answered_without_a_panic(kind in 0..9u16, flags: u16, offset: u64, length in 0..9000u32, cut in 0..100usize) {
            let payload = vec![1; if kind == 1 { length as usize } else { 0 }];
            let mut bytes = encode(kind, flags, offset, length, &payload);
            let whole = bytes.len();
            bytes.truncate(whole.saturating_sub(cut));
            let request = next(&mut bytes, SIZE).unwrap();
            prop_assert_eq!(request.is_some(), cut == 0);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = next(&mut bytes, SIZE);
            let mut asked = REQUEST_MAGIC.to_be_bytes().to_vec();
            asked.extend(bytes);
            let _ = next(&mut asked, SIZE);
        }
    }
}
