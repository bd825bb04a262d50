use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use skueye_models::{EmbeddingId, Gtin, Thresholds, Verdict};

use super::disk::FileName;
use super::entry::{Candidate, Decision, Failure};
use super::reading::verify_on;
use super::report::DayReport;
use super::*;

const DAY_MS: u64 = 86_400_000;
/// 2027-01-15.
const NOW: u64 = 20_833 * DAY_MS;
const ALL: Keep = Keep {
    days: 1000,
    bytes: u64::MAX,
};

/// A disk that forgets what was not synced, is full when it is told so, and loses power at an operation that is told.
#[derive(Clone, Default)]
struct FakeDisk(Arc<Mutex<Inner>>);

#[derive(Clone, Default)]
struct Inner {
    files: BTreeMap<String, File>,
    /// Bytes that fit, where that is bounded.
    room: Option<usize>,
    /// Operations until the power goes.
    left: Option<u32>,
    operations: u32,
}

#[derive(Clone, Default)]
struct File {
    bytes: Vec<u8>,
    /// So many bytes survive for certain.
    synced: usize,
    /// Whether the folder knows of it for certain.
    is_listed: bool,
}

impl FakeDisk {
    fn operation<T>(&self, work: impl FnOnce(&mut Inner) -> io::Result<T>) -> io::Result<T> {
        let mut inner = self.0.lock().unwrap();
        inner.operations += 1;
        match &mut inner.left {
            Some(0) => return Err(io::Error::other("no power")),
            Some(left) => *left -= 1,
            None => {}
        }
        work(&mut inner)
    }

    /// The disk after the power came back: of what was not synced, `share` of 4 quarters is there.
    fn after_power_cut(&self, share: usize) -> Self {
        let mut inner = self.0.lock().unwrap().clone();
        inner.files.retain(|_, file| file.is_listed || share > 0);
        for file in inner.files.values_mut() {
            let more = (file.bytes.len() - file.synced) * share / 4;
            file.bytes.truncate(file.synced + more);
            (file.synced, file.is_listed) = (file.bytes.len(), true);
        }
        (inner.left, inner.room) = (None, None);
        Self(Arc::new(Mutex::new(inner)))
    }

    fn edit(&self, work: impl FnOnce(&mut Inner)) {
        work(&mut self.0.lock().unwrap());
    }

    fn verified(&self) -> Verified {
        verify_on(&mut self.clone()).unwrap()
    }

    /// What every line says, in order.
    fn said(&self) -> Vec<String> {
        let inner = self.0.lock().unwrap();
        let files = inner
            .files
            .iter()
            .filter(|(name, _)| name.ends_with(".jsonl"));
        let lines = files.flat_map(|(_, file)| file.bytes.split(|b| *b == b'\n'));
        let lines = lines.filter_map(|line| serde_json::from_slice::<Line>(line).ok());
        lines
            .filter_map(|line| match line.entry {
                Entry::Fault(fault) => Some(fault.got),
                Entry::Gap { lines, .. } => Some(format!("gap {lines}")),
                Entry::Cut { .. } => Some("cut".into()),
                Entry::Wiped { files } => Some(format!("wiped {files}")),
                _ => None,
            })
            .collect()
    }
}

impl Disk for FakeDisk {
    fn list(&mut self) -> io::Result<Vec<(FileName, u64)>> {
        self.operation(|inner| {
            let folder = tempfile::tempdir()?;
            for (name, file) in &inner.files {
                std::fs::write(folder.path().join(name), &file.bytes)?;
            }
            Folder::to_read(folder.path()).list()
        })
    }

    fn read(&mut self, name: &str) -> io::Result<Option<Vec<u8>>> {
        self.operation(|inner| Ok(inner.files.get(name).map(|file| file.bytes.clone())))
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.operation(|inner| {
            let fits = inner.room.map_or(bytes.len(), |room| room.min(bytes.len()));
            inner.room = inner.room.map(|room| room - fits);
            let file = inner.files.entry(name.into()).or_default();
            file.bytes.extend(&bytes[..fits]);
            match fits == bytes.len() {
                true => Ok(()),
                false => Err(ErrorKind::StorageFull.into()),
            }
        })
    }

