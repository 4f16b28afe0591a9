//! Passwords that are easy to guess. No I/O.

use mains_base::{Error, FieldError, Result};

/// What makes a password easy to guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weakness {
    /// It is among those that are tried first.
    Common,
    /// It says the address or the name again.
    Said,
}

/// Why a password is easy to guess by somebody who knows these words.
pub(super) fn weakness(password: &str, words: &[&str]) -> Option<Weakness> {
    let folded = password.to_lowercase();
    let common = include_str!("weak.txt").lines().any(|weak| weak == folded);
    let first = folded.chars().next();
    if common || folded.chars().all(|letter| Some(letter) == first) {
        return Some(Weakness::Common);
    }
    let says = |word: &&str| {
        let word = word.to_lowercase();
        folded == word || word.split('@').next() == Some(folded.as_str())
    };
    words.iter().any(says).then_some(Weakness::Said)
}

/// Refuses a password that is easy to guess.
pub(super) fn expect_strong(weakness: Option<Weakness>) -> Result<()> {
    let sentence = match weakness {
        None => return Ok(()),
        Some(Weakness::Common) => {
            "This password is among the first that are tried. Take four words that do not belong together."
        }
        Some(Weakness::Said) => {
            "A password that says the address or the name again is easily guessed. Take another."
        }
    };
    Err(Error::invalid(vec![FieldError::new("password", "weak", sentence)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_that_are_tried_first() {
        let check =
            |password: &str| weakness(password, &["ines.maria@corner.example", "Ines Maria"]).is_none();
        for weak in [
            "password",
            "Password1",
            "12345678",
            "aaaaaaaaaa",
            "ines.maria",
            "INES.MARIA@corner.example",
            "ines maria",
        ] {
            assert!(!check(weak), "{weak}");
        }
        assert!(check("rye bread at eleven") && check("ines.maria has a boat"));
    }
}
