//! The page in a real Chromium. `cargo ci` installs the browser where it may and runs these; by hand:
//! `cargo test --release -p skueye-page --test browser -- --ignored`.
#![forbid(unsafe_code)]

mod support;

use skueye_models::Verdict;
use skueye_page::fake::camera_gone;
use skueye_page::station::{Answer, Health, Stage, UpdateView};
use skueye_page::{Access, Display, Settings};
use support::driver::{Browser, Wish};
use support::{Device, PASSWORD};

const UNSURE: [(usize, f32); 4] = [(0, 0.81), (1, 0.79), (2, 0.66), (3, 0.61)];
const ENTER: char = '\u{e007}';

/// A browser in which the password has been chosen already and given.
fn logged_in(device: &Device, wish: Wish<'_>) -> Browser {
    let browser = Browser::open(&device.url(), wish);
    if device.access.is_set_up() {
        browser.click("#session");
        browser.fill("#password", PASSWORD);
    } else {
        browser.fill("#code", &device.code.to_string());
        browser.fill("#password", PASSWORD);
        browser.fill("#again", PASSWORD);
    }
    browser.click("#enter");
    browser.until("document.querySelector('.scan')");
    browser
}

fn sound(browser: &Browser) {
    assert_eq!(browser.errors(), [""; 0]);
}

#[test]
#[ignore = "needs Chromium: cargo ci"]
fn first_visit_takes_the_code_and_a_wrong_one_is_said_so() {
    let device = Device::start();
    let browser = Browser::open(&device.url(), Wish::default());
    browser.fill("#code", "AAAA-BBBB");
    browser.fill("#password", PASSWORD);
    browser.fill("#again", PASSWORD);
    browser.click("#enter");
    browser.sees("#refused", "E715");
    browser.picture("first-visit");
    assert!(!device.access.is_set_up());
    browser.value("document.querySelector('#code').value = ''");
    browser.fill("#code", &device.code.to_string());
    browser.click("#enter");
    browser.until("document.querySelector('.scan')");
    assert!(device.access.is_set_up());
    browser.click("#session");
    browser.until("document.querySelector('#session').textContent === 'Log in'");
    browser.click("a[href='#log']");
    browser.fill("#password", "eight apples");
    browser.click("#enter");
    browser.sees("#refused", "E715");
    sound(&browser);
}

#[test]
#[ignore = "needs Chromium: cargo ci"]
fn a_kiosk_scans_without_a_login() {
    let device = Device::start();
    let browser = Browser::open(&device.url(), Wish::default());
    browser.click("#later");
    browser.sees(".idle", "Put an item on the stage");
    browser.picture("idle");
    device.station.stage(Stage::Looking);
    browser.sees(".idle", "Looking");
    device
        .station
        .present(Verdict::Accept, None, &[(4, 0.93), (5, 0.61)]);
    browser.sees(".answer h1", "Alpine Milk Chocolate 100 g");
    browser.sees("#spoken", "Alpine Milk Chocolate 100 g");
    browser.until("document.querySelector('.preview img').naturalWidth === 640");
    browser.picture("recognised");
    // Readable at two metres: letters of about 1/40 of the screen's height at least, here much more.
    let size = browser
        .value("parseFloat(getComputedStyle(document.querySelector('.answer h1')).fontSize)");
    assert!(size.as_f64().unwrap() >= 64.0, "{size}");
    browser.click("a[href='#enrol']");
    browser.until("document.querySelector('#code')");
    sound(&browser);
}

