//! A value as a cell of JSON, and back: the type of its column says which.
//!
//! Ids and bytes are hexadecimal text. Whole numbers and doubles are JSON numbers that read back as they were.

use mains_base::{Error, Result, Uuid, Value};
use serde_json::Value as Json;

use super::broken;
use crate::dialect::Column;
use crate::engine::Row;

/// The name of a type in a list of columns.
pub(super) fn name(column: Column) -> &'static str {
    match column {
        Column::Bool => "bool",
        Column::Int => "int",
        Column::Date => "date",
        Column::Double => "double",
        Column::Text => "text",
        Column::Id => "id",
        Column::Bytes => "bytes",
    }
}

/// The cell of a column of a row.
pub(super) fn write(row: &Row, place: usize, column: Column) -> Result<Json> {
    Ok(match column {
        Column::Bool => row.bool(place)?.map_or(Json::Null, Json::from),
        Column::Int | Column::Date => row.int(place)?.map_or(Json::Null, Json::from),
        Column::Double => match row.double(place)? {
            None => Json::Null,
            Some(number) => {
                let number = serde_json::Number::from_f64(number);
                Json::Number(number.ok_or_else(|| Error::internal("a stored number is not finite"))?)
            }
        },
        Column::Text => row.text(place)?.map_or(Json::Null, Json::from),
        Column::Id => row.id(place)?.map_or(Json::Null, |id| hexadecimal(&id.0).into()),
        Column::Bytes => row.bytes(place)?.map_or(Json::Null, |bytes| hexadecimal(bytes).into()),
    })
}

/// The value of a cell.
pub(super) fn read(cell: &Json, column: Column) -> Result<Value> {
    let value = match (column, cell) {
        (_, Json::Null) => Some(Value::Null),
        (Column::Bool, Json::Bool(truth)) => Some(Value::Bool(*truth)),
        (Column::Int | Column::Date, Json::Number(number)) => number.as_i64().map(Value::Int),
        (Column::Double, Json::Number(number)) => number.as_f64().map(Value::Double),
        (Column::Text, Json::String(text)) => Some(Value::Text(text.clone())),
        (Column::Id, Json::String(text)) => {
            bytes(text).and_then(|bytes| bytes.try_into().ok()).map(|id| Value::Id(Uuid(id)))
        }
        (Column::Bytes, Json::String(text)) => bytes(text).map(Value::Bytes),
        _ => None,
    };
    value.ok_or_else(|| broken(format!("A cell of the backup is no {}.", name(column))))
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for half in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(half), 16).unwrap_or('0'));
        }
    }
    text
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let digit = |letter: &u8| char::from(*letter).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let both = pairs.iter().map(|[high, low]| Some(digit(high)? << 4 | digit(low)?));
    if rest.is_empty() { both.collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_were() {
        let values = [
            (Column::Bool, Value::Bool(true)),
            (Column::Int, Value::Int(-9_007_199_254_740_991)),
            (Column::Date, Value::Int(20_000)),
            (Column::Double, Value::Double(0.1 + 0.2)),
            (Column::Double, Value::Double(1e300)),
            (Column::Text, Value::from("ü \"\n")),
            (Column::Id, Value::Id(Uuid([7; 16]))),
            (Column::Bytes, Value::Bytes(vec![0, 255, 16])),
            (Column::Bytes, Value::Null),
        ];
        for (column, value) in values {
            let cell = write(&Row(vec![value.clone()]), 0, column).unwrap();
            let text = serde_json::to_string(&cell).unwrap();
            let cell: Json = serde_json::from_str(&text).unwrap();
            assert_eq!(read(&cell, column).unwrap(), value, "{text}");
        }
        assert!(read(&Json::from("abc"), Column::Bytes).is_err());
        assert!(read(&Json::from(1), Column::Text).is_err());
    }
}
