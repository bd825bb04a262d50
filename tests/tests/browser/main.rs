//! A first day at the device in a real Chromium, through the real program: its page, its camera, its till. `cargo ci` installs
//! the browser where it may and runs this; by hand, once the program has been built:
//! `cargo test --release -p skueye-tests --test browser -- --ignored`.
#![forbid(unsafe_code)]

#[allow(dead_code, reason = "each test program uses a part")]
#[path = "../../../firmware/page/tests/support/driver.rs"]
mod driver;
#[allow(dead_code, reason = "each test program uses a part")]
#[path = "../../../firmware/page/tests/support/http.rs"]
mod http;

use serde_json::{Value, json};
use skueye_tests::device::{BLUE, Device, Look, RED, TITLE, gtin};

use driver::{Browser, Wish};

const PASSWORD: &str = "seven apples";
const NEW: &str = "96385074";
const MAGENTA: [u8; 3] = [250, 10, 250];
/// Three sides of a product that the gallery does not have.
const SIDES: [Look; 3] = [
    [MAGENTA; 2],
    [MAGENTA, [200, 40, 120]],
    [[120, 40, 200], MAGENTA],
];

/// The first visit, with the code that the device printed.
fn set_up(device: &Device) -> Browser {
    let browser = Browser::open(&format!("http://{}/", device.address), Wish::default());
    browser.fill("#code", &device.code);
    browser.fill("#password", PASSWORD);
    browser.fill("#again", PASSWORD);
    browser.click("#enter");
    browser.until("document.querySelector('.scan')");
    browser
}

#[test]
#[ignore = "needs Chromium: cargo ci"]
fn a_first_day_from_the_code_to_an_enrolment_that_is_taken_back() {
    let mut device = Device::start("[enrol]\nmin_sharpness = 0.0\n[link]\ntake_back = \"VOID \"\n");
    let browser = set_up(&device);
    a_scan_appears(&mut device, &browser);
    an_unsure_item_is_chosen(&mut device, &browser);
    a_product_is_enrolled(&mut device, &browser);
    assert_eq!(browser.errors(), [""; 0]);
}

fn a_scan_appears(device: &mut Device, browser: &Browser) {
    browser.sees(".idle", "Put an item on the stage");
    browser.until("document.querySelector('.preview img').naturalWidth === 160");
    device.show(Some(RED));
    browser.sees(".answer h1", TITLE);
    browser.sees(".foot", "Sent to the till");
    device.hears(&format!("{}\r", gtin()));
    assert_eq!(device.event()["verdict"], "accept");
    device.clear();
    browser.sees(".foot", "Ready for the next item");
}

fn an_unsure_item_is_chosen(device: &mut Device, browser: &Browser) {
    device.show(Some([RED[0], BLUE[0]]));
    assert_eq!(device.event()["verdict"], "ask");
    browser.until("document.querySelectorAll('.tile').length === 2");
    browser.picture("real-unsure");
    let tiles = "[...document.querySelectorAll('.tile .name')].map((name) => name.textContent)";
    let Value::Array(titles) = browser.value(tiles) else {
        panic!("no tiles")
    };
    let blue = titles.iter().position(|title| title == "Blue tea");
    browser.click(&format!("#tile-{}", blue.expect("blue is a tile") + 1));
    browser.sees(".answer h1", "Blue tea");
    device.hears("4006381333955\r");
    // It was the other one after all; this till has a word for taking a product back.
    browser.click("#change-main");
    device.hears("VOID 4006381333955\r");
    let red = titles.iter().position(|title| title == TITLE);
    browser.click(&format!("#tile-{}", red.expect("red is a tile") + 1));
    browser.sees(".answer h1", TITLE);
    device.hears(&format!("{}\r", gtin()));
    device.clear();
}

fn a_product_is_enrolled(device: &mut Device, browser: &Browser) {
    browser.click("a[href='#enrol']");
    browser.fill("#gtin", NEW);
    browser.fill("#title", "Magenta tea");
    browser.click("#begin");
    for (taken, side) in (1..).zip(SIDES) {
        device.show(Some(side));
        browser.click("#shoot");
        let count = format!("document.querySelectorAll('.shots .taken').length === {taken}");
        browser.until(&count);
        device.clear();
    }
    browser.picture("real-enrolment");
    browser.click("#save");
    browser.sees(".notice.yes", "Saved");
    browser.click("a[href='#scan']");
    device.show(Some(SIDES[0]));
    browser.sees(".answer h1", "Magenta tea");
    browser.until("document.querySelector('.answer .shot').naturalWidth > 0");
    browser.picture("real-recognised");
    device.hears(&format!("{NEW}\r"));
    assert_eq!(device.event()["gtin"], json!(NEW));
    device.clear();
    browser.click("a[href='#enrol']");
    browser.click("#undo");
    browser.sees("#banners", "taken back");
    browser.click("a[href='#scan']");
    device.show(Some(SIDES[0]));
    assert_eq!(device.event()["verdict"], "reject");
    browser.sees(".answer .chip", "Not known");
    device.clear();
}
