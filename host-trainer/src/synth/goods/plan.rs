//! Which products a data set has and what each is for.

use super::product::{LINES_PER_BRAND, Line, Product};
use crate::synth::SynthOptions;

/// What a product is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Train,
    Val,
    /// In the index and asked for.
    Eval,
    /// Asked for, and not in the index.
    Unknown,
}

/// A product by its place in its line; its place in the plan is its serial number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) line: u64,
    pub(crate) member: usize,
    pub(crate) role: Role,
}

/// Every product of the data set. Training, validation and evaluation share neither lines nor brands: what is chosen and
/// calibrated on the validation products holds for products whose like the network has not seen.
pub(crate) fn plan(options: &SynthOptions) -> Vec<Entry> {
    let mut plan = Vec::new();
    let mut next = take(options, 0, options.train_products, Role::Train, &mut plan);
    next = take(options, next, options.val_products, Role::Val, &mut plan);
    let eval_begin = plan.len();
    let first_line = next;
    next = take(
        options,
        first_line,
        options.eval_products,
        Role::Eval,
        &mut plan,
    );
    let mut lines: Vec<u64> = plan[eval_begin..].iter().map(|e| e.line).collect();
    lines.dedup();
    // The last line may have been cut short, so that its next member would not be the one beyond.
    lines.pop();
    let extra = lines
        .iter()
        .take(options.unknown_products / 4)
        .map(|&line| Entry {
            line,
            member: Line::new(options.seed, options.vocabulary, line).members,
            role: Role::Unknown,
        });
    let extra: Vec<_> = extra.collect();
    let rest = options.unknown_products - extra.len();
    plan.extend(extra);
    take(options, next, rest, Role::Unknown, &mut plan);
    plan
}

/// Adds `count` products of the lines from `line` on; returns the first line of the next brand.
fn take(
    options: &SynthOptions,
    mut line: u64,
    count: usize,
    role: Role,
    plan: &mut Vec<Entry>,
) -> u64 {
    let end = plan.len() + count;
    while plan.len() < end {
        let members = Line::new(options.seed, options.vocabulary, line).members;
        let members = members.min(end - plan.len());
        plan.extend((0..members).map(|member| Entry { line, member, role }));
        line += 1;
    }
    line.next_multiple_of(LINES_PER_BRAND)
}

impl Entry {
    /// The product, as the `serial`-th of the data set.
    pub(crate) fn product(&self, options: &SynthOptions, serial: usize) -> Product {
        Product::new(
            options.seed,
            options.vocabulary,
            self.line,
            self.member,
            serial as u64,
        )
    }
}
