//! The conversation with a PostgreSQL server, by version 3 of its protocol, over a blocking socket.
//!
//! Owns what goes over the line and nothing of what it means: the socket, signing in, messages, a batch of statements
//! and its answers. See <https://www.postgresql.org/docs/current/protocol-flow.html>.
//!
//! Invariants: a batch is sent whole and has one Sync, so that the server answers once and runs nothing behind a
//! failure; nothing that a server says makes us reserve more than it has sent; every wait on the socket has its end.

mod batch;
mod binding;
mod line;
mod place;
mod rows;
mod startup;
mod tls;
mod told;
mod trust;

pub(super) use self::batch::{Asked, Batch, Mark, Plain, Prepared, columns, parameters};
pub(super) use self::binding::end_point;
pub(super) use self::line::{Body, Line};
pub(super) use self::place::{Place, places};
pub(super) use self::rows::{Found, first_text};
pub(super) use self::startup::{Refusal, sign_in};
pub(super) use self::tls::{Mode, Tls, Unencrypted, server_name};
pub(super) use self::told::Told;
#[cfg(test)]
pub(super) use self::{line::message, place::Socket};
