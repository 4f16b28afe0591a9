//! Filters and functions that templates have besides those of the engine: dates, money, numbers, addresses of files.

use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use mains_base::Date;
use minijinja::value::{ArgType, Kwargs, Value};
use minijinja::{Environment, Error as Mistake, ErrorKind, State};

use super::Facts;
use super::escape::escaped;
use super::picture::picture;
use super::reader::{self, Reader};
use super::round::round;
use super::words::{self, Words};

/// Gives an environment what every page has.
pub(super) fn add(env: &mut Environment<'static>, facts: &Arc<Facts>) {
    env.add_global("site", site(facts));
    let zone = TimeZone::get(&facts.zone).unwrap_or(TimeZone::UTC);
    let words = words::of(&facts.locale);
    for (name, style) in [("date", Style::Date), ("datetime", Style::Both), ("time", Style::Time)] {
        let zone = zone.clone();
        let show = move |state: &State<'_, '_>, value: &Value, options: Kwargs| {
            dated(&Shown::of(words, state, value, &options), &zone, style)
        };
        env.add_filter(name, show);
    }
    let show = move |state: &State<'_, '_>, value: &Value, options: Kwargs| {
        money(&Shown::of(words, state, value, &options))
    };
    env.add_filter("money", show);
    let show = move |state: &State<'_, '_>, value: &Value, options: Kwargs| {
        number(&Shown::of(words, state, value, &options))
    };
    env.add_filter("number", show);
    env.add_filter("lines", lines);
    env.add_filter("round", round);
    let of = Arc::clone(facts);
    env.add_function("asset", move |path: &str| of.assets.address(path));
    let of = Arc::clone(facts);
    env.add_function("picture", move |source, alt, width, height, options| {
        picture(&of, (source, alt, width, height, options))
    });
}

/// `site`: what pages are told of the site, and what somebody can choose among on any site.
fn site(facts: &Facts) -> Value {
    let text = |text: &String| Value::from(text.as_str());
    let languages = words::LANGUAGES.map(|(locale, name)| Value::from(vec![locale, name]));
    Value::from_pairs([
        ("name", text(&facts.name)),
        ("url", text(&facts.url)),
        ("locale", text(&facts.locale)),
        ("zone", text(&facts.zone)),
        ("sign_up", Value::from(facts.sign_up)),
        ("languages", Value::from(languages.to_vec())),
        ("zones", Value::from(reader::zones())),
    ])
}

/// One value that is being shown: to whom, and what the template says of it.
struct Shown<'s> {
    /// Of the site.
    words: &'static Words,
    reader: Option<Arc<Reader>>,
    value: &'s Value,
    options: &'s Kwargs,
}

impl<'s> Shown<'s> {
    fn of(words: &'static Words, state: &State<'_, '_>, value: &'s Value, options: &'s Kwargs) -> Self {
        Self { words, reader: Reader::asking(state), value, options }
    }

    fn words(&self) -> Result<&'static Words, Mistake> {
        if let Some(locale) = said::<String>(self.options, "locale")? {
            return Ok(words::of(&locale));
        }
        let own = self.reader.as_ref().and_then(|reader| reader.words);
        Ok(own.unwrap_or(self.words))
    }

    fn zone(&self, of_site: &TimeZone) -> Result<TimeZone, Mistake> {
        if let Some(name) = said::<String>(self.options, "zone")? {
            return TimeZone::get(&name).map_err(|_| told(format!("there is no time zone {name:?}")));
        }
        let own = self.reader.as_ref().and_then(|reader| reader.zone.clone());
        Ok(own.unwrap_or_else(|| of_site.clone()))
    }
}

/// Whether there is a time zone of this name.
pub fn is_zone(name: &str) -> bool {
    TimeZone::get(name).is_ok()
}

/// What of a time is shown.
#[derive(Clone, Copy)]
enum Style {
    Date,
    Time,
    Both,
}

/// Text as paragraphs: an empty line between two, a line break where there is one.
fn lines(text: &Value) -> Value {
    let text = if text.is_none() { String::new() } else { text.to_string() };
    let text = text.replace("\r\n", "\n");
    let paragraphs = text.split("\n\n").map(str::trim).filter(|part| !part.is_empty());
    let shown = paragraphs.map(|part| format!("<p>{}</p>", escaped(part).replace('\n', "<br>")));
    Value::from_safe_string(shown.collect())
}

