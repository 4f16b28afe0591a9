//! Cron expressions in a time zone: `minute hour day-of-month month day-of-week`, as crontab(5) of Vixie's cron reads
//! them, names, ranges, steps, lists and `@daily` included.
//!
//! Where a zone sets its clock forward, a fixed time that is not there comes as much later as the clock was set; where
//! it is set back, a fixed time comes once, at its first occurrence. With `*` for the hour, every real hour counts.

use jiff::Timestamp;
use jiff::civil::{Date as Day, DateTime, time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use mains_base::{Error, Kind, Result, Time};

/// Days that are looked at for the next slot: `0 0 29 2 *` comes after at most eight years.
const DAYS: u32 = 8 * 366 + 1;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const SHORT: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// When something is due, again and again.
#[derive(Clone, Debug)]
pub struct Cron {
    minutes: Set,
    hours: Set,
    days: Set,
    months: Set,
    weekdays: Set,
    zone: TimeZone,
}

/// Numbers below 64, and whether they were said by `*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Set {
    bits: u64,
    any: bool,
}

/// The numbers of one field, and the names that some of them have.
struct Field {
    name: &'static str,
    first: u32,
    last: u32,
    names: &'static [&'static str],
}

impl Cron {
    /// Reads an expression, for a zone of the tz database such as `Europe/Berlin`.
    pub fn parse(text: &str, zone: &str) -> Result<Self> {
        let zone = TimeZone::get(zone).map_err(|_| {
            wrong(format!("There is no time zone {zone:?}; write one such as \"Europe/Berlin\" or \"UTC\"."))
        })?;
        let lower = text.trim().to_ascii_lowercase();
        let long = SHORT.iter().find(|(short, _)| *short == lower).map_or(lower.as_str(), |(_, long)| long);
        let parts: Vec<&str> = long.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = parts.as_slice() else {
            return Err(wrong(format!(
                "{text:?} is no schedule; write five fields, minute hour day month weekday, such as \"30 6 * * mon-fri\"."
            )));
        };
        let field = |name, first, last, names| Field { name, first, last, names };
        let weekdays = field("weekday", 0, 7, &WEEKDAYS).read(weekdays)?;
        let cron = Self {
            minutes: field("minute", 0, 59, &[]).read(minutes)?,
            hours: field("hour", 0, 23, &[]).read(hours)?,
            days: field("day", 1, 31, &[]).read(days)?,
            months: field("month", 1, 12, &MONTHS).read(months)?,
            // Sunday is 0 and 7.
            weekdays: Set { bits: (weekdays.bits | weekdays.bits >> 7) & 0x7f, ..weekdays },
            zone,
        };
        // A day that no month has would be looked for in vain each time.
        let begin = Time::from_micros(0);
        if cron.next(begin).is_none() {
            return Err(wrong(format!("{text:?} names a day that never comes.")));
        }
        Ok(cron)
    }

