//! Functions of texts, numbers, money, files and places; those of times stand in their own file.

use mains_base::{Date, Point, Time, Value};

use super::{Cell, Frame, numbers, operators, slugify, times};
use crate::expression::{Function, Tree, Type};

/// Meters; the mean radius of the earth.
const RADIUS: f64 = 6_371_008.8;
/// The letters of `random`: Crockford's base32, lower case.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl Frame<'_> {
    pub(super) fn call(&self, function: Function, arguments: &[Tree], ty: &Type) -> Cell {
        match (function, arguments) {
            (Function::Widen, [inner]) => return self.widen(inner, ty),
            (Function::NewUuid, _) => return Cell::Known(self.uuid().into()),
            _ => {}
        }
        let mut values = Vec::with_capacity(arguments.len());
        for argument in arguments {
            match self.cell(argument).present() {
                Some(value) => values.push(value),
                None => return Cell::Unknown,
            }
        }
        let of = arguments.first().map_or(&Type::Null, |argument| &argument.ty);
        let result = match function {
            Function::Least | Function::Greatest => extreme(function, values),
            Function::Random => self.random(&values),
            Function::ToString | Function::ToInt | Function::ToDouble => converted(function, values, of),
            Function::Minutes
            | Function::Days
            | Function::DateInZone
            | Function::FullYear
            | Function::Month
            | Function::DayOfMonth
            | Function::DayOfWeek
            | Function::Hours
            | Function::Minute => times::call(function, &values, of),
            Function::Abs | Function::Sign | Function::Round | Function::Log10 => number(function, &values),
            Function::Distance => distance(&values),
            Function::Amount | Function::Currency => money(function, &values),
            Function::FileName | Function::FileType | Function::FileSize => file(function, &values),
            _ => text(function, &values),
        };
        result.into()
    }

    /// Null stays null.
    fn widen(&self, inner: &Tree, ty: &Type) -> Cell {
        match (self.cell(inner), ty) {
            (Cell::Known(Value::Int(number)), Type::Double) => Cell::Known(Value::Double(number as f64)),
            (Cell::Known(Value::Int(number)), _) => Cell::of(numbers::widened(number, &inner.ty, ty)),
            (Cell::Known(Value::Null), _) => Cell::Known(Value::Null),
            _ => Cell::Unknown,
        }
    }

    fn random(&self, values: &[Value]) -> Option<Value> {
        let length = usize::try_from(values.first()?.as_int()?).ok().filter(|length| *length <= 128)?;
        let mut bytes = vec![0; length];
        self.world.draw(&mut bytes);
        let letter = |byte: &u8| ALPHABET.get(usize::from(byte & 31)).map(|&letter| char::from(letter));
        Some(Value::Text(bytes.iter().filter_map(letter).collect()))
    }

    fn uuid(&self) -> String {
        let mut random = [0; 16];
        self.world.draw(&mut random);
        let number = u128::from_be_bytes(mains_base::Uuid::v4(random).0);
        let hex = format!("{number:032x}");
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
    }
}

fn text(function: Function, values: &[Value]) -> Option<Value> {
    let first = values.first()?.as_text()?;
    let second = values.get(1).and_then(Value::as_text);
    Some(match function {
        Function::Size => Value::Int(i64::try_from(first.chars().count()).ok()?),
        Function::Contains => first.contains(second?).into(),
        Function::StartsWith => first.starts_with(second?).into(),
        Function::EndsWith => first.ends_with(second?).into(),
        Function::LowerAscii => first.to_ascii_lowercase().into(),
        Function::Matches => regex::Regex::new(second?).ok()?.is_match(first).into(),
        Function::Slugify => slugify(first).into(),
        _ => return None,
    })
}

fn number(function: Function, values: &[Value]) -> Option<Value> {
    match (function, values.first()?) {
        (Function::Abs, Value::Int(number)) => Some(Value::Int(number.checked_abs()?)),
        (Function::Abs, Value::Double(number)) => Some(Value::Double(number.abs())),
        (Function::Sign, Value::Int(number)) => Some(Value::Int(number.signum())),
        (Function::Sign, Value::Double(number)) => {
            Some(Value::Int(i64::from(*number > 0.0) - i64::from(*number < 0.0)))
        }
        // Half away from zero, as `f64::round` does.
        (Function::Round, Value::Double(number)) => Some(Value::Double(number.round())),
        (Function::Log10, Value::Double(number)) if *number > 0.0 => Some(Value::Double(number.log10())),
        _ => None,
    }
}

