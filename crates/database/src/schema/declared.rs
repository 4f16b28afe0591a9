//! From a schema to shapes: what the database should hold.

use std::sync::Arc;

use mains_base::Result;
use mains_language::expression::Tree;
use mains_language::schema::{
    Check, Collection, CurrencyRule, Default, Field, FieldId, FieldKind, Index, Owner, Schema,
};

use super::shape::{
    CheckShape, CurrencyShape, FieldShape, Fill, IndexShape, KindShape, SequenceShape, TableShape,
};
use super::{columns, names};
use crate::dialect::Dialect;
use crate::sql::{self, Select, Statement};

/// The release that writes the catalogue.
pub(super) const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// Every collection and table of the schema.
pub(super) fn shapes(dialect: Dialect, schema: &Schema) -> Result<Vec<TableShape>> {
    schema.collections.iter().map(|collection| table(dialect, schema, collection)).collect()
}

/// `server`, `app:orders` or `site`.
pub(super) fn owner(owner: &Owner) -> String {
    match owner {
        Owner::Server => "server".to_owned(),
        Owner::App(name) => format!("app:{name}"),
        Owner::Site => "site".to_owned(),
    }
}

fn table(dialect: Dialect, schema: &Schema, collection: &Collection) -> Result<TableShape> {
    let declared = declared_fields(collection).filter(|field| field.is_stored());
    let mut shape = TableShape {
        name: collection.name.clone(),
        owner: owner(&collection.owner),
        release: RELEASE.to_owned(),
        was: collection.was.clone(),
        prefix: collection.prefix.as_ref().map(|prefix| prefix.as_str().to_owned()),
        key: Vec::new(),
        fields: declared.map(|field| field_shape(schema, collection, field)).collect(),
        indexes: Vec::new(),
        checks: Vec::new(),
    };
    for check in &collection.checks {
        shape.checks.push(check_shape(dialect, schema, collection, check)?);
    }
    if collection.is_table() {
        shape.key = collection.key.iter().map(|&id| collection.field(id).name.clone()).collect();
    }
    for index in &collection.indexes {
        let condition = index.condition.as_ref();
        let condition = condition.map(|tree| sql::index_condition(dialect, schema, collection.id, tree));
        shape.indexes.push(index_shape(collection, &shape, index, condition.transpose()?));
    }
    if !collection.is_table() {
        by_age(&mut shape);
    }
    Ok(shape)
}

fn declared_fields(collection: &Collection) -> impl Iterator<Item = &Field> {
    let first = if collection.is_table() { 0 } else { usize::from(FieldId::FIRST.0) };
    collection.fields.iter().skip(first)
}

fn field_shape(schema: &Schema, collection: &Collection, field: &Field) -> FieldShape {
    let own = field.owner == collection.owner;
    let truth = matches!(field.kind, FieldKind::Bool) && field.many.is_none();
    FieldShape {
        name: field.name.clone(),
        owner: owner(&field.owner),
        release: RELEASE.to_owned(),
        was: field.was.clone(),
        place: field.id,
        fill: fill(collection, field),
        values_were: values_were(field),
        kind: kind(schema, collection, field),
        many: field.many.map(|many| many.max_items),
        // Erasing an account makes its data null, and what a site adds to an app's collection binds commands only.
        required: field.personal.is_none() && (truth || (field.required && own)),
    }
}

fn fill(collection: &Collection, field: &Field) -> Fill {
    match (&field.default, &field.kind) {
        (Some(Default::Literal(value)), _) => Fill::Literal(value.clone()),
        (Some(Default::Expr(tree)), _) => Fill::Expr(Arc::clone(tree)),
        (None, FieldKind::Bool) => Fill::Literal(false.into()),
        (None, FieldKind::Slug { from: Some(from), .. }) => Fill::Slug(collection.field(*from).name.clone()),
        (None, _) => Fill::Nothing,
    }
}

fn values_were(field: &Field) -> Vec<(String, String)> {
    let FieldKind::Enum { values, .. } = &field.kind else { return Vec::new() };
    let renamed = values.iter().filter_map(|value| Some((value.name.clone(), value.was.clone()?)));
    renamed.collect()
}

