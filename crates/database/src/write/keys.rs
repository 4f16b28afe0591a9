//! Keys of indexes, which PostgreSQL keeps on a third of a page: a longer one would fail there, and only there.

use mains_base::{FieldError, Value, fold};
use mains_language::schema::{Collection, Field};

use super::Image;
use super::draft::declared_fields;
use super::save::items;

/// Bytes of text in one key. PostgreSQL takes 2,704 of all; ids, numbers and lengths need the rest.
const MOST: usize = 2_400;

/// The texts that are too long for an index they stand in, or for that of their list.
pub(super) fn problems(collection: &Collection, image: &Image) -> Vec<FieldError> {
    let mut long: Vec<&Field> = Vec::new();
    for index in &collection.indexes {
        let fields = || index.fields.iter().map(|&id| collection.field(id));
        let bytes: usize = fields().map(|field| width(field, image.value(field.id))).sum();
        if bytes > MOST {
            long.extend(fields().max_by_key(|field| width(field, image.value(field.id))));
        }
    }
    let lists = declared_fields(collection).filter(|field| field.many.is_some());
    long.extend(
        lists.filter(|field| items(image.value(field.id)).iter().any(|element| width(field, element) > MOST)),
    );
    long.sort_by_key(|field| field.id);
    long.dedup_by_key(|field| field.id);
    long.into_iter().map(too_long).collect()
}

fn width(field: &Field, value: &Value) -> usize {
    let Some(text) = value.as_text() else { return 0 };
    // Folding makes a text up to three times as long.
    if field.folds_case() && text.len() * 3 > MOST { fold(text).len().max(text.len()) } else { text.len() }
}

fn too_long(field: &Field) -> FieldError {
    let message = format!("This is kept in an index, which holds up to {MOST} bytes. Shorten it.");
    FieldError::new(&field.name, "too_long", message)
}
