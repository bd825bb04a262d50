//! The operator page of a device in memory: `cargo run --release -p skueye-page --features fake --example page [ADDRESS]`.
//! Every few seconds something is presented. The password is asked for once, with the code that is printed.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use skueye_models::{Fault, Verdict};
use skueye_page::fake::{FakeStation, shelf};
use skueye_page::station::Stage;
use skueye_page::{Access, Settings, serve};

fn main() -> Result<(), Fault> {
    let mut settings = Settings::default();
    if let Some(listen) = std::env::args().nth(1).and_then(|text| text.parse().ok()) {
        settings.listen = listen;
    }
    let file = std::env::temp_dir().join("skueye-page-example.json");
    let (access, code) = Access::open(&file)?;
    let station = FakeStation::new(shelf());
    let server = serve(settings, station.clone(), Arc::new(access))?;
    println!("the page is at http://{}", server.address());
    if let Some(code) = code {
        println!("one-time code: {code}");
    }
    loop {
        day(&station);
    }
}

/// Verdict, why an answer was withheld, places among the products with their scores.
type Presented<'a> = (Verdict, Option<&'a str>, &'a [(usize, f32)]);

/// A few presentations, with pauses in which nothing lies on the stage.
fn day(station: &FakeStation) {
    let unsure = [(0, 0.81), (1, 0.79), (2, 0.66), (3, 0.61)];
    let presentations: [Presented<'_>; 5] = [
        (Verdict::Accept, None, &[(4, 0.93), (5, 0.61)]),
        (Verdict::Ask, Some("small_margin"), &unsure),
        (Verdict::Accept, None, &[(6, 0.95)]),
        (Verdict::Reject, Some("unknown"), &[(7, 0.31)]),
        (Verdict::Ask, Some("blurred"), &[(8, 0.72), (5, 0.70)]),
    ];
    for (verdict, reason, candidates) in presentations {
        for stage in [Stage::Empty, Stage::Moving, Stage::Looking] {
            station.stage(stage);
            sleep(Duration::from_millis(1200));
        }
        station.present(verdict, reason, candidates);
        sleep(Duration::from_secs(6));
    }
}
