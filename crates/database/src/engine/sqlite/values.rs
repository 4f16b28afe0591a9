//! Values in and out of SQLite, and what its errors mean.

use std::rc::Rc;

use mains_base::{Error, Result, Uuid, Value};
use rusqlite::types::{ToSql, ToSqlOutput, Value as Owned, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode};

use crate::engine::{OnViolation, Row, RowView, Violation, ViolationKind, failure, text};

/// A statement with its parameters bound.
pub(super) fn prepare<'c>(
    connection: &'c Connection,
    sql: &str,
    parameters: &[Value],
) -> Result<CachedStatement<'c>, rusqlite::Error> {
    if parameters.is_empty() {
        return connection.prepare_cached(sql);
    }
    let mut statement = connection.prepare_cached(&text::for_sqlite(sql))?;
    let wanted = statement.parameter_count();
    if wanted != parameters.len() {
        return Err(rusqlite::Error::InvalidParameterCount(parameters.len(), wanted));
    }
    for (place, value) in parameters.iter().enumerate() {
        statement.raw_bind_parameter(place + 1, Bound(value))?;
    }
    Ok(statement)
}

struct Bound<'v>(&'v Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            Value::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Value::Bool(truth) => ToSqlOutput::Owned(Owned::Integer(i64::from(*truth))),
            Value::Int(number) => ToSqlOutput::Owned(Owned::Integer(*number)),
            Value::Double(number) => ToSqlOutput::Owned(Owned::Real(*number)),
            Value::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Value::Id(id) => ToSqlOutput::Borrowed(ValueRef::Blob(&id.0)),
            Value::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Value::List(items) => {
                let items = items.iter().map(element).collect::<rusqlite::Result<Vec<_>>>()?;
                ToSqlOutput::from_rc(Rc::new(items), c"rarray")
            }
            Value::Money(_) | Value::Point(_) => return Err(no_column(self.0)),
        })
    }
}

fn element(value: &Value) -> rusqlite::Result<Owned> {
    Ok(match value {
        Value::Null => Owned::Null,
        Value::Bool(truth) => Owned::Integer(i64::from(*truth)),
        Value::Int(number) => Owned::Integer(*number),
        Value::Double(number) => Owned::Real(*number),
        Value::Text(text) => Owned::Text(text.clone()),
        Value::Id(id) => Owned::Blob(id.0.to_vec()),
        Value::Bytes(bytes) => Owned::Blob(bytes.clone()),
        Value::Money(_) | Value::Point(_) | Value::List(_) => return Err(no_column(value)),
    })
}

fn no_column(value: &Value) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(format!("{value:?} takes more than one column").into())
}

/// A row as a write keeps it.
pub(super) fn owned(row: &rusqlite::Row<'_>, columns: usize) -> Result<Row, rusqlite::Error> {
    let cell = |column| {
        Ok(match row.get_ref(column)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => Value::Int(number),
            ValueRef::Real(number) => Value::Double(number),
            ValueRef::Text(_) => Value::Text(row.get_ref(column)?.as_str()?.to_owned()),
            ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
        })
    };
    (0..columns).map(cell).collect::<rusqlite::Result<Vec<_>>>().map(Row)
}

fn cell<'r>(row: &'r rusqlite::Row<'_>, column: usize) -> Result<ValueRef<'r>> {
    row.get_ref(column).map_err(Error::internal)
}

fn wrong<T>(column: usize, wanted: &str) -> Result<T> {
    Err(Error::internal(format!("column {column} is no {wanted}")))
}

impl RowView for rusqlite::Row<'_> {
    fn is_null(&self, column: usize) -> Result<bool> {
        Ok(matches!(cell(self, column)?, ValueRef::Null))
    }

    fn int(&self, column: usize) -> Result<Option<i64>> {
        match cell(self, column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(number) => Ok(Some(number)),
            _ => wrong(column, "integer"),
        }
    }

    fn double(&self, column: usize) -> Result<Option<f64>> {
        match cell(self, column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Real(number) => Ok(Some(number)),
            ValueRef::Integer(number) => Ok(Some(number as f64)),
            _ => wrong(column, "double"),
        }
    }

    fn bool(&self, column: usize) -> Result<Option<bool>> {
        Ok(RowView::int(self, column)?.map(|number| number != 0))
    }

    fn text(&self, column: usize) -> Result<Option<&str>> {
        self.unproven(column)?.map(|text| std::str::from_utf8(text).map_err(Error::internal)).transpose()
    }

    fn unproven(&self, column: usize) -> Result<Option<&[u8]>> {
        match cell(self, column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Text(text) => Ok(Some(text)),
            _ => wrong(column, "text"),
        }
    }

    fn id(&self, column: usize) -> Result<Option<Uuid>> {
        match cell(self, column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Blob(bytes) => {
                bytes.try_into().map(|bytes| Some(Uuid(bytes))).or_else(|_| wrong(column, "id"))
            }
            _ => wrong(column, "id"),
        }
    }

    fn bytes(&self, column: usize) -> Result<Option<&[u8]>> {
        match cell(self, column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Blob(bytes) => Ok(Some(bytes)),
            _ => wrong(column, "bytes"),
        }
    }
}

/// What a failed statement means.
pub(super) fn meaning(cause: rusqlite::Error, on_violation: Option<&OnViolation>) -> Error {
    if let Some(violation) = violation(&cause)
        && let Some(on_violation) = on_violation
    {
        return on_violation(&violation).because(cause);
    }
    match cause.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => failure::out_of_space(cause),
        Some(
            ErrorCode::SystemIoFailure
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::CannotOpen
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::OutOfMemory,
        ) => failure::unavailable(cause),
        _ => Error::internal(cause),
    }
}

/// Whether this failure is the disk's or the memory's rather than the statement's. An I/O error on a read comes as
/// `DatabaseCorrupt` (`SQLITE_IOERR_CORRUPTFS`), because SQLite cannot tell it from a broken page.
pub(super) fn breaks(cause: &rusqlite::Error) -> bool {
    let code = cause.sqlite_error_code();
    matches!(
        code,
        Some(
            ErrorCode::SystemIoFailure
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::CannotOpen
                | ErrorCode::OutOfMemory
        )
    )
}

fn violation(cause: &rusqlite::Error) -> Option<Violation> {
    let rusqlite::Error::SqliteFailure(code, message) = cause else { return None };
    let kind = match code.extended_code {
        rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE
        | rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY
        | rusqlite::ffi::SQLITE_CONSTRAINT_ROWID => ViolationKind::Unique,
        rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY => ViolationKind::ForeignKey,
        rusqlite::ffi::SQLITE_CONSTRAINT_CHECK => ViolationKind::Check,
        rusqlite::ffi::SQLITE_CONSTRAINT_NOTNULL => ViolationKind::NotNull,
        _ => return None,
    };
    let text = message.as_deref().unwrap_or_default();
    let name = text.split_once(": ").map_or("", |(_, name)| name);
    let name = name.strip_prefix("index '").and_then(|name| name.strip_suffix('\'')).unwrap_or(name);
    Some(Violation { kind, name: name.to_owned() })
}
