//! From fields to columns, and the text of every statement that defines something.

use mains_base::Value;

use super::names;
use super::shape::{CurrencyShape, FieldShape, IndexShape, KindShape, TableShape};
use crate::dialect::{Column, Dialect, quote};

/// A column of a single field.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FieldColumn {
    pub(super) name: String,
    pub(super) column: Column,
    /// The table whose id it holds.
    pub(super) target: Option<String>,
    /// Filled with `false` where nothing is given, so it is never null from its first moment.
    pub(super) truth: bool,
}

/// What one value of the field is stored as.
pub(super) fn element(kind: &KindShape) -> Column {
    match kind {
        KindShape::Text { .. }
        | KindShape::Email { .. }
        | KindShape::Url { .. }
        | KindShape::Slug { .. }
        | KindShape::Enum { .. }
        | KindShape::File {}
        | KindShape::Json { .. } => Column::Text,
        KindShape::Integer { .. }
        | KindShape::Decimal { .. }
        | KindShape::Money { .. }
        | KindShape::Datetime { .. } => Column::Int,
        KindShape::Number { .. } | KindShape::Point {} => Column::Double,
        KindShape::Bool {} => Column::Bool,
        KindShape::Date { .. } => Column::Date,
        KindShape::Relation { .. } => Column::Id,
        KindShape::Bytes { .. } => Column::Bytes,
    }
}

/// The columns of a field; none of a list.
pub(super) fn columns(field: &FieldShape) -> Vec<FieldColumn> {
    if field.many.is_some() {
        return Vec::new();
    }
    let plain = |name: String, column| FieldColumn { name, column, target: None, truth: false };
    let part = |part: &str, column| plain(format!("{}__{part}", field.name), column);
    match field.kind {
        KindShape::File {} => {
            return vec![part("name", Column::Text), part("type", Column::Text), part("size", Column::Int)];
        }
        KindShape::Point {} => {
            return vec![part("latitude", Column::Double), part("longitude", Column::Double)];
        }
        _ => {}
    }
    let mut columns = vec![FieldColumn {
        target: field.kind.target().map(str::to_owned),
        truth: field.required && matches!(field.kind, KindShape::Bool {}),
        ..plain(field.name.clone(), element(&field.kind))
    }];
    if field.kind.folds_case() {
        columns.push(plain(names::folded(&field.name), Column::Text));
    }
    if matches!(field.kind, KindShape::Money { currency: CurrencyShape::Free }) {
        columns.push(plain(names::currency(&field.name), Column::Text));
    }
    columns
}

/// The columns by which a field is compared in an index or key.
pub(super) fn compared(field: &FieldShape) -> Vec<String> {
    if field.kind.folds_case() {
        return vec![names::folded(&field.name)];
    }
    columns(field).into_iter().map(|column| column.name).collect()
}

/// `CREATE TABLE`, without foreign keys on PostgreSQL, which wants their targets to be there.
pub(super) fn create_table(dialect: Dialect, table: &TableShape) -> String {
    let mut parts = if table.is_private() { Vec::new() } else { system_columns(dialect) };
    for field in &table.fields {
        let not_null = field.required || table.key.contains(&field.name);
        let of_field = columns(field);
        parts.extend(of_field.iter().map(|column| definition(dialect, column, not_null)));
    }
    if table.is_private() {
        let keys = table.key.iter().filter_map(|name| table.field(name)).flat_map(compared);
        let keys: Vec<String> = keys.map(|column| quote(&column)).collect();
        parts.push(format!("PRIMARY KEY ({})", keys.join(", ")));
    }
    format!(
        "CREATE TABLE {} ({}){}",
        quote(&table.name),
        parts.join(", "),
        ending(dialect, table.is_private())
    )
}

fn system_columns(dialect: Dialect) -> Vec<String> {
    let int = dialect.column_type(Column::Int);
    let key = match dialect {
        Dialect::Sqlite => vec!["_row INTEGER PRIMARY KEY", "\"id\" BLOB NOT NULL UNIQUE"],
        Dialect::Postgres => vec!["\"id\" uuid PRIMARY KEY"],
    };
    let times = ["created", "updated", "version"].map(|name| format!("\"{name}\" {int} NOT NULL"));
    key.into_iter().map(str::to_owned).chain(times).collect()
}

fn ending(dialect: Dialect, without_row_number: bool) -> &'static str {
    match (dialect, without_row_number) {
        (Dialect::Sqlite, true) => " STRICT, WITHOUT ROWID",
        (Dialect::Sqlite, false) => " STRICT",
        (Dialect::Postgres, _) => "",
    }
}

