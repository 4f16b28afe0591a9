//! Rows: owned, as a write gets them, and borrowed, as a read streams them into an answer.

use mains_base::{Error, Result, Uuid, Value};

/// The rows of a query inside a write.
#[derive(Clone, Debug, Default)]
pub struct Rows(pub Vec<Row>);

/// One row. SQLite knows no booleans and no ids, so the getters say what a cell should be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row(pub Vec<Value>);

/// A row that is being read, for encoders: no cell is copied that is not asked for.
pub trait RowView {
    /// Whether the cell is NULL.
    fn is_null(&self, column: usize) -> Result<bool>;
    /// A whole number (also `integer` columns), or `None` for NULL.
    fn int(&self, column: usize) -> Result<Option<i64>>;
    /// A double.
    fn double(&self, column: usize) -> Result<Option<f64>>;
    /// A truth value.
    fn bool(&self, column: usize) -> Result<Option<bool>>;
    /// A text.
    fn text(&self, column: usize) -> Result<Option<&str>>;
    /// A text as the database gave it, perhaps not proven to be UTF-8 yet.
    fn unproven(&self, column: usize) -> Result<Option<&[u8]>> {
        Ok(self.text(column)?.map(str::as_bytes))
    }
    /// An id.
    fn id(&self, column: usize) -> Result<Option<Uuid>>;
    /// Bytes.
    fn bytes(&self, column: usize) -> Result<Option<&[u8]>>;
}

fn wrong(column: usize, wanted: &str) -> Error {
    Error::internal(format!("column {column} is no {wanted}"))
}

impl Row {
    /// The cell as it came.
    pub fn value(&self, column: usize) -> &Value {
        self.0.get(column).unwrap_or(&Value::Null)
    }

    /// A whole number, or `None` for NULL.
    pub fn int(&self, column: usize) -> Result<Option<i64>> {
        match self.value(column) {
            Value::Null => Ok(None),
            Value::Int(number) => Ok(Some(*number)),
            Value::Bool(truth) => Ok(Some(i64::from(*truth))),
            _ => Err(wrong(column, "integer")),
        }
    }

    /// A truth value, or `None` for NULL.
    pub fn bool(&self, column: usize) -> Result<Option<bool>> {
        Ok(self.int(column)?.map(|number| number != 0))
    }

    /// A double, or `None` for NULL.
    pub fn double(&self, column: usize) -> Result<Option<f64>> {
        match self.value(column) {
            Value::Null => Ok(None),
            Value::Double(number) => Ok(Some(*number)),
            Value::Int(number) => Ok(Some(*number as f64)),
            _ => Err(wrong(column, "double")),
        }
    }

    /// A text, or `None` for NULL.
    pub fn text(&self, column: usize) -> Result<Option<&str>> {
        match self.value(column) {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text)),
            _ => Err(wrong(column, "text")),
        }
    }

    /// An id, or `None` for NULL.
    pub fn id(&self, column: usize) -> Result<Option<Uuid>> {
        match self.value(column) {
            Value::Null => Ok(None),
            Value::Id(id) => Ok(Some(*id)),
            Value::Bytes(bytes) => {
                bytes.as_slice().try_into().map(|bytes| Some(Uuid(bytes))).map_err(|_| wrong(column, "id"))
            }
            _ => Err(wrong(column, "id")),
        }
    }

    /// Bytes, or `None` for NULL.
    pub fn bytes(&self, column: usize) -> Result<Option<&[u8]>> {
        match self.value(column) {
            Value::Null => Ok(None),
            Value::Bytes(bytes) => Ok(Some(bytes)),
            _ => Err(wrong(column, "bytes")),
        }
    }
}

/// A row that was fetched whole, for the same encoders.
impl RowView for Row {
    fn is_null(&self, column: usize) -> Result<bool> {
        Ok(self.value(column).is_null())
    }

    fn int(&self, column: usize) -> Result<Option<i64>> {
        Self::int(self, column)
    }

    fn double(&self, column: usize) -> Result<Option<f64>> {
        Self::double(self, column)
    }

    fn bool(&self, column: usize) -> Result<Option<bool>> {
        Self::bool(self, column)
    }

    fn text(&self, column: usize) -> Result<Option<&str>> {
        Self::text(self, column)
    }

    fn id(&self, column: usize) -> Result<Option<Uuid>> {
        Self::id(self, column)
    }

    fn bytes(&self, column: usize) -> Result<Option<&[u8]>> {
        Self::bytes(self, column)
    }
}
