//! Cut the power at every storage operation of an update, let the unsynced part survive in many ways, start again: the
//! old or the new set must be there, complete and verified, and the update must then succeed.

use super::*;
use crate::storage::fake::{FakeStorage, Survey, Survival, survey};
use crate::storage::replace;

/// A disk that was switched off in good order.
fn disk_with(releases: &[&str]) -> FakeStorage {
    let mut slots = Slots::open(FakeStorage::new()).unwrap();
    for release in releases {
        install(&mut slots, &full(release)).unwrap();
    }
    slots.storage().clone().restart(Survival::Everything)
}

/// Borrows a disk for a while, as the device does between power on and power off.
fn open(disk: &FakeStorage) -> Result<Slots<&FakeStorage>, Fault> {
    Slots::open(disk)
}

/// The release that the device starts with, every byte of it verified; `None` when it has no set.
fn running(disk: &FakeStorage) -> Result<Option<String>, Fault> {
    let mut slots = open(disk)?;
    let set = match slots.start()? {
        Started::Empty | Started::Returned { to: None, .. } => return Ok(None),
        Started::Committed(set) | Started::Returned { to: Some(set), .. } => {
            slots.verify(&set)?;
            set.record().clone()
        }
        Started::Trial(trial) => trial.record().clone(),
    };
    let whole = set.files.len() == 4;
    assert!(whole, "a set with files missing: {set:?}");
    Ok(Some(set.release))
}

/// Whether the device starts with one of `allowed` and then takes the update to "2".
fn comes_up_and_updates(disk: FakeStorage, allowed: &[Option<&str>]) -> bool {
    let Ok(release) = running(&disk) else {
        return false;
    };
    let mut slots = open(&disk).unwrap();
    if let Started::Trial(trial) = slots.start().unwrap() {
        slots.commit(trial, &OneSystem).unwrap();
    }
    install(&mut slots, &full("2")).unwrap();
    allowed.contains(&release.as_deref()) && running(&disk) == Ok(Some("2".into()))
}

fn assert_none_lost(name: &str, survey: &Survey) {
    println!("{name}: {} cut points, {} lost", survey.cuts, survey.lost);
    assert_eq!(survey.lost, 0);
}

#[test]
fn an_update_over_another_is_old_or_new_at_every_cut() {
    for (name, installed) in [
        ("second install", &["1"][..]),
        ("third install", &["0", "1"]),
    ] {
        let update = |disk: &FakeStorage| install(&mut open(disk)?, &full("2")).map(|_| ());
        let survey = survey(&disk_with(installed), update, |disk| {
            comes_up_and_updates(disk, &[Some("1"), Some("2")])
        });
        assert_none_lost(name, &survey);
        assert!(survey.cuts > 500);
    }
}

#[test]
fn the_first_update_of_a_new_device_is_nothing_or_new_at_every_cut() {
    let update = |disk: &FakeStorage| install(&mut open(disk)?, &full("2")).map(|_| ());
    let survey = survey(&FakeStorage::new(), update, |disk| {
        comes_up_and_updates(disk, &[None, Some("2")])
    });
    assert_none_lost("first install", &survey);
}

#[test]
fn a_gallery_alone_is_old_or_new_at_every_cut() {
    let gallery: &[(&str, Kind, &[u8])] = &[("gallery.skg", Kind::Gallery, b"spring")];
    let bytes = bundle(&keys().catalogue, draft("2"), gallery);
    let update = |disk: &FakeStorage| install(&mut open(disk)?, &bytes).map(|_| ());
    let survey = survey(&disk_with(&["1"]), update, |disk| {
        comes_up_and_updates(disk, &[Some("1"), Some("2")])
    });
    assert_none_lost("gallery alone", &survey);
}

#[test]
fn a_failing_trial_returns_at_every_cut() {
    let update = |disk: &FakeStorage| {
        let mut slots = open(disk)?;
        let staged = slots.stage(verified(&full("2"))?, &DEVICE, None)?;
        slots.activate(staged)?;
        (0..=TRIAL_STARTS).try_for_each(|_| open(disk)?.start().map(|_| ()))
    };
    let survey = survey(&disk_with(&["1"]), update, |disk| {
        comes_up_and_updates(disk, &[Some("1"), Some("2")])
    });
    assert_none_lost("return", &survey);
}

#[test]
fn a_delta_is_old_or_new_at_every_cut() {
    let (base, result) = (b"gallery of release 1", b"gallery of release 2");
    let change = SourceDelta {
        base: Digest::of(base),
        result: Content::of(result),
    };
    let bytes = delta_bundle(&delta::encode(base, result), change, None);
    let update = |disk: &FakeStorage| install(&mut open(disk)?, &bytes).map(|_| ());
    let survey = survey(&disk_with(&["1"]), update, |disk| {
        comes_up_and_updates(disk, &[Some("1"), Some("2")])
    });
    assert_none_lost("delta", &survey);
}

