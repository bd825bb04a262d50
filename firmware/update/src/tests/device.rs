//! The way of good bundles, and of sets that fail their trial.

use skueye_models::Code;

use super::*;
use crate::boot::fake::FakeBoot;
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
    let staged = slots.stage(verified(&full("1")).unwrap(), &DEVICE, None);
    assert_ne!(staged.unwrap().slot(), set.slot());
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
        .stage(verified(&full("2")).unwrap(), &DEVICE, None)
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
        .stage(verified(&full("2")).unwrap(), &DEVICE, None)
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
        .stage(verified(&full("2")).unwrap(), &DEVICE, None)
        .unwrap();
    slots.activate(staged).unwrap();
    let again = slots.start().unwrap();
    let set = slots.give_up("the camera stays dark").unwrap().unwrap();
    assert_eq!(set.record().release, "1");
    let Started::Trial(again) = again else {
        panic!("no trial");
    };
    assert_eq!(
        slots.commit(again, &OneSystem).unwrap_err().code(),
        Code::TrialFailed
    );
}

#[test]
fn nothing_is_staged_over_the_set_that_a_trial_would_return_to() {
    let mut slots = device("1");
    let staged = slots
        .stage(verified(&full("2")).unwrap(), &DEVICE, None)
        .unwrap();
    slots.activate(staged).unwrap();
    let third = slots.stage(verified(&full("3")).unwrap(), &DEVICE, None);
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
        let staged = slots.stage(verified(&bytes).unwrap(), &DEVICE, None);
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
    let staged = slots.stage(verified(&bytes).unwrap(), &DEVICE, None);
    assert_eq!(staged.unwrap_err().code(), Code::BundleRefused);
}

#[test]
fn the_same_input_makes_the_same_manifest() {
    let manifest = |bytes: &[u8]| verified(bytes).unwrap().manifest().clone();
    assert_eq!(manifest(&full("1")), manifest(&full("1")));
    assert_eq!(verified(&full("1")).unwrap().role(), Role::Release);
}

#[test]
fn what_the_device_has_is_not_written_again() {
    use std::os::unix::fs::MetadataExt;

    let folder = tempfile::tempdir().unwrap();
    let mut slots = Slots::open(DiskStorage::open(folder.path()).unwrap()).unwrap();
    install(&mut slots, &full("1")).unwrap();
    let files: &[(&str, Kind, &[u8])] = &[
        ("kiosk.toml", Kind::Settings, b"new settings"),
        ("gallery.skg", Kind::Gallery, b"gallery of release 1"),
    ];
    let set = install(&mut slots, &bundle(&keys().catalogue, draft("2"), files)).unwrap();
    slots.verify(&set).unwrap();
    let inode = |slot: &str, name: &str| {
        let path = folder.path().join(slot).join(name);
        std::fs::metadata(path).unwrap().ino()
    };
    for (name, same) in [
        ("gallery.skg", true),
        ("model.json", true),
        ("kiosk.toml", false),
    ] {
        assert_eq!(inode("a", name) == inode("b", name), same, "{name}");
    }
    // The way back stays open while the next is written, and what it needs is never emptied.
    install(&mut slots, &full("3")).unwrap();
    slots.collect().unwrap();
    let previous = slots.previous().unwrap().unwrap();
    assert_eq!(previous.record().release, "2");
    assert_eq!(slots.storage().list("a").unwrap(), [""; 0]);
}

#[test]
fn the_set_before_is_returned_to_on_trial() {
    let mut slots = device("1");
    install(&mut slots, &full("2")).unwrap();
    let previous = slots.previous().unwrap().unwrap();
    slots.activate(previous).unwrap();
    let Started::Trial(trial) = slots.start().unwrap() else {
        panic!("no trial");
    };
    assert_eq!(
        slots.commit(trial, &OneSystem).unwrap().record().release,
        "1"
    );
    let previous = slots.previous().unwrap().unwrap();
    assert_eq!(previous.record().release, "2", "and forth again");
}

