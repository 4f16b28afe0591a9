//! How a collection's fields stand in columns, and the texts that load and store whole records.
//!
//! Invariant: columns are always named, and every stored field is among them.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use mains_base::{Currency, Error, Money, Result, Uuid, Value, fold};
use mains_language::schema::{Collection, CollectionId, CurrencyRule, Field, FieldId, FieldKind};
use mains_language::values::no_currency;

use super::Image;
use crate::Epoch;
use crate::dialect::{Column, Dialect, quote};
use crate::engine::{Row, kept_text};
use crate::schema::names;

/// The layouts of one epoch.
#[derive(Default)]
pub(super) struct Layouts(OnceLock<Vec<Layout>>);

/// The layout of one collection.
pub(super) struct Layout {
    /// The quoted table.
    pub(super) table: String,
    /// `r."id", r."created", …` in the order in which [`Layout::image`] reads them.
    pub(super) select: String,
    /// `INSERT INTO … VALUES ($1, …)` with the columns of [`Layout::cells`] of every field.
    pub(super) insert: Arc<str>,
    fields: Vec<Stored>,
}

/// How one field is stored.
#[derive(Clone, Debug)]
enum Stored {
    Nowhere,
    Plain { column: Column, folds: bool, name: String },
    Money { rule: CurrencyRule, name: String },
    List { element: Column },
}

impl Layouts {
    /// The layout of a collection of this epoch.
    pub(super) fn of(&self, epoch: &Epoch, collection: CollectionId) -> Result<&Layout> {
        let layouts = self.0.get_or_init(|| {
            let collections = epoch.schema.collections.iter();
            collections.map(|collection| Layout::new(epoch.dialect, collection)).collect()
        });
        layouts
            .get(usize::from(collection.0))
            .ok_or_else(|| Error::internal("a collection of another schema"))
    }
}

/// The column of one value of the field.
pub(super) fn element(field: &Field) -> Column {
    match field.kind {
        FieldKind::Id | FieldKind::Relation { .. } => Column::Id,
        FieldKind::Text { .. }
        | FieldKind::Email { .. }
        | FieldKind::Url { .. }
        | FieldKind::Slug { .. }
        | FieldKind::Enum { .. }
        | FieldKind::Json { .. }
        | FieldKind::File
        | FieldKind::Point
        | FieldKind::Computed(_) => Column::Text,
        FieldKind::Integer { .. }
        | FieldKind::Decimal { .. }
        | FieldKind::Money { .. }
        | FieldKind::Datetime { .. } => Column::Int,
        FieldKind::Number { .. } => Column::Double,
        FieldKind::Bool => Column::Bool,
        FieldKind::Date { .. } => Column::Date,
        FieldKind::Bytes { .. } => Column::Bytes,
    }
}

impl Layout {
    fn new(dialect: Dialect, collection: &Collection) -> Self {
        let fields: Vec<Stored> = collection.fields.iter().map(stored).collect();
        let mut select = Vec::new();
        let mut columns = Vec::new();
        for (field, stored) in collection.fields.iter().zip(&fields) {
            if let Stored::List { element } = stored {
                select.push(list(dialect, &collection.name, field, *element));
            }
            select.extend(stored.loaded().iter().map(|column| format!("r.{}", quote(column))));
            columns.extend(stored.columns().iter().map(|column| quote(column)));
        }
        let table = quote(&collection.name);
        let places: Vec<String> = (1..=columns.len()).map(|place| format!("${place}")).collect();
        let insert = format!("INSERT INTO {table} ({}) VALUES ({})", columns.join(", "), places.join(", "));
        let insert = kept_text(dialect, insert.into());
        Self { table, select: select.join(", "), insert, fields }
    }

    /// Reads the columns of [`Layout::select`], which begin the row; also how many they are.
    pub(super) fn image(&self, collection: &Collection, row: &Row) -> Result<(Image, usize)> {
        let mut place = 0;
        let mut values = Vec::with_capacity(self.fields.len());
        for stored in &self.fields {
            values.push(stored.read(row, place)?);
            place += stored.width();
        }
        let mut image = Image::new(collection.id, values);
        image.follow_currencies(collection);
        Ok((image, place))
    }

    /// The columns of one field with what they hold for this value; none of lists and computed fields.
    pub(super) fn cells(&self, field: FieldId, value: &Value) -> Vec<(String, Value)> {
        self.fields.get(usize::from(field.0)).map(|stored| stored.cells(value)).unwrap_or_default()
    }

    /// What a whole record puts into the columns of [`Layout::insert`].
    pub(super) fn parameters(&self, image: &Image) -> Vec<Value> {
        let mut parameters = Vec::with_capacity(self.fields.len() + 4);
        for (stored, value) in self.fields.iter().zip(image.values()) {
            match stored {
                Stored::Plain { folds: false, .. } => parameters.push(value.clone()),
                _ => parameters.extend(stored.cells(value).into_iter().map(|(_, value)| value)),
            }
        }
        parameters
    }

    /// `UPDATE … SET` of these columns, `$1` being the id.
    pub(super) fn update(&self, columns: &[(String, Value)]) -> String {
        let mut text = format!("UPDATE {} SET ", self.table);
        for (place, (column, _)) in columns.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            let _ = write!(text, "{comma}{} = ${}", quote(column), place + 2);
        }
        text.push_str(" WHERE \"id\" = $1");
        text
    }
}

