//! Texts of a front matter with places for values: `articles/slug={path.slug}`, `{query.sort|-created}`.
//!
//! Invariant: a value is put in as a value, encoded for where it stands; it never becomes part of an expression.

use bytes::Bytes;
use mains_base::{Caller, Uuid, nearest};

use super::{json, value};

/// A text with places for values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Text {
    pub(super) pieces: Vec<Piece>,
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Piece {
    Literal(String),
    Slot(Slot),
}

/// A place for a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Slot {
    root: Root,
    rest: Vec<String>,
    default: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Root {
    Path,
    Query,
    Caller,
    Now,
    Earlier(String),
}

/// What a place is filled with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Given {
    Values(Vec<String>),
    /// The query string says nothing: what depends on it is left out.
    Left,
    /// There is nothing to look for.
    Nothing,
}

/// Where values come from while a page's queries run.
pub(super) struct Sources<'s> {
    pub(super) path: &'s [(String, String)],
    pub(super) query: &'s [(String, String)],
    pub(super) caller: &'s Caller,
    /// The id of the caller's account, as text.
    pub(super) id: Option<&'s str>,
    pub(super) now: &'s str,
    /// Answers of the queries before, by name.
    pub(super) earlier: &'s [(String, Option<Bytes>)],
}

/// What may stand in braces.
pub(super) struct Known<'k> {
    /// Parameters of the address; nothing where it is not known, as in a layout.
    pub(super) parameters: Option<&'k [String]>,
    /// Names of the queries before.
    pub(super) earlier: &'k [String],
}

impl Text {
    /// Reads a text; tells what is wrong with its braces.
    pub(super) fn read(text: &str, known: &Known<'_>) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            if !before.is_empty() {
                pieces.push(Piece::Literal(before.to_owned()));
            }
            let Some((inside, after)) = after.split_once('}') else {
                return Err("A { has no }; a value is written {path.slug} or {query.page}.".to_owned());
            };
            pieces.push(Piece::Slot(Slot::read(inside, known)?));
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Literal(rest.to_owned()));
        }
        Ok(Self { pieces })
    }

    /// The whole text, if it has no place for a value.
    pub(super) fn literal(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// The text that it gives where the query string says nothing.
    pub(super) fn usual(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [Piece::Slot(slot)] => slot.default.as_deref(),
            _ => self.literal(),
        }
    }

    /// Its values: of one place alone all that are there, else one text, each value changed by `write`.
    pub(super) fn given(&self, sources: &Sources<'_>, write: impl Fn(&str) -> String) -> Given {
        if let [Piece::Slot(slot)] = self.pieces.as_slice() {
            return match slot.given(sources) {
                Given::Values(values) => Given::Values(values.iter().map(|value| write(value)).collect()),
                missing => missing,
            };
        }
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Slot(slot) => match slot.given(sources) {
                    Given::Values(values) => {
                        text.push_str(&values.first().map(|value| write(value)).unwrap_or_default());
                    }
                    missing => return missing,
                },
            }
        }
        Given::Values(vec![text])
    }
}

impl Slot {
    fn read(inside: &str, known: &Known<'_>) -> Result<Self, String> {
        let (path, default) =
            inside.split_once('|').map_or((inside, None), |(path, default)| (path, Some(default)));
        let mut parts = path.split('.').map(str::trim);
        let first = parts.next().unwrap_or_default();
        let rest: Vec<String> = parts.map(str::to_owned).collect();
        let plain = |part: &String| {
            part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
        };
        if rest.iter().any(|part| part.is_empty() || !plain(part)) {
            return Err(format!(
                "{{{inside}}} is no name; write {{path.slug}}, {{query.page}} or {{article.id}}."
            ));
        }
        let root = match (first, rest.as_slice()) {
            ("path", [name]) => parameter(name, known)?,
            ("query", [_]) => Root::Query,
            ("caller", [name]) if name == "id" => Root::Caller,
            ("now", []) => Root::Now,
            ("path" | "query", _) => {
                return Err(format!("{{{inside}}} needs one name, as in {{{first}.slug}}."));
            }
            ("caller", _) => return Err("Of the caller only {caller.id} can stand here.".to_owned()),
            (name, [_, ..]) if known.earlier.iter().any(|other| other == name) => {
                Root::Earlier(name.to_owned())
            }
            (name, []) if known.earlier.iter().any(|other| other == name) => {
                return Err(format!(
                    "{{{name}}} is a whole answer; name a field of it, as in {{{name}.id}}."
                ));
            }
            _ => return Err(unknown(first, known)),
        };
        Ok(Self { root, rest, default: default.map(str::to_owned) })
    }

