//! How a language writes dates, numbers and money. English stands for every language that is not here.

/// One language.
#[derive(Debug)]
pub(super) struct Words {
    months: [&'static str; 12],
    /// Between whole digits in groups of three, and before the decimal places.
    group: &'static str,
    point: &'static str,
    order: Order,
    /// Whether the currency stands before the amount.
    before: bool,
}

#[derive(Clone, Copy, Debug)]
enum Order {
    /// May 2, 2026
    MonthFirst,
    /// 2 mai 2026
    DayFirst,
    /// 2. Mai 2026
    DayPoint,
    /// 2 de mayo de 2026
    DayOf,
}

const ENGLISH: Words = Words {
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    group: ",",
    point: ".",
    order: Order::MonthFirst,
    before: true,
};
const BRITISH: Words = Words { order: Order::DayFirst, ..ENGLISH };
const GERMAN: Words = Words {
    months: [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
    group: ".",
    point: ",",
    order: Order::DayPoint,
    before: false,
};
const FRENCH: Words = Words {
    months: [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
    group: "\u{202f}",
    point: ",",
    order: Order::DayFirst,
    before: false,
};
const SPANISH: Words = Words {
    months: [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ],
    group: ".",
    point: ",",
    order: Order::DayOf,
    before: false,
};
const ITALIAN: Words = Words {
    months: [
        "gennaio",
        "febbraio",
        "marzo",
        "aprile",
        "maggio",
        "giugno",
        "luglio",
        "agosto",
        "settembre",
        "ottobre",
        "novembre",
        "dicembre",
    ],
    order: Order::DayFirst,
    ..SPANISH
};
const DUTCH: Words = Words {
    months: [
        "januari",
        "februari",
        "maart",
        "april",
        "mei",
        "juni",
        "juli",
        "augustus",
        "september",
        "oktober",
        "november",
        "december",
    ],
    order: Order::DayFirst,
    before: true,
    ..SPANISH
};

/// The languages there are, and what they call themselves.
pub(super) const LANGUAGES: [(&str, &str); 7] = [
    ("en-US", "English (United States)"),
    ("en-GB", "English (United Kingdom)"),
    ("de", "Deutsch"),
    ("es", "Español"),
    ("fr", "Français"),
    ("it", "Italiano"),
    ("nl", "Nederlands"),
];

/// The language of a locale such as `de-AT`; English for one that is not here.
pub(super) fn of(locale: &str) -> &'static Words {
    find(locale).unwrap_or(&ENGLISH)
}

/// The language of a locale, if it is here.
pub(super) fn find(locale: &str) -> Option<&'static Words> {
    let language = locale.split(['-', '_']).next().unwrap_or_default();
    Some(match language.to_ascii_lowercase().as_str() {
        "de" => &GERMAN,
        "fr" => &FRENCH,
        "es" => &SPANISH,
        "it" => &ITALIAN,
        "nl" => &DUTCH,
        "en" if locale.len() > 2 && !locale.ends_with("US") => &BRITISH,
        "en" => &ENGLISH,
        _ => return None,
    })
}

impl Words {
    /// A day.
    pub(super) fn date(&self, year: i32, month: i8, day: i8) -> String {
        let place = usize::try_from(month - 1).unwrap_or(0);
        let month = self.months.get(place).copied().unwrap_or_default();
        match self.order {
            Order::MonthFirst => format!("{month} {day}, {year}"),
            Order::DayFirst => format!("{day} {month} {year}"),
            Order::DayPoint => format!("{day}. {month} {year}"),
            Order::DayOf => format!("{day} de {month} de {year}"),
        }
    }

    /// A number written with a point.
    pub(super) fn number(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + 8);
        self.put(&mut out, text);
        out
    }

    fn put(&self, out: &mut String, text: &str) {
        let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
        let (whole, places) = digits.split_once('.').map_or((digits, ""), |(whole, places)| (whole, places));
        out.push_str(sign);
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at).is_multiple_of(3) {
                out.push_str(self.group);
            }
            out.push(digit);
        }
        if !places.is_empty() {
            out.push_str(self.point);
            out.push_str(places);
        }
    }

    /// Minor units of a currency (ISO 4217).
    pub(super) fn money(&self, amount: i64, currency: &str) -> String {
        let exponent = exponent(currency);
        let unit = 10_u64.pow(exponent);
        let (whole, rest) = (amount.unsigned_abs() / unit, amount.unsigned_abs() % unit);
        let shown = sign_of(currency);
        let mut out = String::with_capacity(24);
        if amount < 0 {
            out.push('-');
        }
        if self.before {
            out.push_str(shown.unwrap_or(currency));
            out.push_str(if shown.is_some() { "" } else { "\u{a0}" });
        }
        self.put(&mut out, &whole.to_string());
        if exponent > 0 {
            out.push_str(self.point);
            let digits = rest.to_string();
            (digits.len()..usize::try_from(exponent).unwrap_or(0)).for_each(|_| out.push('0'));
            out.push_str(&digits);
        }
        if !self.before {
            out.push('\u{a0}');
            out.push_str(shown.unwrap_or(currency));
        }
        out
    }
}

fn sign_of(currency: &str) -> Option<&'static str> {
    Some(match currency {
        "EUR" => "€",
        "USD" => "$",
        "GBP" => "£",
        "JPY" => "¥",
        "INR" => "₹",
        "KRW" => "₩",
        "CHF" => "CHF\u{a0}",
        _ => return None,
    })
}

/// Decimal places of a currency (ISO 4217, table A.1).
fn exponent(currency: &str) -> u32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI"
        | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLF" | "UYW" => 4,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_written_as_people_do() {
        for (locale, amount, currency, wanted) in [
            ("en", 420, "EUR", "€4.20"),
            ("en", -123_456_789, "USD", "-$1,234,567.89"),
            ("en", 5, "EUR", "€0.05"),
            ("en", 1500, "JPY", "¥1,500"),
            ("en", 1500, "KWD", "KWD\u{a0}1.500"),
            ("de-AT", 123_420, "EUR", "1.234,20\u{a0}€"),
            ("fr", 420, "SEK", "4,20\u{a0}SEK"),
            ("xx", 420, "EUR", "€4.20"),
        ] {
            assert_eq!(of(locale).money(amount, currency), wanted, "{locale}");
        }
    }

    #[test]
    fn every_language_that_can_be_chosen_is_here() {
        for (locale, name) in LANGUAGES {
            assert!(find(locale).is_some(), "{name}");
        }
        assert!(find("ja").is_none() && find("").is_none());
    }

    #[test]
    fn dates_are_written_as_people_do() {
        for (locale, wanted) in [
            ("en", "May 2, 2026"),
            ("en-GB", "2 May 2026"),
            ("de", "2. Mai 2026"),
            ("es", "2 de mayo de 2026"),
            ("it", "2 maggio 2026"),
        ] {
            assert_eq!(of(locale).date(2026, 5, 2), wanted);
        }
    }
}
