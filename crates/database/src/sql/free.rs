//! Parts without a row: which they are, and their value in memory.
//!
//! Literals, `now` and `auth` but its account's record. They are bound, never written into the statement.

use mains_base::{Result, Value};
use mains_language::expression::{List, ListKind, Node, Tree, Var};

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
pub(super) fn evaluate(tree: &Tree, environment: &Environment<'_>) -> Result<Option<Value>> {
    use mains_language::expression::Auth;
    let texts = |items: &[String]| Value::List(items.iter().cloned().map(Value::Text).collect());
    let caller = environment.caller;
    Ok(Some(match &tree.node {
        Node::Constant(value) => value.clone(),
        Node::Now => Value::Int(environment.now.micros()),
        Node::Auth(Auth::Id) => Value::Id(caller.id),
        Node::Auth(Auth::SignedIn) => Value::Bool(caller.signed_in()),
        Node::Auth(Auth::Verified) => Value::Bool(caller.verified),
        Node::Auth(Auth::Staff) => Value::Bool(caller.staff),
        Node::Auth(Auth::Kind) => Value::from(caller.kind.as_str()),
        Node::Auth(Auth::Level) => Value::Int(caller.level),
        Node::Auth(Auth::ProvenAt) => caller.proven_at.map(mains_base::Time::micros).into(),
        Node::Auth(Auth::Roles) => texts(&caller.roles),
        Node::Auth(Auth::Scopes) => texts(&caller.scopes),
        Node::Auth(Auth::Rights) => texts(&caller.rights),
        _ => return Err(mains_base::Error::internal("the memory evaluator has not landed")),
    }))
}

/// The value of a part that needs neither a row nor a caller nor a clock; `None` where it needs one.
pub(super) fn evaluate_constant(tree: &Tree) -> Option<Option<Value>> {
    let caller = mains_base::Caller::visitor();
    let environment = Environment { caller: &caller, now: mains_base::Time::from_micros(0) };
    if needs_request(tree) { None } else { evaluate(tree, &environment).ok() }
}

fn needs_request(tree: &Tree) -> bool {
    match &tree.node {
        Node::Constant(_) => false,
        Node::Not(inner) | Node::Negate(inner) => needs_request(inner),
        Node::And(parts) | Node::Or(parts) | Node::Call(_, parts) => parts.iter().any(needs_request),
        Node::If(parts) => parts.iter().any(needs_request),
        Node::Compare(_, pair) | Node::Arithmetic(_, pair) => pair.iter().any(needs_request),
        Node::InSet(inner, parts) => needs_request(inner) || parts.iter().any(needs_request),
        _ => true,
    }
}
