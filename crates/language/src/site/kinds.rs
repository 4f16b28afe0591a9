//! The type of a field with its own options.

use std::cell::Cell;
use std::collections::HashMap;

use mains_base::{Currency, Value, nearest};
use toml::de::DeValue;

use super::document::{Item, Keys};
use super::literal;
use super::options::{self, later};
use crate::schema::{
    Choice, CollectionId, CurrencyRule, Field, FieldId, FieldKind, Many, OnDelete, Pattern, Schema, Sequence,
};

/// Said of limits that nothing can keep.
const TURNED: &str = "`min` is more than `max`.";

/// What is known while types are read: all names, not yet all types.
pub(super) struct Place<'p> {
    pub(super) schema: &'p Schema,
    pub(super) collection: CollectionId,
    pub(super) types: &'p HashMap<(CollectionId, FieldId), String>,
    /// Set when a mistake was noted that leaves the field without a type.
    pub(super) failed: &'p Cell<bool>,
}

/// The list options of a field.
pub(super) fn many(keys: &Keys<'_, '_>, kind: &str) -> Option<Many> {
    if !keys.is("many") {
        keys.refuse("max_items", "`max_items` is for lists.", Some("Say many = true besides."));
        return None;
    }
    if !matches!(kind, "text" | "email" | "url" | "integer" | "enum" | "relation" | "file") {
        keys.refuse("many", format!("There are no lists of {kind}."), Some("Leave out `many`."));
    }
    for key in ["unique", "on_create", "on_write"] {
        keys.refuse(key, format!("A list has no `{key}`."), Some("Leave it out."));
    }
    // `index` asks for what every list has: its table is entered by the elements, too.
    if let Some(item) = keys.get("default").filter(|item| item.value.get_ref().is_table()) {
        item.error(
            "The default of a list is said as it stands.",
            Some("Write default = [\"one\", \"two\"]."),
        );
    }
    keys.refuse("transitions", "A list has no transitions.", Some("Leave them out."));
    keys.refuse("sequence", "A list has no sequence.", Some("Leave it out."));
    Some(Many { max_items: keys.get("max_items").and_then(Item::count).unwrap_or(100) })
}

/// The type; `Bool` stands in where it is refused.
pub(super) fn kind(keys: &Keys<'_, '_>, name: &str, place: &Place<'_>) -> FieldKind {
    let count = |key: &str, default: usize| keys.get(key).and_then(Item::count).unwrap_or(default);
    match name {
        "text" => text(keys),
        "email" => FieldKind::Email { max: count("max", 254) },
        "url" => FieldKind::Url { max: count("max", 2_000) },
        "slug" => slug(keys, place),
        "integer" => integer(keys, place),
        "number" => number(keys),
        "decimal" => decimal(keys),
        "money" => money(keys, place),
        "bool" => FieldKind::Bool,
        "date" => {
            let (min, max) = limits(keys, &FieldKind::Date { min: None, max: None });
            FieldKind::Date { min, max }
        }
        "datetime" => {
            let (min, max) = limits(keys, &FieldKind::Datetime { min: None, max: None });
            FieldKind::Datetime { min, max }
        }
        "enum" => FieldKind::Enum { values: choices(keys), transitions: None },
        "json" => FieldKind::Json { max_bytes: count("max_bytes", 65_536) },
        "relation" => relation(keys, place),
        "bytes" if place.schema.collection(place.collection).is_table() => {
            FieldKind::Bytes { max_bytes: count("max_bytes", 65_536) }
        }
        other => {
            place.failed.set(true);
            unknown(keys, other, place);
            FieldKind::Bool
        }
    }
}

fn unknown(keys: &Keys<'_, '_>, name: &str, place: &Place<'_>) {
    let Some(item) = keys.get("type") else { return };
    match name {
        "file" | "point" => {
            item.error(later(&format!("type = \"{name}\"")), Some("Leave the field out for now."));
        }
        "bytes" => item.error("Only private tables hold bytes.", Some("Use text.")),
        _ => {
            let known = options::type_names(place.schema.collection(place.collection).is_table());
            let names: Vec<&str> = known.collect();
            let near = nearest(name, names.iter().copied()).map(|near| format!("Did you mean \"{near}\"?"));
            let all = format!("Types are {}.", names.join(", "));
            item.error(format!("There is no type \"{name}\"."), Some(&near.unwrap_or(all)));
        }
    }
}

