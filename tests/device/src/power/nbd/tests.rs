//! Sessions over a real socket.

use super::super::disk::Extent;
use super::request::{INVALID, encode};
use super::*;

const SIZE: u64 = 1 << 16;

/// A client that has negotiated, and the server's end.
fn session(work: impl FnOnce(&mut UnixStream)) -> (Result<(), Trouble>, Export) {
    let export = Export::new(Disk::new(SIZE));
    let (mut near, far) = UnixStream::pair().unwrap();
    let outcome = std::thread::scope(|scope| {
        let server = scope.spawn(|| export.serve(far));
        near.read_exact(&mut [0; 18]).unwrap();
        near.write_all(&3u32.to_be_bytes()).unwrap();
        near.write_all(b"IHAVEOPT\0\0\0\x01\0\0\0\0").unwrap();
        near.read_exact(&mut [0; 10]).unwrap();
        work(&mut near);
        drop(near);
        server.join().unwrap()
    });
    (outcome, export)
}

fn answer(stream: &mut UnixStream, bytes: usize) -> (u32, Vec<u8>) {
    let mut reply = vec![0; 16 + bytes];
    stream.read_exact(&mut reply).unwrap();
    let error = u32::from_be_bytes(reply[4..8].try_into().unwrap());
    (error, reply[16..].to_vec())
}

fn extent(offset: u64, length: u64) -> Extent {
    Extent::new(offset, length, SIZE).unwrap()
}

#[test]
fn what_is_written_is_read_and_is_in_the_log() {
    let (outcome, export) = session(|client| {
        let mut call = |kind, flags, offset, length, payload: &[u8], bytes| {
            let request = encode(kind, flags, offset, length, payload);
            client.write_all(&request).unwrap();
            answer(client, bytes)
        };
        assert_eq!(call(1, 0, 512, 512, &[7; 512], 0).0, 0);
        assert_eq!(call(0, 0, 512, 512, &[], 512), (0, vec![7; 512]));
        assert_eq!(call(3, 0, 0, 0, &[], 0).0, 0);
        assert_eq!(call(1, 1, 1024, 512, &[8; 512], 0).0, 0);
        assert_eq!(call(4, 0, 512, 512, &[], 0).0, 0);
        assert_eq!(call(0, 0, 512, 1024, &[], 1024).1[..512], [0; 512]);
        assert_eq!(call(0, 0, SIZE, 512, &[], 0).0, INVALID);
        assert_eq!(call(99, 0, 0, 512, &[], 0).0, INVALID);
    });
    outcome.unwrap();
    let change = |offset, content, durable| Event::Change {
        extent: extent(offset, 512),
        content,
        durable,
    };
    assert_eq!(
        export.take_log().events,
        [
            change(512, Content::Bytes(vec![7; 512]), false),
            Event::Flush { covers: 1 },
            change(1024, Content::Bytes(vec![8; 512]), true),
            change(512, Content::Zeros, false),
        ]
    );
}

#[test]
fn a_flush_covers_what_was_acknowledged_when_it_was_asked_for() {
    let (outcome, export) = session(|client| {
        let write = encode(1, 0, 0, 512, &[1; 512]);
        client.write_all(&write).unwrap();
        answer(client, 0);
        // The second write and the flush are under way together.
        let together = [write, encode(3, 0, 0, 0, &[])].concat();
        client.write_all(&together).unwrap();
        answer(client, 0);
        answer(client, 0);
    });
    outcome.unwrap();
    let events = export.take_log().events;
    assert_eq!(events.len(), 3);
    assert_eq!(events[2], Event::Flush { covers: 1 });
}

#[test]
fn bytes_that_are_no_request_end_the_session_with_an_error() {
    let (outcome, _) = session(|client| client.write_all(&[5; 28]).unwrap());
    assert!(
        outcome
            .unwrap_err()
            .to_string()
            .contains("in place of a request")
    );
    let (outcome, _) = session(|client| client.write_all(&[5; 3]).unwrap());
    outcome.unwrap();
}
