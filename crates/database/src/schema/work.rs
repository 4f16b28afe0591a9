//! The work of a plan: statements and fillings, in phases that never stand in each other's way.
//!
//! Invariant: within one phase only renames depend on their order, so collections may be compared one after the other.

use mains_base::{Result, Value};

use super::fill::Filling;
use crate::engine::Statements;

/// When something is done. What forbids goes first and comes last; names are freed before anything takes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Indexes, checks and NOT NULL go. Old names.
    Loosen,
    /// Columns and lists go. Old names.
    DropFields,
    /// Tables go. Old names.
    DropTables,
    /// Tables get their new names.
    RenameTables,
    /// Columns and counters get theirs. New names from here on.
    RenameColumns,
    /// Tables come.
    CreateTables,
    /// Columns come.
    AddFields,
    /// Foreign keys come (PostgreSQL).
    Link,
    /// Counters of sequences come.
    Count,
    /// Existing rows get values: constants and renamed values first.
    Fill,
    /// Then what is made of other fields.
    Derive,
    /// NOT NULL comes.
    Require,
    /// Indexes and checks come.
    Tighten,
}

/// One piece of work.
#[derive(Debug)]
pub(super) enum Action {
    /// A statement.
    Run(String, Vec<Value>),
    /// Existing rows get values that only Rust can make.
    Fill(Filling),
    /// A promise that rows may break: counted once more, now that everything else is done.
    Prove(super::proof::Proof),
}

/// Everything to be done.
#[derive(Debug, Default)]
pub(super) struct Work {
    actions: Vec<(Phase, Action)>,
}

impl Work {
    /// Adds a statement.
    pub(super) fn run(&mut self, phase: Phase, sql: impl Into<String>) {
        self.actions.push((phase, Action::Run(sql.into(), Vec::new())));
    }

    /// Adds a statement with parameters.
    pub(super) fn run_with(&mut self, phase: Phase, sql: impl Into<String>, values: Vec<Value>) {
        self.actions.push((phase, Action::Run(sql.into(), values)));
    }

    /// Adds another action.
    pub(super) fn act(&mut self, phase: Phase, action: Action) {
        self.actions.push((phase, action));
    }

    /// Does everything.
    pub(super) fn carry_out(mut self, statements: &mut dyn Statements) -> Result<()> {
        self.actions.sort_by_key(|(phase, _)| *phase);
        for (_, action) in self.actions {
            match action {
                Action::Run(sql, values) => statements.execute_later(&sql, &values, None)?,
                Action::Fill(filling) => filling.carry_out(statements)?,
                Action::Prove(proof) => proof.hold(statements)?,
            }
        }
        statements.flush()
    }
}
