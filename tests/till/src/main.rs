//! `skueye-till`: a point of sale in place of the real one.
#![forbid(unsafe_code)]

mod print;

use std::io::BufRead;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver as Lines, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Parser;
use print::Printer;
use skueye_link::{Aim, Command, Link, TemplateText, Terminator};
use skueye_models::{Code, Fault};
use skueye_till::http::{Receiver, Replies};
use skueye_till::port::Place;
use skueye_till::{Answer, Answers, Heard, Port, Reads, Till};

/// How often the port is looked at.
const POLL: Duration = Duration::from_millis(5);
/// Between two tries to open a port.
const RETRY: Duration = Duration::from_millis(500);

const COMMANDS: &str = "\
Typed while it runs:
  trigger, release, enable, disable   commands to the device
  answer ack|nak|silent|garbage|close[:N]
  reply 200|500|never|die[:N]         to the webhook
  close, open                         the port, as when a cable is pulled
  quit";

/// A simulator of a point of sale: logs every frame of a device with its time, checks it, and answers as it is told.
#[derive(Debug, Parser)]
#[command(name = "skueye-till", version, after_help = COMMANDS)]
struct Options {
    /// The device's pseudo-terminal ("scanner output on ..."), or a serial port with the device's cable.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["tcp", "pty"])]
    serial: Option<String>,
    /// Bits a second.
    #[arg(long, default_value_t = 9600)]
    baud: u32,
    /// The device's link.tcp.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "pty")]
    tcp: Option<String>,
    /// Makes a pseudo-terminal whose path is to be the device's link.serial.
    #[arg(long)]
    pty: bool,
    /// Receives the events of link.webhook at this address, such as 127.0.0.1:8080.
    #[arg(long, value_name = "ADDRESS")]
    http: Option<String>,
    /// What to say to frames: ack, nak, silent, garbage or close; nak:2 refuses two and accepts the rest.
    #[arg(long, default_value = "ack")]
    answer: Answers,
    /// What to say to events: a status, never, or die (taken, but no answer); 500:3 refuses three and takes the rest.
    #[arg(long, default_value = "200")]
    reply: Replies,
    /// The device's link.prefix.
    #[arg(long, default_value = "")]
    prefix: String,
    /// The device's link.suffix.
    #[arg(long, default_value = "")]
    suffix: String,
    /// The device's link.no_read.
    #[arg(long, default_value = "")]
    no_read: String,
    /// The device's link.take_back.
    #[arg(long, default_value = "")]
    take_back: String,
    /// The device's link.terminator: CR, LF, CRLF or TAB.
    #[arg(long, default_value = "CR", value_parser = terminator)]
    terminator: Terminator,
    /// The device's link.aim: off, linear or matrix.
    #[arg(long, default_value = "off", value_parser = aim)]
    aim: Aim,
    /// Ends after so many frames and events; with 1 where one of them was wrong.
    #[arg(long, value_name = "N")]
    frames: Option<u64>,
    /// Writes JSON lines.
    #[arg(long)]
    json: bool,
}

fn terminator(name: &str) -> Result<Terminator, String> {
    Terminator::parse(name).ok_or_else(|| "CR, LF, CRLF or TAB".into())
}

fn aim(name: &str) -> Result<Aim, String> {
    Aim::parse(name).ok_or_else(|| "off, linear or matrix".into())
}

fn main() -> ExitCode {
    let options = Options::parse();
    let json = options.json;
    match run(options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(fault) => {
            Printer::new(json).fault(&fault);
            ExitCode::FAILURE
        }
    }
}

/// Runs to its end; false where something was wrong with a frame.
fn run(options: Options) -> Result<bool, Fault> {
    let text = TemplateText {
        prefix: &options.prefix,
        aim: options.aim,
        suffix: &options.suffix,
        terminator: options.terminator,
        no_read: &options.no_read,
        take_back: &options.take_back,
    };
    let place = options.place()?;
    let printer = Arc::new(Printer::new(options.json));
    let mut counter = Counter {
        till: Till::new(Reads::new(&text)?, options.answer),
        port: place.map(Port::new),
        stays_closed: false,
        next_try: Instant::now(),
        replies: None,
        printer: Arc::clone(&printer),
        seen: 0,
        is_sound: true,
    };
    if let Some(address) = &options.http {
        counter.replies = Some(receive(address, options.reply, &printer)?);
    }
    counter.work(&typed(), options.frames);
    Ok(counter.is_sound)
}

