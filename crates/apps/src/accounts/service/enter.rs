//! Signing somebody in, in whatever way they proved who they are.
//!
//! Always true: a session begins with a token of its own; the one that was there before ends.

use mains_base::{Caller, CallerKind, Result, Uuid};
use mains_database::write::{Changes, Tx};
use mains_server::sessions::{self, Facts, Session, Token};

use super::super::model::{Account, STAFF};
use super::guest;

/// Who comes, and through which door.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    /// Who asks.
    pub(crate) caller: Caller,
    /// The session it asks with.
    pub(crate) session: Option<Session>,
    /// Where from, for the list of sessions.
    pub(crate) network: String,
    /// With which program, for the list of sessions.
    pub(crate) agent: Option<String>,
}

impl Visit {
    /// The guest that this visitor is.
    pub(super) fn guest(&self) -> Option<Uuid> {
        (self.caller.kind == CallerKind::Guest).then_some(self.caller.id)
    }
}
