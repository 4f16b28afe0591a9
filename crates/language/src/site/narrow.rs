//! Collections whose rules a site narrows: `(app rule || right of the area) && site rule`.
//!
//! The right stands over the app's part alone. So it moves from before the rules into them, and the rules then bind
//! those who have it.

use std::sync::Arc;

use mains_base::Value;

use crate::expression::{Auth, List, ListKind, Node, Row, Source, TextKind, Tree, Type};
use crate::schema::{Collection, FieldKind};

/// Puts the right of the area beside every rule that is there, fields' and transitions' included, and in the place of
/// a rule that is not.
pub(super) fn build(collection: &mut Collection) {
    let right = right(collection);
    collection.narrowed = true;
    let rules = &mut collection.rules;
    for rule in [&mut rules.read, &mut rules.create, &mut rules.update, &mut rules.delete] {
        *rule = Some(rule.take().map_or_else(|| Arc::new(right.clone()), |own| either(own, &right)));
    }
    for field in &mut collection.fields {
        for rule in [&mut field.read, &mut field.write] {
            *rule = rule.take().map(|own| either(own, &right));
        }
        if let FieldKind::Enum { transitions: Some(lines), .. } = &mut field.kind {
            for line in lines {
                line.rule = either(Arc::clone(&line.rule), &right);
            }
        }
    }
}

/// `one && other`.
pub(super) fn both(one: Arc<Tree>, other: Arc<Tree>) -> Arc<Tree> {
    let unknown = one.may_lack() || other.may_lack();
    let parts = vec![Arc::unwrap_or_clone(one), Arc::unwrap_or_clone(other)];
    Arc::new(Tree { node: Node::And(parts), ty: Type::Bool, null: false, unknown })
}

/// `rule || right`.
fn either(rule: Arc<Tree>, right: &Tree) -> Arc<Tree> {
    if rule.as_constant() == Some(&Value::Bool(true)) {
        return rule;
    }
    let unknown = rule.may_lack();
    let parts = vec![Arc::unwrap_or_clone(rule), right.clone()];
    Arc::new(Tree { node: Node::Or(parts), ty: Type::Bool, null: false, unknown })
}

/// `"area" in auth.rights`.
fn right(collection: &Collection) -> Tree {
    let element = Type::Text(TextKind::Plain);
    let area = Tree::constant(Value::from(collection.area.as_str()), element.clone());
    let list = List {
        row: Row::new(Source::Record, collection.id),
        kind: ListKind::Auth(Auth::Rights),
        element,
        guard: None,
        field_guard: None,
        unknown: false,
    };
    Tree { node: Node::InList(Box::new(area), list), ty: Type::Bool, null: false, unknown: false }
}
