//! Every way to a till at once, with real terminals, connections and requests: what is unplugged, dead, slow or hostile delays
//! nobody else, and no frame is lost without a word or sent twice.
#![forbid(unsafe_code)]

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::sync::mpsc::{Receiver as Requests, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use skueye_agent::Config;
use skueye_agent::scanner::{Scanner, Sent};
use skueye_agent::sinks::about::About;
use skueye_agent::sinks::mail::Notice;
use skueye_link::{Command, Link, PseudoTerminal, SerialLink, TcpLink, TemplateText};
use skueye_models::{Code, Fault, Gtin};
use skueye_till::http::{Receiver, Reply, Request};
use skueye_till::{Reads, Till};

const PATIENCE: Duration = Duration::from_secs(20);

fn open(text: &str) -> Scanner {
    let config = Config::parse(&format!("[link]\n{text}"), Path::new("")).unwrap();
    Scanner::open(&config.link, None).unwrap()
}

fn product(number: u64) -> Gtin {
    Gtin::from_body(number, 13).unwrap()
}

fn say(scanner: &mut Scanner, number: u64) -> Result<Sent, Fault> {
    let about = About::person(number as u32, "Müsli \"Früh\"", Some(0.75));
    scanner.product(product(number), Duration::from_secs(number), &about)
}

/// Waits for what a thread of the scanner does.
fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begin.elapsed() < PATIENCE, "it does not happen");
        std::thread::yield_now();
    }
}

fn notice(scanner: &mut Scanner) -> Notice {
    until(|| scanner.notice())
}

fn code(notice: Notice) -> Code {
    match notice {
        Notice::Fault(fault) => fault.code(),
        other => panic!("no fault: {other:?}"),
    }
}

/// A till that reads what comes and says nothing.
fn silent_till() -> Till {
    let reads = Reads::new(&TemplateText::default()).unwrap();
    Till::new(reads, "silent".parse().unwrap())
}

/// The products of the next `count` frames.
fn read(link: &mut impl Link, count: usize) -> Vec<Gtin> {
    let (mut till, mut products, mut bytes) = (silent_till(), Vec::new(), [0; 64]);
    until(|| {
        let got = link.receive(&mut bytes).unwrap();
        let heard = till.push(&bytes[..got]);
        products.extend(heard.into_iter().map(|heard| heard.checked.gtin.unwrap()));
        (products.len() >= count).then_some(())
    });
    products
}

fn nothing_came(link: &mut impl Link) {
    assert_eq!(link.receive(&mut [0; 64]), Ok(0));
}

/// A serial port that can be pulled out and plugged in: a link to a pseudo-terminal.
struct Plug {
    folder: tempfile::TempDir,
}

impl Plug {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    fn setting(&self) -> String {
        format!("serial = {:?}\n", self.folder.path().join("tty"))
    }

    fn plug_in(&self) -> PseudoTerminal {
        let (terminal, path) = PseudoTerminal::open().unwrap();
        let temporary = self.folder.path().join("new");
        std::os::unix::fs::symlink(path, &temporary).unwrap();
        std::fs::rename(temporary, self.folder.path().join("tty")).unwrap();
        terminal
    }

    fn pull(&self, terminal: PseudoTerminal) {
        std::fs::remove_file(self.folder.path().join("tty")).unwrap();
        drop(terminal);
    }
}

#[test]
fn a_serial_port_that_comes_back_gets_what_fell_in_the_gap_once() {
    let plug = Plug::new();
    let mut till = plug.plug_in();
    let mut scanner = open(&(plug.setting() + "hold_ms = 600000"));
    assert_eq!(scanner.check(), Ok(()));
    assert_eq!(say(&mut scanner, 1), Ok(Sent::Sent));
    assert_eq!(read(&mut till, 1), [product(1)]);
    for round in 0..3 {
        plug.pull(till);
        assert_eq!(code(notice(&mut scanner)), Code::LinkWrite);
        assert!(scanner.check().is_err());
        assert_eq!(say(&mut scanner, 10 + round), Ok(Sent::Pending));
        assert_eq!(say(&mut scanner, 20 + round), Ok(Sent::Pending));
        till = plug.plug_in();
        let expected = [product(10 + round), product(20 + round)];
        assert_eq!(read(&mut till, 2), expected);
        let mut opened = 0;
        for _ in 0..2 {
            until(|| match scanner.notice()? {
                Notice::Late {
                    sent: Sent::Sent, ..
                } => Some(()),
                Notice::Opened(_) => {
                    opened += 1;
                    None
                }
                // The path was gone for a while.
                Notice::Fault(fault) if fault.code() == Code::LinkOpen => None,
                other => panic!("{other:?}"),
            });
        }
        assert_eq!((opened, scanner.check()), (1, Ok(())));
        nothing_came(&mut till);
    }
}

