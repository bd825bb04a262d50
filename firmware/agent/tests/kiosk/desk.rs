//! People at the device: choosing when it is unsure, "not this", enrolling and taking back, while the loop runs.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use skueye_agent::desk::Desk;
use skueye_agent::moment::Activity;
use skueye_agent::pipeline::Output;
use skueye_agent::report::{Format, Reporter};
use skueye_agent::{Config, Policy};
use skueye_camera::{CameraError, Event, Frame, FrameSource, PixelFormat};
use skueye_models::{Code, Gtin, Verdict};
use skueye_page::Station;
use skueye_page::station::{Answer, EnrolStep, Presentation, View};

use super::shop::{HALF, Look, MAGENTA, RED, Shop, WIDTH, scene};

/// A camera in the hand of the test: it delivers what is put before it.
struct Hand(Receiver<Frame>);

impl FrameSource for Hand {
    fn next_frame(&mut self, into: &mut Frame) -> Result<Event, CameraError> {
        match self.0.recv() {
            Ok(frame) => {
                into.copy_from(&frame);
                Ok(Event::Frame)
            }
            Err(_) => Ok(Event::EndOfReplay),
        }
    }

    fn describe(&self) -> String {
        "hand".into()
    }
}

/// The stage of a device that runs.
struct Stage<'s> {
    desk: &'s Desk,
    frames: SyncSender<Frame>,
    sent: u64,
}

impl Stage<'_> {
    /// Shows so many frames and waits until the last has been looked at.
    fn show(&mut self, look: Option<Look>, count: u64) -> View {
        for _ in 0..count {
            let picture = scene(self.sent as u32, look.map(|look| (40, look)));
            let (width, height) = (picture.width(), picture.height());
            let frame = Frame {
                sequence: self.sent,
                timestamp: Duration::from_millis(self.sent * 66),
                format: PixelFormat::Rgb,
                width,
                height,
                stride: WIDTH * 3,
                data: picture.into_data(),
                ..Frame::default()
            };
            self.frames.send(frame).unwrap();
            self.sent += 1;
        }
        let sent = self.sent;
        // The frame after it is asked for once the last has been dealt with; its messages may still be on their way.
        self.until(|view| view.counts.frames >= sent)
    }

    fn until(&self, is: impl Fn(&View) -> bool) -> View {
        let begin = Instant::now();
        loop {
            let view = self.desk.view();
            if is(&view) {
                return view;
            }
            assert!(begin.elapsed() < Duration::from_secs(60), "{view:?}");
            std::thread::yield_now();
        }
    }

    /// Presents an item and takes it away; its presentation.
    fn present(&mut self, look: Look) -> Presentation {
        let before = self.desk.view().counts.presentations;
        self.show(Some(look), 12);
        self.show(None, 4);
        let view = self.until(|view| view.counts.presentations > before);
        assert_eq!(view.counts.presentations, before + 1, "one item, one event");
        view.recent[0].clone()
    }

    /// Asks for a shot of what is shown.
    fn shot(&mut self, look: Look) -> View {
        self.desk.enrol(EnrolStep::Shot).unwrap();
        self.show(Some(look), 6);
        self.until(|view| !view.enrolment.as_ref().unwrap().waiting)
    }
}