fn text(keys: &Keys<'_, '_>) -> FieldKind {
    // No letter at all is the least that there is, so it says nothing.
    let min = keys.get("min").filter(|item| !item.is_zero()).and_then(Item::count);
    let max = keys.get("max").and_then(Item::count).unwrap_or(5_000);
    if min.is_some_and(|min| min > max) {
        keys.refuse("min", TURNED, Some("Swap them."));
    }
    FieldKind::Text {
        min,
        max,
        pattern: keys.get("pattern").and_then(pattern),
        ignore_case: keys.is("ignore_case"),
    }
}

fn pattern(item: Item<'_, '_>) -> Option<Pattern> {
    let source = item.text()?;
    // Checked alone first, so that no parenthesis of it reaches the anchors.
    let alone = regex::Regex::new(source);
    match alone.and_then(|_| regex::Regex::new(&format!("^(?:{source})$"))) {
        Ok(regex) => Some(Pattern { source: source.to_owned(), regex }),
        Err(error) => {
            let last = error.to_string().lines().last().unwrap_or_default().replace("error: ", "");
            item.error(
                format!("This regular expression is refused: {last}."),
                Some("Patterns are in RE2 syntax."),
            );
            None
        }
    }
}

fn own<'p>(item: Item<'_, '_>, place: &'p Place<'_>) -> Option<(&'p Field, &'p str)> {
    let name = item.text()?;
    let collection = place.schema.collection(place.collection);
    let Some(field) = collection.find(name) else {
        let names = collection.fields.iter().map(|field| field.name.as_str());
        let near = nearest(name, names).map(|near| format!("Did you mean \"{near}\"?"));
        item.error(format!("There is no field `{name}` in {}.", collection.name), near.as_deref());
        return None;
    };
    let kind = place.types.get(&(place.collection, field.id)).map_or("", String::as_str);
    Some((field, kind))
}

fn own_of(item: Item<'_, '_>, place: &Place<'_>, kinds: &[&str]) -> Option<FieldId> {
    let (field, kind) = own(item, place)?;
    if !kinds.contains(&kind) || field.many.is_some() {
        item.error(format!("`{}` is no single {} field.", field.name, kinds.join(" or ")), None);
        return None;
    }
    Some(field.id)
}

fn slug(keys: &Keys<'_, '_>, place: &Place<'_>) -> FieldKind {
    let from = keys.get("from").and_then(|item| own_of(item, place, &["text"]));
    let scope = keys.get("scope").and_then(|item| own_of(item, place, &["relation", "enum", "text"]));
    if keys.is("follows") && keys.get("from").is_none() {
        keys.refuse(
            "follows",
            "`follows` needs to know which field.",
            Some("Say from = \"title\" or the like."),
        );
    }
    FieldKind::Slug { from, scope, follows: keys.is("follows") }
}

fn integer(keys: &Keys<'_, '_>, place: &Place<'_>) -> FieldKind {
    let (min, max) = limits(keys, &FieldKind::Integer { min: None, max: None, sequence: None });
    let sequence = keys.get("sequence").and_then(|item| {
        let scope = match item.text()? {
            "" => None,
            _ => Some(own_of(item, place, &["relation"])?),
        };
        Some(Sequence { scope, gaps: keys.is("gaps") })
    });
    if keys.get("sequence").is_none() {
        keys.refuse("gaps", "`gaps` is for a sequence.", Some("Say sequence = \"\" besides."));
    } else {
        for key in ["default", "on_create", "on_write"] {
            keys.refuse(key, "A sequence numbers by itself.", Some("Leave this out."));
        }
    }
    FieldKind::Integer { min, max, sequence }
}

fn number(keys: &Keys<'_, '_>) -> FieldKind {
    let limit = |key: &str| match literal::read(keys.get(key)?, &FieldKind::Number { min: None, max: None })?
    {
        Value::Double(number) => Some(number),
        _ => None,
    };
    let (min, max) = (limit("min"), limit("max"));
    if min.zip(max).is_some_and(|(min, max)| min > max) {
        keys.refuse("min", TURNED, Some("Swap them."));
    }
    FieldKind::Number { min, max }
}

fn decimal(keys: &Keys<'_, '_>) -> FieldKind {
    let scale = match keys.get("scale") {
        Some(item) => item.whole().and_then(|scale| u8::try_from(scale).ok().filter(|scale| *scale <= 9)),
        None => None,
    };
    if scale.is_none() {
        let span = keys.key_span("scale");
        let hint = Some("Say scale = 2, for instance; 0 to 9 digits.");
        keys.notes.error(keys.origin, span, "A decimal says how many digits stand after its point.", hint);
    }
    let scale = scale.unwrap_or(2);
    let (min, max) = limits(keys, &FieldKind::Decimal { scale, min: None, max: None });
    FieldKind::Decimal { scale, min, max }
}

