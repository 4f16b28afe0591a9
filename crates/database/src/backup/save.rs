//! Rows out: one state of every table as JSON Lines.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use mains_base::{Error, Result, Value};
use serde_json::Value as Json;

use super::{Progress, SavedTable, cell};
use crate::dialect::quote;
use crate::engine::{Engine, Row, Statements};
use crate::schema::physical::{self, Physical};

/// Rows of one query.
const PAGE: i64 = 1_000;

/// Writes every row of one state into `folder`, a file for each table; what was written. Writers are not kept waiting.
pub async fn save(engine: &Engine, folder: &Path, progress: &Arc<Progress>) -> Result<Vec<SavedTable>> {
    let (folder, progress) = (folder.to_owned(), Arc::clone(progress));
    engine
        .long_snapshot(move |statements| {
            let tables = physical::stored(statements)?;
            progress.begin(count(statements, &tables)?);
            tables.iter().map(|table| saved(statements, table, &folder, &progress)).collect()
        })
        .await
}

fn count(statements: &mut dyn Statements, tables: &[Physical]) -> Result<u64> {
    let mut total = 0;
    for table in tables {
        let rows = statements.query(&format!("SELECT count(*) FROM {}", quote(&table.name)), &[])?;
        let count = rows.0.first().map_or(Ok(None), |row| row.int(0))?;
        total += count.and_then(|count| u64::try_from(count).ok()).unwrap_or_default();
    }
    Ok(total)
}

fn saved(
    statements: &mut dyn Statements,
    table: &Physical,
    folder: &Path,
    progress: &Progress,
) -> Result<SavedTable> {
    let mut file = BufWriter::new(File::create_new(folder.join(format!("{}.jsonl", table.name)))?);
    let mut rows = 0;
    let mut last: Vec<Value> = Vec::new();
    loop {
        let page = statements.query(&query(table, last.is_empty()), &last)?.0;
        for row in &page {
            line(&mut file, table, row)?;
        }
        let count = page.len() as u64;
        rows += count;
        progress.add(count);
        let Some(row) = page.last().filter(|_| page.len() as i64 == PAGE) else { break };
        last = key(table, row);
    }
    let file = file.into_inner().map_err(|error| Error::internal(error.to_string()))?;
    file.sync_all()?;
    let columns = table.columns.iter().map(|(name, column)| (name.clone(), cell::name(*column).to_owned()));
    Ok(SavedTable { name: table.name.clone(), columns: columns.collect(), rows })
}

/// A page of rows in the order of their key, after the last one; the key comes behind the columns.
fn query(table: &Physical, first: bool) -> String {
    let quoted = |names: &mut dyn Iterator<Item = &String>| {
        names.map(|name| quote(name)).collect::<Vec<_>>().join(", ")
    };
    let key = quoted(&mut table.key.iter());
    let columns = quoted(&mut table.columns.iter().map(|(name, _)| name).chain(&table.key));
    let numbers: Vec<String> = (1..=table.key.len()).map(|number| format!("${number}")).collect();
    let after = if first { String::new() } else { format!(" WHERE ({key}) > ({})", numbers.join(", ")) };
    format!("SELECT {columns} FROM {}{after} ORDER BY {key} LIMIT {PAGE}", quote(&table.name))
}

fn key(table: &Physical, row: &Row) -> Vec<Value> {
    row.0.iter().skip(table.columns.len()).cloned().collect()
}

fn line(file: &mut impl Write, table: &Physical, row: &Row) -> Result<()> {
    let cells = table.columns.iter().enumerate().map(|(place, (_, column))| cell::write(row, place, *column));
    let cells: Vec<Json> = cells.collect::<Result<_>>()?;
    serde_json::to_writer(&mut *file, &cells).map_err(Error::internal)?;
    Ok(file.write_all(b"\n")?)
}
