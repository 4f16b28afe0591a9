//! Which page answers an address: file names are addresses, and a word wins over a parameter.
//!
//! `index.html` answers its folder, `[slug].html` any one segment; what begins with `_` (layouts, parts), and the pages
//! for failures, answer nothing.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::percent;

/// Pages that answer no address, but in place of others.
pub(super) const NOT_FOUND: &str = "404.html";
/// See [`NOT_FOUND`].
pub(super) const FAILED: &str = "error.html";

/// The address of one page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Word(String),
    Parameter(String),
}

/// All addresses.
#[derive(Debug, Default)]
pub(super) struct Routes {
    words: HashMap<String, usize>,
    patterns: Vec<(Address, usize)>,
}

/// A page that answers, with the parameters of its address.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) page: usize,
    pub(super) parameters: Vec<(String, String)>,
}

impl Address {
    /// The address of a file under `pages/`; nothing for what is no page of its own.
    pub(super) fn of(file: &str) -> Result<Option<Self>, String> {
        let parts: Vec<&str> = file.strip_suffix(".html").unwrap_or(file).split('/').collect();
        let apart = file == NOT_FOUND || file == FAILED;
        if apart || parts.iter().any(|part| part.starts_with('_')) {
            return Ok(None);
        }
        let mut segments = Vec::new();
        for (place, part) in parts.iter().enumerate() {
            if *part == "index" && place + 1 == parts.len() {
                continue;
            }
            segments.push(Segment::read(part)?);
        }
        let address = Self { segments };
        for (place, name) in address.parameters().enumerate() {
            if address.parameters().take(place).any(|other| other == name) {
                return Err(format!("[{name}] stands in it twice; give each parameter a name of its own."));
            }
        }
        Ok(Some(address))
    }

    /// The names of its parameters.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Parameter(name) => Some(name.as_str()),
            Segment::Word(_) => None,
        })
    }

    /// The address itself, if it has no parameter.
    fn word(&self) -> Option<String> {
        let mut text = String::new();
        for segment in &self.segments {
            let Segment::Word(word) = segment else { return None };
            text.push('/');
            text.push_str(word);
        }
        Some(if text.is_empty() { "/".to_owned() } else { text })
    }

    fn matches(&self, asked: &[String]) -> Option<Vec<(String, String)>> {
        if asked.len() != self.segments.len() {
            return None;
        }
        let mut parameters = Vec::new();
        for (segment, text) in self.segments.iter().zip(asked) {
            match segment {
                Segment::Word(word) if word == text => {}
                Segment::Word(_) => return None,
                Segment::Parameter(name) => parameters.push((name.clone(), text.clone())),
            }
        }
        Some(parameters)
    }

    /// Words before parameters, from the left.
    fn order(&self, other: &Self) -> Ordering {
        let rank = |segment: &Segment| u8::from(matches!(segment, Segment::Parameter(_)));
        self.segments.iter().map(rank).cmp(other.segments.iter().map(rank))
    }

    /// Whether both answer the same addresses.
    fn is_same(&self, other: &Self) -> bool {
        let same = |pair: (&Segment, &Segment)| match pair {
            (Segment::Word(one), Segment::Word(other)) => one == other,
            (Segment::Parameter(_), Segment::Parameter(_)) => true,
            _ => false,
        };
        self.segments.len() == other.segments.len() && self.segments.iter().zip(&other.segments).all(same)
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for segment in &self.segments {
            match segment {
                Segment::Word(word) => write!(f, "/{word}")?,
                Segment::Parameter(name) => write!(f, "/[{name}]")?,
            }
        }
        if self.segments.is_empty() { f.write_str("/") } else { Ok(()) }
    }
}

impl Segment {
    fn read(part: &str) -> Result<Self, String> {
        if let Some(name) = part.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            let good = name.bytes().all(plain) && name.starts_with(|first: char| first.is_ascii_lowercase());
            let wrong = || format!("[{name}] is no parameter; write lower_snake_case, such as [slug].");
            return good.then(|| Self::Parameter(name.to_owned())).ok_or_else(wrong);
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
        let good = !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain);
        good.then(|| Self::Word(part.to_owned())).ok_or_else(|| {
            format!("{part:?} cannot be part of an address; write letters, digits, - and _, or [name].")
        })
    }
}

