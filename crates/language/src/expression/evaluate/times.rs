//! Parts of days and instants, in UTC or in a zone of the tz database.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use mains_base::{Date, Time, Value};

use super::calls::span;
use crate::expression::{Function, Type};

/// A day, and for an instant the microseconds since its midnight.
struct Local {
    day: Date,
    of_day: i64,
}

pub(super) fn call(function: Function, values: &[Value], of: &Type) -> Option<Value> {
    let first = values.first()?.as_int()?;
    if matches!(function, Function::Minutes | Function::Days) {
        return span(function, first).map(Value::Int);
    }
    let local = match (values.get(1), of) {
        (Some(zone), _) => in_zone(first, zone.as_text()?)?,
        (None, Type::Date) => Local { day: Date::from_days(first)?, of_day: 0 },
        (None, _) => {
            Local { day: Time::from_micros(first).date(), of_day: Time::from_micros(first).of_day() }
        }
    };
    let (year, month, day) = local.day.year_month_day();
    Some(Value::Int(match function {
        Function::FullYear => year,
        Function::Month => month - 1,
        Function::DayOfMonth => day,
        // 1970-01-01 was a Thursday.
        Function::DayOfWeek => (local.day.days() + 4).rem_euclid(7),
        Function::Hours => local.of_day / 3_600_000_000,
        Function::Minute => local.of_day / 60_000_000 % 60,
        Function::DateInZone => local.day.days(),
        _ => return None,
    }))
}

fn in_zone(micros: i64, zone: &str) -> Option<Local> {
    let zone = TimeZone::get(zone).ok()?;
    let offset = zone.to_offset(Timestamp::from_microsecond(micros).ok()?);
    let shifted = micros.checked_add(i64::from(offset.seconds()) * 1_000_000)?;
    let day = Date::from_days(shifted.div_euclid(86_400_000_000))?;
    Some(Local { day, of_day: shifted.rem_euclid(86_400_000_000) })
}
