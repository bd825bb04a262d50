//! Arrows between crates point one way, as ARCHITECTURE.md draws them.
#![forbid(unsafe_code)]

use skueye_house::packages;

/// Each crate and the crates of this workspace that it may name.
const ALLOWED: [(&str, &[&str]); 17] = [
    (
        "skueye-agent",
        &[
            "skueye-camera",
            "skueye-gallery",
            "skueye-link",
            "skueye-models",
            "skueye-page",
            "skueye-update",
            "skueye-vision",
        ],
    ),
    (
        "skueye-bench",
        &[
            "skueye-agent",
            "skueye-camera",
            "skueye-gallery",
            "skueye-link",
            "skueye-models",
            "skueye-page",
            "skueye-update",
            "skueye-vision",
        ],
    ),
    ("skueye-camera", &[]),
    (
        "skueye-device",
        &["skueye-gallery", "skueye-models", "skueye-update"],
    ),
    ("skueye-distributed", &["skueye-models"]),
    ("skueye-gallery", &["skueye-models"]),
    ("skueye-house", &["skueye-models"]),
    ("skueye-link", &["skueye-models"]),
    ("skueye-models", &[]),
    ("skueye-page", &["skueye-models"]),
    ("skueye-tasks", &[]),
    (
        "skueye-tests",
        &[
            "skueye-agent",
            "skueye-camera",
            "skueye-gallery",
            "skueye-house",
            "skueye-link",
            "skueye-models",
            "skueye-till",
            "skueye-trainer",
            "skueye-update",
            "skueye-vision",
        ],
    ),
    ("skueye-till", &["skueye-link", "skueye-models"]),
    (
        "skueye-trainer",
        &[
            "skueye-distributed",
            "skueye-gallery",
            "skueye-models",
            "skueye-update",
            "skueye-vision",
        ],
    ),
    ("skueye-update", &["skueye-models"]),
    ("skueye-vision", &["skueye-models"]),
    ("v4l2-sys-mit", &[]),
];

#[test]
fn the_crates_are_those_of_the_map() {
    let names: Vec<String> = packages().into_iter().map(|p| p.name).collect();
    assert_eq!(names, ALLOWED.map(|(name, _)| name));
}

#[test]
fn no_crate_names_one_that_the_map_does_not_allow() {
    for package in packages() {
        let allowed = ALLOWED.iter().find(|(name, _)| *name == package.name);
        let allowed = allowed.map_or(&[][..], |(_, allowed)| allowed);
        for arrow in &package.arrows {
            assert!(
                allowed.contains(&arrow.as_str()),
                "{} must not depend on {arrow}; it may depend on {allowed:?}",
                package.name
            );
        }
    }
}
