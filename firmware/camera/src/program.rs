//! A camera behind another program, which writes its frames as Y4M to a pipe: GStreamer's pipelines for CSI cameras.
//!
//! Nothing of GStreamer is needed to build this, and a fault of its plug-ins ends that program, not this one. A thread
//! reads the pipe, so that silence can be told from work; it ends with the pipe.

use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::y4m::{Header, Trouble};
use crate::{CameraError, Event, Frame, FrameSource, Loss};

/// GStreamer's own program, looked for on `PATH`.
pub const GST_LAUNCH: &str = "gst-launch-1.0";
/// How much of the program's messages is kept, in bytes: the last.
const MAX_WORDS: usize = 2048;
/// How long a program that has closed its output may take to end.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Frames on their way: one is filled while the other is copied.
const BUFFERS: usize = 2;

/// How to start the program and how long to wait for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramSettings {
    /// The program, looked for on `PATH`, and its arguments.
    pub command: Vec<String>,
    /// How long the first frame may take: some cameras need seconds to start.
    pub start: Duration,
    /// How long any other frame may take.
    pub stall: Duration,
}

impl ProgramSettings {
    /// Runs GStreamer's `pipeline`, as one writes it for `gst-launch-1.0` up to the last filter before the sink.
    pub fn gstreamer(pipeline: &str, stall: Duration) -> Self {
        let start = [GST_LAUNCH, "-q"].map(str::to_owned);
        let end = "! y4menc ! fdsink fd=1".split(' ').map(str::to_owned);
        Self {
            command: start
                .into_iter()
                .chain(words(pipeline))
                .chain(end)
                .collect(),
            start: Duration::from_secs(15).max(stall),
            stall,
        }
    }
}

/// The words of a command line; quotes hold blanks together, as a shell reads them.
pub fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in text.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// A running program that delivers frames.
#[derive(Debug)]
pub struct Program {
    child: Child,
    path: PathBuf,
    stall: Duration,
    full: Receiver<Result<Frame, Loss>>,
    free: SyncSender<Frame>,
    messages: Arc<Mutex<Vec<u8>>>,
    listener: Option<JoinHandle<()>>,
    size: (u32, u32),
    first: Option<Frame>,
}

impl Program {
    /// Starts the program and waits for its first frame.
    ///
    /// Errors: E902 when it is not installed, E307 when it cannot be started or gives no frame.
    pub fn start(settings: &ProgramSettings) -> Result<Self, CameraError> {
        let name = settings.command.first().map_or("", String::as_str);
        let path = PathBuf::from(name);
        let mut child = Command::new(name)
            .args(settings.command.iter().skip(1))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| not_started(&path, &error))?;
        let messages = Arc::new(Mutex::new(Vec::new()));
        let (full_in, full) = sync_channel(BUFFERS);
        let (free, free_out) = sync_channel(BUFFERS + 1);
        for _ in 0..BUFFERS {
            // The channel has more room than there are buffers.
            let _ = free.try_send(Frame::default());
        }
        if let Some(out) = child.stdout.take() {
            std::thread::spawn(move || read(out, &full_in, &free_out));
        }
        let kept = Arc::clone(&messages);
        let listener = child.stderr.take();
        let listener = listener.map(|err| std::thread::spawn(move || listen(err, &kept)));
        let mut program = Self {
            child,
            path,
            stall: settings.stall,
            full,
            free,
            messages,
            listener,
            size: (0, 0),
            first: None,
        };
        match program.receive(settings.start) {
            Ok(frame) => {
                program.size = (frame.width, frame.height);
                program.first = Some(frame);
                Ok(program)
            }
            Err(loss) => Err(CameraError::Unopened {
                path: program.path.clone(),
                expected: "a pipeline that delivers frames",
                got: loss.to_string(),
                remedy: loss.remedy(),
            }),
        }
    }

    fn receive(&mut self, patience: Duration) -> Result<Frame, Loss> {
        match self.full.recv_timeout(patience) {
            Ok(Ok(frame)) => Ok(frame),
            // The program's own words say more than that its output broke off.
            Ok(Err(Loss::Ended(words))) => Err(Loss::Ended(self.last_words(&words))),
            Ok(Err(loss)) => Err(loss),
            Err(RecvTimeoutError::Timeout) => Err(Loss::Stalled(patience)),
            Err(RecvTimeoutError::Disconnected) => Err(Loss::Ended(self.last_words("no frame"))),
        }
    }

    fn has_ended(&mut self) -> bool {
        let silent = self.listener.as_ref().is_none_or(JoinHandle::is_finished);
        silent && self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// How the program ended, and the last line that it wrote about it.
    fn last_words(&mut self, otherwise: &str) -> String {
        // It has closed its output, so its end is near; what another process still holds open is not waited for.
        let asked = Instant::now();
        while asked.elapsed() < LAST_WORDS && !self.has_ended() {
            std::thread::sleep(Duration::from_millis(2));
        }
        let _ = self.child.kill();
        let status = self.child.wait();
        let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        let kept = self
            .messages
            .lock()
            .unwrap_or_else(|poison| poison.into_inner());
        let text = String::from_utf8_lossy(&kept);
        let said = text
            .lines()
            .map(str::trim)
            .rfind(|line| line.starts_with("ERROR"));
        let said = said.or_else(|| text.lines().map(str::trim).rfind(|line| !line.is_empty()));
        let said: String = said.unwrap_or(otherwise).chars().take(300).collect();
        format!("{status}, {}", said.replace(char::is_control, " "))
    }
}

