//! The fixed newstyle negotiation, the server's side, on bytes alone.

use crate::trouble::Trouble;

use super::{malformed, take};

const GREETING: &[u8; 16] = b"NBDMAGICIHAVEOPT";
const OPTION_MAGIC: &[u8] = b"IHAVEOPT";
const REPLY_MAGIC: u64 = 0x0003_e889_0455_65a9;
const FIXED_NEWSTYLE: u32 = 1;
const NO_ZEROES: u32 = 2;
/// The longest name, and the longest content of an option, that is read.
const MOST_NAME: u32 = 4096;
const MOST_OPTION: u32 = 8192;

/// HAS_FLAGS, SEND_FLUSH, SEND_FUA, SEND_TRIM, SEND_WRITE_ZEROES.
const TRANSMISSION_FLAGS: u16 = 1 | 4 | 8 | 32 | 64;
/// Least, preferred and most bytes of a request.
const BLOCK_SIZES: [u32; 3] = [512, 4096, super::MOST_BYTES];

const OPTION_EXPORT_NAME: u32 = 1;
const OPTION_ABORT: u32 = 2;
const OPTION_LIST: u32 = 3;
const OPTION_INFO: u32 = 6;
const OPTION_GO: u32 = 7;

const REPLY_ACK: u32 = 1;
const REPLY_SERVER: u32 = 2;
const REPLY_INFO: u32 = 3;
const ERROR_UNSUPPORTED: u32 = (1 << 31) + 1;
const ERROR_INVALID: u32 = (1 << 31) + 3;
const ERROR_UNKNOWN: u32 = (1 << 31) + 6;

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// More bytes are needed.
    Wait,
    /// Send this; the negotiation goes on.
    Reply(Vec<u8>),
    /// Send this; requests follow.
    Ready(Vec<u8>),
    /// Send this and close.
    End(Vec<u8>),
}

/// A negotiation about the one nameless export.
#[derive(Debug)]
pub struct Handshake {
    size: u64,
    /// What the client said that it understands.
    flags: Option<u32>,
}

impl Handshake {
    /// For an export of `size` bytes, and what the server sends first.
    pub fn new(size: u64) -> (Self, Vec<u8>) {
        let flags = (FIXED_NEWSTYLE | NO_ZEROES) as u16;
        let greeting = [&GREETING[..], &flags.to_be_bytes()].concat();
        (Self { size, flags: None }, greeting)
    }

    /// Takes what it can use off the front of `input`. An error for a client that does not speak this protocol.
    pub fn next(&mut self, input: &mut Vec<u8>) -> Result<Step, Trouble> {
        let Some(flags) = self.flags else {
            let Some(bytes) = take(input, 4) else {
                return Ok(Step::Wait);
            };
            let flags = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            if flags & !(FIXED_NEWSTYLE | NO_ZEROES) != 0 || flags & FIXED_NEWSTYLE == 0 {
                return Err(malformed("the flags of fixed newstyle", flags));
            }
            self.flags = Some(flags);
            return Ok(Step::Reply(Vec::new()));
        };
        let Some((option, content)) = next_option(input)? else {
            return Ok(Step::Wait);
        };
        Ok(match option {
            OPTION_EXPORT_NAME if content.is_empty() => Step::Ready(self.export(flags)),
            OPTION_EXPORT_NAME => return Err(malformed("the name of the one export", "another")),
            OPTION_ABORT => Step::End(reply(option, REPLY_ACK, &[])),
            OPTION_LIST if content.is_empty() => Step::Reply(list()),
            OPTION_LIST => Step::Reply(reply(option, ERROR_INVALID, &[])),
            OPTION_INFO | OPTION_GO => self.info(option, &content),
            _ => Step::Reply(reply(option, ERROR_UNSUPPORTED, &[])),
        })
    }

    /// The answer to EXPORT_NAME, which has no head.
    fn export(&self, flags: u32) -> Vec<u8> {
        let mut bytes = self.size.to_be_bytes().to_vec();
        bytes.extend(TRANSMISSION_FLAGS.to_be_bytes());
        if flags & NO_ZEROES == 0 {
            bytes.extend([0; 124]);
        }
        bytes
    }

    fn info(&self, option: u32, content: &[u8]) -> Step {
        match asked_name(content) {
            None => return Step::Reply(reply(option, ERROR_INVALID, &[])),
            Some([]) => {}
            Some(_) => return Step::Reply(reply(option, ERROR_UNKNOWN, &[])),
        }
        let mut export = vec![0, 0];
        export.extend(self.size.to_be_bytes());
        export.extend(TRANSMISSION_FLAGS.to_be_bytes());
        let mut sizes = vec![0, 3];
        sizes.extend(BLOCK_SIZES.iter().flat_map(|size| size.to_be_bytes()));
        let replies = [
            reply(option, REPLY_INFO, &export),
            reply(option, REPLY_INFO, &sizes),
            reply(option, REPLY_ACK, &[]),
        ];
        match option {
            OPTION_GO => Step::Ready(replies.concat()),
            _ => Step::Reply(replies.concat()),
        }
    }
}