fn kind(schema: &Schema, collection: &Collection, field: &Field) -> KindShape {
    let name = |id: FieldId| collection.field(id).name.clone();
    match &field.kind {
        FieldKind::Text { min, max, pattern, ignore_case } => KindShape::Text {
            min: *min,
            max: *max,
            pattern: pattern.as_ref().map(|pattern| pattern.source.clone()),
            ignore_case: *ignore_case,
        },
        FieldKind::Email { max } => KindShape::Email { max: *max },
        FieldKind::Url { max } => KindShape::Url { max: *max },
        FieldKind::Slug { scope, .. } => KindShape::Slug { scope: scope.map(name) },
        FieldKind::Integer { min, max, sequence } => {
            let scope = |id: FieldId| {
                let to = collection.field(id).relation().map(|to| schema.collection(to).name.clone());
                (name(id), to.unwrap_or_default())
            };
            let sequence = sequence.map(|sequence| SequenceShape { scope: sequence.scope.map(scope) });
            KindShape::Integer { min: *min, max: *max, sequence }
        }
        FieldKind::Number { min, max } => KindShape::Number { min: *min, max: *max },
        FieldKind::Decimal { scale, min, max } => KindShape::Decimal { scale: *scale, min: *min, max: *max },
        FieldKind::Money { currency } => KindShape::Money {
            currency: match currency {
                CurrencyRule::Free => CurrencyShape::Free,
                CurrencyRule::Fixed(currency) => CurrencyShape::Fixed(currency.as_str().to_owned()),
                CurrencyRule::Field(id) => CurrencyShape::Field(name(*id)),
            },
        },
        FieldKind::Date { min, max } => KindShape::Date { min: *min, max: *max },
        FieldKind::Datetime { min, max } => KindShape::Datetime { min: *min, max: *max },
        FieldKind::Enum { values, .. } => {
            KindShape::Enum { values: values.iter().map(|value| value.name.clone()).collect() }
        }
        FieldKind::Json { max_bytes } => KindShape::Json { max_bytes: *max_bytes },
        FieldKind::Relation { to, .. } => KindShape::Relation { to: schema.collection(*to).name.clone() },
        FieldKind::Bytes { max_bytes } => KindShape::Bytes { max_bytes: *max_bytes },
        FieldKind::File => KindShape::File {},
        FieldKind::Point => KindShape::Point {},
        // Ids and computed fields have no column of their own to plan.
        FieldKind::Bool | FieldKind::Id | FieldKind::Computed(_) => KindShape::Bool {},
    }
}

fn index_shape(
    collection: &Collection,
    shape: &TableShape,
    index: &Index,
    condition: Option<String>,
) -> IndexShape {
    let fields = index.fields.iter().map(|&id| collection.field(id));
    IndexShape {
        name: names::index(&collection.name, &index.name),
        owner: owner(&index.owner),
        release: RELEASE.to_owned(),
        columns: fields.flat_map(|field| index_columns(shape, &field.name)).collect(),
        unique: index.unique,
        condition,
        automatic: index.automatic,
    }
}

fn index_columns(shape: &TableShape, field: &str) -> Vec<String> {
    // `id`, `created`, `updated` and `version` are columns of their own names.
    shape.field(field).map_or_else(|| vec![field.to_owned()], columns::compared)
}

fn check_shape(
    dialect: Dialect,
    schema: &Schema,
    collection: &Collection,
    check: &Check,
) -> Result<CheckShape> {
    let expr = &check.expr;
    // What a check says of a change, a caller or a moment, it does not say of a record that lies there.
    let is_of_record = !(expr.is_about_change() || expr.is_about_caller_or_time());
    let tells = !check.physical && is_of_record && !expr.needs_memory();
    let physical = check.physical.then(|| sql::check_constraint(dialect, schema, collection.id, &check.expr));
    Ok(CheckShape {
        name: check.name.clone(),
        owner: owner(&check.owner),
        release: RELEASE.to_owned(),
        sql: physical.transpose()?,
        breaks: tells.then(|| breaks(dialect, schema, collection, expr)).transpose()?,
    })
}

/// The statement that counts the records for which a condition is not true.
fn breaks(dialect: Dialect, schema: &Schema, collection: &Collection, tree: &Tree) -> Result<Statement> {
    let mut select = Select::stored(schema, dialect, collection.id);
    let truth = select.truth(tree)?;
    // Not true is false or not known.
    let text = format!("SELECT count(*) {} WHERE ({truth}) IS NOT TRUE", select.from());
    Ok(select.finish(text))
}

/// Lists go by `created` where nothing else is said, so it is in an index of every collection.
fn by_age(shape: &mut TableShape) {
    let columns = vec!["created".to_owned()];
    let known = |index: &IndexShape| index.condition.is_none() && index.columns.starts_with(&columns);
    if !shape.indexes.iter().any(known) {
        shape.indexes.push(automatic_index(shape, "created", columns));
    }
}

fn automatic_index(shape: &TableShape, field: &str, columns: Vec<String>) -> IndexShape {
    IndexShape {
        name: names::automatic_index(&shape.name, field),
        owner: shape.owner.clone(),
        release: RELEASE.to_owned(),
        columns,
        unique: false,
        condition: None,
        automatic: true,
    }
}
