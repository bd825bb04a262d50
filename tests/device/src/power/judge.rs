//! What became of a disk: it has what it had, or what it was being given, or something is lost.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::facts::Facts;

/// What there is after a cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// As after the last step that was acknowledged; or in between, each part as before or as after the step under way.
    Old,
    /// As after the step that was under way.
    New,
    /// Not usable, or older than what was acknowledged.
    Lost(String),
}

/// What there must be.
#[derive(Debug, Default)]
pub struct Expected {
    /// Before the first step, then after each.
    pub facts: Vec<Facts>,
    /// On the way to the end of a step, for steps of two parts.
    pub on_the_way: BTreeMap<usize, Facts>,
}

impl Expected {
    /// Judges what was `found` after a cut at which step `done` was the last acknowledged one, and `begun` was under way.
    pub fn judge(
        &self,
        found: Result<Facts, String>,
        done: Option<usize>,
        begun: Option<usize>,
    ) -> Verdict {
        let found = match found {
            Ok(found) => found,
            Err(why) => return Verdict::Lost(why),
        };
        let before = &self.facts[done.map_or(0, |step| step + 1)];
        let after = begun.map_or(before, |step| &self.facts[step + 1]);
        let on_the_way = begun.and_then(|step| self.on_the_way.get(&step));
        if let Some(why) = lost(&found, [before, on_the_way.unwrap_or(before), after]) {
            return Verdict::Lost(why);
        }
        let is_whole = found.parts == after.parts && found.log_lines >= after.log_lines;
        match before != after && is_whole {
            true => Verdict::New,
            false => Verdict::Old,
        }
    }
}

/// The first part that is neither as before nor as after.
fn lost(found: &Facts, [before, on_the_way, after]: [&Facts; 3]) -> Option<String> {
    let names = [found, before, after].map(|facts| facts.parts.keys());
    let names: BTreeSet<_> = names.into_iter().flatten().collect();
    for name in names {
        let part = |facts: &'_ Facts| facts.parts.get(name).cloned();
        let [found, before, after] = [found, before, after].map(part);
        if found != before && found != after && found != part(on_the_way) {
            let text = |part: Option<Value>| {
                let text = part.map_or("none".into(), |part| part.to_string());
                text.chars().take(120).collect::<String>()
            };
            let [found, before, after] = [found, before, after].map(text);
            return Some(format!("{name}: {found} is neither {before} nor {after}"));
        }
    }
    (found.log_lines < before.log_lines).then(|| {
        let (found, before) = (found.log_lines, before.log_lines);
        format!("{found} lines in the log, {before} were acknowledged")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn facts(running: &str, products: &[&str], log_lines: u64) -> Facts {
        Facts {
            parts: BTreeMap::from([("sets", json!(running)), ("products", json!(products))]),
            log_lines,
        }
    }

    /// One set, an update, then an enrolment.
    fn expected() -> Expected {
        Expected {
            facts: vec![
                facts("one", &["tea"], 3),
                facts("two", &["tea"], 6),
                facts("two", &["tea", "milk"], 6),
            ],
            on_the_way: BTreeMap::from([(0, facts("one, two is staged", &["tea"], 3))]),
        }
    }

    fn judge(found: Facts, done: Option<usize>, begun: Option<usize>) -> Verdict {
        expected().judge(Ok(found), done, begun)
    }

    #[test]
    fn before_and_after_the_step_under_way_are_both_good() {
        let [one, two] = ["one", "two"].map(|set| facts(set, &["tea"], 6));
        assert_eq!(judge(one, None, Some(0)), Verdict::Old);
        assert_eq!(judge(two.clone(), None, Some(0)), Verdict::New);
        assert_eq!(judge(two.clone(), Some(0), None), Verdict::Old);
        assert_eq!(judge(two, Some(0), Some(1)), Verdict::Old);
        let both = facts("two", &["tea", "milk"], 7);
        assert_eq!(judge(both, Some(0), Some(1)), Verdict::New);
        let staged = facts("one, two is staged", &["tea"], 3);
        assert_eq!(judge(staged, None, Some(0)), Verdict::Old);
        let not_yet_logged = facts("two", &["tea"], 3);
        assert_eq!(judge(not_yet_logged, None, Some(0)), Verdict::Old);
    }

    #[test]
    fn what_was_acknowledged_must_be_there_and_nothing_else() {
        for (found, done, begun) in [
            (facts("one", &["tea"], 6), Some(0), None),
            (facts("two", &["tea"], 6), Some(1), None),
            (facts("two", &["tea"], 5), Some(0), None),
            (facts("three", &["tea"], 6), Some(0), Some(1)),
            (facts("two", &[], 6), Some(0), Some(1)),
            (facts("one, two is staged", &["tea"], 6), Some(0), Some(1)),
            (facts("two", &["tea"], 6), None, None),
            (Facts::default(), Some(0), Some(1)),
        ] {
            let verdict = judge(found.clone(), done, begun);
            assert!(matches!(verdict, Verdict::Lost(_)), "{found:?}");
        }
        let refused = expected().judge(Err("E805".into()), Some(0), None);
        assert_eq!(refused, Verdict::Lost("E805".into()));
    }
}
