//! The scanner protocol over one TCP connection, as serial device servers and fixed-mount scanners carry it: the very bytes
//! of the serial line, nothing around them.

use core::time::Duration;
use std::format;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::string::{String, ToString};
use std::time::Instant;

use rustix::net::sockopt;
use skueye_models::{Code, Fault};

use crate::port::{Link, WRITE_TIMEOUT};

/// Between two tries to write to a connection that has no room.
const RETRY: Duration = Duration::from_millis(2);

/// An open connection.
#[derive(Debug)]
pub struct TcpLink {
    stream: TcpStream,
    peer: String,
}

impl TcpLink {
    /// Speaks over `stream`. Errors: E701 where the system does not let it be set up.
    pub fn new(stream: TcpStream) -> Result<Self, Fault> {
        let peer = match stream.peer_addr() {
            Ok(address) => address.to_string(),
            Err(_) => "a client".into(),
        };
        let set = stream
            .set_nonblocking(true)
            .and_then(|()| stream.set_nodelay(true))
            .and_then(|()| notice_silent_end(&stream));
        set.map_err(|e| not_open(&peer, &e))?;
        Ok(Self { stream, peer })
    }

    /// Connects to `address` (`host:port`), as a till does. Errors: E701.
    pub fn connect(address: &str) -> Result<Self, Fault> {
        let stream = TcpStream::connect(address).map_err(|e| not_open(address, &e))?;
        Self::new(stream)
    }

    /// The address of the other side.
    pub fn peer(&self) -> &str {
        &self.peer
    }

    fn gone(&self, expected: String, error: &dyn core::fmt::Display) -> Fault {
        Fault::new(
            Code::LinkWrite,
            expected,
            format!("{error}"),
            "check the network and that the till's program reads its connection",
        )
        .at(&self.peer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let begin = Instant::now();
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.stream.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => rest = &rest[count..],
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() != ErrorKind::WouldBlock => return Err(e),
                Err(_) if begin.elapsed() > WRITE_TIMEOUT => {
                    return Err(ErrorKind::TimedOut.into());
                }
                Err(_) => std::thread::sleep(RETRY),
            }
        }
        Ok(())
    }
}

impl Link for TcpLink {
    fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.write(bytes).map_err(|e| {
            let expected = format!("all {} bytes within {WRITE_TIMEOUT:?}", bytes.len());
            self.gone(expected, &e)
        })
    }

    fn receive(&mut self, into: &mut [u8]) -> Result<usize, Fault> {
        let got = match into.is_empty() {
            // Reading nothing would not notice the end.
            true => self.stream.peek(&mut [0]).map(|count| (count, 0)),
            false => self.stream.read(into).map(|count| (count, count)),
        };
        match got {
            Ok((0, _)) => Err(self.gone("an open connection".into(), &"its end")),
            Ok((_, taken)) => Ok(taken),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
            Err(e) => Err(self.gone("an open connection".into(), &e)),
        }
    }
}

/// Lets the connection end, after some 30 s, when the other side was switched off without a word: it would take up the place
/// of a till for a quarter of an hour, or for ever where nothing is sent.
fn notice_silent_end(stream: &TcpStream) -> io::Result<()> {
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, Duration::from_secs(15))?;
    sockopt::set_tcp_keepintvl(stream, Duration::from_secs(5))?;
    sockopt::set_tcp_keepcnt(stream, 3)?;
    sockopt::set_tcp_user_timeout(stream, 30_000)?;
    Ok(())
}

fn not_open(peer: &str, error: &io::Error) -> Fault {
    Fault::new(
        Code::LinkOpen,
        "a TCP connection",
        error.to_string(),
        "check the address and that the other side listens",
    )
    .at(peer)
}
