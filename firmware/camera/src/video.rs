//! The frames of a `.y4m` file, with the times that its rate gives them.

use std::fs::File;
use std::io::BufReader;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use crate::y4m::{Header, Trouble};
use crate::{CameraError, Event, Frame, FrameSource};

/// Plays a video.
#[derive(Debug)]
pub struct ReplayVideo {
    path: PathBuf,
    stream: BufReader<File>,
    header: Header,
    fps: NonZeroU32,
    next: u64,
    line: Vec<u8>,
}

impl ReplayVideo {
    /// Whether the name at `path` is one of a video that is played.
    pub fn is_video(path: &Path) -> bool {
        path.extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("y4m"))
    }

    /// Opens the video at `path`. A video that does not state its rate has `fps` frames a second.
    ///
    /// Errors: E310 when it cannot be read, or is no Y4M with 8 bits of 4:2:0 or grey and sides of up to 8192.
    pub fn open(path: impl AsRef<Path>, fps: NonZeroU32) -> Result<Self, CameraError> {
        let path = path.as_ref().to_owned();
        let file = File::open(&path).map_err(|error| trouble(&path, Trouble::Io(error)))?;
        let mut stream = BufReader::with_capacity(1 << 16, file);
        let header = Header::read(&mut stream).map_err(|error| trouble(&path, error))?;
        Ok(Self {
            path,
            stream,
            header,
            fps,
            next: 0,
            line: Vec::new(),
        })
    }
}

impl FrameSource for ReplayVideo {
    /// A video that is cut or damaged ends with E310; the frames before it have been delivered.
    fn next_frame(&mut self, into: &mut Frame) -> Result<Event, CameraError> {
        let mut data = std::mem::take(&mut into.data);
        let read = self
            .header
            .read_frame(&mut self.stream, &mut self.line, &mut data);
        if !read.map_err(|error| trouble(&self.path, error))? {
            into.data = data;
            return Ok(Event::EndOfReplay);
        }
        *into = Frame {
            data,
            ..self.header.frame(self.next, self.fps.get())
        };
        self.next += 1;
        Ok(Event::Frame)
    }

    fn describe(&self) -> String {
        let Header { width, height, .. } = self.header;
        format!("{} {width}x{height}", self.path.display())
    }
}

fn trouble(path: &Path, trouble: Trouble) -> CameraError {
    CameraError::Video {
        path: path.to_owned(),
        expected: "a whole Y4M with 8 bits of 4:2:0 or grey, not interlaced",
        got: match trouble {
            Trouble::Io(error) => error.to_string(),
            Trouble::Form(got) | Trouble::Cut(got) => got,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PixelFormat;
    use std::time::Duration;

    const FPS: NonZeroU32 = NonZeroU32::new(15).unwrap();

    fn video(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.Y4M");
        std::fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    const TWO: &[u8] = b"YUV4MPEG2 W2 H2 F25:1\nFRAME\nabcdUVFRAME Ip\nefghuv";

    #[test]
    fn frames_come_in_order_with_the_times_of_the_rate() {
        let (_folder, path) = video(TWO);
        assert!(ReplayVideo::is_video(&path));
        let mut source = ReplayVideo::open(&path, FPS).unwrap();
        let mut frame = Frame::default();
        assert_eq!(source.next_frame(&mut frame), Ok(Event::Frame));
        assert_eq!(
            (frame.data.as_slice(), frame.format),
            (&b"abcdUV"[..], PixelFormat::I420)
        );
        assert_eq!(source.next_frame(&mut frame), Ok(Event::Frame));
        assert_eq!(frame.data, b"efghuv");
        assert_eq!(
            (frame.sequence, frame.timestamp),
            (1, Duration::from_millis(40))
        );
        assert_eq!(source.next_frame(&mut frame), Ok(Event::EndOfReplay));
    }

    #[test]
    fn a_video_that_is_cut_gives_its_whole_frames_and_then_its_number() {
        for cut in 1..12 {
            let (_folder, path) = video(&TWO[..TWO.len() - cut]);
            let mut source = ReplayVideo::open(&path, FPS).unwrap();
            let mut frame = Frame::default();
            assert_eq!(source.next_frame(&mut frame), Ok(Event::Frame));
            let error = source.next_frame(&mut frame).unwrap_err();
            assert_eq!(error.number(), 310, "{cut}");
            assert!(!error.is_frame_only());
        }
        let (_folder, path) = video(b"\0\0\0 ftypisom");
        assert_eq!(ReplayVideo::open(&path, FPS).unwrap_err().number(), 310);
    }
}
