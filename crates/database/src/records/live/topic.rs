//! `topics=posts,comments(article=article_01j…)` as it is written.

use mains_base::{Caller, Error, Result, Value, fold, nearest};
use mains_language::expression::Type;
use mains_language::schema::{Collection, CollectionId, Field, FieldId, FieldKind, Schema};

use crate::records::refusal::malformed;
use crate::records::selection::is_shown;
use crate::records::texts;

/// The topics of one request, and the equalities of one topic.
const MOST_TOPICS: usize = 20;
const MOST_EQUAL: usize = 5;
/// Longer texts are not told by the log.
const LONGEST: usize = 1_000;

const TOPICS: &str = "changes.topics";

/// Records of a collection whose own fields have these values.
#[derive(Clone, Debug, PartialEq)]
pub struct Topic {
    /// Of which collection.
    pub collection: CollectionId,
    /// The equalities as they were written: field and value.
    pub written: Vec<(String, String)>,
    /// In the order of the fields, each once.
    pub(super) equal: Vec<(FieldId, Value)>,
}

/// Reads `topics=`. 404 where a caller has no access at all.
pub fn topics(schema: &Schema, caller: &Caller, text: &str) -> Result<Vec<Topic>> {
    let mut topics = Vec::new();
    let mut rest = text;
    loop {
        let end = rest.find(['(', ',']).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        let found = collection(schema, caller, name)?.id;
        let mut topic = Topic { collection: found, written: Vec::new(), equal: Vec::new() };
        rest = behind;
        if let Some(inner) = behind.strip_prefix('(') {
            let (inner, behind) = inner.split_once(')').ok_or_else(|| {
                malformed(TOPICS, format!("The topic {name:?} opens a ( and never closes it."))
            })?;
            topic.equal = equal(schema, caller, schema.collection(topic.collection), inner)?;
            let pairs = inner.split(',').filter_map(|pair| pair.split_once('='));
            topic.written = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            rest = behind;
        }
        topics.push(topic);
        if rest.is_empty() {
            break;
        }
        rest = rest.strip_prefix(',').ok_or_else(|| malformed(TOPICS, HOW))?;
    }
    if topics.len() > MOST_TOPICS {
        return Err(malformed(TOPICS, format!("One stream has at most {MOST_TOPICS} topics.")));
    }
    Ok(topics)
}

const HOW: &str = "Name topics like posts,comments(article=article_01j…).";

fn collection<'s>(schema: &'s Schema, caller: &Caller, name: &str) -> Result<&'s Collection> {
    if name.is_empty() {
        return Err(malformed(TOPICS, HOW));
    }
    let found = schema.find(name).filter(|collection| !collection.is_table());
    let Some(collection) = found else {
        let names = schema.collections.iter().filter(|collection| !collection.is_table());
        let near = nearest(name, names.map(|collection| collection.name.as_str()));
        let near = near.map(|near| format!(" Did you mean {near}?")).unwrap_or_default();
        return Err(malformed(TOPICS, format!("There is no collection {name:?} to listen to.{near}")));
    };
    if caller.is_bound(&collection.area) && collection.rules.read.is_none() {
        return Err(Error::not_found());
    }
    Ok(collection)
}

fn equal(
    schema: &Schema,
    caller: &Caller,
    collection: &Collection,
    text: &str,
) -> Result<Vec<(FieldId, Value)>> {
    let mut equal: Vec<(FieldId, Value)> = Vec::new();
    for part in text.split(',') {
        let (name, value) = part.split_once('=').ok_or_else(|| malformed(TOPICS, HOW))?;
        let (field, ty) = compared(collection, name)?;
        let read = texts::read(schema, caller, &ty, value).filter(|_| value.len() <= LONGEST);
        let value = read.ok_or_else(|| {
            let wanted = texts::wanted(schema, &ty);
            malformed(TOPICS, format!("Topic {}, {name}: {value:?} is no {wanted}.", collection.name))
        })?;
        if equal.iter().any(|(known, _)| *known == field.id) {
            return Err(malformed(TOPICS, format!("Topic {} names {name} twice.", collection.name)));
        }
        equal.push((field.id, value));
    }
    if equal.len() > MOST_EQUAL {
        return Err(malformed(TOPICS, format!("One topic compares at most {MOST_EQUAL} fields.")));
    }
    equal.sort_by_key(|(field, _)| *field);
    Ok(equal)
}

/// A stored field of one value that a look-up can compare.
fn compared<'c>(collection: &'c Collection, name: &str) -> Result<(&'c Field, Type)> {
    let shown = |field: &&Field| is_shown(field) && field.is_stored() && field.many.is_none();
    let field = collection.find(name).filter(shown).ok_or_else(|| {
        let names = collection.fields.iter().filter(shown).map(|field| field.name.as_str());
        let near = nearest(name, names).map(|near| format!(" Did you mean {near}?")).unwrap_or_default();
        malformed(TOPICS, format!("{} has no own field {name:?} to listen by.{near}", collection.name))
    })?;
    let ty = match field.kind {
        FieldKind::Id => Some(Type::Record(collection.id)),
        FieldKind::Number { .. } => None,
        _ => Type::of(field).filter(|ty| {
            let compared = [Type::Bool, Type::Int, Type::Date, Type::Timestamp].contains(ty);
            compared || matches!(ty, Type::Decimal(_) | Type::Text(_) | Type::Record(_))
        }),
    };
    let ty = ty.ok_or_else(|| {
        malformed(TOPICS, format!("One cannot listen by {name}; filter what comes instead."))
    })?;
    Ok((field, ty))
}

/// A value by which listeners are looked up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Part {
    Bool(bool),
    Int(i64),
    Text(String),
    Id(mains_base::Uuid),
}

impl Part {
    /// Of a field's value, folded where the field ignores case; null is equal to nothing.
    pub(super) fn of(field: &Field, value: &Value) -> Option<Self> {
        Some(match value {
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Int(number) => Self::Int(*number),
            Value::Text(text) if field.folds_case() => Self::Text(fold(text)),
            Value::Text(text) => Self::Text(text.clone()),
            Value::Id(id) => Self::Id(*id),
            _ => return None,
        })
    }
}
