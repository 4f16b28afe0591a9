//! Amounts whose currency another field of the record says.

use mains_base::{FieldError, Value};
use mains_language::schema::{Collection, CurrencyRule, FieldKind};

use super::draft::declared_fields;
use super::{Image, violation};

/// Amounts without a currency.
pub(super) fn problems(collection: &Collection, image: &Image) -> Vec<FieldError> {
    let fields = declared_fields(collection);
    let named = fields.filter_map(|field| match field.kind {
        FieldKind::Money { currency: CurrencyRule::Field(by) } if !image.value(field.id).is_null() => {
            Some(by)
        }
        _ => None,
    });
    let mut missing: Vec<_> = named.filter(|by| *image.value(*by) == Value::Null).collect();
    missing.dedup();
    let needed = |by: &_| !collection.field(*by).required;
    missing.into_iter().filter(needed).map(|by| violation::required(collection.field(by))).collect()
}
