//! How many requests are answered at the same time, and how long each may take.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use mains_base::{Error, Kind, Result};
use tokio::time::{Instant, timeout_at};

use crate::request::Arrival;
use crate::router::Response;

/// One request that is being answered.
pub(crate) struct Open<'r>(&'r AtomicUsize);

impl<'r> Open<'r> {
    /// A place among the most, if one is free.
    pub(crate) fn enter(open: &'r AtomicUsize, most: usize) -> Option<Self> {
        let entered = Self(open);
        (open.fetch_add(1, Relaxed) < most).then_some(entered)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// Waits for an answer. A body that is slow to arrive has a deadline of its own, so the answer's begins behind it.
pub(crate) async fn within(
    limit: Duration,
    (mut begun, arrival): (Instant, Option<Arc<Arrival>>),
    mut working: Pin<&mut impl Future<Output = Result<Response>>>,
) -> Result<Response> {
    loop {
        if let Ok(answered) = timeout_at(begun + limit, working.as_mut()).await {
            return answered;
        }
        if !arrival.as_ref().is_some_and(|arrival| arrival.is_awaited()) {
            return Err(gave_up(limit));
        }
        begun = Instant::now();
    }
}

/// 503 of a request for which there is no place.
pub(crate) fn overloaded() -> Error {
    Error::new(
        Kind::Unavailable,
        "server.overloaded",
        "There is too much to do at once; try again in a second.",
    )
    .retry_after(Duration::from_secs(1))
}

fn gave_up(limit: Duration) -> Error {
    let detail = format!(
        "This took longer than {} s and was given up; look whether it happened before you send it again.",
        limit.as_secs_f64()
    );
    Error::new(Kind::Unavailable, "server.too_slow", detail).retry_after(Duration::from_secs(1))
}
