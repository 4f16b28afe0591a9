//! Truth and falsity: what rules, filters and checks need.
//!
//! `truth_of(e, true)` is TRUE exactly where e is true, `truth_of(e, false)` exactly where e is false; elsewhere they are
//! FALSE or NULL. Neither names an operand twice but the condition of `?:`, and that only where it holds no other `?:`.

use std::sync::Arc;

use mains_base::{Result, Value};
use mains_language::expression::{Node, Row, Tree};

use super::free::has_choice;
use super::select::limited;
use super::{Bind, Select};
use crate::dialect::{Column, Dialect};

impl Select<'_> {
    /// A condition that is TRUE exactly where the expression is `wanted`.
    pub(super) fn truth_of(&mut self, tree: &Tree, wanted: bool) -> Result<String> {
        if let Node::Constant(value) = &tree.node {
            let holds = *value == Value::Bool(wanted);
            return Ok(if holds { "TRUE" } else { "FALSE" }.to_owned());
        }
        if self.is_free(tree) {
            let bound = self.bind(Bind::Folded(Arc::new(tree.clone())), Column::Bool);
            return Ok(negated_unless(wanted, bound));
        }
        limited(match &tree.node {
            Node::Not(inner) => self.truth_of(inner, !wanted)?,
            Node::And(parts) => self.junction(parts, wanted, if wanted { "AND" } else { "OR" })?,
            Node::Or(parts) => self.junction(parts, wanted, if wanted { "OR" } else { "AND" })?,
            Node::If(parts) => self.choice_truth(parts, wanted)?,
            Node::Compare(comparison, pair) => self.compare_truth(*comparison, pair, wanted)?,
            Node::InSet(item, set) => self.in_set_truth(item, set, wanted)?,
            Node::InList(item, list) => self.in_list_truth(item, list, wanted)?,
            Node::Quantified { .. } => self.quantified_truth(tree, wanted)?,
            Node::Inside(row, inner) => self.inside_truth(row, inner, wanted)?,
            Node::Visible { rule, value } => {
                let (rule, value) = (self.truth_of(rule, true)?, self.truth_of(value, wanted)?);
                format!("({rule} AND {value})")
            }
            Node::Field(..) if self.dialect == Dialect::Sqlite => {
                // Compared, because SQLite uses no index for a bare column.
                format!("({} = {})", self.value_of(tree)?, u8::from(wanted))
            }
            _ => negated_unless(wanted, self.value_of(tree)?),
        })
    }

    fn junction(&mut self, parts: &[Tree], wanted: bool, word: &str) -> Result<String> {
        let texts: Result<Vec<String>> = parts.iter().map(|part| self.truth_of(part, wanted)).collect();
        Ok(balanced(&texts?, word))
    }

    fn choice_truth(&mut self, parts: &[Tree; 3], wanted: bool) -> Result<String> {
        let [condition, then, otherwise] = parts;
        if has_choice(condition) {
            let condition = self.value_of(condition)?;
            let (then, otherwise) = (self.truth_of(then, wanted)?, self.truth_of(otherwise, wanted)?);
            return Ok(format!("(CASE {condition} WHEN TRUE THEN {then} WHEN FALSE THEN {otherwise} END)"));
        }
        let (yes, no) = (self.truth_of(condition, true)?, self.truth_of(condition, false)?);
        let (then, otherwise) = (self.truth_of(then, wanted)?, self.truth_of(otherwise, wanted)?);
        Ok(format!("(({yes} AND {then}) OR ({no} AND {otherwise}))"))
    }

    fn inside_truth(&mut self, row: &Row, inner: &Tree, wanted: bool) -> Result<String> {
        let place = self.place(row)?;
        let presence = self.presence(&place);
        let place = super::place::Place { absent: false, ..place };
        let truth = self.inside(place, |select| select.truth_of(inner, wanted))?;
        Ok(match presence {
            Some(presence) => format!("({presence} AND {truth})"),
            None => truth,
        })
    }
}

/// The text, or its negation.
pub(super) fn negated_unless(wanted: bool, text: String) -> String {
    if wanted { text } else { format!("(NOT {text})") }
}

/// A flat AND or OR as a balanced tree: SQLite counts the depth of a chain.
pub(super) fn balanced(parts: &[String], word: &str) -> String {
    match parts {
        [] => if word == "AND" { "TRUE" } else { "FALSE" }.to_owned(),
        [one] => one.clone(),
        many => {
            let (left, right) = many.split_at(many.len() / 2);
            format!("({} {word} {})", balanced(left, word), balanced(right, word))
        }
    }
}