#[test]
fn the_same_bundle_again_is_old_or_new_at_every_cut() {
    let update = |disk: &FakeStorage| install(&mut open(disk)?, &full("1")).map(|_| ());
    let survey = survey(&disk_with(&["0", "1"]), update, |disk| {
        comes_up_and_updates(disk, &[Some("1"), Some("2")])
    });
    assert_none_lost("repeat", &survey);
}

#[test]
fn new_keys_are_old_or_new_at_every_cut() {
    let disk = disk_with(&["1"]);
    key_ring().write(&disk).unwrap();
    let before = disk.restart(Survival::Everything);
    let chain = [signed_keys(&keys().release, 1, key_ring().keys)];
    let files: &[(&str, Kind, &[u8])] = &[("kiosk.toml", Kind::Settings, b"s")];
    let bytes = bundle_with(&keys().release, draft("2"), &chain, files);
    let update = |disk: &FakeStorage| install(&mut open(disk)?, &bytes).map(|_| ());
    let survey = survey(&before, update, |disk| {
        let sequence = KeySet::read(&disk).unwrap().sequence;
        let new = running(&disk).is_ok_and(|release| release.as_deref() == Some("2"));
        // The set never counts before the keys that signed it do.
        sequence >= u64::from(new) && comes_up_and_updates(disk, &[Some("1"), Some("2")])
    });
    assert_none_lost("key rotation", &survey);
}

#[test]
fn the_way_back_is_old_or_new_at_every_cut() {
    let update = |disk: &FakeStorage| {
        let mut slots = open(disk)?;
        let previous = slots.previous()?.expect("a set before");
        slots.activate(previous)?;
        match slots.start()? {
            Started::Trial(trial) => slots.commit(trial, &OneSystem).map(|_| ()),
            other => panic!("a trial was expected, not {other:?}"),
        }
    };
    let survey = survey(&disk_with(&["1", "0"]), update, |disk| {
        comes_up_and_updates(disk, &[Some("1"), Some("0")])
    });
    assert_none_lost("rollback", &survey);
}

#[test]
fn emptying_idle_slots_costs_nothing_at_every_cut() {
    let before = disk_with(&["0", "1", "2", "1"]);
    let survey = survey(
        &before,
        |disk| open(disk)?.collect(),
        |disk| {
            let previous = open(&disk)
                .unwrap()
                .previous()
                .unwrap()
                .expect("a set before");
            previous.record().release == "2" && comes_up_and_updates(disk, &[Some("1")])
        },
    );
    assert_none_lost("garbage collection", &survey);
}

/// The harness must find what is wrong, or its zeros mean nothing.
#[test]
fn a_naive_writer_that_overwrites_the_running_set_is_caught() {
    let update = |disk: &FakeStorage| {
        let mut bundle = verified(&full("2"))?;
        for payload in bundle.manifest().payloads.clone() {
            let path = format!("a/{}", payload.name);
            disk.create(&path)?;
            bundle.copy_payload(&payload, |_, _| Ok(0), |bytes| disk.append(&path, bytes))?;
            disk.sync_file(&path)?;
        }
        let record = SlotRecord {
            release: "2".into(),
            files: bundle
                .manifest()
                .payloads
                .iter()
                .map(SlotFile::from)
                .collect(),
            ..slot::SlotRecord::read(disk, SlotName::A)?
        };
        record.write(disk, SlotName::A)
    };
    let survey = survey(&disk_with(&["1"]), update, |disk| running(&disk).is_ok());
    println!("naive writer: {survey:?}");
    assert!(survey.lost > 100);
}

#[test]
fn a_naive_writer_that_overwrites_the_pointer_is_caught() {
    let update = |disk: &FakeStorage| {
        let mut bytes = vec![0; disk.length("pointer")?.unwrap_or(0) as usize];
        disk.read_at("pointer", 0, &mut bytes)?;
        disk.create("pointer")?;
        disk.append("pointer", &bytes)?;
        disk.sync_file("pointer")
    };
    let survey = survey(&disk_with(&["1"]), update, |disk| {
        running(&disk) == Ok(Some("1".into()))
    });
    assert!(survey.lost > 0);
}

#[test]
fn a_writer_that_forgets_to_sync_the_folder_is_caught() {
    let disk = FakeStorage::new();
    disk.create("new").unwrap();
    disk.append("new", b"1").unwrap();
    disk.sync_file("new").unwrap();
    let lost = disk.clone().restart(Survival::Nothing);
    assert_eq!(lost.length("new"), Ok(None));
    replace(&disk, "new", b"2").unwrap();
    let kept = disk.restart(Survival::Nothing);
    assert_eq!(kept.length("new"), Ok(Some(1)));
}

#[test]
#[should_panic(expected = "renamed before it was synced")]
fn a_rename_before_the_sync_is_a_panic() {
    let disk = FakeStorage::new();
    disk.create("new").unwrap();
    disk.append("new", b"1").unwrap();
    let _ = disk.rename("new", "old");
}
