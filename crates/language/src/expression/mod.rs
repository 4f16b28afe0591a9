//! The expression language: a typed subset of CEL for rules, filters, checks and computed fields.
//!
//! Source text is parsed ([`check`] does both), typed against a schema, and becomes a [`Tree`] that memory and both
//! databases evaluate to one answer.

mod check;
mod complaint;
mod evaluate;
mod fold;
mod inspect;
mod parse;
#[cfg(test)]
mod round_trip;
mod scope;
mod syntax;
mod token;
mod tree;
mod types;

pub use check::{check, check_as};
pub use complaint::Complaint;
pub use evaluate::{Cell, Handle, Rowless, World, evaluate, slugify};
pub use scope::{Computed, Place, Scope, Viewer, Want};
pub use tree::{
    Aggregate, Auth, Comparison, Function, Hop, List, ListKind, Node, Operator, Quantifier, Row, Source,
    TextKind, Tree, Type, Var,
};
