//! `was`: the name that something had before.
//!
//! Invariant: one declared name goes on with a stored one, and no names change places: a database in which they did
//! looks like one in which they did not.

use std::collections::HashMap;
use std::hash::Hash;

use super::declared::Declared;
use super::document::Keys;
use super::skeleton::Source;
use crate::schema::Schema;

/// Looks at the former names of fields and of collections.
pub(super) fn check(schema: &Schema, declared: &[Declared<'_, '_>], sources: &[Source<'_, '_>]) {
    let collections = declared.iter().map(|one| (one.is_table, one.name, &one.base));
    refuse(collections);
    let field = |source: &Source<'_, '_>| &schema.collection(source.collection).field(source.field).name;
    refuse(sources.iter().map(|source| (source.collection, field(source).as_str(), &source.keys)));
}

/// Each name stands in a scope of its own.
fn refuse<'k, S: Eq + Hash + Copy>(named: impl Iterator<Item = (S, &'k str, &'k Keys<'k, 'k>)>) {
    let mut former = Vec::new();
    for (scope, name, keys) in named {
        let was = keys.get("was");
        former.extend(was.and_then(|item| Some((scope, name, item.text()?, item))));
    }
    let mut heirs: HashMap<(S, &str), &str> = HashMap::new();
    let chain: HashMap<(S, &str), &str> =
        former.iter().map(|(scope, name, was, _)| ((*scope, *name), *was)).collect();
    for (scope, name, was, item) in &former {
        if let Some(other) = heirs.insert((*scope, *was), *name) {
            let message = format!("`{other}` goes on with what was `{was}` already.");
            item.error(message, Some("Leave this `was` out."));
        } else if was != name && comes_back(&chain, *scope, name) {
            let message =
                format!("`{name}` and what it was change places, which nobody can tell from before.");
            item.error(message, Some("Rename in two steps: to a name that is free, migrate, then on."));
        }
    }
}

fn comes_back<S: Eq + Hash + Copy>(chain: &HashMap<(S, &str), &str>, scope: S, start: &str) -> bool {
    let mut at = start;
    for _ in 0..chain.len() {
        match chain.get(&(scope, at)) {
            Some(&was) if was == start => return true,
            Some(&was) => at = was,
            None => return false,
        }
    }
    false
}
