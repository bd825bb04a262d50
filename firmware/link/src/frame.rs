//! A reading as the bytes that are sent, and those bytes as a reading again (what a till does with them).

use heapless::Vec;
use skueye_models::Gtin;

use crate::template::{AFFIX_BYTES, NO_READ_BYTES, Template};

/// The most bytes between prefix and suffix: the text for taking back and `]d201` with 14 digits, or the no-read text.
const DATA_BYTES: usize = AFFIX_BYTES + "]d201".len() + 14;
const _: () = assert!(DATA_BYTES >= NO_READ_BYTES);
/// The most bytes of a frame: prefix, data, suffix, terminator.
pub const FRAME_BYTES: usize = AFFIX_BYTES + DATA_BYTES + AFFIX_BYTES + 2;

/// The bytes of one frame.
pub type Frame = Vec<u8, FRAME_BYTES>;

/// What a frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// This product.
    Product(Gtin),
    /// Something was presented that was not recognised.
    NoRead,
    /// This product, which was said before, is to be forgotten.
    TakenBack(Gtin),
}

impl Reading {
    /// The product that it is about.
    pub fn gtin(self) -> Option<Gtin> {
        match self {
            Self::Product(gtin) | Self::TakenBack(gtin) => Some(gtin),
            Self::NoRead => None,
        }
    }
}

impl Template {
    /// The frame for a product.
    pub fn encode(&self, gtin: Gtin) -> Frame {
        self.number(b"", gtin)
    }

    /// The frame that takes a product back; `None` where the settings have no text for that.
    pub fn encode_taken_back(&self, gtin: Gtin) -> Option<Frame> {
        (!self.take_back.is_empty()).then(|| self.number(&self.take_back, gtin))
    }

    fn number(&self, mark: &[u8], gtin: Gtin) -> Frame {
        let (identifier, ai, digits) = self.aim.dress(gtin);
        let mut number = [b'0'; 14];
        write_digits(gtin.value(), &mut number);
        let (identifier, ai) = (identifier.as_bytes(), ai.as_bytes());
        self.wrap(&[mark, identifier, ai, &number[14 - digits..]])
    }

    /// The frame for a no-read; `None` where the settings want silence.
    pub fn encode_no_read(&self) -> Option<Frame> {
        (!self.no_read.is_empty()).then(|| self.wrap(&[&self.no_read]))
    }

    /// Takes one frame apart, terminator included, as the till does; the device itself has no need of it. `None` when
    /// it was not made with this template.
    pub fn decode(&self, frame: &[u8]) -> Option<Reading> {
        let data = frame
            .strip_suffix(self.terminator.bytes())?
            .strip_suffix(self.suffix.as_slice())?
            .strip_prefix(self.prefix.as_slice())?;
        if !data.is_empty() && data == self.no_read.as_slice() {
            return Some(Reading::NoRead);
        }
        let mark = self.take_back.as_slice();
        match data.strip_prefix(mark).filter(|_| !mark.is_empty()) {
            Some(data) => self.read_number(data).map(Reading::TakenBack),
            None => self.read_number(data).map(Reading::Product),
        }
    }

    fn read_number(&self, data: &[u8]) -> Option<Gtin> {
        let (digits, count) = self.aim.undress(data)?;
        let text = core::str::from_utf8(digits).ok()?;
        let fits = count.is_none_or(|count| count == digits.len());
        text.parse().ok().filter(|_| fits)
    }

    fn wrap(&self, data: &[&[u8]]) -> Frame {
        let mut frame = Frame::new();
        append(&mut frame, &self.prefix);
        data.iter().for_each(|part| append(&mut frame, part));
        append(&mut frame, &self.suffix);
        append(&mut frame, self.terminator.bytes());
        frame
    }
}

/// The capacities of the parts sum up to that of the frame, so this cannot fail; a device would rather send a short
/// frame than stop.
fn append(frame: &mut Frame, part: &[u8]) {
    let fits = frame.extend_from_slice(part).is_ok();
    debug_assert!(fits, "a frame's parts must fit FRAME_BYTES");
}