/// `min` and `max` of what is stored as a whole number.
fn limits(keys: &Keys<'_, '_>, kind: &FieldKind) -> (Option<i64>, Option<i64>) {
    let limit = |key: &str| literal::read(keys.get(key)?, kind)?.as_int();
    let (min, max) = (limit("min"), limit("max"));
    if min.zip(max).is_some_and(|(min, max)| min > max) {
        keys.refuse("min", TURNED, Some("Swap them."));
    }
    (min, max)
}

fn money(keys: &Keys<'_, '_>, place: &Place<'_>) -> FieldKind {
    let currency = keys.get("currency").and_then(|item| {
        if let DeValue::String(code) = item.value.get_ref() {
            let currency = Currency::new(code);
            if currency.is_none() {
                item.error("A currency is three capital letters.", Some("Write \"EUR\" or the like."));
            }
            return currency.map(CurrencyRule::Fixed);
        }
        let inner = item.keys()?;
        inner.only(&["field"], "in a currency");
        let said = inner.get("field").and_then(|item| own_of(item, place, &["text", "enum"]));
        said.map(CurrencyRule::Field)
    });
    FieldKind::Money { currency: currency.unwrap_or(CurrencyRule::Free) }
}

fn choices(keys: &Keys<'_, '_>) -> Vec<Choice> {
    let Some(items) = keys.get("values").and_then(Item::items) else {
        if keys.get("values").is_none() {
            keys.error("An enum says its `values`.", Some("Write values = [\"todo\", \"done\"]."));
        }
        return Vec::new();
    };
    let mut choices: Vec<Choice> = Vec::new();
    for item in items {
        let Some(choice) = choice(item) else { continue };
        if choices.iter().any(|other| other.name == choice.name) {
            item.error(format!("\"{}\" stands here twice.", choice.name), Some("Leave one out."));
        } else {
            choices.push(choice);
        }
    }
    if choices.is_empty() {
        keys.refuse("values", "An enum has at least one value.", None);
    }
    choices
}

fn choice(item: Item<'_, '_>) -> Option<Choice> {
    let (name, was) = match item.value.get_ref() {
        DeValue::Table(_) => {
            let inner = item.keys()?;
            inner.only(&["name", "was"], "in a value of an enum");
            let was = inner.text("was").map(str::to_owned);
            (inner.text("name")?, was)
        }
        _ => (item.text()?, None),
    };
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if name.is_empty() || name.len() > 60 || !name.bytes().all(letter) {
        item.error(
            "A value of an enum has small letters, digits and `_`.",
            Some("Write \"in_progress\" or the like."),
        );
        return None;
    }
    Some(Choice { name: name.to_owned(), was })
}

fn relation(keys: &Keys<'_, '_>, place: &Place<'_>) -> FieldKind {
    keys.refuse("link", later("link"), Some("Leave it out for now."));
    let many = keys.is("many");
    let to = keys.get("to").and_then(|item| target(item, place));
    if keys.get("to").is_none() {
        keys.error(
            "A relation says which collection it points at.",
            Some("Write to = \"articles\" or the like."),
        );
    }
    if to.is_none() {
        place.failed.set(true);
        return FieldKind::Bool;
    }
    let required = keys.is("required");
    let on_delete = match keys.get("on_delete").map(|item| (item, item.text())) {
        None if many && !required => OnDelete::Clear,
        None | Some((_, Some("restrict"))) => OnDelete::Restrict,
        Some((_, Some("cascade"))) => OnDelete::Cascade,
        Some((item, Some("clear"))) => {
            if required {
                item.error("What is required cannot be cleared.", Some("Say \"cascade\" or \"restrict\"."));
            }
            OnDelete::Clear
        }
        Some((item, _)) => {
            item.error("On delete one says \"restrict\", \"cascade\" or \"clear\".", None);
            OnDelete::Restrict
        }
    };
    let inverse = keys.text("inverse").map(str::to_owned);
    to.map_or(FieldKind::Bool, |to| FieldKind::Relation { to, inverse, on_delete })
}

fn target(item: Item<'_, '_>, place: &Place<'_>) -> Option<CollectionId> {
    let name = item.text()?;
    let found = place.schema.find(name).filter(|collection| !collection.is_table());
    if found.is_none() {
        let names = place.schema.collections.iter().filter(|other| !other.is_table());
        let near = nearest(name, names.map(|other| other.name.as_str()));
        let near = near.map(|near| format!("Did you mean \"{near}\"?"));
        let accounts =
            (name == "accounts").then(|| "Declare a collection `accounts`, or enable the app.".to_owned());
        item.error(format!("There is no collection `{name}`."), near.or(accounts).as_deref());
    }
    Some(found?.id)
}
