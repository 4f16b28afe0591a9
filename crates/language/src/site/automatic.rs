//! Indexes nobody has to ask for: of relations, which are followed backwards and asked when their target goes, and of
//! fields that a read rule compares with `auth`, which narrow every list.

use std::collections::BTreeSet;

use super::indexes::{index, named};
use crate::expression::{Comparison, Node, Row, Source, Tree};
use crate::schema::{Collection, FieldId, FieldKind, Index, Schema};

/// Adds them where no declared index begins with the same field.
pub(super) fn build(schema: &mut Schema) {
    for collection in &mut schema.collections {
        let mut wanted: BTreeSet<FieldId> = collection.fields.iter().filter_map(relation).collect();
        if let Some(rule) = &collection.rules.read {
            compared(rule, &mut wanted);
        }
        let missing = wanted.into_iter().filter(|field| !covered(collection, *field));
        let made: Vec<Index> = missing
            .map(|field| {
                let owner = &collection.field(field).owner;
                // With `created`, so that the records of one account or parent are a list nobody has to sort.
                let age = (!collection.is_table()).then_some(FieldId::CREATED);
                Index { automatic: true, ..index([field].into_iter().chain(age).collect(), owner) }
            })
            .collect();
        let made = named(collection, made);
        collection.indexes.extend(made);
    }
}

fn relation(field: &crate::schema::Field) -> Option<FieldId> {
    let single = field.many.is_none() && matches!(field.kind, FieldKind::Relation { .. });
    single.then_some(field.id)
}

fn covered(collection: &Collection, field: FieldId) -> bool {
    let begins = |index: &Index| index.fields.first() == Some(&field) && index.condition.is_none();
    collection.key.first() == Some(&field)
        || collection.field(field).many.is_some()
        || collection.indexes.iter().any(begins)
}

/// Own fields that a condition compares with a part of `auth`, in every branch that could let a row through.
fn compared(rule: &Tree, wanted: &mut BTreeSet<FieldId>) {
    match &rule.node {
        Node::And(parts) | Node::Or(parts) => parts.iter().for_each(|part| compared(part, wanted)),
        Node::Inside(row, inner) if is_record(row) => compared(inner, wanted),
        Node::Compare(Comparison::Equal, sides) => {
            let [one, other] = sides.as_ref();
            for (side, against) in [(one, other), (other, one)] {
                if is_auth(against) {
                    wanted.extend(own(side));
                }
            }
        }
        Node::InList(side, list) if matches!(list.kind, crate::expression::ListKind::Auth(_)) => {
            wanted.extend(own(side));
        }
        _ => {}
    }
}

fn is_record(row: &Row) -> bool {
    row.source == Source::Record && row.hops.is_empty()
}

fn own(tree: &Tree) -> Option<FieldId> {
    match &tree.node {
        Node::Field(row, field) if is_record(row) => Some(*field),
        _ => None,
    }
}

fn is_auth(tree: &Tree) -> bool {
    match &tree.node {
        Node::Auth(_) => true,
        Node::Field(row, _) | Node::Record(row) => row.source == Source::Account,
        _ => false,
    }
}
