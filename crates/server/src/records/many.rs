//! Many records by a condition: `PATCH` and `DELETE /api/{collection}?where.…`, up to 1,000 at once.
//!
//! Invariant: a record is changed only where the condition holds in the transaction that changes it. It is looked for
//! outside, where a slow condition keeps no writer waiting, and asked again inside; where it no longer holds, both happen
//! again.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use mains_base::{Error, Kind, Result, Uuid};
use mains_database::records::ListRequest;
use mains_database::write::Tx;
use mains_database::write::records::{self as rules, Many};
use mains_language::schema::Collection;
use serde::Deserialize;

use super::write::Change;
use super::{Records, json, query};
use crate::idempotency;
use crate::router::Response;

/// How many a request changes; one more is looked for, to know whether there are more.
const MOST: usize = 1000;
const PAGE: u32 = 500;
/// How often a look is repeated because the condition no longer held.
const LOOKS: usize = 5;

#[derive(Deserialize)]
struct Page {
    items: Vec<Item>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    id: String,
}

impl Records {
    pub(super) async fn change_many(&self, change: &Change<'_>) -> Result<Response> {
        let input = change.input()?;
        let of = change.of;
        self.many(change, move |tx, caller, ids| rules::update_many(tx, caller, of, (ids, &input))).await
    }

    pub(super) async fn delete_many(&self, change: &Change<'_>) -> Result<Response> {
        change.expect_no_fields()?;
        let of = change.of;
        let name = change.name.to_owned();
        let gone = move |tx: &mut Tx<'_>, caller: &mains_base::Caller, ids: &[Uuid]| {
            let done = rules::delete_many(tx, caller, of, ids)?;
            ids.iter().take(MOST).try_for_each(|id| idempotency::forget_record(tx, &name, *id))?;
            Ok(done)
        };
        self.many(change, gone).await
    }

    async fn many(
        &self,
        change: &Change<'_>,
        work: impl Fn(&mut Tx<'_>, &mains_base::Caller, &[Uuid]) -> Result<Many> + Clone + Send + Sync + 'static,
    ) -> Result<Response> {
        let of = change.of;
        let asked = query::condition(of, change.call.head.uri.query())?;
        if change.if_match.is_some() {
            let detail = "If-Match names the version of one record; leave it out.";
            return Err(Error::new(Kind::Malformed, "request.if_match", detail));
        }
        let condition = Arc::new(self.source(&change.epoch).condition(&change.caller, &asked)?);
        for _ in 0..LOOKS {
            let seen = self.look(change, asked.clone()).await?;
            let (condition, work) = (Arc::clone(&condition), work.clone());
            let all = move |tx: &mut Tx<'_>, caller: &mains_base::Caller| {
                let first = seen.get(..MOST).unwrap_or(&seen);
                if condition.holds(tx, caller, first)? { work(tx, caller, &seen).map(Some) } else { Ok(None) }
            };
            if let Some(done) = self.run_alone(change, all).await? {
                let body = format!("{{\"changed\":{},\"more\":{}}}", done.changed, done.more);
                return Ok(json(StatusCode::OK, Bytes::from(body)));
            }
        }
        Err(restless())
    }

    /// The records that the condition holds for and the caller may read, up to one more than is changed.
    async fn look(&self, change: &Change<'_>, mut asked: ListRequest) -> Result<Vec<Uuid>> {
        asked.fields = Some("id".to_owned());
        asked.limit = Some(PAGE);
        let collection = change.collection();
        let mut seen = Vec::new();
        loop {
            let bytes = self.source(&change.epoch).list(&change.caller, &asked).await?;
            let page: Page = serde_json::from_slice(&bytes).map_err(Error::internal)?;
            for item in &page.items {
                seen.push(id(collection, &item.id)?);
            }
            asked.cursor = page.next;
            if asked.cursor.is_none() || seen.len() > MOST {
                return Ok(seen);
            }
        }
    }
}

fn id(collection: &Collection, text: &str) -> Result<Uuid> {
    let prefix = collection.prefix.as_ref().ok_or_else(Error::not_found)?;
    Uuid::parse(text, prefix).map_err(|_| Error::internal("a list gave an id that is none"))
}

fn restless() -> Error {
    let detail =
        "These records change faster than they can be changed together; try again, or with fewer of them.";
    Error::new(Kind::Unavailable, "records.busy", detail).retry_after(Duration::from_secs(1))
}
