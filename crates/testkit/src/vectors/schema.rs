//! The schema of the world, built by hand: its types are more than a site may declare yet.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the file is part of the repository and whole"
)]

use std::collections::HashMap;

use mains_base::Prefix;
use mains_language::schema::{
    Choice, Collection, CollectionId, CurrencyRule, Field, FieldId, FieldKind, Inverse, Many, OnDelete,
    Schema,
};
use serde_json::Value as Json;

/// The collections of line 1.
pub(super) fn schema(world: &Json) -> Schema {
    let declared = world["collections"].as_object().unwrap();
    let ids: HashMap<&str, CollectionId> =
        declared.keys().enumerate().map(|(place, name)| (name.as_str(), id(place))).collect();
    let mut collections: Vec<Collection> =
        declared.iter().map(|(name, fields)| collection(name, ids[name.as_str()], fields, &ids)).collect();
    for (from, fields) in declared {
        for (place, options) in fields.as_object().unwrap().values().enumerate() {
            let Some(to) = options["to"].as_str() else { continue };
            let field = FieldId(FieldId::FIRST.0 + u16::try_from(place).unwrap());
            let name = options["inverse"].as_str().map(str::to_owned);
            let many = options["many"] == true;
            let to = usize::from(ids[to].0);
            collections[to].inverses.push(Inverse { name, from: ids[from.as_str()], field, many });
        }
    }
    let names = ids.into_iter().map(|(name, id)| (name.to_owned(), id)).collect();
    Schema { collections, names }
}

fn id(place: usize) -> CollectionId {
    CollectionId(u16::try_from(place).unwrap())
}

fn collection(
    name: &str,
    id: CollectionId,
    declared: &Json,
    ids: &HashMap<&str, CollectionId>,
) -> Collection {
    let datetime = || FieldKind::Datetime { min: None, max: None };
    let integer = || FieldKind::Integer { min: None, max: None, sequence: None };
    let mut fields = vec![
        field("id", FieldKind::Id),
        field("created", datetime()),
        field("updated", datetime()),
        field("version", integer()),
    ];
    for system in &mut fields {
        system.required = true;
    }
    for (name, options) in declared.as_object().unwrap() {
        let mut declared = field(name, kind(options, ids));
        declared.required = options["required"] == true;
        declared.many = (options["many"] == true).then_some(Many { max_items: 100 });
        fields.push(declared);
    }
    for (place, field) in fields.iter_mut().enumerate() {
        field.id = FieldId(u16::try_from(place).unwrap());
    }
    Collection {
        prefix: Prefix::new(name.strip_suffix('s').unwrap_or(name)),
        fields,
        key: vec![FieldId::ID],
        random_ids: name == "accounts",
        ..Collection::new(id, name)
    }
}

fn field(name: &str, kind: FieldKind) -> Field {
    Field::new(FieldId::ID, name, kind)
}

fn kind(options: &Json, ids: &HashMap<&str, CollectionId>) -> FieldKind {
    match options["type"].as_str().unwrap() {
        "text" => {
            let ignore_case = options["ignore_case"] == true;
            FieldKind::Text { min: None, max: 5_000, pattern: None, ignore_case }
        }
        "email" => FieldKind::Email { max: 254 },
        "integer" => FieldKind::Integer { min: None, max: None, sequence: None },
        "number" => FieldKind::Number { min: None, max: None },
        "decimal" => {
            let scale = u8::try_from(options["scale"].as_u64().unwrap()).unwrap();
            FieldKind::Decimal { scale, min: None, max: None }
        }
        "money" => FieldKind::Money { currency: CurrencyRule::Free },
        "bool" => FieldKind::Bool,
        "date" => FieldKind::Date { min: None, max: None },
        "datetime" => FieldKind::Datetime { min: None, max: None },
        "enum" => {
            let choice = |name: &str| Choice { name: name.to_owned(), was: None };
            FieldKind::Enum { values: vec![choice("todo"), choice("done")], transitions: None }
        }
        "json" => FieldKind::Json { max_bytes: 65_536 },
        "file" => FieldKind::File,
        "point" => FieldKind::Point,
        _ => FieldKind::Relation {
            to: ids[options["to"].as_str().unwrap()],
            inverse: options["inverse"].as_str().map(str::to_owned),
            on_delete: OnDelete::Restrict,
        },
    }
}