#[test]
#[ignore = "needs Chromium: cargo ci"]
fn an_unsure_item_is_chosen_by_key_and_by_touch() {
    let device = Device::start();
    let browser = logged_in(&device, Wish::default());
    let first = device
        .station
        .present(Verdict::Ask, Some("small_margin"), &UNSURE);
    browser.sees(".why", "Two products look much the same.");
    browser.until("document.querySelectorAll('.tile').length === 4");
    browser.until("[...document.querySelectorAll('.tile img')].every((image) => image.complete)");
    browser.picture("unsure");
    browser.press("2", 300);
    browser.sees(".answer h1", "Morning Oats Honey 500 g");
    let honey = device.station.sent()[0];
    assert_eq!(
        device.station.answer_to(first),
        Some(Answer::Product(honey))
    );
    let second = device
        .station
        .present(Verdict::Ask, Some("blurred"), &UNSURE);
    browser.sees(".why", "The picture is blurred.");
    browser.touch("#tile-3");
    browser.sees(".answer h1", "Morning Oats Cocoa 375 g");
    assert!(matches!(
        device.station.answer_to(second),
        Some(Answer::Product(_))
    ));
    let third = device.station.present(Verdict::Ask, None, &UNSURE);
    browser.until("document.querySelector('#tile-0')");
    browser.press("0", 300);
    browser.sees(".chip", "None of these");
    assert_eq!(device.station.answer_to(third), Some(Answer::NotThis));
    assert_eq!(device.station.sent().len(), 2);
    sound(&browser);
}

#[test]
#[ignore = "needs Chromium: cargo ci"]
fn a_wrong_tile_is_taken_back_and_keys_can_be_had_with_alt_or_not_at_all() {
    let device = Device::start();
    let browser = logged_in(&device, Wish::default());
    let number = device.station.present(Verdict::Ask, None, &UNSURE);
    browser.until("document.querySelector('#tile-1')");
    browser.press("1", 300);
    browser.sees(".answer .chip", "Chosen");
    browser.click("#change-main");
    browser.sees(".answer .foot", "void it there");
    assert_eq!(device.station.answer_to(number), None);
    let keys = |mode: &str| {
        browser.value(&format!(
            "(() => {{ const s = document.querySelector('#keys'); s.value = '{mode}'; s.dispatchEvent(new Event('change')); \
             document.activeElement.blur(); }})()"
        ));
    };
    let alt = |code: &str| {
        browser.value(&format!(
            "document.body.dispatchEvent(new KeyboardEvent('keydown', {{ code: '{code}', key: '¡', altKey: true, bubbles: true }}))"
        ));
    };
    keys("off");
    assert_eq!(
        browser.value("document.querySelectorAll('main kbd').length"),
        0
    );
    browser.press("2", 300);
    alt("Digit2");
    assert_eq!(device.station.answer_to(number), None);
    keys("alt");
    browser.press("2", 300);
    assert_eq!(device.station.answer_to(number), None);
    alt("Digit2");
    browser.sees(".answer .chip", "Chosen");
    assert_eq!(device.station.sent(), [device.station.candidate(1)]);
    alt("KeyN");
    browser.until("document.querySelector('#tile-1')");
    // A handheld scanner is no key.
    browser.press(&format!("4006381333962{ENTER}"), 2);
    browser.sees(".answer h1", "Morning Oats Berries 375 g");
    sound(&browser);
}

#[test]
#[ignore = "needs Chromium: cargo ci"]
fn a_scanner_that_types_chooses_by_number_and_never_by_a_digit() {
    let device = Device::start();
    let browser = logged_in(&device, Wish::default());
    let number = device
        .station
        .present(Verdict::Ask, Some("small_margin"), &UNSURE);
    browser.until("document.querySelector('#tile-4')");
    let berries = "4006381333962";
    browser.press(&format!("{berries}{ENTER}"), 2);
    browser.sees(".answer h1", "Morning Oats Berries 375 g");
    let sent: Vec<String> = device
        .station
        .sent()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(sent, [berries]);
    assert!(device.station.answer_to(number).is_some());
    // A number that is not asked for is a product to enrol.
    browser.press(&format!("96385074{ENTER}"), 2);
    browser.until("document.querySelector('#gtin')?.value === '96385074'");
    sound(&browser);
}

#[test]
#[ignore = "needs Chromium: cargo ci"]
fn a_press_counts_though_the_answer_is_drawn_anew_under_the_finger() {
    let device = Device::start();
    let browser = logged_in(&device, Wish::default());
    let number = device.station.present(Verdict::Accept, None, &[(4, 0.93)]);
    browser.sees(".answer h1", "Alpine Milk Chocolate 100 g");
    browser.press_on("#not-main");
    device.station.stage(Stage::Empty);
    browser.until("document.querySelector('.stage.empty')");
    browser.let_go();
    browser.sees(".answer .chip", "Taken back");
    browser.sees(".answer .foot", "Ready for the next item");
    assert_eq!(device.station.answer_to(number), Some(Answer::NotThis));
    sound(&browser);
}