impl Options {
    fn place(&self) -> Result<Option<Place>, Fault> {
        let baud = self.baud;
        let place = match (&self.serial, &self.tcp, self.pty) {
            (Some(path), ..) => Place::Serial {
                path: path.clone(),
                baud,
            },
            (_, Some(address), _) => Place::Tcp(address.clone()),
            (_, _, true) => Place::Own,
            _ if self.http.is_some() => return Ok(None),
            _ => {
                return Err(Fault::new(
                    Code::Usage,
                    "a way to the device",
                    "none",
                    "give --serial PATH, --tcp ADDRESS, --pty or --http ADDRESS",
                ));
            }
        };
        Ok(Some(place))
    }
}

/// Starts the webhook's receiver; answers where its replies can be changed.
fn receive(
    address: &str,
    replies: Replies,
    printer: &Arc<Printer>,
) -> Result<Arc<Mutex<Replies>>, Fault> {
    let opened = Receiver::bind(address, replies).and_then(|r| Ok((r.address()?, r)));
    let (local, mut receiver) = opened.map_err(|e| Fault::io("listen on", address, &e))?;
    printer.opened(&format!("http://{local}"));
    let (replies, printer) = (receiver.replies(), Arc::clone(printer));
    std::thread::spawn(move || {
        loop {
            match receiver.serve_one() {
                Ok(request) => printer.event(&request),
                Err(error) => printer.trouble(&format!("not a request: {error}")),
            }
        }
    });
    Ok(replies)
}

/// The lines of the standard input, read by a thread of their own.
fn typed() -> Lines<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// What happens at the counter.
struct Counter {
    till: Till,
    port: Option<Port>,
    /// Closed by a person.
    stays_closed: bool,
    next_try: Instant,
    replies: Option<Arc<Mutex<Replies>>>,
    printer: Arc<Printer>,
    seen: u64,
    is_sound: bool,
}

impl Counter {
    fn work(&mut self, typed: &Lines<String>, frames: Option<u64>) {
        let is_over = |seen: u64| frames.is_some_and(|most| seen >= most);
        while !is_over(self.seen + self.printer.events()) {
            while let Ok(line) = typed.try_recv() {
                if line.trim() == "quit" {
                    return;
                }
                self.obey(line.trim());
            }
            self.open();
            if !self.listen() {
                std::thread::sleep(POLL);
            }
        }
    }

    fn obey(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let done = match word {
            "" => Ok(()),
            "trigger" => self.command(Command::Trigger),
            "release" => self.command(Command::Release),
            "enable" => self.command(Command::Enable),
            "disable" => self.command(Command::Disable),
            "answer" => rest.parse().map(|answers| self.till.answer(answers)),
            "reply" => rest.parse().map(|replies| self.reply(replies)),
            "close" => {
                self.stays_closed = true;
                self.close();
                Ok(())
            }
            "open" => {
                self.stays_closed = false;
                self.next_try = Instant::now();
                Ok(())
            }
            _ => Err(format!("{word:?} is no command\n{COMMANDS}")),
        };
        if let Err(why) = done {
            self.printer.trouble(&why);
        }
    }

    fn command(&mut self, command: Command) -> Result<(), String> {
        let Some(port) = self.port.as_mut().filter(|port| port.is_open()) else {
            return Err("the port is closed".into());
        };
        port.send(&command.bytes())
            .map_err(|fault| fault.to_string())
    }

    fn reply(&mut self, replies: Replies) {
        if let Some(now) = &self.replies {
            *now.lock().unwrap_or_else(PoisonError::into_inner) = replies;
        }
    }

    fn close(&mut self) {
        self.till.cut();
        self.next_try = Instant::now() + RETRY;
        if let Some(port) = &mut self.port {
            port.close();
            self.printer.closed(port.path());
        }
    }

    fn open(&mut self) {
        let due = !self.stays_closed && Instant::now() >= self.next_try;
        let Some(port) = self.port.as_mut().filter(|port| due && !port.is_open()) else {
            return;
        };
        self.next_try = Instant::now() + RETRY;
        match port.open() {
            Ok(()) => self.printer.opened(port.path()),
            Err(fault) => self.printer.fault(&fault),
        }
    }

    /// Reads what is there; true where there was something.
    fn listen(&mut self) -> bool {
        let (mut bytes, Some(port)) = ([0; 1024], &mut self.port) else {
            return false;
        };
        let count = match port.receive(&mut bytes) {
            Ok(count) => count,
            Err(fault) => {
                self.printer.fault(&fault);
                self.close();
                return true;
            }
        };
        for heard in self.till.push(&bytes[..count]) {
            self.heard(&heard);
        }
        count > 0
    }

    fn heard(&mut self, heard: &Heard) {
        self.seen += 1;
        self.is_sound &= heard.checked.problem.is_none();
        self.printer.frame(heard);
        if heard.answer == Answer::Close {
            return self.close();
        }
        let sent = self
            .port
            .as_mut()
            .map(|port| port.send(heard.answer.bytes()));
        if let Some(Err(fault)) = sent {
            self.printer.fault(&fault);
        }
    }
}