/// `date`, `datetime`, `time`: `format="%d.%m.%Y"`, `style="short"`, `zone="Europe/Berlin"`, `locale="de"`.
fn dated(shown: &Shown<'_>, zone: &TimeZone, style: Style) -> Result<Value, Mistake> {
    let (value, options) = (shown.value, shown.options);
    let Some(text) = value.as_str() else {
        return if value.is_none() { Ok(value.clone()) } else { Err(wrong(value, "a time or a date")) };
    };
    let zone = shown.zone(zone)?;
    let short = said::<String>(options, "style")?.as_deref() == Some("short");
    let format: Option<String> = said(options, "format")?;
    let words = shown.words()?;
    options.assert_all_used()?;
    let at = zoned(text, zone).ok_or_else(|| wrong(value, "a time or a date"))?;
    if let Some(format) = format {
        let shown = jiff::fmt::strtime::format(&format, &at).map_err(|error| told(error.to_string()))?;
        return Ok(Value::from(shown));
    }
    let (year, month, day) = (i32::from(at.year()), at.month(), at.day());
    let date = if short { format!("{year:04}-{month:02}-{day:02}") } else { words.date(year, month, day) };
    let time = format!("{:02}:{:02}", at.hour(), at.minute());
    Ok(Value::from(match style {
        Style::Date => date,
        Style::Time => time,
        Style::Both => format!("{date}, {time}"),
    }))
}

/// An instant in a zone, or a day as it is.
fn zoned(text: &str, zone: TimeZone) -> Option<Zoned> {
    if let Some(day) = Date::parse(text) {
        let (year, month, day) = day.year_month_day();
        let (year, month, day) =
            (i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?);
        return jiff::civil::Date::new(year, month, day).ok()?.to_zoned(TimeZone::UTC).ok();
    }
    Some(text.parse::<Timestamp>().ok()?.to_zoned(zone))
}

/// `{"amount": 420, "currency": "EUR"}`, or minor units with `currency="EUR"`, as "€4.20".
fn money(shown: &Shown<'_>) -> Result<Value, Mistake> {
    let (value, options) = (shown.value, shown.options);
    if value.is_none() {
        return Ok(value.clone());
    }
    let currency: Option<String> = said(options, "currency")?;
    let words = shown.words()?;
    options.assert_all_used()?;
    // Asking an object for a number makes an error first.
    let alone = if value.as_object().is_none() { value.as_i64() } else { None };
    let (amount, currency) = if let Some(amount) = alone {
        (amount, currency)
    } else {
        let part = |name| value.get_attr(name).unwrap_or_default();
        let amount = part("amount").as_i64().ok_or_else(|| wrong(value, "an amount of money"))?;
        (amount, currency.or_else(|| part("currency").as_str().map(str::to_owned)))
    };
    let currency = currency
        .ok_or_else(|| told("an amount alone needs its currency: money(currency=\"EUR\")".to_owned()))?;
    Ok(Value::from(words.money(amount, &currency)))
}

/// Digits in groups, with as many places as the text has or `places` says.
fn number(shown: &Shown<'_>) -> Result<Value, Mistake> {
    let (value, options) = (shown.value, shown.options);
    if value.is_none() {
        return Ok(value.clone());
    }
    let places: Option<usize> = said(options, "places")?;
    let words = shown.words()?;
    options.assert_all_used()?;
    let text = value.to_string();
    let parsed: f64 = text.parse().map_err(|_| wrong(value, "a number"))?;
    let text = places.map_or(text, |places| format!("{parsed:.places$}"));
    Ok(Value::from(words.number(&text)))
}

/// What a template says by this name, noted as used. What it does not say is not asked for: the note is made for each
/// name that is, and costs more than most filters.
pub(super) fn said<'k, T>(options: &'k Kwargs, name: &'k str) -> Result<Option<T>, Mistake>
where
    T: ArgType<'k, Output = T>,
{
    if options.has(name) { options.get(name) } else { Ok(None) }
}

fn wrong(value: &Value, wanted: &str) -> Mistake {
    let mut shown = value.to_string();
    shown.truncate(shown.char_indices().nth(40).map_or(shown.len(), |(at, _)| at));
    told(format!("{shown:?} is not {wanted}"))
}

fn told(detail: String) -> Mistake {
    Mistake::new(ErrorKind::InvalidOperation, detail)
}