fn extreme(function: Function, values: Vec<Value>) -> Option<Value> {
    let wins = |one: &Value, other: &Value| {
        let order = numbers::order(one, &Type::Int, other, &Type::Int);
        let least = function == Function::Least;
        order.is_some_and(|order| if least { order.is_lt() } else { order.is_gt() })
    };
    values.into_iter().reduce(|best, next| if wins(&next, &best) { next } else { best })
}

fn converted(function: Function, values: Vec<Value>, of: &Type) -> Option<Value> {
    let value = values.into_iter().next()?;
    match function {
        Function::ToString => string(&value, of).map(Value::Text),
        Function::ToInt => int(&value, of).map(Value::Int),
        _ => double(&value, of).map(Value::Double),
    }
}

fn string(value: &Value, of: &Type) -> Option<String> {
    match (value, of) {
        (Value::Int(number), Type::Decimal(_)) => Some(numbers::decimal_text(*number, of)),
        (Value::Int(days), Type::Date) => Date::from_days(*days).map(|date| date.to_string()),
        (Value::Int(micros), Type::Timestamp) => Some(Time::from_micros(*micros).to_string()),
        (Value::Int(number), _) => Some(number.to_string()),
        // As it stands in JSON.
        (Value::Double(number), _) => serde_json::Number::from_f64(*number).map(|number| number.to_string()),
        (Value::Bool(truth), _) => Some(truth.to_string()),
        _ => None,
    }
}

fn int(value: &Value, of: &Type) -> Option<i64> {
    match (value, of) {
        (Value::Int(number), Type::Decimal(_)) => number.checked_div(numbers::unit(of)),
        (Value::Int(micros), Type::Timestamp) => Some(micros.div_euclid(1_000_000)),
        (Value::Int(number), _) => Some(*number),
        (Value::Double(number), _) => numbers::truncated(*number),
        (Value::Text(text), _) => {
            text.parse::<i64>().ok().and_then(|number| numbers::clamp(i128::from(number)))
        }
        _ => None,
    }
}

fn double(value: &Value, of: &Type) -> Option<f64> {
    match (value, of) {
        // One conversion and one division, as both databases do it.
        (Value::Int(number), Type::Decimal(_)) => Some(*number as f64 / numbers::unit(of) as f64),
        (Value::Int(number), _) => Some(*number as f64),
        (Value::Double(number), _) => Some(*number),
        (Value::Text(text), _) => {
            let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
            text.parse().ok().filter(|_| plain).and_then(numbers::finite)
        }
        _ => None,
    }
}

fn money(function: Function, values: &[Value]) -> Option<Value> {
    let Value::Money(money) = values.first()? else { return None };
    Some(match function {
        Function::Amount => Value::Int(money.amount),
        _ => money.currency.as_str().into(),
    })
}

fn file(function: Function, values: &[Value]) -> Option<Value> {
    let parts = values.first()?.as_list()?;
    let place = match function {
        Function::FileName => 0,
        Function::FileType => 1,
        _ => 2,
    };
    parts.get(place).filter(|part| !part.is_null()).cloned()
}

/// Haversine. Equal to what the databases give to about 11 digits only.
fn distance(values: &[Value]) -> Option<Value> {
    let [Value::Point(one), Value::Point(other)] = values else { return None };
    let half = |one: f64, other: f64| ((other - one).to_radians() / 2.0).sin().powi(2);
    let (Point { latitude: la, longitude: lo }, Point { latitude: lb, longitude: lp }) = (one, other);
    let square = half(*la, *lb) + la.to_radians().cos() * lb.to_radians().cos() * half(*lo, *lp);
    numbers::finite(2.0 * RADIUS * square.sqrt().min(1.0).asin()).map(Value::Double)
}

/// `n` minutes or days as microseconds.
pub(super) fn span(function: Function, n: i64) -> Option<i64> {
    operators::span(n, if function == Function::Minutes { 60_000_000 } else { 86_400_000_000 })
}
