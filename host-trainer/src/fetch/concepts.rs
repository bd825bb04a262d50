//! Which drawings show the same thing: names of several makers grouped into concepts.
//!
//! Names are one concept where a maker lists one as an alias of the other, where a maker uses the very same drawing for
//! both, and where they differ only in the gender of the person or in the make-up of a family. Skin tones are left out:
//! the untinted drawing stands for all of them. A group that swallows two things (`cricket`, the insect and the game)
//! costs one concept and harms no figure, while a thing split in two would count right answers as wrong.

use std::collections::{BTreeMap, HashMap};

use super::icons::{Icon, IconSet};

/// One thing that several makers drew.
#[derive(Debug)]
pub(super) struct Concept<'a> {
    /// The name that most makers know.
    pub name: &'a str,
    /// `Food & Drink` and the like; empty where no maker says.
    pub category: &'a str,
    /// All names of it, of those whose drawings are not taken too.
    pub names: Vec<&'a str>,
    /// One drawing per maker, in the order of the sets.
    pub drawings: Vec<Drawing<'a>>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Drawing<'a> {
    /// The maker's place among the sets.
    pub maker: usize,
    /// The maker's own name for it.
    pub name: &'a str,
    pub icon: &'a Icon,
}

/// The concepts that at least `min_makers` of `sets` drew, by name.
pub(super) fn concepts(sets: &[IconSet], min_makers: usize) -> Vec<Concept<'_>> {
    let mut concepts: Vec<_> = groups(sets)
        .into_values()
        .filter_map(|names| concept(sets, &names))
        .filter(|concept| concept.drawings.len() >= min_makers)
        .collect();
    concepts.sort_by_key(|concept| concept.name);
    concepts
}

/// All names, grouped; each group in alphabetical order.
fn groups(sets: &[IconSet]) -> BTreeMap<usize, Vec<&str>> {
    let mut union = Union::default();
    for set in sets {
        let plain = |name: &str| !is_tinted(name, set);
        let mut first_with = HashMap::new();
        for name in set.icons.keys().filter(|name| plain(name)) {
            union.join(name, stem(name));
            let first = *first_with
                .entry(set.icons[name].body.as_str())
                .or_insert(name.as_str());
            union.join(name, first);
        }
        for (alias, name) in set
            .aliases
            .iter()
            .filter(|(alias, name)| plain(alias) && plain(name))
        {
            union.join(alias, name);
            union.join(alias, stem(alias));
        }
    }
    union.groups()
}

fn concept<'a>(sets: &'a [IconSet], names: &[&'a str]) -> Option<Concept<'a>> {
    let makers_of = |name: &str| {
        sets.iter()
            .filter(|set| set.resolve(name).is_some())
            .count()
    };
    let name = *names
        .iter()
        .max_by_key(|name| (makers_of(name), std::cmp::Reverse(name.len())))?;
    let drawings: Vec<_> = sets
        .iter()
        .enumerate()
        .filter_map(|(maker, set)| {
            let known = std::iter::once(&name)
                .chain(names)
                .find_map(|name| set.resolve(name))?;
            Some(Drawing {
                maker,
                name: known,
                icon: &set.icons[known],
            })
        })
        .collect();
    let category = drawings
        .iter()
        .find_map(|d| sets[d.maker].categories.get(d.name));
    Some(Concept {
        name,
        category: category.map_or("", String::as_str),
        names: names.to_vec(),
        drawings,
    })
}

/// Whether `name` is a skin tone of another drawing. One set spells the tone out, another appends it bare.
fn is_tinted(name: &str, set: &IconSet) -> bool {
    let bare = [
        "-medium-light",
        "-medium-dark",
        "-light",
        "-medium",
        "-dark",
    ];
    let base = bare.iter().find_map(|tone| name.strip_suffix(tone));
    name.contains("skin-tone")
        || base.is_some_and(|base| set.resolve(&format!("{base}-medium-light")).is_some())
}

/// What remains of a name without gender and family make-up.
fn stem(name: &str) -> &str {
    for whole in ["family", "couple-with-heart"] {
        if name.starts_with(whole) {
            return whole;
        }
    }
    if ["kiss-man", "kiss-woman", "kiss-person"]
        .iter()
        .any(|couple| name.starts_with(couple))
    {
        return "kiss";
    }
    let genders = [
        "man-", "woman-", "person-", "men-", "women-", "people-", "mr-", "mrs-", "mx-",
    ];
    genders
        .iter()
        .find_map(|gender| name.strip_prefix(gender))
        .unwrap_or(name)
}

/// Disjoint sets of names.
#[derive(Default)]
struct Union<'a> {
    ids: BTreeMap<&'a str, usize>,
    parents: Vec<usize>,
}

impl<'a> Union<'a> {
    fn join(&mut self, a: &'a str, b: &'a str) {
        let (a, b) = (self.id(a), self.id(b));
        let (a, b) = (self.root(a), self.root(b));
        self.parents[a.max(b)] = a.min(b);
    }

    fn id(&mut self, name: &'a str) -> usize {
        let next = self.parents.len();
        let id = *self.ids.entry(name).or_insert(next);
        if id == next {
            self.parents.push(next);
        }
        id
    }

    fn root(&self, mut id: usize) -> usize {
        while self.parents[id] != id {
            id = self.parents[id];
        }
        id
    }

    fn groups(&self) -> BTreeMap<usize, Vec<&'a str>> {
        let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (name, id) in &self.ids {
            groups.entry(self.root(*id)).or_default().push(*name);
        }
        groups
    }
}
