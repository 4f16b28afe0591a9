//! Text as it is stored and compared.

use unicode_normalization::{UnicodeNormalization, is_nfc};

/// The text in Unicode normalization form C; every text that comes in passes through here.
pub fn nfc(text: &str) -> String {
    // The cheap question first: most texts are ASCII, and it is always in this form.
    if text.is_ascii() || is_nfc(text) { text.to_owned() } else { text.nfc().collect() }
}

/// What `ignore_case` compares: NFC of the full Unicode case folding (`ß` = `ss` = `SS`, `ς` = `σ`).
pub fn fold(text: &str) -> String {
    caseless::default_case_fold_str(text).nfc().collect()
}

/// Whether U+0000 is in it, which PostgreSQL cannot store and so is refused everywhere.
pub fn has_nul(text: &str) -> bool {
    text.contains('\0')
}
