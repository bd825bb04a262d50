//! Serial noise at full rate: whatever arrives, the protocol takes no memory and does not stop.

use skueye_link::{AckSettings, AwaitAck, Gate, Received, Receiver, Step, Template, TriggerMode};

/// A second of a line at 4 Mbaud, by xorshift64.
fn noise() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let draw = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    });
    draw.take(400_000).collect()
}

#[test]
fn a_second_of_noise_takes_no_memory_and_the_next_answer_is_heard() {
    let (noise, template) = (noise(), Template::parse(&Default::default()).unwrap());
    let gtin = "4006381333931".parse().unwrap();
    let (mut commands, mut answers, mut garbage) = (0u32, 0u32, 0u32);
    let memory = allocation_counter::measure(|| {
        let mut receiver = Receiver::default();
        let mut gate = Gate::new(TriggerMode::Till);
        for byte in &noise {
            match receiver.push(*byte) {
                Some(Received::Command(command)) => {
                    gate.hear(command);
                    commands += 1;
                }
                Some(Received::Ack | Received::Nak) => answers += 1,
                Some(Received::Noise) => garbage += 1,
                None => {}
            }
        }
        let settings = AckSettings {
            timeout_ms: 100,
            retries: 2,
        };
        let mut waiting = AwaitAck::sent(settings, 0);
        assert_eq!(template.encode(gtin).len(), 14);
        assert_eq!(receiver.push(0x06), Some(Received::Ack));
        assert_eq!(waiting.on_ack(), Step::Delivered);
    });
    assert_eq!(memory.count_total, 0, "{memory:?}");
    // Two values in 256 are answers; 1 in 256 begins a command, which 4 letters and a CR complete by chance.
    assert!((2_500..4_000).contains(&answers), "{answers}");
    assert!(garbage > 300_000, "{garbage}");
    assert!(commands < 10, "{commands}");
}
