//! What somebody missed who comes back: each changed record once, as it is now.

use std::collections::HashMap;

use mains_base::{Result, Uuid};
use mains_language::schema::CollectionId;

use super::changed;
use super::subscribers::{Seen, Wish, seeing, shown};
use crate::log::{self, Change, Op, Position};
use crate::records::Source;
use crate::write::{Image, stored};

/// Changes that are looked through for one who comes back, and records that are told.
const MOST_CHANGES: i64 = 100_000;
const MOST_RECORDS: usize = 1_000;
/// Rows of the log that are read at once.
const BATCH: usize = 1_000;

/// A record that changed meanwhile.
#[derive(Debug)]
pub struct Missed {
    /// Its last change.
    pub change: Change,
    /// What it is now.
    pub seen: Seen,
    /// Its version as it is now; of one that is no more, the greatest.
    pub version: i64,
}

/// One record's changes.
struct Meanwhile {
    collection: CollectionId,
    /// The image before the first of them, where there was one.
    before: Option<Image>,
    created: bool,
    last: Change,
}

/// What these wishes missed of the changes after one position and up to another; `None` where that is too much, or no
/// longer kept.
pub async fn gap(
    source: &Source<'_>,
    wishes: &[Wish],
    (from, to): (Position, Position),
) -> Result<Option<Vec<Missed>>> {
    if to.0 - from.0 > MOST_CHANGES {
        return Ok(None);
    }
    let Some(records) = meanwhile(source, wishes, (from, to)).await? else { return Ok(None) };
    let mut now: HashMap<Uuid, Image> = HashMap::new();
    for collection in wishes.iter().map(Wish::collection) {
        let ids =
            records.iter().filter(|record| record.collection == collection).map(|record| record.last.record);
        let ids: Vec<Uuid> = ids.filter(|id| !now.contains_key(id)).collect();
        let images = stored(source.engine, source.epoch, collection, &ids).await?;
        now.extend(images.into_iter().map(|image| (image.id(), image)));
    }
    let mut missed = Vec::new();
    for record in records {
        let image = now.get(&record.last.record).filter(|image| image.collection == record.collection);
        let version = image.map_or(i64::MAX, Image::version);
        if let Some(seen) = seen(source, wishes, &record, image).await? {
            missed.push(Missed { change: record.last, seen, version });
        }
    }
    Ok(Some(missed))
}

/// The records that changed, in the order of their last changes.
async fn meanwhile(
    source: &Source<'_>,
    wishes: &[Wish],
    (from, to): (Position, Position),
) -> Result<Option<Vec<Meanwhile>>> {
    let schema = &source.epoch.schema;
    let mut found: HashMap<(CollectionId, Uuid), Meanwhile> = HashMap::new();
    let mut at = from;
    while at < to {
        let changes = match log::read(source.engine, at, BATCH).await {
            Err(error) if error.code() == log::TOO_OLD => return Ok(None),
            changes => changes?,
        };
        let Some(last) = changes.last() else { break };
        at = last.position;
        for change in changes.into_iter().filter(|change| change.position <= to) {
            let collection = schema.find(&change.collection);
            let heard = |collection: CollectionId| wishes.iter().any(|wish| wish.collection() == collection);
            let Some(collection) = collection.filter(|collection| heard(collection.id)) else { continue };
            let known = found.entry((collection.id, change.record)).or_insert_with(|| Meanwhile {
                collection: collection.id,
                before: changed::before(schema, collection, &change),
                created: change.op == Op::Create,
                last: change.clone(),
            });
            known.last = change;
        }
        if found.len() > MOST_RECORDS {
            return Ok(None);
        }
    }
    let mut records: Vec<Meanwhile> = found.into_values().collect();
    records.sort_by_key(|record| record.last.position);
    Ok(Some(records))
}

/// What a record is now to whoever comes back; nothing where it was not seen before and is not seen now.
async fn seen(
    source: &Source<'_>,
    wishes: &[Wish],
    record: &Meanwhile,
    now: Option<&Image>,
) -> Result<Option<Seen>> {
    if let Some(image) = now
        && let Some(wish) = first_seeing(source, wishes, record, image).await?
    {
        let json = shown(source, image, &[wish]).await?.pop().unwrap_or_default();
        return Ok(Some(Seen::Record { created: record.created, json }));
    }
    let Some(before) = &record.before else { return Ok(None) };
    let saw = first_seeing(source, wishes, record, before).await?.is_some();
    Ok(saw.then_some(Seen::Gone))
}

async fn first_seeing<'w>(
    source: &Source<'_>,
    wishes: &'w [Wish],
    record: &Meanwhile,
    image: &Image,
) -> Result<Option<&'w Wish>> {
    let collection = source.epoch.schema.collection(record.collection);
    let about = |wish: &&Wish| wish.collection() == record.collection && wish.is_found_by(collection, image);
    let found: Vec<&Wish> = wishes.iter().filter(about).collect();
    let verdicts = seeing(source, image, found.iter().copied()).await?;
    Ok(found.into_iter().zip(verdicts).find(|(_, sees)| *sees).map(|(wish, _)| wish))
}
