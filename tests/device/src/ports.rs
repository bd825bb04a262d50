//! Sockets between this program and a virtual machine. This side listens and QEMU connects when it starts, so nobody has to look
//! again and again whether a socket is there.

use std::fs;
use std::io::{BufReader, Read};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::trouble::Trouble;

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A folder for the sockets of one machine, removed when dropped. It is a short path, since a socket's has 108 bytes at most.
#[derive(Debug)]
pub struct Sockets(PathBuf);

impl Sockets {
    /// An empty folder.
    pub fn new() -> Result<Self, Trouble> {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("skueye-device-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).map_err(|e| Trouble::disk(&folder, &e))?;
        Ok(Self(folder))
    }

    /// The path of a socket called `name`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Listens at the socket called `name` for one connection.
    pub fn listen(&self, name: &str) -> Result<Awaited, Trouble> {
        let path = self.path(name);
        let listener = UnixListener::bind(&path).map_err(|e| Trouble::disk(&path, &e))?;
        let (sender, stream) = channel();
        thread::spawn(move || {
            if let Ok((stream, _)) = listener.accept() {
                let _ = sender.send(stream);
            }
        });
        Ok(Awaited { path, stream })
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A socket that nobody has connected to yet.
#[derive(Debug)]
pub struct Awaited {
    path: PathBuf,
    stream: Receiver<UnixStream>,
}

impl Awaited {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The connection, where it comes within `limit`.
    pub fn connected(&self, limit: Duration) -> Option<UnixStream> {
        self.stream.recv_timeout(limit).ok()
    }
}

/// Lines that arrive at a socket, read as they come.
#[derive(Debug)]
pub struct Lines {
    name: String,
    lines: Receiver<String>,
    /// What has been looked at, for whoever has to find out why something did not come.
    seen: Vec<String>,
}

impl Lines {
    /// Lines of `stream`, ended by CR, LF or both; empty ones do not count.
    pub fn new(name: &str, stream: UnixStream) -> Self {
        let (sender, lines) = channel();
        thread::spawn(move || {
            let mut line = Vec::new();
            for byte in BufReader::new(stream).bytes().map_while(Result::ok) {
                if !matches!(byte, b'\r' | b'\n') {
                    line.push(byte);
                } else if !line.is_empty() {
                    let text = String::from_utf8_lossy(&line).into_owned();
                    line.clear();
                    if sender.send(text).is_err() {
                        return;
                    }
                }
            }
        });
        Self {
            name: name.to_owned(),
            lines,
            seen: Vec::new(),
        }
    }

    /// The first line from here on of which `look` finds something, waited for at most `limit`; `what` says what is awaited.
    pub fn wait<T>(
        &mut self,
        what: &str,
        limit: Duration,
        mut look: impl FnMut(&str) -> Option<T>,
    ) -> Result<T, Trouble> {
        let end = Instant::now() + limit;
        loop {
            match self
                .lines
                .recv_timeout(end.saturating_duration_since(Instant::now()))
            {
                Ok(line) => {
                    let found = look(&line);
                    self.seen.push(line);
                    if let Some(found) = found {
                        return Ok(found);
                    }
                }
                Err(why) => return Err(self.missing(what, why, limit)),
            }
        }
    }

    /// What came and has not been looked at.
    pub fn waiting(&mut self) -> Vec<String> {
        let new: Vec<String> = self.lines.try_iter().collect();
        self.seen.extend(new.iter().cloned());
        new
    }

    fn missing(&self, what: &str, why: RecvTimeoutError, limit: Duration) -> Trouble {
        let why = match why {
            RecvTimeoutError::Timeout => format!("did not come within {} s", limit.as_secs()),
            RecvTimeoutError::Disconnected => "will not come, the machine has ended".to_owned(),
        };
        let last = self.seen.iter().rev().take(8).rev();
        let last: String = last.map(|line| format!("\n    {line}")).collect();
        Trouble::new(
            format!("{what} {why}"),
            format!("the last lines of {} were{last}", self.name),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_tills_lines_end_with_a_carriage_return() {
        let (mut device, till) = UnixStream::pair().unwrap();
        let mut lines = Lines::new("till", till);
        device
            .write_all(b"4006381333931\r96385074\r\nhalf")
            .unwrap();
        let mut next = || {
            lines.wait("a line", Duration::from_secs(10), |line| {
                Some(line.to_owned())
            })
        };
        assert_eq!(next().unwrap(), "4006381333931");
        assert_eq!(next().unwrap(), "96385074");
        drop(device);
        assert!(next().is_err(), "half a line is none");
    }
}
