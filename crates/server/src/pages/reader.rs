//! How whoever asks likes to read dates and numbers: the time zone and the language of their account.
//!
//! Always true: what a template says itself (`zone="…"`, `locale="…"`) comes first, then the reader, then the site.

use std::sync::Arc;

use jiff::tz::TimeZone;
use minijinja::value::Object;
use minijinja::{State, Value};

use super::words::{self, Words};

/// Where filters find it among the names of a page; no template can write this one.
pub(super) const READER: &str = "mains reader";
/// The fields of an account that say it.
pub(super) const FIELDS: [&str; 2] = ["zone", "locale"];
/// The filters that ask for it.
pub(super) const FILTERS: [&str; 5] = ["date", "datetime", "time", "money", "number"];
/// Where time zones lie that people live in.
const REGIONS: [&str; 9] =
    ["Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"];

/// What an account says of it, as far as it is understood.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) zone: Option<TimeZone>,
    pub(super) words: Option<&'static Words>,
}

impl Object for Reader {}

impl Reader {
    /// What the caller's account says.
    pub(super) fn of(account: &Value) -> Value {
        let [zone, locale] = FIELDS.map(|name| account.get_attr(name).unwrap_or_default());
        let zone = zone.as_str().and_then(|name| TimeZone::get(name).ok());
        let words = locale.as_str().and_then(words::find);
        if zone.is_none() && words.is_none() {
            return Value::from(());
        }
        Value::from_object(Self { zone, words })
    }

    /// The reader of the page that is being rendered.
    pub(super) fn asking(state: &State<'_, '_>) -> Option<Arc<Self>> {
        state.lookup(READER)?.downcast_object::<Self>()
    }
}

/// The time zones that people live in, by name.
pub(super) fn zones() -> Vec<String> {
    let all = jiff::tz::db().available().map(|name| name.to_string());
    let lived = |name: &String| {
        name.split_once('/').is_some_and(|(region, _)| REGIONS.contains(&region)) || name == "UTC"
    };
    let mut zones: Vec<String> = all.filter(lived).collect();
    zones.sort();
    zones
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_those_that_people_live_in() {
        let zones = zones();
        for there in ["Europe/Berlin", "America/Argentina/Buenos_Aires", "Pacific/Auckland", "UTC"] {
            assert!(zones.iter().any(|zone| zone == there), "{there}");
        }
        for other in ["Etc/GMT+3", "posix/Europe/Berlin", "EST", "GMT"] {
            assert!(!zones.iter().any(|zone| zone == other), "{other}");
        }
    }
}