    fn cut(&mut self, name: &str, length: u64) -> io::Result<()> {
        self.operation(|inner| {
            let file = inner.files.get_mut(name).ok_or(ErrorKind::NotFound)?;
            let synced = file.bytes[..file.synced].get(length as usize..);
            let lines = synced.unwrap_or_default().contains(&b'\n');
            assert!(!lines, "a line that is on the disk is never cut off");
            file.synced = file.synced.min(length as usize);
            file.bytes.truncate(length as usize);
            Ok(())
        })
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.operation(|inner| {
            let file = inner.files.get_mut(name).ok_or(ErrorKind::NotFound)?;
            file.synced = file.bytes.len();
            Ok(())
        })
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        self.operation(|inner| {
            inner
                .files
                .values_mut()
                .for_each(|file| file.is_listed = true);
            Ok(())
        })
    }

    fn replace(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.operation(|inner| {
            let file = File {
                bytes: bytes.into(),
                synced: bytes.len(),
                is_listed: true,
            };
            inner.files.insert(name.into(), file);
            Ok(())
        })
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.operation(|inner| {
            inner.files.remove(name);
            Ok(())
        })
    }
}

fn line(time: u64, text: &str) -> Pending {
    let failure = Failure {
        code: "E305".into(),
        path: None,
        got: text.into(),
        times: 1,
    };
    Pending {
        time,
        entry: Entry::Fault(failure),
    }
}

fn writer(disk: &FakeDisk, keep: Keep) -> Writer<FakeDisk> {
    Writer::open(disk.clone(), keep).unwrap().0
}

fn write(writer: &mut Writer<FakeDisk>, lines: &[(u64, &str)]) -> io::Result<()> {
    writer.write(&mut lines.iter().map(|(time, text)| line(*time, text)).collect())
}

#[test]
fn a_clock_that_jumps_reorders_and_overwrites_nothing() {
    let disk = FakeDisk::default();
    let mut log = writer(&disk, ALL);
    let times = [NOW, NOW + DAY_MS, NOW - 900 * DAY_MS, NOW + 1, 0, NOW + 2];
    for (time, text) in times.iter().zip(["a", "b", "c", "d", "e", "f"]) {
        write(&mut log, &[(*time, text)]).unwrap();
    }
    assert_eq!(disk.said(), ["a", "b", "c", "d", "e", "f"]);
    let verified = disk.verified();
    assert!(verified.is_sound(), "{verified:?}");
    assert_eq!(
        (verified.files, verified.first, verified.last),
        (6, Some(1), Some(12))
    );
}

#[test]
fn every_start_is_counted_and_goes_on_in_the_same_file() {
    let disk = FakeDisk::default();
    for text in ["a", "b", "c"] {
        write(&mut writer(&disk, ALL), &[(NOW, text)]).unwrap();
    }
    let inner = disk.0.lock().unwrap();
    assert_eq!(inner.files.len(), 1);
    let bytes = &inner.files.values().next().unwrap().bytes;
    let lines = bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    let boots: Vec<u32> = lines
        .map(|line| serde_json::from_slice::<Line>(line).unwrap().boot)
        .collect();
    assert_eq!(boots, [1, 1, 2, 3]);
}

/// Some days of work with retention, in which everything the writer does happens.
fn work(disk: &FakeDisk) -> (io::Result<()>, Vec<&'static str>) {
    let (keep, mut written) = (Keep { days: 2, ..ALL }, Vec::new());
    let outcome = Writer::open(disk.clone(), keep).and_then(|(mut log, _)| {
        let days = [
            (0, ["a", "b"]),
            (0, ["c", "d"]),
            (1, ["e", "f"]),
            (2, ["g", "h"]),
        ];
        for (day, texts) in days {
            write(&mut log, &texts.map(|text| (NOW + day * DAY_MS, text)))?;
            // A sync that fails is a warning; the power is gone then.
            if log.warning().is_none() {
                written.extend(texts);
            }
        }
        Ok(())
    });
    (outcome, written)
}

