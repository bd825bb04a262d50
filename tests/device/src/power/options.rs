//! The words after `cargo device-power`.

use std::path::PathBuf;

use crate::trouble::Trouble;
use crate::usage;

/// What is wanted.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    /// How many states are made and judged, all controls apart.
    pub states: usize,
    /// Draws the cuts.
    pub seed: u64,
    /// The program of this machine that judges states, in place of the one that is built here.
    pub program: Option<PathBuf>,
    /// Only trials whose name contains this.
    pub only: String,
    /// Whether to write JSON.
    pub json: bool,
}

impl Options {
    /// Reads the words.
    pub fn parse(words: &[String]) -> Result<Self, Trouble> {
        let mut options = Self {
            states: 300,
            seed: 1,
            program: None,
            only: String::new(),
            json: false,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || {
                let value = words.next();
                value.ok_or_else(|| usage(&format!("{word} needs a value")))
            };
            match word.as_str() {
                "--json" => options.json = true,
                "--states" => options.states = number(word, value()?)? as usize,
                "--seed" => options.seed = number(word, value()?)?,
                "--program" => options.program = Some(value()?.into()),
                "--only" => options.only = value()?.clone(),
                other => return Err(usage(&format!("cargo device-power knows no {other:?}"))),
            }
        }
        Ok(options)
    }
}

fn number(name: &str, value: &str) -> Result<u64, Trouble> {
    let number = value.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| usage(&format!("{name} is a number above 0, not {value:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options, Trouble> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        Options::parse(&words)
    }

    #[test]
    fn words_are_read_and_others_refused() {
        let options = parse("--states 5000 --json --program a/skueye --seed 7").unwrap();
        assert_eq!(
            (options.states, options.seed, options.json),
            (5000, 7, true)
        );
        assert_eq!(options.program, Some("a/skueye".into()));
        for wrong in ["--states", "--states 0", "--states many", "--fast"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
