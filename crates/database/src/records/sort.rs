//! `sort=-created,title`: by which keys a list is ordered.
//!
//! Always true: the last key is the id, so no two records stand at one place.

use mains_base::Result;
use mains_language::schema::{Collection, Field, FieldId, FieldKind};

use super::refusal::{SORT, malformed, no_field};
use super::selection::is_shown;

/// More keys than any index has.
const MOST: usize = 5;

/// One key of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SortKey {
    /// A stored single field.
    pub(super) field: FieldId,
    /// From the greatest to the least; NULLs stand last then, else first.
    pub(super) descending: bool,
}

/// The keys of `sort=`; by `created` where there is none. The id goes the way of the key before it, so that an index
/// on a field serves both directions.
pub(super) fn keys(collection: &Collection, sort: Option<&str>) -> Result<Vec<SortKey>> {
    let text = sort.filter(|text| !text.is_empty()).unwrap_or("created");
    let mut keys: Vec<SortKey> = Vec::new();
    for part in text.split(',') {
        let descending = part.starts_with('-');
        let field = sortable(collection, part.strip_prefix('-').unwrap_or(part))?.id;
        if keys.iter().any(|key| key.field == field) {
            return Err(malformed(SORT, format!("Sort names {:?} twice.", collection.field(field).name)));
        }
        keys.push(SortKey { field, descending });
    }
    if keys.len() > MOST {
        return Err(malformed(SORT, format!("Sort by at most {MOST} fields.")));
    }
    if let Some(at) = keys.iter().position(|key| key.field == FieldId::ID) {
        keys.truncate(at + 1);
    } else {
        let descending = keys.last().is_some_and(|key| key.descending);
        keys.push(SortKey { field: FieldId::ID, descending });
    }
    Ok(keys)
}

fn sortable<'c>(collection: &'c Collection, name: &str) -> Result<&'c Field> {
    let field = collection.find(name).filter(|field| is_shown(field));
    let field = field.ok_or_else(|| no_field(SORT, &collection.name, name))?;
    let single = field.is_stored() && field.many.is_none();
    if single && !matches!(field.kind, FieldKind::Json { .. } | FieldKind::Bytes { .. }) {
        return Ok(field);
    }
    Err(malformed(
        SORT,
        format!("A list cannot be sorted by {name:?}: name stored fields of one value each."),
    ))
}

/// Whether the column may hold NULL: erasing an account empties what is `personal`, and what was added to another's
/// collection is never NOT NULL.
pub(super) fn is_nullable(collection: &Collection, field: &Field) -> bool {
    if field.id < FieldId::FIRST {
        return false;
    }
    let truth = matches!(field.kind, FieldKind::Bool);
    field.personal.is_some() || !(truth || (field.required && field.owner == collection.owner))
}
