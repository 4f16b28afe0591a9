//! A row of the log as images of the record before and after it.

use mains_base::{Result, Uuid, Value};
use mains_language::schema::{Collection, FieldId, Schema};
use mains_language::values::from_json;
use serde_json::{Map, Value as Json};

use crate::log::{Change, Op};
use crate::records::Source;
use crate::write::{Image, LEFT_OUT, OLD, RECORD, stored};

/// What a change did to a record.
pub(super) struct Changed {
    pub(super) before: Option<Image>,
    pub(super) after: Option<Image>,
}

/// The images of a change. Values that the log does not hold are read from the record as it is now, all of them then;
/// where it is gone meanwhile, its own end will be told.
pub(super) async fn changed(
    source: &Source<'_>,
    collection: &Collection,
    change: &Change,
) -> Result<Changed> {
    let schema = &source.epoch.schema;
    let data: Option<Map<String, Json>> =
        change.data.as_deref().and_then(|data| serde_json::from_str(data).ok());
    let logged = data.as_ref().and_then(|data| read(schema, collection, data, change.record));
    let before = match (change.op, &logged, &data) {
        (Op::Delete, Some(logged), _) => Some(logged.image.clone()),
        (Op::Update, Some(logged), Some(data)) => Some(overlaid(schema, collection, &logged.image, data)),
        _ => None,
    };
    let after = match (change.op, logged) {
        (Op::Delete, _) => None,
        (_, Some(logged)) if logged.whole => Some(logged.image),
        _ => stored(source.engine, source.epoch, collection.id, &[change.record]).await?.pop(),
    };
    Ok(Changed { before, after })
}

/// The image before a change, by the log alone.
pub(super) fn before(schema: &Schema, collection: &Collection, change: &Change) -> Option<Image> {
    let data: Map<String, Json> = serde_json::from_str(change.data.as_deref()?).ok()?;
    let logged = read(schema, collection, &data, change.record)?;
    match change.op {
        Op::Create => None,
        Op::Update => Some(overlaid(schema, collection, &logged.image, &data)),
        Op::Delete => Some(logged.image),
    }
}

struct Logged {
    image: Image,
    /// Whether nothing was left out.
    whole: bool,
}

fn read(schema: &Schema, collection: &Collection, data: &Map<String, Json>, record: Uuid) -> Option<Logged> {
    let values = data.get(RECORD)?.as_object()?;
    let mut logged = Logged { image: Image::blank(collection), whole: !data.contains_key(LEFT_OUT) };
    logged.image.set(FieldId::ID, Value::Id(record));
    for field in collection.fields.iter().filter(|field| field.is_stored() && field.id != FieldId::ID) {
        let Some(json) = values.get(&field.name) else { continue };
        match from_json(field, schema, json) {
            Ok(value) => logged.image.set(field.id, value),
            Err(_) => logged.whole = false,
        }
    }
    logged.image.follow_currencies(collection);
    Some(logged)
}

fn overlaid(schema: &Schema, collection: &Collection, now: &Image, data: &Map<String, Json>) -> Image {
    let mut image = now.clone();
    for (name, json) in data.get(OLD).and_then(Json::as_object).into_iter().flatten() {
        if let Some(field) = collection.find(name).filter(|field| field.is_stored()) {
            image.set(field.id, from_json(field, schema, json).unwrap_or(Value::Null));
        }
    }
    image.follow_currencies(collection);
    image
}
