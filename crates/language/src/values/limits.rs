//! Limits: what a value of the right type must keep besides.

use mains_base::{Date, MAX_INTEGER, Time, Value, fold};

use super::{decimal, form, problem::FieldProblem};
use crate::schema::{Choice, Field, FieldKind};

type Checked = Result<(), FieldProblem>;

/// The longest slug, in characters.
pub(crate) const MAX_SLUG: usize = 200;

/// Whether a single value keeps its field's limits; null always does.
pub(super) fn check(field: &Field, value: &Value) -> Checked {
    match (&field.kind, value) {
        (FieldKind::Text { min, max, pattern, .. }, Value::Text(text)) => {
            length(text, min.unwrap_or(0), *max)?;
            let fits = pattern.as_ref().is_none_or(|pattern| pattern.regex.is_match(text));
            check_that(fits, || pattern_problem(field))
        }
        (FieldKind::Email { max }, Value::Text(text)) => {
            length(text, 0, *max)?;
            check_that(form::is_email(text), || {
                FieldProblem::new("email", said(field, "Write an e-mail address, such as ada@example.com."))
            })
        }
        (FieldKind::Url { max }, Value::Text(text)) => {
            length(text, 0, *max)?;
            check_that(form::is_url(text), || {
                FieldProblem::new(
                    "url",
                    said(field, "Write a whole web address, such as https://example.com/page."),
                )
            })
        }
        (FieldKind::Slug { .. }, Value::Text(text)) => {
            length(text, 0, MAX_SLUG)?;
            check_that(form::is_slug(text), || {
                FieldProblem::new(
                    "slug",
                    "Use only the letters a to z, digits and hyphens, such as my-first-page.",
                )
            })
        }
        (FieldKind::Enum { values, .. }, Value::Text(text)) => {
            check_that(values.iter().any(|choice| choice.name == *text), || choices(values))
        }
        (FieldKind::Json { max_bytes }, Value::Text(text)) => bytes(text.len(), *max_bytes),
        (FieldKind::Bytes { max_bytes }, Value::Bytes(raw)) => bytes(raw.len(), *max_bytes),
        (_, Value::Int(_) | Value::Double(_) | Value::Money(_)) => {
            numbers(field, value).map_err(|problem| match field.said_of_bounds() {
                Some(message) => FieldProblem::new(problem.code, message),
                None => problem,
            })
        }
        _ => Ok(()),
    }
}

/// Whether a list keeps its length and holds nothing twice.
pub(super) fn check_list(field: &Field, items: &[Value]) -> Checked {
    let most = field.many.map_or(usize::MAX, |many| many.max_items);
    check_that(items.len() <= most, || {
        FieldProblem::new("too_many", format!("At most {most} fit here; these are {}.", items.len()))
    })?;
    let mut seen = std::collections::HashSet::with_capacity(items.len());
    for (place, item) in items.iter().enumerate() {
        let fresh = match item {
            Value::Text(text) if field.folds_case() => seen.insert(fold(text)),
            Value::Text(text) => seen.insert(text.clone()),
            other => seen.insert(format!("{other:?}")),
        };
        check_that(fresh, || {
            FieldProblem::new("duplicate", "This stands in the list already.").of_element(place)
        })?;
    }
    Ok(())
}

fn numbers(field: &Field, value: &Value) -> Checked {
    let integer = |number: i64| number.to_string();
    match (&field.kind, value) {
        (FieldKind::Integer { min, max, .. }, Value::Int(number)) => {
            within(*number, bound(*min, -MAX_INTEGER), bound(*max, MAX_INTEGER), integer)
        }
        (FieldKind::Decimal { scale, min, max }, Value::Int(number)) => {
            let text = |number| decimal::decimal_to_text(number, *scale);
            within(*number, bound(*min, -MAX_INTEGER), bound(*max, MAX_INTEGER), text)
        }
        (FieldKind::Money { .. }, Value::Money(money)) => {
            within(money.amount, -MAX_INTEGER, MAX_INTEGER, integer)
        }
        (FieldKind::Date { min, max }, Value::Int(days)) => {
            let text = |days| Date::from_days(days).map_or_else(String::new, |date| date.to_string());
            within(*days, bound(*min, Date::MIN.days()), bound(*max, Date::MAX.days()), text)
        }
        (FieldKind::Datetime { min, max }, Value::Int(micros)) => {
            let text = |micros| Time::from_micros(micros).to_string();
            within(*micros, bound(*min, Time::MIN.micros()), bound(*max, Time::MAX.micros()), text)
        }
        (FieldKind::Number { min, max }, Value::Double(number)) => {
            let (least, most) = (min.unwrap_or(f64::MIN), max.unwrap_or(f64::MAX));
            within(*number, least, most, |number| format!("{number}"))
        }
        _ => Ok(()),
    }
}

fn bound(declared: Option<i64>, fallback: i64) -> i64 {
    declared.unwrap_or(fallback)
}

fn within<T: PartialOrd + Copy>(value: T, least: T, most: T, text: impl Fn(T) -> String) -> Checked {
    check_that(value >= least, || {
        FieldProblem::new("too_small", format!("The least here is {}.", text(least)))
    })?;
    check_that(value <= most, || FieldProblem::new("too_large", format!("The most here is {}.", text(most))))
}

fn length(text: &str, min: usize, max: usize) -> Checked {
    let count = text.chars().count();
    check_that(count >= min, || {
        FieldProblem::new("too_short", format!("Write at least {}; these are {count}.", characters(min)))
    })?;
    check_that(count <= max, || {
        FieldProblem::new("too_long", format!("Write at most {}; these are {count}.", characters(max)))
    })
}

fn characters(count: usize) -> String {
    if count == 1 { "1 character".to_owned() } else { format!("{count} characters") }
}

fn bytes(length: usize, max: usize) -> Checked {
    check_that(length <= max, || {
        FieldProblem::new("too_long", format!("At most {max} bytes fit here; these are {length}."))
    })
}

fn said(field: &Field, otherwise: &str) -> String {
    field.message.clone().unwrap_or_else(|| otherwise.to_owned())
}

fn pattern_problem(field: &Field) -> FieldProblem {
    let source = match &field.kind {
        FieldKind::Text { pattern: Some(pattern), .. } => pattern.source.as_str(),
        _ => "",
    };
    FieldProblem::new("pattern", said(field, &format!("This must match {source} from beginning to end.")))
}

fn choices(values: &[Choice]) -> FieldProblem {
    let names: Vec<&str> = values.iter().map(|choice| choice.name.as_str()).collect();
    FieldProblem::new("choice", format!("Choose one of: {}.", names.join(", ")))
}

fn check_that(holds: bool, problem: impl FnOnce() -> FieldProblem) -> Checked {
    if holds { Ok(()) } else { Err(problem()) }
}
