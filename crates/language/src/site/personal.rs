//! Whose datum a field is: a path from the record to an account.

use mains_base::nearest;

use super::document::Item;
use super::fields::at;
use super::skeleton::Source;
use crate::schema::{CollectionId, FieldId, Schema};

/// Types that hold what somebody says of themselves.
const TELLING: [&str; 5] = ["text", "email", "url", "slug", "json"];

/// Resolves `personal` of every field that has it.
pub(super) fn build(schema: &mut Schema, sources: &[Source<'_, '_>]) {
    for source in sources {
        let Some(item) = source.keys.get("personal") else {
            warn(schema, source);
            continue;
        };
        // Looked at, and about nobody.
        if item.value.get_ref().as_bool() == Some(false) {
            continue;
        }
        let Some(path) = path(item, schema, source.collection) else { continue };
        if let Some(field) = at(schema, source.collection, source.field) {
            field.personal = Some(path);
        }
    }
}

/// What a site adds to accounts most often tells who somebody is.
fn warn(schema: &Schema, source: &Source<'_, '_>) {
    let collection = schema.collection(source.collection);
    let telling = source.keys.text("type").filter(|kind| TELLING.contains(kind));
    if collection.name != "accounts" || !source.added || telling.is_none() {
        return;
    }
    let name = &collection.field(source.field).name;
    let message = format!("Erasing an account leaves its `{name}`.");
    let hint = "Write personal = \"id\", or personal = false where it tells nothing of anybody.";
    source.keys.notes.warn(source.keys.origin, source.keys.span.clone(), message, Some(hint));
}

fn path(item: Item<'_, '_>, schema: &Schema, start: CollectionId) -> Option<Vec<FieldId>> {
    let source = item.text()?;
    let Some(accounts) = schema.find("accounts").map(|accounts| accounts.id) else {
        item.error("This site has no accounts, so nothing is personal.", Some("Leave it out."));
        return None;
    };
    let (mut at, mut path) = (start, Vec::new());
    for name in source.split('.').filter(|_| source != "id") {
        let collection = schema.collection(at);
        let single = |field: &&crate::schema::Field| field.many.is_none() && field.relation().is_some();
        let Some(field) = collection.find(name).filter(single) else {
            let relations = collection.fields.iter().filter(single).map(|field| field.name.as_str());
            let near = nearest(name, relations).map(|near| format!("Did you mean \"{near}\"?"));
            item.error(format!("`{name}` is no single relation of {}.", collection.name), near.as_deref());
            return None;
        };
        path.push(field.id);
        at = field.relation()?;
    }
    if at != accounts {
        item.error(
            format!("This leads to {}, and it should lead to an account.", schema.collection(at).name),
            Some("Name a relation to accounts, or \"id\" in accounts itself."),
        );
        return None;
    }
    Some(path)
}
