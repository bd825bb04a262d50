//! The page over real sockets: what a browser gets, and what attackers get.
#![forbid(unsafe_code)]

#[path = "../support/mod.rs"]
mod support;

mod device;
mod entry;
mod events;
mod hostile;

use std::io::Read;

use support::http::Answer;

fn code_of(answer: &Answer) -> String {
    answer.json()["fault"]["code"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// Reads until the other side ends, which it must.
fn is_ended(stream: &mut std::net::TcpStream) -> bool {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}
