//! Requests byte by byte, so that wrong ones can be sent as well.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let mut found = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.trim())
    }
}

pub fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    // A test that waits for more than this has failed.
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
}

/// Sends `bytes` and reads one answer.
pub fn exchange(to: SocketAddr, bytes: &[u8]) -> io::Result<Answer> {
    let mut stream = connect(to);
    stream.write_all(bytes)?;
    read(&mut BufReader::new(stream))
}

/// One answer: its head, and the body that its length announces.
pub fn read(from: &mut impl BufRead) -> io::Result<Answer> {
    let head = read_head(from)?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let status = status.ok_or(io::ErrorKind::InvalidData)?;
    let mut answer = Answer {
        status,
        head,
        body: Vec::new(),
    };
    let length = answer
        .header("content-length")
        .and_then(|n| n.parse().ok())
        .unwrap_or(0);
    from.take(length).read_to_end(&mut answer.body)?;
    Ok(answer)
}

/// A head with its empty line. An end before it is an error.
pub fn read_head(from: &mut impl BufRead) -> io::Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if from.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}

/// `GET` as a browser on the device sends it.
pub fn get(to: SocketAddr, path: &str, headers: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {to}\r\n{headers}\r\n");
    exchange(to, request.as_bytes()).unwrap()
}

/// `POST` of JSON as the page sends it.
pub fn post(to: SocketAddr, path: &str, headers: &str, body: &str) -> Answer {
    let own = format!(
        "Origin: http://{to}\r\nX-Skueye: 1\r\nContent-Type: application/json\r\n{headers}"
    );
    post_with(to, path, &own, body)
}

/// `POST` with just these headers.
pub fn post_with(to: SocketAddr, path: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {to}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    );
    exchange(to, request.as_bytes()).unwrap()
}
