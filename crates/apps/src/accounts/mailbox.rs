//! What an address of an account is, and when two of them are one. No I/O.
//!
//! Always true: the address of an account is ASCII, with a domain in the form in which mail is delivered to it (IDNA).
//! So two spellings of one address differ in the case of their letters and in nothing else; addresses that merely look
//! alike (`ß` and `ss`, `ﬁ` and `fi`) are never one; and the folded twin of the unique index tells the same.

use mains_base::{Error, FieldError, Result};

/// The longest address (RFC 5321, 4.5.3.1.3).
const LONGEST: usize = 254;

/// An address as it is stored and compared: its domain in ASCII. Refused where mail would not reach it everywhere.
pub(super) fn of(typed: &str) -> Result<String> {
    let address = match typed.rsplit_once('@') {
        Some((local, domain)) if !domain.is_ascii() => {
            let domain = idna::domain_to_ascii_strict(domain).map_err(|_| {
                refused("No mail is delivered to this domain. Correct what stands behind the @.")
            })?;
            format!("{local}@{domain}")
        }
        _ => typed.to_owned(),
    };
    if !address.is_ascii() {
        return Err(refused(
            "In front of the @ only plain letters (a to z), digits and signs can stand: no other address is reached from everywhere.",
        ));
    }
    if address.len() > LONGEST {
        return Err(refused("This address is too long: mail is delivered to 254 letters at most."));
    }
    Ok(address)
}

/// Whether two spellings are one address.
pub(super) fn are_one(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// A page's address with a link's token, and the address that the link was sent to: so that who opens it sees whose
/// account it is.
pub(super) fn link(page: &str, token: &str, email: &str) -> String {
    format!("{page}?token={token}&email={}", mains_server::percent_encoded(email))
}

fn refused(sentence: &str) -> Error {
    Error::invalid(vec![FieldError::new("email", "email", sentence)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_ascii() {
        for (typed, stored) in [
            ("Ines.Maria+shop@Corner.example", "Ines.Maria+shop@Corner.example"),
            ("ines@bücher.example", "ines@xn--bcher-kva.example"),
            ("ines@BÜCHER.example", "ines@xn--bcher-kva.example"),
            ("vic@boß.example", "vic@xn--bo-hia.example"),
            ("ines@ｃorner.example", "ines@corner.example"),
        ] {
            assert_eq!(of(typed).unwrap(), stored);
        }
        let (wide, long) =
            (format!("a@{}.example", "ü".repeat(70)), format!("a@{}example", "b.".repeat(130)));
        for typed in ["jørn@x.example", "\u{212A}im@x.example", "ines@a\u{200d}b.example", &wide, &long] {
            let error = of(typed).unwrap_err();
            assert_eq!(error.fields()[0].pointer, "/email", "{typed}");
        }
    }

    #[test]
    fn case_alone_makes_no_other_address() {
        assert!(are_one("Ines@Corner.example", "ines@corner.EXAMPLE"));
        for (one, other) in
            [("vic@boss.example", "vic@boß.example"), ("kim@x.example", "\u{212A}im@x.example")]
        {
            assert!(!are_one(one, other), "{one} {other}");
        }
    }
}
