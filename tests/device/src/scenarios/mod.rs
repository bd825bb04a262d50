//! What happens to the virtual device: scenarios by name, each with its seconds and its result.

mod faults;
mod scan;
mod stick;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use serde_json::json;

use crate::camera::Picture;
use crate::layout::Layout;
use crate::shop::Shop;
use crate::trouble::Trouble;
use crate::{cross, native, packages, usage};

/// What a scenario is played with.
pub struct Play<'p> {
    /// Where things are.
    pub layout: &'p Layout,
    /// The goods.
    pub shop: &'p Shop,
    /// A folder of its own, empty at the start.
    pub folder: PathBuf,
}

impl Play<'_> {
    /// The empty stage.
    pub fn empty(&self) -> Result<Picture, Trouble> {
        Picture::from_jpeg(&self.shop.frame(0)?)
    }
}

type Scenario = fn(&Play) -> Result<(), Trouble>;

/// Every scenario and what it shows.
const ALL: [(&str, &str, Scenario); 9] = [
    (
        "scan",
        "20 goods that it sells and 5 that it does not: the till reads the 20",
        scan::run,
    ),
    (
        "enrol-reboot",
        "a product is enrolled, the power goes, the device starts: the till reads it",
        stick::enrol,
    ),
    (
        "update-stick",
        "a new gallery comes on a USB stick; what was unknown is sold",
        stick::update,
    ),
    (
        "stick-pulled",
        "a stick is pulled out while it is read, and plugged in again",
        stick::pulled,
    ),
    (
        "sticks-refused",
        "ten wrong, old and hostile sticks, each refused by its number; then a good one",
        stick::hostile,
    ),
    (
        "serial-unplugged",
        "the till's cable is pulled out, a product presented, the cable plugged in: read once",
        faults::serial,
    ),
    (
        "camera-frozen",
        "the picture freezes, then no frame comes at all: told, and recovered from",
        faults::frozen,
    ),
    (
        "disk-full",
        "the disk with the decision log is full: the till goes on reading, later the log as well",
        faults::full,
    ),
    (
        "disk-read-only",
        "the disk can only be read: recognised all the same",
        faults::read_only,
    ),
];

struct Options {
    names: Vec<String>,
    json: bool,
    /// The programs of this machine are there already.
    no_build: bool,
}

impl Options {
    fn parse(words: &[String]) -> Result<Self, Trouble> {
        let mut options = Self {
            names: Vec::new(),
            json: false,
            no_build: false,
        };
        for word in words {
            match word.as_str() {
                "--json" => options.json = true,
                "--no-build" => options.no_build = true,
                "all" => options.names.extend(ALL.map(|(name, ..)| name.to_owned())),
                name if ALL.iter().any(|(known, ..)| *known == name) => {
                    options.names.push(name.to_owned())
                }
                other => {
                    return Err(usage(&format!(
                        "there is no scenario {other:?}; cargo device-vm list names them"
                    )));
                }
            }
        }
        match options.names.is_empty() {
            true => Err(usage("name a scenario, or all")),
            false => Ok(options),
        }
    }
}

/// `cargo device-vm`
pub fn run(layout: &Layout, words: &[String]) -> Result<ExitCode, Trouble> {
    if words == ["list"] {
        for (name, what, _) in ALL {
            println!("{name:<18} {what}");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let options = Options::parse(words)?;
    packages::ensure(layout)?;
    cross::ensure(layout)?;
    if !options.no_build {
        native::build(layout)?;
    }
    let shop = Shop::ensure(layout)?;
    let mut results = Vec::new();
    for name in &options.names {
        results.push(play(layout, &shop, name)?);
    }
    let failed = results
        .iter()
        .filter(|result| result["result"] != "passed")
        .count();
    if options.json {
        println!("{}", json!({ "scenarios": results, "failed": failed }));
    }
    Ok(ExitCode::from(u8::from(failed > 0)))
}

fn play(layout: &Layout, shop: &Shop, name: &str) -> Result<serde_json::Value, Trouble> {
    let folder = layout.made().join("run").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).map_err(|e| Trouble::disk(&folder, &e))?;
    let scenario = ALL.iter().find(|(known, ..)| *known == name);
    let (_, what, scenario) = scenario.expect("names are checked where they are read");
    eprintln!("{name}: {what}");
    let begin = Instant::now();
    let result = scenario(&Play {
        layout,
        shop,
        folder: folder.clone(),
    });
    let seconds = (begin.elapsed().as_secs_f64() * 10.0).round() / 10.0;
    let (word, why) = match &result {
        Ok(()) => ("passed", None),
        Err(trouble) => ("failed", Some(trouble.to_string())),
    };
    eprintln!("{name}: {word} in {seconds} s");
    if let Some(why) = &why {
        eprintln!(
            "    {why}\n    console and logs are in {}",
            folder.display()
        );
    }
    Ok(json!({ "scenario": name, "seconds": seconds, "result": word, "why": why }))
}

/// Holds what was got against what is right.
pub fn same<T: PartialEq + std::fmt::Debug>(what: &str, got: &T, right: &T) -> Result<(), Trouble> {
    match got == right {
        true => Ok(()),
        false => Err(Trouble::new(
            format!("{what}: got {got:?}"),
            format!("right is {right:?}"),
        )),
    }
}
