//! Collections and fields by name alone, so that everything else can refer to them.

use std::collections::HashMap;

use mains_base::Prefix;

use super::declared::Declared;
use super::document::{Item, Keys};
use super::literal::blank;
use super::names;
use crate::schema::{Collection, CollectionId, Field, FieldId, FieldKind, Owner, Schema};

/// Where a field is declared.
pub(super) struct Source<'a, 's> {
    pub(super) collection: CollectionId,
    pub(super) field: FieldId,
    pub(super) keys: Keys<'a, 's>,
    /// It is added to a ready-made collection.
    pub(super) added: bool,
}

/// A schema with names and nothing behind them, and where each field is declared.
pub(super) fn build<'a, 's>(declared: &[Declared<'a, 's>]) -> (Schema, Vec<Source<'a, 's>>) {
    let mut schema = Schema::default();
    let mut sources = Vec::new();
    let mut prefixes: HashMap<&str, &str> = HashMap::new();
    for one in declared {
        let Ok(place) = u16::try_from(schema.collections.len()) else { break };
        let id = CollectionId(place);
        let collection = collection(one, id, &mut prefixes);
        schema.names.insert(one.name.to_owned(), id);
        schema.collections.push(collection);
        if let Some(collection) = schema.collections.last_mut() {
            fields(one, collection, &mut sources);
        }
    }
    (schema, sources)
}

fn collection<'a, 's>(
    one: &Declared<'a, 's>,
    id: CollectionId,
    prefixes: &mut HashMap<&'a str, &'s str>,
) -> Collection {
    let keys = &one.base;
    Collection {
        prefix: if one.is_table { None } else { Some(prefix(one, prefixes)) },
        owner: keys.origin.owner.clone(),
        was: keys.text("was").map(str::to_owned),
        fields: if one.is_table { Vec::new() } else { system() },
        key: if one.is_table { Vec::new() } else { vec![FieldId::ID] },
        append_only: keys.is("append_only"),
        area: keys.text("area").unwrap_or("records").to_owned(),
        random_ids: one.name == "accounts",
        guests: keys.is("guests"),
        facts: keys.is("facts"),
        ..Collection::new(id, one.name)
    }
}

#[expect(clippy::unreachable, reason = "`record` is a prefix")]
fn prefix<'a, 's>(one: &Declared<'a, 's>, prefixes: &mut HashMap<&'a str, &'s str>) -> Prefix {
    let fallback = || Prefix::new("record").unwrap_or_else(|| unreachable!());
    let Some(item) = one.base.get("prefix") else {
        let singular = one.name.strip_suffix('s').unwrap_or(one.name);
        one.base.error(
            format!("The collection `{}` has no prefix for its ids.", one.name),
            Some(&format!("Begin the file with prefix = \"{singular}\".")),
        );
        return fallback();
    };
    let Some(text) = item.text() else { return fallback() };
    if let Some(other) = prefixes.insert(text, one.name) {
        item.error(
            format!("The ids of {other} begin with `{text}_` already."),
            Some("Choose another prefix."),
        );
    }
    Prefix::new(text).unwrap_or_else(|| {
        item.error("A prefix has up to 63 small letters and `_`, with a letter at both ends.", None);
        fallback()
    })
}

/// `id`, `created`, `updated`, `version`.
fn system() -> Vec<Field> {
    let datetime = || FieldKind::Datetime { min: None, max: None };
    let version = FieldKind::Integer { min: None, max: None, sequence: None };
    let kinds =
        [("id", FieldKind::Id), ("created", datetime()), ("updated", datetime()), ("version", version)];
    let places = 0_u16..;
    let field = |(place, (name, kind)): (u16, (&str, FieldKind))| Field {
        id: FieldId(place),
        name: name.to_owned(),
        owner: Owner::Server,
        required: true,
        ..blank(kind)
    };
    places.zip(kinds).map(field).collect()
}

fn fields<'a, 's>(one: &Declared<'a, 's>, collection: &mut Collection, sources: &mut Vec<Source<'a, 's>>) {
    let reserved: Vec<&str> = one
        .base
        .get("reserved")
        .and_then(Item::items)
        .map(|items| items.into_iter().filter_map(Item::text).collect())
        .unwrap_or_default();
    for (place, part) in one.parts().enumerate() {
        let Some(declared) = part.get("fields").and_then(Item::keys) else { continue };
        for (name, span, item) in declared.entries() {
            let Some(keys) = item.keys() else { continue };
            // A table of its own begins at its header; the name is the better place to point at.
            let keys = Keys { span: span.clone(), ..keys };
            let problem = names::field(name, &collection.name, !one.is_table).or_else(|| {
                let kept = place > 0 && reserved.contains(&name);
                kept.then(|| {
                    format!("A later release may add `{name}` to {}; choose another name.", one.name)
                })
            });
            if let Some(problem) = problem {
                keys.error(problem, None);
                continue;
            }
            if let Some(other) = collection.find(name) {
                let message = format!("{} has a field `{}` already.", collection.name, other.name);
                keys.error(message, Some("Choose another name."));
                continue;
            }
            let Ok(number) = u16::try_from(collection.fields.len()) else { return };
            let field = FieldId(number);
            let owner = keys.origin.owner.clone();
            collection.fields.push(Field {
                id: field,
                name: name.to_owned(),
                owner,
                ..blank(FieldKind::Bool)
            });
            sources.push(Source { collection: collection.id, field, keys, added: place > 0 });
        }
    }
}

/// The keys of private tables.
pub(super) fn keys(schema: &mut Schema, declared: &[Declared<'_, '_>]) {
    for (collection, one) in schema.collections.iter_mut().zip(declared).filter(|(_, one)| one.is_table) {
        let Some(item) = one.base.get("key") else {
            one.base.error(
                "A private table says its key.",
                Some("Begin the file with key = [\"account\"] or the like."),
            );
            continue;
        };
        for (name, item) in item.texts().unwrap_or_default() {
            match collection.find(name).filter(|field| field.many.is_none() && field.required) {
                Some(field) => {
                    let id = field.id;
                    collection.key.push(id);
                }
                None => item.error(format!("`{name}` is no required single field of this table."), None),
            }
        }
    }
}
