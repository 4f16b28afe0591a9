//! Deleting a record with more than one transaction takes with it: in steps, by a job.
//!
//! The record itself goes last, so it stands for what is still to be done. Invariants: what stands against the delete is
//! looked for over all that would go, before anything goes; each step is a transaction with its log rows; whatever
//! ends a process between two steps, the next attempt looks what is left and goes on.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use mains_base::{Caller, Error, Result, Uuid, Value};
use mains_language::schema::{CollectionId, Inverse, OnDelete, Schema};
use serde::{Deserialize, Serialize};

use super::cascade::{self, COUNTED, inverses, next, without};
use super::input::{Authority, Input, Sent};
use super::kept::Key;
use super::refusal::{self, is_too_many};
use super::{Image, Tx};
use crate::Db;
use crate::dialect::quote;
use crate::engine::{Statements, busy};
use crate::jobs::{Job, JobContext};
use crate::schema::names;

/// The name of these jobs.
pub const JOB: &str = "deletion.step";
/// Records that one step deletes.
const STEP: usize = 1_000;
/// Records that one delete may take with it at all: their ids are held in memory.
const MOST: usize = 2_000_000;
/// Ids that are asked for at once.
const PAGE: usize = 5_000;
const TARGETS: usize = 500;
/// How often all is looked at anew, where others add to it meanwhile.
const ROUNDS: usize = 100;

/// What a job is told.
#[derive(Serialize, Deserialize)]
struct Asked {
    collection: String,
    id: Letters,
    /// Who asked, for the log.
    actor: Letters,
    request: Option<String>,
}

/// An id as its letters.
#[derive(Serialize, Deserialize)]
struct Letters(String);

/// All that goes with a record.
struct Doomed {
    keys: HashSet<Key>,
    /// In the order in which they were found, without the record itself.
    found: Vec<Key>,
}

/// Who deletes, and on account of which request.
#[derive(Clone)]
struct Doer {
    caller: Caller,
    request: Option<String>,
    /// The schema by which keys name collections.
    epoch: u64,
}

impl Letters {
    fn of(id: Uuid) -> Self {
        Self(String::from_utf8_lossy(&id.suffix()).into_owned())
    }

    fn id(&self) -> Result<Uuid> {
        Uuid::from_suffix(&self.0).map_err(|_| Error::internal("a job names a record that is none"))
    }
}

/// Has a job delete the record, which was loaded. One that is at it already goes on.
pub(super) fn begin(tx: &mut Tx<'_>, image: &Image, caller: &Caller) -> Result<()> {
    let collection = tx.schema().collection(image.collection).name.clone();
    let id = Letters::of(image.id());
    let key = format!("{collection} {}", id.0);
    let request = tx.state.request.as_deref().map(str::to_owned);
    let asked = Asked { collection, id, actor: Letters::of(caller.id), request };
    let payload = serde_json::to_value(&asked).map_err(Error::internal)?;
    tx.enqueue_anew(Job::new(JOB, key).payload(payload))
}

/// 409 where something that stays points at the record or at what goes with it, as far as one look can tell.
pub async fn check(db: &Db, collection: CollectionId, id: Uuid) -> Result<()> {
    let schema = Arc::clone(&db.epoch().schema);
    let looked =
        db.engine().snapshot(move |statements| look(statements, &schema, (collection, id)).map(drop));
    match looked.await {
        // More than a request may read: the job looks in peace.
        Err(error) if error.code() == "query.needs_index" => Ok(()),
        looked => looked,
    }
}

