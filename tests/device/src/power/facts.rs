//! What somebody has whose disk lost its power, as the program says and the bytes prove.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::goods::Goods;
use super::program::Program;

/// What there is, part by part; each part changes whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// The parts by their names; one that is missing is `null`.
    pub parts: BTreeMap<&'static str, Value>,
    /// Lines of the decision log whose chain holds: it may grow, but never shrink.
    pub log_lines: u64,
}

impl Facts {
    /// The same device with no set staged.
    pub fn unstaged(&self) -> Self {
        let mut facts = self.clone();
        let sets = facts.parts.get_mut("sets").and_then(|sets| sets.get_mut(0));
        if let Some(roles) = sets.and_then(Value::as_object_mut) {
            roles.remove("staged");
        }
        facts
    }
}

/// Whose disk it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A device: sets, keys, products, log.
    Device,
    /// A USB stick: bundles and the result that a device leaves.
    Stick,
    /// One file that is written again and again.
    File,
}

/// What the facts are read with.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// The device's program.
    pub program: &'a Program,
    /// What was given to the device.
    pub goods: &'a Goods,
}

impl Reader<'_> {
    /// The facts about what lies in `folder`. The error says what is lost: what the program refuses, or a file that is not as
    /// it was signed.
    pub fn read(&self, subject: Subject, folder: &Path) -> Result<Facts, String> {
        match subject {
            Subject::Device => self.device(folder),
            Subject::Stick => self.stick(folder),
            Subject::File => self.file(folder),
        }
    }

    fn device(&self, folder: &Path) -> Result<Facts, String> {
        let mut facts = Facts {
            log_lines: self.log_lines(folder)?,
            ..Facts::default()
        };
        if !folder.join("update").exists() {
            return Ok(facts);
        }
        let status = self.ask("update status --folder update", folder)?;
        self.program.ask("update history --folder update", folder)?;
        let mut sets = BTreeMap::new();
        for role in ["running", "previous", "staged"] {
            if let Some(release) = status[role]["set"]["release"].as_str() {
                self.prove(folder, &status[role])?;
                sets.insert(role, release);
            }
        }
        if !sets.is_empty() {
            let trial = !status["starts_left"].is_null();
            let sets = json!([sets, trial, status["security_epoch"]]);
            facts.parts.insert("sets", sets);
        }
        if !status["key_set"].is_null() {
            facts.parts.insert("keys", status["key_set"].clone());
        }
        if let Some(slot) = status["running"]["slot"].as_str() {
            let gallery = format!("update/{slot}/gallery.skg");
            self.ask(&format!("gallery verify {gallery}"), folder)?;
            let products = self
                .program
                .ask(&format!("gallery list {gallery}"), folder)?;
            facts.parts.insert("products", Value::Array(products));
        }
        Ok(facts)
    }

    /// The bundles on a stick that a device takes, and what it left there.
    fn stick(&self, folder: &Path) -> Result<Facts, String> {
        let mut facts = Facts::default();
        for (name, release) in [("one.skueye", "one"), ("whole.skueye", "whole")] {
            let path = folder.join(name);
            let is_taken = path.exists() && self.is_taken(name, folder);
            if !is_taken {
                continue;
            }
            if fs::read(&path).ok() != fs::read(self.goods.folder().join(name)).ok() {
                return Err(format!("{name} is taken, but is not what was signed"));
            }
            facts.parts.insert(release, json!("taken"));
        }
        // One that is empty or cut short is none: FAT cannot give a name to another file in one go.
        let result = fs::read(folder.join("skueye-result.json")).unwrap_or_default();
        let result: Value = serde_json::from_slice(&result).unwrap_or_default();
        if result.is_object() {
            let release = result["set"]["release"].clone();
            facts.parts.insert("result", release);
        }
        Ok(facts)
    }

    fn is_taken(&self, bundle: &str, folder: &Path) -> bool {
        let trusting = self.goods.folder().join("trusting");
        let words = format!("update verify {bundle} --folder {}", trusting.display());
        self.program.call(&words, folder).is_ok()
    }

    fn file(&self, folder: &Path) -> Result<Facts, String> {
        let mut facts = Facts::default();
        let path = folder.join("current");
        if !path.exists() {
            return Ok(facts);
        }
        let bytes = fs::read(&path).map_err(|e| format!("current: {e}"))?;
        let generation = self.goods.generation(&bytes);
        let generation = generation.ok_or_else(|| {
            let length = bytes.len();
            format!("current has {length} bytes that nobody wrote together")
        })?;
        facts.parts.insert("current", json!(generation));
        Ok(facts)
    }

    fn log_lines(&self, folder: &Path) -> Result<u64, String> {
        if !folder.join("log").exists() {
            return Ok(0);
        }
        let verified = self.ask("log verify --folder log", folder)?;
        let lines = verified["lines"].as_u64();
        lines.ok_or_else(|| format!("skueye log verify answers {verified}"))
    }

    /// The first answer.
    fn ask(&self, words: &str, folder: &Path) -> Result<Value, String> {
        let answers = self.program.ask(words, folder)?;
        let none = || format!("skueye {words} answers nothing");
        answers.into_iter().next().ok_or_else(none)
    }

    /// Every file of a slot is what was signed for its release.
    fn prove(&self, folder: &Path, held: &Value) -> Result<(), String> {
        let release = held["set"]["release"].as_str().unwrap_or_default();
        let slot = held["slot"].as_str().unwrap_or_default();
        let wanted = self.goods.release(release);
        let wanted = wanted.ok_or_else(|| format!("nobody made release {release}"))?;
        for (name, bytes) in wanted {
            let path = folder.join("update").join(slot).join(name);
            let found = fs::read(&path).map_err(|e| format!("{slot}/{name} of {release}: {e}"))?;
            if found != *bytes {
                return Err(format!("{slot}/{name} is not that of {release}"));
            }
        }
        Ok(())
    }
}