fn write_digits(mut value: u64, into: &mut [u8; 14]) {
    for digit in into.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Aim, TemplateText, Terminator};
    use proptest::prelude::*;

    fn with(aim: Aim) -> Template {
        Template::parse(&TemplateText {
            aim,
            ..Default::default()
        })
        .unwrap()
    }

    fn sent(aim: Aim, gtin: &str) -> Frame {
        with(aim).encode(gtin.parse().unwrap())
    }

    #[test]
    fn every_form_carries_the_identifier_that_a_scanner_would_send() {
        assert_eq!(&sent(Aim::Off, "614141000036")[..], b"614141000036\r");
        assert_eq!(
            &sent(Aim::Linear, "4006381333931")[..],
            b"]E04006381333931\r"
        );
        assert_eq!(
            &sent(Aim::Linear, "614141000036")[..],
            b"]E00614141000036\r"
        );
        assert_eq!(&sent(Aim::Linear, "96385074")[..], b"]E496385074\r");
        assert_eq!(
            &sent(Aim::Linear, "10614141000415")[..],
            b"]C10110614141000415\r"
        );
        assert_eq!(&sent(Aim::Matrix, "96385074")[..], b"]d20100000096385074\r");
    }

    #[test]
    fn prefix_suffix_and_terminator_stand_around_products_and_no_reads() {
        let template = Template::parse(&TemplateText {
            prefix: r"\x02",
            suffix: r"\x03",
            terminator: Terminator::CrLf,
            no_read: "NOREAD",
            ..Default::default()
        })
        .unwrap();
        let product = template.encode("96385074".parse().unwrap());
        assert_eq!(&product[..], b"\x0296385074\x03\r\n");
        let no_read = template.encode_no_read().unwrap();
        assert_eq!(&no_read[..], b"\x02NOREAD\x03\r\n");
        assert_eq!(template.decode(&no_read), Some(Reading::NoRead));
        assert_eq!(with(Aim::Off).encode_no_read(), None);
    }

    #[test]
    fn the_largest_texts_fit() {
        let template = Template::parse(&TemplateText {
            prefix: "1234567890123456",
            suffix: "1234567890123456",
            terminator: Terminator::CrLf,
            no_read: "NNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNN",
            take_back: "VVVVVVVVVVVVVVVV",
            aim: Aim::Matrix,
        })
        .unwrap();
        let gtin = "10614141000415".parse().unwrap();
        let taken_back = template.encode_taken_back(gtin).unwrap();
        assert_eq!(taken_back.len(), FRAME_BYTES);
        assert!(template.encode_no_read().unwrap().len() <= FRAME_BYTES);
    }

    #[test]
    fn a_product_is_taken_back_by_a_text_that_no_product_begins_with() {
        let template = Template::parse(&TemplateText {
            aim: Aim::Linear,
            take_back: r"\x18",
            ..Default::default()
        })
        .unwrap();
        let gtin = "4006381333931".parse().unwrap();
        let frame = template.encode_taken_back(gtin).unwrap();
        assert_eq!(&frame[..], b"\x18]E04006381333931\r");
        assert_eq!(template.decode(&frame), Some(Reading::TakenBack(gtin)));
        assert_eq!(with(Aim::Off).encode_taken_back(gtin), None);
        for bad in ["4", "]V"] {
            let text = TemplateText {
                take_back: bad,
                ..Default::default()
            };
            assert!(Template::parse(&text).is_err(), "{bad}");
        }
    }

    fn any_gtin() -> impl Strategy<Value = Gtin> {
        (
            0u64..10_000_000_000_000,
            prop::sample::select(&[8u8, 12, 13, 14]),
        )
            .prop_map(|(body, n)| Gtin::from_body(body % 10u64.pow(u32::from(n) - 1), n).unwrap())
    }

    fn any_template() -> impl Strategy<Value = Template> {
        let aim = prop::sample::select(&[Aim::Off, Aim::Linear, Aim::Matrix]);
        const END: [Terminator; 4] = [
            Terminator::Cr,
            Terminator::Lf,
            Terminator::CrLf,
            Terminator::Tab,
        ];
        let affix = "[ -\\[\\]-~]{0,16}";
        (affix, aim, affix, prop::sample::select(&END)).prop_map(
            |(prefix, aim, suffix, terminator)| {
                Template::parse(&TemplateText {
                    prefix: &prefix,
                    aim,
                    suffix: &suffix,
                    terminator,
                    no_read: "?",
                    take_back: "V",
                })
                .unwrap()
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_sent_is_what_the_till_reads(gtin in any_gtin(), template in any_template()) {
            let read = template.decode(&template.encode(gtin));
            let Some(Reading::Product(read)) = read else {
                return Err(TestCaseError::fail("not a product"));
            };
            prop_assert_eq!(read.value(), gtin.value());
            if template.aim == Aim::Off {
                prop_assert_eq!(read, gtin);
            }
            let back = template.encode_taken_back(gtin).and_then(|frame| template.decode(&frame));
            prop_assert_eq!(back, Some(Reading::TakenBack(read)));
        }

        #[test]
        fn any_bytes_are_read_or_refused_without_a_panic(template in any_template(), bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = template.decode(&bytes);
        }
    }
}
