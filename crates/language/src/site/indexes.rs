//! Indexes: declared ones, and those of `unique`, `index` and slugs.

use std::collections::HashSet;

use mains_base::nearest;

use super::declared::Declared;
use super::document::{Item, Keys};
use super::expressions::{Failed, Standing, tree};
use super::names::fingerprint;
use super::skeleton::Source;
use crate::expression::{Place, Want};
use crate::schema::{Collection, FieldId, FieldKind, Index, Owner, Schema};

/// A name of a table, an index and what stands between fit into PostgreSQL's 63 bytes.
const MAX_NAME: usize = 55;

/// Collects the indexes of every collection.
pub(super) fn build(
    schema: &mut Schema,
    declared: &[Declared<'_, '_>],
    sources: &[Source<'_, '_>],
    failed: &Failed,
) {
    let mut all: Vec<Vec<Index>> = Vec::with_capacity(declared.len());
    for (one, collection) in declared.iter().zip(&schema.collections) {
        let mut indexes = Vec::new();
        for source in sources.iter().filter(|source| source.collection == collection.id) {
            indexes.extend(of_field(source, collection));
        }
        for part in one.parts() {
            for item in part.get("indexes").and_then(Item::items).unwrap_or_default() {
                let Some(keys) = item.keys() else { continue };
                indexes.extend(declared_index(&keys, schema, collection, failed));
            }
        }
        all.push(named(collection, indexes));
    }
    for (collection, indexes) in schema.collections.iter_mut().zip(all) {
        collection.indexes = indexes;
    }
}

/// An index on these fields, not named yet.
pub(super) fn index(fields: Vec<FieldId>, owner: &Owner) -> Index {
    let (name, owner) = (String::new(), owner.clone());
    Index { name, fields, unique: false, condition: None, message: None, automatic: false, owner }
}

fn of_field(source: &Source<'_, '_>, collection: &Collection) -> Option<Index> {
    let field = collection.field(source.field);
    if !field.is_stored() || field.many.is_some() {
        return None;
    }
    let mut fields = vec![field.id];
    if let FieldKind::Slug { scope, .. } = field.kind {
        source.keys.refuse("unique", "A slug is always unique.", Some("Leave it out."));
        fields = scope.into_iter().chain(fields).collect();
    } else if !source.keys.is("unique") && !source.keys.is("index") {
        return None;
    }
    let unique = source.keys.is("unique") || matches!(field.kind, FieldKind::Slug { .. });
    Some(Index { unique, message: field.message.clone(), ..index(fields, &field.owner) })
}

fn declared_index(
    keys: &Keys<'_, '_>,
    schema: &Schema,
    collection: &Collection,
    failed: &Failed,
) -> Option<Index> {
    keys.only(&["fields", "unique", "where", "message"], "in an index");
    let Some(item) = keys.get("fields") else {
        keys.error("An index says its `fields`.", Some("Write fields = [\"title\"] or the like."));
        return None;
    };
    let mut fields = Vec::new();
    for (name, item) in item.texts()? {
        let field = indexable(name, item, collection)?;
        if fields.contains(&field) {
            item.error(format!("`{name}` stands here twice."), Some("Leave one out."));
        }
        fields.push(field);
    }
    if let Some(field) = fields.iter().position(|field| *field == FieldId::UPDATED && !collection.is_table())
        && let Some(item) = item.items().and_then(|items| items.get(field).copied())
    {
        let hint =
            "On PostgreSQL an index on a column that every write changes makes writes wait for each other.";
        keys.notes.warn(
            keys.origin,
            item.span(),
            "An index on `updated` slows every write down.",
            Some(hint),
        );
    }
    let standing = Standing { collection: collection.id, place: Place::Physical, old: false };
    let condition = match keys.get("where") {
        Some(item) => Some(tree(item, schema, failed, standing, &Want::Condition)?),
        None => None,
    };
    let message = keys.text("message").map(str::to_owned);
    if !keys.is("unique") {
        keys.refuse("message", "Only a unique index can be violated.", Some("Leave out `message`."));
    }
    Some(Index { unique: keys.is("unique"), condition, message, ..index(fields, keys.origin.owner) })
}

fn indexable(name: &str, item: Item<'_, '_>, collection: &Collection) -> Option<FieldId> {
    let Some(field) = collection.find(name) else {
        let names = collection.fields.iter().map(|field| field.name.as_str());
        let near = nearest(name, names).map(|near| format!("Did you mean \"{near}\"?"));
        item.error(format!("There is no field `{name}` in {}.", collection.name), near.as_deref());
        return None;
    };
    let problem = if !field.is_stored() || matches!(field.kind, FieldKind::Computed(_)) {
        "it is computed when it is read"
    } else if field.many.is_some() {
        "a list has an index by itself"
    } else if matches!(field.kind, FieldKind::Json { .. } | FieldKind::File | FieldKind::Point) {
        "its type has no order"
    } else {
        return Some(field.id);
    };
    item.error(format!("`{name}` cannot be in an index: {problem}."), None);
    None
}

/// Gives every index a name of its own; one that is said twice stands once.
pub(super) fn named(collection: &Collection, indexes: Vec<Index>) -> Vec<Index> {
    let mut taken: HashSet<String> = collection.indexes.iter().map(|index| index.name.clone()).collect();
    let mut kept: Vec<Index> = Vec::with_capacity(indexes.len());
    for mut index in indexes {
        let same = |other: &Index| {
            (&other.fields, other.unique, &other.condition) == (&index.fields, index.unique, &index.condition)
        };
        if kept.iter().any(same) {
            continue;
        }
        let plain = name(collection, &index);
        let mut full = plain.clone();
        let mut number = 2;
        while !taken.insert(full.clone()) {
            full = format!("{plain}_{number}");
            number += 1;
        }
        index.name = full;
        kept.push(index);
    }
    kept
}

fn name(collection: &Collection, index: &Index) -> String {
    let fields: Vec<&str> = index.fields.iter().map(|field| collection.field(*field).name.as_str()).collect();
    let mut name = fields.join("_");
    if index.unique {
        name.push_str("_unique");
    }
    let room = MAX_NAME.saturating_sub(collection.name.len() + 2);
    if name.len() > room {
        let mark = fingerprint(&name);
        name.truncate(room.saturating_sub(mark.len() + 1));
        name = format!("{name}_{mark}");
    }
    name
}
