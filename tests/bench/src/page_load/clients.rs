//! The browsers and requests, in a process of their own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;

/// Threads that send requests.
const SENDERS: u64 = 4;
/// A page that says nothing for so long is gone.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two pictures of a browser.
const PREVIEW: Duration = Duration::from_millis(200);
/// What is asked for, in turn.
const ADDRESSES: [&str; 4] = ["/api/view", "/api/state", "/readyz", "/api/view"];

/// Who they call.
#[derive(Debug, Args)]
pub struct Clients {
    address: SocketAddr,
    #[arg(long)]
    browsers: usize,
    /// A second.
    #[arg(long)]
    requests: u64,
}

/// What was answered.
#[derive(Default)]
struct Counts {
    answered: AtomicU64,
    refused: AtomicU64,
    events: AtomicU64,
    previews: AtomicU64,
    over: AtomicBool,
}

impl Clients {
    /// Calls until a line comes on the standard input, and tells what was answered.
    pub fn run(self) -> Result<()> {
        let counts = Arc::new(Counts::default());
        let (begin, address) = (Instant::now(), self.address);
        for _ in 0..self.browsers {
            let own = Arc::clone(&counts);
            std::thread::spawn(move || told("events", || follow(address, &own)));
            let own = Arc::clone(&counts);
            std::thread::spawn(move || told("preview", || watch(address, &own)));
        }
        for _ in 0..SENDERS.min(self.requests) {
            let own = Arc::clone(&counts);
            let rate = self.requests as f64 / SENDERS as f64;
            std::thread::spawn(move || told("requests", || ask(address, rate, &own)));
        }
        std::io::stdin().read_line(&mut String::new())?;
        counts.over.store(true, Ordering::Relaxed);
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let report = json!({
            "seconds": begin.elapsed().as_secs_f64(),
            "answered": count(&counts.answered),
            "refused": count(&counts.refused),
            "events": count(&counts.events),
            "previews": count(&counts.previews),
        });
        println!("{report}");
        Ok(())
    }
}

fn told(what: &str, work: impl FnOnce() -> Result<()>) {
    if let Err(error) = work() {
        eprintln!("{what}: {error:#}");
    }
}

/// A connection that is kept.
struct Connection {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
}

impl Connection {
    fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let stream = BufReader::new(stream);
        Ok(Self { address, stream })
    }

    fn send(&mut self, path: &str) -> Result<()> {
        let address = self.address;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
        Ok(self.stream.get_mut().write_all(request.as_bytes())?)
    }

    /// The status of an answer and the length of its body, if it has one.
    fn head(&mut self) -> Result<(u16, Option<usize>)> {
        let (mut status, mut length) = (0, None);
        loop {
            let mut line = String::new();
            ensure!(self.stream.read_line(&mut line)? > 0, "the page hung up");
            let line = line.trim_end();
            if line.is_empty() {
                return Ok((status, length));
            }
            if status == 0 {
                let code = line.split(' ').nth(1).context("a status")?;
                status = code.parse()?;
            }
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            if name.eq_ignore_ascii_case("content-length") {
                length = Some(value.trim().parse()?);
            }
        }
    }

    fn get(&mut self, path: &str) -> Result<u16> {
        self.send(path)?;
        let (status, length) = self.head()?;
        let mut body = vec![0; length.unwrap_or(0)];
        self.stream.read_exact(&mut body)?;
        Ok(status)
    }
}

/// Follows the events.
fn follow(address: SocketAddr, counts: &Counts) -> Result<()> {
    let mut connection = Connection::open(address)?;
    connection.send("/api/events")?;
    let (status, _) = connection.head()?;
    ensure!(status == 200, "status {status}");
    let mut line = String::new();
    while !counts.over.load(Ordering::Relaxed) {
        line.clear();
        ensure!(
            connection.stream.read_line(&mut line)? > 0,
            "the page hung up"
        );
        if line.starts_with("data:") {
            counts.events.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// Fetches the picture again and again.
fn watch(address: SocketAddr, counts: &Counts) -> Result<()> {
    let mut connection = Connection::open(address)?;
    while !counts.over.load(Ordering::Relaxed) {
        let status = connection.get("/preview.jpg")?;
        ensure!(status == 200 || status == 204, "status {status}");
        counts.previews.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(PREVIEW);
    }
    Ok(())
}

/// Asks `rate` times a second.
fn ask(address: SocketAddr, rate: f64, counts: &Counts) -> Result<()> {
    let mut connection = Connection::open(address)?;
    let (mut due, interval) = (Instant::now(), Duration::from_secs_f64(1.0 / rate));
    let mut addresses = ADDRESSES.iter().cycle();
    while !counts.over.load(Ordering::Relaxed) {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        due += interval;
        let path = addresses.next().context("an address")?;
        let counter = match connection.get(path)? {
            200 => &counts.answered,
            _ => &counts.refused,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
