//! A day of the device's clock, in UTC.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const DAY_MS: u64 = 86_400_000;
/// The last day that has a year of four digits: 9999-12-31.
const LAST: u32 = 2_932_896;

/// A day, counted from 1970-01-01; written `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(u32);

impl Day {
    /// The day of a time in milliseconds since 1970. Whatever lies behind the year 9999 is its last day.
    pub fn of(unix_ms: u64) -> Self {
        Self(u32::try_from(unix_ms / DAY_MS).map_or(LAST, |day| day.min(LAST)))
    }

    /// Year, month and day of the proleptic Gregorian calendar, by the division into eras of 400 years that begin with March.
    fn civil(self) -> (u32, u32, u32) {
        let shifted = self.0 + 719_468;
        let (era, day) = (shifted / 146_097, shifted % 146_097);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let of_year = day - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let date = of_year - (153 * month + 2) / 5 + 1;
        let (month, next) = if month < 10 {
            (month + 3, 0)
        } else {
            (month - 9, 1)
        };
        (era * 400 + year + next, month, date)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, date) = self.civil();
        write!(f, "{year:04}-{month:02}-{date:02}")
    }
}

/// Not a day written `YYYY-MM-DD`, from 1970 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotADay;

impl fmt::Display for NotADay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a day written YYYY-MM-DD")
    }
}

impl std::error::Error for NotADay {}

impl FromStr for Day {
    type Err = NotADay;

    fn from_str(text: &str) -> Result<Self, NotADay> {
        let number = |from: usize, to: usize| -> Result<u32, NotADay> {
            let digits = text.get(from..to).ok_or(NotADay)?;
            digits.parse().map_err(|_| NotADay)
        };
        let (year, month, date) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let shifted = if month > 2 {
            year
        } else {
            year.checked_sub(1).ok_or(NotADay)?
        };
        let (era, of_era) = (shifted / 400, shifted % 400);
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + date.saturating_sub(1);
        let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
        let day = Self(days.checked_sub(719_468).ok_or(NotADay)?);
        // What is no date, such as 02-30, comes back as another.
        match day.to_string() == text {
            true => Ok(day),
            false => Err(NotADay),
        }
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// The time of day of `unix_ms`, as `HH:MM:SS`.
pub fn time_of_day(unix_ms: u64) -> String {
    let seconds = unix_ms % DAY_MS / 1000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}", seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_days_are_written_as_the_calendar_has_them() {
        let days = [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_800_000_000, "2027-01-15"),
            (4_107_542_400, "2100-03-01"),
        ];
        for (seconds, text) in days {
            assert_eq!(Day::of(seconds * 1000).to_string(), text);
            assert_eq!(text.parse(), Ok(Day::of(seconds * 1000)));
        }
        assert_eq!(Day::of(u64::MAX).to_string(), "9999-12-31");
        assert_eq!(time_of_day(951_868_800_000 - 1), "23:59:59");
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "",
            "2027",
            "2027-02-29",
            "2027-13-01",
            "2027-00-10",
            "2027-01-00",
            "1969-12-31",
            "2027-1-1",
            "+027-01-01",
            "2027-01-15x",
            "../../../etc",
            "2027-01-1\u{e9}",
        ] {
            assert_eq!(text.parse::<Day>(), Err(NotADay), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_day_reads_as_it_is_written(day in 0..=LAST) {
            let day = Day(day);
            prop_assert_eq!(day.to_string().parse(), Ok(day));
            prop_assert!(day.to_string().len() == 10);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,12}") {
            let _ = text.parse::<Day>();
        }
    }
}
