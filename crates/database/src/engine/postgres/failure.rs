//! What PostgreSQL's errors mean: to a caller, and to the loop that runs a closure again.

use mains_base::Error;

use super::wire::{Refusal, Told};
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
    /// The connection broke before all was sent: the last statement was not run.
    Unsent(String),
    /// The connection is gone: connect and run it again, unless COMMIT was sent.
    Lost(String),
}

/// How a statement failed.
#[derive(Debug)]
pub(super) enum Failure {
    Trouble(Trouble),
    /// The statement itself is at fault.
    Statement(Box<Told>),
    /// Its parameters do not fit, and nothing was sent; or its answer does not.
    Refused(Error),
}

impl From<Told> for Failure {
    fn from(told: Told) -> Self {
        if told.ends {
            return Self::Trouble(Trouble::Ended(told.message));
        }
        match told.code.as_str() {
            "40001" | "40P01" => Self::Trouble(Trouble::Conflict(told.message)),
            // Its words are the server's language's.
            "0A000" if told.routine == "RevalidateCachedQuery" => Self::Trouble(Trouble::StalePlan),
            _ => Self::Statement(Box::new(told)),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Told(told) => (*told).into(),
            Refusal::Broken(cause) => Self::lost(&cause),
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
            Self::Statement(told) => statement(*told, on_violation),
            Self::Refused(error) => error,
        }
    }

    /// Whether the statement ran out of time.
    pub(super) fn is_timeout(&self) -> bool {
        matches!(self, Self::Statement(told) if told.code == "57014")
    }

    /// Whether it may go better another time.
    pub(super) fn is_trouble(&self) -> bool {
        matches!(self, Self::Trouble(_))
    }

    /// What is behind it, for the log.
    pub(super) fn cause(&self) -> &dyn std::fmt::Display {
        match self {
            Self::Trouble(Trouble::StalePlan) => &"the schema is changing",
            Self::Trouble(
                Trouble::Conflict(cause)
                | Trouble::Ended(cause)
                | Trouble::Unsent(cause)
                | Trouble::Lost(cause),
            ) => cause,
            Self::Statement(told) => told,
            Self::Refused(error) => error,
        }
    }

    /// Whether the connection is of no use any more.
    pub(super) fn is_of_connection(&self) -> bool {
        matches!(self, Self::Trouble(Trouble::Lost(_) | Trouble::Ended(_) | Trouble::Unsent(_)))
    }
}

impl Trouble {
    /// What is said when running again did not end it.
    pub(super) fn meaning(self) -> Error {
        match self {
            Self::Conflict(cause) => failure::busy().because(cause),
            Self::StalePlan => failure::busy().because("the schema is changing"),
            Self::Ended(cause) | Self::Unsent(cause) | Self::Lost(cause) => failure::unavailable(cause),
        }
    }
}

fn statement(told: Told, on_violation: Option<&OnViolation>) -> Error {
    if let (Some(violation), Some(on_violation)) = (violation(&told), on_violation) {
        return on_violation(&violation).because(told);
    }
    match told.code.as_str() {
        // A lock that was not to be had, and a statement that took too long.
        "55P03" | "57014" => failure::busy().because(told),
        "53100" => failure::out_of_space(told),
        // A server that only reads; without resources; going down.
        "25006" => failure::unavailable(told),
        code if code.starts_with("53") || code.starts_with("57") => failure::unavailable(told),
        _ => Error::internal(told),
    }
}

fn violation(told: &Told) -> Option<Violation> {
    let kind = match told.code.as_str() {
        "23505" => ViolationKind::Unique,
        "23503" => ViolationKind::ForeignKey,
        "23514" => ViolationKind::Check,
        "23502" => ViolationKind::NotNull,
        _ => return None,
    };
    let name = told.constraint.as_ref().or(told.column.as_ref()).cloned().unwrap_or_default();
    Some(Violation { kind, name })
}
