//! What a frame says, and what is wrong with it, in words that a technician can act on.

use serde::Serialize;
use skueye_link::{Aim, Reading, Template, TemplateError, TemplateText, Terminator};
use skueye_models::Gtin;

/// The longest frame that is put together; what is longer has no terminator.
pub const LONGEST: usize = 256;

/// How the frames are made, as in the device's settings.
#[derive(Debug, Clone)]
pub struct Reads {
    template: Template,
    terminator: Terminator,
    /// The same with every identifier there is, to say which one came instead.
    others: Vec<(Aim, Template)>,
}

/// A frame that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// The product, where the frame is right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gtin: Option<Gtin>,
    /// It is the no-read text.
    pub no_read: bool,
    /// The product is taken back.
    pub taken_back: bool,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Reads {
    /// With the device's settings. Errors: the settings make no template.
    pub fn new(text: &TemplateText<'_>) -> Result<Self, TemplateError> {
        let with = |aim| Template::parse(&TemplateText { aim, ..*text });
        let others = [Aim::Off, Aim::Linear, Aim::Matrix].map(|aim| Ok((aim, with(aim)?)));
        Ok(Self {
            template: Template::parse(text)?,
            terminator: text.terminator,
            others: others.into_iter().collect::<Result<_, _>>()?,
        })
    }

    /// The bytes that end a frame.
    pub fn terminator(&self) -> &'static [u8] {
        self.terminator.bytes()
    }

    /// Looks at a frame, terminator included.
    pub fn check(&self, frame: &[u8]) -> Checked {
        let reading = self.template.decode(frame);
        Checked {
            gtin: reading.and_then(Reading::gtin),
            no_read: reading == Some(Reading::NoRead),
            taken_back: matches!(reading, Some(Reading::TakenBack(_))),
            problem: reading.is_none().then(|| self.problem(frame)),
        }
    }

    fn problem(&self, frame: &[u8]) -> String {
        if !frame.ends_with(self.terminator()) {
            return "there is no terminator".into();
        }
        let other = self.others.iter().find(|(_, t)| t.decode(frame).is_some());
        if let Some((aim, _)) = other {
            return format!("it is right for aim {aim:?}, which is not the one that is expected");
        }
        let digits: String = frame
            .iter()
            .filter(|byte| byte.is_ascii_digit())
            .map(|byte| char::from(*byte))
            .collect();
        // Of an identifier such as ]E0 or ]d201 the digits stand before those of the GTIN.
        let gtins = [8, 12, 13, 14].into_iter();
        let mut ends = gtins.filter_map(|count| digits.get(digits.len().checked_sub(count)?..));
        match ends.find(|end| end.parse::<Gtin>().is_ok()) {
            Some(gtin) => format!("the GTIN {gtin} in it is right, what stands around it is not"),
            None if digits.is_empty() => "there are no digits".into(),
            None => format!("the digits {digits} end with no GTIN: the check digit is wrong"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(aim: Aim, frame: &[u8]) -> String {
        let text = TemplateText {
            aim,
            ..Default::default()
        };
        let checked = Reads::new(&text).unwrap().check(frame);
        assert_eq!((checked.gtin, checked.no_read), (None, false));
        checked.problem.unwrap()
    }

    #[test]
    fn right_frames_are_right() {
        let text = TemplateText {
            aim: Aim::Linear,
            no_read: "NOREAD",
            ..Default::default()
        };
        let reads = Reads::new(&text).unwrap();
        let right = reads.check(b"]E04006381333931\r");
        assert_eq!(right.gtin, "4006381333931".parse().ok());
        assert!(right.problem.is_none());
        assert!(reads.check(b"NOREAD\r").no_read);
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert!(problem(Aim::Off, b"4006381333932\r").contains("check digit"));
        assert!(problem(Aim::Off, b"]E04006381333931\r").contains("aim Linear"));
        assert!(problem(Aim::Linear, b"4006381333931\r").contains("aim Off"));
        assert!(problem(Aim::Off, b"4006381333931\n").contains("terminator"));
        assert!(problem(Aim::Off, b"xx4006381333931\r").contains("4006381333931"));
        assert!(problem(Aim::Off, b"hello\r").contains("no digits"));
        assert!(problem(Aim::Off, b"\r").contains("no digits"));
    }
}
