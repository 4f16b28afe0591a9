//! Answers of queries as templates see them: read from their bytes when a template asks for a field.
//!
//! Always true: a field that the collection has and the caller may not read is null; one that the collection does not
//! have is undefined, which is an error where it is shown.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use mains_database::Epoch;
use mains_language::schema::{CollectionId, Field};
use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr};

use super::json::{self, Member};

/// What is known of the members that a record may have.
#[derive(Clone)]
pub(super) enum Shape {
    /// Nothing: whatever is there is there.
    Free,
    /// A record of this collection.
    Record(Arc<Epoch>, CollectionId),
    /// What stands under its `expand`.
    Expand(Arc<Epoch>, CollectionId),
}

/// One object of an answer.
pub(super) struct Record {
    json: Arc<str>,
    members: Vec<Member>,
    shape: Shape,
}

/// A list of an answer; a page of records also has `next` and `total`.
pub(super) struct List {
    json: Arc<str>,
    /// Where it begins.
    at: usize,
    is_page: bool,
    shape: Shape,
    /// Read when it is asked for: a list that a template does not show costs nothing.
    read: OnceLock<Elements>,
}

struct Elements {
    items: Vec<Value>,
    /// What stands beside the items of a page.
    beside: Vec<Member>,
}

impl Shape {
    fn is_known(&self, name: &str) -> bool {
        match self {
            Self::Free => false,
            Self::Record(epoch, of) => {
                let field = epoch.schema.collection(*of).find(name);
                name == "expand" || field.is_some_and(|field| !field.hidden)
            }
            Self::Expand(..) => !matches!(self.member(name), Self::Free),
        }
    }

    /// What is known of a member.
    fn member(&self, name: &str) -> Self {
        match self {
            Self::Record(epoch, of) if name == "expand" => Self::Expand(Arc::clone(epoch), *of),
            Self::Free | Self::Record(..) => Self::Free,
            Self::Expand(epoch, of) => {
                let collection = epoch.schema.collection(*of);
                let forth = collection.find(name).and_then(Field::relation);
                let named =
                    |inverse: &&mains_language::schema::Inverse| inverse.name.as_deref() == Some(name);
                let back = || collection.inverses.iter().find(named).map(|inverse| inverse.from);
                forth.or_else(back).map_or(Self::Free, |to| Self::Record(Arc::clone(epoch), to))
            }
        }
    }
}

/// How the body of a list begins; that of a record begins with its id.
const PAGE: &str = "{\"items\":[";

/// Where the records of a list stand in its body; nothing for the body of a record.
pub(super) fn items(body: &[u8]) -> Option<usize> {
    body.starts_with(PAGE.as_bytes()).then_some(PAGE.len() - 1)
}

/// A record, or the page of a list, from the body that a read gives.
pub(super) fn answer(body: &Bytes, shape: Shape) -> Value {
    // What the database crate writes is UTF-8.
    let json: Arc<str> = std::str::from_utf8(body).unwrap_or_default().into();
    match items(body) {
        Some(at) => List::of(json, at, true, shape),
        None if body.first() == Some(&b'{') => object(&json, 0, shape).0,
        None => Value::from(()),
    }
}

/// The object that begins at `at`, and where it ends.
fn object(json: &Arc<str>, at: usize, shape: Shape) -> (Value, usize) {
    let (members, stop) = json::members(json.as_bytes(), at);
    let first = members
        .first()
        .filter(|first| first.is_named(json.as_bytes(), "items") && !matches!(shape, Shape::Free));
    let found = match first {
        Some(items) => List::of(Arc::clone(json), items.value().start, true, shape),
        None => Value::from_object(Record { json: Arc::clone(json), members, shape }),
    };
    (found, stop)
}

fn value(json: &Arc<str>, range: Range<usize>, shape: Shape) -> Value {
    let raw = json.get(range.clone()).unwrap_or_default();
    match raw.as_bytes().first() {
        Some(b'"') => Value::from(&*json::text(raw)),
        Some(b'{') => object(json, range.start, shape).0,
        Some(b'[') => List::of(Arc::clone(json), range.start, false, shape),
        Some(b't') => Value::from(true),
        Some(b'f') => Value::from(false),
        Some(b'-' | b'0'..=b'9') => number(raw),
        _ => Value::from(()),
    }
}

fn number(text: &str) -> Value {
    let whole = text.parse::<i64>().map(Value::from);
    whole.unwrap_or_else(|_| text.parse::<f64>().map_or(Value::from(()), Value::from))
}

/// A member among others.
fn find(json: &Arc<str>, members: &[Member], name: &str, shape: impl FnOnce() -> Shape) -> Option<Value> {
    let found = members.iter().find(|member| member.is_named(json.as_bytes(), name));
    found.map(|member| value(json, member.value(), shape()))
}

impl List {
    fn of(json: Arc<str>, at: usize, is_page: bool, shape: Shape) -> Value {
        Value::from_object(Self { json, at, is_page, shape, read: OnceLock::new() })
    }

    fn read(&self) -> &Elements {
        self.read.get_or_init(|| {
            let (bytes, mut items) = (self.json.as_bytes(), Vec::new());
            let stop = json::elements(bytes, self.at, |at| {
                let (item, stop) = self.item(at);
                items.push(item);
                stop
            });
            let beside = if self.is_page { json::members_behind(bytes, stop + 1) } else { Vec::new() };
            Elements { items, beside }
        })
    }

    fn item(&self, at: usize) -> (Value, usize) {
        let bytes = self.json.as_bytes();
        if bytes.get(at) == Some(&b'{') {
            return object(&self.json, at, self.shape.clone());
        }
        let stop = json::end(bytes, at);
        (value(&self.json, at..stop, self.shape.clone()), stop)
    }
}

impl Object for Record {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let found = find(&self.json, &self.members, key, || self.shape.member(key));
        found.or_else(|| self.shape.is_known(key).then(|| Value::from(())))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let name = |member: &Member| Value::from(self.json.get(member.name()).unwrap_or_default());
        Enumerator::Values(self.members.iter().map(name).collect())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.members.len())
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }
}

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        if let Some(name) = key.as_str() {
            return self.get_value_by_str(name);
        }
        self.read().items.get(key.as_usize()?).cloned()
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key {
            _ if !self.is_page => None,
            "items" => Some(Value::from_dyn_object(Arc::clone(self))),
            "next" | "total" | "at_least" => {
                find(&self.json, &self.read().beside, key, || Shape::Free).or(Some(Value::from(())))
            }
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.read().items.len())
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").finish_non_exhaustive()
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List").finish_non_exhaustive()
    }
}
