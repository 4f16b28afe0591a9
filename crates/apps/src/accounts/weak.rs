//! Passwords that are easy to guess. No I/O.

use mains_base::{Error, FieldError, Result};
use unicode_normalization::UnicodeNormalization as _;

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
    // Wide letters and ligatures are as easy to guess as the letters that they stand for.
    let folded = plain(password);
    let bare = folded.trim_matches(|letter: char| !letter.is_alphabetic());
    let forms = [folded.clone(), bare.to_owned(), meant(&folded), meant(bare)];
    let common = include_str!("weak.txt").lines().any(|weak| forms.iter().any(|form| form == weak));
    let first = folded.chars().next();
    if common || folded.chars().all(|letter| Some(letter) == first) {
        return Some(Weakness::Common);
    }
    let says = |word: &&str| {
        let word = plain(word);
        let local = word.split_once('@').map(|(local, _)| local);
        let is_address = |local: &str| folded.strip_prefix(local).is_some_and(|rest| rest.starts_with('@'));
        forms.contains(&word)
            || local.is_some_and(|local| forms.iter().any(|form| form == local) || is_address(local))
    };
    words.iter().filter(|word| !word.is_empty()).any(says).then_some(Weakness::Said)
}

fn plain(text: &str) -> String {
    text.nfkc().collect::<String>().to_lowercase()
}

/// The letters that signs stand for, as in `Passw0rd`.
fn meant(text: &str) -> String {
    let letter = |sign| match sign {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        letter => letter,
    };
    text.chars().map(letter).collect()
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
            "Passw0rd!",
            "P@$$w0rd",
            "password2026!",
            "ｐａｓｓｗｏｒｄ",
            "ines.maria@mail.example",
            "Ines.Maria77",
        ] {
            assert!(!check(weak), "{weak}");
        }
        assert!(check("rye bread at eleven") && check("ines.maria has a boat"));
    }
}
