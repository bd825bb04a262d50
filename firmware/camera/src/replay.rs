//! The pictures of a folder, in the order of their names, at a stated rate.

use std::fs::{self, File};
use std::io::{self, Read};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{CameraError, Event, Frame, FrameSource, PixelFormat};

/// The largest picture file that is replayed, in bytes. An uncompressed 8K frame has 95 MiB; its files are smaller.
pub const MAX_PICTURE_BYTES: u64 = 64 << 20;

/// Plays a folder. The list of pictures is taken when it is opened; their bytes are read when their turn comes.
#[derive(Debug)]
pub struct ReplayFolder {
    pictures: Vec<(PathBuf, PixelFormat)>,
    fps: NonZeroU32,
    next: usize,
    lost: u64,
}

impl ReplayFolder {
    /// Lists the pictures of the folder at `path` (`.jpg`, `.jpeg`, `.png` in any case; names that begin with a dot
    /// are ignored). Frame n carries the timestamp n / `fps` seconds; nothing waits for that time to come.
    ///
    /// Errors: E901 when it cannot be listed, E306 when it holds no picture.
    pub fn open(path: impl AsRef<Path>, fps: NonZeroU32) -> Result<Self, CameraError> {
        let path = path.as_ref();
        let (pictures, others) = list(path).map_err(|e| CameraError::FolderUnreadable {
            path: path.to_owned(),
            got: e.to_string(),
        })?;
        if pictures.is_empty() {
            let path = path.to_owned();
            return Err(CameraError::ReplayEmpty { path, others });
        }
        Ok(Self {
            pictures,
            fps,
            next: 0,
            lost: 0,
        })
    }

    /// How many frames the replay has, lost ones included.
    pub fn len(&self) -> usize {
        self.pictures.len()
    }

    /// Never: a folder without pictures is not opened.
    pub fn is_empty(&self) -> bool {
        self.pictures.is_empty()
    }

    /// How many pictures could not be read so far.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// The picture that frame `sequence` comes from, for reports.
    pub fn picture(&self, sequence: u64) -> Option<&Path> {
        let index = usize::try_from(sequence).ok()?;
        self.pictures.get(index).map(|(path, _)| path.as_path())
    }
}

impl FrameSource for ReplayFolder {
    fn next_frame(&mut self, into: &mut Frame) -> Result<Event, CameraError> {
        let Some((path, format)) = self.pictures.get(self.next) else {
            return Ok(Event::EndOfReplay);
        };
        let sequence = self.next as u64;
        self.next += 1;
        let mut data = std::mem::take(&mut into.data);
        let read = read_picture(path, &mut data);
        *into = Frame {
            sequence,
            timestamp: moment(sequence, self.fps),
            format: *format,
            data,
            ..Frame::default()
        };
        self.lost += u64::from(read.is_err());
        read.map(|()| Event::Frame)
    }

    fn describe(&self) -> String {
        format!("a replay of {} pictures", self.pictures.len())
    }
}

/// The pictures in the order of their names, and how many other entries there are.
fn list(folder: &Path) -> io::Result<(Vec<(PathBuf, PixelFormat)>, usize)> {
    let (mut pictures, mut others) = (Vec::new(), 0);
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match picture_format(&path) {
            Some(format) if path.is_file() => pictures.push((path, format)),
            _ => others += 1,
        }
    }
    pictures.sort_by(|a, b| a.0.cmp(&b.0));
    Ok((pictures, others))
}

/// By the name alone. Hidden files include the `._` twins that macOS leaves on foreign disks.
fn picture_format(path: &Path) -> Option<PixelFormat> {
    if path.file_name()?.as_encoded_bytes().starts_with(b".") {
        return None;
    }
    let extension = path.extension()?.to_str()?;
    let is = |name| extension.eq_ignore_ascii_case(name);
    match () {
        () if is("jpg") || is("jpeg") => Some(PixelFormat::Jpeg),
        () if is("png") => Some(PixelFormat::Png),
        () => None,
    }
}

fn read_picture(path: &Path, data: &mut Vec<u8>) -> Result<(), CameraError> {
    let unreadable = |e: io::Error| CameraError::PictureUnreadable {
        path: path.to_owned(),
        got: e.to_string(),
    };
    data.clear();
    let file = File::open(path).map_err(unreadable)?;
    let read = file
        .take(MAX_PICTURE_BYTES + 1)
        .read_to_end(data)
        .map_err(unreadable)?;
    if read as u64 > MAX_PICTURE_BYTES {
        let path = path.to_owned();
        return Err(CameraError::PictureTooLarge { path });
    }
    Ok(())
}

