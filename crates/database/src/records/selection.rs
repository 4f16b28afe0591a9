//! `fields=title,author` and `fields=-body`: which fields an answer carries.
//!
//! Always true: the id is among them, and nothing hidden is.

use mains_base::Result;
use mains_language::schema::{Collection, Field, FieldId};

use super::refusal::{FIELDS, malformed, no_field};

/// The fields of an answer, in the order of the schema.
pub(super) fn selected(collection: &Collection, fields: Option<&str>) -> Result<Vec<FieldId>> {
    let shown = collection.fields.iter().filter(|field| is_shown(field));
    let Some(text) = fields.filter(|text| !text.is_empty()) else {
        return Ok(shown.map(|field| field.id).collect());
    };
    let leaves_out = text.starts_with('-');
    let mut named = Vec::new();
    for part in text.split(',') {
        if part.starts_with('-') != leaves_out {
            return Err(malformed(
                FIELDS,
                "Name either the fields to show or, each with a minus sign, those to leave out.",
            ));
        }
        let name = part.strip_prefix('-').unwrap_or(part);
        let field = collection.find(name).filter(|field| is_shown(field));
        named.push(field.ok_or_else(|| no_field(FIELDS, &collection.name, name))?.id);
    }
    let wanted = |id: FieldId| id == FieldId::ID || named.contains(&id) != leaves_out;
    Ok(shown.map(|field| field.id).filter(|&id| wanted(id)).collect())
}

/// Whether a field may leave at all.
pub(super) fn is_shown(field: &Field) -> bool {
    !field.hidden
}
