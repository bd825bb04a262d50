//! Global Trade Item Numbers (GS1 General Specifications, section 3 and check digit calculation 7.9).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::fault::{Code, Fault};

/// A GTIN-8, -12, -13 or -14 whose check digit has been proven. It remembers the form it was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Gtin {
    value: u64,
    digits: u8,
}

impl Gtin {
    /// The GTIN with `digits` digits (8, 12, 13 or 14) whose digits before the check digit are those of `body`.
    pub fn from_body(body: u64, digits: u8) -> Result<Self, Fault> {
        let too_large = body >= 10u64.pow(u32::from(digits.clamp(1, 14)) - 1);
        if !matches!(digits, 8 | 12 | 13 | 14) || too_large {
            return Err(refused(&format!("body {body} for {digits} digits")));
        }
        Ok(Self {
            value: body * 10 + check_digit(body),
            digits,
        })
    }

    /// The GTIN whose number, check digit included, is `value` when written with `digits` digits.
    pub fn from_parts(value: u64, digits: u8) -> Result<Self, Fault> {
        let gtin = Self::from_body(value / 10, digits)?;
        if gtin.value != value {
            return Err(refused(&format!(
                "{value} with check digit {}, not {}",
                value % 10,
                gtin.value % 10
            )));
        }
        Ok(gtin)
    }

    /// The number, check digit included.
    pub fn value(self) -> u64 {
        self.value
    }

    /// How many digits it is written with: 8, 12, 13 or 14.
    pub fn digits(self) -> u8 {
        self.digits
    }
}

/// Weights 3 and 1 alternate from the right, beginning with 3.
fn check_digit(mut body: u64) -> u64 {
    let (mut sum, mut weight) = (0, 3);
    while body > 0 {
        sum += (body % 10) * weight;
        weight = 4 - weight;
        body /= 10;
    }
    (10 - sum % 10) % 10
}

fn refused(got: &str) -> Fault {
    Fault::new(
        Code::GtinInvalid,
        "8, 12, 13 or 14 digits of which the last is the check digit",
        got,
        "read the number again from the package",
    )
}

impl FromStr for Gtin {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        if !matches!(text.len(), 8 | 12..=14) || !text.bytes().all(|b| b.is_ascii_digit()) {
            let shown: String = text.chars().take(20).collect();
            return Err(refused(&format!("{shown:?}")));
        }
        let value = text.parse().map_err(|_| refused(text))?;
        Self::from_parts(value, text.len() as u8)
    }
}

impl fmt::Display for Gtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:0width$}",
            self.value,
            width = usize::from(self.digits)
        )
    }
}

impl Serialize for Gtin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Gtin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_numbers_of_each_form_are_accepted_and_print_as_written() {
        for text in [
            "96385074",
            "614141000036",
            "4006381333931",
            "10614141000415",
            "00000000",
        ] {
            assert_eq!(text.parse::<Gtin>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn wrong_check_digit_length_and_letters_are_refused() {
        for text in [
            "96385075",
            "4006381333932",
            "123",
            "",
            "400638133393x",
            "４００６３８１３３３９３１",
            "123456789012345",
        ] {
            assert_eq!(
                text.parse::<Gtin>().unwrap_err().code(),
                Code::GtinInvalid,
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn one_changed_digit_is_always_noticed(body in 0u64..1_000_000_000_000, at in 0usize..13, by in 1u8..10) {
            let gtin = Gtin::from_body(body, 13).unwrap();
            let mut text = gtin.to_string().into_bytes();
            text[at] = b'0' + (text[at] - b'0' + by) % 10;
            prop_assert!(String::from_utf8(text).unwrap().parse::<Gtin>().is_err());
        }

        #[test]
        fn any_text_is_parsed_or_refused_without_a_panic(text in ".{0,20}") {
            let _ = text.parse::<Gtin>();
        }
    }
}
