//! Who may: the rules of a collection, those of a site joined to the app's.

use std::sync::Arc;

use super::declared::Declared;
use super::document::{Item, Keys};
use super::expressions::{Failed, Standing, tree};
use crate::expression::{Node, Place, Tree, Type, Want};
use crate::schema::{CollectionId, Rules, Schema};

const NAMES: [&str; 4] = ["read", "create", "update", "delete"];

/// Reads `[rules]` of every collection, layer after layer.
pub(super) fn build(schema: &mut Schema, declared: &[Declared<'_, '_>], failed: &Failed) {
    let mut all = Vec::with_capacity(declared.len());
    for (one, collection) in declared.iter().zip(&schema.collections) {
        let mut rules = Rules::default();
        let replaceable = replaceable(one);
        for (place, part) in one.parts().enumerate() {
            let Some(keys) = part.get("rules").and_then(Item::keys) else { continue };
            keys.only(&NAMES, "among the rules");
            if place == 0 && collection.append_only {
                let hint = Some("Leave out the rule, or `append_only`.");
                keys.refuse("update", "What is append_only is never updated.", hint);
            }
            for name in NAMES {
                let Some(rule) = read(&keys, name, schema, collection.id, failed) else { continue };
                let slot = slot(&mut rules, name);
                *slot = match slot.take() {
                    _ if place == 0 || replaceable.contains(&name) => Some(rule),
                    Some(own) => Some(both(own, rule)),
                    None => {
                        let message =
                            format!("The app lets nobody {name} here, and a site can only narrow that.");
                        keys.refuse(name, message, Some("Leave the rule out."));
                        None
                    }
                };
            }
        }
        all.push(rules);
    }
    for (collection, rules) in schema.collections.iter_mut().zip(all) {
        collection.rules = rules;
    }
}

fn read(
    keys: &Keys<'_, '_>,
    name: &str,
    schema: &Schema,
    collection: CollectionId,
    failed: &Failed,
) -> Option<Arc<Tree>> {
    let place = if name == "read" { Place::Read } else { Place::Write };
    let standing = Standing { collection, place, old: name == "update" };
    tree(keys.get(name)?, schema, failed, standing, &Want::Condition)
}

fn slot<'r>(rules: &'r mut Rules, name: &str) -> &'r mut Option<Arc<Tree>> {
    match name {
        "read" => &mut rules.read,
        "create" => &mut rules.create,
        "update" => &mut rules.update,
        _ => &mut rules.delete,
    }
}

/// The rules that a site may replace; they are names of rules.
fn replaceable<'a>(one: &Declared<'a, '_>) -> Vec<&'a str> {
    let Some(items) = one.base.get("replaceable").and_then(Item::items) else { return Vec::new() };
    let names = items.into_iter().filter_map(|item| {
        let name = item.text()?;
        if !NAMES.contains(&name) {
            item.error(
                format!("There is no rule `{name}`."),
                Some("Rules are read, create, update and delete."),
            );
        }
        Some(name)
    });
    names.collect()
}

/// `one && other`.
fn both(one: Arc<Tree>, other: Arc<Tree>) -> Arc<Tree> {
    let unknown = one.may_lack() || other.may_lack();
    let parts = vec![Arc::unwrap_or_clone(one), Arc::unwrap_or_clone(other)];
    Arc::new(Tree { node: Node::And(parts), ty: Type::Bool, null: false, unknown })
}
