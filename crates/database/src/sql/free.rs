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
        Node::Field(..) | Node::Record(_) | Node::Inside(..) | Node::Visible { .. } => false,
        Node::Element(var) => bound.contains(var),
        // Drawn anew for each row.
        Node::Call(Function::Random | Function::NewUuid, _) => false,
        Node::Not(inner) | Node::Negate(inner) => free(inner, bound),
        Node::And(parts) | Node::Or(parts) | Node::Call(_, parts) => all(parts, bound),
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
    match &tree.node {
        Node::If(_) => true,
        Node::Constant(_) | Node::Now | Node::Auth(_) => false,
        Node::Field(..) | Node::Record(_) | Node::Element(_) => false,
        Node::Inside(_, inner) => has_choice(inner),
        Node::Visible { rule, value } => has_choice(rule) || has_choice(value),
        Node::Not(inner) | Node::Negate(inner) | Node::InList(inner, _) => has_choice(inner),
        Node::And(parts) | Node::Or(parts) | Node::Call(_, parts) => parts.iter().any(has_choice),
        Node::Compare(_, pair) | Node::Arithmetic(_, pair) => pair.iter().any(has_choice),
        Node::InSet(inner, parts) => has_choice(inner) || parts.iter().any(has_choice),
        Node::Quantified { filters, body, .. } => {
            has_choice(body) || filters.iter().any(|(_, filter)| has_choice(filter))
        }
        Node::Aggregate { filters, map, .. } => {
            filters.iter().any(|(_, filter)| has_choice(filter))
                || map.as_ref().is_some_and(|(_, map)| has_choice(map))
        }
    }
}

/// The value of a part without a row: `None` where it is unknown.
pub(super) fn evaluate(tree: &Tree, environment: &Environment<'_>) -> Option<Value> {
    let world = Rowless { caller: environment.caller, now: environment.now };
    match expression::evaluate(tree, &world) {
        Cell::Known(value) => Some(value),
        Cell::Unknown => None,
    }
}

/// The value of a part that needs neither a row nor a caller nor a clock; `None` where it needs one.
pub(super) fn evaluate_constant(tree: &Tree) -> Option<Option<Value>> {
    let caller = Caller::visitor();
    let environment = Environment { caller: &caller, now: Time::MIN };
    (!tree.is_about_caller_or_time()).then(|| evaluate(tree, &environment))
}