/// Does such a job. `forget` runs in the transaction in which the record itself goes.
pub async fn run(
    context: &JobContext,
    forget: impl Fn(&mut Tx<'_>, &str, Uuid) -> Result<()> + Clone + Send + Sync + 'static,
) -> Result<()> {
    let asked: Asked = serde_json::from_value(context.payload.clone()).map_err(Error::internal)?;
    let id = asked.id.id()?;
    let caller = Caller { id: asked.actor.id()?, ..Caller::system() };
    for _ in 0..ROUNDS {
        let epoch = context.db.epoch();
        let doer = Doer { caller: caller.clone(), request: asked.request.clone(), epoch: epoch.number };
        let schema = Arc::clone(&epoch.schema);
        // The collection is gone, and the record with it.
        let Some(collection) = schema.find(&asked.collection) else { return Ok(()) };
        let root = (collection.id, id);
        let looking = Arc::clone(&schema);
        let looked =
            context.db.engine().long_snapshot(move |statements| look(statements, &looking, root)).await;
        let Some(doomed) = looked.map_err(given_up)? else { return Ok(()) };
        let portions = doomed.portions(&schema);
        let doomed = Arc::new(doomed.keys);
        for portion in portions {
            step(&context.db, &doer, &doomed, portion).await.map_err(given_up)?;
        }
        let (last, forget, name) = (context.clone(), forget.clone(), asked.collection.clone());
        let acting = doer.clone();
        let gone = context.db.write_alone(&[], move |tx| {
            acting.act(tx)?;
            if let Some(image) = tx.find(root.0, root.1)? {
                tx.delete_all(&[image])?;
                forget(tx, &name, id)?;
            }
            last.finish(tx)
        });
        match gone.await {
            // The next look finds what was added to it meanwhile.
            Err(error) if is_too_many(&error) => drop(clear(&context.db, &doer, root).await?),
            gone => return gone.map_err(given_up),
        }
    }
    Err(JobContext::give_up("Records are added to it faster than they can be deleted."))
}

/// No other attempt would end better than what somebody has to decide.
fn given_up(error: Error) -> Error {
    if matches!(error.code(), "records.referenced" | "records.check" | "records.too_many") {
        JobContext::give_up(error.detail().to_owned())
    } else {
        error
    }
}

impl Doer {
    fn act(&self, tx: &mut Tx<'_>) -> Result<()> {
        if tx.epoch().number != self.epoch {
            // Another attempt looks anew, by the new schema.
            return Err(busy());
        }
        tx.act_as(&self.caller);
        if let Some(request) = &self.request {
            tx.name_request(request);
        }
        Ok(())
    }
}

/// Deletes some of what goes: all at once, else in halves.
async fn step(db: &Db, doer: &Doer, doomed: &Arc<HashSet<Key>>, portion: Vec<Key>) -> Result<()> {
    let mut left = vec![portion];
    while let Some(portion) = left.pop() {
        let (doing, doomed) = (doer.clone(), Arc::clone(doomed));
        let of = portion.clone();
        let gone = db.write_alone(&[], move |tx| {
            doing.act(tx)?;
            tx.delete_portion(&of, &doomed)
        });
        match gone.await {
            Err(error) if is_too_many(&error) => match portion.as_slice() {
                [one] => {
                    // With nothing to clear it is left to the next look.
                    if clear(db, doer, *one).await? > 0 {
                        left.push(portion);
                    }
                }
                more => {
                    let (first, second) = more.split_at(more.len() / 2);
                    left.push(second.to_vec());
                    left.push(first.to_vec());
                }
            },
            gone => gone?,
        }
    }
    Ok(())
}

/// Clears what points at one record and stays; how many.
async fn clear(db: &Db, doer: &Doer, key: Key) -> Result<usize> {
    let mut cleared = 0;
    loop {
        let doing = doer.clone();
        let more = db.write_alone(&[], move |tx| {
            doing.act(tx)?;
            tx.clear_some(key)
        });
        match more.await? {
            0 => return Ok(cleared),
            more => cleared += more,
        }
    }
}

impl Tx<'_> {
    /// Deletes these records, and those of the doomed that would stand against it.
    fn delete_portion(&mut self, portion: &[Key], doomed: &HashSet<Key>) -> Result<()> {
        let mut known: HashSet<Key> = portion.iter().copied().collect();
        let mut fresh = portion.to_vec();
        while !fresh.is_empty() {
            let mut more = Vec::new();
            for (collection, ids) in grouped(&fresh) {
                for inverse in inverses(&self.schema(), collection, OnDelete::Restrict) {
                    let pointing = self.pointing(inverse.from, inverse.field, &ids, cascade::MOST + 1)?;
                    let keys = pointing.iter().map(|image| (image.collection, image.id()));
                    more.extend(keys.filter(|key| doomed.contains(key) && known.insert(*key)));
                }
            }
            if known.len() > cascade::MOST {
                return Err(refusal::too_many(cascade::MOST));
            }
            fresh = more;
        }
        let mut images = Vec::new();
        let all: Vec<Key> = known.into_iter().collect();
        for (collection, ids) in grouped(&all) {
            images.extend(self.get_all(collection, &ids)?);
        }
        self.delete_all(&images)
    }

    /// Clears the relations of up to a thousand records; how many.
    fn clear_some(&mut self, (collection, id): Key) -> Result<usize> {
        for inverse in inverses(&self.schema(), collection, OnDelete::Clear) {
            let images = self.pointing(inverse.from, inverse.field, &[id], STEP)?;
            if images.is_empty() {
                continue;
            }
            let gone = HashSet::from([(collection, id)]);
            let authority = Authority { forces: true, ..Authority::own(&self.state.caller) };
            for image in &images {
                let left = without(image.value(inverse.field), &gone, collection);
                let input = Input { values: vec![(inverse.field, Sent::Set(left))], ..Input::default() };
                self.change(&authority, image, (&input, &[])).map_err(cascade::elsewhere)?;
            }
            return Ok(images.len());
        }
        Ok(0)
    }
}

