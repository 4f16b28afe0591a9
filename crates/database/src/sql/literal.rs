//! Literals in the text itself, for CHECK constraints and index conditions, which take no parameters.

use mains_base::{Error, Result, Value};

use crate::dialect::{Column, Dialect};

/// The literal of a value, of the type that a parameter of this column would have.
pub(super) fn literal(dialect: Dialect, value: &Value, column: Column) -> Result<String> {
    let plain = match value {
        Value::Null => "NULL".to_owned(),
        Value::Bool(truth) => return Ok(if *truth { "TRUE" } else { "FALSE" }.to_owned()),
        Value::Int(number) if dialect == Dialect::Sqlite => format!("({number})"),
        Value::Int(number) => format!("'{number}'"),
        Value::Double(number) if dialect == Dialect::Sqlite => format!("({number:?})"),
        Value::Double(number) => format!("'{number:?}'"),
        Value::Text(text) => quoted(dialect, text),
        Value::Id(id) => hexadecimal(dialect, &id.0),
        Value::Bytes(bytes) => hexadecimal(dialect, bytes),
        Value::Money(_) | Value::Point(_) | Value::List(_) => {
            return Err(Error::internal("a value of several parts has no literal"));
        }
    };
    Ok(match dialect {
        Dialect::Sqlite => plain,
        Dialect::Postgres => format!("{plain}::{}", dialect.column_type(column)),
    })
}

fn quoted(dialect: Dialect, text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if dialect == Dialect::Postgres && doubled.contains('\\') {
        return format!("E'{}'", doubled.replace('\\', "\\\\"));
    }
    format!("'{doubled}'")
}

fn hexadecimal(dialect: Dialect, bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut digits = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing into a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    match dialect {
        Dialect::Sqlite => format!("x'{digits}'"),
        Dialect::Postgres if bytes.len() == 16 => format!("'{digits}'"),
        Dialect::Postgres => format!("E'\\\\x{digits}'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_stay_inside() {
        let text = Value::from("a'b\\'; --");
        assert_eq!(literal(Dialect::Sqlite, &text, Column::Text).unwrap(), "'a''b\\''; --'");
        assert_eq!(
            literal(Dialect::Postgres, &text, Column::Text).unwrap(),
            "E'a''b\\\\''; --'::text COLLATE \"C\""
        );
    }

    #[test]
    fn numbers_keep_their_type() {
        assert_eq!(literal(Dialect::Sqlite, &Value::Double(1e16), Column::Double).unwrap(), "(1e16)");
        assert_eq!(literal(Dialect::Postgres, &Value::Int(-7), Column::Int).unwrap(), "'-7'::bigint");
    }
}
