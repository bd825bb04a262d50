//! AIM symbology identifiers (ISO/IEC 15424): three characters before the data that say which barcode it came from.
//!
//! | identifier | symbol | data |
//! |---|---|---|
//! | `]E0` | EAN-13, UPC-A | 13 digits; a GTIN-12 gets a leading zero |
//! | `]E4` | EAN-8 | 8 digits |
//! | `]C1` | GS1-128 | `01` and 14 digits |
//! | `]d2` | GS1 DataMatrix | `01` and 14 digits |

use skueye_models::Gtin;

/// The GS1 application identifier of a GTIN.
const AI_GTIN: &str = "01";

/// Which scanner the frames look like to the till.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Aim {
    /// No identifier: the digits as the GTIN is written.
    #[default]
    Off,
    /// A linear scanner: `]E0`, `]E4` or `]C1` by the form of the GTIN.
    Linear,
    /// A two-dimensional scanner: `]d2` for every GTIN, written with 14 digits.
    Matrix,
}

impl Aim {
    /// The setting of this name: `off`, `linear` or `matrix`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "off" => Some(Self::Off),
            "linear" => Some(Self::Linear),
            "matrix" => Some(Self::Matrix),
            _ => None,
        }
    }

    /// How a GTIN is presented: identifier, application identifier, count of digits.
    pub(crate) fn dress(self, gtin: Gtin) -> (&'static str, &'static str, usize) {
        match (self, gtin.digits()) {
            (Self::Off, digits) => ("", "", usize::from(digits)),
            (Self::Linear, 8) => ("]E4", "", 8),
            (Self::Linear, 12 | 13) => ("]E0", "", 13),
            (Self::Linear, _) => ("]C1", AI_GTIN, 14),
            (Self::Matrix, _) => ("]d2", AI_GTIN, 14),
        }
    }

    /// The digits after the identifier of `data`, and how many there must be; `None` without a known identifier.
    pub(crate) fn undress(self, data: &[u8]) -> Option<(&[u8], Option<usize>)> {
        let known: &[(&str, &str, usize)] = match self {
            Self::Off => return Some((data, None)),
            Self::Linear => &[("]E0", "", 13), ("]E4", "", 8), ("]C1", AI_GTIN, 14)],
            Self::Matrix => &[("]d2", AI_GTIN, 14)],
        };
        known.iter().find_map(|(identifier, ai, digits)| {
            let rest = data.strip_prefix(identifier.as_bytes())?;
            Some((rest.strip_prefix(ai.as_bytes())?, Some(*digits)))
        })
    }
}
