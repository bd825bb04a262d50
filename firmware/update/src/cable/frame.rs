//! Frames on the wire: COBS of kind (1 byte), content, CRC-32 of both (little-endian), then a zero byte.

use crate::digest::Digest;

/// The most bytes of a bundle in one frame.
pub const MAX_DATA_BYTES: usize = 4096;
/// The longest text in a frame, bytes.
const MAX_TEXT_BYTES: usize = 1024;
/// The longest frame before COBS: kind, offset, data, checksum.
const MAX_FRAME_BYTES: usize = 1 + 8 + MAX_DATA_BYTES + 4;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Host: a bundle with this head is here.
    Offer {
        /// SHA-256 of everything before the payloads, which holds the digests of these.
        head: Digest,
        /// Of the whole file, bytes.
        length: u64,
    },
    /// Host: bytes of it.
    Data {
        /// Where they begin.
        offset: u64,
        /// At most [`MAX_DATA_BYTES`].
        bytes: Vec<u8>,
    },
    /// Device: it has so many bytes of it.
    Have(u64),
    /// Device: what became of it; nothing where it is staged.
    Done(Option<String>),
    /// Host: it has heard so; the device may hang up.
    Heard,
}

impl Frame {
    /// The bytes for the wire.
    pub fn encode(&self) -> Vec<u8> {
        let mut plain = Vec::with_capacity(64);
        match self {
            Self::Offer { head, length } => {
                plain.push(1);
                plain.extend(head.to_bytes());
                plain.extend(length.to_le_bytes());
            }
            Self::Data { offset, bytes } => {
                plain.push(2);
                plain.extend(offset.to_le_bytes());
                plain.extend(bytes);
            }
            Self::Have(count) => {
                plain.push(3);
                plain.extend(count.to_le_bytes());
            }
            Self::Done(None) => plain.push(4),
            Self::Heard => plain.push(6),
            Self::Done(Some(why)) => {
                plain.push(5);
                let end = why.floor_char_boundary(MAX_TEXT_BYTES);
                plain.extend(&why.as_bytes()[..end]);
            }
        }
        plain.extend(crc32fast::hash(&plain).to_le_bytes());
        let mut wire = cobs::encode_vec(&plain);
        wire.push(0);
        wire
    }

    /// `None` for what is no frame.
    fn decode(wire: &[u8]) -> Option<Self> {
        let plain = cobs::decode_vec(wire).ok()?;
        let (plain, crc) = plain.split_last_chunk::<4>()?;
        if crc32fast::hash(plain) != u32::from_le_bytes(*crc) {
            return None;
        }
        let (kind, content) = plain.split_first()?;
        let number = |bytes: &[u8]| Some(u64::from_le_bytes(bytes.try_into().ok()?));
        Some(match kind {
            1 => Self::Offer {
                head: Digest::from_bytes(*content.first_chunk::<32>()?),
                length: number(&content[32..])?,
            },
            2 => {
                let (offset, bytes) = content.split_at_checked(8)?;
                Self::Data {
                    offset: number(offset)?,
                    bytes: bytes.to_vec(),
                }
            }
            3 => Self::Have(number(content)?),
            4 if content.is_empty() => Self::Done(None),
            6 if content.is_empty() => Self::Heard,
            5 => Self::Done(Some(String::from_utf8(content.to_vec()).ok()?)),
            _ => return None,
        })
    }
}

/// Finds the frames in a stream of bytes. Holds one frame at most, however long the noise.
#[derive(Debug, Default)]
pub struct Decoder {
    wire: Vec<u8>,
    is_too_long: bool,
    /// Frames that were none, for the log.
    pub damaged: u64,
}

impl Decoder {
    /// Takes one byte; the frame that ends with it, if one does.
    pub fn push(&mut self, byte: u8) -> Option<Frame> {
        if byte != 0 {
            // COBS adds a byte to each 254.
            self.is_too_long |= self.wire.len() > MAX_FRAME_BYTES + MAX_FRAME_BYTES / 254 + 1;
            if !self.is_too_long {
                self.wire.push(byte);
            }
            return None;
        }
        let wire = std::mem::take(&mut self.wire);
        let was_too_long = std::mem::take(&mut self.is_too_long);
        if wire.is_empty() && !was_too_long {
            return None; // zeros between frames
        }
        let frame = Frame::decode(&wire).filter(|_| !was_too_long);
        self.damaged += u64::from(frame.is_none());
        frame
    }
}
