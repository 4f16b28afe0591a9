//! Which keys may stand where, and what is not built yet.

use super::declared::Declared;
use super::document::Keys;
use crate::schema::Owner;

/// Keys of a collection.
const COLLECTION: [&str; 23] = [
    "prefix",
    "was",
    "extends",
    "fields",
    "rules",
    "indexes",
    "checks",
    "append_only",
    "area",
    "replaceable",
    "bounds",
    "reserved",
    "no_overlap",
    "effects",
    "search",
    "limits",
    "history",
    "facts",
    "commands",
    "commands_only",
    "queries",
    "guests",
    "key",
];
/// Keys of what extends a collection.
const EXTENSION: [&str; 9] =
    ["extends", "fields", "rules", "indexes", "checks", "no_overlap", "effects", "search", "limits"];
/// Keys of a private table.
const TABLE: [&str; 4] = ["key", "was", "fields", "indexes"];
/// Keys that are known and not built.
const LATER: [&str; 5] = ["no_overlap", "effects", "search", "limits", "history"];
/// Keys for ready-made apps alone.
const APPS_ONLY: [&str; 8] =
    ["area", "replaceable", "bounds", "reserved", "facts", "commands", "commands_only", "queries"];

/// Options that fields of every type share.
const SHARED: [&str; 19] = [
    "type",
    "was",
    "label",
    "required",
    "default",
    "on_create",
    "on_write",
    "computed",
    "stored",
    "unique",
    "index",
    "immutable",
    "message",
    "personal",
    "hidden",
    "read",
    "write",
    "many",
    "max_items",
];
/// Options of a computed field.
const COMPUTED: [&str; 6] = ["computed", "stored", "label", "read", "hidden", "index"];

/// Options of what is sent to a command.
const ARGUMENT: [&str; 8] =
    ["type", "label", "required", "default", "many", "max_items", "message", "secret"];
/// Types of what is sent to a command, and options of types that mean something there.
const SENT: [&str; 12] = [
    "text", "email", "url", "integer", "number", "decimal", "money", "bool", "date", "datetime", "enum",
    "json",
];
const NOT_SENT: [&str; 6] = ["sequence", "gaps", "transitions", "inverse", "on_delete", "link"];

/// The types and their own options.
const TYPES: [(&str, &[&str]); 17] = [
    ("text", &["min", "max", "pattern", "ignore_case"]),
    ("email", &["max"]),
    ("url", &["max"]),
    ("slug", &["from", "scope", "follows"]),
    ("integer", &["min", "max", "sequence", "gaps"]),
    ("number", &["min", "max"]),
    ("decimal", &["scale", "min", "max"]),
    ("money", &["currency"]),
    ("bool", &[]),
    ("date", &["min", "max"]),
    ("datetime", &["min", "max"]),
    ("enum", &["values", "transitions"]),
    ("json", &["max_bytes"]),
    ("relation", &["to", "inverse", "on_delete", "link"]),
    ("file", &["max_bytes", "types", "sizes"]),
    ("point", &[]),
    ("bytes", &["max_bytes"]),
];

/// The longest label, in characters.
const LABEL: usize = 100;

/// What people call a field.
pub(super) fn label(keys: &Keys<'_, '_>) -> Option<String> {
    let item = keys.get("label")?;
    let text = item.text()?;
    let fits = !text.trim().is_empty() && text.chars().count() <= LABEL && !text.contains(char::is_control);
    if !fits {
        item.error(
            format!("A label is one line of 1 to {LABEL} characters."),
            Some("Say what people call the field, such as label = \"User name\"."),
        );
    }
    Some(text.trim().to_owned())
}

/// The sentence for what is known and not built.
pub(super) fn later(what: &str) -> String {
    format!("`{what}` is not there yet: it comes with a later release.")
}

/// The names of all types, for "did you mean".
pub(super) fn type_names(in_table: bool) -> impl Iterator<Item = &'static str> {
    TYPES.iter().map(|(name, _)| *name).filter(move |name| in_table || *name != "bytes")
}

/// Notes keys of a collection's files that are unknown, for apps alone, or not built yet.
pub(super) fn collection(declared: &Declared<'_, '_>) {
    for (place, keys) in declared.parts().enumerate() {
        let extends = place > 0;
        let known: &[&str] = match (declared.is_table, extends) {
            (true, _) => &TABLE,
            (_, true) => &EXTENSION,
            _ => &COLLECTION,
        };
        let site = *keys.origin.owner == Owner::Site;
        for key in APPS_ONLY.into_iter().filter(|_| site && !extends) {
            keys.refuse(key, format!("Only ready-made apps may say `{key}`."), Some("Leave it out."));
        }
        for key in LATER.into_iter().filter(|key| known.contains(key)) {
            keys.refuse(key, later(key), Some("Leave it out for now."));
        }
        if !declared.is_table && !extends {
            keys.refuse(
                "key",
                "Only private tables have a `key`; a collection has ids.",
                Some("Leave it out."),
            );
        }
        let here = if extends { "where a collection is extended" } else { "at the top of a collection" };
        keys.only(known, here);
    }
}

/// Notes options that a field of this type does not have.
pub(super) fn field(keys: &Keys<'_, '_>, kind: &str) {
    let own = TYPES.iter().find(|(name, _)| *name == kind).map_or(&[][..], |(_, own)| own);
    let known: Vec<&str> = SHARED.into_iter().chain(own.iter().copied()).collect();
    let mut strangers = keys.table.clone();
    for (key, span, _) in keys.entries().filter(|(key, ..)| !known.contains(key)) {
        let owners: Vec<&str> =
            TYPES.iter().filter(|(_, own)| own.contains(&key)).map(|(name, _)| *name).collect();
        if !owners.is_empty() {
            let message = format!("`{key}` is an option of {}, and this is {kind}.", owners.join(", "));
            keys.notes.error(keys.origin, span, message, Some("Leave it out."));
            strangers.remove(key);
        }
    }
    Keys { table: &strangers, ..keys.clone() }.only(&known, "in a field");
}

/// Notes options that what is sent to a command does not have.
pub(super) fn argument(keys: &Keys<'_, '_>, kind: &str) {
    let Some((_, own)) = TYPES.iter().find(|(name, _)| *name == kind) else { return };
    if !SENT.contains(&kind) && kind != "relation" {
        keys.refuse("type", format!("A {kind} cannot be sent to a command."), Some("Use text."));
        return;
    }
    let own = own.iter().copied().filter(|name| !NOT_SENT.contains(name));
    let known: Vec<&str> = ARGUMENT.into_iter().chain(own).collect();
    keys.only(&known, "in an input");
}

/// Notes options that a computed field does not have.
pub(super) fn computed(keys: &Keys<'_, '_>) {
    let hint = "Leave it out for now: the field then gives minor units, a whole number.";
    let mut strangers = keys.table.clone();
    if keys.get("currency").is_some() {
        keys.refuse("currency", later("currency` beside `computed"), Some(hint));
        strangers.remove("currency");
    }
    for (key, span, _) in keys.entries() {
        if SHARED.contains(&key) && !COMPUTED.contains(&key) {
            let message =
                format!("A computed field is read only and never stored, so `{key}` means nothing here.");
            keys.notes.error(keys.origin, span, message, Some("Leave it out."));
            strangers.remove(key);
        }
    }
    Keys { table: &strangers, ..keys.clone() }.only(&COMPUTED, "in a computed field");
}