#[test]
#[ignore = "needs Chromium: cargo ci"]
fn not_this_takes_a_product_back_in_every_browser() {
    let device = Device::start();
    let one = logged_in(&device, Wish::default());
    let other = logged_in(&device, Wish::default());
    let number = device.station.present(Verdict::Accept, None, &[(4, 0.93)]);
    for browser in [&one, &other] {
        browser.sees(".answer h1", "Alpine Milk Chocolate 100 g");
    }
    one.press("n", 300);
    for browser in [&one, &other] {
        browser.sees(".answer .chip", "Taken back");
    }
    assert_eq!(device.station.answer_to(number), Some(Answer::NotThis));
    device.station.present(Verdict::Ask, None, &UNSURE);
    one.until("document.querySelector('#tile-1')");
    other.click("#tile-1");
    one.sees(".answer h1", "Morning Oats Crunch 500 g");
    sound(&one);
    sound(&other);
}

#[test]
#[ignore = "needs Chromium: cargo ci"]
fn a_product_is_enrolled_with_a_refused_shot_and_taken_back() {
    let device = Device::start();
    let browser = logged_in(&device, Wish::default());
    device.station.shots([Err("glare"), Ok(()), Ok(()), Ok(())]);
    device.station.lookalikes(&[(4, 0.88)]);
    browser.click("a[href='#enrol']");
    browser.fill("#gtin", "4006381333932");
    browser.sees("#gtin-hint", "no valid number");
    browser.value("document.querySelector('#gtin').value = ''");
    // As a scanner types it: the number, then Enter.
    browser.fill("#gtin", &format!("]E04012345678901{ENTER}"));
    browser.until("document.activeElement.id === 'title'");
    browser.fill("#title", "Cherry Jam 340 g");
    browser.fill("#category", "Spreads");
    browser.click("#begin");
    browser.sees(".guide", "front up");
    assert_eq!(
        browser.value("document.querySelector('#save').disabled"),
        true
    );
    browser.click("#shoot");
    browser.sees(".notice.no", "The light is reflected.");
    browser.picture("shot-refused");
    for taken in 1..=3 {
        browser.click("#shoot");
        browser.until(&format!(
            "document.querySelectorAll('.shots .taken').length === {taken}"
        ));
        browser.until("!document.querySelector('#shoot').disabled");
    }
    browser.sees(".notice.ask", "Alpine Milk Chocolate 100 g");
    browser.picture("enrolment");
    browser.click(".shots li:nth-child(3) button");
    browser.until("document.querySelectorAll('.shots .taken').length === 2");
    browser.until("document.querySelector('#save').disabled");
    browser.value("document.activeElement.blur()");
    browser.press(" ", 300);
    browser.until("!document.querySelector('#save').disabled");
    browser.click("#save");
    browser.sees(".notice.yes", "Saved");
    assert!(
        device
            .station
            .titles()
            .contains(&"Cherry Jam 340 g".to_owned())
    );
    browser.click("#undo");
    browser.sees("#banners", "taken back");
    assert!(
        !device
            .station
            .titles()
            .contains(&"Cherry Jam 340 g".to_owned())
    );
    // A product that is known keeps its name.
    browser.fill("#gtin", "4006381333931");
    browser.sees("#gtin-hint", "Known: Morning Oats Crunch 500 g");
    browser.until("document.querySelector('#title').value === 'Morning Oats Crunch 500 g'");
    sound(&browser);
}

#[test]
#[ignore = "needs Chromium: cargo ci"]
fn a_title_that_attacks_is_shown_as_text_everywhere() {
    let device = Device::start();
    let browser = logged_in(&device, Wish::default());
    let hostile = "<img src=x onerror=";
    device.station.present(Verdict::Accept, None, &[(8, 0.9)]);
    browser.sees(".answer h1", hostile);
    device
        .station
        .present(Verdict::Ask, None, &[(8, 0.7), (4, 0.69)]);
    browser.sees(".tile .name", hostile);
    browser.click("#tile-2");
    browser.sees(".answer h1", "Alpine");
    browser.click("a[href='#log']");
    browser.sees(".lines", hostile);
    browser.click("a[href='#enrol']");
    browser.fill("#gtin", "96385074");
    browser.fill("#title", "<script>document.title='owned'</script>");
    browser.click("#begin");
    browser.sees("h2", "<script>");
    device.station.set(|view| {
        view.troubles = vec![skueye_page::station::Trouble {
            code: "E999".into(),
            text: "<b>bold</b>".into(),
            remedy: "none".into(),
        }]
    });
    browser.sees("#banners", "<b>bold</b>");
    assert_eq!(browser.value("document.title"), "Skueye");
    assert_eq!(
        browser.value("document.querySelectorAll('main b, main img[src=x], #banners b').length"),
        0
    );
    sound(&browser);
}

