//! How a caller stands to a collection's rules: what its rules are for this caller once everything that needs no row
//! is decided.
//!
//! A rule such as `auth.staff || author == auth.id` becomes `author == auth.id` for one and nothing for another, so
//! that an index can drive it. Callers of one standing share their plans.

use std::sync::Arc;

use mains_base::{Caller, Result, Time, Value};
use mains_language::expression::{Node, Tree, Type};
use mains_language::schema::{Collection, Field};

use crate::sql::{Bind, Environment, Statement, is_free};

/// Conditions beyond this many are left to the database.
const MOST: usize = 24;

/// The parts of a collection's rules that need no row.
pub(super) struct Conditions {
    parts: Vec<Arc<Tree>>,
    /// Evaluates them; its text is never run.
    probe: Statement,
}

/// What decides a caller's plans of one collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Standing {
    /// Whether rules bind it at all.
    pub(super) bound: bool,
    /// Two bits for each part: known, true.
    pub(super) known: u64,
}

/// A rule as it is for one standing.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Rule {
    /// Every record.
    Always,
    /// None.
    Never,
    /// Where this is true.
    Where(Tree),
}

impl Conditions {
    /// Those of a collection's read rule and of its fields' read rules.
    pub(super) fn of(collection: &Collection) -> Self {
        Self::among(collection, |_| true)
    }

    /// Only those that stay as they are while a caller stays who it is: time decides nothing in them.
    pub(super) fn lasting(collection: &Collection) -> Self {
        Self::among(collection, |part| !part.any(&|part| matches!(part.node, Node::Now)))
    }

    fn among(collection: &Collection, wanted: fn(&Tree) -> bool) -> Self {
        let mut parts = Vec::new();
        let rules = collection.fields.iter().filter_map(|field| field.read.as_ref());
        for rule in collection.rules.read.iter().chain(rules) {
            collect(rule, &mut parts);
        }
        parts.retain(|part| wanted(part));
        let binds = parts.iter().map(|part| Bind::Folded(Arc::clone(part))).collect();
        Self { parts, probe: Statement { text: "".into(), binds } }
    }

    /// How this caller stands at this moment.
    pub(super) fn standing(&self, collection: &Collection, caller: &Caller, now: Time) -> Result<Standing> {
        let bound = collection.binds(caller);
        let mut known = 0;
        if bound && !self.parts.is_empty() {
            let values = self.probe.parameters(&Environment { caller, now }, &[])?;
            for (place, value) in values.iter().enumerate() {
                if let Value::Bool(truth) = value {
                    known |= (0b10 | u64::from(*truth)) << (place * 2);
                }
            }
        }
        Ok(Standing { bound, known })
    }

    /// The rule of the records. None declared: closed.
    pub(super) fn records(&self, collection: &Collection, standing: Standing) -> Rule {
        if !standing.bound {
            return Rule::Always;
        }
        collection.rules.read.as_ref().map_or(Rule::Never, |rule| self.decided(rule, standing))
    }

    /// The rule of a field. None declared: as the record.
    pub(super) fn field(&self, field: &Field, standing: Standing) -> Rule {
        if !standing.bound {
            return Rule::Always;
        }
        field.read.as_ref().map_or(Rule::Always, |rule| self.decided(rule, standing))
    }

    /// What a rule is without a row, if that decides it. Makes nothing, unlike [`Self::reduced`].
    fn truth(&self, tree: &Tree, standing: Standing) -> Option<bool> {
        if let Some(place) = self.parts.iter().position(|part| **part == *tree) {
            let bits = standing.known >> (place * 2);
            return (bits & 0b10 != 0).then_some(bits & 1 == 1);
        }
        let any = |parts: &[Tree], decides: bool| {
            let mut truths = parts.iter().map(|part| self.truth(part, standing));
            truths.try_fold(Some(!decides), |so_far, truth| match truth {
                Some(truth) if truth == decides => Err(decides),
                Some(_) => Ok(so_far),
                None => Ok(None),
            })
        };
        match &tree.node {
            Node::Constant(Value::Bool(truth)) => Some(*truth),
            Node::And(parts) => any(parts, false).unwrap_or_else(Some),
            Node::Or(parts) => any(parts, true).unwrap_or_else(Some),
            Node::Not(inner) => self.truth(inner, standing).map(|truth| !truth),
            _ => None,
        }
    }

    fn decided(&self, rule: &Tree, standing: Standing) -> Rule {
        match self.truth(rule, standing) {
            Some(true) => return Rule::Always,
            Some(false) => return Rule::Never,
            None => {}
        }
        let tree = self.reduced(rule, standing);
        match tree.node {
            Node::Constant(Value::Bool(true)) => Rule::Always,
            Node::Constant(_) => Rule::Never,
            _ => Rule::Where(tree),
        }
    }

    fn reduced(&self, tree: &Tree, standing: Standing) -> Tree {
        if let Some(place) = self.parts.iter().position(|part| **part == *tree) {
            let bits = standing.known >> (place * 2);
            return if bits & 0b10 == 0 { tree.clone() } else { constant(bits & 1 == 1) };
        }
        let each =
            |parts: &[Tree]| -> Vec<Tree> { parts.iter().map(|part| self.reduced(part, standing)).collect() };
        match &tree.node {
            Node::And(parts) => joined(tree, each(parts), false, Node::And),
            Node::Or(parts) => joined(tree, each(parts), true, Node::Or),
            Node::Not(inner) => match self.reduced(inner, standing) {
                Tree { node: Node::Constant(Value::Bool(truth)), .. } => constant(!truth),
                inner => Tree { node: Node::Not(Box::new(inner)), ..tree.clone() },
            },
            _ => tree.clone(),
        }
    }
}

/// The largest parts below `&&`, `||` and `!` that need no row.
fn collect(tree: &Tree, found: &mut Vec<Arc<Tree>>) {
    if is_free(tree) && tree.ty == Type::Bool {
        let known = found.iter().any(|part| **part == *tree);
        if found.len() < MOST && !known && !matches!(tree.node, Node::Constant(_)) {
            found.push(Arc::new(tree.clone()));
        }
        return;
    }
    match &tree.node {
        Node::And(parts) | Node::Or(parts) => parts.iter().for_each(|part| collect(part, found)),
        Node::Not(inner) => collect(inner, found),
        _ => {}
    }
}

/// `&&` or `||` of parts, where a part that is `decides` decides it and its opposite says nothing.
fn joined(tree: &Tree, parts: Vec<Tree>, decides: bool, join: fn(Vec<Tree>) -> Node) -> Tree {
    let is = |part: &Tree, truth: bool| part.node == Node::Constant(Value::Bool(truth));
    if parts.iter().any(|part| is(part, decides)) {
        return constant(decides);
    }
    let mut rest: Vec<Tree> = parts.into_iter().filter(|part| !is(part, !decides)).collect();
    match rest.len() {
        0 => constant(!decides),
        1 => rest.remove(0),
        _ => Tree { node: join(rest), ty: Type::Bool, null: tree.null, unknown: tree.unknown },
    }
}

fn constant(truth: bool) -> Tree {
    Tree { node: Node::Constant(Value::Bool(truth)), ty: Type::Bool, null: false, unknown: false }
}
