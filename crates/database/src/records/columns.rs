//! Which columns a page selects, and what each becomes in JSON.
//!
//! Always true: the first column is the record's id, and the first member of the object too. A field that the caller
//! may read nowhere is not even selected.

use std::sync::Arc;

use mains_base::{Prefix, Result};
use mains_language::expression::{Tree, Type};
use mains_language::schema::{Collection, CollectionId, CurrencyRule, Field, FieldId, FieldKind, Schema};

use super::encode::{Content, Kind, Member};
use super::expand::{Gate, Way};
use super::page::list_query;
use super::standing::{Conditions, Rule, Standing};
use crate::dialect::quote;
use crate::sql::Select;

/// The columns of a page so far.
pub(super) struct Columns {
    /// Their SQL, by place.
    pub(super) sql: Vec<String>,
    /// The object's members.
    pub(super) members: Vec<Member>,
    /// The lists that are fetched besides.
    pub(super) lists: Vec<ListColumn>,
}

/// A list that is fetched for all records of a page at once.
#[derive(Clone, Debug)]
pub(super) struct ListColumn {
    /// The query for its elements, given the records.
    pub(super) text: Arc<str>,
    /// Of its elements.
    pub(super) kind: Kind,
}

impl Columns {
    /// Selects these fields for callers of this standing.
    pub(super) fn of(
        select: &mut Select<'_>,
        schema: &Schema,
        (collection, fields): (&Collection, &[FieldId]),
        (conditions, standing): (&Conditions, Standing),
    ) -> Result<Self> {
        let id = select.column(FieldId::ID);
        let mut columns = Self { sql: vec![id], members: Vec::new(), lists: Vec::new() };
        for field in fields.iter().map(|&id| collection.field(id)) {
            let visible = match conditions.field(field, standing) {
                Rule::Always => None,
                Rule::Never => continue,
                Rule::Where(rule) => Some(columns.truth(select, &rule)?),
            };
            let content = columns.content(select, schema, collection, field)?;
            let key = key(columns.members.is_empty(), &field.name);
            columns.members.push(Member { key, content, visible });
        }
        Ok(columns)
    }

    /// The place of a column with this SQL.
    pub(super) fn place(&mut self, sql: String) -> usize {
        self.sql.iter().position(|known| *known == sql).unwrap_or_else(|| {
            self.sql.push(sql);
            self.sql.len() - 1
        })
    }

    /// Selects what says where a record leads.
    pub(super) fn gates(&mut self, select: &mut Select<'_>, ways: &[Way]) -> Result<Vec<Gate>> {
        let each = ways.iter().map(|way| {
            let visible = way.rule.as_ref().map(|rule| self.truth(select, rule)).transpose()?;
            let relation = way.relation.map(|relation| self.place(select.column(relation)));
            Ok(Gate { relation, visible })
        });
        each.collect()
    }

    fn truth(&mut self, select: &mut Select<'_>, rule: &Tree) -> Result<usize> {
        let truth = select.truth(rule)?;
        Ok(self.place(format!("({truth})")))
    }

    fn content(
        &mut self,
        select: &mut Select<'_>,
        schema: &Schema,
        collection: &Collection,
        field: &Field,
    ) -> Result<Content> {
        if field.id == FieldId::ID {
            let prefix = collection.prefix.clone();
            return Ok(prefix.map_or(Content::Nothing, |prefix| Content::Cell(0, Kind::Id(prefix))));
        }
        if field.many.is_some() {
            let Some(kind) = stored(schema, field) else { return Ok(Content::Nothing) };
            self.lists.push(ListColumn { text: list_query(collection, field.id), kind });
            return Ok(Content::List(self.lists.len() - 1));
        }
        let sql = match &field.computed {
            Some(tree) => select.value(tree)?,
            None => select.column(field.id),
        };
        if let FieldKind::Money { currency } = field.kind {
            return Ok(self.money(select, collection, (field, sql), currency));
        }
        let Some(kind) = stored(schema, field) else { return Ok(Content::Nothing) };
        Ok(Content::Cell(self.place(sql), kind))
    }

    fn money(
        &mut self,
        select: &mut Select<'_>,
        collection: &Collection,
        (field, amount): (&Field, String),
        currency: CurrencyRule,
    ) -> Content {
        let amount = self.place(amount);
        match currency {
            CurrencyRule::Fixed(currency) => Content::Cell(amount, Kind::Money(currency)),
            CurrencyRule::Field(beside) => {
                let beside = select.column(collection.field(beside).id);
                Content::Money(amount, self.place(beside))
            }
            CurrencyRule::Free => {
                let beside = format!("r.{}", quote(&format!("{}__currency", field.name)));
                Content::Money(amount, self.place(beside))
            }
        }
    }
}

/// What stands before a member's value.
pub(super) fn key(first: bool, name: &str) -> Box<[u8]> {
    let mut out = bytes::BytesMut::new();
    super::json::text(&mut out, name);
    let mut key = vec![if first { b'{' } else { b',' }];
    key.extend_from_slice(&out);
    key.push(b':');
    key.into()
}

/// How a field's value, or an element of its list, is written.
pub(super) fn stored(schema: &Schema, field: &Field) -> Option<Kind> {
    match &field.kind {
        FieldKind::Id => None,
        FieldKind::Json { .. } => Some(Kind::Json),
        _ => of_type(schema, &Type::of(field)?),
    }
}

/// How a value of a type is written.
pub(super) fn of_type(schema: &Schema, ty: &Type) -> Option<Kind> {
    Some(match ty {
        Type::Bool => Kind::Bool,
        Type::Int => Kind::Int,
        Type::Duration => Kind::Duration,
        Type::Double => Kind::Double,
        Type::Decimal(scale) => Kind::Decimal(*scale),
        Type::Text(_) => Kind::Text,
        Type::Date => Kind::Date,
        Type::Timestamp => Kind::Time,
        Type::Record(to) => Kind::Id(prefix(schema, *to)?),
        Type::Null | Type::Money | Type::Point | Type::File | Type::Json | Type::List(_) => return None,
    })
}

fn prefix(schema: &Schema, collection: CollectionId) -> Option<Prefix> {
    schema.collection(collection).prefix.clone()
}