#[test]
#[ignore = "needs Chromium: cargo ci"]
fn log_and_device_show_the_day_the_confusions_and_what_is_wrong() {
    let device = Device::start();
    let station = &device.station;
    for _ in 0..3 {
        let number = station.present(Verdict::Ask, Some("small_margin"), &UNSURE);
        let honey = station.candidate(1);
        skueye_page::Station::answer(&**station, number, Answer::Product(honey)).unwrap();
    }
    let number = station.present(Verdict::Accept, None, &[(4, 0.93)]);
    skueye_page::Station::answer(&**station, number, Answer::NotThis).unwrap();
    station.present(Verdict::Reject, Some("unknown"), &[(7, 0.31)]);
    for (product, score) in [(6, 0.95), (5, 0.91), (7, 0.97)] {
        station.present(Verdict::Accept, None, &[(product, score)]);
    }
    let browser = logged_in(&device, Wish::default());
    browser.click("a[href='#log']");
    browser.sees(".lines", "The device said: Morning Oats Crunch 500 g");
    browser.sees(".lines", "It was: Morning Oats Honey 500 g");
    browser.until("document.querySelector('#day').value === '2026-03-14'");
    browser.picture("log");
    browser.click("#day-before");
    browser.sees("main", "Nothing happened on this day.");
    let camera = Some(camera_gone());
    station.set_health(Health {
        camera,
        ..Health::default()
    });
    station
        .set_settings_problems(&["line 14: camera.widht is not known; did you mean camera.width?"]);
    station.set(|view| {
        view.update = UpdateView {
            release: Some("2026.03".into()),
            staged: Some("2026.04".into()),
            percent: Some(62),
        }
    });
    browser.sees("#banners", "Preparing: 60 %");
    browser.click("a[href='#device']");
    browser.sees(".parts", "E305");
    browser.until("!document.querySelector('#banners').textContent.includes('60 %')");
    browser.sees("main", "did you mean camera.width");
    browser.sees("#banners", "Check its plug.");
    browser.until("document.querySelector('progress').value === 62");
    browser.picture("device");
    sound(&browser);
}

#[test]
#[ignore = "needs Chromium: cargo ci"]
fn on_a_narrow_phone_nothing_is_wider_than_the_screen_and_targets_are_large() {
    let device = Device::start();
    let phone = || Wish {
        width: 360,
        height: 740,
        ..Wish::default()
    };
    let browser = logged_in(&device, phone());
    let fits = |place: &str| {
        let wide = browser.value("document.documentElement.scrollWidth");
        assert!(wide.as_u64().unwrap() <= 360, "{place} is {wide} wide");
        let small = browser.value(
            "[...document.querySelectorAll('button, select, input, nav a, a.button')].filter((e) => e.offsetParent) \
             .filter((e) => e.getBoundingClientRect().height < 48 || e.getBoundingClientRect().width < 48).map((e) => e.outerHTML)",
        );
        assert_eq!(small, serde_json::json!([]), "{place}");
    };
    device.station.present(Verdict::Accept, None, &[(8, 0.93)]);
    browser.sees(".answer h1", "onerror");
    fits("a long title");
    device.station.present(Verdict::Accept, None, &[(4, 0.93)]);
    browser.sees(".answer h1", "Alpine");
    fits("an answer");
    browser.picture("phone-recognised");
    device
        .station
        .present(Verdict::Ask, Some("small_margin"), &UNSURE);
    browser.until("document.querySelector('#tile-4')");
    browser.until("[...document.querySelectorAll('.tile img')].every((image) => image.complete)");
    fits("tiles");
    browser.picture("phone-unsure");
    for tab in ["enrol", "log", "device"] {
        browser.click(&format!("a[href='#{tab}']"));
        browser.until("document.querySelector('main h1')");
        fits(tab);
    }
    browser.click("a[href='#enrol']");
    browser.fill("#gtin", "96385074");
    browser.fill("#title", "Cherry Jam 340 g");
    browser.click("#begin");
    browser.until("document.querySelector('#shoot')");
    fits("shots");
    sound(&browser);
}

