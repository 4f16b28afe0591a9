//! `commands_only`: what the commands of a ready-made app do, and no door of records, whoever asks.

use std::sync::Arc;

use mains_base::{Value, nearest};

use super::declared::Declared;
use super::document::{Item, Keys};
use crate::expression::{Tree, Type};
use crate::schema::{Collection, CommandsOnly, FieldId, FieldKind, OnDelete, Owner, Schema};

const WRITES: [&str; 3] = ["create", "update", "delete"];

/// Reads the lists. A field that stands there is closed by its `write` as well, so that whoever is bound by rules is told
/// no sooner and no later than of any other closed field.
pub(super) fn build(schema: &mut Schema, declared: &[Declared<'_, '_>]) {
    for (collection, one) in schema.collections.iter_mut().zip(declared) {
        let app = *one.base.origin.owner != Owner::Site && !one.is_table;
        let Some(names) = one.base.get("commands_only").filter(|_| app).and_then(Item::texts) else {
            continue;
        };
        let mut only = CommandsOnly::default();
        for (name, item) in names {
            match name {
                "create" => only.create = true,
                "update" => only.update = true,
                "delete" => only.delete = true,
                name => only.fields.extend(field(collection, name, item)),
            }
            no_rule_is_asked(name, &one.base);
        }
        for &id in &only.fields {
            if let Some(field) = collection.fields.get_mut(usize::from(id.0)) {
                field.write = Some(Arc::new(Tree::constant(Value::Bool(false), Type::Bool)));
            }
        }
        if only.delete {
            nothing_cascades(collection, one);
        }
        collection.commands_only = only;
    }
}

fn field(collection: &Collection, name: &str, item: Item<'_, '_>) -> Option<FieldId> {
    let own = || collection.fields.iter().filter(|field| field.id >= FieldId::FIRST && field.is_stored());
    let own = || own().filter(|field| field.owner == collection.owner);
    let found = own().find(|field| field.name == name).map(|field| field.id);
    if found.is_none() {
        let near = nearest(name, own().map(|field| field.name.as_str()).chain(WRITES));
        let hint = near.map(|near| format!("Did you mean \"{near}\"?"));
        let message = format!("`{name}` is neither create, update nor delete, nor a stored field.");
        item.error(message, hint.as_deref());
    }
    found
}

/// What a site adds may not delete by another way what only commands delete.
fn nothing_cascades(collection: &Collection, one: &Declared<'_, '_>) {
    for added in collection.added() {
        let cascades = matches!(added.kind, FieldKind::Relation { on_delete: OnDelete::Cascade, .. });
        let keys = one
            .extensions
            .iter()
            .filter(|_| cascades)
            .find_map(|keys| keys.get("fields")?.keys()?.get(&added.name)?.keys());
        if let Some(keys) = keys {
            let message =
                format!("Only commands delete {}, so none goes with another record.", collection.name);
            keys.refuse("on_delete", message, Some("Say on_delete = \"clear\"."));
        }
    }
}

/// A rule beside it would look as if it decided something.
fn no_rule_is_asked(name: &str, keys: &Keys<'_, '_>) {
    let hint = Some("Leave the rule out.");
    if WRITES.contains(&name) {
        if let Some(rules) = keys.get("rules").and_then(Item::keys) {
            rules.refuse(name, format!("Only commands {name} here, so no rule is asked."), hint);
        }
        return;
    }
    let field = keys.get("fields").and_then(Item::keys).and_then(|fields| fields.get(name)?.keys());
    if let Some(field) = field {
        field.refuse("write", "Only commands change this, so no rule is asked.", hint);
    }
}
