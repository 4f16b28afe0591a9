//! Slugs: a text as a piece of an address.

use unicode_normalization::UnicodeNormalization;

/// The text in `a-z`, `0-9` and single hyphens between words: letters lose their marks, a few become two, everything
/// else parts words. Empty when nothing is left.
pub fn slugify(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    let mut gap = false;
    for letter in text.nfkd().filter(|letter| !unicode_normalization::char::is_combining_mark(*letter)) {
        let mut single = [0; 4];
        let plain = match letter {
            'A'..='Z' | 'a'..='z' | '0'..='9' => letter.to_ascii_lowercase().encode_utf8(&mut single),
            _ => spelled(letter),
        };
        if plain.is_empty() {
            // An apostrophe belongs to its word.
            gap |= !matches!(letter, '\'' | '’');
            continue;
        }
        if gap && !slug.is_empty() {
            slug.push('-');
        }
        gap = false;
        slug.push_str(plain);
    }
    slug
}

/// Latin letters that do not come apart.
fn spelled(letter: char) -> &'static str {
    match letter {
        'ß' | 'ẞ' => "ss",
        'æ' | 'Æ' => "ae",
        'œ' | 'Œ' => "oe",
        'ø' | 'Ø' => "o",
        'đ' | 'Đ' | 'ð' | 'Ð' => "d",
        'þ' | 'Þ' => "th",
        'ł' | 'Ł' => "l",
        'ı' => "i",
        'ħ' | 'Ħ' => "h",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::slugify;

    #[test]
    fn words_become_a_slug() {
        assert_eq!(slugify("Hello, World!"), "hello-world");
        assert_eq!(slugify("  Crème brûlée & Straße "), "creme-brulee-strasse");
        assert_eq!(slugify("Don't stop"), "dont-stop");
        assert_eq!(slugify("Øresund Æble ﬁn"), "oresund-aeble-fin");
        assert_eq!(slugify("日本"), "");
        assert_eq!(slugify("---a---b---"), "a-b");
    }
}
