//! Defaults that are expressions, and slugs, for rows that are there already.
//!
//! Invariant: an expression sees the record as it stands in the transaction that adds the field, and nobody asks.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use mains_base::{Caller, Currency, Error, Money, Result, Time, Uuid, Value, fold};
use mains_language::expression::{Cell, Handle, ListKind, Tree, World, evaluate, slugify};
use mains_language::schema::{CollectionId, FieldId};

use super::columns::{columns, element};
use super::names;
use super::shape::{CurrencyShape, FieldShape, KindShape, TableShape};
use crate::dialect::{Column, quote};
use crate::engine::{Row, Statements};

/// Makes the value of one field for row after row.
#[derive(Debug)]
pub(super) struct Calculation {
    /// Everything declared, by the places of collections.
    pub(super) tables: Arc<Vec<TableShape>>,
    /// The table.
    pub(super) table: usize,
    /// The field that is filled.
    pub(super) field: FieldShape,
    /// How.
    pub(super) by: By,
    /// `now`.
    pub(super) now: Time,
}

/// The slugs of one walk, each with its scope.
pub(super) type Taken = HashSet<(String, String)>;

/// How a value is made.
#[derive(Debug)]
pub(super) enum By {
    /// By the default.
    Expr(Arc<Tree>),
    /// Of this field's text, unlike every slug made before within the scope.
    Slug { from: String, scope: Option<String> },
}

impl Calculation {
    /// The columns to read, in the order in which [`Self::value`] wants their cells.
    pub(super) fn reads(&self) -> Vec<String> {
        self.tables.get(self.table).map(all_columns).unwrap_or_default()
    }

    /// The value for one row.
    pub(super) fn value(
        &self,
        statements: &mut dyn Statements,
        row: &Row,
        taken: &mut Taken,
    ) -> Result<Value> {
        let Some(table) = self.tables.get(self.table) else { return Ok(Value::Null) };
        let record = decoded(table, row)?;
        let value = match &self.by {
            By::Expr(tree) => {
                let world = Rows {
                    statements: RefCell::new(statements),
                    tables: &self.tables,
                    caller: Caller::system(),
                    now: self.now,
                    record,
                    known: RefCell::default(),
                    failure: RefCell::default(),
                };
                let value = evaluate(tree, &world).into_value();
                world.failure.into_inner().map_or(Ok(value), Err)?
            }
            By::Slug { from, scope } => {
                let cell = |name: &str| table.field(name).and_then(|field| record.get(&field.place).cloned());
                let base = cell(from).and_then(|value| value.as_text().map(slugify)).unwrap_or_default();
                let scope = scope.as_deref().map(|scope| format!("{:?}", cell(scope))).unwrap_or_default();
                free(&base, scope, taken)
            }
        };
        if value.is_null() && self.field.required {
            let sentence = format!(
                "field {}.{}: Its default gives no value for a record that is here already. Add it without `required`, \
                 fill it, and require it then.",
                table.name, self.field.name
            );
            return Err(Error::conflict("schema.refused", sentence));
        }
        Ok(value)
    }
}

/// The slug, or the first of `-2`, `-3`, … that is free.
fn free(base: &str, scope: String, taken: &mut Taken) -> Value {
    if base.is_empty() {
        return Value::Null;
    }
    let numbered = (2_u64..).map(|number| format!("{base}-{number}"));
    let mut candidates = std::iter::once(base.to_owned()).chain(numbered);
    let slug = candidates.find(|slug| !taken.contains(&(scope.clone(), slug.clone())));
    let slug = slug.unwrap_or_default();
    taken.insert((scope, slug.clone()));
    slug.into()
}

/// A value as the columns of its field hold it.
pub(super) fn parts(kind: &KindShape, value: &Value) -> Vec<Value> {
    match value {
        Value::Money(money) => vec![money.amount.into(), money.currency.as_str().into()],
        Value::Text(text) if kind.folds_case() => vec![value.clone(), fold(text).into()],
        Value::Null => vec![Value::Null, Value::Null],
        other => vec![other.clone()],
    }
}

fn all_columns(table: &TableShape) -> Vec<String> {
    let system: &[&str] = if table.is_private() { &[] } else { &["id", "created", "updated", "version"] };
    let declared = table.fields.iter().flat_map(columns).map(|column| column.name);
    system.iter().map(|&name| name.to_owned()).chain(declared).collect()
}

/// The values of a row of [`all_columns`], by the places of fields.
fn decoded(table: &TableShape, row: &Row) -> Result<Record> {
    let mut record = HashMap::new();
    let mut at = 0;
    if !table.is_private() {
        record.insert(FieldId::ID, row.id(0)?.into());
        for (place, field) in [FieldId::CREATED, FieldId::UPDATED, FieldId::VERSION].into_iter().enumerate() {
            record.insert(field, row.int(place + 1)?.into());
        }
        at = 4;
    }
    for field in table.fields.iter().filter(|field| field.many.is_none()) {
        record.insert(field.place, cell(&field.kind, row, at)?);
        at += columns(field).len();
    }
    for field in &table.fields {
        let KindShape::Money { currency: CurrencyShape::Field(by) } = &field.kind else { continue };
        let code = table.field(by).and_then(|by| record.get(&by.place));
        let code = code.and_then(|code| code.as_text().and_then(Currency::new));
        let amount = record.get(&field.place).and_then(Value::as_int);
        record.insert(field.place, money(amount, code));
    }
    Ok(record)
}

