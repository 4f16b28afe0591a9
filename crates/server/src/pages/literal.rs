//! Values in the `filter` of a query: each becomes a literal of the type that the expression needs, and nothing else.
//!
//! Which type that is, is found once per schema: the first with which the whole expression is typed.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{PoisonError, RwLock};

use mains_base::{Caller, Date, Result, Time};
use mains_database::engine::{Reading, View};
use mains_database::records::{ListRequest, Source};

use super::front::Query;
use super::run::collection;
use super::slot::{Given, Piece, Sources, Text};

/// Places for values in one expression.
const MOST: usize = 4;

/// What a value is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Integer,
    Number,
    Truth,
    Time,
    Date,
}

const KINDS: [Kind; 6] = [Kind::Text, Kind::Integer, Kind::Number, Kind::Truth, Kind::Time, Kind::Date];

/// The types that were found, by collection and expression.
#[derive(Default)]
struct Typed(RwLock<HashMap<(String, Text), Found>>);

/// The types of the places of an expression, if there are any that fit.
type Found = Option<Vec<Kind>>;

impl Kind {
    /// A literal of this type that stands for any other.
    fn sample(self) -> &'static str {
        match self {
            Self::Text => "\"a\"",
            Self::Integer => "1",
            Self::Number => "1.5",
            Self::Truth => "true",
            Self::Time => "timestamp(\"2026-01-01T00:00:00Z\")",
            Self::Date => "date(\"2026-01-01\")",
        }
    }

    /// A value as a literal; nothing when it is no such value.
    fn literal(self, value: &str) -> Option<String> {
        match self {
            Self::Text => Some(quoted(value)),
            Self::Integer => value.trim().parse::<i64>().ok().map(|number| number.to_string()),
            Self::Number => {
                let number = value.trim().parse::<f64>().ok().filter(|number| number.is_finite())?;
                Some(if number.fract() == 0.0 { format!("{number:.1}") } else { number.to_string() })
            }
            Self::Truth => value.parse::<bool>().ok().map(|truth| truth.to_string()),
            Self::Time => Time::parse(value).map(|time| format!("timestamp(\"{time}\")")),
            Self::Date => {
                let day = value.get(..10).filter(|_| value.len() == 10 || value.contains('T'))?;
                Date::parse(day).map(|date| format!("date(\"{date}\")"))
            }
        }
    }
}

/// An expression with its values in it.
pub(super) enum Filled {
    Whole(String),
    /// The query string says nothing, or there is no expression.
    Left,
    /// It can hold for no record.
    Nothing,
}

/// All expressions of a query, as one.
pub(super) fn filter(source: &Source<'_, View<'_>>, query: &Query, sources: &Sources<'_>) -> Result<Filled> {
    let mut parts: Vec<String> = Vec::new();
    for text in &query.filters {
        if let Some(literal) = text.literal() {
            parts.push(literal.to_owned());
            continue;
        }
        match filled(text, &kinds(source, query, text)?, sources) {
            Filled::Whole(part) => parts.push(part),
            Filled::Left => {}
            Filled::Nothing => return Ok(Filled::Nothing),
        }
    }
    Ok(match parts.as_slice() {
        [] => Filled::Left,
        [one] => Filled::Whole(one.clone()),
        several => {
            Filled::Whole(several.iter().map(|part| format!("({part})")).collect::<Vec<_>>().join(" && "))
        }
    })
}

fn filled(text: &Text, kinds: &[Kind], sources: &Sources<'_>) -> Filled {
    let mut kinds = kinds.iter();
    let mut whole = String::new();
    for piece in &text.pieces {
        match piece {
            Piece::Literal(literal) => whole.push_str(literal),
            Piece::Slot(_) => {
                let alone = Text { pieces: vec![piece.clone()] };
                let kind = kinds.next().copied().unwrap_or(Kind::Text);
                match alone.given(sources, str::to_owned) {
                    Given::Left => return Filled::Left,
                    Given::Nothing => return Filled::Nothing,
                    Given::Values(values) => match values.first().and_then(|value| kind.literal(value)) {
                        Some(literal) => whole.push_str(&literal),
                        // A value of another type is equal to nothing.
                        None => return Filled::Nothing,
                    },
                }
            }
        }
    }
    Filled::Whole(whole)
}

/// The types of the values of an expression.
fn kinds(source: &Source<'_, View<'_>>, query: &Query, text: &Text) -> Result<Vec<Kind>> {
    let typed = source.epoch.part::<Typed>();
    let key = (query.collection.clone(), text.clone());
    let known = typed.0.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
    let found = if let Some(found) = known {
        found
    } else {
        let found = View::run(search(source, query, text))?;
        typed.0.write().unwrap_or_else(PoisonError::into_inner).insert(key, found.clone());
        found
    };
    found.ok_or_else(|| mains_base::Error::internal(format!("no value fits the filter of {}", query.name)))
}

/// Tries the types in order until the whole expression is typed.
pub(super) async fn search(
    source: &Source<'_, impl Reading>,
    query: &Query,
    text: &Text,
) -> Result<Option<Vec<Kind>>> {
    let places = text.pieces.iter().filter(|piece| matches!(piece, Piece::Slot(_))).count();
    if places > MOST {
        return Ok(None);
    }
    let of = collection(source.epoch, query)?.id;
    for number in 0..KINDS.len().pow(u32::try_from(places).unwrap_or(0)) {
        let chosen = chosen(number, places);
        let mut request = ListRequest::of(of);
        request.filter = Some(sample(text, &chosen));
        if source.queries(&Caller::system(), &request).await.is_ok() {
            return Ok(Some(chosen));
        }
    }
    Ok(None)
}

/// One way to give each place a type.
fn chosen(number: usize, places: usize) -> Vec<Kind> {
    let mut rest = number;
    let each = (0..places).map(|_| {
        let kind = KINDS.get(rest % KINDS.len()).copied().unwrap_or(Kind::Text);
        rest /= KINDS.len();
        kind
    });
    each.collect()
}

/// The expression with literals that stand for any other.
pub(super) fn sample(text: &Text, kinds: &[Kind]) -> String {
    let mut kinds = kinds.iter();
    let pieces = text.pieces.iter().map(|piece| match piece {
        Piece::Literal(literal) => literal.as_str(),
        Piece::Slot(_) => kinds.next().map_or("\"a\"", |kind| kind.sample()),
    });
    pieces.collect()
}

/// A text as a literal of the language: every character that means something there is escaped.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            _ if letter.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            _ => out.push(letter),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stays_a_value() {
        assert_eq!(
            Kind::Text.literal("a\" || true || \"\\\n").unwrap(),
            "\"a\\\" || true || \\\"\\\\\\u000a\""
        );
        assert_eq!(Kind::Integer.literal(" 12 ").unwrap(), "12");
        assert_eq!(Kind::Number.literal("12").unwrap(), "12.0");
        assert_eq!(Kind::Date.literal("2026-05-01").unwrap(), "date(\"2026-05-01\")");
        for (kind, value) in [
            (Kind::Integer, "1 || true"),
            (Kind::Number, "inf"),
            (Kind::Truth, "true || x"),
            (Kind::Time, "2026"),
            (Kind::Date, "2026-05-01 || x"),
        ] {
            assert_eq!(kind.literal(value), None, "{value}");
        }
    }
}
