//! Rows in, a transaction per chunk, with how far the file is: a killed import goes on where it was.

use std::sync::{Arc, Mutex, PoisonError};

use mains_base::{Caller, Error, FieldError, Kind, Result};
use mains_database::write::Tx;
use mains_database::write::records;
use mains_language::schema::{CollectionId, Schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::row::{self, Ready};
use super::{store, unknown_collection};
use crate::site::Site;

/// Rows of one transaction.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Chunk {
    /// Where they belong.
    pub(crate) collection: String,
    /// What they hold.
    pub(crate) rows: Vec<Row>,
    /// All values are texts (CSV).
    pub(crate) texts: bool,
    /// How far the file is with this chunk; absent for a pipe.
    pub(crate) progress: Option<Progress>,
}

/// One row.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    /// Its line in the file, from 1.
    pub(crate) line: u64,
    /// Its fields.
    pub(crate) values: Map<String, Value>,
}

/// How far an import is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// The last line that is in.
    pub(crate) line: u64,
    /// SHA-256 of the file up to and with that line, as hex.
    pub(crate) hash: String,
}

/// Answers how far an import into this collection came, or null.
pub(super) async fn find(site: &Site, name: &str) -> Result<Value> {
    collection_of(&site.db().epoch().schema, name)?;
    let progress = store::progress(site.db().engine(), name).await?;
    serde_json::to_value(progress).map_err(Error::internal)
}

/// Forgets how far it was: it is complete.
pub(super) async fn end(site: &Site, name: &str) -> Result<Value> {
    let name = name.to_owned();
    site.db().write(&[], move |tx| store::forget(tx, &name)).await?;
    Ok(Value::Null)
}

fn collection_of(schema: &Schema, name: &str) -> Result<CollectionId> {
    let found = schema.find(name).filter(|collection| !collection.is_table());
    found.map(|collection| collection.id).ok_or_else(|| unknown_collection(schema, name))
}

/// Writes a chunk. Answers `{"written": n}`, or `{"errors": [{line, field, message}]}` with nothing written.
pub(super) async fn write(site: &Arc<Site>, chunk: Chunk) -> Result<Value> {
    let epoch = site.db().epoch();
    let id = collection_of(&epoch.schema, &chunk.collection)?;
    let collection = epoch.schema.collection(id);
    let (mut ready, mut errors) = (Vec::with_capacity(chunk.rows.len()), Vec::new());
    for row in &chunk.rows {
        match row::read(&epoch.schema, collection, row, chunk.texts) {
            Ok(row) => ready.push(row),
            Err(fields) => errors.extend(fields.iter().map(|field| said(row.line, field))),
        }
    }
    if !errors.is_empty() {
        return Ok(json!({"errors": errors}));
    }
    let (count, rows) = (ready.len(), Arc::new(ready));
    let progress = chunk.progress.map(|progress| (chunk.collection, progress));
    match write_all(site, id, &rows, progress).await {
        Ok(()) => Ok(json!({"written": count})),
        Err(error) if matches!(error.kind(), Kind::Internal | Kind::Unavailable) => Err(error),
        Err(_) => Ok(json!({"errors": blame(site, id, &rows).await?})),
    }
}

async fn write_all(
    site: &Site,
    id: CollectionId,
    rows: &Arc<Vec<Ready>>,
    progress: Option<(String, Progress)>,
) -> Result<()> {
    let rows = Arc::clone(rows);
    let work = move |tx: &mut Tx<'_>| {
        for row in rows.iter() {
            put(tx, id, row)?;
        }
        progress.as_ref().map_or(Ok(()), |(collection, progress)| store::note(tx, collection, progress))
    };
    site.db().write_alone(&[], work).await
}

/// Inserts a row, or changes the record of its id. No effect of the site fires.
fn put(tx: &mut Tx<'_>, collection: CollectionId, row: &Ready) -> Result<()> {
    let input = row.resolved(tx)?;
    let target = input.id.map(|id| records::Target::id(collection, id));
    match target {
        Some(target) => records::put(tx, &Caller::system(), &target, &input).map(drop),
        None => records::create(tx, &Caller::system(), collection, &input).map(drop),
    }
}

/// Writes the rows one by one to learn which are refused, and takes all of it back.
async fn blame(site: &Site, id: CollectionId, rows: &Arc<Vec<Ready>>) -> Result<Vec<Value>> {
    let refused: Arc<Mutex<Vec<Value>>> = Arc::default();
    let (rows, noted) = (Arc::clone(rows), Arc::clone(&refused));
    let rehearsal = move |tx: &mut Tx<'_>| -> Result<()> {
        let mut errors = Vec::new();
        for row in rows.iter() {
            if let Err(error) = tx.savepoint(|tx| put(tx, id, row)) {
                errors.extend(told(row.line, &error));
            }
        }
        *noted.lock().unwrap_or_else(PoisonError::into_inner) = errors;
        Err(Error::conflict("import.refused", "A rehearsal is always taken back."))
    };
    let outcome = site.db().write_alone(&[], rehearsal).await;
    let refused = std::mem::take(&mut *refused.lock().unwrap_or_else(PoisonError::into_inner));
    match outcome {
        Err(error) if error.code() != "import.refused" => Err(error),
        _ => Ok(refused),
    }
}

fn told(line: u64, error: &Error) -> Vec<Value> {
    if error.fields().is_empty() {
        return vec![json!({"line": line, "field": null, "message": error.detail()})];
    }
    error.fields().iter().map(|field| said(line, field)).collect()
}

fn said(line: u64, field: &FieldError) -> Value {
    json!({"line": line, "field": field.pointer.trim_start_matches('/'), "message": field.message})
}