    /// The first slot after a moment.
    pub fn next(&self, after: Time) -> Option<Time> {
        let after = timestamp(after)?;
        let mut day = self.day(after).yesterday().ok()?;
        for _ in 0..DAYS {
            if let Some(slot) = self.slots(day).into_iter().find(|slot| *slot > after) {
                return Some(Time::from_micros(slot.as_microsecond()));
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    /// The last slot that is not after `until`, if it is after `after`.
    pub fn last(&self, after: Time, until: Time) -> Option<Time> {
        let (after, until) = (timestamp(after)?, timestamp(until)?);
        let begin = self.day(after).yesterday().ok()?;
        let mut day = self.day(until).tomorrow().ok()?;
        for _ in 0..DAYS {
            if day < begin {
                return None;
            }
            let slots = self.slots(day);
            if let Some(slot) = slots.into_iter().rfind(|slot| *slot <= until) {
                return (slot > after).then(|| Time::from_micros(slot.as_microsecond()));
            }
            day = day.yesterday().ok()?;
        }
        None
    }

    fn day(&self, moment: Timestamp) -> Day {
        self.zone.to_datetime(moment).date()
    }

    /// The slots of a day of the zone, in order.
    fn slots(&self, day: Day) -> Vec<Timestamp> {
        if !self.is_on(day) {
            return Vec::new();
        }
        let mut slots = Vec::new();
        for hour in self.hours.numbers() {
            for minute in self.minutes.numbers() {
                let (Ok(hour), Ok(minute)) = (i8::try_from(hour), i8::try_from(minute)) else { continue };
                self.add(day.to_datetime(time(hour, minute, 0, 0)), &mut slots);
            }
        }
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    /// The moments at which clocks of the zone show this.
    fn add(&self, shown: DateTime, slots: &mut Vec<Timestamp>) {
        let ambiguous = self.zone.to_ambiguous_timestamp(shown);
        match ambiguous.offset() {
            AmbiguousOffset::Gap { .. } if self.hours.any => {}
            AmbiguousOffset::Fold { .. } if self.hours.any => {
                slots.extend(self.zone.to_ambiguous_timestamp(shown).later());
                slots.extend(ambiguous.earlier());
            }
            _ => slots.extend(ambiguous.compatible()),
        }
    }

    /// Whether a day has slots. When both the day of the month and the weekday are limited, either will do.
    fn is_on(&self, day: Day) -> bool {
        let weekday = day.weekday().to_sunday_zero_offset();
        let by_day = self.days.has(day.day());
        let by_weekday = self.weekdays.has(weekday);
        let either = !self.days.any && !self.weekdays.any;
        self.months.has(day.month()) && if either { by_day || by_weekday } else { by_day && by_weekday }
    }
}

impl Set {
    fn has(self, number: i8) -> bool {
        u32::try_from(number).is_ok_and(|number| self.bits >> number & 1 == 1)
    }

    fn numbers(self) -> impl Iterator<Item = u32> {
        (0..64).filter(move |number| self.bits >> number & 1 == 1)
    }
}

impl Field {
    fn read(&self, text: &str) -> Result<Set> {
        let mut set = Set { bits: 0, any: text.starts_with('*') };
        for part in text.split(',') {
            set.bits |= self.part(part).ok_or_else(|| {
                let Self { name, first, last, .. } = self;
                wrong(format!("{part:?} is no {name} of a schedule; it may be {first} to {last}, a range such as {first}-{last}, or */2."))
            })?;
        }
        Ok(set)
    }

    /// `*`, `5`, `1-5`, `*/15`, `8-18/2`, `mon-fri`.
    fn part(&self, part: &str) -> Option<u64> {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let step = step.map_or(Some(1), |step| step.parse().ok().filter(|step| *step > 0))?;
        let (first, last) = match range.split_once('-') {
            Some((first, last)) => (self.number(first)?, self.number(last)?),
            None if range == "*" => (self.first, self.last),
            None if part.contains('/') => (self.number(range)?, self.last),
            None => (self.number(range)?, self.number(range)?),
        };
        (first <= last).then(|| (first..=last).step_by(step).fold(0, |bits, number| bits | 1 << number))
    }

    fn number(&self, text: &str) -> Option<u32> {
        let named = self.names.iter().position(|name| *name == text);
        if let Some(place) = named.and_then(|place| u32::try_from(place).ok()) {
            // The names of months begin with 1, those of weekdays with 0.
            return Some(place + self.first);
        }
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = if plain { text.parse().ok() } else { None };
        number.filter(|number| (self.first..=self.last).contains(number))
    }
}

fn timestamp(time: Time) -> Option<Timestamp> {
    Timestamp::from_microsecond(time.micros()).ok()
}

fn wrong(detail: String) -> Error {
    Error::new(Kind::Invalid, "jobs.schedule", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Time {
        Time::parse(text).unwrap()
    }

    fn next(cron: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let cron = Cron::parse(cron, zone).unwrap();
        let mut at = time(after);
        let mut slots = Vec::new();
        for _ in 0..count {
            at = cron.next(at).unwrap();
            slots.push(at.to_string().replace(":00.000000Z", ""));
        }
        slots
    }

    #[test]
    fn fields_are_read_as_crontab_reads_them() {
        for (cron, after, slots) in [
            ("30 6 * * *", "2026-01-02T06:30:00Z", &["2026-01-03T06:30", "2026-01-04T06:30"][..]),
            (
                "*/25 5 * * *",
                "2026-01-02T00:00:00Z",
                &["2026-01-02T05:00", "2026-01-02T05:25", "2026-01-02T05:50"],
            ),
            (
                "0 9-17/4 * * mon-fri",
                "2026-01-02T10:00:00Z",
                &["2026-01-02T13:00", "2026-01-02T17:00", "2026-01-05T09:00"],
            ),
            ("0 0 29 feb *", "2026-01-01T00:00:00Z", &["2028-02-29T00:00"]),
            ("0 0 13 * 5", "2026-01-10T00:00:00Z", &["2026-01-13T00:00", "2026-01-16T00:00"]),
            ("0 0 * * 7", "2026-01-10T00:00:00Z", &["2026-01-11T00:00"]),
            (
                "5/20 0 1,15 * *",
                "2026-01-10T00:00:00Z",
                &["2026-01-15T00:05", "2026-01-15T00:25", "2026-01-15T00:45"],
            ),
            ("@Monthly", "2026-01-10T00:00:00Z", &["2026-02-01T00:00"]),
        ] {
            assert_eq!(next(cron, "UTC", after, slots.len()), slots, "{cron}");
        }
    }

    #[test]
    fn a_zone_that_changes_its_clock_neither_skips_nor_doubles() {
        // 2026-03-29 02:00 becomes 03:00 in Berlin, 2026-10-25 03:00 becomes 02:00.
        let berlin = "Europe/Berlin";
        assert_eq!(
            next("30 2 * * *", berlin, "2026-03-28T00:00:00Z", 3),
            ["2026-03-28T01:30", "2026-03-29T01:30", "2026-03-30T00:30"]
        );
        assert_eq!(
            next("30 2 * * *", berlin, "2026-10-24T12:00:00Z", 2),
            ["2026-10-25T00:30", "2026-10-26T01:30"]
        );
        assert_eq!(
            next("0 * * * *", berlin, "2026-10-24T23:30:00Z", 4),
            ["2026-10-25T00:00", "2026-10-25T01:00", "2026-10-25T02:00", "2026-10-25T03:00"]
        );
        assert_eq!(
            next("0 * * * *", berlin, "2026-03-29T00:00:00Z", 2),
            ["2026-03-29T01:00", "2026-03-29T02:00"]
        );
    }

    #[test]
    fn of_missed_slots_the_last_is_given() {
        let cron = Cron::parse("0 * * * *", "UTC").unwrap();
        let last = |after, until| cron.last(time(after), time(until));
        let (ten, half) = ("2026-01-02T10:00:00Z", "2026-01-02T10:59:59Z");
        assert_eq!(last(ten, "2026-01-04T12:34:00Z"), Some(time("2026-01-04T12:00:00Z")));
        assert_eq!(last(ten, half), None);
        assert_eq!(last("2026-01-02T09:59:59Z", ten), Some(time(ten)));
        let leap = Cron::parse("0 0 29 2 *", "UTC").unwrap();
        assert_eq!(leap.last(time("2025-01-01T00:00:00Z"), time("2026-01-01T00:00:00Z")), None);
        assert_eq!(
            leap.last(time("2024-01-01T00:00:00Z"), time("2026-01-01T00:00:00Z")),
            Some(time("2024-02-29T00:00:00Z"))
        );
    }

    #[test]
    fn each_slot_is_before_the_next_where_clocks_are_set() {
        // New York sets its clocks on 2026-03-08 and 2026-11-01.
        for (from, to) in [
            ("2026-03-07T00:00:00Z", "2026-03-10T00:00:00Z"),
            ("2026-10-31T00:00:00Z", "2026-11-03T00:00:00Z"),
        ] {
            for cron in ["*/17 * * * *", "15 1-3 * * *", "0 0 * * *"] {
                let cron = Cron::parse(cron, "America/New_York").unwrap();
                let mut at = time(from);
                while at < time(to) {
                    let next = cron.next(at).unwrap();
                    assert!(next > at);
                    assert_eq!(cron.last(at, next), Some(next));
                    at = next;
                }
            }
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for (cron, zone) in [
            ("* * * *", "UTC"),
            ("60 * * * *", "UTC"),
            ("* * 0 * *", "UTC"),
            ("5-1 * * * *", "UTC"),
            ("*/0 * * * *", "UTC"),
            ("a * * * *", "UTC"),
            ("0 0 31 2 *", "UTC"),
            ("-1 * * * *", "UTC"),
            ("0 0 * * *", "Mars/Olympus"),
        ] {
            assert_eq!(Cron::parse(cron, zone).unwrap_err().code(), "jobs.schedule", "{cron}");
        }
    }
}
