//! What a type is in a column, and what the names of columns are.

use mains_language::expression::Type;
use mains_language::schema::{Field, FieldKind};

use crate::dialect::Column;

/// The column that holds values of this type. Of money: the amount; of a point: a coordinate; of a list: an element.
pub fn column_of(ty: &Type) -> Column {
    match ty {
        Type::Bool => Column::Bool,
        Type::Int | Type::Decimal(_) | Type::Timestamp | Type::Duration | Type::Money => Column::Int,
        Type::Double | Type::Point => Column::Double,
        Type::Date => Column::Date,
        Type::Record(_) => Column::Id,
        Type::Null | Type::Text(_) | Type::File | Type::Json => Column::Text,
        Type::List(element) => column_of(element),
    }
}

/// The column of a stored field; of a list: of one element.
pub fn column_of_field(field: &Field) -> Column {
    match &field.kind {
        FieldKind::Id | FieldKind::Relation { .. } => Column::Id,
        FieldKind::Bytes { .. } => Column::Bytes,
        FieldKind::Bool => Column::Bool,
        FieldKind::Number { .. } | FieldKind::Point => Column::Double,
        FieldKind::Date { .. } => Column::Date,
        FieldKind::Integer { .. }
        | FieldKind::Decimal { .. }
        | FieldKind::Money { .. }
        | FieldKind::Datetime { .. } => Column::Int,
        FieldKind::Computed(ty) => column_of(ty),
        _ => Column::Text,
    }
}