impl Doomed {
    /// What goes together, in order: those that point before those that are pointed at, and children before parents.
    fn portions(&self, schema: &Schema) -> Vec<Vec<Key>> {
        let mut by_collection: BTreeMap<CollectionId, Vec<Key>> = BTreeMap::new();
        for key in &self.found {
            by_collection.entry(key.0).or_default().push(*key);
        }
        let mut left: Vec<CollectionId> = by_collection.keys().copied().collect();
        let mut portions = Vec::new();
        while !left.is_empty() {
            let collection = left.remove(next(schema, &left));
            let mut keys = by_collection.remove(&collection).unwrap_or_default();
            keys.reverse();
            portions.extend(keys.chunks(STEP).map(<[Key]>::to_vec));
        }
        portions
    }
}

fn grouped(keys: &[Key]) -> BTreeMap<CollectionId, Vec<Uuid>> {
    let mut groups: BTreeMap<CollectionId, Vec<Uuid>> = BTreeMap::new();
    for (collection, id) in keys {
        groups.entry(*collection).or_default().push(*id);
    }
    groups
}

/// All that goes with a record, in one state of the data; 409 where something that stays points at any of it. `None`
/// where the record is gone.
fn look(statements: &mut dyn Statements, schema: &Schema, root: Key) -> Result<Option<Doomed>> {
    let there = format!("SELECT 1 FROM {} WHERE \"id\" = $1", quote(&schema.collection(root.0).name));
    if statements.query(&there, &[root.1.into()])?.0.is_empty() {
        return Ok(None);
    }
    let mut doomed = Doomed { keys: HashSet::from([root]), found: Vec::new() };
    let mut level = vec![root];
    while !level.is_empty() {
        let mut below = Vec::new();
        for (collection, ids) in grouped(&level) {
            for inverse in inverses(schema, collection, OnDelete::Cascade) {
                if schema.collection(inverse.from).is_table() {
                    continue;
                }
                each_pointing(statements, schema, (&inverse, &ids), &mut |id| {
                    let key = (inverse.from, id);
                    if doomed.keys.insert(key) {
                        below.push(key);
                    }
                })?;
                if doomed.keys.len() > MOST {
                    return Err(refusal::too_many(MOST));
                }
            }
        }
        doomed.found.extend(&below);
        level = below;
    }
    let all: Vec<Key> = doomed.keys.iter().copied().collect();
    for (collection, ids) in grouped(&all) {
        for inverse in inverses(schema, collection, OnDelete::Restrict) {
            let mut stay = HashSet::new();
            each_pointing(statements, schema, (&inverse, &ids), &mut |id| {
                if stay.len() <= COUNTED && !doomed.keys.contains(&(inverse.from, id)) {
                    stay.insert(id);
                }
            })?;
            if !stay.is_empty() {
                return Err(refusal::referenced(stay.len().min(COUNTED), None, stay.len() > COUNTED));
            }
        }
    }
    Ok(Some(doomed))
}

/// The records that point at any of these by a relation, page by page.
fn each_pointing(
    statements: &mut dyn Statements,
    schema: &Schema,
    (inverse, targets): (&Inverse, &[Uuid]),
    visit: &mut dyn FnMut(Uuid),
) -> Result<()> {
    let from = schema.collection(inverse.from);
    let field = from.field(inverse.field);
    let (table, id, target) = if field.many.is_some() {
        (names::join_table(&from.name, &field.name), "record", "target")
    } else {
        (from.name.clone(), "id", field.name.as_str())
    };
    let text = format!(
        "SELECT \"{id}\" FROM {} WHERE {} IN $1 AND \"{id}\" > $2 ORDER BY \"{id}\" LIMIT {PAGE}",
        quote(&table),
        quote(target)
    );
    for targets in targets.chunks(TARGETS) {
        let targets = Value::List(targets.iter().copied().map(Value::Id).collect());
        let mut after = Uuid::NIL;
        loop {
            let rows = statements.query(&text, &[targets.clone(), after.into()])?;
            for row in &rows.0 {
                if let Some(id) = row.id(0)? {
                    visit(id);
                    after = id;
                }
            }
            if rows.0.len() < PAGE {
                break;
            }
        }
    }
    Ok(())
}
