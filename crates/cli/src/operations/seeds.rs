//! Seeds: records that every installation has, put at the first start and at every migrate.
//!
//! A line names its record by `id`, or by the unique index whose fields its `"key": […]` names.

use std::path::Path;
use std::sync::Arc;

use mains_base::{Caller, Error, FieldError, Kind, Result};
use mains_database::Db;
use mains_database::records::Key;
use mains_database::write::Tx;
use mains_database::write::records::{self, Target};
use mains_language::schema::{Collection, CollectionId, FieldId, Schema};
use serde_json::{Map, Value};

use super::import::Row;
use super::row::{self, Ready};
use super::unknown_collection;
use crate::files;

/// Rows of one transaction.
const CHUNK: usize = 500;

struct Seed {
    ready: Ready,
    /// The fields of its unique index; empty: its id.
    key: Vec<FieldId>,
}

/// The seeds of a site, read and checked against what it declares; those that others point at first.
pub(crate) struct Seeds(Vec<(CollectionId, Arc<Vec<Seed>>)>);

/// Reads all seeds, before anything is changed for them.
pub(crate) fn read(schema: &Schema, folder: &Path) -> Result<Seeds> {
    let mut files = files::seeds(folder)?;
    if let Some((unknown, _)) = files.iter().find(|(name, _)| schema.find(name).is_none()) {
        let missing = unknown_collection(schema, unknown);
        let sentence = format!("seeds/{unknown}.jsonl: {} Declare it, or remove the file.", missing.detail());
        return Err(Error::new(Kind::Invalid, missing.code(), sentence));
    }
    files.sort_by_key(|(name, _)| schema.find(name).map_or(0, |collection| depth(schema, collection, 0)));
    let found = files.iter().filter_map(|(name, source)| Some((schema.find(name)?, source)));
    let read =
        found.map(|(collection, source)| Ok((collection.id, Arc::new(of_file(schema, collection, source)?))));
    Ok(Seeds(read.collect::<Result<_>>()?))
}

impl Seeds {
    /// Puts all of them into a database that is as declared.
    pub(crate) async fn put(&self, db: &Db) -> Result<()> {
        for (id, seeds) in &self.0 {
            for part in 0..seeds.len().div_ceil(CHUNK) {
                let (id, seeds) = (*id, Arc::clone(seeds));
                let work = move |tx: &mut Tx<'_>| {
                    seeds.iter().skip(part * CHUNK).take(CHUNK).try_for_each(|seed| seed.put(tx, id))
                };
                db.write_alone(&[], work).await?;
            }
        }
        Ok(())
    }
}

/// How many relations lead on from a collection; one to itself and circles count once.
fn depth(schema: &Schema, collection: &Collection, seen: usize) -> usize {
    if seen > 16 {
        return seen;
    }
    let targets = collection
        .fields
        .iter()
        .filter_map(mains_language::schema::Field::relation)
        .filter(|to| *to != collection.id);
    targets.map(|to| 1 + depth(schema, schema.collection(to), seen + 1)).max().unwrap_or(0)
}

fn of_file(schema: &Schema, collection: &Collection, source: &str) -> Result<Vec<Seed>> {
    let lines = (1..).zip(source.lines()).filter(|(_, line)| !line.trim().is_empty());
    let seeds = lines.map(|(number, line)| {
        seed(schema, collection, number, line).map_err(|fields| {
            let detail =
                format!("seeds/{}.jsonl, line {number}: this record cannot be put.", collection.name);
            Error::new(Kind::Invalid, "seeds.invalid", detail).with_fields(fields)
        })
    });
    seeds.collect()
}

fn seed(schema: &Schema, collection: &Collection, number: u64, line: &str) -> Result<Seed, Vec<FieldError>> {
    let read: Result<Map<String, Value>, _> = serde_json::from_str(line);
    let mut values =
        read.map_err(|error| vec![FieldError::new("", "json", format!("This is no JSON: {error}."))])?;
    let names = values.remove("key");
    let ready = row::read(schema, collection, &Row { line: number, values }, false)?;
    let wrong = |message: &str| vec![FieldError::new("key", "key", message)];
    let mut key = Vec::new();
    for name in names.as_ref().and_then(Value::as_array).into_iter().flatten() {
        let field = name.as_str().and_then(|name| collection.find(name));
        key.push(field.ok_or_else(|| wrong("This names a field that is not there."))?.id);
    }
    if key.is_empty() && ready.input.id.is_none() {
        return Err(wrong("A seed needs an id, or \"key\": [\"…\"] with the fields of a unique index."));
    }
    Ok(Seed { ready, key })
}

impl Seed {
    fn put(&self, tx: &mut Tx<'_>, collection: CollectionId) -> Result<()> {
        let input = self.ready.resolved(tx)?;
        let key = match input.id {
            Some(id) => Key::Id(id),
            None => Key::Unique(self.parts(tx)?),
        };
        let target = Target { collection, key, if_match: None };
        let put = records::put(tx, &Caller::system(), &target, &input);
        put.map(drop).map_err(|error| {
            let detail = format!("The seed in line {} cannot be put: {}", self.ready.line, error.detail());
            Error::new(error.kind(), "seeds.refused", detail).with_fields(error.fields().to_vec())
        })
    }

    fn parts(&self, tx: &mut Tx<'_>) -> Result<Vec<(FieldId, mains_base::Value)>> {
        let mut parts = Vec::new();
        for &field in &self.key {
            let value = self.ready.value(field, tx)?.filter(|value| !value.is_null());
            let missing = || {
                Error::new(Kind::Invalid, "seeds.invalid", "A seed has a value for each field of its key.")
            };
            parts.push((field, value.ok_or_else(missing)?));
        }
        Ok(parts)
    }
}