#[test]
fn a_power_cut_at_any_operation_costs_only_what_was_under_way() {
    let whole = FakeDisk::default();
    assert!(work(&whole).0.is_ok());
    let operations = whole.0.lock().unwrap().operations;
    assert!(operations > 15, "{operations}");
    for at in 0..operations {
        for share in 0..=4 {
            let disk = FakeDisk::default();
            disk.edit(|inner| inner.left = Some(at));
            let (_, written) = work(&disk);
            let disk = disk.after_power_cut(share);
            let before = disk.verified();
            assert!(before.is_sound(), "at {at}, {share}: {before:?}");
            write(&mut writer(&disk, ALL), &[(NOW, "later")]).unwrap();
            let (said, verified) = (disk.said(), disk.verified());
            assert!(
                verified.is_sound() && verified.torn_bytes == 0,
                "at {at}: {verified:?}"
            );
            let kept: Vec<&str> = said
                .iter()
                .map(String::as_str)
                .filter(|s| s.len() == 1)
                .collect();
            // Beyond what retention took, everything that the writer said it had written is there, in order.
            let all = ["a", "b", "c", "d", "e", "f", "g", "h"];
            let first = all
                .iter()
                .position(|text| Some(text) == kept.first())
                .unwrap_or(0);
            assert!(
                all[first..].starts_with(&kept),
                "at {at}, {share}: {said:?}"
            );
            assert!(
                first + kept.len() >= written.len() || kept.is_empty() && written.is_empty(),
                "at {at}, {share}: {said:?} lacks of {written:?}"
            );
            assert!(
                first == 0 || written.len() >= 6,
                "at {at}, {share}: {said:?}"
            );
            assert_eq!(
                before.torn_bytes > 0,
                said.contains(&"cut".into()),
                "at {at}, {share}"
            );
            assert_eq!(said.last().unwrap(), "later");
        }
    }
}

#[test]
fn whole_files_go_when_their_days_or_bytes_are_over_and_the_chain_still_holds() {
    let disk = FakeDisk::default();
    let mut log = writer(&disk, Keep { days: 3, ..ALL });
    for day in 0..7 {
        write(&mut log, &[(NOW + day * DAY_MS, &format!("{day}"))]).unwrap();
    }
    assert_eq!(disk.said(), ["4", "5", "6"]);
    let verified = disk.verified();
    assert!(verified.is_sound(), "{verified:?}");
    assert_eq!((verified.first, verified.last), (Some(9), Some(14)));
    let mut log = writer(&disk, Keep { days: 3, bytes: 1 });
    write(&mut log, &[(NOW + 8 * DAY_MS, "8")]).unwrap();
    assert_eq!(disk.said(), ["8"]);
    assert!(disk.verified().is_sound());
}

#[test]
fn a_removed_file_and_a_removed_or_changed_line_are_found() {
    let disk = FakeDisk::default();
    let mut log = writer(&disk, ALL);
    for day in 0..3 {
        write(
            &mut log,
            &[(NOW + day * DAY_MS, "a"), (NOW + day * DAY_MS, "b")],
        )
        .unwrap();
    }
    let names: Vec<String> = disk.0.lock().unwrap().files.keys().cloned().collect();
    for name in &names[..2] {
        let other = disk.after_power_cut(4);
        other.edit(|inner| drop(inner.files.remove(name)));
        assert_eq!(other.verified().problems.len(), 1, "{name}");
    }
    let bytes = disk.0.lock().unwrap().files[&names[1]].bytes.clone();
    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|b| *b == b'\n').collect();
    lines.remove(1);
    disk.edit(|inner| inner.files.get_mut(&names[1]).unwrap().bytes = lines.concat());
    let problems = disk.verified().problems;
    assert_eq!(
        (problems[0].file.as_str(), problems[0].line),
        (names[1].as_str(), 2)
    );
}

proptest! {
    #[test]
    fn no_changed_byte_goes_unnoticed_and_none_stops_the_next_start(at in 0..10_000_usize, bit in 0..8_u32) {
        let disk = FakeDisk::default();
        write(&mut writer(&disk, ALL), &[(NOW, "a"), (NOW, "b"), (NOW, "c")]).unwrap();
        disk.edit(|inner| {
            let file = inner.files.values_mut().next().unwrap();
            let at = at % file.bytes.len();
            file.bytes[at] ^= 1_u8 << bit;
        });
        let verified = disk.verified();
        prop_assert!(!verified.is_sound() || verified.torn_bytes > 0);
        // A part of a line is what a power cut leaves; the fake knows better that this was on the disk.
        disk.edit(|inner| inner.files.values_mut().for_each(|file| file.synced = 0));
        write(&mut writer(&disk, ALL), &[(NOW, "later")]).unwrap();
        prop_assert!(disk.said().contains(&"later".to_owned()));
    }
}