/// Runs a kiosk while `work` is at it; every line that it told.
fn at_work(shop: &Shop, work: impl FnOnce(&mut Stage<'_>) + Send) -> Vec<serde_json::Value> {
    let path = shop.settings("[link]\nduplicate_ms = 0\n[enrol]\nmin_sharpness = 0\n");
    let config = Config::load(&path).unwrap();
    let desk = Arc::new(Desk::new(&config, &path));
    let (frames, hand) = sync_channel(0);
    let mut told = Told::default();
    let kept = told.0.clone();
    std::thread::scope(|scope| {
        let people = Arc::clone(&desk);
        scope.spawn(move || {
            let mut stage = Stage {
                desk: &people,
                frames,
                sent: 0,
            };
            stage.show(None, 4);
            work(&mut stage);
        });
        let mut reporter = Reporter::new(&mut told, Format::Json);
        let mut observers = skueye_agent::report::Observers::default();
        observers.add(&mut reporter);
        observers.add(&desk.board);
        let output = Output {
            observer: &mut observers,
            link_log: Some(&shop.folder().join("till.log")),
            activity: &Activity::default(),
            desk: &desk,
        };
        skueye_agent::run(&config, Hand(hand), Policy::EveryFrame, output).unwrap();
    });
    super::lines(&kept.lock().unwrap())
}

#[derive(Default)]
struct Told(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Told {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn till(shop: &Shop) -> Vec<String> {
    let bytes = std::fs::read_to_string(shop.folder().join("till.log")).unwrap();
    bytes.split_terminator('\r').map(str::to_owned).collect()
}

#[test]
fn the_choice_of_an_unsure_answer_goes_to_the_till_once() {
    let shop = Shop::new();
    let red = shop.gtin("Red tea 20 bags");
    let lines = at_work(&shop, |stage| {
        let unsure = stage.present(HALF);
        assert_eq!(unsure.verdict, Verdict::Ask);
        assert_eq!(stage.desk.view().asks, Some(unsure.number));
        let choose = |answer| stage.desk.answer(unsure.number, answer);
        choose(Answer::Product(red)).unwrap();
        choose(Answer::Product(red)).unwrap();
        assert_eq!(
            choose(Answer::NotThis).unwrap_err().code(),
            Code::AnswerLate
        );
        let view = stage.until(|view| view.recent[0].sent == "sent");
        assert_eq!((view.asks, view.counts.corrected), (None, 1));
        let unknown = stage.desk.answer(99, Answer::NotThis);
        assert_eq!(unknown.unwrap_err().code(), Code::AnswerLate);
    });
    assert_eq!(till(&shop), [red.to_string()]);
    let answers = super::of_kind(&lines, "answer");
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0]["was"], red.to_string());
    assert_eq!(answers[0]["sent"], "sent");
}

#[test]
fn a_wrongly_chosen_tile_is_taken_back_and_asks_again() {
    let shop = Shop::new();
    let [red, green] = ["Red tea 20 bags", "Green tea 20 bags"].map(|title| shop.gtin(title));
    let lines = at_work(&shop, |stage| {
        let unsure = stage.present(HALF).number;
        let early = stage.desk.take_back(unsure).unwrap_err();
        assert_eq!(early.code(), Code::AnswerLate, "nothing was said yet");
        stage.desk.answer(unsure, Answer::Product(red)).unwrap();
        stage.until(|view| view.recent[0].sent == "sent");
        stage.desk.take_back(unsure).unwrap();
        let view = stage.until(|view| view.recent[0].sent == "void");
        assert_eq!((view.asks, view.counts.corrected), (Some(unsure), 0));
        assert_eq!(view.recent[0].answer, None);
        stage.desk.answer(unsure, Answer::Product(green)).unwrap();
        let view = stage.until(|view| view.recent[0].sent == "sent");
        assert_eq!((view.asks, view.counts.corrected), (None, 1));
        // One that the device had accepted is taken back by "not this", once.
        let accepted = stage.present(RED).number;
        assert!(stage.desk.take_back(accepted).is_err());
        stage.desk.answer(accepted, Answer::NotThis).unwrap();
        stage.until(|view| view.recent[0].sent == "void");
        assert!(stage.desk.take_back(accepted).is_err());
    });
    assert_eq!(till(&shop), [red, green, red].map(|gtin| gtin.to_string()));
    let of = |kind| super::of_kind(&lines, kind);
    assert_eq!((of("undone").len(), of("answer").len()), (1, 3));
    let voided: Vec<_> = of("taken_back")
        .iter()
        .map(|line| line["gtin"].clone())
        .collect();
    assert_eq!(voided, [red.to_string(), red.to_string()]);
    // What was taken back teaches nothing.
    let feedback = skueye_agent::desk::feedback::counting(&shop.folder().join("feedback.jsonl"));
    let learnt: Vec<_> = feedback.unwrap().iter().map(|c| c.was).collect();
    assert_eq!(learnt, [Some(green), None]);
}

#[test]
fn not_this_keeps_the_same_look_from_being_accepted_until_it_is_taken_back() {
    let shop = Shop::new();
    let red = shop.gtin("Red tea 20 bags");
    at_work(&shop, |stage| {
        let wrong = stage.present(RED);
        assert_eq!(wrong.verdict, Verdict::Accept);
        stage.desk.answer(wrong.number, Answer::NotThis).unwrap();
        let again = stage.present(RED);
        assert_eq!(again.verdict, Verdict::Ask);
        assert_eq!(again.reason.as_deref(), Some("corrected"));
        let right = Answer::Product(red);
        stage.desk.answer(again.number, right).unwrap();
        assert_eq!(stage.present(RED).verdict, Verdict::Accept);
    });
    assert_eq!(
        till(&shop),
        [red.to_string(), red.to_string(), red.to_string()]
    );
    // What was corrected counts after a restart too.
    let feedback = std::fs::read_to_string(shop.folder().join("feedback.jsonl")).unwrap();
    assert_eq!(feedback.lines().count(), 2);
}

#[test]
fn a_new_product_is_enrolled_found_and_taken_back() {
    let shop = Shop::new();
    let gtin = Gtin::from_body(400_638_133_399, 13).unwrap();
    let pictures = shop.folder().join("enrolled").join(gtin.to_string());
    at_work(&shop, |stage| {
        assert_eq!(stage.present(MAGENTA).verdict, Verdict::Reject);
        let begin = EnrolStep::Begin {
            gtin: gtin.to_string(),
            title: "Magenta tea".into(),
            category: "tea".into(),
        };
        let early = stage.desk.enrol(EnrolStep::Shot);
        assert_eq!(early.unwrap_err().code(), Code::EnrolStep);
        stage.desk.enrol(begin.clone()).unwrap();
        assert_eq!(stage.desk.enrol(begin).unwrap_err().code(), Code::EnrolStep);
        assert_eq!(
            stage.desk.enrol(EnrolStep::Save).unwrap_err().code(),
            Code::EnrolStep
        );
        let shots = |view: &View| view.enrolment.as_ref().unwrap().shots.len();
        assert_eq!(shots(&stage.shot(MAGENTA)), 1);
        let twice = stage.shot(MAGENTA);
        assert_eq!(shots(&twice), 1);
        let refused = twice.enrolment.unwrap().refused;
        assert_eq!(refused.as_deref(), Some("duplicate"));
        let saved = stage.desk.enrol(EnrolStep::Save).unwrap().unwrap();
        assert!(saved.saved && !saved.waiting);
        // The item still lies there; it is not sold until it is presented anew.
        let view = stage.show(Some(MAGENTA), 12);
        assert_eq!(view.counts.presentations, 1);
        stage.show(None, 4);
        let found = stage.present(MAGENTA);
        assert_eq!(found.verdict, Verdict::Accept);
        assert_eq!(found.candidates[0].title, "Magenta tea");
        assert!(stage.desk.view().recent[0].candidates[0].photo);
        assert_eq!(&stage.desk.photo(gtin).unwrap()[..2], [0xff, 0xd8]);
        assert_eq!(stage.desk.find("magenta", 9).len(), 1);
        stage.desk.enrol(EnrolStep::Undo).unwrap();
        assert_eq!(stage.present(MAGENTA).verdict, Verdict::Reject);
        assert!(!Path::exists(&pictures));
        let undone = stage.desk.enrol(EnrolStep::Undo);
        assert_eq!(undone.unwrap_err().code(), Code::EnrolStep);
    });
    assert_eq!(till(&shop), [gtin.to_string()]);
}

#[test]
fn an_open_presentation_has_its_event_when_an_enrolment_begins() {
    let shop = Shop::new();
    at_work(&shop, |stage| {
        stage.show(Some(HALF), 4);
        stage
            .desk
            .enrol(EnrolStep::Begin {
                gtin: Gtin::from_body(7, 13).unwrap().to_string(),
                title: "Seven".into(),
                category: String::new(),
            })
            .unwrap();
        stage.show(Some(HALF), 12);
        stage.until(|view| view.counts.presentations == 1);
        stage.desk.enrol(EnrolStep::Cancel).unwrap();
        stage.show(None, 4);
        assert_eq!(stage.present(RED).number, 2);
    });
}

#[test]
fn a_part_that_panics_ends_the_run_with_a_fault_and_the_next_run_works() {
    struct Broken;
    impl FrameSource for Broken {
        fn next_frame(&mut self, _: &mut Frame) -> Result<Event, CameraError> {
            panic!("a mistake in the program")
        }
        fn describe(&self) -> String {
            "broken".into()
        }
    }
    let shop = Shop::new();
    let path = shop.settings("[link]\npty = false\n");
    let config = Config::load(&path).unwrap();
    let desk = Desk::new(&config, &path);
    let mut told = Told::default();
    let output = Output {
        observer: &mut Reporter::new(&mut told, Format::Json),
        link_log: None,
        activity: &Activity::default(),
        desk: &desk,
    };
    let fault = skueye_agent::run(&config, Broken, Policy::LatestWins, output).unwrap_err();
    assert_eq!(fault.code(), Code::PartFailed);
    assert!(fault.to_string().contains("a mistake in the program"));
    at_work(&shop, |stage| {
        assert_eq!(stage.present(RED).verdict, Verdict::Accept);
    });
}

#[test]
fn a_product_of_the_shops_list_is_enrolled_by_number_and_goes_to_the_next_training() {
    let shop = Shop::new();
    let gtin = Gtin::from_body(400_638_133_399, 13).unwrap().to_string();
    let list = format!("gtin;title;category\n{gtin};Magenta tea;tea\n123;bad;\n");
    std::fs::write(shop.folder().join("list.csv"), list).unwrap();
    shop.settings("");
    let json = |arguments: &[&str]| {
        let output = super::skueye(&shop, arguments);
        assert!(output.status.success(), "{output:?}");
        super::lines(&output.stdout).remove(0)
    };
    let imported = json(&["enrolled", "import-names", "list.csv", "--json"]);
    assert_eq!(
        (&imported["products"], &imported["refused"]),
        (&1.into(), &1.into())
    );
    at_work(&shop, |stage| {
        stage
            .desk
            .enrol(EnrolStep::Begin {
                gtin: gtin.clone(),
                title: String::new(),
                category: String::new(),
            })
            .unwrap();
        stage.shot(MAGENTA);
        stage.desk.enrol(EnrolStep::Save).unwrap();
        stage.show(None, 4);
        let found = stage.present(MAGENTA);
        assert_eq!(found.candidates[0].title, "Magenta tea");
        stage.desk.answer(found.number, Answer::NotThis).unwrap();
    });
    let exported = json(&["enrolled", "export", "stick", "--json"]);
    assert_eq!(exported["pictures"], 1);
    assert_eq!(exported["corrections"], 1);
    let table = std::fs::read_to_string(shop.folder().join("stick/products.csv")).unwrap();
    let row = format!("{gtin}/1.jpg,Magenta tea,{gtin},tea");
    assert_eq!(table.lines().nth(1), Some(&row[..]));
    assert!(
        shop.folder()
            .join("stick")
            .join(&gtin)
            .join("1.jpg")
            .exists()
    );
    let again = super::skueye(&shop, &["enrolled", "export", "stick"]);
    assert!(!again.status.success(), "nothing is written over");
}