/// When frame `sequence` is taken; computed from whole numbers so that an hour's replay does not drift.
fn moment(sequence: u64, fps: NonZeroU32) -> Duration {
    let fps = u64::from(fps.get());
    let nanos = (sequence % fps) * 1_000_000_000 / fps;
    Duration::from_secs(sequence / fps) + Duration::from_nanos(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FPS: NonZeroU32 = NonZeroU32::new(30).unwrap();

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        folder
    }

    #[test]
    fn pictures_come_in_the_order_of_their_names_and_other_files_are_left_out() {
        let folder = folder(&[
            ("b.PNG", b"2"),
            ("a.jpeg", b"1"),
            ("c.Jpg", b"3"),
            ("._a.jpeg", b"x"),
            (".hidden.png", b"x"),
            ("notes.txt", b"x"),
            ("jpg", b"x"),
        ]);
        fs::create_dir(folder.path().join("d.jpg")).unwrap();
        let mut replay = ReplayFolder::open(folder.path(), FPS).unwrap();
        let (mut frame, mut seen) = (Frame::default(), Vec::new());
        while replay.next_frame(&mut frame).unwrap() == Event::Frame {
            seen.push((frame.sequence, frame.format, frame.data.clone()));
        }
        assert_eq!(
            seen,
            [
                (0, PixelFormat::Jpeg, b"1".to_vec()),
                (1, PixelFormat::Png, b"2".to_vec()),
                (2, PixelFormat::Jpeg, b"3".to_vec()),
            ]
        );
        assert_eq!(
            replay.next_frame(&mut frame),
            Ok(Event::EndOfReplay),
            "the end stays the end"
        );
    }

    #[test]
    fn timestamps_are_exact_and_do_not_drift() {
        assert_eq!(moment(0, FPS), Duration::ZERO);
        assert_eq!(moment(1, FPS), Duration::from_nanos(33_333_333));
        assert_eq!(moment(30 * 3600, FPS), Duration::from_secs(3600));
        assert_eq!(
            moment(u64::MAX, NonZeroU32::MIN),
            Duration::from_secs(u64::MAX)
        );
    }

    #[test]
    fn a_picture_that_vanishes_loses_one_frame_and_the_replay_goes_on() {
        let folder = folder(&[("a.jpg", b"1"), ("b.jpg", b"2"), ("c.jpg", b"3")]);
        let mut replay = ReplayFolder::open(folder.path(), FPS).unwrap();
        fs::remove_file(folder.path().join("b.jpg")).unwrap();
        let mut frame = Frame::default();
        assert_eq!(replay.next_frame(&mut frame), Ok(Event::Frame));
        let error = replay.next_frame(&mut frame).unwrap_err();
        assert!(error.is_frame_only());
        assert_eq!(error.path(), folder.path().join("b.jpg"));
        assert_eq!(replay.next_frame(&mut frame), Ok(Event::Frame));
        assert_eq!((frame.sequence, frame.data.as_slice()), (2, &b"3"[..]));
        assert_eq!(replay.lost(), 1);
        assert_eq!(replay.picture(2), Some(&*folder.path().join("c.jpg")));
    }

    #[test]
    fn a_picture_of_absurd_size_is_refused_without_reading_all_of_it() {
        let folder = folder(&[("a.jpg", b"")]);
        let bomb = File::create(folder.path().join("a.jpg")).unwrap();
        bomb.set_len(1 << 40).unwrap();
        let mut replay = ReplayFolder::open(folder.path(), FPS).unwrap();
        let error = replay.next_frame(&mut Frame::default()).unwrap_err();
        assert_eq!((error.number(), error.is_frame_only()), (303, true));
    }

    #[test]
    fn an_empty_or_missing_folder_is_a_numbered_error() {
        let folder = folder(&[("notes.txt", b"x")]);
        let empty = ReplayFolder::open(folder.path(), FPS).unwrap_err();
        assert_eq!(empty.number(), 306);
        let text = empty.to_string();
        assert!(
            text.contains("expected") && text.contains("1 other") && text.contains("remedy"),
            "{text}"
        );
        let missing = ReplayFolder::open(folder.path().join("none"), FPS).unwrap_err();
        assert_eq!(missing.number(), 901);
    }

    #[test]
    fn the_buffer_is_reused_once_the_largest_picture_was_seen() {
        let folder = folder(&[
            ("a.jpg", &[1; 90_000]),
            ("b.jpg", &[2; 10]),
            ("c.jpg", &[3; 90_000]),
        ]);
        let mut replay = ReplayFolder::open(folder.path(), FPS).unwrap();
        let mut frame = Frame::default();
        replay.next_frame(&mut frame).unwrap();
        let buffer = (frame.data.as_ptr(), frame.data.capacity());
        while replay.next_frame(&mut frame).unwrap() == Event::Frame {
            assert_eq!(buffer, (frame.data.as_ptr(), frame.data.capacity()));
        }
    }
}
