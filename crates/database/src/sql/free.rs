//! Parts without a row: which they are, and their value in memory.
//!
//! Literals, `now` and `auth` but its account's record. They are bound, never written into the statement.

use mains_base::{Caller, Time, Value};
use mains_language::expression::{self, Cell, Function, List, ListKind, Node, Rowless, Tree, Var};

use super::Environment;

/// Whether nothing in it needs a row.
pub(crate) fn is_free(tree: &Tree) -> bool {
    free(tree, &mut Vec::new())
}

fn free(tree: &Tree, bound: &mut Vec<Var>) -> bool {
    match &tree.node {
        Node::Constant(_) | Node::Now | Node::Auth(_) => true,
        Node::Element(var) => bound.contains(var),
        Node::Not(inner) | Node::Negate(inner) => free(inner, bound),
        Node::And(parts) | Node::Or(parts) => all(parts, bound),
        // What is drawn is drawn anew for each row.
        Node::Call(function, parts) => {
            !matches!(function, Function::Random | Function::NewUuid) && all(parts, bound)
        }
        Node::If(parts) => all(&**parts, bound),
        Node::Compare(_, pair) | Node::Arithmetic(_, pair) => all(&**pair, bound),
        Node::InSet(inner, parts) => free(inner, bound) && all(parts, bound),
        Node::InList(inner, list) => of_auth(list) && free(inner, bound),
        Node::Quantified { list, filters, var, body, .. } => {
            of_auth(list)
                && filters.iter().all(|(var, filter)| within(filter, *var, bound))
                && within(body, *var, bound)
        }
        Node::Aggregate { list, filters, map, .. } => {
            of_auth(list)
                && filters.iter().all(|(var, filter)| within(filter, *var, bound))
                && map.as_ref().is_none_or(|(var, map)| within(map, *var, bound))
        }
        Node::Field(..) | Node::Record(_) | Node::Inside(..) | Node::Visible { .. } => false,
    }
}

fn all(trees: &[Tree], bound: &mut Vec<Var>) -> bool {
    trees.iter().all(|tree| free(tree, bound))
}

fn within(body: &Tree, var: Var, bound: &mut Vec<Var>) -> bool {
    bound.push(var);
    let result = free(body, bound);
    bound.pop();
    result
}

fn of_auth(list: &List) -> bool {
    matches!(list.kind, ListKind::Auth(_))
}

/// Whether `?:` stands in it.
pub(super) fn has_choice(tree: &Tree) -> bool {
    tree.any(&|part| matches!(part.node, Node::If(_)))
}

/// The value of a part without a row.
pub(super) fn evaluate(tree: &Tree, environment: &Environment<'_>) -> Cell {
    let world = Rowless { caller: environment.caller, now: environment.now };
    expression::evaluate(tree, &world)
}

/// The value of a part that needs neither a row nor a caller nor a clock; `None` where it needs one.
pub(super) fn evaluate_constant(tree: &Tree) -> Option<Cell> {
    let caller = Caller::visitor();
    let environment = Environment { caller: &caller, now: Time::MIN };
    (!tree.is_about_caller_or_time()).then(|| evaluate(tree, &environment))
}

/// As a parameter: null and unknown are NULL.
pub(super) fn bound(cell: Cell) -> Value {
    match cell {
        Cell::Known(value) => value,
        Cell::Unknown => Value::Null,
    }
}
