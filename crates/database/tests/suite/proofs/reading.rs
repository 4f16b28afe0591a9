//! Reading as a caller does, beside the writes of [`Site`].

use mains_base::{Caller, Result};
use mains_database::records::{Cursors, Key, ListRequest, Source};
use serde_json::Value as Json;

use crate::writes::site::{Site, said};

/// Cursors of tests.
pub(super) fn cursors() -> Cursors {
    Cursors::new(&[7; 32]).unwrap()
}

/// A list as an address asks for it: `where.a=1&filter=…&sort=…`, not encoded, values without `&`.
pub(super) fn request(site: &Site, collection: &str, query: &str) -> ListRequest {
    let mut request = ListRequest::of(site.collection(collection));
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        let value = value.to_owned();
        match name {
            "filter" => request.filter = Some(value),
            "sort" => request.sort = Some(value),
            "fields" => request.fields = Some(value),
            "cursor" => request.cursor = Some(value),
            "total" => request.total = value == "true",
            "limit" => request.limit = value.parse().ok(),
            _ => request.wheres.push((name.trim_start_matches("where.").to_owned(), vec![value])),
        }
    }
    request
}

/// The JSON of a page, or what it was refused with.
pub(crate) async fn list(
    site: &Site,
    caller: &Caller,
    collection: &str,
    query: &str,
) -> Result<Json, String> {
    let (epoch, cursors) = (site.db.epoch(), cursors());
    let source = Source { engine: site.db.engine(), epoch: &epoch, cursors: &cursors };
    let request = request(site, collection, query);
    let body = source.list(caller, &request).await.map_err(|error| said(&error))?;
    Ok(serde_json::from_slice(&body).unwrap())
}

/// The JSON of the record at an address (`comment_01j…`, `slug=hello`, `me`), or what it was refused with.
pub(super) async fn get(
    site: &Site,
    caller: &Caller,
    collection: &str,
    address: &str,
) -> Result<Json, String> {
    let (epoch, cursors) = (site.db.epoch(), cursors());
    let source = Source { engine: site.db.engine(), epoch: &epoch, cursors: &cursors };
    let id = site.collection(collection);
    let key = Key::parse(&epoch.schema, id, caller, address).map_err(|error| said(&error))?;
    let found = source.get(caller, id, &key, None).await.map_err(|error| said(&error))?;
    Ok(serde_json::from_slice(&found.body).unwrap())
}