impl FrameSource for Program {
    fn next_frame(&mut self, into: &mut Frame) -> Result<Event, CameraError> {
        let received = match self.first.take() {
            Some(frame) => Ok(frame),
            None => self.receive(self.stall),
        };
        match received {
            Ok(frame) => {
                let used = std::mem::replace(into, frame);
                // A reader that has gone needs no buffer.
                let _ = self.free.try_send(used);
                Ok(Event::Frame)
            }
            Err(loss) => Err(CameraError::Lost {
                path: self.path.clone(),
                loss,
            }),
        }
    }

    fn describe(&self) -> String {
        let (width, height) = self.size;
        format!("{} {width}x{height}", self.path.display())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn not_started(path: &Path, error: &std::io::Error) -> CameraError {
    let path = path.to_owned();
    match error.kind() {
        std::io::ErrorKind::NotFound => CameraError::ProgramMissing { path },
        _ => CameraError::Unopened {
            path,
            expected: "a program that starts",
            got: error.to_string(),
            remedy: "correct the program's rights",
        },
    }
}

/// Frames from the program's output to `full`, until either is gone. Their time is that of their arrival.
fn read(out: ChildStdout, full: &SyncSender<Result<Frame, Loss>>, free: &Receiver<Frame>) {
    let mut stream = BufReader::with_capacity(1 << 16, out);
    let ended = match Header::read(&mut stream) {
        Ok(header) => read_frames(&header, &mut stream, full, free),
        Err(trouble) => trouble,
    };
    let _ = full.send(Err(match ended {
        Trouble::Io(error) => Loss::Ended(error.to_string()),
        Trouble::Cut(words) => Loss::Ended(words),
        Trouble::Form(words) => Loss::Garbled(words),
    }));
}

fn read_frames(
    header: &Header,
    stream: &mut BufReader<ChildStdout>,
    full: &SyncSender<Result<Frame, Loss>>,
    free: &Receiver<Frame>,
) -> Trouble {
    let (start, mut line) = (Instant::now(), Vec::new());
    // Without a free buffer the frame waits in the pipe; the program then drops or holds its own.
    for (sequence, Frame { mut data, .. }) in (0..).zip(free) {
        match header.read_frame(stream, &mut line, &mut data) {
            Ok(true) => {}
            Ok(false) => return Trouble::Cut("the end of its output".into()),
            Err(trouble) => return trouble,
        }
        let frame = Frame {
            data,
            timestamp: start.elapsed(),
            ..header.frame(sequence, 1)
        };
        if full.send(Ok(frame)).is_err() {
            break;
        }
    }
    Trouble::Cut("nobody listens".into())
}

/// Keeps the last of what the program says, and lets it say any amount.
fn listen(mut err: ChildStderr, kept: &Mutex<Vec<u8>>) {
    let mut piece = [0; 512];
    while let Ok(read @ 1..) = err.read(&mut piece) {
        let mut kept = kept.lock().unwrap_or_else(|poison| poison.into_inner());
        kept.extend_from_slice(&piece[..read]);
        let surplus = kept.len().saturating_sub(MAX_WORDS);
        kept.drain(..surplus);
    }
}

#[cfg(test)]
mod tests;