/// A column as it stands in `CREATE TABLE` and `ADD COLUMN`.
pub(super) fn definition(dialect: Dialect, column: &FieldColumn, not_null: bool) -> String {
    let mut text = format!("{} {}", quote(&column.name), dialect.column_type(column.column));
    if column.truth {
        text.push_str(" NOT NULL DEFAULT ");
        text.push_str(if dialect == Dialect::Sqlite { "0" } else { "false" });
    } else if not_null {
        text.push_str(" NOT NULL");
    }
    if let (Dialect::Sqlite, Some(target)) = (dialect, &column.target) {
        text.push_str(&references(target));
    }
    text
}

fn references(target: &str) -> String {
    format!(" REFERENCES {} (\"id\")", quote(target))
}

/// The foreign key of a column, where it is added by itself.
pub(super) fn link(table: &str, column: &str, target: &str) -> String {
    format!("ALTER TABLE {} ADD FOREIGN KEY ({}){}", quote(table), quote(column), references(target))
}

/// The table of a list, and the index on its elements.
pub(super) fn create_join(dialect: Dialect, table: &str, field: &FieldShape) -> [String; 2] {
    let join = names::join_table(table, &field.name);
    let link = |target: Option<&str>| match (dialect, target) {
        (Dialect::Sqlite, Some(target)) => references(target),
        _ => String::new(),
    };
    let folded = if field.kind.folds_case() {
        format!(", \"target__folded\" {} NOT NULL", dialect.column_type(Column::Text))
    } else {
        String::new()
    };
    let create = format!(
        "CREATE TABLE {} (\"record\" {} NOT NULL{}, \"target\" {} NOT NULL{}, \"position\" {} NOT NULL{folded}, \
         PRIMARY KEY (\"record\", \"target\")){}",
        quote(&join),
        dialect.column_type(Column::Id),
        link(Some(table)),
        dialect.column_type(element(&field.kind)),
        link(field.kind.target()),
        dialect.column_type(Column::Int),
        ending(dialect, true),
    );
    [create, reverse(&join, field.kind.folds_case())]
}

/// The index on the elements of a list.
pub(super) fn reverse(join: &str, folds: bool) -> String {
    let target = if folds { "target__folded" } else { "target" };
    let name = names::reverse_index(join);
    format!("CREATE INDEX {} ON {} ({}, \"record\")", quote(&name), quote(join), quote(target))
}

/// `CREATE INDEX`. NULLs sort lowest on both; an index that is not unique ends in the id.
pub(super) fn create_index(dialect: Dialect, table: &TableShape, index: &IndexShape) -> String {
    let order = if dialect == Dialect::Postgres { " NULLS FIRST" } else { "" };
    let declared = index.columns.iter();
    let mut columns: Vec<String> = declared
        .map(|column| if column == "id" { quote(column) } else { format!("{}{order}", quote(column)) })
        .collect();
    if !index.unique && !table.is_private() && !index.columns.iter().any(|column| column == "id") {
        columns.push(quote("id"));
    }
    let condition = index.condition.as_ref().map(|sql| format!(" WHERE {sql}")).unwrap_or_default();
    format!(
        "CREATE {}INDEX {} ON {} ({}){condition}",
        if index.unique { "UNIQUE " } else { "" },
        quote(&index.name),
        quote(&table.name),
        columns.join(", "),
    )
}

/// A value written into a statement.
pub(super) fn literal(dialect: Dialect, column: Column, value: &Value) -> String {
    let text = match value {
        Value::Bool(truth) if dialect == Dialect::Sqlite => i64::from(*truth).to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) => format!("({number})"),
        Value::Double(number) => format!("({number:?})"),
        Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Id(id) => bytes(dialect, column, &id.0),
        Value::Bytes(content) => bytes(dialect, column, content),
        _ => "NULL".to_owned(),
    };
    match (dialect, column) {
        (Dialect::Sqlite, _) => text,
        (Dialect::Postgres, Column::Text) => format!("{text}::text"),
        (Dialect::Postgres, column) => format!("{text}::{}", dialect.column_type(column)),
    }
}

fn bytes(dialect: Dialect, column: Column, content: &[u8]) -> String {
    let digits: Vec<String> = content.iter().map(|byte| format!("{byte:02x}")).collect();
    let digits = digits.concat();
    match (dialect, column) {
        (Dialect::Sqlite, _) => format!("x'{digits}'"),
        (Dialect::Postgres, Column::Id) => format!("'{digits}'"),
        (Dialect::Postgres, _) => format!("'\\x{digits}'"),
    }
}
