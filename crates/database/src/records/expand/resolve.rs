//! What the names of `expand=` mean in a schema.

use mains_base::{Error, Result, nearest};
use mains_language::schema::{Collection, CollectionId, FieldId, Schema};

use super::parse::Wish;
use crate::records::refusal::{EXPAND, malformed};
use crate::records::selection::is_shown;

/// Records of a to-many step where nothing else is said, and at most.
const USUAL: u32 = 30;
const MOST: u32 = 100;

/// How a step leads on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// By a relation to one record.
    One(FieldId),
    /// By a list of relations.
    Many(FieldId),
    /// To the records of a collection whose relation names this one, or contains it.
    Inverse {
        /// The relation of those records.
        field: FieldId,
        /// Whether it is a list.
        many: bool,
    },
}

/// A step that was found in the schema.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step<'w> {
    pub(super) link: Link,
    pub(super) to: CollectionId,
    pub(super) limit: u32,
    pub(super) wish: &'w Wish,
}

/// Finds what a name of `expand=` means for records of a collection.
pub(super) fn step<'w>(schema: &Schema, from: &Collection, wish: &'w Wish) -> Result<Step<'w>> {
    let (link, to) = link(schema, from, &wish.name).ok_or_else(|| unknown(schema, from, &wish.name))?;
    if let (Link::One(_), true) = (link, wish.sort.is_some() || wish.limit.is_some()) {
        let detail =
            format!("{:?} leads to one record; sort and limit stand where there are many.", wish.name);
        return Err(malformed(EXPAND, detail));
    }
    let limit = match &wish.limit {
        None => USUAL,
        Some(text) => limit(text)?,
    };
    Ok(Step { link, to, limit, wish })
}

fn link(schema: &Schema, from: &Collection, name: &str) -> Option<(Link, CollectionId)> {
    if let Some(field) = from.find(name).filter(|field| is_shown(field) && field.is_stored()) {
        let link = if field.many.is_some() { Link::Many(field.id) } else { Link::One(field.id) };
        return Some((link, field.relation()?));
    }
    let named = from.inverses.iter().find(|inverse| inverse.name.as_deref() == Some(name))?;
    let shown = is_shown(schema.collection(named.from).field(named.field));
    shown.then_some((Link::Inverse { field: named.field, many: named.many }, named.from))
}

fn unknown(schema: &Schema, from: &Collection, name: &str) -> Error {
    let fields = from.fields.iter().map(|field| field.name.as_str());
    let inverses = from.inverses.iter().filter_map(|inverse| inverse.name.as_deref());
    let leading = fields.chain(inverses).filter(|name| link(schema, from, name).is_some());
    let near = nearest(name, leading).map(|near| format!(" Did you mean {near}?")).unwrap_or_default();
    malformed(EXPAND, format!("{} has no relation {name:?} to expand.{near}", from.name))
}

fn limit(text: &str) -> Result<u32> {
    let number = text.parse().ok().filter(|number| (1..=MOST).contains(number));
    number.ok_or_else(|| malformed(EXPAND, format!("A limit in expand is a whole number from 1 to {MOST}.")))
}
