//! Deletes that take more than one transaction: begun by a request, done by a job.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use mains_base::{Error, Result, Uuid};
use mains_database::jobs::Handler;
use mains_database::write::deletion;
use mains_database::write::records::{self as rules, Target};

use super::Records;
use super::write::Change;
use crate::body::Body;
use crate::idempotency;
use crate::router::Response;

/// A delete of this length is begun again where it was.
const LONGEST: Duration = Duration::from_hours(6);

/// Does the deletes that were begun.
pub fn deleting() -> Handler {
    let handler = Handler::new(deletion::JOB, |context| async move {
        deletion::run(&context, idempotency::forget_record).await
    });
    handler.together(1).limit(LONGEST)
}

impl Records {
    /// Begins a delete that takes more with it than one transaction: 202, unless something stands against it. The
    /// record is there until everything else is gone.
    pub(super) async fn begin_delete(
        &self,
        change: &Change<'_>,
        target: Target,
        id: Uuid,
    ) -> Result<Response> {
        deletion::check(&self.db, target.collection, id).await?;
        self.run(change, &[], move |tx, caller| rules::begin_delete(tx, caller, &target)).await?;
        let prefix = change.collection().prefix.as_ref().ok_or_else(Error::not_found)?;
        let body = format!("{{\"id\":\"{}\",\"deleting\":true}}", id.text(prefix));
        let mut response = Response::new(Body::from(Bytes::from(body)));
        *response.status_mut() = StatusCode::ACCEPTED;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(response)
    }
}
