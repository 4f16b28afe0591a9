//! The world of the vectors in a database: its tables, its records.

use mains_base::{Value, fold};
use mains_database::dialect::{Column, Dialect};
use mains_database::sql::column_of_field;
use mains_language::schema::{Collection, Field, FieldKind, Schema};
use mains_testkit::vectors::Record;

use super::base::Base;

/// Makes the tables and puts the records in.
pub(super) fn fill(base: &Base, schema: &Schema, records: &[Record]) {
    create_all(base, schema);
    insert_all(base, schema, records);
}

pub(super) fn create_all(base: &Base, schema: &Schema) {
    for collection in &schema.collections {
        create(base, collection);
    }
}

pub(super) fn insert_all(base: &Base, schema: &Schema, records: &[Record]) {
    base.run("BEGIN");
    for record in records {
        insert(base, schema.collection(record.collection), record);
    }
    base.run("COMMIT");
}

/// Takes the records out again.
pub(super) fn clear(base: &Base, schema: &Schema) {
    for collection in &schema.collections {
        base.run(&format!("DELETE FROM \"{}\"", collection.name));
        for field in collection.fields.iter().filter(|field| field.many.is_some()) {
            base.run(&format!("DELETE FROM \"{}__{}\"", collection.name, field.name));
        }
    }
}

/// Takes the tables away.
pub(super) fn drop_all(base: &Base, schema: &Schema) {
    for collection in &schema.collections {
        for field in collection.fields.iter().filter(|field| field.many.is_some()) {
            base.run(&format!("DROP TABLE \"{}__{}\"", collection.name, field.name));
        }
        base.run(&format!("DROP TABLE \"{}\"", collection.name));
    }
}

fn create(base: &Base, collection: &Collection) {
    let dialect = base.dialect();
    let columns: Vec<String> = collection
        .fields
        .iter()
        .filter(|field| field.many.is_none() && field.is_stored())
        .flat_map(|field| columns(field, &Value::Null))
        .map(|(name, column, _)| format!("\"{name}\" {}", dialect.column_type(column)))
        .collect();
    let key = if dialect == Dialect::Sqlite { "_row INTEGER PRIMARY KEY, " } else { "" };
    let strict = if dialect == Dialect::Sqlite { "STRICT" } else { "" };
    base.run(&format!(
        "CREATE TABLE \"{}\" ({key}{}, UNIQUE (id)) {strict}",
        collection.name,
        columns.join(", ")
    ));
    for field in collection.fields.iter().filter(|field| field.many.is_some()) {
        let (id, target) = (dialect.column_type(Column::Id), dialect.column_type(column_of_field(field)));
        let folded = dialect.column_type(Column::Text);
        base.run(&format!(
            "CREATE TABLE \"{}__{}\" (record {id}, target {target}, position {}, target__folded {folded}) {strict}",
            collection.name,
            field.name,
            dialect.column_type(Column::Int)
        ));
    }
}

fn insert(base: &Base, collection: &Collection, record: &Record) {
    let mut cells = Vec::new();
    for (field, value) in collection.fields.iter().zip(&record.values).filter(|(field, _)| field.is_stored())
    {
        if field.many.is_none() {
            cells.extend(columns(field, value));
            continue;
        }
        for (position, item) in value.as_list().unwrap().iter().enumerate() {
            let folded = if field.folds_case() { folded(item) } else { Value::Null };
            let table = format!("{}__{}", collection.name, field.name);
            let parameters = [Value::Id(record.id()), item.clone(), Value::Int(position as i64), folded];
            base.query(&format!("INSERT INTO \"{table}\" VALUES ($1, $2, $3, $4)"), &parameters).unwrap();
        }
    }
    let names: Vec<String> = cells.iter().map(|(name, ..)| format!("\"{name}\"")).collect();
    let numbers: Vec<String> = (1..=cells.len()).map(|number| format!("${number}")).collect();
    let text =
        format!("INSERT INTO \"{}\" ({}) VALUES ({})", collection.name, names.join(", "), numbers.join(", "));
    let parameters: Vec<Value> = cells.into_iter().map(|(_, _, value)| value).collect();
    base.query(&text, &parameters).unwrap();
}

fn folded(value: &Value) -> Value {
    value.as_text().map(fold).into()
}

/// The columns of a single field with their cells.
fn columns(field: &Field, value: &Value) -> Vec<(String, Column, Value)> {
    let name = field.name.clone();
    let beside = |suffix: &str| format!("{name}__{suffix}");
    match (&field.kind, value) {
        (FieldKind::Money { .. }, Value::Money(money)) => vec![
            (name.clone(), Column::Int, Value::Int(money.amount)),
            (beside("currency"), Column::Text, Value::from(money.currency.as_str())),
        ],
        (FieldKind::Money { .. }, _) => {
            vec![(name.clone(), Column::Int, Value::Null), (beside("currency"), Column::Text, Value::Null)]
        }
        (FieldKind::Point, value) => {
            let point = if let Value::Point(point) = value { Some(point) } else { None };
            let part = |degrees: Option<f64>| degrees.map_or(Value::Null, Value::Double);
            vec![
                (beside("latitude"), Column::Double, part(point.map(|point| point.latitude))),
                (beside("longitude"), Column::Double, part(point.map(|point| point.longitude))),
            ]
        }
        (FieldKind::File, value) => {
            let part = |place: usize| value.as_list().map_or(Value::Null, |parts| parts[place].clone());
            vec![
                (beside("name"), Column::Text, part(0)),
                (beside("type"), Column::Text, part(1)),
                (beside("size"), Column::Int, part(2)),
            ]
        }
        _ if field.folds_case() => {
            vec![(name.clone(), Column::Text, value.clone()), (beside("folded"), Column::Text, folded(value))]
        }
        _ => vec![(name, column_of_field(field), value.clone())],
    }
}
