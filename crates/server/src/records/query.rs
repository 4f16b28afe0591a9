//! The part of an address after the question mark.
//!
//! Invariant: nothing in it is ignored but `_page`, which is where a form stands and for who asks by GET ([`page`]). What is not known is refused with the nearest name, what is not built yet with
//! 501, and what is said twice is refused too.

use std::borrow::Cow;

use mains_base::{Error, Kind, Result, nearest};
use mains_database::records::{AggregateRequest, ListRequest};
use mains_language::schema::CollectionId;

use crate::percent;

/// What may stand there one day, and may not be taken for something that works.
const LATER: [&str; 1] = ["search"];

/// Where a form that was sent to this address stands.
const PAGE: &str = "_page";

/// The page of a form that was sent here, if the address names it.
pub(crate) fn page(text: Option<&str>) -> Option<String> {
    let pairs = percent::pairs(text.filter(|text| text.contains("_page="))?)?;
    pairs.into_iter().find(|(name, _)| name == PAGE).map(|(_, page)| page.into_owned())
}

/// The parameters of one request.
#[derive(Debug, Default)]
pub(crate) struct Query<'q> {
    pairs: Vec<(Cow<'q, str>, Cow<'q, str>)>,
}

impl<'q> Query<'q> {
    /// Reads and decodes; only `known` names and, where `wheres`, `where.…` may stand there.
    pub(crate) fn read(text: Option<&'q str>, known: &[&'static str], wheres: bool) -> Result<Self> {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(Self::default()) };
        let mut pairs = percent::pairs(text).ok_or_else(unreadable)?;
        pairs.retain(|(name, _)| name != PAGE);
        for (at, (name, _)) in pairs.iter().enumerate() {
            let is_where = wheres && name.strip_prefix("where.").is_some_and(|path| !path.is_empty());
            if !is_where {
                check_name(name, known, wheres)?;
                if pairs.iter().take(at).any(|(other, _)| other == name) {
                    return Err(twice(name));
                }
            }
        }
        Ok(Self { pairs })
    }

    /// A parameter; an empty one counts as absent.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        let found = self.pairs.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| &**value).filter(|value| !value.is_empty())
    }

    /// Whether a parameter stands there, alone or with `true`.
    fn flag(&self, name: &str) -> Result<bool> {
        match self.pairs.iter().find(|(other, _)| other == name).map(|(_, value)| &**value) {
            None | Some("false") => Ok(false),
            Some("" | "true") => Ok(true),
            Some(_) => Err(malformed("query.flag", format!("{name} stands alone, or is true or false."))),
        }
    }

    /// Each path of `where.…` with its values. An empty value is ignored, so that a form may leave a field open.
    fn wheres(&self) -> Vec<(String, Vec<String>)> {
        let mut wheres: Vec<(String, Vec<String>)> = Vec::new();
        for (name, value) in &self.pairs {
            let Some(path) = name.strip_prefix("where.").filter(|_| !value.is_empty()) else { continue };
            match wheres.iter_mut().find(|(other, _)| other == path) {
                Some((_, values)) => values.push(value.clone().into_owned()),
                None => wheres.push((path.to_owned(), vec![value.clone().into_owned()])),
            }
        }
        wheres
    }
}

/// `GET /api/{collection}?…`
pub(crate) fn list(collection: CollectionId, text: Option<&str>) -> Result<ListRequest> {
    const KNOWN: [&str; 7] = ["limit", "cursor", "sort", "fields", "expand", "filter", "total"];
    let mut request = ListRequest::of(collection);
    if text.is_none() {
        return Ok(request);
    }
    let query = Query::read(text, &KNOWN, true)?;
    let text = |name| query.find(name).map(str::to_owned);
    request.wheres = query.wheres();
    (request.filter, request.sort) = (text("filter"), text("sort"));
    (request.fields, request.cursor) = (text("fields"), text("cursor"));
    request.expand = text("expand");
    request.limit = query.find("limit").map(whole).transpose()?;
    request.total = match query.find("total") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(malformed("query.total", "total is true or false.")),
    };
    Ok(request)
}