#[test]
fn a_damaged_file_is_left_as_it_is_and_the_log_goes_on_in_another() {
    let disk = FakeDisk::default();
    write(&mut writer(&disk, ALL), &[(NOW, "a"), (NOW, "b")]).unwrap();
    let name = disk.0.lock().unwrap().files.keys().next().unwrap().clone();
    disk.edit(|inner| inner.files.get_mut(&name).unwrap().bytes[300] ^= 1);
    let bytes = disk.0.lock().unwrap().files[&name].bytes.clone();
    let (mut log, found) = Writer::open(disk.clone(), ALL).unwrap();
    assert_eq!(found.damaged.as_ref(), Some(&name));
    write(&mut log, &[(NOW, "c")]).unwrap();
    assert_eq!(disk.0.lock().unwrap().files[&name].bytes, bytes);
    assert_eq!(disk.verified().problems[0].file, name);
}

#[test]
fn a_wiped_log_says_so_and_its_chain_goes_on() {
    let disk = FakeDisk::default();
    let mut log = writer(&disk, ALL);
    write(&mut log, &[(NOW, "secret"), (NOW + DAY_MS, "secret")]).unwrap();
    let files = log.wipe().unwrap();
    let entry = Entry::Wiped { files };
    log.write(&mut vec![Pending { time: NOW, entry }]).unwrap();
    assert_eq!(disk.said(), ["wiped 2"]);
    let verified = disk.verified();
    assert!(verified.is_sound(), "{verified:?}");
    assert_eq!(verified.first, Some(5));
}

static CLOCK: AtomicU64 = AtomicU64::new(NOW);

fn clock() -> u64 {
    CLOCK.load(Ordering::Relaxed)
}

#[test]
fn a_full_disk_stops_nothing_and_what_did_not_fit_in_memory_is_counted() {
    let disk = FakeDisk::default();
    disk.edit(|inner| inner.room = Some(2000));
    let opened = disk.clone();
    let log = DecisionLog::with(Path::new("log"), ALL, clock, move || Ok(opened.clone()));
    let handle = log.handle();
    let add = |n: usize| handle.add(line(0, &n.to_string()).entry);
    add(0);
    handle.settle();
    let more = MOST_WAITING + 500;
    (1..=more).for_each(add);
    handle.settle();
    assert_eq!(handle.trouble().unwrap().code(), Code::LogUnwritable);
    assert_eq!(handle.news().unwrap().code(), Code::LogUnwritable);
    assert_eq!(handle.news(), None, "told once");
    assert!(disk.verified().is_sound());
    disk.edit(|inner| inner.room = None);
    drop(log);
    let said = disk.said();
    let (_, lost) = handle.waiting();
    assert!(lost >= 1, "{lost}");
    let gap = said
        .iter()
        .position(|text| *text == format!("gap {lost}"))
        .unwrap();
    assert_eq!(said.len() - 1 + lost as usize, more + 1);
    assert_eq!(said[gap + 1..].last().unwrap(), &more.to_string());
    assert!(disk.verified().is_sound());
    assert_eq!(disk.verified().dropped, lost);
}

#[test]
fn one_program_writes_a_log_and_others_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = DecisionLog::open(folder.path(), ALL);
    let handle = log.handle();
    handle.add(line(0, "a").entry);
    handle.settle();
    assert_eq!(wipe(folder.path()).unwrap_err().code(), Code::LogBusy);
    let other = DecisionLog::open(folder.path(), ALL);
    let second = other.handle();
    second.add(line(0, "b").entry);
    second.settle();
    assert_eq!(second.trouble().unwrap().code(), Code::LogBusy);
    let day = *days(folder.path()).unwrap().last().unwrap();
    assert_eq!(log.day(day).unwrap().lines.len(), 2);
    assert!(verify(folder.path()).unwrap().is_sound());
    drop(log);
    assert_eq!(wipe(folder.path()), Ok(1));
    assert!(verify(folder.path()).unwrap().is_sound());
}

fn decision(presentation: u32, verdict: Verdict, bodies: &[u64]) -> Entry {
    let candidates: Vec<_> = bodies
        .iter()
        .map(|body| Candidate {
            gtin: gtin(*body),
            title: format!("tea {body}"),
            score: 0.7,
        })
        .collect();
    Entry::Event(Box::new(Decision {
        presentation,
        verdict,
        reason: (verdict != Verdict::Accept).then(|| "small_margin".into()),
        gtin: candidates
            .first()
            .map(|best| best.gtin)
            .filter(|_| verdict == Verdict::Accept),
        margin: Some(0.1),
        votes: 3,
        agreeing: 3,
        candidates,
        sent: "sent".into(),
        setup: Setup {
            model: EmbeddingId([1; 16]),
            gallery: "1-2".into(),
            thresholds: Thresholds::CLOSED,
        },
    }))
}

