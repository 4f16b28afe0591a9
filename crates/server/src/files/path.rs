//! From an address to a name inside the folder.
//!
//! Invariant: a name that leaves here has no `.`, no `..`, no hidden part but `.well-known`, no separator inside a
//! part and no NUL, whatever was encoded how often: it is decoded once and then judged.

use std::path::PathBuf;

use crate::percent;

/// The relative name that an address means, or nothing when it may not be a name here. The root is an empty name.
pub(super) fn relative(address: &str) -> Option<PathBuf> {
    let mut name = PathBuf::new();
    let path = address.strip_prefix('/')?;
    for part in path.strip_suffix('/').unwrap_or(path).split('/') {
        if part.is_empty() {
            if path.is_empty() || path == "/" {
                continue;
            }
            return None;
        }
        let part = percent::decode(part)?;
        if !is_plain(&part) {
            return None;
        }
        name.push(&*part);
    }
    Some(name)
}

fn is_plain(part: &str) -> bool {
    let hidden = part.starts_with('.') && part != ".well-known";
    let odd = |letter: char| letter.is_control() || matches!(letter, '/' | '\\' | ':');
    !hidden && !part.is_empty() && !part.contains(odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_inside_the_folder() {
        for (address, name) in [
            ("/", ""),
            ("/a.css", "a.css"),
            ("/a/b.html", "a/b.html"),
            ("/a/", "a"),
            ("/gr%C3%BC%C3%9Fe.txt", "grüße.txt"),
            ("/a%20b", "a b"),
            ("/100%25.txt", "100%.txt"),
            ("/.well-known/security.txt", ".well-known/security.txt"),
            ("/a..b", "a..b"),
        ] {
            assert_eq!(relative(address), Some(PathBuf::from(name)), "{address}");
        }
    }

    #[test]
    fn ways_out_of_the_folder() {
        for address in [
            "",
            "a",
            "//a",
            "/a//b",
            "/..",
            "/../a",
            "/a/../b",
            "/%2e%2e/a",
            "/%2E%2E%2Fa",
            "/..%2fa",
            "/a%2fb",
            "/a%5cb",
            "/a\\b",
            "/%00",
            "/a%00.html",
            "/.git/config",
            "/.env",
            "/%2eenv",
            "/c:/a",
            "/%c0%ae%c0%ae/a",
            "/%",
            "/%zz",
            "/./a",
            "/...",
            "/a%0ab",
        ] {
            assert_eq!(relative(address), None, "{address}");
        }
        assert_eq!(
            relative("/%252e%252e/a"),
            Some(PathBuf::from("%2e%2e/a")),
            "decoded once, so a plain name"
        );
    }
}
