//! Expressions that a caller writes: typed so that they see only what rules show this caller.

use mains_base::{Caller, Result};
use mains_language::expression::{Complaint, Scope, Tree, Want, check, check_as};
use mains_language::schema::{CollectionId, Schema};

use super::refusal::{FILTER, malformed};

/// What a caller writes about one collection.
pub(super) struct Callers<'s> {
    scope: Scope<'s>,
}

impl<'s> Callers<'s> {
    /// Expressions about records of `collection`.
    pub(super) fn of(schema: &'s Schema, collection: CollectionId, caller: &'s Caller) -> Self {
        Self { scope: Scope::new(schema, collection).by(caller) }
    }

    /// A value.
    pub(super) fn value(&self, source: &str) -> Result<Tree, Complaint> {
        check(source, &self.scope)
    }

    /// `filter=`
    pub(super) fn filter(&self, source: &str) -> Result<Tree> {
        check_as(source, &self.scope, &Want::Condition).map_err(|complaint| {
            let at = source.get(..complaint.span.start).map_or(0, |before| before.chars().count()) + 1;
            let hint = complaint.hint.map(|hint| format!(" {hint}")).unwrap_or_default();
            malformed(FILTER, format!("Filter, at character {at}: {}{hint}", complaint.message))
        })
    }
}
