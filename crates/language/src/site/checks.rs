//! Checks: what holds for everybody.

use mains_base::nearest;

use super::declared::Declared;
use super::document::{Item, Keys};
use super::expressions::{Failed, Standing, tree};
use super::names::fingerprint;
use crate::expression::{ListKind, Place, Tree, Want};
use crate::schema::{Check, Collection, Schema};

/// Collects the checks of every collection.
pub(super) fn build(schema: &mut Schema, declared: &[Declared<'_, '_>], failed: &Failed) {
    let mut all: Vec<Vec<Check>> = Vec::with_capacity(declared.len());
    for (one, collection) in declared.iter().zip(&schema.collections) {
        let mut checks: Vec<Check> = Vec::new();
        for part in one.parts() {
            for item in part.get("checks").and_then(Item::items).unwrap_or_default() {
                let Some(keys) = item.keys() else { continue };
                let Some(check) = check(&keys, schema, collection, failed) else { continue };
                if checks.iter().any(|other| other.name == check.name) {
                    keys.error("This check stands here twice.", Some("Leave one out."));
                } else {
                    checks.push(check);
                }
            }
        }
        all.push(checks);
    }
    for (collection, checks) in schema.collections.iter_mut().zip(all) {
        collection.checks = checks;
    }
}

fn check(keys: &Keys<'_, '_>, schema: &Schema, collection: &Collection, failed: &Failed) -> Option<Check> {
    keys.only(&["expr", "message", "field"], "in a check");
    if keys.get("message").is_none() {
        keys.error("A check says its message.", Some("Write message = \"…\" for those who meet it."));
    }
    let field = keys.get("field").and_then(|item| {
        let name = item.text()?;
        let found = collection.find(name);
        if found.is_none() {
            let near = nearest(name, collection.fields.iter().map(|field| field.name.as_str()));
            let near = near.map(|near| format!("Did you mean \"{near}\"?"));
            item.error(format!("There is no field `{name}` in {}.", collection.name), near.as_deref());
        }
        Some(found?.id)
    });
    let Some(item) = keys.get("expr") else {
        keys.error("A check says what must be true.", Some("Write expr = 'from < to' or the like."));
        return None;
    };
    let standing = Standing { collection: collection.id, place: Place::Write, old: true };
    let expr = tree(item, schema, failed, standing, &Want::Condition)?;
    if sees_own_set(&expr, collection) {
        item.error(
            format!(
                "A check may not look at a set of {} itself: two writers would pass each other.",
                collection.name
            ),
            Some("Say it with a unique index, or a sequence."),
        );
    }
    let name = format!("check_{}", fingerprint(item.text()?));
    let (physical, message) = (expr.is_physical(), keys.text("message")?.to_owned());
    Some(Check { name, expr, message, field, physical, owner: keys.origin.owner.clone() })
}

fn sees_own_set(expr: &Tree, collection: &Collection) -> bool {
    let own = |kind: &ListKind| matches!(kind, ListKind::Inverse { from, .. } if *from == collection.id);
    expr.any(&|part| part.list().is_some_and(|list| own(&list.kind)))
}