/// `GET /api/{collection}/aggregate?…`
pub(crate) fn aggregate(collection: CollectionId, text: Option<&str>) -> Result<AggregateRequest> {
    const KNOWN: [&str; 9] = ["group", "count", "sum", "min", "max", "filter", "sort", "limit", "cursor"];
    let query = Query::read(text, &KNOWN, true)?;
    let text = |name| query.find(name).map(str::to_owned);
    Ok(AggregateRequest {
        group: text("group"),
        count: query.flag("count")?,
        sum: text("sum"),
        min: text("min"),
        max: text("max"),
        wheres: query.wheres(),
        filter: text("filter"),
        sort: text("sort"),
        limit: query.find("limit").map(whole).transpose()?,
        cursor: text("cursor"),
        ..AggregateRequest::of(collection)
    })
}

/// `PATCH` and `DELETE /api/{collection}?…`: which records. Without a condition it would be all of them, which
/// nobody says by leaving something out.
pub(crate) fn condition(collection: CollectionId, text: Option<&str>) -> Result<ListRequest> {
    let query = Query::read(text, &["filter"], true)?;
    let mut request = ListRequest::of(collection);
    request.wheres = query.wheres();
    request.filter = query.find("filter").map(str::to_owned);
    if request.wheres.is_empty() && request.filter.is_none() {
        let detail = "Say which records with where.… or filter=, or name one in the address.";
        return Err(malformed("query.no_condition", detail));
    }
    Ok(request)
}

fn check_name(name: &str, known: &[&'static str], wheres: bool) -> Result<()> {
    if known.contains(&name) {
        return Ok(());
    }
    if LATER.contains(&name) {
        return Err(not_yet(&format!("{name}=")));
    }
    let near = nearest(name, known.iter().copied());
    let near = near.map_or(String::new(), |near| format!(" Did you mean {near}?"));
    let conditions =
        if wheres && !name.starts_with("where") { " A condition on a field is where.<field>=." } else { "" };
    let detail = format!("There is no parameter {name:?} here.{near}{conditions}");
    Err(malformed("query.unknown", detail))
}

fn whole(text: &str) -> Result<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = if digits { text.parse().ok() } else { None };
    number.ok_or_else(|| malformed("query.limit", "limit is a whole number from 1 to 500."))
}

fn twice(name: &str) -> Error {
    malformed("query.twice", format!("{name} is said twice; say it once."))
}

fn unreadable() -> Error {
    malformed("query.unreadable", "The part after ? is not percent-encoded UTF-8; encode it again.")
}

fn malformed(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Kind::Malformed, code, detail)
}

/// 501 for what the design promises and this release does not have.
pub(crate) fn not_yet(what: &str) -> Error {
    Error::new(Kind::NotImplemented, "not_yet", format!("{what} is not built yet; leave it out."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        match list(CollectionId(0), Some(text)) {
            Ok(request) => format!("{:?} {:?} {:?}", request.wheres, request.limit, request.filter),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn conditions_repeat_and_may_be_empty() {
        assert_eq!(
            read("where.tag=a&where.tag=b&where.x=&limit=5&filter=n+%3E+1"),
            r#"[("tag", ["a", "b"])] Some(5) Some("n > 1")"#
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        assert_eq!(
            read("limt=1"),
            "There is no parameter \"limt\" here. Did you mean limit? A condition on a field is where.<field>=. (query.unknown)"
        );
        assert_eq!(read("limit=1&limit=2"), "limit is said twice; say it once. (query.twice)");
        assert_eq!(read("limit=-1"), "limit is a whole number from 1 to 500. (query.limit)");
        assert_eq!(read("search=x"), "search= is not built yet; leave it out. (not_yet)");
        assert_eq!(read("total=yes"), "total is true or false. (query.total)");
        assert!(read("filter=%zz").contains("query.unreadable"));
        assert!(read("where.=1").contains("query.unknown"));
    }

    #[test]
    fn many_need_a_condition() {
        for text in [None, Some(""), Some("where.a="), Some("filter=")] {
            assert_eq!(condition(CollectionId(0), text).unwrap_err().code(), "query.no_condition");
        }
        assert!(condition(CollectionId(0), Some("where.a=1")).is_ok());
        assert_eq!(
            condition(CollectionId(0), Some("where.a=1&limit=2")).unwrap_err().code(),
            "query.unknown"
        );
    }
}
