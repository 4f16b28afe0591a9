//! Instants, days and spans: whole numbers with a meaning, and their RFC 3339 text.
//!
//! Source of the calendar arithmetic: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".

use std::fmt;

/// An instant: microseconds since 1970-01-01T00:00:00Z, within the years 0001 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

/// A calendar day: days since 1970-01-01, within the years 0001 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(i32);

/// A span of microseconds, within ±10,000 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(i64);

const DAY: i64 = 86_400_000_000;

impl Time {
    /// 0001-01-01T00:00:00Z.
    pub const MIN: Self = Self(-62_135_596_800_000_000);
    /// 9999-12-31T23:59:59.999999Z.
    pub const MAX: Self = Self(253_402_300_799_999_999);

    /// From microseconds since 1970, cut to the range.
    pub fn from_micros(micros: i64) -> Self {
        Self(micros.clamp(Self::MIN.0, Self::MAX.0))
    }

    /// Microseconds since 1970.
    pub fn micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since 1970, rounded down.
    pub fn unix_millis(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The day in UTC.
    pub fn date(self) -> Date {
        Date(i32::try_from(self.0.div_euclid(DAY)).unwrap_or(0))
    }

    /// Microseconds since midnight UTC.
    pub fn of_day(self) -> i64 {
        self.0.rem_euclid(DAY)
    }

    /// Reads RFC 3339 with a zone (`Z` or `±hh:mm`) and up to six digits of a second; more digits, a leap second and
    /// years beyond 0001–9999 are refused.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let separator = *bytes.get(10)?;
        if !matches!(separator, b'T' | b't' | b' ') {
            return None;
        }
        let day = Date::parse(text.get(..10)?)?;
        let (clock, zone) = split_zone(text.get(11..)?)?;
        let micros = i64::from(day.0) * DAY + parse_clock(clock)? - zone * 60_000_000;
        let time = Self(micros);
        (Self::MIN..=Self::MAX).contains(&time).then_some(time)
    }
}

fn split_zone(text: &str) -> Option<(&str, i64)> {
    if let Some(clock) = text.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let at = text.rfind(['+', '-'])?;
    let (clock, zone) = text.split_at_checked(at)?;
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    (hours < 24 && minutes < 60).then_some((clock, sign * (hours * 60 + minutes)))
}

fn parse_clock(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, part)| (whole, Some(part)));
    let mut parts = whole.split(':');
    let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let second = digits(parts.next()?, 2)?;
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let micros = match fraction {
        None => 0,
        Some(part) if (1..=6).contains(&part.len()) => digits(part, part.len())? * tens(6 - part.len()),
        Some(_) => return None,
    };
    Some(((hour * 60 + minute) * 60 + second) * 1_000_000 + micros)
}

fn tens(power: usize) -> i64 {
    (0..power).fold(1, |product, _| product * 10)
}

fn digits(text: &str, length: usize) -> Option<i64> {
    let plain = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = self.of_day();
        let (second, micros) = (rest / 1_000_000, rest % 1_000_000);
        let (hour, minute) = (second / 3600, second / 60 % 60);
        write!(f, "{}T{hour:02}:{minute:02}:{:02}.{micros:06}Z", self.date(), second % 60)
    }
}

impl Date {
    /// 0001-01-01.
    pub const MIN: Self = Self(-719_162);
    /// 9999-12-31.
    pub const MAX: Self = Self(2_932_896);

    /// From days since 1970, if within range.
    pub fn from_days(days: i64) -> Option<Self> {
        let date = Self(i32::try_from(days).ok()?);
        (Self::MIN..=Self::MAX).contains(&date).then_some(date)
    }

    /// Days since 1970.
    pub fn days(self) -> i64 {
        i64::from(self.0)
    }

    /// Year, month from 1, day from 1.
    pub fn year_month_day(self) -> (i64, i64, i64) {
        let days = self.days() + 719_468;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        (year_of_era + era * 400 + i64::from(month <= 2), month, day)
    }

    /// From year, month from 1 and day from 1, if there is such a day.
    pub fn from_year_month_day(year: i64, month: i64, day: i64) -> Option<Self> {
        if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || day < 1 {
            return None;
        }
        let shifted_year = if month <= 2 { year - 1 } else { year };
        let era = shifted_year.div_euclid(400);
        let year_of_era = shifted_year.rem_euclid(400);
        let shifted = if month > 2 { month - 3 } else { month + 9 };
        let of_year = (153 * shifted + 2) / 5 + day - 1;
        let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
        let date = Self::from_days(era * 146_097 + of_era - 719_468)?;
        (date.year_month_day() == (year, month, day)).then_some(date)
    }

    /// Reads `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 10 || bytes.get(4) != Some(&b'-') || bytes.get(7) != Some(&b'-') {
            return None;
        }
        let part = |range| text.get(range).and_then(|part| digits(part, part.len()));
        Self::from_year_month_day(part(0..4)?, part(5..7)?, part(8..10)?)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.year_month_day();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl Duration {
    /// The longest span: 10,000 years of 365.25 days.
    pub const MAX: Self = Self(315_576_000_000_000_000);

    /// From microseconds, if within ±10,000 years.
    pub fn from_micros(micros: i64) -> Option<Self> {
        (micros.unsigned_abs() <= Self::MAX.0.unsigned_abs()).then_some(Self(micros))
    }

    /// Microseconds.
    pub fn micros(self) -> i64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_there_and_back() {
        for days in Date::MIN.days()..=Date::MAX.days() {
            let date = Date::from_days(days).unwrap();
            let (year, month, day) = date.year_month_day();
            assert_eq!(Date::from_year_month_day(year, month, day), Some(date));
        }
    }

    #[test]
    fn instants_read_and_written() {
        for text in
            ["0001-01-01T00:00:00.000000Z", "1969-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"]
        {
            assert_eq!(Time::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            Time::parse("2024-02-29T01:00:00+02:30").unwrap().to_string(),
            "2024-02-28T22:30:00.000000Z"
        );
        for bad in
            ["2024-02-30T00:00:00Z", "2024-02-01T24:00:00Z", "2024-02-01T00:00:60Z", "2024-02-01", "x", ""]
        {
            assert_eq!(Time::parse(bad), None, "{bad}");
        }
        assert_eq!(Time::parse("0001-01-01T00:00:00+00:01"), None);
        assert_eq!(Time::parse("2024-02-01T00:00:00.1234567Z"), None);
    }
}