#[test]
fn a_gallery_comes_as_a_delta_or_whole_where_its_base_is_missing() {
    let (base, result) = (b"gallery of release 1", b"gallery of release 2");
    let change = SourceDelta {
        base: Digest::of(base),
        result: Content::of(result),
    };
    let stored = delta::encode(base, result);
    let alone = delta_bundle(&stored, change.clone(), None);
    let both = delta_bundle(&stored, change, Some(result));
    for (release, bytes) in [("1", &alone), ("1", &both), ("0", &both)] {
        let mut slots = device(release);
        let set = install(&mut slots, bytes).unwrap();
        slots.verify(&set).unwrap();
        let gallery = set.files(Kind::Gallery).next().unwrap();
        let mut found = [0; 20];
        slots.storage().read_at(&gallery, 0, &mut found).unwrap();
        assert_eq!(&found, result);
    }
    let staged = device("0").stage(verified(&alone).unwrap(), &DEVICE, None);
    let fault = staged.unwrap_err();
    assert_eq!(fault.code(), Code::BundleRefused);
    assert!(fault.to_string().contains("full bundle"));
}

#[test]
fn too_little_space_is_said_before_anything_is_written() {
    let mut slots = device("1");
    slots.storage().set_free(1_000);
    let before = slots.storage().operations();
    let fault = slots
        .stage(verified(&full("2")).unwrap(), &DEVICE, None)
        .unwrap_err();
    assert_eq!(fault.code(), Code::UpdateSpace);
    assert!(fault.got().ends_with("too few"), "{fault}");
    assert_eq!(slots.storage().operations(), before);
}

#[test]
fn a_bundle_for_a_newer_program_is_refused_unless_it_brings_it() {
    let mut slots = device("1");
    let newer = Draft {
        requires_program: Version(1, 1, 0),
        ..draft("2")
    };
    let settings: &[(&str, Kind, &[u8])] = &[("kiosk.toml", Kind::Settings, b"s")];
    let program: &[(&str, Kind, &[u8])] = &[("skueye", Kind::Program, b"p")];
    let alone = bundle(&keys().release, newer.clone(), settings);
    let fault = slots
        .stage(verified(&alone).unwrap(), &DEVICE, None)
        .unwrap_err();
    assert_eq!(fault.code(), Code::BundleRefused);
    install(
        &mut slots,
        &bundle(&keys().release, newer, &[settings[0], program[0]]),
    )
    .unwrap();
}

#[test]
fn keys_that_a_bundle_brings_count_from_then_on() {
    let mut slots = device("1");
    key_ring().write(slots.storage()).unwrap();
    let mut next = key_ring().keys;
    next[0].standing = Standing::Revoked;
    let stranger = KeySet::default().trust(Role::Release, &keys().stranger.pk.to_base64());
    next.extend(stranger.unwrap().keys);
    let chain = [signed_keys(&keys().release, 1, next)];
    let files: &[(&str, Kind, &[u8])] = &[("kiosk.toml", Kind::Settings, b"s")];
    let bytes = bundle_with(&keys().stranger, draft("2"), &chain, files);
    install(&mut slots, &bytes).unwrap();
    let keys = KeySet::read(slots.storage()).unwrap();
    assert_eq!(keys.sequence, 1);
    let old = UntrustedBundle::parse(Cursor::new(full("3")))
        .unwrap()
        .verify(&keys);
    assert_eq!(old.unwrap_err().code(), Code::BundleSignature);
}

#[test]
fn the_history_tells_what_was_attempted() {
    let mut slots = device("1");
    let staged = slots
        .stage(verified(&full("2")).unwrap(), &DEVICE, None)
        .unwrap();
    slots.activate(staged).unwrap();
    slots.give_up("the camera stays dark").unwrap();
    let fault = verified(b"no bundle").unwrap_err();
    slots.note_refusal("spring.skueye", &fault);
    let history = History::read(slots.storage()).unwrap();
    let told: Vec<_> = history
        .entries()
        .iter()
        .map(|entry| format!("{:?} {}", entry.step, entry.release))
        .collect();
    assert_eq!(
        told,
        [
            "Staged 1",
            "Activated 1",
            "Committed 1",
            "Staged 2",
            "Activated 2",
            "Returned 2",
            "Refused spring.skueye"
        ]
    );
    assert_eq!(history.entries()[5].reason, "the camera stays dark");
}