/// The number and the content of the next option.
fn next_option(input: &mut Vec<u8>) -> Result<Option<(u32, Vec<u8>)>, Trouble> {
    let Some(head) = input.first_chunk::<16>() else {
        return Ok(None);
    };
    let (magic, numbers) = head.split_at(8);
    if magic != OPTION_MAGIC {
        return Err(malformed("an option", "other bytes"));
    }
    let number = |at: usize| {
        let bytes = [
            numbers[at],
            numbers[at + 1],
            numbers[at + 2],
            numbers[at + 3],
        ];
        u32::from_be_bytes(bytes)
    };
    let (option, length) = (number(0), number(4));
    if length > MOST_OPTION {
        return Err(malformed("a short option", length));
    }
    let whole = take(input, 16 + length as usize);
    Ok(whole.map(|bytes| (option, bytes[16..].to_vec())))
}

/// The name in the content of INFO and GO: its length, itself, then the number of information requests and each of them.
fn asked_name(content: &[u8]) -> Option<&[u8]> {
    let (length, rest) = content.split_first_chunk()?;
    let length = u32::from_be_bytes(*length);
    if length > MOST_NAME {
        return None;
    }
    let (name, rest) = rest.split_at_checked(length as usize)?;
    let (count, requests) = rest.split_first_chunk()?;
    (requests.len() == 2 * usize::from(u16::from_be_bytes(*count))).then_some(name)
}

fn list() -> Vec<u8> {
    let nameless = reply(OPTION_LIST, REPLY_SERVER, &[0; 4]);
    [nameless, reply(OPTION_LIST, REPLY_ACK, &[])].concat()
}

fn reply(option: u32, kind: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = REPLY_MAGIC.to_be_bytes().to_vec();
    for number in [option, kind, content.len() as u32] {
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend(content);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn option(number: u32, content: &[u8]) -> Vec<u8> {
        let mut bytes = OPTION_MAGIC.to_vec();
        bytes.extend(number.to_be_bytes());
        bytes.extend((content.len() as u32).to_be_bytes());
        bytes.extend(content);
        bytes
    }

    fn greeted() -> Handshake {
        let (mut handshake, greeting) = Handshake::new(1 << 20);
        assert_eq!(greeting.len(), 18);
        let mut flags = 3u32.to_be_bytes().to_vec();
        let next = handshake.next(&mut flags).unwrap();
        assert_eq!(next, Step::Reply(Vec::new()));
        handshake
    }

    #[test]
    fn go_says_size_flags_and_block_sizes_even_when_it_comes_byte_by_byte() {
        let mut handshake = greeted();
        let mut input = Vec::new();
        let asked = option(OPTION_GO, &[0, 0, 0, 0, 0, 1, 0, 3]);
        let (last, most) = asked.split_last().unwrap();
        for byte in most {
            input.push(*byte);
            assert_eq!(handshake.next(&mut input).unwrap(), Step::Wait);
        }
        input.push(*last);
        let Ok(Step::Ready(bytes)) = handshake.next(&mut input) else {
            panic!("the negotiation ends");
        };
        assert!(input.is_empty());
        assert_eq!(bytes.len(), 20 * 3 + 12 + 14);
        assert_eq!(bytes[22..30], (1u64 << 20).to_be_bytes());
    }

    #[test]
    fn unknown_options_names_and_lengths_that_do_not_fit_are_refused_by_number() {
        let kind = |mut bytes: Vec<u8>| match greeted().next(&mut bytes) {
            Ok(Step::Reply(bytes)) => u32::from_be_bytes(bytes[12..16].try_into().unwrap()),
            other => panic!("{other:?}"),
        };
        assert_eq!(kind(option(8, &[])), ERROR_UNSUPPORTED);
        assert_eq!(kind(option(OPTION_GO, b"\0\0\0\x01x\0\0")), ERROR_UNKNOWN);
        assert_eq!(kind(option(OPTION_GO, b"\0\0\0\x09x\0\0")), ERROR_INVALID);
        assert_eq!(
            kind(option(OPTION_GO, b"\0\0\0\0\0\x02\0\x03")),
            ERROR_INVALID
        );
        assert!(greeted().next(&mut option(1, b"other")).is_err());
        assert!(greeted().next(&mut vec![0; 16]).is_err());
        let mut endless = option(9, &[]);
        endless[12..16].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(greeted().next(&mut endless).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_without_a_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), options: bool) {
            let mut handshake = if options { greeted() } else { Handshake::new(512).0 };
            if options {
                bytes.splice(0..0, OPTION_MAGIC.iter().copied());
            }
            while let Ok(Step::Reply(_)) = handshake.next(&mut bytes) {}
        }
    }
}
