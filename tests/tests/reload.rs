//! Settings that are read again while the device works: nothing that lies on the stage is lost or told twice.
//!
//! The program must have been built: `cargo build --release -p skueye-agent`.
#![forbid(unsafe_code)]

use skueye_tests::device::{Device, RED, TITLE};

/// With these nothing is sure enough.
const ALWAYS_ASK: &str = "margin = 2.0\n";

#[test]
fn settings_count_from_the_next_presentation_on_and_none_is_lost() {
    let mut device = Device::start("");
    device.works();
    // Asked for while an item lies there: it has its answer already, and the reload waits until it is gone.
    device.show(Some(RED));
    assert_eq!(device.event()["verdict"], "accept");
    device.set(ALWAYS_ASK);
    device.signal("HUP");
    device.clear();
    // The run with the old settings is over: whatever is laid down now is seen by the next, from its first frame on.
    let summary = device.next("summary");
    assert_eq!(summary["presentations"], 2, "{summary}");
    device.show(Some(RED));
    let event = device.event();
    assert_eq!(
        (&event["verdict"], &event["presentation"]),
        (&"ask".into(), &3.into())
    );
    assert_eq!(event["candidates"][0]["title"], TITLE);
    device.clear();
    device.signal("TERM");
    let summary = device.next("summary");
    assert_eq!(
        summary["presentations"], 1,
        "none was told twice: {summary}"
    );
    assert!(device.ended().success());
}

#[test]
fn settings_with_which_it_cannot_start_are_told_and_the_device_goes_on_with_those_it_has() {
    let mut device = Device::start("");
    device.works();
    for wrong in ["min_frams = 1\n", "[gallery]\npath = \"nothing.skg\"\n"] {
        device.set(wrong);
        device.signal("HUP");
        device.next("summary");
        device.connect_till();
        device.works();
    }
    let cookie = device.log_in();
    let (status, body, _) = device.get("/api/view", &cookie);
    let told = String::from_utf8_lossy(&body).into_owned();
    assert!(status == 200 && told.contains("E108"), "{status} {told}");
}
