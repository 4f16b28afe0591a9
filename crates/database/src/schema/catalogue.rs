//! The catalogue: what the database holds, who declared it and since which release.
//!
//! Invariant: it is written in the transaction that changes the tables, so it never tells of what is not there.

use std::collections::HashMap;

use mains_base::{Error, Kind, Result, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::shape::{CheckShape, FieldShape, IndexShape, TableShape};
use super::{names, standing};
use crate::dialect::{Column, Dialect, quote};
use crate::engine::{Row, Statements};

/// The form of the catalogue and of Mains' own tables. It rises when an older program could no longer work with them.
pub(super) const FORMAT: i64 = 1;

/// The table that is there wherever Mains has been.
pub(super) const TABLE: &str = "mains_catalogue";

/// The tables of this module and of the counters.
pub(super) fn tables(dialect: Dialect) -> Vec<String> {
    let (text, int) = (dialect.column_type(Column::Text), dialect.column_type(Column::Int));
    let strict = if dialect == Dialect::Sqlite { " STRICT, WITHOUT ROWID" } else { "" };
    let counters = quote(names::SEQUENCES);
    vec![
        format!(
            "CREATE TABLE IF NOT EXISTS mains_settings (name {text} PRIMARY KEY, value {text} NOT NULL){strict}"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS mains_catalogue (kind {text} NOT NULL, collection {text} NOT NULL, \
             name {text} NOT NULL, place {int} NOT NULL, owner {text} NOT NULL, release {text} NOT NULL, \
             declaration {text} NOT NULL, PRIMARY KEY (kind, collection, name)){strict}"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {counters} (name {text} PRIMARY KEY, next {int} NOT NULL){strict}"
        ),
    ]
}

/// The names of all tables there are.
pub(super) fn present(statements: &mut dyn Statements) -> Result<Vec<String>> {
    let sql = match statements.dialect() {
        Dialect::Sqlite => "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name",
        Dialect::Postgres => {
            "SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace \
             AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 1"
        }
    };
    let rows = statements.query(sql, &[])?;
    rows.0.iter().map(|row| text(row, 0)).collect()
}

/// Refuses a database that a newer program has changed.
pub(super) fn check_format(statements: &mut dyn Statements) -> Result<()> {
    let rows = statements.query(
        "SELECT name, value FROM mains_settings WHERE name IN ('format', 'release') ORDER BY name",
        &[],
    )?;
    let mut settings = HashMap::new();
    for row in &rows.0 {
        settings.insert(text(row, 0)?, text(row, 1)?);
    }
    let format = settings.get("format").and_then(|format| format.parse().ok()).unwrap_or(FORMAT);
    if format <= FORMAT {
        return Ok(());
    }
    let release = settings.get("release").map_or("a later one", String::as_str);
    Err(Error::new(
        Kind::Unavailable,
        "schema.newer",
        format!(
            "This database was changed by a newer Mains ({release}); this program is {}. Start that release or a later one.",
            super::declared::RELEASE
        ),
    ))
}

/// Everything the catalogue knows, in the order of declaration.
pub(super) fn read(statements: &mut dyn Statements) -> Result<Vec<TableShape>> {
    let sql = "SELECT kind, collection, name, owner, release, declaration FROM mains_catalogue \
               ORDER BY CASE kind WHEN 'collection' THEN 0 ELSE 1 END, place, collection, name";
    let rows = statements.query(sql, &[])?;
    let mut tables: Vec<TableShape> = Vec::new();
    let mut places = HashMap::new();
    for row in &rows.0 {
        let (kind, collection) = (text(row, 0)?, text(row, 1)?);
        let (name, owner, release) = (text(row, 2)?, text(row, 3)?, text(row, 4)?);
        if kind == "collection" {
            places.insert(collection.clone(), tables.len());
            tables.push(TableShape { name: collection, owner, release, ..declaration(row)? });
            continue;
        }
        let table = places.get(&collection).and_then(|&place| tables.get_mut(place));
        let table = table.ok_or_else(|| Error::internal(format!("the catalogue lacks {collection}")))?;
        match kind.as_str() {
            "field" => table.fields.push(FieldShape { name, owner, release, ..declaration(row)? }),
            "index" => table.indexes.push(IndexShape { name, owner, release, ..declaration(row)? }),
            "check" => table.checks.push(CheckShape { name, owner, release, ..declaration(row)? }),
            _ => return Err(Error::internal(format!("the catalogue knows no {kind}"))),
        }
    }
    Ok(tables)
}

/// Replaces the catalogue.
pub(super) fn write(statements: &mut dyn Statements, tables: &[TableShape]) -> Result<()> {
    statements.execute_later("DELETE FROM mains_catalogue", &[], None)?;
    for (place, table) in tables.iter().enumerate() {
        let mut entry = |kind: &str, name: &str, place: usize, by: [&str; 2], declaration: String| {
            let sql = "INSERT INTO mains_catalogue (kind, collection, name, place, owner, release, declaration) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7)";
            let [owner, release] = by;
            let place = Value::Int(i64::try_from(place).unwrap_or(i64::MAX));
            let values =
                [kind.into(), table.name.as_str().into(), name.into(), place, owner.into(), release.into()];
            let values = [values.as_slice(), &[declaration.into()]].concat();
            statements.execute_later(sql, &values, None)
        };
        entry("collection", "", place, [&table.owner, &table.release], json(table)?)?;
        for (place, field) in table.fields.iter().enumerate() {
            entry("field", &field.name, place, [&field.owner, &field.release], json(field)?)?;
        }
        for (place, index) in table.indexes.iter().enumerate() {
            entry("index", &index.name, place, [&index.owner, &index.release], json(index)?)?;
        }
        for (place, check) in table.checks.iter().enumerate() {
            entry("check", &check.name, place, [&check.owner, &check.release], json(check)?)?;
        }
    }
    let settings = [("format", FORMAT.to_string()), ("release", super::declared::RELEASE.to_owned())];
    for (name, value) in settings {
        let sql = "INSERT INTO mains_settings (name, value) VALUES ($1, $2) \
                   ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        statements.execute_later(sql, &[name.into(), value.into()], None)?;
    }
    if statements.dialect() == Dialect::Postgres {
        statements.execute_later(standing::ANOTHER, &[], None)?;
    }
    statements.flush()
}

/// The canonical text of a shape: equal for equal shapes.
pub(super) fn json(shape: &impl Serialize) -> Result<String> {
    serde_json::to_string(shape).map_err(Error::internal)
}

fn declaration<T: DeserializeOwned>(row: &Row) -> Result<T> {
    serde_json::from_str(&text(row, 5)?).map_err(Error::internal)
}

fn text(row: &Row, column: usize) -> Result<String> {
    Ok(row.text(column)?.unwrap_or_default().to_owned())
}
