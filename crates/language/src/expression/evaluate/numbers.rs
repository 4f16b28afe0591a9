//! Exact numbers: ints and decimals within ±(2⁵³−1), doubles that never become infinite.

use std::cmp::Ordering;

use mains_base::{MAX_INTEGER, Value};

use crate::expression::{Operator, Type};

/// The number, if it is within ±(2⁵³−1).
pub(super) fn clamp(number: i128) -> Option<i64> {
    i64::try_from(number).ok().filter(|number| number.unsigned_abs() <= MAX_INTEGER.unsigned_abs())
}

pub(super) fn finite(number: f64) -> Option<f64> {
    number.is_finite().then_some(number)
}

pub(super) fn negated(value: &Value) -> Option<Value> {
    match value {
        Value::Int(number) => number.checked_neg().map(Value::Int),
        Value::Double(number) => Some(Value::Double(-number)),
        _ => None,
    }
}

/// Whole numbers; division goes toward zero.
pub(super) fn whole(operator: Operator, left: i64, right: i64) -> Option<i64> {
    let (left, right) = (i128::from(left), i128::from(right));
    clamp(match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left.checked_div(right)?,
        Operator::Remainder => left.checked_rem(right)?,
    })
}

/// IEEE, but infinite results and division by zero are nothing.
pub(super) fn double(operator: Operator, left: f64, right: f64) -> Option<f64> {
    match operator {
        Operator::Add => finite(left + right),
        Operator::Subtract => finite(left - right),
        Operator::Multiply => finite(left * right),
        Operator::Divide if right != 0.0 => finite(left / right),
        Operator::Divide | Operator::Remainder => None,
    }
}

/// How two numbers stand to each other, exactly, whatever their types.
pub(super) fn order(left: &Value, one: &Type, right: &Value, other: &Type) -> Option<Ordering> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => {
            let (one, other) = (scale(one), scale(other));
            let most = one.max(other);
            Some(scaled(*left, one, most).cmp(&scaled(*right, other, most)))
        }
        // Ints are below 2⁵³, so a double holds each exactly.
        (Value::Int(left), Value::Double(right)) => (*left as f64).partial_cmp(right),
        (Value::Double(left), Value::Int(right)) => left.partial_cmp(&(*right as f64)),
        (Value::Double(left), Value::Double(right)) => left.partial_cmp(right),
        _ => None,
    }
}

fn scale(ty: &Type) -> u8 {
    if let Type::Decimal(scale) = ty { *scale } else { 0 }
}

fn scaled(number: i64, from: u8, to: u8) -> i128 {
    i128::from(number) * 10_i128.pow(u32::from(to.saturating_sub(from)))
}

/// An int or decimal on another scale.
pub(super) fn widened(number: i64, from: &Type, to: &Type) -> Option<i64> {
    clamp(scaled(number, scale(from), scale(to)))
}

/// Toward zero.
pub(super) fn truncated(number: f64) -> Option<i64> {
    let limit = MAX_INTEGER as f64;
    let whole = number.trunc();
    #[expect(clippy::cast_possible_truncation, reason = "checked to be within ±(2⁵³−1)")]
    (-limit..=limit).contains(&whole).then_some(whole as i64)
}

/// 10 to the power of a decimal's scale.
pub(super) fn unit(ty: &Type) -> i64 {
    10_i64.pow(u32::from(scale(ty)))
}

/// A decimal with all its digits.
pub(super) fn decimal_text(number: i64, ty: &Type) -> String {
    let places = usize::from(scale(ty));
    if places == 0 {
        return number.to_string();
    }
    let unit = unit(ty).unsigned_abs();
    let (whole, part) = (number.unsigned_abs() / unit, number.unsigned_abs() % unit);
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{whole}.{part:0places$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_the_range_is_nothing_down_to_the_last_number() {
        assert_eq!(whole(Operator::Multiply, -(1 << 31), 1 << 32), None);
        assert_eq!(whole(Operator::Multiply, 1 << 31, 1 << 32), None);
        assert_eq!(whole(Operator::Add, MAX_INTEGER, 1), None);
        assert_eq!(whole(Operator::Subtract, -MAX_INTEGER, 1), None);
        assert_eq!(whole(Operator::Subtract, -MAX_INTEGER, 0), Some(-MAX_INTEGER));
    }
}
