//! What a device does while the power is cut.

/// A step of a device's life: a command of `skueye` that is acknowledged when it ends well.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// What it is called in reports.
    pub name: &'static str,
    /// The words after `skueye`; `{goods}` is the folder of the goods.
    words: &'static str,
    /// What may be found besides, while it is under way.
    pub meanwhile: Meanwhile,
}

/// What may be found in the middle of a step, other than before and after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meanwhile {
    /// Nothing else.
    Nothing,
    /// What this first half of it makes; the words after `skueye`.
    Half(&'static str),
    /// Nothing staged, since one set is staged in place of another, whose slot is emptied first.
    Unstaged,
}

impl Step {
    /// The words for goods in the folder `goods`.
    pub fn words(&self, goods: &str) -> String {
        with_goods(self.words, goods)
    }
}

/// Words with `{goods}` in them, for goods in the folder `goods`.
pub fn with_goods(words: &str, goods: &str) -> String {
    words.replace("{goods}", goods)
}

const fn step(name: &'static str, words: &'static str) -> Step {
    let meanwhile = Meanwhile::Nothing;
    Step {
        name,
        words,
        meanwhile,
    }
}

const RUN: &str = "run --replay {goods}/stage.y4m --page off --json";
const APPLY: &str = "update apply --folder update";

/// The first set, enrolments before, during and after an update, a delta with new keys, a staged set in place of another (the
/// slot is emptied), a way back, an update in one go; decisions are logged all the while.
pub const DEVICE: [Step; 18] = [
    step("trust", "update trust {goods}/keys.json --folder update"),
    step(
        "stage one",
        "update stage {goods}/one.skueye --folder update",
    ),
    step("activate one", APPLY),
    step("try one", RUN),
    step(
        "enrol first",
        "gallery enrol update/a/gallery.skg --gtin 5000000000005 --title Tea {goods}/golden.png",
    ),
    step(
        "stage two: delta, keys",
        "update stage {goods}/two.skueye --folder update",
    ),
    step(
        "enrol second",
        "gallery enrol update/a/gallery.skg --gtin 5000000000012 --title Coffee {goods}/golden.png",
    ),
    Step {
        name: "stage three over two",
        words: "update stage {goods}/three.skueye --folder update",
        meanwhile: Meanwhile::Unstaged,
    },
    Step {
        name: "stage two again",
        words: "update stage {goods}/two.skueye --folder update",
        meanwhile: Meanwhile::Unstaged,
    },
    step("activate two", APPLY),
    step(
        "enrol third on trial",
        "gallery enrol update/a/gallery.skg --gtin 5000000000029 --title Cocoa {goods}/golden.png",
    ),
    step("try two", RUN),
    step(
        "take out first",
        "gallery remove update/b/gallery.skg --gtin 5000000000005",
    ),
    step("go back", "update rollback --folder update"),
    step("try one again", RUN),
    Step {
        name: "apply three",
        words: "update apply {goods}/three.skueye --folder update",
        meanwhile: Meanwhile::Half("update stage {goods}/three.skueye --folder update"),
    },
    step("try three", RUN),
    step("scan", RUN),
];

/// What every device must still be able to do after a cut: start, take an update, and start with it.
pub const GO_ON: [Step; 3] = [
    step("start", RUN),
    step(
        "apply four",
        "update apply {goods}/four.skueye --folder update",
    ),
    step("try four", RUN),
];

/// The release that a device has after [`GO_ON`].
pub const LAST_RELEASE: &str = "four";
