//! What literals mean beyond their own type: decimals, ids, instants, days, spans.

use mains_base::{Duration, MAX_INTEGER, Value};

use super::{Tree, Type};

/// A decimal as written: `digits` times 10^−`scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    pub(super) digits: i64,
    pub(super) scale: u8,
}

/// The most digits after the point.
pub(super) const MAX_SCALE: u8 = 9;

impl Decimal {
    /// Reads digits, a point and at most nine digits; `None` when it is something else or beyond ±(2⁵³−1).
    pub(super) fn read(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.')?;
        let scale = u8::try_from(part.len()).ok().filter(|scale| *scale <= MAX_SCALE)?;
        let digits: i64 = format!("{whole}{part}").parse().ok()?;
        (digits <= MAX_INTEGER).then_some(Self { digits, scale })
    }

    pub(super) fn negated(self) -> Self {
        Self { digits: -self.digits, ..self }
    }

    /// As a constant of this scale, or of its own where that would leave the range.
    pub(super) fn constant(self, scale: u8) -> Tree {
        match rescaled(self.digits, self.scale, scale) {
            Some(digits) => Tree::constant(Value::Int(digits), Type::Decimal(scale)),
            None => Tree::constant(Value::Int(self.digits), Type::Decimal(self.scale)),
        }
    }
}

/// A scaled number on a larger scale, if it stays within ±(2⁵³−1).
pub(in super::super) fn rescaled(digits: i64, from: u8, to: u8) -> Option<i64> {
    let factor = 10_i64.checked_pow(u32::from(to.checked_sub(from)?))?;
    digits.checked_mul(factor).filter(|digits| digits.unsigned_abs() <= MAX_INTEGER.unsigned_abs())
}

/// Reads a span such as `36h` or `45m0.5s`: units h m s ms us, exact to the microsecond.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (negative, mut rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    if rest.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let end = rest.find(|next: char| next.is_ascii_alphabetic())?;
        let (number, after) = rest.split_at_checked(end)?;
        let length = after.find(|next: char| !next.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(length)?;
        total = total.checked_add(part(number, unit)?)?;
        rest = after;
    }
    Duration::from_micros(i64::try_from(if negative { -total } else { total }).ok()?)
}

fn part(number: &str, unit: &str) -> Option<i128> {
    let factor: i128 = match unit {
        "h" => 3_600_000_000,
        "m" => 60_000_000,
        "s" => 1_000_000,
        "ms" => 1_000,
        "us" => 1,
        _ => return None,
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{part}");
    let plain = !whole.is_empty() && digits.len() <= 18 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !plain || (number.contains('.') && part.is_empty()) {
        return None;
    }
    let scale = 10_i128.checked_pow(u32::try_from(part.len()).ok()?)?;
    let micros = digits.parse::<i128>().ok()?.checked_mul(factor)?;
    (micros % scale == 0).then_some(micros / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(text: &str) -> Option<i64> {
        duration(text).map(Duration::micros)
    }

    #[test]
    fn spans_are_exact_or_refused() {
        assert_eq!(micros("36h"), Some(129_600_000_000));
        assert_eq!(micros("45m0.5s"), Some(2_700_500_000));
        assert_eq!(micros("1.5h"), Some(5_400_000_000));
        assert_eq!(micros("-30m"), Some(-1_800_000_000));
        assert_eq!(micros("0s"), Some(0));
        assert_eq!(micros("1ms1us"), Some(1_001));
        for bad in [
            "",
            "-",
            "1",
            "h",
            "1d",
            "1ns",
            "0.5us",
            ".5s",
            "1.s",
            "1 h",
            "1h ",
            "--1h",
            "99999999999h",
            "1µs",
        ] {
            assert_eq!(micros(bad), None, "{bad}");
        }
    }

    #[test]
    fn decimals_keep_the_digits_they_are_written_with() {
        assert_eq!(Decimal::read("10.50"), Some(Decimal { digits: 1050, scale: 2 }));
        assert_eq!(Decimal::read("0.123456789"), Some(Decimal { digits: 123_456_789, scale: 9 }));
        assert_eq!(Decimal::read("0.1234567890"), None);
        assert_eq!(Decimal::read("1e2"), None);
        assert_eq!(Decimal::read("90071992547409.92"), None);
        assert_eq!(rescaled(MAX_INTEGER, 0, 1), None);
        assert_eq!(rescaled(-5, 2, 4), Some(-500));
    }
}
