//! Who may: the rules of a collection, those of a site joined to the app's.

use std::sync::Arc;

use super::declared::Declared;
use super::document::{Item, Keys};
use super::expressions::{Failed, Standing, tree};
use super::narrow;
use crate::expression::{Place, Tree, Want};
use crate::schema::{Collection, Rules, Schema};

const NAMES: [&str; 4] = ["read", "create", "update", "delete"];

/// Reads `[rules]` of every collection, layer after layer.
pub(super) fn build(schema: &mut Schema, declared: &[Declared<'_, '_>], failed: &Failed) {
    let mut all = Vec::with_capacity(declared.len());
    for (one, collection) in declared.iter().zip(&schema.collections) {
        all.push(read(one, schema, collection, failed));
    }
    for (collection, (own, narrowing)) in schema.collections.iter_mut().zip(all) {
        collection.rules = own;
        if !narrowing.is_empty() {
            narrow::build(collection);
        }
        for (name, rule) in narrowing {
            let slot = slot(&mut collection.rules, name);
            *slot = slot.take().map(|own| narrow::both(own, rule));
        }
    }
}

/// The app's rules, or a site's in their place where it may replace them, within the app's bounds; and those that narrow
/// them.
fn read(
    one: &Declared<'_, '_>,
    schema: &Schema,
    collection: &Collection,
    failed: &Failed,
) -> (Rules, Vec<(&'static str, Arc<Tree>)>) {
    let (mut rules, mut narrowing) = (Rules::default(), Vec::new());
    let (replaceable, bounds) = (replaceable(one), one.base.get("bounds").and_then(Item::keys));
    if let Some(keys) = &bounds {
        keys.only(&replaceable, "among the bounds of what a site may replace");
    }
    for (place, part) in one.parts().enumerate() {
        let Some(keys) = part.get("rules").and_then(Item::keys) else { continue };
        keys.only(&NAMES, "among the rules");
        if place == 0 && collection.append_only {
            let hint = Some("Leave out the rule, or `append_only`.");
            keys.refuse("update", "What is append_only is never updated.", hint);
        }
        for name in NAMES {
            let Some(rule) = rule(&keys, name, schema, (collection, failed)) else { continue };
            let slot = slot(&mut rules, name);
            if place == 0 {
                *slot = Some(rule);
            } else if replaceable.contains(&name) {
                let bound =
                    bounds.as_ref().and_then(|keys| self::rule(keys, name, schema, (collection, failed)));
                *slot = Some(
                    bound.map_or_else(|| Arc::clone(&rule), |bound| narrow::both(bound, Arc::clone(&rule))),
                );
            } else if slot.is_some() {
                narrowing.push((name, rule));
            } else {
                let message = format!("The app lets nobody {name} here, and a site can only narrow that.");
                keys.refuse(name, message, Some("Leave the rule out."));
            }
        }
    }
    (rules, narrowing)
}

fn rule(
    keys: &Keys<'_, '_>,
    name: &str,
    schema: &Schema,
    (collection, failed): (&Collection, &Failed),
) -> Option<Arc<Tree>> {
    let place = if name == "read" { Place::Read } else { Place::Write };
    let standing = Standing { collection: collection.id, place, old: name == "update" };
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
