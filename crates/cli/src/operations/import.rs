//! Rows in, a transaction per chunk, with how far the file is: a killed import goes on where it was.
//!
//! Always true: a chunk of a file is written only behind the chunk before it. Of two imports that run at once into one
//! collection, by whatever processes, one writes each chunk and the other is told; no row comes twice or is left out.

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

/// The code of what came second.
const OVERTAKEN: &str = "import.overtaken";

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
    pub(crate) step: Option<Step>,
}

/// From where to where a chunk brings an import.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Step {
    /// How far it was; absent at the beginning.
    pub(crate) from: Option<Progress>,
    /// How far it is then.
    pub(crate) to: Progress,
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

/// Forgets how far an import was that is complete here; whichever it was, where nothing is said.
pub(super) async fn end(site: &Site, name: &str, at: Option<Progress>) -> Result<Value> {
    let name = name.to_owned();
    let forget = move |tx: &mut Tx<'_>| {
        let found = store::noted(tx, &name)?;
        if at.is_none() || at == found { store::forget(tx, &name) } else { Ok(()) }
    };
    site.db().write(&[], forget).await?;
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
    let step = chunk.step.map(|step| (chunk.collection, step));
    match write_all(site, id, &rows, step).await {
        Ok(()) => Ok(json!({"written": count})),
        Err(error) if matches!(error.kind(), Kind::Internal | Kind::Unavailable) => Err(error),
        Err(error) if error.code() == OVERTAKEN => Err(error),
        Err(_) => Ok(json!({"errors": blame(site, id, &rows).await?})),
    }
}

async fn write_all(
    site: &Site,
    id: CollectionId,
    rows: &Arc<Vec<Ready>>,
    step: Option<(String, Step)>,
) -> Result<()> {
    let rows = Arc::clone(rows);
    let work = move |tx: &mut Tx<'_>| {
        if let Some((collection, step)) = &step {
            // First, so that who comes second writes nothing.
            advance(tx, collection, step)?;
        }
        rows.iter().try_for_each(|row| put(tx, id, row))
    };
    site.db().write_alone(&[], work).await
}

/// Notes how far the import is, if it still is where this chunk begins.
fn advance(tx: &mut Tx<'_>, collection: &str, step: &Step) -> Result<()> {
    if store::noted(tx, collection)? == step.from {
        return store::note(tx, collection, &step.to);
    }
    let detail = format!(
        "Another import into {collection} runs at this moment, and was first with what comes here. Nothing more of \
         this one is written. Let the other one end, and run this again if rows are missing then."
    );
    Err(Error::conflict(OVERTAKEN, detail))
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
