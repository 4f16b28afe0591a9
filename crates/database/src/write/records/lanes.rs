//! Rows that a write is known to make hot, so that writers queue for them before they begin.

use mains_language::schema::{Collection, CollectionId, FieldId, FieldKind, Schema, Sequence};

use super::super::input::{Input, Sent};
use crate::engine::Lane;
use crate::records::Key;
use crate::schema::names;

/// The lanes of a write that a caller sent, to the record of `key` or to a new one: the record that numbers are drawn
/// of, and a record whose stored values are added to.
pub fn lanes(schema: &Schema, collection: CollectionId, key: Option<&Key>, input: &Input) -> Vec<Lane> {
    let collection = schema.collection(collection);
    let mut lanes = Vec::new();
    for field in collection.fields.iter().filter(|field| field.is_stored()) {
        let FieldKind::Integer { sequence: Some(Sequence { scope, gaps: false }), .. } = field.kind else {
            continue;
        };
        match scope {
            Some(scope) => lanes.extend(scoped(schema, collection, (scope, input))),
            None if key.is_none() => {
                lanes.push(Lane::named(&names::counter_row(&collection.name, &field.name)));
            }
            None => {}
        }
    }
    let adds = |sent: &Sent| !matches!(sent, Sent::Set(_));
    match key {
        Some(Key::Id(id)) if input.values.iter().any(|(_, sent)| adds(sent)) => {
            lanes.push(Lane::record(&collection.name, *id));
        }
        Some(Key::Unique(pairs)) if input.values.iter().any(|(_, sent)| adds(sent)) => {
            lanes.push(Lane::named(&format!("{} {pairs:?}", collection.name)));
        }
        _ => {}
    }
    lanes
}

/// The record that the number is drawn of, where it was sent.
fn scoped(schema: &Schema, collection: &Collection, (scope, input): (FieldId, &Input)) -> Option<Lane> {
    let Some(Sent::Set(value)) = input.sent(scope) else { return None };
    let target = schema.collection(collection.field(scope).relation()?);
    Some(Lane::record(&target.name, value.as_id()?))
}
