//! The expression language: a typed subset of CEL for rules, filters, checks and computed fields.

mod tree;

pub use tree::{
    Aggregate, Auth, Comparison, Function, Hop, List, ListKind, Node, Operator, Quantifier, Row, Source,
    TextKind, Tree, Type, Var,
};
