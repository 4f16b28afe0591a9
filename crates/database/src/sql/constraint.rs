//! Conditions that stand in a table's definition: CHECK constraints and the conditions of partial indexes.

use mains_base::Result;
use mains_language::expression::Tree;
use mains_language::schema::{CollectionId, Schema};

use super::Select;
use crate::dialect::Dialect;

/// What stands in `CHECK (…)`: passes only where the expression is true. Literals stand inline.
pub fn check_constraint(
    dialect: Dialect,
    schema: &Schema,
    collection: CollectionId,
    tree: &Tree,
) -> Result<String> {
    index_condition(dialect, schema, collection, tree).map(|truth| format!("({truth}) IS TRUE"))
}

/// What stands in `CREATE INDEX … WHERE …`. Literals stand inline; not known is not in the index.
pub fn index_condition(
    dialect: Dialect,
    schema: &Schema,
    collection: CollectionId,
    tree: &Tree,
) -> Result<String> {
    Select::definition(schema, dialect, collection).truth(tree)
}
