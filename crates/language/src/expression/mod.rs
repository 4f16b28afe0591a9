//! The expression language: a typed subset of CEL for rules, filters, checks and computed fields.
//!
//! Source text is parsed ([`check`] does both), typed against a schema, and becomes a [`Tree`] that memory and both
//! databases evaluate to one answer.

mod complaint;
mod parse;
mod scope;
mod syntax;
mod token;
mod tree;

pub use complaint::Complaint;
pub use scope::{Computed, Place, Scope, Viewer, Want};
pub use tree::{
    Aggregate, Auth, Comparison, Function, Hop, List, ListKind, Node, Operator, Quantifier, Row, Source,
    TextKind, Tree, Type, Var,
};
