//! What PostgreSQL's errors mean: to a caller, and to the loop that runs a closure again.

use mains_base::Error;
use tokio_postgres::error::{DbError, Severity, SqlState};

use crate::engine::{OnViolation, Violation, ViolationKind, failure};

/// A failure that is not the closure's.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Another transaction was in the way: run it again.
    Conflict(String),
    /// The schema changed under a prepared statement: forget them and run it again.
    StalePlan,
    /// The server ended the connection with a message: nothing behind the statement that got it was run.
    Ended(String),
    /// The connection is gone: connect and run it again, unless COMMIT was sent.
    Lost(String),
}

/// How a statement failed.
#[derive(Debug)]
pub(super) enum Failure {
    Trouble(Trouble),
    /// The statement itself is at fault.
    Statement(Box<tokio_postgres::Error>),
    /// Its parameters do not fit; nothing was sent.
    Refused(Error),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(cause: tokio_postgres::Error) -> Self {
        let Some(told) = cause.as_db_error() else {
            let lost = cause.is_closed() || has_io(&cause);
            return if lost { Self::lost(&cause) } else { Self::Statement(Box::new(cause)) };
        };
        let code = told.code();
        if is_fatal(told) {
            Self::Trouble(Trouble::Ended(told.message().to_owned()))
        } else if *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED {
            Self::Trouble(Trouble::Conflict(told.message().to_owned()))
        } else if *code == SqlState::FEATURE_NOT_SUPPORTED && told.message().contains("cached plan") {
            Self::Trouble(Trouble::StalePlan)
        } else {
            Self::Statement(Box::new(cause))
        }
    }
}

impl Failure {
    pub(super) fn lost(cause: &dyn std::fmt::Display) -> Self {
        Self::Trouble(Trouble::Lost(cause.to_string()))
    }

    /// What whoever asked learns.
    pub(super) fn meaning(self, on_violation: Option<&OnViolation>) -> Error {
        match self {
            Self::Trouble(trouble) => trouble.meaning(),
            Self::Statement(cause) => statement(*cause, on_violation),
            Self::Refused(error) => error,
        }
    }

    /// Whether the statement ran out of time.
    pub(super) fn is_timeout(&self) -> bool {
        let Self::Statement(cause) = self else { return false };
        cause.code() == Some(&SqlState::QUERY_CANCELED)
    }
}

impl Trouble {
    /// What is said when running again did not end it.
    pub(super) fn meaning(self) -> Error {
        match self {
            Self::Conflict(cause) => failure::busy().because(cause),
            Self::StalePlan => failure::busy().because("the schema is changing"),
            Self::Ended(cause) | Self::Lost(cause) => failure::unavailable(cause),
        }
    }
}

/// Whether the server ends the connection with this message, so that nothing behind it was run.
fn is_fatal(told: &DbError) -> bool {
    !matches!(told.parsed_severity(), Some(Severity::Error))
}

fn has_io(cause: &tokio_postgres::Error) -> bool {
    let source = std::error::Error::source(cause);
    source.is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
}

fn statement(cause: tokio_postgres::Error, on_violation: Option<&OnViolation>) -> Error {
    let Some(told) = cause.as_db_error() else { return Error::internal(cause) };
    if let (Some(violation), Some(on_violation)) = (violation(told), on_violation) {
        return on_violation(&violation).because(cause);
    }
    let code = told.code().clone();
    if code == SqlState::LOCK_NOT_AVAILABLE || code == SqlState::QUERY_CANCELED {
        failure::busy().because(cause)
    } else if code == SqlState::DISK_FULL {
        failure::out_of_space(cause)
    } else if code == SqlState::READ_ONLY_SQL_TRANSACTION
        || code.code().starts_with("53")
        || code.code().starts_with("57")
    {
        failure::unavailable(cause)
    } else {
        Error::internal(cause)
    }
}

fn violation(told: &DbError) -> Option<Violation> {
    let code = told.code();
    let kind = if *code == SqlState::UNIQUE_VIOLATION {
        ViolationKind::Unique
    } else if *code == SqlState::FOREIGN_KEY_VIOLATION {
        ViolationKind::ForeignKey
    } else if *code == SqlState::CHECK_VIOLATION {
        ViolationKind::Check
    } else if *code == SqlState::NOT_NULL_VIOLATION {
        ViolationKind::NotNull
    } else {
        return None;
    };
    let name = told.constraint().or(told.column()).unwrap_or_default().to_owned();
    Some(Violation { kind, name })
}
