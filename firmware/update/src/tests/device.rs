//! The way of good bundles, and of sets that fail their trial.

use skueye_models::Code;

use super::*;
use crate::storage::fake::FakeStorage;

fn device(release: &str) -> Slots<FakeStorage> {
    let mut slots = Slots::open(FakeStorage::new()).unwrap();
    install(&mut slots, &full(release)).unwrap();
    slots
}

fn reopened(slots: &Slots<FakeStorage>) -> Slots<FakeStorage> {
    Slots::open(slots.storage().clone()).unwrap()
}

#[test]
fn a_bundle_is_installed_on_a_real_disk_and_found_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("update");
    let mut slots = Slots::open(DiskStorage::open(&root).unwrap()).unwrap();
    assert_eq!(slots.start(), Ok(Started::Empty));
    install(&mut slots, &full("1")).unwrap();
    install(&mut slots, &full("2")).unwrap();

    let mut slots = Slots::open(DiskStorage::open(&root).unwrap()).unwrap();
    let Started::Committed(set) = slots.start().unwrap() else {
        panic!("nothing is committed");
    };
    slots.verify(&set).unwrap();
    let gallery = set.files(Kind::Gallery).next().unwrap();
    let gallery = std::fs::read_to_string(slots.storage().path(&gallery)).unwrap();
    assert_eq!(gallery, "gallery of release 2");
    assert_eq!(set.files(Kind::Model).count(), 2);
    let staged = slots.stage(verified(&full("1")).unwrap(), HARDWARE);
    assert_eq!(staged.unwrap().slot(), set.slot().other());
}

#[test]
fn a_catalogue_bundle_replaces_the_gallery_and_keeps_the_rest() {
    let mut slots = device("1");
    let files: &[(&str, Kind, &[u8])] = &[("new.skg", Kind::Gallery, b"spring")];
    let set = install(
        &mut slots,
        &bundle(&keys().catalogue, draft("spring"), files),
    )
    .unwrap();
    slots.verify(&set).unwrap();
    let mut names: Vec<_> = set.record().files.iter().map(|f| &*f.name).collect();
    names.sort();
    assert_eq!(
        names,
        ["kiosk.toml", "model.f16.onnx", "model.json", "new.skg"]
    );
}

#[test]
fn a_slot_holds_nothing_of_the_set_that_was_there_before() {
    let mut slots = device("1");
    let files: &[(&str, Kind, &[u8])] = &[("new.skg", Kind::Gallery, b"spring")];
    let spring = bundle(&keys().catalogue, draft("spring"), files);
    install(&mut slots, &spring).unwrap();
    install(&mut slots, &full("2")).unwrap();
    let set = install(&mut slots, &full("3")).unwrap();
    let held = slots.storage().list(set.slot().folder()).unwrap();
    let names = [
        ".slot",
        "gallery.skg",
        "kiosk.toml",
        "model.f16.onnx",
        "model.json",
    ];
    assert_eq!(held, names);
}

#[test]
fn a_set_that_never_commits_returns_by_itself_after_its_starts() {
    let mut slots = device("1");
    let staged = slots
        .stage(verified(&full("2")).unwrap(), HARDWARE)
        .unwrap();
    slots.activate(staged).unwrap();
    for _ in 0..TRIAL_STARTS {
        slots = reopened(&slots);
        let started = slots.start().unwrap();
        assert!(matches!(started, Started::Trial(t) if t.record().release == "2"));
    }
    slots = reopened(&slots);
    let Started::Returned { to: Some(set), why } = slots.start().unwrap() else {
        panic!("it did not return");
    };
    assert_eq!(
        (set.record().release.as_str(), why.code()),
        ("1", Code::TrialFailed)
    );
    slots = reopened(&slots);
    assert_eq!(slots.start().unwrap(), Started::Committed(set));
}

#[test]
fn a_set_that_rots_before_its_trial_returns_at_once() {
    let mut slots = device("1");
    let staged = slots
        .stage(verified(&full("2")).unwrap(), HARDWARE)
        .unwrap();
    let gallery = staged.files(Kind::Gallery).next().unwrap();
    slots.activate(staged).unwrap();
    slots.storage().rot(&gallery);
    let Started::Returned { to: Some(set), why } = slots.start().unwrap() else {
        panic!("it did not return");
    };
    assert_eq!(
        (set.record().release.as_str(), why.code()),
        ("1", Code::SlotDamaged)
    );
}

#[test]
fn a_trial_can_be_given_up_and_then_not_be_committed() {
    let mut slots = device("1");
    let staged = slots
        .stage(verified(&full("2")).unwrap(), HARDWARE)
        .unwrap();
    let trial = slots.activate(staged).unwrap();
    let again = slots.start().unwrap();
    let set = slots.give_up(trial).unwrap().unwrap();
    assert_eq!(set.record().release, "1");
    let Started::Trial(again) = again else {
        panic!("no trial");
    };
    assert_eq!(slots.commit(again).unwrap_err().code(), Code::TrialFailed);
}

#[test]
fn nothing_is_staged_over_the_set_that_a_trial_would_return_to() {
    let mut slots = device("1");
    let staged = slots
        .stage(verified(&full("2")).unwrap(), HARDWARE)
        .unwrap();
    slots.activate(staged).unwrap();
    let third = slots.stage(verified(&full("3")).unwrap(), HARDWARE);
    assert_eq!(third.unwrap_err().code(), Code::TrialPending);
}

#[test]
fn model_and_gallery_of_different_embeddings_never_meet() {
    let mut slots = device("1");
    let other = |files| {
        let draft = Draft {
            embedding_id: Some(OTHER_ID),
            ..draft("2")
        };
        bundle(&keys().release, draft, files)
    };
    let gallery: &[(&str, Kind, &[u8])] = &[("gallery.skg", Kind::Gallery, b"g")];
    let model: &[(&str, Kind, &[u8])] = &[("model.json", Kind::Model, b"m")];
    for bytes in [other(gallery), other(model)] {
        let staged = slots.stage(verified(&bytes).unwrap(), HARDWARE);
        assert_eq!(staged.unwrap_err().code(), Code::BundleRefused);
    }
    let set = install(&mut slots, &other(&[model[0], gallery[0]])).unwrap();
    assert_eq!(set.record().embedding_id, Some(OTHER_ID));
}

#[test]
fn a_gallery_alone_needs_a_model_on_the_device() {
    let mut slots = Slots::open(FakeStorage::new()).unwrap();
    let gallery: &[(&str, Kind, &[u8])] = &[("gallery.skg", Kind::Gallery, b"g")];
    let bytes = bundle(&keys().catalogue, draft("1"), gallery);
    let staged = slots.stage(verified(&bytes).unwrap(), HARDWARE);
    assert_eq!(staged.unwrap_err().code(), Code::BundleRefused);
}

#[test]
fn the_same_input_makes_the_same_manifest() {
    let manifest = |bytes: &[u8]| verified(bytes).unwrap().manifest().clone();
    assert_eq!(manifest(&full("1")), manifest(&full("1")));
    assert_eq!(verified(&full("1")).unwrap().role(), Role::Release);
}