fn cell(kind: &KindShape, row: &Row, at: usize) -> Result<Value> {
    Ok(match (element(kind), kind) {
        (_, KindShape::Money { currency: CurrencyShape::Fixed(code) }) => {
            money(row.int(at)?, Currency::new(code))
        }
        (_, KindShape::Money { currency: CurrencyShape::Free }) => {
            money(row.int(at)?, row.text(at + 1)?.and_then(Currency::new))
        }
        (Column::Bool, _) => row.bool(at)?.into(),
        (Column::Id, _) => row.id(at)?.into(),
        (Column::Double, _) => row.double(at)?.map_or(Value::Null, Value::Double),
        _ => row.value(at).clone(),
    })
}

fn money(amount: Option<i64>, currency: Option<Currency>) -> Value {
    match (amount, currency) {
        (Some(amount), Some(currency)) => Value::Money(Money { amount, currency }),
        _ => Value::Null,
    }
}

/// The values of a record, by the places of its fields.
type Record = HashMap<FieldId, Value>;

/// The stored records, for one evaluation.
struct Rows<'s> {
    statements: RefCell<&'s mut dyn Statements>,
    tables: &'s [TableShape],
    caller: Caller,
    now: Time,
    record: Record,
    known: RefCell<HashMap<(CollectionId, Uuid), Option<Record>>>,
    failure: RefCell<Option<Error>>,
}

impl Rows<'_> {
    fn table(&self, collection: CollectionId) -> Option<&TableShape> {
        self.tables.get(usize::from(collection.0))
    }

    /// What a question answers; its failure is kept, and the evaluation goes on without.
    fn ask(&self, sql: &str, id: Uuid) -> Vec<Row> {
        match self.statements.borrow_mut().query(sql, &[id.into()]) {
            Ok(rows) => rows.0,
            Err(error) => {
                self.failure.borrow_mut().get_or_insert(error);
                Vec::new()
            }
        }
    }

    fn load(&self, collection: CollectionId, id: Uuid) {
        if self.known.borrow().contains_key(&(collection, id)) {
            return;
        }
        let found = self.table(collection).and_then(|table| {
            let columns: Vec<String> = all_columns(table).iter().map(|column| quote(column)).collect();
            let sql = format!("SELECT {} FROM {} WHERE \"id\" = $1", columns.join(", "), quote(&table.name));
            let rows = self.ask(&sql, id);
            rows.first().and_then(|row| decoded(table, row).ok())
        });
        self.known.borrow_mut().insert((collection, id), found);
    }
}

impl World for Rows<'_> {
    fn caller(&self) -> &Caller {
        &self.caller
    }

    fn now(&self) -> Time {
        self.now
    }

    fn is_present(&self, record: Handle) -> bool {
        match record {
            Handle::Record => true,
            Handle::Old => false,
            Handle::Stored(collection, id) => {
                self.load(collection, id);
                matches!(self.known.borrow().get(&(collection, id)), Some(Some(_)))
            }
        }
    }

    fn field(&self, record: Handle, field: FieldId) -> Cell {
        let value = match record {
            Handle::Record => self.record.get(&field).cloned(),
            Handle::Old => None,
            Handle::Stored(collection, id) => {
                self.load(collection, id);
                let known = self.known.borrow();
                known.get(&(collection, id)).and_then(|found| found.as_ref()?.get(&field).cloned())
            }
        };
        value.map_or(Cell::Unknown, Cell::Known)
    }

    fn list(&self, record: Handle, kind: &ListKind) -> Option<Vec<Value>> {
        let (collection, id) = match record {
            Handle::Record => (None, self.record.get(&FieldId::ID)?.as_id()?),
            Handle::Stored(collection, id) => (Some(collection), id),
            Handle::Old => return None,
        };
        let (sql, holds) = match kind {
            // A list of the record itself is filled after it, so it is not known here.
            ListKind::Field(field) => {
                let table = self.table(collection?)?;
                let field = table.fields.iter().find(|declared| declared.place == *field)?;
                let join = quote(&names::join_table(&table.name, &field.name));
                let sql = format!("SELECT target FROM {join} WHERE record = $1 ORDER BY position");
                (sql, element(&field.kind))
            }
            ListKind::Inverse { from, field, many } => {
                let table = self.table(*from)?;
                let field = table.fields.iter().find(|declared| declared.place == *field)?;
                let sql = if *many {
                    let join = quote(&names::join_table(&table.name, &field.name));
                    format!("SELECT record FROM {join} WHERE target = $1 ORDER BY record")
                } else {
                    let column = quote(&field.name);
                    format!("SELECT \"id\" FROM {} WHERE {column} = $1 ORDER BY \"id\"", quote(&table.name))
                };
                (sql, Column::Id)
            }
            ListKind::Auth(_) => return None,
        };
        let rows = self.ask(&sql, id);
        let value = |row: &Row| {
            if holds == Column::Id { row.id(0).ok()?.map(Value::Id) } else { Some(row.value(0).clone()) }
        };
        Some(rows.iter().filter_map(value).collect())
    }

    fn draw(&self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            self.failure.borrow_mut().get_or_insert_with(|| Error::internal(error.to_string()));
        }
    }
}
