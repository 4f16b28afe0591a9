//! What a handler gives back.

use mains_base::{Caller, Uuid};

use crate::sessions::Token;

/// The answer of a command, before it is written for the caller.
#[derive(Debug)]
pub struct Answer {
    pub(super) content: Content,
    /// Whom the answer is for, when it is no longer who asked: somebody who has just signed in.
    pub(super) seen_by: Option<Caller>,
    pub(super) session: Session,
    pub(super) mark: Option<Token>,
}

/// What is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// 204.
    Nothing,
    /// 202: what was asked for happens later, by mail for instance.
    Later,
    /// The record of this id of the collection that the command says it answers with; 201 when it was made.
    Record { id: Uuid, created: bool },
}

/// What becomes of the session's cookie.
#[derive(Debug)]
pub(super) enum Session {
    /// It stays.
    Kept,
    /// This one begins.
    Begun(Token),
    /// It ends.
    Ended,
}

impl Answer {
    /// It is done, and there is nothing to say: 204.
    pub fn nothing() -> Self {
        Self { content: Content::Nothing, seen_by: None, session: Session::Kept, mark: None }
    }

    /// It will be done: 202.
    pub fn later() -> Self {
        Self { content: Content::Later, ..Self::nothing() }
    }

    /// A record, as the caller may see it.
    pub fn record(id: Uuid) -> Self {
        Self { content: Content::Record { id, created: false }, ..Self::nothing() }
    }

    /// A record that was made: 201.
    pub fn created(id: Uuid) -> Self {
        Self { content: Content::Record { id, created: true }, ..Self::nothing() }
    }

    /// The same, with a session that begins: its cookie, and a record as its caller may see it.
    #[must_use]
    pub fn signed_in(self, token: Token, caller: Caller) -> Self {
        Self { session: Session::Begun(token), seen_by: Some(caller), ..self }
    }

    /// The same, with a mark by which this browser is known again, as [`crate::sessions::mark`] says.
    #[must_use]
    pub fn marked(self, mark: Token) -> Self {
        Self { mark: Some(mark), ..self }
    }

    /// The same, without a session from now on.
    #[must_use]
    pub fn signed_out(self) -> Self {
        Self { session: Session::Ended, ..self }
    }
}
