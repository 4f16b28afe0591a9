//! Rows back in: everything in one transaction, into a database that is declared as the saved one was.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mains_base::{Error, Result, Value};
use mains_language::schema::Schema;
use serde_json::Value as Json;

use super::{Progress, SavedTable, broken, cell, differs};
use crate::dialect::{Column, Dialect, quote};
use crate::engine::{Engine, Statements};
use crate::schema::{self, physical, physical::Physical};

/// The foreign keys of PostgreSQL, which look at each row as it comes; SQLite looks once, at the end.
const LINKS: &str = "SELECT c.conrelid::regclass::text, quote_ident(c.conname), pg_get_constraintdef(c.oid) \
    FROM pg_constraint c WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace ORDER BY 1, 2";

/// Whether no collection holds a record. A database that Mains has never seen is empty.
pub async fn is_empty(engine: &Engine) -> Result<bool> {
    engine
        .snapshot(|statements| {
            for table in physical::stored(statements)?.into_iter().filter(|table| table.is_collection) {
                let sql = format!("SELECT 1 FROM {} LIMIT 1", quote(&table.name));
                if !statements.query(&sql, &[])?.0.is_empty() {
                    return Ok(false);
                }
            }
            Ok(true)
        })
        .await
}

/// Makes the database anew as declared and fills it with the rows in `folder`: all of it in one transaction. What the
/// database held before is gone with it. `backup.differs` when a saved table has no place.
pub async fn load(
    engine: &Engine,
    schema: &Arc<Schema>,
    (folder, saved): (&Path, Vec<SavedTable>),
    progress: &Arc<Progress>,
) -> Result<()> {
    let (folder, progress) = (folder.to_owned(), Arc::clone(progress));
    progress.begin(saved.iter().map(|table| table.rows).sum());
    let declared = schema::declared_of(engine, schema)?;
    engine
        .alter(move |statements| {
            schema::make_anew(statements, &declared)?;
            let tables = physical::stored(statements)?;
            let fitting = fitting(&tables, &saved)?;
            let links = unlink(statements)?;
            for (table, columns) in fitting {
                fill(statements, table, (&columns, &folder), &progress)?;
            }
            links.iter().try_for_each(|link| statements.execute_later(link, &[], None))?;
            statements.flush()
        })
        .await
}

type Columns = Vec<(String, Column)>;

/// Each saved table with the types of its columns, where all of it has its place.
fn fitting<'s>(tables: &[Physical], saved: &'s [SavedTable]) -> Result<Vec<(&'s SavedTable, Columns)>> {
    let mut fitting = Vec::new();
    for table in saved {
        let known = tables.iter().find(|known| known.name == table.name);
        let mut columns = Vec::new();
        for (name, kind) in &table.columns {
            let found = known.and_then(|known| known.columns.iter().find(|(known, _)| known == name));
            let found = found.filter(|(_, column)| cell::name(*column) == kind);
            let (name, column) = found.ok_or_else(|| {
                let place = format!("{}.{name}", table.name);
                differs(format!(
                    "The backup holds {place} as {kind}, which the site's files do not declare. Restore it with the \
                     files of its time, then change them and run `mains migrate`."
                ))
            })?;
            columns.push((name.clone(), *column));
        }
        fitting.push((table, columns));
    }
    Ok(fitting)
}

/// Lets go of the foreign keys; the statements that bring them back, and prove them.
fn unlink(statements: &mut dyn Statements) -> Result<Vec<String>> {
    if statements.dialect() == Dialect::Sqlite {
        return Ok(Vec::new());
    }
    let mut links = Vec::new();
    for row in statements.query(LINKS, &[])?.0 {
        let text = |place| row.text(place).map(|text| text.unwrap_or_default().to_owned());
        let (table, name, definition) = (text(0)?, text(1)?, text(2)?);
        statements.execute_later(&format!("ALTER TABLE {table} DROP CONSTRAINT {name}"), &[], None)?;
        links.push(format!("ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"));
    }
    Ok(links)
}

fn fill(
    statements: &mut dyn Statements,
    saved: &SavedTable,
    (columns, folder): (&[(String, Column)], &PathBuf),
    progress: &Progress,
) -> Result<()> {
    let table = quote(&saved.name);
    // What a new database begins with, such as counters.
    statements.execute_later(&format!("DELETE FROM {table}"), &[], None)?;
    let names: Vec<String> = columns.iter().map(|(name, _)| quote(name)).collect();
    let numbers: Vec<String> = (1..=columns.len()).map(|number| format!("${number}")).collect();
    let insert = format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), numbers.join(", "));
    let mut rows = 0;
    for line in BufReader::new(File::open(folder.join(format!("{}.jsonl", saved.name)))?).lines() {
        statements.execute_later(&insert, &values(&line?, columns)?, None)?;
        rows += 1;
        progress.add(1);
    }
    if rows == saved.rows {
        return Ok(());
    }
    Err(broken(format!("The backup lacks rows of {}: {rows} of {} are there.", saved.name, saved.rows)))
}

fn values(line: &str, columns: &[(String, Column)]) -> Result<Vec<Value>> {
    let cells: Vec<Json> = serde_json::from_str(line).map_err(Error::internal)?;
    if cells.len() != columns.len() {
        return Err(broken("A row of the backup has not as many cells as its table has columns."));
    }
    cells.iter().zip(columns).map(|(value, (_, column))| cell::read(value, *column)).collect()
}
