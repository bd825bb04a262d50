//! The real ports of the system, read from the other end as a till would.

use std::time::Duration;

use skueye_link::{
    AckSettings, AwaitAck, Link, PseudoTerminal, Received, Receiver, SerialLink, Step, TcpLink,
    Template, TemplateText, Terminator,
};
use skueye_models::Code;

fn template() -> Template {
    Template::parse(&TemplateText {
        prefix: r"\x02",
        suffix: r"\x03",
        terminator: Terminator::CrLf,
        ..Default::default()
    })
    .unwrap()
}

/// The till's end, opened as any other program would.
fn till(path: &str) -> Box<dyn serialport::SerialPort> {
    serialport::new(path, 9600)
        .timeout(Duration::from_secs(5))
        .open()
        .unwrap()
}

#[test]
fn the_till_reads_exactly_the_bytes_that_were_sent_though_it_came_late() {
    let (mut link, path) = PseudoTerminal::open().unwrap();
    let frame = template().encode("4006381333931".parse().unwrap());
    link.send(&frame).unwrap();
    let mut till = till(&path);
    let mut read = vec![0; frame.len()];
    till.read_exact(&mut read).unwrap();
    assert_eq!(read, b"\x024006381333931\x03\r\n");
    assert_eq!(till.bytes_to_read().unwrap(), 0);
}

#[test]
fn every_byte_passes_unchanged_both_ways() {
    let (mut link, path) = PseudoTerminal::open().unwrap();
    let mut till = till(&path);
    let every: Vec<u8> = (0..=255).collect();
    link.send(&every).unwrap();
    let mut read = vec![0; 256];
    till.read_exact(&mut read).unwrap();
    assert_eq!(read, every);
    till.write_all(&every).unwrap();
    assert_eq!(receive(&mut link, 256), every);
}

#[test]
fn a_refused_frame_is_sent_again_and_then_acknowledged() {
    let (mut link, path) = PseudoTerminal::open().unwrap();
    let mut till = till(&path);
    let frame = template().encode("96385074".parse().unwrap());
    let settings = AckSettings {
        timeout_ms: 1000,
        retries: 1,
    };
    let mut receiver = Receiver::default();
    link.send(&frame).unwrap();
    let mut wait = AwaitAck::sent(settings, 0);

    till.write_all(&[0x15]).unwrap();
    let heard = receiver.push(receive(&mut link, 1)[0]);
    assert_eq!(heard, Some(Received::Nak));
    assert_eq!(wait.on_nak(10), Step::Resend);
    link.send(&frame).unwrap();

    till.write_all(&[0x06]).unwrap();
    let heard = receiver.push(receive(&mut link, 1)[0]);
    assert_eq!(heard, Some(Received::Ack));
    assert_eq!(wait.on_ack(), Step::Delivered);
    let mut read = vec![0; 2 * frame.len()];
    till.read_exact(&mut read).unwrap();
    assert_eq!(read, [&frame[..], &frame[..]].concat());
}

#[test]
fn a_serial_port_is_opened_by_its_path_and_a_vanished_one_is_a_fault() {
    let (mut terminal, path) = PseudoTerminal::open().unwrap();
    let mut link = SerialLink::open(&path, 9600).unwrap();
    link.send(b"96385074\r").unwrap();
    assert_eq!(receive(&mut terminal, 9), b"96385074\r");
    drop(terminal);
    assert_eq!(link.send(b"1").unwrap_err().code(), Code::LinkWrite);
}

#[test]
fn a_till_that_never_reads_is_a_fault_not_a_hang() {
    let (mut link, _path) = PseudoTerminal::open().unwrap();
    let fault = (0..100_000).find_map(|_| link.send(b"4006381333931\r").err());
    assert_eq!(fault.unwrap().code(), Code::LinkWrite);
}

#[test]
fn a_port_that_is_not_there_is_a_fault_with_its_path() {
    let fault = SerialLink::open("/dev/no-such-port", 9600).unwrap_err();
    assert_eq!(fault.code(), Code::LinkOpen);
    assert_eq!(fault.path().unwrap().to_str(), Some("/dev/no-such-port"));
}

/// Bytes through a pseudo-terminal arrive at once, but not in one piece by contract.
fn receive(link: &mut impl Link, count: usize) -> Vec<u8> {
    let mut read = vec![0; count];
    let mut filled = 0;
    let begin = std::time::Instant::now();
    while filled < count {
        filled += link.receive(&mut read[filled..]).unwrap();
        assert!(begin.elapsed() < Duration::from_secs(5), "{filled} bytes");
        std::thread::yield_now();
    }
    read
}

#[test]
fn a_connection_carries_every_byte_and_its_end_is_a_fault() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut till = TcpLink::connect(&address).unwrap();
    let mut link = TcpLink::new(listener.accept().unwrap().0).unwrap();
    let every: Vec<u8> = (0..=255).collect();
    link.send(&every).unwrap();
    assert_eq!(receive(&mut till, 256), every);
    till.send(&every).unwrap();
    assert_eq!(receive(&mut link, 256), every);
    assert_eq!(link.receive(&mut []), Ok(0));
    drop(till);
    let begin = std::time::Instant::now();
    let fault = loop {
        match link.receive(&mut []) {
            Ok(_) => assert!(begin.elapsed() < Duration::from_secs(5)),
            Err(fault) => break fault,
        }
    };
    assert_eq!(fault.code(), Code::LinkWrite);
}

#[test]
fn a_connection_that_is_never_read_is_a_fault_not_a_hang() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let _till = TcpLink::connect(&address).unwrap();
    let mut link = TcpLink::new(listener.accept().unwrap().0).unwrap();
    let much = vec![b'1'; 1 << 20];
    let fault = (0..1000).find_map(|_| link.send(&much).err());
    assert_eq!(fault.unwrap().code(), Code::LinkWrite);
}
