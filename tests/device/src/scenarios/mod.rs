//! What happens to the virtual device: scenarios by name, each with its seconds and its result.

mod cameras;
mod faults;
mod scan;
mod stick;
mod supervised;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use serde_json::json;

use crate::layout::Layout;
use crate::machine::crashed;
use crate::plain::Goods;
use crate::trouble::Trouble;
use crate::{cross, native, packages, usage};

/// What a scenario is played with.
pub struct Play<'p> {
    /// Where things are.
    pub layout: &'p Layout,
    /// A folder of its own, empty at the start.
    pub folder: PathBuf,
}

impl Play<'_> {
    /// Plain goods.
    pub fn goods(&self) -> Result<Goods, Trouble> {
        Goods::make(&self.folder.join("goods"))
    }
}

type Act = fn(&Play) -> Result<(), Trouble>;

/// A scenario.
struct Scenario {
    name: &'static str,
    /// What it shows.
    what: &'static str,
    play: Act,
}

const SCENARIOS: [Scenario; 15] = [
    Scenario {
        name: "scan",
        what: "20 goods that it sells and 5 that it does not: the till reads the 20",
        play: scan::run,
    },
    Scenario {
        name: "enrol-reboot",
        what: "a product is enrolled, the power goes, the device starts: the till reads it",
        play: stick::enrol,
    },
    Scenario {
        name: "update-stick",
        what: "a new gallery comes on a USB stick with a table of parts; what was unknown is sold",
        play: stick::update,
    },
    Scenario {
        name: "stick-pulled",
        what: "a stick is pulled out while it is read, and plugged in again",
        play: stick::pulled,
    },
    Scenario {
        name: "sticks-refused",
        what: "ten wrong, old and hostile sticks, each refused by its number; then a good one",
        play: stick::hostile,
    },
    Scenario {
        name: "update-cable",
        what: "a new gallery comes over a serial cable that is pulled out in the middle and plugged in again",
        play: stick::cable,
    },
    Scenario {
        name: "set-crashes",
        what: "a new set's program dies at each start: systemd starts the device again, which returns to the set before",
        play: supervised::crashes,
    },
    Scenario {
        name: "set-hangs",
        what: "a new set's program hangs: systemd's watchdog ends it, the device returns to the set before",
        play: supervised::hangs,
    },
    Scenario {
        name: "kernel-hangs",
        what: "the kernel itself stands still: the board's watchdog starts it again, and it sells",
        play: supervised::kernel,
    },
    Scenario {
        name: "serial-unplugged",
        what: "the till's cable is pulled out, a product presented, the cable plugged in: read once",
        play: faults::serial,
    },
    Scenario {
        name: "camera-frozen",
        what: "the picture freezes, then no frame comes at all: told, and recovered from",
        play: faults::frozen,
    },
    Scenario {
        name: "camera-unplugged",
        what: "the camera's driver goes, and comes back: told, and recovered from",
        play: cameras::unplugged,
    },
    Scenario {
        name: "camera-vivid",
        what: "a driver that gives other formats than asked for and longer rows, taken away while it streams",
        play: cameras::vivid,
    },
    Scenario {
        name: "disk-full",
        what: "the disk with the decision log is full: the till goes on reading, later the log as well",
        play: faults::full,
    },
    Scenario {
        name: "disk-read-only",
        what: "disk and root can only be read: recognised all the same",
        play: faults::read_only,
    },
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
                "all" => {
                    let names = SCENARIOS.iter().map(|scenario| scenario.name.to_owned());
                    options.names.extend(names);
                }
                name if SCENARIOS.iter().any(|known| known.name == name) => {
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
            true => Err(usage("name a scenario")),
            false => Ok(options),
        }
    }
}

/// `cargo device-vm`
pub fn run(layout: &Layout, words: &[String]) -> Result<ExitCode, Trouble> {
    if words == ["list"] {
        for Scenario { name, what, .. } in SCENARIOS {
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
    let mut results = Vec::new();
    for name in &options.names {
        results.push(play(layout, name)?);
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

/// How often QEMU itself may crash in a scenario before that counts as the scenario's failure.
const CRASHES: u32 = 2;

fn play(layout: &Layout, name: &str) -> Result<serde_json::Value, Trouble> {
    let folder = layout.made().join("run").join(name);
    let scenario = SCENARIOS.iter().find(|known| known.name == name);
    let scenario = scenario.expect("names are checked where they are read");
    eprintln!("{name}: {}", scenario.what);
    let mut crashes = 0;
    let (result, seconds) = loop {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).map_err(|e| Trouble::disk(&folder, &e))?;
        let begin = Instant::now();
        let result = (scenario.play)(&Play {
            layout,
            folder: folder.clone(),
        });
        let seconds = (begin.elapsed().as_secs_f64() * 10.0).round() / 10.0;
        if result.is_ok() || crashes == CRASHES || !crashed(&folder) {
            break (result, seconds);
        }
        crashes += 1;
        eprintln!("{name}: QEMU crashed after {seconds} s; played again");
    };
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
    Ok(json!({
        "scenario": name,
        "seconds": seconds,
        "result": word,
        "why": why,
        "qemu_crashes": crashes,
    }))
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
