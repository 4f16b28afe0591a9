//! What a caller writes sees only what the read rules show: guards on followed relations, lists and fields.
//!
//! The rules themselves see all data, so a guard never needs a guard.

use std::sync::Arc;

use mains_base::Value;

use super::Checker;
use crate::expression::{Node, Row, Source, Tree, Type, Viewer};
use crate::schema::{CollectionId, FieldId};

impl Checker<'_> {
    /// What must be true of a record of this collection for it to be there; `None`: always.
    pub(super) fn read_guard(&self, collection: CollectionId) -> Option<Arc<Tree>> {
        if self.scope.sees_all(collection) {
            return None;
        }
        match &self.scope.schema.collection(collection).rules.read {
            Some(rule) => unless_true(rule),
            None => Some(Arc::new(Tree::constant(Value::Bool(false), Type::Bool))),
        }
    }

    /// What must be true of the row for this field of it to show; `None`: always.
    pub(super) fn field_guard(&self, row: &Row, field: FieldId) -> Option<Arc<Tree>> {
        Self::both(row.at(), self.source_guard(row), self.own_guard(row.at(), field))
    }

    /// One's own account needs the read rule too. Other sources are read by it already: the record by the statement
    /// around, elements by their list, targets by their hop.
    pub(super) fn source_guard(&self, row: &Row) -> Option<Arc<Tree>> {
        let account = row.source == Source::Account && row.hops.is_empty();
        if account { self.read_guard(row.start) } else { None }
    }

    /// Two rules about the same record as one.
    fn both(of: CollectionId, one: Option<Arc<Tree>>, other: Option<Arc<Tree>>) -> Option<Arc<Tree>> {
        let (Some(left), Some(right)) = (&one, &other) else {
            return one.or(other);
        };
        let own = |rule: &Arc<Tree>| inside(Row::new(Source::Record, of), Arc::clone(rule), false);
        let node = Node::And(vec![own(left), own(right)]);
        Some(Arc::new(Tree { node, ty: Type::Bool, null: false, unknown: true }))
    }

    /// The field's own read rule; `None`: as the record.
    fn own_guard(&self, collection: CollectionId, field: FieldId) -> Option<Arc<Tree>> {
        if self.scope.sees_all(collection) {
            return None;
        }
        self.scope.schema.collection(collection).field(field).read.as_ref().and_then(unless_true)
    }

    /// Of a record that points here: it may be read, and so may the relation by which it points.
    pub(super) fn inverse_guard(&self, from: CollectionId, field: FieldId) -> Option<Arc<Tree>> {
        let hidden =
            self.scope.viewer == Viewer::Caller && self.scope.schema.collection(from).field(field).hidden;
        if hidden {
            return Some(Arc::new(Tree::constant(Value::Bool(false), Type::Bool)));
        }
        Self::both(from, self.read_guard(from), self.own_guard(from, field))
    }

    /// The value, or null where the field's read rule does not show it.
    pub(super) fn visible(&self, row: Row, field: FieldId, value: Tree) -> Tree {
        let Some(rule) = self.field_guard(&row, field) else {
            return value;
        };
        let absent = self.may_be_absent(&row);
        let rule = Arc::new(inside(row, rule, absent));
        let (ty, unknown) = (value.ty.clone(), value.unknown);
        Tree { node: Node::Visible { rule, value: Box::new(value) }, ty, null: true, unknown }
    }
}

fn inside(row: Row, rule: Arc<Tree>, absent: bool) -> Tree {
    let null = rule.may_lack();
    Tree { node: Node::Inside(row, rule), ty: Type::Bool, null, unknown: absent }
}

fn unless_true(rule: &Arc<Tree>) -> Option<Arc<Tree>> {
    let open = rule.as_constant().and_then(Value::as_bool) == Some(true);
    (!open).then(|| Arc::clone(rule))
}
