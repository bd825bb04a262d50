//! YUV4MPEG2 (`.y4m`): uncompressed frames behind one line of text, as `yuv4mpeg(5)` of the MJPEG tools states it.
//!
//! A file and a pipe are read alike. Nothing is trusted: lines are bounded, sizes are checked before memory is taken,
//! and memory grows with the bytes that arrive, not with the size that is stated.

use std::io::{self, BufRead, Read};
use std::time::Duration;

use crate::{Colour, Frame, PixelFormat};

/// The longest side, in pixels.
const MAX_SIDE: u32 = 8192;
/// The longest header, of the stream or of a frame, in bytes.
const MAX_LINE: u64 = 1024;
const MAGIC: &[u8] = b"YUV4MPEG2";

/// What the stream's header states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub width: u32,
    pub height: u32,
    /// Frames are `rate.1 / rate.0` seconds apart; `None` where the stream does not say.
    pub rate: Option<(u32, u32)>,
    pub format: PixelFormat,
    pub colour: Colour,
}

/// Why a stream cannot be read (further).
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The system's words.
    Io(io::Error),
    /// What is there in place of a frame or a header.
    Form(String),
    /// The stream ends inside a frame or a header; what there was of it.
    Cut(String),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Header {
    /// Reads the first line of `stream`.
    pub fn read(stream: &mut impl BufRead) -> Result<Self, Trouble> {
        let mut line = Vec::new();
        read_line(stream, &mut line)?;
        let words = line.strip_prefix(MAGIC).ok_or_else(|| start_of(&line))?;
        let text = std::str::from_utf8(words)
            .map_err(|_| Trouble::Form("a header that is no text".into()))?;
        Self::parse(text).map_err(Trouble::Form)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut header = Self {
            width: 0,
            height: 0,
            rate: None,
            format: PixelFormat::I420,
            colour: Colour::default(),
        };
        for word in text.split_ascii_whitespace() {
            let (key, value) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
            match key {
                "W" => header.width = side(value)?,
                "H" => header.height = side(value)?,
                "F" => header.rate = rate(value)?,
                "C" => header.format = chroma(value)?,
                "I" if !matches!(value, "p" | "?") => {
                    return Err(format!("interlaced fields ({word})"));
                }
                "X" => header.colour.full_range |= value == "COLORRANGE=FULL",
                _ => {}
            }
        }
        match header.width.min(header.height) {
            0 => Err(format!("a size of {} x {}", header.width, header.height)),
            _ => Ok(header),
        }
    }

    /// Bytes of one frame.
    pub fn frame_bytes(&self) -> usize {
        let (width, height) = (self.width as usize, self.height as usize);
        let chroma = width.div_ceil(2) * height.div_ceil(2);
        match self.format {
            PixelFormat::I420 => width * height + 2 * chroma,
            _ => width * height,
        }
    }

    /// Frame `sequence` without its data; without a stated rate it is taken at `fallback` frames a second.
    pub fn frame(&self, sequence: u64, fallback: u32) -> Frame {
        let (rate, scale) = self.rate.unwrap_or((fallback.max(1), 1));
        Frame {
            sequence,
            timestamp: moment(sequence, rate, scale),
            format: self.format,
            colour: self.colour,
            width: self.width,
            height: self.height,
            stride: self.width,
            data: Vec::new(),
        }
    }

    /// Reads the next frame's bytes into `data`, whose memory is reused. False at the end of the stream.
    pub fn read_frame(
        &self,
        stream: &mut impl BufRead,
        line: &mut Vec<u8>,
        data: &mut Vec<u8>,
    ) -> Result<bool, Trouble> {
        if stream.fill_buf()?.is_empty() {
            return Ok(false);
        }
        read_line(stream, line)?;
        if !(line.as_slice() == b"FRAME" || line.starts_with(b"FRAME ")) {
            return Err(start_of(line));
        }
        data.clear();
        let wanted = self.frame_bytes();
        let got = stream.take(wanted as u64).read_to_end(data)?;
        match got == wanted {
            true => Ok(true),
            false => Err(Trouble::Cut(format!(
                "the end after {got} of a frame's {wanted} bytes"
            ))),
        }
    }
}

