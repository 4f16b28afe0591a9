//! The control socket, `data/control.sock`: how a command reaches a site that is being served.
//!
//! One JSON line asks, one JSON line answers, as often as one likes on a connection. Whoever may open the socket (mode
//! 0600: the user that serves) may do everything; it never leaves the machine.

mod address;
mod client;
mod listen;

use mains_base::{Error, FieldError, Kind, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use client::Client;
pub(crate) use listen::{forget, listen};

/// The name of the socket in a site's `data/`.
pub(crate) const SOCKET: &str = "control.sock";

/// The longest line, in bytes: a chunk of an import with large texts.
const LONGEST: u64 = 64 << 20;

/// Codes by which a command tells what to do next; all others cross the socket as `cli.refused`, with their sentence.
const KEPT: [&str; 2] = ["cli.mistakes", "schema.differs"];

/// What comes back.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Done(Value),
    Failed(Failure),
}

/// An error that crosses the socket.
#[derive(Debug, Serialize, Deserialize)]
struct Failure {
    code: String,
    detail: String,
    fields: Vec<(String, String)>,
    cause: Option<String>,
}

impl Answer {
    fn of(done: Result<Value>) -> Self {
        match done {
            Ok(value) => Self::Done(value),
            Err(error) => Self::Failed(Failure {
                code: error.code().to_owned(),
                detail: error.detail().to_owned(),
                fields: error
                    .fields()
                    .iter()
                    .map(|field| (field.pointer.clone(), field.message.clone()))
                    .collect(),
                cause: error.cause().map(ToString::to_string),
            }),
        }
    }

    fn into_result(self) -> Result<Value> {
        let failure = match self {
            Self::Done(value) => return Ok(value),
            Self::Failed(failure) => failure,
        };
        let field = |(pointer, message)| FieldError { pointer, code: "invalid", message };
        let fields = failure.fields.into_iter().map(field).collect();
        let code = KEPT.into_iter().find(|kept| *kept == failure.code).unwrap_or("cli.refused");
        let error = Error::new(Kind::Conflict, code, failure.detail).with_fields(fields);
        Err(match failure.cause {
            Some(cause) => error.because(cause),
            None => error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crossed(code: &'static str) -> Error {
        let error = Error::new(Kind::Invalid, code, "No.").with_fields(vec![FieldError::new("a", "b", "c")]);
        let line = serde_json::to_string(&Answer::of(Err(error))).unwrap();
        serde_json::from_str::<Answer>(&line).unwrap().into_result().unwrap_err()
    }

    #[test]
    fn what_a_command_acts_on_crosses_the_socket() {
        assert_eq!(crossed("cli.mistakes").code(), "cli.mistakes");
        let other = crossed("records.not_unique");
        assert_eq!((other.code(), other.detail(), other.fields().len()), ("cli.refused", "No.", 1));
    }
}