fn stored(field: &Field) -> Stored {
    // Files and places are refused where a site is read; only the test vectors declare them.
    if !field.is_stored() || matches!(field.kind, FieldKind::File | FieldKind::Point) {
        return Stored::Nowhere;
    }
    if field.many.is_some() {
        return Stored::List { element: element(field) };
    }
    let name = field.name.clone();
    match field.kind {
        FieldKind::Money { currency } => Stored::Money { rule: currency, name },
        _ => Stored::Plain { column: element(field), folds: field.folds_case(), name },
    }
}

/// A list as one JSON array, so that a record with its lists is one statement.
fn list(dialect: Dialect, collection: &str, field: &Field, element: Column) -> String {
    let table = quote(&names::join_table(collection, &field.name));
    match dialect {
        Dialect::Sqlite => {
            let target = if element == Column::Id { "hex(\"target\")" } else { "\"target\"" };
            format!(
                "(SELECT json_group_array(item) FROM (SELECT {target} AS item FROM {table} \
                 WHERE \"record\" = r.\"id\" ORDER BY \"position\"))"
            )
        }
        Dialect::Postgres => format!(
            "(SELECT json_agg(\"target\" ORDER BY \"position\")::text FROM {table} WHERE \"record\" = r.\"id\")"
        ),
    }
}

impl Stored {
    fn columns(&self) -> Vec<String> {
        self.cells(&Value::Null).into_iter().map(|(column, _)| column).collect()
    }

    /// The columns that are loaded: without folded twins.
    fn loaded(&self) -> Vec<String> {
        match self {
            Self::Plain { name, .. } => vec![name.clone()],
            _ => self.columns(),
        }
    }

    fn width(&self) -> usize {
        match self {
            Self::Nowhere => 0,
            Self::Money { rule: CurrencyRule::Free, .. } => 2,
            _ => 1,
        }
    }

    fn cells(&self, value: &Value) -> Vec<(String, Value)> {
        match self {
            Self::Nowhere | Self::List { .. } => Vec::new(),
            Self::Plain { name, folds: false, .. } => vec![(name.clone(), value.clone())],
            Self::Plain { name, .. } => {
                let folded = value.as_text().map(fold);
                vec![(name.clone(), value.clone()), (names::folded(name), folded.into())]
            }
            Self::Money { rule, name } => {
                let money = if let Value::Money(money) = value { Some(*money) } else { None };
                let amount = money.map_or_else(|| value.as_int(), |money| Some(money.amount));
                let mut cells = vec![(name.clone(), amount.into())];
                if *rule == CurrencyRule::Free {
                    let currency = money.map(|money| money.currency.as_str().to_owned());
                    cells.push((names::currency(name), currency.into()));
                }
                cells
            }
        }
    }

    fn read(&self, row: &Row, place: usize) -> Result<Value> {
        match self {
            Self::Nowhere => Ok(Value::Null),
            Self::Plain { column, .. } => typed(row, place, *column),
            Self::List { element } => elements(row.text(place)?, *element),
            Self::Money { rule, .. } => {
                let amount = row.int(place)?;
                let currency = match rule {
                    CurrencyRule::Free => row.text(place + 1)?.and_then(Currency::new),
                    CurrencyRule::Fixed(currency) => Some(*currency),
                    CurrencyRule::Field(_) => Some(no_currency()),
                };
                let money = amount.zip(currency).map(|(amount, currency)| Money { amount, currency });
                Ok(money.map_or(Value::Null, Value::Money))
            }
        }
    }
}

/// One cell as a column of this type.
pub(super) fn typed(row: &Row, place: usize, column: Column) -> Result<Value> {
    Ok(match column {
        Column::Bool => row.bool(place)?.into(),
        Column::Int | Column::Date => row.int(place)?.into(),
        Column::Double => row.double(place)?.map_or(Value::Null, Value::Double),
        Column::Text => row.text(place)?.into(),
        Column::Id => row.id(place)?.into(),
        Column::Bytes => row.bytes(place)?.map_or(Value::Null, |bytes| Value::Bytes(bytes.to_vec())),
    })
}

fn elements(text: Option<&str>, element: Column) -> Result<Value> {
    let Some(text) = text else { return Ok(Value::List(Vec::new())) };
    let items: Vec<serde_json::Value> = serde_json::from_str(text).map_err(Error::internal)?;
    let items = items.iter().map(|item| match (item, element) {
        (serde_json::Value::String(text), Column::Id) => hexadecimal(text).map(Value::Id),
        (serde_json::Value::String(text), _) => Some(Value::Text(text.clone())),
        (serde_json::Value::Number(number), _) => number.as_i64().map(Value::Int),
        _ => None,
    });
    let items: Option<Vec<Value>> = items.collect();
    items.map(Value::List).ok_or_else(|| Error::internal("an element of a list has another type"))
}

/// An id written in hexadecimal digits, with or without hyphens.
fn hexadecimal(text: &str) -> Option<Uuid> {
    let digits: String = text.chars().filter(|digit| *digit != '-').collect();
    let number = u128::from_str_radix(&digits, 16).ok()?;
    (digits.len() == 32).then(|| Uuid(number.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_from_what_both_databases_give() {
        let id = Uuid([0xab; 16]);
        let sqlite = format!("[\"{}\"]", "AB".repeat(16));
        let postgres = "[\"abababab-abab-abab-abab-abababababab\"]";
        assert_eq!(elements(Some(&sqlite), Column::Id).unwrap(), Value::List(vec![id.into()]));
        assert_eq!(elements(Some(postgres), Column::Id).unwrap(), Value::List(vec![id.into()]));
        assert_eq!(elements(None, Column::Id).unwrap(), Value::List(vec![]));
        let texts = elements(Some("[\"a\\\"b\", \"c\"]"), Column::Text).unwrap();
        assert_eq!(texts, Value::List(vec!["a\"b".into(), "c".into()]));
    }
}
