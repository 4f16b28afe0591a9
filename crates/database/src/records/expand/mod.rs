//! `expand=`: records that stand in an answer beside the ids that name them.
//!
//! Always true: every step is read by one statement for all records of the step before, in the snapshot of the page
//! itself, and under the rule of what it leads to: a record that the caller may not read is null, or left out of a
//! list. What leads there is judged too: an unreadable relation leads nowhere.

mod parse;
mod plan;
mod resolve;
mod run;

use mains_language::expression::Tree;
use mains_language::schema::FieldId;

pub(super) use plan::{Expansion, expansion};
pub(super) use run::{Budget, expanded};

/// What a statement has to select of a record so that a step can go on from it.
#[derive(Clone, Debug)]
pub(super) struct Way {
    /// The relation whose id is followed, where the step is one.
    pub(super) relation: Option<FieldId>,
    /// Where this is not true of the record, it leads nowhere.
    pub(super) rule: Option<Tree>,
}

/// Where a row says that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gate {
    /// The column with the id.
    pub(super) relation: Option<usize>,
    /// The column that says whether it may be followed.
    pub(super) visible: Option<usize>,
}
