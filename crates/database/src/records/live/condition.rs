//! What is left of a rule once everything that a look-up decides is taken out: a condition on one record and one caller.

use std::sync::Arc;

use mains_base::Result;
use mains_language::expression::{Auth, ListKind, Node, Source, Tree};
use mains_language::schema::{CollectionId, Schema};

use crate::dialect::Dialect;
use crate::sql::{ImageSlots, Select, Statement};

/// A condition, and how it is judged.
pub(super) struct Condition {
    pub(super) tree: Tree,
    pub(super) way: Way,
}

/// How a condition is judged.
pub(super) enum Way {
    /// In memory; `shared`: once for all callers.
    Memory {
        /// Whether neither caller nor time matters.
        shared: bool,
    },
    /// By one statement that gives the ids of those callers for whom it is true. Slots: the record's values, then the list of ids.
    Together(Statement),
    /// By a statement for each caller, which gives a row where it is true. Slots: the record's values.
    Each(Statement),
}

impl Condition {
    /// Compiles what is asked of records of a collection.
    pub(super) fn of(
        schema: &Schema,
        dialect: Dialect,
        collection: CollectionId,
        tree: Tree,
    ) -> Result<Arc<Self>> {
        if tree.is_local() {
            let way = Way::Memory { shared: !tree.is_about_caller_or_time() };
            return Ok(Arc::new(Self { tree, way }));
        }
        let slots = ImageSlots { record: 0, old: None };
        let way = if is_about_more_than_id(&tree) {
            let mut select = Select::image(schema, dialect, collection, slots);
            let truth = select.truth(&tree)?;
            let text = format!("SELECT 1 {} WHERE {truth}", select.from());
            Way::Each(select.finish(Arc::<str>::from(text)))
        } else {
            let fields = u16::try_from(schema.collection(collection).fields.len()).unwrap_or(u16::MAX);
            let mut select = Select::callers(schema, dialect, collection, slots, fields);
            let truth = select.truth(&tree)?;
            let text = format!("SELECT c.value {} WHERE {truth}", select.from());
            Way::Together(select.finish(Arc::<str>::from(text)))
        };
        Ok(Arc::new(Self { tree, way }))
    }
}

/// Whether it asks more of the caller than its id and its account.
fn is_about_more_than_id(tree: &Tree) -> bool {
    tree.any(&|part| {
        let listed = part.list().is_some_and(|list| matches!(list.kind, ListKind::Auth(_)));
        listed || matches!(&part.node, Node::Auth(auth) if *auth != Auth::Id)
    })
}

/// The relation that a rule compares with the caller's id and nothing else, if this part of a rule does.
pub(super) fn own_relation(part: &Tree) -> Option<mains_language::schema::FieldId> {
    let Node::Compare(mains_language::expression::Comparison::Equal, pair) = &part.node else { return None };
    let (field, other) = match &**pair {
        [field, other] if matches!(field.node, Node::Field(..)) => (field, other),
        [other, field] => (field, other),
    };
    match (&field.node, &other.node) {
        (Node::Field(row, field), Node::Auth(Auth::Id))
            if row.hops.is_empty() && row.source == Source::Record =>
        {
            Some(*field)
        }
        _ => None,
    }
}
