//! The log: text for people or JSON lines.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use serde_json::{Value, json};
use skueye_models::Fault;
use skueye_till::Heard;
use skueye_till::http::Request;

/// Writes lines, each at once, from any thread.
pub struct Printer {
    json: bool,
    begin: Instant,
    events: AtomicU64,
}

impl Printer {
    pub fn new(json: bool) -> Self {
        Self {
            json,
            begin: Instant::now(),
            events: AtomicU64::new(0),
        }
    }

    /// Events that came.
    pub fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    pub fn frame(&self, heard: &Heard) {
        let (text, checked) = (heard.frame.escape_ascii().to_string(), &heard.checked);
        let answer = heard.answer.name();
        let problem = checked.problem.as_ref();
        let verdict = problem.map_or("right".into(), |problem| format!("WRONG: {problem}"));
        let line = json!({
            "kind": "frame",
            "text": text,
            "hex": hex(&heard.frame),
            "gtin": checked.gtin,
            "no_read": checked.no_read,
            "taken_back": checked.taken_back,
            "problem": problem,
            "answer": answer,
        });
        let hex = hex(&heard.frame);
        self.line(
            line,
            &format!("frame  {text}  [{hex}]  {verdict}; {answer}"),
        );
    }

    pub fn event(&self, request: &Request) {
        let body: Value = serde_json::from_str(&request.body).unwrap_or(Value::Null);
        let (key, reply) = (request.key.as_deref(), request.reply.to_string());
        let again = if request.again { " again" } else { "" };
        let shown = request.body.escape_debug();
        let text = format!("event  {} {shown}{again}; {reply}", key.unwrap_or("no key"));
        let line = json!({
            "kind": "event",
            "key": key,
            "body": body,
            "again": request.again,
            "reply": reply,
        });
        self.line(line, &text);
        self.events.fetch_add(1, Ordering::Relaxed);
    }

    pub fn opened(&self, path: &str) {
        self.line(
            json!({"kind": "open", "path": path}),
            &format!("open   {path}"),
        );
    }

    pub fn closed(&self, path: &str) {
        self.line(
            json!({"kind": "closed", "path": path}),
            &format!("closed {path}"),
        );
    }

    pub fn trouble(&self, why: &str) {
        self.line(json!({"kind": "trouble", "text": why}), why);
    }

    pub fn fault(&self, fault: &Fault) {
        self.line(json!({"kind": "fault", "fault": fault}), &fault.to_string());
    }

    /// With the time since the start in milliseconds, and in JSON also the clock's.
    fn line(&self, mut line: Value, text: &str) {
        let ms = self.begin.elapsed().as_millis() as u64;
        let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        line["ms"] = ms.into();
        line["time_ms"] = clock.map_or(0, |clock| clock.as_millis() as u64).into();
        let text = match self.json {
            true => line.to_string(),
            false => format!("{:>9.3} s  {text}", ms as f64 / 1e3),
        };
        // Whoever reads the log may leave; the till works on.
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }
}

fn hex(bytes: &[u8]) -> String {
    let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    hex.join(" ")
}
