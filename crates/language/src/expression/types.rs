//! Types: what they are called, what fields have them, and small makers of trees.

use mains_base::Value;

use super::{Hop, Node, Row, Source, TextKind, Tree, Type};
use crate::schema::{CollectionId, Field, FieldKind, Schema};

impl Type {
    /// As it is called in messages and documentation.
    pub fn describe(&self, schema: &Schema) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool => "bool".to_owned(),
            Self::Int => "int".to_owned(),
            Self::Double => "double".to_owned(),
            Self::Decimal(scale) => format!("decimal({scale})"),
            Self::Text(TextKind::Enum) => "enum".to_owned(),
            Self::Text(_) => "string".to_owned(),
            Self::Date => "date".to_owned(),
            Self::Timestamp => "timestamp".to_owned(),
            Self::Duration => "duration".to_owned(),
            Self::Record(to) => format!("a record of {}", schema.collection(*to).name),
            Self::Money => "money".to_owned(),
            Self::Point => "point".to_owned(),
            Self::File => "file".to_owned(),
            Self::Json => "json".to_owned(),
            Self::List(element) => format!("a list of {}", element.describe(schema)),
        }
    }

    /// int, double or decimal.
    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Double | Self::Decimal(_))
    }

    /// The type that one value of a field has in expressions (of a list: one element); `None`: it has no place there.
    pub fn of(field: &Field) -> Option<Self> {
        Some(match &field.kind {
            FieldKind::Id | FieldKind::Bytes { .. } => return None,
            FieldKind::Text { ignore_case: true, .. } | FieldKind::Email { .. } => {
                Self::Text(TextKind::Folded)
            }
            FieldKind::Text { .. } | FieldKind::Url { .. } | FieldKind::Slug { .. } => {
                Self::Text(TextKind::Plain)
            }
            FieldKind::Integer { .. } => Self::Int,
            FieldKind::Number { .. } => Self::Double,
            FieldKind::Decimal { scale, .. } => Self::Decimal(*scale),
            FieldKind::Money { .. } => Self::Money,
            FieldKind::Bool => Self::Bool,
            FieldKind::Date { .. } => Self::Date,
            FieldKind::Datetime { .. } => Self::Timestamp,
            FieldKind::Enum { .. } => Self::Text(TextKind::Enum),
            FieldKind::Json { .. } => Self::Json,
            FieldKind::Relation { to, .. } => Self::Record(*to),
            FieldKind::File => Self::File,
            FieldKind::Point => Self::Point,
            FieldKind::Computed(ty) => ty.clone(),
        })
    }
}

impl Row {
    /// A source itself.
    pub fn new(source: Source, start: CollectionId) -> Self {
        Self { source, start, hops: Vec::new() }
    }

    /// The collection of the record it leads to.
    pub fn at(&self) -> CollectionId {
        self.hops.last().map_or(self.start, |hop| hop.to)
    }

    /// The same path with one step more.
    #[must_use]
    pub(super) fn followed(mut self, hop: Hop) -> Self {
        self.hops.push(hop);
        self
    }
}

impl Tree {
    /// A constant.
    pub fn constant(value: Value, ty: Type) -> Self {
        let null = value.is_null();
        Self { node: Node::Constant(value), ty, null, unknown: false }
    }

    /// The constant it is.
    pub fn as_constant(&self) -> Option<&Value> {
        if let Node::Constant(value) = &self.node { Some(value) } else { None }
    }

    /// Whether it may have no value, for one reason or the other.
    pub fn may_lack(&self) -> bool {
        self.null || self.unknown
    }
}

/// Whether a stored single field may be null.
pub(super) fn is_nullable(schema: &Schema, collection: CollectionId, field: &Field) -> bool {
    let collection = schema.collection(collection);
    let always = matches!(field.kind, FieldKind::Bool | FieldKind::Id)
        || collection.key.contains(&field.id)
        || (!collection.is_table() && field.id < crate::schema::FieldId::FIRST);
    // Erasing an account empties what is personal, required or not.
    !always && (!field.required || field.personal.is_some())
}
