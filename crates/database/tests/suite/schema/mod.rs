//! The schema plan on both databases.

#![expect(clippy::format_push_string, reason = "statements of tests are put together as they read")]

pub(crate) mod build;
mod kill;
mod nodes;
mod random;
mod refusals;
mod steps;

use std::sync::Arc;

use mains_base::{Result, Uuid, Value};
use mains_database::engine::Row;
use mains_database::schema::{SchemaPlan, apply, plan};
use mains_language::schema::Schema;
use mains_testkit::TestDb;

/// An id that ends in this number.
pub(crate) fn id(number: u8) -> Uuid {
    let mut bytes = [0; 16];
    bytes[6] = 0x70;
    bytes[15] = number;
    Uuid(bytes)
}

/// Runs a statement outside every rule.
pub(crate) async fn run(db: &TestDb, sql: &str, values: &[Value]) -> Result<()> {
    let (sql, values) = (sql.to_owned(), values.to_vec());
    db.engine.alter(move |statements| statements.execute(&sql, &values, None).map(drop)).await
}

/// The rows of a query.
pub(crate) async fn rows(db: &TestDb, sql: &str) -> Vec<Row> {
    // A pooled connection may know the statement from before the schema changed, and says so once.
    for _ in 0..8 {
        let text = sql.to_owned();
        match db.engine.snapshot(move |statements| statements.query(&text, &[])).await {
            Ok(rows) => return rows.0,
            Err(error) if error.code() == "database.busy" => {}
            Err(error) => panic!("{sql}: {error:?}"),
        }
    }
    panic!("{sql} is always stale")
}

/// The first column of a query, as text.
pub(crate) async fn texts(db: &TestDb, sql: &str) -> Vec<String> {
    let shown = |row: &Row| match row.value(0) {
        Value::Text(text) => text.clone(),
        Value::Null => "null".to_owned(),
        other => row.int(0).ok().flatten().map_or_else(|| format!("{other:?}"), |number| number.to_string()),
    };
    rows(db, sql).await.iter().map(shown).collect()
}

/// A record with these columns besides those of the system.
pub(crate) async fn insert(db: &TestDb, table: &str, number: u8, cells: &[(&str, Value)]) {
    let mut columns = "\"id\", \"created\", \"updated\", \"version\"".to_owned();
    let mut places = "$1, $2, $2, 1".to_owned();
    let mut values = vec![Value::Id(id(number)), Value::Int(i64::from(number))];
    for (column, value) in cells {
        values.push(value.clone());
        columns.push_str(&format!(", \"{column}\""));
        places.push_str(&format!(", ${}", values.len()));
    }
    run(db, &format!("INSERT INTO \"{table}\" ({columns}) VALUES ({places})"), &values).await.unwrap();
}

/// Plans, applies, and sees that a second plan is empty. Answers what the plan said.
pub(crate) async fn go(db: &TestDb, schema: Arc<Schema>) -> String {
    let planned = plan(&db.engine, &schema).await.unwrap();
    assert_eq!(planned.refusals(), [], "{planned}");
    apply(&db.engine, &schema, &planned).await.unwrap();
    let second = plan(&db.engine, &schema).await.unwrap();
    assert!(second.is_empty(), "a second plan says\n{second}");
    planned.to_string()
}

/// The plan alone, which must be refused and change nothing.
pub(crate) async fn refused(db: &TestDb, schema: Arc<Schema>) -> String {
    let planned: SchemaPlan = plan(&db.engine, &schema).await.unwrap();
    assert_ne!(planned.refusals(), [], "{planned}");
    let error = apply(&db.engine, &schema, &planned).await.unwrap_err();
    assert_eq!(error.code(), "schema.refused");
    let said: Vec<String> = planned.refusals().iter().map(|refusal| format!("{refusal}\n")).collect();
    said.concat()
}