#[test]
fn a_staged_set_waits_for_its_moment_also_over_a_restart() {
    let mut slots = device("1");
    slots
        .stage(verified(&full("2")).unwrap(), &DEVICE, None)
        .unwrap();
    let mut slots = reopened(&slots);
    slots.collect().unwrap();
    let status = slots.status();
    assert_eq!(status.staged.unwrap().1.release, "2");
    assert_eq!(status.running.unwrap().1.release, "1");
    // Another takes its place.
    slots
        .stage(verified(&full("3")).unwrap(), &DEVICE, None)
        .unwrap();
    let mut slots = reopened(&slots);
    let staged = slots.staged().unwrap().unwrap();
    assert_eq!(staged.record().release, "3");
    slots.activate(staged).unwrap();
    let slots = reopened(&slots);
    assert_eq!(slots.staged().unwrap_err().code(), Code::TrialPending);
    assert_eq!(slots.status().starts_left, Some(TRIAL_STARTS));
}

#[test]
fn a_commit_marks_the_system_as_good_and_a_system_that_cannot_be_marked_has_no_commit() {
    let mut slots = device("1");
    for (release, fails) in [("2", true), ("3", false)] {
        let bytes = full(release);
        let staged = slots.stage(verified(&bytes).unwrap(), &DEVICE, None);
        slots.activate(staged.unwrap()).unwrap();
        let Started::Trial(trial) = slots.start().unwrap() else {
            panic!("no trial");
        };
        let boot = FakeBoot::started("B");
        if fails {
            boot.fail();
            let fault = slots.commit(trial, &boot).unwrap_err();
            assert_eq!(fault.code(), Code::BootControl);
            slots.give_up(&fault.to_string()).unwrap();
        } else {
            slots.commit(trial, &boot).unwrap();
        }
        assert_eq!(boot.is_good(), !fails);
    }
    let history = History::read(slots.storage()).unwrap();
    assert_eq!(history.entries().last().unwrap().reason, "system slot B");
}

#[test]
fn what_waits_is_seen_without_opening_the_slots() {
    let waiting = |slots: &Slots<FakeStorage>| Slots::waiting(slots.storage()).unwrap();
    let mut slots = device("1");
    assert_eq!(waiting(&slots), Waiting::Nothing);
    let staged = slots.stage(verified(&full("2")).unwrap(), &DEVICE, None);
    assert_eq!(waiting(&slots), Waiting::Staged);
    slots.activate(staged.unwrap()).unwrap();
    assert_eq!(waiting(&slots), Waiting::Trial);
}

#[test]
fn one_program_at_a_time_changes_the_sets() {
    let folder = tempfile::tempdir().unwrap();
    let disk = || DiskStorage::open(folder.path()).unwrap();
    let held = disk().lock().unwrap();
    assert_eq!(disk().lock().unwrap_err().code(), Code::UpdateBusy);
    drop(held);
    disk().lock().unwrap();
}

#[test]
fn a_file_of_a_set_is_told_from_others() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("update");
    let mut slots = Slots::open(DiskStorage::open(&root).unwrap()).unwrap();
    install(&mut slots, &full("1")).unwrap();
    let gallery = root.join("a/gallery.skg");
    let link = folder.path().join("gallery.skg");
    std::os::unix::fs::symlink(&gallery, &link).unwrap();
    for path in [&gallery, &link] {
        let (found, name) = slot::of_file(path).unwrap();
        assert_eq!(found, root.canonicalize().unwrap());
        assert_eq!(name, "a/gallery.skg");
    }
    assert_eq!(slot::of_file(&root.join("pointer")), None);
    assert_eq!(slot::of_file(&root.join("b/gallery.skg")), None);
}