#[test]
#[ignore = "needs Chromium: cargo ci"]
fn a_german_browser_gets_german_and_the_choice_stays() {
    let device = Device::start();
    let dark = Wish {
        language: "de",
        dark: true,
        ..Wish::default()
    };
    let browser = logged_in(&device, dark);
    device
        .station
        .present(Verdict::Ask, Some("small_margin"), &UNSURE);
    browser.sees(".chip", "Welches ist es?");
    browser.until("[...document.querySelectorAll('.tile img')].every((image) => image.complete)");
    browser.picture("german-dark");
    assert_eq!(browser.value("document.documentElement.lang"), "de");
    browser.value("(() => { const s = document.querySelector('#language'); s.value = 'en'; s.dispatchEvent(new Event('change')); })()");
    browser.sees(".chip", "Which one is it?");
    browser.value("location.reload()");
    browser.sees(".chip", "Which one is it?");
    sound(&browser);
}

#[test]
#[ignore = "needs Chromium: cargo ci"]
fn the_keyboard_alone_is_enough() {
    let device = Device::start();
    let browser = logged_in(&device, Wish::default());
    device
        .station
        .present(Verdict::Ask, Some("small_margin"), &UNSURE);
    browser.until("document.querySelector('#tile-1')");
    let tab = '\u{e004}';
    let mut reached = false;
    for _ in 0..20 {
        browser.press(&tab.to_string(), 0);
        if browser.value("document.activeElement.id") == "tile-1" {
            reached = true;
            break;
        }
    }
    assert!(reached, "the first tile cannot be reached");
    // The first stop skips the head, and does not leave the tab.
    browser.value("document.querySelector('.skip').click()");
    assert_eq!(browser.value("document.activeElement.id"), "main");
    browser.value("document.querySelector('#tile-1').focus()");
    let outline = browser.value("getComputedStyle(document.activeElement).outlineStyle");
    assert_eq!(outline, "solid");
    browser.press(&ENTER.to_string(), 300);
    browser.sees(".answer h1", "Morning Oats Crunch 500 g");
    sound(&browser);
}

#[test]
#[ignore = "needs Chromium: cargo ci"]
fn a_session_that_was_ended_elsewhere_leads_back_to_the_code() {
    let display = Display::Nobody;
    let device = Device::with(Settings {
        display,
        ..Settings::default()
    });
    let browser = logged_in(&device, Wish::default());
    device.station.present(Verdict::Accept, None, &[(4, 0.93)]);
    browser.sees(".answer h1", "Alpine Milk Chocolate 100 g");
    let code = Access::reset(device.folder.path().join("access.json")).unwrap();
    browser.until("document.querySelector('#code')");
    assert!(!browser.text("main").contains("Alpine"));
    browser.fill("#code", &code.to_string());
    browser.fill("#password", PASSWORD);
    browser.fill("#again", PASSWORD);
    browser.click("#enter");
    browser.sees(".answer h1", "Alpine Milk Chocolate 100 g");
}

#[test]
#[ignore = "needs Chromium: cargo ci"]
fn a_device_that_is_gone_is_said_so_and_found_again() {
    let mut device = Device::start();
    let browser = logged_in(&device, Wish::default());
    let address = device.server.address();
    let settings = Settings {
        listen: address,
        ..Default::default()
    };
    let (station, access) = (device.station.clone(), device.access.clone());
    let other = Device::start();
    drop(std::mem::replace(&mut device.server, other.server));
    browser.sees("#banners", "does not answer");
    device.server = skueye_page::serve(settings, station, access).unwrap();
    device.station.present(Verdict::Accept, None, &[(4, 0.93)]);
    browser.sees(".answer h1", "Alpine Milk Chocolate 100 g");
}
