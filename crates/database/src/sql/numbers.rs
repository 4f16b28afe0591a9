//! The numbers of parameters in a text: which are used, and others in their place.

use std::collections::BTreeSet;

/// The numbers of the parameters that a text uses.
pub(super) fn used(text: &str) -> BTreeSet<usize> {
    let mut numbers = BTreeSet::new();
    walk(text, |part| {
        if let Part::Parameter(number) = part {
            numbers.insert(number);
        }
    });
    numbers
}

/// The text with the parameters numbered by their place in `kept`.
pub(super) fn renumbered(text: &str, kept: &[usize]) -> String {
    let mut out = String::with_capacity(text.len());
    walk(text, |part| match part {
        Part::Text(text) => out.push_str(text),
        Part::Parameter(number) => {
            let place = kept.iter().position(|&kept| kept == number).map_or(number, |place| place + 1);
            out.push('$');
            out.push_str(&place.to_string());
        }
    });
    out
}

enum Part<'t> {
    Text(&'t str),
    Parameter(usize),
}

/// Visits a text in order; what stands in quotes is text.
fn walk<'t>(text: &'t str, mut visit: impl FnMut(Part<'t>)) {
    let mut rest = text;
    let mut quote = None;
    let mut from = 0;
    let mut bytes = text.bytes().enumerate();
    while let Some((place, byte)) = bytes.next() {
        match (quote, byte) {
            (None, b'\'' | b'"') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            (None, b'$') => {
                let digits = digits(text, place + 1);
                if let Some(number) =
                    text.get(place + 1..place + 1 + digits).and_then(|digits| digits.parse().ok())
                {
                    visit(Part::Text(rest.get(..place - from).unwrap_or_default()));
                    visit(Part::Parameter(number));
                    from = place + 1 + digits;
                    rest = text.get(from..).unwrap_or_default();
                    bytes.by_ref().nth(digits.saturating_sub(1));
                }
            }
            _ => {}
        }
    }
    visit(Part::Text(rest));
}

fn digits(text: &str, from: usize) -> usize {
    text.bytes().skip(from).take_while(u8::is_ascii_digit).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_numbered_anew_outside_quotes() {
        let text = "SELECT $3::bigint, '$2', \"$4\" = $12 AND é = $3";
        assert_eq!(used(text), BTreeSet::from([3, 12]));
        assert_eq!(renumbered(text, &[3, 12]), "SELECT $1::bigint, '$2', \"$4\" = $2 AND é = $1");
    }
}
