//! The section `[thresholds]`: thresholds of single products, by their number.

use std::collections::BTreeMap;

use skueye_models::{Gtin, Thresholds};

use super::reader::Section;

/// What one product has in place of the thresholds of all; what it does not name is theirs.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Own {
    /// From here on it is accepted.
    pub accept: Option<f32>,
    /// Below it, it is rejected.
    pub reject: Option<f32>,
    /// The least distance to the second product.
    pub margin: Option<f32>,
}

impl Own {
    /// What this names, and the rest of `other`.
    pub fn or(self, other: Self) -> Self {
        Self {
            accept: self.accept.or(other.accept),
            reject: self.reject.or(other.reject),
            margin: self.margin.or(other.margin),
        }
    }

    /// The thresholds with these in place of those of all; `None` where it names none. Who accepts from a lower score on
    /// rejects from no higher one.
    pub fn over(self, all: &Thresholds) -> Option<Thresholds> {
        if self == Self::default() {
            return None;
        }
        let accept = self.accept.unwrap_or(all.accept);
        Some(Thresholds {
            accept,
            reject: self.reject.unwrap_or(all.reject).min(accept),
            margin: self.margin.unwrap_or(all.margin),
            false_accept_rate: all.false_accept_rate,
        })
    }
}

/// Into the thresholds by the number's value: a GTIN-13 and the same number as a GTIN-14 are one product.
pub(super) fn read(section: Section<'_, '_>, into: &mut BTreeMap<u64, Own>) {
    let expected = "a product's number with its check digit = { accept, reject, margin }";
    let parse = |name: &str| Some(name.parse::<Gtin>().ok()?.value());
    section.each(expected, parse, |gtin, mut keys| {
        let mut own = Own::default();
        keys.optional("accept", -1.0..=1.0, &mut own.accept);
        keys.optional("reject", -1.0..=1.0, &mut own.reject);
        keys.optional("margin", 0.0..=2.0, &mut own.margin);
        if let (Some(accept), Some(reject)) = (own.accept, own.reject)
            && reject > accept
        {
            let expected = format!("at most accept, which is {accept}");
            keys.refuse("reject", expected, "lower reject or raise accept");
        }
        keys.finish();
        into.insert(gtin, own);
    });
}
