//! The engine's own failures, each with one code and one sentence.

use std::time::Duration;

use mains_base::{Error, Kind};

type Cause = Box<dyn std::error::Error + Send + Sync>;

const WAIT: Duration = Duration::from_secs(1);

/// The queue is full, or conflicts did not end in time.
pub(crate) fn busy() -> Error {
    Error::new(
        Kind::Unavailable,
        "database.busy",
        "More is asked of the database than can be done at once. Try again in a moment.",
    )
    .retry_after(WAIT)
}

/// The database cannot be reached, or is closing.
pub(crate) fn unavailable(cause: impl Into<Cause>) -> Error {
    Error::new(
        Kind::Unavailable,
        "database.unavailable",
        "The database cannot be reached now. Try again in a moment.",
    )
    .retry_after(WAIT)
    .because(cause)
}

/// COMMIT was sent and its answer never came.
pub(crate) fn outcome_unknown(cause: impl Into<Cause>) -> Error {
    Error::new(
        Kind::Unavailable,
        "outcome_unknown",
        "Nobody can say whether this was stored. Look before you send it again.",
    )
    .retry_after(WAIT)
    .because(cause)
}

/// Whether that is so.
pub(crate) fn is_outcome_unknown(error: &Error) -> bool {
    error.code() == "outcome_unknown"
}

/// No space left: nothing of this write was stored.
pub(crate) fn out_of_space(cause: impl Into<Cause>) -> Error {
    Error::new(
        Kind::OutOfSpace,
        "database.full",
        "The disk of this server is full, so nothing can be stored. Reading goes on; tell who runs it.",
    )
    .because(cause)
}

/// A read took more than its budget.
pub(crate) fn needs_index() -> Error {
    Error::new(
        Kind::Invalid,
        "query.needs_index",
        "This reads more rows than one request may. Ask for less, or declare an index for these fields.",
    )
}

/// The closure went on after a statement had failed outside a savepoint.
pub(crate) fn went_on() -> Error {
    Error::internal("a write went on after one of its statements had failed outside a savepoint")
}

/// The closure panicked.
pub(crate) fn panicked(payload: &(dyn std::any::Any + Send)) -> Error {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    Error::internal(format!("panic: {}", text.unwrap_or_default()))
}
