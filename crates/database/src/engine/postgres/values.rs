//! Values in and out of PostgreSQL.
//!
//! Invariant: a parameter is checked against the statement's types before anything is sent. Were it found wrong in the
//! middle of a pipeline, the COMMIT behind it would commit without its statement.

use bytes::{BufMut, BytesMut};
use mains_base::{Error, Result, Uuid, Value};
use tokio_postgres::types::{IsNull, Kind, ToSql, Type, to_sql_checked};

type Wrong = Box<dyn std::error::Error + Sync + Send>;

/// A value as a parameter.
#[derive(Debug)]
pub(super) struct Bound<'v>(pub(super) &'v Value);

/// Whether the parameters are as many and of such types as a statement wants.
pub(super) fn check(types: &[Type], parameters: &[Value]) -> Result<()> {
    if types.len() != parameters.len() {
        let text = format!("{} parameters given, {} wanted", parameters.len(), types.len());
        return Err(Error::internal(text));
    }
    for (place, (value, wanted)) in parameters.iter().zip(types).enumerate() {
        if !fits(value, wanted) {
            return Err(Error::internal(format!("parameter ${} is no {wanted}", place + 1)));
        }
    }
    Ok(())
}

fn fits(value: &Value, wanted: &Type) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(_) => *wanted == Type::BOOL,
        Value::Int(number) => match *wanted {
            Type::INT8 | Type::FLOAT8 => true,
            Type::INT4 => i32::try_from(*number).is_ok(),
            Type::INT2 => i16::try_from(*number).is_ok(),
            _ => false,
        },
        Value::Double(_) => *wanted == Type::FLOAT8,
        Value::Text(_) => {
            matches!(
                *wanted,
                Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::JSON
            )
        }
        Value::Id(_) => matches!(*wanted, Type::UUID | Type::BYTEA),
        Value::Bytes(bytes) => *wanted == Type::BYTEA || (*wanted == Type::UUID && bytes.len() == 16),
        Value::List(items) => match wanted.kind() {
            Kind::Array(element) => items.iter().all(|item| fits(item, element)),
            _ => false,
        },
        Value::Money(_) | Value::Point(_) => false,
    }
}

impl ToSql for Bound<'_> {
    fn to_sql(&self, wanted: &Type, out: &mut BytesMut) -> Result<IsNull, Wrong> {
        match self.0 {
            Value::Null => return Ok(IsNull::Yes),
            Value::Bool(truth) => out.put_u8(u8::from(*truth)),
            Value::Int(number) => put_int(*number, wanted, out)?,
            Value::Double(number) => out.put_f64(*number),
            Value::Text(text) => out.put_slice(text.as_bytes()),
            Value::Id(id) => out.put_slice(&id.0),
            Value::Bytes(bytes) => out.put_slice(bytes),
            Value::List(items) => {
                let items: Vec<_> = items.iter().map(Bound).collect();
                return items.to_sql(wanted, out);
            }
            Value::Money(_) | Value::Point(_) => return Err("a value of more than one column".into()),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn put_int(number: i64, wanted: &Type, out: &mut BytesMut) -> Result<(), Wrong> {
    match *wanted {
        Type::INT4 => out.put_i32(i32::try_from(number)?),
        Type::INT2 => out.put_i16(i16::try_from(number)?),
        Type::FLOAT8 => out.put_f64(number as f64),
        _ => out.put_i64(number),
    }
    Ok(())
}

/// A cell as it came.
pub(super) struct Cell<'r> {
    pub(super) of: &'r Type,
    /// `None` is NULL.
    pub(super) bytes: Option<&'r [u8]>,
}

impl<'r> Cell<'r> {
    fn wrong<T>(&self, wanted: &str) -> Result<T> {
        Err(Error::internal(format!("a cell of type {} is no {wanted}", self.of)))
    }

    pub(super) fn int(&self) -> Result<Option<i64>> {
        let Some(bytes) = self.bytes else { return Ok(None) };
        let number = match *self.of {
            Type::INT8 | Type::XID8 => bytes.try_into().ok().map(i64::from_be_bytes),
            Type::INT4 => bytes.try_into().ok().map(i32::from_be_bytes).map(i64::from),
            Type::INT2 => bytes.try_into().ok().map(i16::from_be_bytes).map(i64::from),
            Type::BOOL => bytes.first().map(|byte| i64::from(*byte)),
            _ => None,
        };
        number.map_or_else(|| self.wrong("integer"), |number| Ok(Some(number)))
    }

    pub(super) fn double(&self) -> Result<Option<f64>> {
        let Some(bytes) = self.bytes else { return Ok(None) };
        match *self.of {
            Type::FLOAT8 => bytes
                .try_into()
                .map_or_else(|_| self.wrong("double"), |bytes| Ok(Some(f64::from_be_bytes(bytes)))),
            Type::FLOAT4 => bytes.try_into().map_or_else(
                |_| self.wrong("double"),
                |bytes| Ok(Some(f64::from(f32::from_be_bytes(bytes)))),
            ),
            _ => Ok(self.int()?.map(|number| number as f64)),
        }
    }

    pub(super) fn text(&self) -> Result<Option<&'r str>> {
        let Some(bytes) = self.bytes else { return Ok(None) };
        let is_text = matches!(
            *self.of,
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::JSON
        );
        if !is_text {
            return self.wrong("text");
        }
        std::str::from_utf8(bytes).map(Some).map_err(Error::internal)
    }

    pub(super) fn id(&self) -> Result<Option<Uuid>> {
        let Some(bytes) = self.bytes else { return Ok(None) };
        bytes.try_into().map_or_else(|_| self.wrong("id"), |bytes| Ok(Some(Uuid(bytes))))
    }

    pub(super) fn value(&self) -> Result<Value> {
        let Some(bytes) = self.bytes else { return Ok(Value::Null) };
        Ok(match *self.of {
            Type::BOOL => self.int()?.map_or(Value::Null, |truth| Value::Bool(truth != 0)),
            Type::INT8 | Type::INT4 | Type::INT2 | Type::XID8 => self.int()?.into(),
            Type::FLOAT8 | Type::FLOAT4 => self.double()?.map_or(Value::Null, Value::Double),
            Type::UUID => self.id()?.into(),
            Type::BYTEA => Value::Bytes(bytes.to_vec()),
            Type::VOID => Value::Null,
            _ => self.text()?.into(),
        })
    }
}