#[test]
fn a_frame_that_may_not_wait_is_given_up_and_never_sent_later() {
    let plug = Plug::new();
    let mut scanner = open(&(plug.setting() + "hold_ms = 0"));
    assert_eq!(
        code(notice(&mut scanner)),
        Code::LinkOpen,
        "told at the start"
    );
    let said = say(&mut scanner, 1);
    let fault = match said {
        Err(fault) => fault,
        Ok(Sent::Pending) => match notice(&mut scanner) {
            Notice::Fault(fault) => fault,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    assert_eq!(fault.code(), Code::LinkHeld);
    let mut till = plug.plug_in();
    until(|| scanner.check().ok());
    assert_eq!(say(&mut scanner, 2), Ok(Sent::Sent));
    assert_eq!(read(&mut till, 1), [product(2)]);
}

#[test]
fn a_port_that_goes_before_the_answer_is_told_and_the_frame_not_sent_again() {
    let plug = Plug::new();
    let mut till = plug.plug_in();
    let mut scanner = open(&(plug.setting() + "ack_timeout_ms = 60000\nack_retries = 5"));
    let (tell, told) = channel();
    let saying = std::thread::spawn(move || {
        tell.send(say(&mut scanner, 1)).unwrap();
        scanner
    });
    assert_eq!(read(&mut till, 1), [product(1)]);
    plug.pull(till);
    let mut scanner = saying.join().unwrap();
    let notices = until(|| {
        let notice = scanner.notice()?;
        matches!(notice, Notice::Late { .. } | Notice::Fault(_)).then_some(notice)
    });
    let said = told.recv().unwrap();
    assert!(
        said == Ok(Sent::Pending) || said.is_err(),
        "{said:?} {notices:?}"
    );
    let mut till = plug.plug_in();
    until(|| scanner.check().ok());
    scanner.close();
    nothing_came(&mut till);
}

#[test]
fn dead_slow_and_absent_tills_delay_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("no-tty");
    // The serial port is missing, nobody connects, the webhook's receiver is gone; the terminal works.
    let text = format!(
        "pty = true\nserial = {nowhere:?}\ntcp = \"127.0.0.1:0\"\nwebhook = \"http://127.0.0.1:1/\"\n\
         webhook_spool = {:?}\nhold_ms = 600000",
        folder.path().join("spool")
    );
    let mut scanner = open(&text);
    let path = scanner.path().unwrap().to_owned();
    let mut till = SerialLink::open(&path, 9600).unwrap();
    let begin = Instant::now();
    for number in 0..40 {
        assert_eq!(say(&mut scanner, number), Ok(Sent::Pending));
    }
    // Were each waited for, it would be twenty seconds.
    assert!(
        begin.elapsed() < Duration::from_secs(10),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(
        read(&mut till, 40),
        (0..40).map(product).collect::<Vec<_>>()
    );
    scanner.close();
    let given_up = std::iter::from_fn(|| scanner.notice());
    let given_up = given_up.filter(|n| matches!(n, Notice::Fault(f) if f.code() == Code::LinkHeld));
    assert_eq!(
        given_up.count(),
        80,
        "every frame that was not delivered is told"
    );
}

#[test]
fn a_till_that_takes_nothing_is_told_of_when_too_much_waits() {
    let mut scanner = open("tcp = \"127.0.0.1:0\"\nack_timeout_ms = 60000");
    let mut till = TcpLink::connect(scanner.path().unwrap()).unwrap();
    assert!(matches!(notice(&mut scanner), Notice::Opened(_)));
    let mut busy = 0;
    for number in 0..140 {
        match say(&mut scanner, number) {
            Ok(Sent::Pending) => {}
            Err(fault) if fault.code() == Code::LinkBusy => busy += 1,
            other => panic!("{other:?}"),
        }
        while let Some(notice) = scanner.notice() {
            busy += usize::from(code(notice) == Code::LinkBusy);
        }
    }
    until(|| {
        if let Some(Notice::Fault(fault)) = scanner.notice() {
            busy += usize::from(fault.code() == Code::LinkBusy);
        }
        (busy > 0).then_some(())
    });
    assert_eq!(read(&mut till, 1), [product(0)]);
}

#[test]
fn every_connected_till_gets_every_frame_and_commands_concern_the_one_that_gave_them() {
    let mut scanner = open("tcp = \"127.0.0.1:0\"\nhold_ms = 600000");
    let address = scanner.path().unwrap().to_owned();
    assert_eq!(
        say(&mut scanner, 1),
        Ok(Sent::Pending),
        "it waits for a till"
    );
    let mut first = TcpLink::connect(&address).unwrap();
    assert_eq!(read(&mut first, 1), [product(1)]);
    let mut second = TcpLink::connect(&address).unwrap();
    let mut opened = 0;
    until(|| {
        opened += usize::from(matches!(scanner.notice(), Some(Notice::Opened(_))));
        (opened == 2).then_some(())
    });
    assert_eq!(say(&mut scanner, 2), Ok(Sent::Sent));
    assert_eq!(
        (read(&mut first, 1), read(&mut second, 1)),
        (vec![product(2)], vec![product(2)])
    );
    second.send(&Command::Disable.bytes()).unwrap();
    assert_eq!(until(|| scanner.command()), Command::Disable);
    assert_eq!(say(&mut scanner, 3), Ok(Sent::Sent));
    assert_eq!(read(&mut first, 1), [product(3)]);
    nothing_came(&mut second);
    first.send(&Command::Disable.bytes()).unwrap();
    assert_eq!(until(|| scanner.command()), Command::Disable);
    assert_eq!(say(&mut scanner, 4), Ok(Sent::Disabled));
    // A till that connects anew finds the scanner enabled.
    drop(first);
    let mut again = TcpLink::connect(&address).unwrap();
    until(|| matches!(scanner.notice()?, Notice::Opened(_)).then_some(()));
    assert_eq!(say(&mut scanner, 5), Ok(Sent::Sent));
    assert_eq!(read(&mut again, 1), [product(5)]);
}

#[test]
fn a_till_with_a_trigger_gets_one_frame_for_each() {
    let mut scanner = open("tcp = \"127.0.0.1:0\"\ntrigger = \"till\"");
    let mut till = TcpLink::connect(scanner.path().unwrap()).unwrap();
    assert!(matches!(notice(&mut scanner), Notice::Opened(_)));
    assert_eq!(say(&mut scanner, 1), Ok(Sent::Untriggered));
    till.send(&Command::Trigger.bytes()).unwrap();
    assert_eq!(until(|| scanner.command()), Command::Trigger);
    assert_eq!(say(&mut scanner, 2), Ok(Sent::Sent));
    assert_eq!(say(&mut scanner, 3), Ok(Sent::Untriggered));
    assert_eq!(read(&mut till, 1), [product(2)]);
    nothing_came(&mut till);
}

#[test]
fn tills_beyond_the_bound_are_refused_and_noise_harms_nobody() {
    let mut scanner = open("tcp = \"127.0.0.1:0\"");
    let address = scanner.path().unwrap().to_owned();
    let mut tills: Vec<_> = (0..8)
        .map(|_| TcpLink::connect(&address).unwrap())
        .collect();
    let mut refused = TcpLink::connect(&address).unwrap();
    let fault = until(|| match scanner.notice()? {
        Notice::Fault(fault) => Some(fault),
        _ => None,
    });
    assert_eq!(fault.code(), Code::LinkListen);
    until(|| refused.receive(&mut []).err());
    drop(tills.pop());
    // A place is free as soon as the end was noticed.
    let mut noisy = until(|| {
        let stream = TcpStream::connect(&address).unwrap();
        let opened = until(|| scanner.notice());
        matches!(opened, Notice::Opened(_)).then_some(stream)
    });
    noisy
        .set_write_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    // As fast as it is taken; what is not is the noise maker's problem.
    let _ = noisy.write_all(&b"\x16\x16X\x00\xff\x15\x06".repeat(100_000));
    assert_eq!(say(&mut scanner, 1), Ok(Sent::Sent));
    for till in &mut tills {
        assert_eq!(read(till, 1), [product(1)]);
    }
}

/// A receiver of the webhook that answers so, and what it got.
fn receiver(address: &str, replies: &str) -> (String, Requests<Request>, JoinHandle<()>) {
    let mut receiver = Receiver::bind(address, replies.parse().unwrap()).unwrap();
    let address = receiver.address().unwrap().to_string();
    let (tell, requests) = channel();
    let thread = std::thread::spawn(move || {
        // Ends with the test: nobody takes requests any more.
        while let Ok(request) = receiver.serve_one() {
            if tell.send(request).is_err() {
                return;
            }
        }
    });
    (address, requests, thread)
}

fn hook(address: &str, spool: &Path) -> String {
    format!(
        "webhook = \"http://{address}/sold\"\nwebhook_spool = {spool:?}\nwebhook_timeout_ms = 300"
    )
}

fn next(requests: &Requests<Request>) -> Request {
    requests.recv_timeout(PATIENCE).unwrap()
}

fn gtin(request: &Request) -> Gtin {
    let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(body["key"].as_str(), request.key.as_deref());
    assert_eq!(body["kind"], "product");
    assert!(body["time_ms"].as_u64().unwrap() > 1_600_000_000_000);
    body["gtin"].as_str().unwrap().parse().unwrap()
}

#[test]
fn events_come_in_order_and_are_repeated_with_the_same_key_until_they_are_taken() {
    for (replies, taken_unheard) in [("503:1", false), ("never:1", false), ("die:1", true)] {
        let folder = tempfile::tempdir().unwrap();
        let (address, requests, _) = receiver("127.0.0.1:0", replies);
        let mut scanner = open(&hook(&address, folder.path()));
        for number in 0..3 {
            assert_eq!(say(&mut scanner, number), Ok(Sent::Sent));
        }
        let failed = next(&requests);
        assert_eq!(code(notice(&mut scanner)), Code::WebhookRefused);
        let again = next(&requests);
        assert_eq!((&again.key, &again.body), (&failed.key, &failed.body));
        assert_eq!(
            (again.again, again.reply),
            (taken_unheard, Reply::Status(200))
        );
        let rest = [next(&requests), next(&requests)];
        assert_eq!(gtin(&again), product(0), "{replies}");
        assert_eq!(rest.each_ref().map(gtin), [product(1), product(2)]);
        assert!(rest.iter().all(|request| !request.again));
        scanner.close();
        assert_eq!(scanner.notice(), None);
    }
}

#[test]
fn an_event_carries_what_the_log_knows_and_what_is_taken_back_follows_it() {
    let folder = tempfile::tempdir().unwrap();
    let (address, requests, _) = receiver("127.0.0.1:0", "200");
    let terminal = format!("pty = true\n{}", hook(&address, folder.path()));
    let mut scanner = open(&terminal);
    let mut till = SerialLink::open(scanner.path().unwrap(), 9600).unwrap();
    assert_eq!(say(&mut scanner, 7), Ok(Sent::Sent));
    let about = About::person(7, "Müsli \"Früh\"", Some(0.75));
    assert_eq!(scanner.take_back(product(7), &about), Ok(Sent::Sent));
    assert_eq!(say(&mut scanner, 8), Ok(Sent::Sent));
    let bodies = [next(&requests), next(&requests)].map(|request| {
        let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
        body
    });
    assert_eq!(bodies[0]["kind"], "product");
    assert_eq!(bodies[1]["kind"], "taken_back");
    for body in &bodies {
        assert_eq!(body["gtin"], product(7).to_string());
        assert_eq!(body["title"], "Müsli \"Früh\"");
        assert_eq!(
            (&body["score"], &body["by"]),
            (&0.75.into(), &"person".into())
        );
        assert_eq!(body["presentation"], 7);
        assert!(body.get("margin").is_none(), "{body}");
    }
    // A till that has no word for it hears nothing of it.
    assert_eq!(read(&mut till, 2), [product(7), product(8)]);
}

#[test]
fn events_wait_for_a_receiver_across_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let (address, requests, thread) = receiver("127.0.0.1:0", "200");
    drop(requests);
    // Its next request ends it; then nobody listens there.
    let mut scanner = open(&hook(&address, folder.path()));
    assert_eq!(say(&mut scanner, 0), Ok(Sent::Sent));
    thread.join().unwrap();
    for number in 1..=3 {
        assert_eq!(say(&mut scanner, number), Ok(Sent::Sent));
    }
    assert_eq!(code(notice(&mut scanner)), Code::WebhookRefused);
    drop(scanner);
    let mut scanner = open(&hook(&address, folder.path()));
    assert_eq!(say(&mut scanner, 4), Ok(Sent::Sent));
    drop(scanner);
    let (_, requests, _) = receiver(&address, "200");
    let scanner = open(&hook(&address, folder.path()));
    let came: Vec<Request> = (0..4).map(|_| next(&requests)).collect();
    let products: Vec<Gtin> = came.iter().map(gtin).collect();
    assert_eq!(products, [1, 2, 3, 4].map(product));
    drop(scanner);
    assert!(requests.try_recv().is_err(), "nothing twice");
}

#[test]
fn a_spool_that_another_program_uses_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let text = hook("127.0.0.1:1", folder.path());
    let _first = open(&text);
    let mut second = open(&text);
    assert_eq!(code(notice(&mut second)), Code::SpoolUnusable);
    assert_eq!(second.check().unwrap_err().code(), Code::SpoolUnusable);
    let said = say(&mut second, 1);
    assert!(said.is_err() || said == Ok(Sent::Pending), "{said:?}");
}
