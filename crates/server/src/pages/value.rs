//! Answers of queries as templates see them: read from their bytes when a template asks for a field.
//!
//! Always true: a field that the collection has and the caller may not read is null; one that the collection does not
//! have is undefined, which is an error where it is shown.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use mains_database::Epoch;
use mains_language::schema::{CollectionId, Field};
use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr};

use super::json;

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
    json: Bytes,
    members: Vec<(Range<usize>, Range<usize>)>,
    shape: Shape,
}

/// A list of an answer; a page of records also has `next` and `total`.
pub(super) struct List {
    json: Bytes,
    items: Vec<Range<usize>>,
    shape: Shape,
    /// What stands beside the items, for a page.
    beside: Option<Vec<(Range<usize>, Range<usize>)>>,
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

/// A record, or the page of a list, from the body that a read gives.
pub(super) fn answer(body: &Bytes, shape: Shape) -> Value {
    match body.first() {
        Some(b'{') => {
            let members = json::members(body, 0);
            let items = members.iter().find(|(name, _)| body.get(name.clone()) == Some(b"items"));
            match items.map(|(_, items)| json::elements(body, items.start)) {
                Some(items) => {
                    Value::from_object(List { json: body.clone(), items, shape, beside: Some(members) })
                }
                None => Value::from_object(Record { json: body.clone(), members, shape }),
            }
        }
        _ => Value::from(()),
    }
}

fn value(bytes: &Bytes, range: &Range<usize>, shape: Shape) -> Value {
    let raw = bytes.get(range.clone()).unwrap_or_default();
    match raw.first() {
        Some(b'"') => Value::from(&*json::text(raw)),
        Some(b'{') => {
            let members = json::members(bytes, range.start);
            let is_page = members.first().is_some_and(|(name, _)| bytes.get(name.clone()) == Some(b"items"));
            match members.first().filter(|_| is_page && !matches!(shape, Shape::Free)) {
                Some((_, items)) => {
                    let items = json::elements(bytes, items.start);
                    Value::from_object(List { json: bytes.clone(), items, shape, beside: Some(members) })
                }
                None => Value::from_object(Record { json: bytes.clone(), members, shape }),
            }
        }
        Some(b'[') => {
            let items = json::elements(bytes, range.start);
            Value::from_object(List { json: bytes.clone(), items, shape, beside: None })
        }
        Some(b't') => Value::from(true),
        Some(b'f') => Value::from(false),
        Some(b'-' | b'0'..=b'9') => number(raw),
        _ => Value::from(()),
    }
}

fn number(raw: &[u8]) -> Value {
    let text = std::str::from_utf8(raw).unwrap_or_default();
    let whole = text.parse::<i64>().map(Value::from);
    whole.unwrap_or_else(|_| text.parse::<f64>().map_or(Value::from(()), Value::from))
}

/// A member among others.
fn find(
    bytes: &Bytes,
    members: &[(Range<usize>, Range<usize>)],
    name: &str,
    shape: impl FnOnce() -> Shape,
) -> Option<Value> {
    let found = members.iter().find(|(key, _)| bytes.get(key.clone()) == Some(name.as_bytes()));
    found.map(|(_, range)| value(bytes, range, shape()))
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
        let name = |(name, _): &(Range<usize>, _)| {
            Value::from(String::from_utf8_lossy(self.json.get(name.clone()).unwrap_or_default()).as_ref())
        };
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
        let range = self.items.get(key.as_usize()?)?;
        Some(value(&self.json, range, self.shape.clone()))
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let beside = self.beside.as_ref()?;
        match key {
            "items" => Some(Value::from_dyn_object(Arc::clone(self))),
            "next" | "total" | "at_least" => {
                find(&self.json, beside, key, || Shape::Free).or(Some(Value::from(())))
            }
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.items.len())
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
