//! Everything in which the two databases differ, each difference under a name.

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Embedded SQLite.
    Sqlite,
    /// PostgreSQL 15 or later.
    Postgres,
}

/// The type of a column or a bound parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Column {
    /// True or false.
    Bool,
    /// Whole number (also decimals, money amounts, instants, spans).
    Int,
    /// Days since 1970.
    Date,
    /// Double.
    Double,
    /// Text, by code point.
    Text,
    /// 16 bytes of an id.
    Id,
    /// Raw bytes.
    Bytes,
}

impl Dialect {
    /// The type's name in a table.
    pub fn column_type(self, column: Column) -> &'static str {
        match (self, column) {
            (Self::Sqlite, Column::Bool | Column::Int | Column::Date) => "INTEGER",
            (Self::Sqlite, Column::Double) => "REAL",
            (Self::Sqlite, Column::Text) => "TEXT",
            (Self::Sqlite, Column::Id | Column::Bytes) => "BLOB",
            (Self::Postgres, Column::Bool) => "boolean",
            (Self::Postgres, Column::Int) => "bigint",
            (Self::Postgres, Column::Date) => "integer",
            (Self::Postgres, Column::Double) => "double precision",
            (Self::Postgres, Column::Text) => "text COLLATE \"C\"",
            (Self::Postgres, Column::Id) => "uuid",
            (Self::Postgres, Column::Bytes) => "bytea",
        }
    }

    /// A key of `ORDER BY`, with NULLs lowest as in the indexes.
    pub fn ordered(self, sql: &str, descending: bool) -> String {
        match (self, descending) {
            (Self::Sqlite, false) => sql.to_owned(),
            (Self::Sqlite, true) => format!("{sql} DESC"),
            (Self::Postgres, false) => format!("{sql} NULLS FIRST"),
            (Self::Postgres, true) => format!("{sql} DESC NULLS LAST"),
        }
    }
}

/// A quoted identifier. Names of sites hold only `[a-z0-9_]`, so no quote can stand inside.
pub fn quote(name: &str) -> String {
    format!("\"{name}\"")
}