/// When frame `sequence` is taken, computed from whole numbers so that hours do not drift.
fn moment(sequence: u64, rate: u32, scale: u32) -> Duration {
    let nanos = u128::from(sequence) * u128::from(scale) * 1_000_000_000 / u128::from(rate);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

fn side(value: &str) -> Result<u32, String> {
    let side = value
        .parse()
        .ok()
        .filter(|side| (1..=MAX_SIDE).contains(side));
    side.ok_or_else(|| format!("a side of {} pixels", shown(value.as_bytes())))
}

/// `None` for the 0:0 that stands for an unknown rate.
fn rate(value: &str) -> Result<Option<(u32, u32)>, String> {
    let parts = value.split_once(':');
    let numbers = parts.and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    match numbers {
        Some((0, 0)) => Ok(None),
        Some((rate, scale)) if rate > 0 && scale > 0 => Ok(Some((rate, scale))),
        _ => Err(format!("a rate of {}", shown(value.as_bytes()))),
    }
}

fn chroma(value: &str) -> Result<PixelFormat, String> {
    match value {
        "420" | "420jpeg" | "420mpeg2" | "420paldv" => Ok(PixelFormat::I420),
        "mono" => Ok(PixelFormat::Grey),
        other => Err(format!("pixels of the form C{}", shown(other.as_bytes()))),
    }
}

/// The next line without its end.
fn read_line(stream: &mut impl BufRead, line: &mut Vec<u8>) -> Result<(), Trouble> {
    line.clear();
    stream.take(MAX_LINE).read_until(b'\n', line)?;
    match line.pop() {
        Some(b'\n') => Ok(()),
        Some(last) => {
            line.push(last);
            match line.len() as u64 {
                MAX_LINE => Err(start_of(line)),
                _ => Err(Trouble::Cut(format!("the end after {:?}", shown(line)))),
            }
        }
        None => Err(Trouble::Cut("nothing at all".into())),
    }
}

fn start_of(line: &[u8]) -> Trouble {
    Trouble::Form(format!("{:?}", shown(line)))
}

/// The first bytes of foreign text.
fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(text: &str) -> Result<Header, Trouble> {
        Header::read(&mut text.as_bytes())
    }

    #[test]
    fn the_header_says_size_rate_and_form() {
        let read =
            header("YUV4MPEG2 W5 H3 F30000:1001 Ip A1:1 C420jpeg XCOLORRANGE=FULL\n").unwrap();
        assert_eq!(
            (read.width, read.height, read.rate),
            (5, 3, Some((30000, 1001)))
        );
        assert!(read.colour.full_range);
        // 15 of luma, twice 3 x 2 of chroma.
        assert_eq!(read.frame_bytes(), 27);
        assert_eq!(header("YUV4MPEG2 H3 W5 Cmono\n").unwrap().frame_bytes(), 15);
        let second = read.frame(30000, 15).timestamp;
        assert_eq!(second, Duration::from_secs(1001));
        let unstated = header("YUV4MPEG2 W5 H3 F0:0\n").unwrap();
        assert_eq!(unstated.frame(30, 15).timestamp, Duration::from_secs(2));
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_what_is_there() {
        for (text, got) in [
            ("", "nothing"),
            ("RIFF\n", "RIFF"),
            ("YUV4MPEG2 W5 H3", "YUV4MPEG2 W5"),
            ("YUV4MPEG2 W5\n", "5 x 0"),
            ("YUV4MPEG2 W0 H3\n", "side of 0"),
            ("YUV4MPEG2 W9999999999 H3\n", "side of 9999999999"),
            ("YUV4MPEG2 W8193 H3\n", "side of 8193"),
            ("YUV4MPEG2 W5 H3 F30:0\n", "rate of 30:0"),
            ("YUV4MPEG2 W5 H3 It\n", "interlaced"),
            ("YUV4MPEG2 W5 H3 C444p10\n", "C444p10"),
        ] {
            match header(text) {
                Err(Trouble::Form(found) | Trouble::Cut(found)) => {
                    assert!(found.contains(got), "{text:?}: {found}")
                }
                other => panic!("{text:?}: {other:?}"),
            }
        }
    }

    proptest! {
        #[test]
        fn any_stream_is_read_to_an_end_or_refused(
            head in "(YUV4MPEG2)?( [WHFCIX][0-9:a-z]{0,5}){0,6}\n?", body: Vec<u8>, frames in 0..4usize
        ) {
            let mut bytes = head.into_bytes();
            for _ in 0..frames {
                bytes.extend(b"FRAME\n");
                bytes.extend(&body);
            }
            let mut stream = bytes.as_slice();
            if let Ok(header) = Header::read(&mut stream) {
                let (mut line, mut data) = (Vec::new(), Vec::new());
                while let Ok(true) = header.read_frame(&mut stream, &mut line, &mut data) {
                    prop_assert_eq!(data.len(), header.frame_bytes());
                }
            }
        }
    }
}
