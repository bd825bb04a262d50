use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

#[derive(Default)]
struct Hand(AtomicU64);

impl Hand {
    fn forward(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for Hand {
    fn now(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

fn first_boot() -> (tempfile::TempDir, Arc<Hand>, Access, OneTimeCode) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(Hand::default());
    let path = folder.path().join("state/access.json");
    let (access, code) = Access::with_clock(&path, clock.clone()).unwrap();
    (folder, clock, access, code.unwrap())
}

fn is_wait(denied: Result<Token, Denied>) -> bool {
    matches!(denied, Err(Denied::Wait(_)))
}

#[test]
fn a_code_sets_up_once_and_the_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, _, access, code) = first_boot();
    let mode = std::fs::metadata(&access.path)
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let typed = code.to_string().to_lowercase();
    assert!(
        !std::fs::read_to_string(&access.path)
            .unwrap()
            .contains(code.plain())
    );
    let token = access.set_up(true, &typed, "seven apples").unwrap();
    assert!(access.is_open(&token, true) && access.is_set_up());
    assert!(access.set_up(true, &typed, "another one").is_err());
    assert!(access.log_in(true, "seven apples").is_ok());
}

#[test]
fn until_it_is_set_up_every_start_has_a_new_code() {
    let (_folder, _, access, first) = first_boot();
    let (again, second) = Access::open(&access.path).unwrap();
    let second = second.unwrap();
    assert_ne!(first.plain(), second.plain());
    assert!(matches!(
        again.set_up(true, first.plain(), "seven apples"),
        Err(Denied::Wrong)
    ));
    again.set_up(true, second.plain(), "seven apples").unwrap();
    assert!(Access::open(&access.path).unwrap().1.is_none());
}

#[test]
fn wrong_ones_make_wait_longer_and_longer_but_not_the_person_at_the_device() {
    let (_folder, clock, access, code) = first_boot();
    let wrong = || access.set_up(false, "AAAA-AAAA", "seven apples");
    for _ in 0..3 {
        assert!(matches!(wrong(), Err(Denied::Wrong)));
    }
    assert!(is_wait(wrong()));
    clock.forward(2);
    assert!(matches!(wrong(), Err(Denied::Wrong)));
    clock.forward(2);
    assert!(is_wait(access.set_up(false, code.plain(), "seven apples")));
    assert!(access.set_up(true, code.plain(), "seven apples").is_ok());
}

#[test]
fn a_session_ends_unused_and_after_a_day_in_use() {
    let (_folder, clock, access, code) = first_boot();
    let idle = access.set_up(true, code.plain(), "seven apples").unwrap();
    let busy = access.log_in(true, "seven apples").unwrap();
    for _ in 0..5 {
        clock.forward(4 * 3600);
        assert!(access.is_open(&busy, true));
    }
    assert!(!access.is_open(&idle, true));
    clock.forward(4 * 3600 + 1);
    assert!(!access.is_open(&busy, true));
}

#[test]
fn looking_on_does_not_keep_a_session_open() {
    let (_folder, clock, access, code) = first_boot();
    let token = access.set_up(true, code.plain(), "seven apples").unwrap();
    clock.forward(8 * 3600);
    assert!(access.is_open(&token, false));
    clock.forward(1);
    assert!(!access.is_open(&token, false));
}

#[test]
fn sessions_are_bounded_and_the_least_used_goes() {
    let (_folder, clock, access, code) = first_boot();
    let first = access.set_up(true, code.plain(), "seven apples").unwrap();
    let second = access.log_in(true, "seven apples").unwrap();
    clock.forward(1);
    assert!(access.is_open(&first, true));
    let mut state = access.state();
    let more: Vec<Token> = (0..session::MOST - 1)
        .map(|_| state.sessions.open(Duration::from_secs(2)).unwrap())
        .collect();
    drop(state);
    assert!(!access.is_open(&second, true));
    assert!(access.is_open(&first, true) && access.is_open(&more[0], true));
}

#[test]
fn a_reset_ends_sessions_and_the_password() {
    let (_folder, _, access, code) = first_boot();
    let token = access.set_up(true, code.plain(), "seven apples").unwrap();
    let new = Access::reset(&access.path).unwrap();
    assert!(matches!(
        access.log_in(true, "seven apples"),
        Err(Denied::Fault(_))
    ));
    assert!(!access.is_open(&token, true));
    assert!(
        access
            .set_up(true, &new.to_string(), "eight apples")
            .is_ok()
    );
}

#[test]
fn a_damaged_file_is_named_and_lets_nobody_in() {
    let (_folder, _, access, _) = first_boot();
    for damage in [
        "",
        "{}",
        "[1,2",
        r#"{"format":"x","version":1,"code":null,"password":null}"#,
    ] {
        std::fs::write(&access.path, damage).unwrap();
        let fault = Access::open(&access.path).map(|_| ()).unwrap_err();
        assert_eq!(fault.code(), Code::PageAccess, "{damage:?}");
        assert!(fault.path().is_some());
    }
    assert!(Access::reset(&access.path).is_ok());
}

#[test]
fn easy_passwords_are_refused() {
    for easy in ["", "12345", "123456", "aaaaaaa", "fedcba", &"x".repeat(129)] {
        assert!(secret::check(easy).is_err(), "{easy:?}");
    }
    assert!(secret::check("482915").is_ok());
}