    /// The values that are there. What the query string does not say is left out; all else that is missing finds
    /// nothing, so that a condition never disappears by accident.
    fn given(&self, sources: &Sources<'_>) -> Given {
        let name = self.rest.first().map_or("", String::as_str);
        let named = |pairs: &[(String, String)]| -> Vec<String> {
            let found = pairs.iter().filter(|(other, value)| other == name && !value.is_empty());
            found.map(|(_, value)| value.clone()).collect()
        };
        let mut values = match &self.root {
            Root::Path => named(sources.path),
            Root::Query => named(sources.query),
            Root::Caller if sources.caller.id == Uuid::NIL => Vec::new(),
            Root::Caller => sources.id.iter().map(|id| (*id).to_owned()).collect(),
            Root::Now => vec![sources.now.to_owned()],
            Root::Earlier(query) => {
                let found = sources.earlier.iter().find(|(other, _)| other == query);
                found.and_then(|(_, body)| body.as_ref()).map_or_else(Vec::new, |body| {
                    // Of a list each record is meant.
                    json::walk(body, value::items(body).unwrap_or(0), &self.rest)
                })
            }
        };
        if values.is_empty() {
            values.extend(self.default.clone());
        }
        match (values.is_empty(), &self.root) {
            (false, _) => Given::Values(values),
            (true, Root::Query) => Given::Left,
            (true, _) => Given::Nothing,
        }
    }
}

fn parameter(name: &str, known: &Known<'_>) -> Result<Root, String> {
    let Some(parameters) = known.parameters else { return Ok(Root::Path) };
    if parameters.iter().any(|other| other == name) {
        return Ok(Root::Path);
    }
    let near = nearest(name, parameters.iter().map(String::as_str));
    let near = near.map_or(String::new(), |near| format!(" Did you mean {{path.{near}}}?"));
    Err(format!("The address of this page has no parameter [{name}].{near}"))
}

fn unknown(name: &str, known: &Known<'_>) -> String {
    let fixed = ["path", "query", "caller", "now"].into_iter();
    let near = nearest(name, fixed.chain(known.earlier.iter().map(String::as_str)));
    let near = near.map_or(String::new(), |near| format!(" Did you mean {near}?"));
    format!("{{{name}…}} is neither path, query, caller.id, now nor a query above this one.{near}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &[(&str, &str)]) -> Vec<(String, String)> {
        text.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn given(text: &str) -> Given {
        let known = Known { parameters: None, earlier: &["a".to_owned(), "none".to_owned()] };
        let text = Text::read(text, &known).unwrap();
        let earlier = [
            (
                "a".to_owned(),
                Some(Bytes::from_static(b"{\"items\":[{\"id\":\"x\"},{\"id\":\"y\"}],\"next\":null}")),
            ),
            ("none".to_owned(), None),
        ];
        let sources = Sources {
            path: &pairs(&[("slug", "a,b=c")]),
            query: &pairs(&[("tag", "x"), ("tag", "y"), ("empty", "")]),
            caller: &Caller::visitor(),
            id: None,
            now: "2026",
            earlier: &earlier,
        };
        text.given(&sources, str::to_owned)
    }

    #[test]
    fn values_come_from_everywhere() {
        let values = |values: &[&str]| Given::Values(values.iter().map(|&value| value.to_owned()).collect());
        assert_eq!(given("slug={path.slug}"), values(&["slug=a,b=c"]));
        assert_eq!(given("{query.tag}"), values(&["x", "y"]));
        assert_eq!(given("{query.sort|-created}"), values(&["-created"]));
        assert_eq!(given("{a.id}"), values(&["x", "y"]));
        assert_eq!(given("plain"), values(&["plain"]));
        assert_eq!(given("{now}"), values(&["2026"]));
        assert_eq!(given("{query.empty}"), Given::Left);
        for nothing in ["{none.id}", "{caller.id}", "{path.other}", "{a.other}", "x{none.id}"] {
            assert_eq!(given(nothing), Given::Nothing, "{nothing}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_told() {
        let (parameters, earlier) = (["slug".to_owned()], ["article".to_owned()]);
        let known = Known { parameters: Some(&parameters), earlier: &earlier };
        for (text, part) in [
            ("{path.slg}", "Did you mean {path.slug}?"),
            ("{artcle.id}", "Did you mean article?"),
            ("{article}", "name a field of it"),
            ("{path.slug", "has no }"),
            ("{caller.roles}", "only {caller.id}"),
            ("{query}", "needs one name"),
            ("{article..id}", "is no name"),
        ] {
            let told = Text::read(text, &known).unwrap_err();
            assert!(told.contains(part), "{text}: {told}");
        }
    }
}