fn gtin(body: u64) -> Gtin {
    Gtin::from_body(body, 13).unwrap()
}

fn answer(presentation: u32, said: u64, was: Option<u64>) -> Entry {
    Entry::Correction {
        presentation,
        said: Some(gtin(said)),
        was: was.map(gtin),
    }
}

#[test]
fn a_day_is_reported_with_what_was_taken_for_what() {
    let entries = [
        decision(1, Verdict::Accept, &[1]),
        decision(2, Verdict::Accept, &[1, 2]),
        answer(2, 1, Some(2)),
        answer(2, 1, Some(2)),
        decision(3, Verdict::Ask, &[2, 3]),
        answer(3, 2, Some(3)),
        Entry::Undone { presentation: 3 },
        answer(3, 2, Some(2)),
        decision(4, Verdict::Accept, &[1]),
        answer(4, 1, Some(2)),
        decision(5, Verdict::Reject, &[]),
        decision(6, Verdict::Accept, &[3]),
        answer(6, 3, None),
    ];
    let line = |(number, entry)| Line {
        number,
        boot: 1,
        time: NOW,
        entry,
    };
    let read = DayLines {
        lines: (1..).zip(entries).map(line).collect(),
        damaged: 0,
    };
    let report = DayReport::new(Day::of(NOW), &read);
    let counts = (
        report.presentations,
        report.accepted,
        report.asked,
        report.rejected,
    );
    assert_eq!(counts, (6, 4, 1, 1));
    assert_eq!(
        (report.answered, report.taken_back, report.best_chosen),
        (4, 3, 1)
    );
    let pairs: Vec<_> = report
        .confusions
        .iter()
        .map(|c| (c.said, c.was, c.times))
        .collect();
    assert_eq!(pairs, [(gtin(1), Some(gtin(2)), 2), (gtin(3), None, 1)]);
    assert_eq!(report.confusions[0].was_title.as_deref(), Some("tea 2"));
    assert_eq!(report.most_asked[0].gtin, gtin(2));
}

#[test]
fn a_fault_that_repeats_is_written_once_a_minute_with_its_count() {
    use crate::report::{Line, Observer};
    let disk = FakeDisk::default();
    let opened = disk.clone();
    let log = DecisionLog::with(Path::new("log"), ALL, clock, move || Ok(opened.clone()));
    let Entry::Event(any) = decision(1, Verdict::Ask, &[]) else {
        unreachable!()
    };
    let mut recorder = Recorder::new(log.handle(), any.setup);
    let fault = Fault::new(Code::CameraLost, "", "unplugged", "");
    let mut tell = || {
        let line = Line::Fault {
            frame: None,
            fault: &fault,
        };
        recorder.observe(&line).unwrap();
    };
    (0..50).for_each(|_| tell());
    log.handle().settle();
    assert_eq!(disk.said(), ["unplugged"]);
    drop(log);
}

#[test]
fn the_first_scores_with_a_model_are_kept_when_their_lines_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    let (model, other) = (EmbeddingId([1; 16]), EmbeddingId([2; 16]));
    let log = DecisionLog::open(folder.path(), ALL);
    let read = |model| scores::read(folder.path(), model, Day::of(system_clock())).unwrap();
    let add = |count: usize| {
        let one = |_| log.handle().add(decision(1, Verdict::Accept, &[1]));
        (0..count).for_each(one);
        log.handle().add(decision(2, Verdict::Ask, &[1]));
        log.handle().settle();
    };
    add(10);
    let found = read(model);
    assert_eq!((found.first.len(), found.today.len()), (10, 10));
    assert_eq!(found.baseline, None);
    add(scores::FIRST);
    assert_eq!(read(model).baseline.unwrap().median, 0.7);
    assert_eq!(
        read(other),
        scores::Found::default(),
        "of another model nothing counts"
    );
    assert!(verify(folder.path()).unwrap().is_sound());
    drop(log);
    wipe(folder.path()).unwrap();
    assert_eq!(read(model).baseline.unwrap().median, 0.7);
    scores::forget(folder.path()).unwrap();
    assert_eq!(read(model), scores::Found::default());
}
