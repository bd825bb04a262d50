//! The webhook's receiver: answers as it is told, and knows every key that it has taken.
//!
//! It serves one connection after the other and one request on each; heads of more than 8 KiB and bodies of more than 64 KiB
//! are refused, and a client that says nothing for five seconds is left.

use std::collections::HashSet;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const HEAD: usize = 8 * 1024;
const BODY: usize = 64 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);

/// What is said to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// This status.
    Status(u16),
    /// Nothing: the connection stays open until the client gives up.
    Never,
    /// The event is taken, but the connection ends before the answer.
    Die,
}

/// The replies to the requests that come: a status such as `200` or `500`, `never` or `die`, or one of these with a count, such
/// as `500:3`, which is 200 from the fourth request on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replies {
    reply: Reply,
    left: Option<u32>,
}

impl Default for Replies {
    fn default() -> Self {
        Self {
            reply: Reply::Status(200),
            left: None,
        }
    }
}

impl Replies {
    /// The reply to the next request.
    pub fn take(&mut self) -> Reply {
        match &mut self.left {
            Some(0) => Reply::Status(200),
            None => self.reply,
            Some(left) => {
                *left -= 1;
                self.reply
            }
        }
    }
}

impl FromStr for Replies {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, count) = match text.split_once(':') {
            Some((name, count)) => (name, Some(count)),
            None => (text, None),
        };
        let status = |name: &str| name.parse().ok().filter(|s| (100..600).contains(s));
        let reply = match name {
            "never" => Some(Reply::Never),
            "die" => Some(Reply::Die),
            name => status(name).map(Reply::Status),
        };
        match (reply, count.map(str::parse).transpose()) {
            (Some(reply), Ok(left)) => Ok(Self { reply, left }),
            _ => Err(format!(
                "{text:?} is none of a status such as 500, never, die, alone or with a count such as 500:3"
            )),
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "{status}"),
            Self::Never => f.write_str("never"),
            Self::Die => f.write_str("die"),
        }
    }
}

/// A request that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The header `Idempotency-Key`.
    pub key: Option<String>,
    /// The body as text.
    pub body: String,
    /// The key was taken before.
    pub again: bool,
    /// What was said to it.
    pub reply: Reply,
}

/// Receives events.
pub struct Receiver {
    listener: TcpListener,
    replies: Arc<Mutex<Replies>>,
    taken: HashSet<String>,
}

impl Receiver {
    /// Listens at `address`.
    pub fn bind(address: &str, replies: Replies) -> io::Result<Self> {
        Ok(Self {
            listener: TcpListener::bind(address)?,
            replies: Arc::new(Mutex::new(replies)),
            taken: HashSet::new(),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What is said to the requests that come; it may be changed while one is waited for.
    pub fn replies(&self) -> Arc<Mutex<Replies>> {
        Arc::clone(&self.replies)
    }

    /// Waits for a request and replies. Errors: what came was no request.
    pub fn serve_one(&mut self) -> io::Result<Request> {
        let (mut stream, _) = self.listener.accept()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let (key, body) = read_request(&mut stream)?;
        let replies = self.replies.lock();
        let reply = replies.unwrap_or_else(PoisonError::into_inner).take();
        let is_taken = matches!(reply, Reply::Status(200..=299) | Reply::Die);
        let again = key.as_ref().is_some_and(|key| self.taken.contains(key));
        if is_taken {
            self.taken.extend(key.clone());
        }
        answer(&mut stream, reply)?;
        Ok(Request {
            key,
            body,
            again,
            reply,
        })
    }
}

fn answer(stream: &mut TcpStream, reply: Reply) -> io::Result<()> {
    match reply {
        Reply::Die => Ok(()),
        // The other side gives up, or our patience ends.
        Reply::Never => match stream.read(&mut [0]) {
            Ok(_) | Err(_) => Ok(()),
        },
        Reply::Status(status) => {
            let head = format!(
                "HTTP/1.1 {status} Simulated\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(head.as_bytes())
        }
    }
}

/// The idempotency key and the body.
fn read_request(stream: &mut impl Read) -> io::Result<(Option<String>, String)> {
    let mut bytes = Vec::new();
    let (key, length, head) = loop {
        if let Some(parsed) = read_head(&bytes)? {
            break parsed;
        }
        if bytes.len() > HEAD {
            return Err(bad("a head of more than 8 KiB"));
        }
        fill(stream, &mut bytes)?;
    };
    if length > BODY {
        return Err(bad("a body of more than 64 KiB"));
    }
    while bytes.len() < head + length {
        fill(stream, &mut bytes)?;
    }
    let body = String::from_utf8_lossy(&bytes[head..head + length]);
    Ok((key, body.into_owned()))
}

/// Key, length of the body and of the head, as soon as the head is whole.
fn read_head(bytes: &[u8]) -> io::Result<Option<(Option<String>, usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut request = httparse::Request::new(&mut headers);
    let parsed = request.parse(bytes).map_err(|e| bad(&e.to_string()))?;
    let httparse::Status::Complete(head) = parsed else {
        return Ok(None);
    };
    if request.method != Some("POST") {
        return Err(bad("another method than POST"));
    }
    let header = |name: &str| {
        let mut all = request.headers.iter();
        let found = all.find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(found.value).ok()
    };
    let length = header("Content-Length").and_then(|text| text.parse().ok());
    let length = length.ok_or_else(|| bad("no Content-Length"))?;
    Ok(Some((
        header("Idempotency-Key").map(str::to_owned),
        length,
        head,
    )))
}

fn fill(stream: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut part = [0; 1024];
    match stream.read(&mut part)? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        count => {
            bytes.extend(&part[..count]);
            Ok(())
        }
    }
}

fn bad(why: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_given_as_often_as_told() {
        let mut replies: Replies = "500:2".parse().unwrap();
        let given: Vec<_> = (0..3).map(|_| replies.take()).collect();
        let (bad, good) = (Reply::Status(500), Reply::Status(200));
        assert_eq!(given, [bad, bad, good]);
        assert_eq!("die".parse::<Replies>().unwrap().take(), Reply::Die);
        for wrong in ["", "7", "sometimes", "500:"] {
            assert!(wrong.parse::<Replies>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn requests_are_read_from_any_pieces_and_bounded() {
        let good = b"POST /x HTTP/1.1\r\nContent-Length: 2\r\nidempotency-key: a-1\r\n\r\n{}";
        /// One byte a read.
        struct Slow<'b>(&'b [u8]);
        impl Read for Slow<'_> {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                let most = into.len().min(1);
                self.0.read(&mut into[..most])
            }
        }
        let read = read_request(&mut Slow(good)).unwrap();
        assert_eq!(read, (Some("a-1".into()), "{}".into()));
        let cut = &good[..good.len() - 1];
        let long_head = [&b"POST /"[..], &[b'x'; 2 * HEAD]].concat();
        let hostile: [&[u8]; 5] = [
            b"",
            cut,
            &long_head,
            b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
            b"\x00\xff",
        ];
        for bytes in hostile {
            assert!(read_request(&mut &bytes[..]).is_err());
        }
    }
}
