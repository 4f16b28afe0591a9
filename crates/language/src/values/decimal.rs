//! Decimals as text: exact, never through a double.

use mains_base::MAX_INTEGER;

/// The decimal as text with all digits of its scale: `-50` of scale 2 is `-0.50`.
pub fn decimal_to_text(scaled: i64, scale: u8) -> String {
    let places = usize::from(scale);
    let sign = if scaled < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", scaled.unsigned_abs(), width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    if places == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// Reads `-12.5` as an integer times 10^−`scale`; `None` for other texts, for more digits than `scale` that are not
/// zero, and beyond ±(2⁵³−1).
pub fn decimal_from_text(text: &str, scale: u8) -> Option<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(fraction) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let missing = usize::from(scale).checked_sub(fraction.len())?;
    let joined = format!("{whole}{fraction}{:0<missing$}", "");
    let number: i64 = joined.parse().ok()?;
    (number <= MAX_INTEGER).then_some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for (text, scale, scaled) in [
            ("0.00", 2, 0),
            ("-0.05", 2, -5),
            ("12.50", 2, 1250),
            ("7", 0, 7),
            ("90071992547409.91", 2, MAX_INTEGER),
        ] {
            assert_eq!(decimal_from_text(text, scale), Some(scaled), "{text}");
            assert_eq!(decimal_to_text(scaled, scale), text);
        }
    }

    #[test]
    fn refused_or_taken() {
        assert_eq!(decimal_from_text("1.5000", 2), Some(150));
        assert_eq!(decimal_from_text("007", 1), Some(70));
        for bad in ["", "-", ".5", "5.", "+5", "1e3", "1,5", "1.505", "90071992547409.92", "٣", " 1", "--1"]
        {
            assert_eq!(decimal_from_text(bad, 2), None, "{bad}");
        }
    }
}
