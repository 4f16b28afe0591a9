//! Whether a value is known, for what may be both null and unknown: SQL has one NULL for the two.

use std::sync::Arc;

use mains_base::Result;
use mains_language::expression::{List, ListKind, Node, Tree};

use super::truth::balanced;
use super::{Bind, Select};
use crate::dialect::Column;

impl Select<'_> {
    /// Whether the value is known; `None` where it always is.
    pub(super) fn known(&mut self, tree: &Tree) -> Result<Option<String>> {
        if !tree.unknown {
            return Ok(None);
        }
        if !tree.null {
            return Ok(Some(format!("{} IS NOT NULL", self.main_part(tree)?)));
        }
        if self.is_free(tree) {
            return Ok(Some(self.bind(Bind::Known(Arc::new(tree.clone())), Column::Bool)));
        }
        match &tree.node {
            Node::Record(row) => {
                let place = self.place_before(row)?;
                Ok(if row.hops.is_empty() { None } else { self.presence(&place) })
            }
            // Unknown inside a computed field is null outside.
            Node::Field(row, _) | Node::Inside(row, _) => {
                let place = self.place(row)?;
                Ok(self.presence(&place))
            }
            Node::Visible { value, .. } => self.known(value),
            Node::If(parts) => self.choice_known(parts).map(Some),
            Node::Aggregate { list, .. } => self.list_known(list),
            _ => Ok(Some(format!("{} IS NOT NULL", self.main_part(tree)?))),
        }
    }

    fn choice_known(&mut self, parts: &[Tree; 3]) -> Result<String> {
        let [condition, then, otherwise] = parts;
        let condition = self.value_of(condition)?;
        let always = || "TRUE".to_owned();
        let then = self.known(then)?.unwrap_or_else(always);
        let otherwise = self.known(otherwise)?.unwrap_or_else(always);
        Ok(format!("(CASE {condition} WHEN TRUE THEN {then} WHEN FALSE THEN {otherwise} ELSE FALSE END)"))
    }

    /// Whether a list is known: the row it hangs on is there.
    pub(super) fn list_known(&mut self, list: &List) -> Result<Option<String>> {
        if matches!(list.kind, ListKind::Auth(_)) {
            return Ok(None);
        }
        let place = self.place(&list.row)?;
        Ok(self.presence(&place))
    }

    /// Whether both values are known; `None` where they always are.
    pub(super) fn both_known(&mut self, left: &Tree, right: &Tree) -> Result<Option<String>> {
        let (left, right) = (self.known(left)?, self.known(right)?);
        Ok(both(left, right))
    }
}

/// Both conditions, where there are any.
pub(super) fn both(left: Option<String>, right: Option<String>) -> Option<String> {
    let parts: Vec<String> = left.into_iter().chain(right).collect();
    if parts.is_empty() { None } else { Some(balanced(&parts, "AND")) }
}

/// The value under a condition, else NULL.
pub(super) fn guarded(condition: Option<String>, value: String) -> String {
    match condition {
        Some(condition) => format!("(CASE WHEN {condition} THEN {value} END)"),
        None => value,
    }
}
