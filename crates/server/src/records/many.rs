//! Many records by a condition: `PATCH` and `DELETE /api/{collection}?where.…`.

use super::Records;
use super::query::{self, not_yet};
use super::write::Change;
use crate::router::Response;
use mains_base::Result;

impl Records {
    pub(super) async fn change_many(&self, change: &Change<'_>) -> Result<Response> {
        query::condition(change.collection()?.id, change.call.head.uri.query())?;
        change.input()?;
        Err(not_yet("Changing many records at once"))
    }

    pub(super) async fn delete_many(&self, change: &Change<'_>) -> Result<Response> {
        query::condition(change.collection()?.id, change.call.head.uri.query())?;
        change.expect_no_fields()?;
        Err(not_yet("Deleting many records at once"))
    }
}