impl Routes {
    /// Puts pages in order. Two that answer the same address are told, the first by its place.
    pub(super) fn new(pages: impl Iterator<Item = (usize, Address)>) -> Result<Self, (usize, usize)> {
        let mut routes = Self::default();
        for (page, address) in pages {
            if let Some(word) = address.word() {
                if let Some(other) = routes.words.insert(word, page) {
                    return Err((other, page));
                }
                continue;
            }
            if let Some((_, other)) = routes.patterns.iter().find(|(known, _)| known.is_same(&address)) {
                return Err((*other, page));
            }
            routes.patterns.push((address, page));
        }
        routes.patterns.sort_by(|(one, _), (other, _)| one.order(other));
        Ok(routes)
    }

    /// The page of a path, as it came: not decoded.
    pub(super) fn find(&self, path: &str) -> Option<Match> {
        if let Some(&page) = self.words.get(path) {
            return Some(Match { page, parameters: Vec::new() });
        }
        if self.patterns.is_empty() && !path.contains('%') {
            return None;
        }
        let asked = decoded(path)?;
        let word = format!("/{}", asked.join("/"));
        if let Some(&page) = self.words.get(&word) {
            return Some(Match { page, parameters: Vec::new() });
        }
        self.patterns.iter().find_map(|(address, page)| {
            let parameters = address.matches(&asked)?;
            Some(Match { page: *page, parameters })
        })
    }
}

/// The segments of a path, decoded once. Nothing for one that is empty or hides a way around.
fn decoded(path: &str) -> Option<Vec<String>> {
    let segments = path.strip_prefix('/')?.split('/').map(|part| {
        let text = percent::decode(part)?;
        let odd = |letter: char| letter.is_control() || letter == '/' || letter == '\\';
        let good = !text.is_empty() && text != "." && text != ".." && !text.contains(odd);
        good.then(|| text.into_owned())
    });
    segments.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(files: &[&str]) -> Routes {
        let pages = files.iter().enumerate();
        Routes::new(pages.filter_map(|(at, file)| Some((at, Address::of(file).unwrap()?)))).unwrap()
    }

    #[test]
    fn words_win_over_parameters_and_parts_answer_nothing() {
        let files = [
            "[slug].html",
            "index.html",
            "new.html",
            "[a]/[b].html",
            "shop/[b].html",
            "shop/index.html",
            "_layout.html",
            "shop/_part.html",
            "404.html",
            "error.html",
        ];
        let routes = routes(&files);
        for (path, wanted) in [
            ("/", Some("index.html")),
            ("/new", Some("new.html")),
            ("/other", Some("[slug].html")),
            ("/%6eew", Some("new.html")),
            ("/shop", Some("shop/index.html")),
            ("/shop/x", Some("shop/[b].html")),
            ("/a/x", Some("[a]/[b].html")),
            ("/a/x/y", None),
            ("/_layout/x/y", None),
            ("/a/", None),
            ("//", None),
            ("/a/..", None),
            ("/a%2Fb", None),
            ("/a%00", None),
            ("/%ff", None),
        ] {
            assert_eq!(routes.find(path).map(|found| files[found.page]), wanted, "{path}");
        }
        let found = routes.find("/a%20b/c%3D").unwrap();
        assert_eq!(found.parameters, [("a".into(), "a b".into()), ("b".into(), "c=".into())]);
    }

    #[test]
    fn what_cannot_be_an_address_is_told() {
        for file in ["[Slug].html", "[].html", "a b.html", "[a]/[a].html", ".x.html", "a//b.html", "ä.html"]
        {
            assert!(Address::of(file).is_err(), "{file}");
        }
        let pair = ["[a].html", "[b].html"];
        let pages = pair.iter().enumerate().map(|(at, file)| (at, Address::of(file).unwrap().unwrap()));
        assert_eq!(Routes::new(pages).unwrap_err(), (0, 1));
    }
}
