//! `round`, as the template engine does it, without writing a number out in decimal where that decides nothing.

use minijinja::value::{Kwargs, Value};
use minijinja::{Error as Mistake, filters};

/// The powers of ten that are tried; more places are rare.
const POWERS: [f64; 7] = [1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6];
/// The largest number of steps of the last place: each has its error far below [`NEAR`].
const MOST: f64 = 1e9;
/// As near to the middle between two steps the decimal digits decide.
const NEAR: f64 = 1e-4;

/// `round(1)`, `round(1, "floor")`, `round(method="ceil")`
pub(super) fn round(
    value: Value,
    places: Option<i32>,
    method: Option<&str>,
    options: Kwargs,
) -> Result<Value, Mistake> {
    let is_plain = method.is_none() && options.args().next().is_none();
    let is_double = value.is_number() && !value.is_integer();
    let number = if is_plain && is_double { f64::try_from(value.clone()).ok() } else { None };
    match number.and_then(|number| rounded(number, places.unwrap_or(0))) {
        Some(number) => Ok(Value::from(number)),
        None => filters::round(value, places, method, options),
    }
}

/// The nearest double to the decimal number that is meant: a whole number divided by a power of ten, and both are
/// exact, so the quotient is. Nothing where the digits must be looked at.
fn rounded(number: f64, places: i32) -> Option<f64> {
    let power = POWERS.get(usize::try_from(places).ok()?)?;
    let steps = number * power;
    let beyond = (steps - steps.floor() - 0.5).abs();
    (steps.abs() < MOST && beyond > NEAR).then(|| steps.round() / power)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_engine(number: f64, places: i32) -> f64 {
        let none: [(&str, Value); 0] = [];
        let value = filters::round(Value::from(number), Some(places), None, Kwargs::from_iter(none)).unwrap();
        f64::try_from(value).unwrap()
    }

    #[test]
    fn numbers_are_rounded_as_by_the_engine() {
        let mut tried = 0;
        for number in 0..40_000_u32 {
            // Spread over many sizes, and with many digits.
            let number = f64::from(number.wrapping_mul(2_654_435_761)) / f64::from(number % 977 + 1) - 2e6;
            for (number, places) in [(number, 0), (number, 1), (number / 1e6, 2), (number / 1e9, 6)] {
                let Some(rounded) = rounded(number, places) else { continue };
                assert_eq!(rounded.to_bits(), by_engine(number, places).to_bits(), "{number} to {places}");
                tried += 1;
            }
        }
        assert!(tried > 100_000, "{tried}");
    }

    #[test]
    fn what_is_in_the_middle_is_left_to_the_engine() {
        for (number, places) in
            [(2.5, 0), (0.125, 2), (2.675, 2), (1e12, 0), (f64::NAN, 1), (f64::INFINITY, 1), (4.2, -1)]
        {
            assert_eq!(rounded(number, places), None, "{number}");
        }
        assert_eq!(rounded(4.333_333, 1), Some(4.3));
        assert_eq!(rounded(-0.04, 1).map(f64::to_bits), Some((-0.0_f64).to_bits()));
    }
}
