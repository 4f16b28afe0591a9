//! One value of a record, a parameter or an expression. What a number means (decimal, date, instant) its type says.

use crate::{Money, Uuid};

/// The largest whole number: 2⁵³−1, so that JSON carries it exactly.
pub const MAX_INTEGER: i64 = 9_007_199_254_740_991;

/// A place on the globe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Degrees north, −90 to 90.
    pub latitude: f64,
    /// Degrees east, −180 to 180.
    pub longitude: f64,
}

/// A value. `Int` holds integers, decimals (scaled), dates (days since 1970), instants and durations (microseconds).
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// Yes or no.
    Bool(bool),
    /// Whole number; see the type for its meaning.
    Int(i64),
    /// Finite binary double.
    Double(f64),
    /// Text in NFC; an enum's value; canonical JSON.
    Text(String),
    /// An id.
    Id(Uuid),
    /// Raw bytes, of private tables only.
    Bytes(Vec<u8>),
    /// Minor units and currency.
    Money(Money),
    /// A place.
    Point(Point),
    /// An ordered list without duplicates; also a list bound as one parameter.
    List(Vec<Value>),
}

impl Value {
    /// Whether there is no value.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The whole number, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        if let Self::Int(number) = self { Some(*number) } else { None }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The id, if it is one.
    pub fn as_id(&self) -> Option<Uuid> {
        if let Self::Id(id) = self { Some(*id) } else { None }
    }

    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(truth) = self { Some(*truth) } else { None }
    }

    /// The elements, if it is a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        if let Self::List(items) = self { Some(items) } else { None }
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Uuid> for Value {
    fn from(id: Uuid) -> Self {
        Self::Id(id)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
