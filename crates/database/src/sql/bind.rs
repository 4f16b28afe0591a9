//! Parameters of generated statements: where each comes from, and its value when the statement is run.

use std::sync::Arc;

use mains_base::{Caller, Error, Result, Time, Value, fold};
use mains_language::expression::{Cell, Tree};

use super::free::{bound, evaluate};
use crate::dialect::Dialect;
use crate::engine::kept_text;

/// Where a parameter comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Bind {
    /// As it stands.
    Value(Value),
    /// A part without a row, evaluated in memory for each request; null and unknown are NULL.
    Folded(Arc<Tree>),
    /// Whether such a part is known (null is).
    Known(Arc<Tree>),
    /// Given when the statement is run.
    Slot(u16),
    /// A part of another.
    Part(Box<Bind>, Part),
}

/// What of a value is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A text as `ignore_case` compares it; of a list, each element.
    Fold,
    /// Of money: the amount.
    Amount,
    /// Of money: the currency.
    Currency,
    /// Of a point.
    Latitude,
    /// Of a point.
    Longitude,
    /// Of a value made of several: the one at this place.
    Item(u8),
    /// A list; none is the empty one.
    List,
}

/// Who asks, and when.
#[derive(Clone, Copy, Debug)]
pub struct Environment<'a> {
    /// `auth`.
    pub caller: &'a Caller,
    /// `now`.
    pub now: Time,
}

/// A finished statement: the same text for every run, its parameters by number.
#[derive(Clone, Debug)]
pub struct Statement {
    /// With `$1`, `$2`, ….
    pub text: Arc<str>,
    /// In that order.
    pub binds: Vec<Bind>,
}

impl Statement {
    /// The same, to be kept and run often.
    pub(crate) fn kept(mut self, dialect: Dialect) -> Self {
        self.text = kept_text(dialect, self.text);
        self
    }

    /// The parameters of one run.
    pub fn parameters(&self, environment: &Environment<'_>, slots: &[Value]) -> Result<Vec<Value>> {
        self.binds.iter().map(|bind| bind.resolve(environment, slots)).collect()
    }
}

impl Bind {
    fn resolve(&self, environment: &Environment<'_>, slots: &[Value]) -> Result<Value> {
        Ok(match self {
            Self::Value(value) => value.clone(),
            Self::Folded(tree) => bound(evaluate(tree, environment)),
            Self::Known(tree) => Value::Bool(evaluate(tree, environment) != Cell::Unknown),
            Self::Slot(slot) => {
                let missing = || Error::internal(format!("slot {slot} is not given"));
                slots.get(usize::from(*slot)).cloned().ok_or_else(missing)?
            }
            Self::Part(whole, part) => part.of(whole.resolve(environment, slots)?),
        })
    }
}

impl Part {
    /// This part of a value.
    pub(super) fn of(self, whole: Value) -> Value {
        match (self, whole) {
            (Self::List, Value::Null) => Value::List(Vec::new()),
            (_, Value::Null) => Value::Null,
            (Self::Fold, Value::Text(text)) => Value::Text(fold(&text)),
            (Self::Fold, Value::List(items)) => {
                Value::List(items.into_iter().map(|item| Self::Fold.of(item)).collect())
            }
            (Self::Amount, Value::Money(money)) => Value::Int(money.amount),
            (Self::Currency, Value::Money(money)) => Value::Text(money.currency.as_str().to_owned()),
            (Self::Latitude, Value::Point(point)) => Value::Double(point.latitude),
            (Self::Longitude, Value::Point(point)) => Value::Double(point.longitude),
            (Self::Item(place), Value::List(items)) => {
                items.into_iter().nth(usize::from(place)).unwrap_or(Value::Null)
            }
            (_, value) => value,
        }
    }
}
