//! Comparisons, `in`, arithmetic.

use std::cmp::Ordering;

use mains_base::{Date, Duration, MAX_INTEGER, Time, Value};

use super::{Cell, Element, Frame, is_folded, numbers};
use crate::expression::{Comparison, List, ListKind, Operator, Tree, Type};

impl Frame<'_> {
    pub(super) fn compare(&self, comparison: Comparison, sides: &[Tree; 2]) -> Cell {
        let [left, right] = sides;
        let folded = is_folded(&left.ty) || is_folded(&right.ty);
        let (Cell::Known(one), Cell::Known(other)) =
            (self.comparable(left, folded), self.comparable(right, folded))
        else {
            return Cell::Unknown;
        };
        match comparison {
            Comparison::Equal => Cell::Known(Value::Bool(equal(&one, &left.ty, &other, &right.ty))),
            Comparison::NotEqual => Cell::Known(Value::Bool(!equal(&one, &left.ty, &other, &right.ty))),
            _ => Cell::of(order(&one, &left.ty, &other, &right.ty).map(|order| match comparison {
                Comparison::Less => order.is_lt(),
                Comparison::LessOrEqual => order.is_le(),
                Comparison::Greater => order.is_gt(),
                _ => order.is_ge(),
            })),
        }
    }

    /// The OR of `one == item`.
    pub(super) fn in_set(&self, one: &Tree, items: &[Tree]) -> Cell {
        let Cell::Known(value) = self.comparable(one, is_folded(&one.ty)) else { return Cell::Unknown };
        let mut unknown = false;
        for item in items {
            match self.comparable(item, is_folded(&one.ty)) {
                Cell::Known(other) if equal(&value, &one.ty, &other, &item.ty) => {
                    return Cell::Known(Value::Bool(true));
                }
                Cell::Known(_) => {}
                Cell::Unknown => unknown = true,
            }
        }
        if unknown { Cell::Unknown } else { Cell::Known(Value::Bool(false)) }
    }

    pub(super) fn in_list(&self, one: &Tree, list: &List) -> Cell {
        let folded = is_folded(&list.element);
        if let (false, ListKind::Auth(part), Some(Value::Text(text))) =
            (folded, &list.kind, one.as_constant())
            && let Some(words) = self.words(*part)
        {
            // What most rules ask, without a copy of each word.
            return Cell::Known(Value::Bool(words.iter().any(|word| word == text)));
        }
        let Cell::Known(value) = self.comparable(one, folded) else { return Cell::Unknown };
        let Some(found) = self.elements(list, &[]) else { return Cell::Unknown };
        let is_it = |element: &Element| {
            let other = match element {
                Element::Record(record) => self.field(*record, crate::schema::FieldId::ID),
                Element::Value(Value::Text(text)) if folded => {
                    Cell::Known(Value::Text(mains_base::fold(text)))
                }
                Element::Value(other) => Cell::Known(other.clone()),
            };
            matches!(other, Cell::Known(other) if equal(&value, &one.ty, &other, &list.element))
        };
        Cell::Known(Value::Bool(!value.is_null() && found.iter().any(is_it)))
    }

    pub(super) fn arithmetic(&self, operator: Operator, sides: &[Tree; 2], ty: &Type) -> Cell {
        let [left, right] = sides;
        let (Some(one), Some(other)) = (self.cell(left).present(), self.cell(right).present()) else {
            return Cell::Unknown;
        };
        match (one, other) {
            (Value::Double(one), Value::Double(other)) => {
                Cell::of(numbers::double(operator, one, other).map(Value::Double))
            }
            (Value::Text(one), Value::Text(other)) => Cell::Known(Value::Text(one + &other)),
            (Value::Int(one), Value::Int(other)) => Cell::of(match ty {
                Type::Timestamp => {
                    moved(operator, one, other).filter(|&micros| Time::from_micros(micros).micros() == micros)
                }
                Type::Date => moved(operator, one, other).filter(|&days| Date::from_days(days).is_some()),
                Type::Duration => {
                    moved(operator, one, other).filter(|&micros| Duration::from_micros(micros).is_some())
                }
                _ => numbers::whole(operator, one, other),
            }),
            _ => Cell::Unknown,
        }
    }
}

fn moved(operator: Operator, one: i64, other: i64) -> Option<i64> {
    match operator {
        Operator::Add => one.checked_add(other),
        Operator::Subtract => one.checked_sub(other),
        _ => None,
    }
}

/// `n` units, if that is within ±10,000 years.
pub(super) fn span(n: i64, factor: i64) -> Option<i64> {
    let micros = n.checked_mul(factor).filter(|_| n.unsigned_abs() <= MAX_INTEGER.unsigned_abs())?;
    Duration::from_micros(micros).map(Duration::micros)
}

/// `==` of known values: null equals null alone.
pub(super) fn equal(left: &Value, one: &Type, right: &Value, other: &Type) -> bool {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => left.is_null() && right.is_null(),
        (Value::Int(_) | Value::Double(_), Value::Int(_) | Value::Double(_)) => {
            numbers::order(left, one, right, other) == Some(Ordering::Equal)
        }
        _ => left == right,
    }
}

/// The order of known values; nothing where one is null.
fn order(left: &Value, one: &Type, right: &Value, other: &Type) -> Option<Ordering> {
    match (left, right) {
        // UTF-8 bytes order as code points do.
        (Value::Text(left), Value::Text(right)) => Some(left.as_bytes().cmp(right.as_bytes())),
        _ => numbers::order(left, one, right, other),
    }
}
