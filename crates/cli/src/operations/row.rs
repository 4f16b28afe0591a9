//! A row of a file as an input: values read, records that are named by an address found inside the transaction.

use mains_base::{Caller, Error, FieldError, Result, Value, nearest};
use mains_database::records::Key;
use mains_database::write::Tx;
use mains_database::write::{Input, Sent, records};
use mains_language::schema::{Collection, CollectionId, Field, FieldId, Schema};
use mains_language::values;
use serde_json::Value as Json;

use super::import::Row;

/// A row that is ready to be written.
pub(super) struct Ready {
    /// Its line in the file.
    pub(super) line: u64,
    /// Its values.
    pub(super) input: Input,
    /// Relations that are said by an address, such as `name=admin`.
    addresses: Vec<Address>,
}

struct Address {
    field: FieldId,
    name: String,
    /// The elements of a list; of a single relation the one there is.
    parts: Vec<Part>,
    many: bool,
}

/// A record as a row names it.
enum Part {
    Id(Value),
    Named { text: String, to: CollectionId, key: Key },
}

impl Ready {
    /// The input with its addresses found.
    pub(super) fn resolved(&self, tx: &mut Tx<'_>) -> Result<Input> {
        let mut input = self.input.clone();
        for address in &self.addresses {
            input.values.push((address.field, Sent::Set(address.resolved(tx)?)));
        }
        Ok(input)
    }

    /// The value of a field, when the row gives one.
    pub(super) fn value(&self, field: FieldId, tx: &mut Tx<'_>) -> Result<Option<Value>> {
        let input = self.resolved(tx)?;
        Ok(input.values.into_iter().find_map(|(id, sent)| match sent {
            Sent::Set(value) if id == field => Some(value),
            _ => None,
        }))
    }
}

impl Address {
    fn resolved(&self, tx: &mut Tx<'_>) -> Result<Value> {
        let mut ids: Vec<Value> = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let id = match part {
                Part::Id(id) => id.clone(),
                Part::Named { text, to, key } => {
                    Value::Id(records::find(tx, *to, key)?.ok_or_else(|| {
                        let message = format!("There is no record {text}.");
                        Error::invalid(vec![FieldError::new(&self.name, "unknown", message)])
                    })?)
                }
            };
            if ids.contains(&id) {
                let message = "This stands in the list already.";
                return Err(Error::invalid(vec![FieldError::new(&self.name, "duplicate", message)]));
            }
            ids.push(id);
        }
        Ok(if self.many { Value::List(ids) } else { ids.pop().unwrap_or(Value::Null) })
    }
}

/// Reads a row; all that is wrong with it otherwise. What the system sets (`created` …) is passed over.
pub(super) fn read(
    schema: &Schema,
    collection: &Collection,
    row: &Row,
    texts: bool,
) -> Result<Ready, Vec<FieldError>> {
    let mut ready = Ready { line: row.line, input: Input::default(), addresses: Vec::new() };
    let mut errors = Vec::new();
    for (name, json) in &row.values {
        let Some(field) = collection.find(name) else {
            errors.push(unknown(collection, name));
            continue;
        };
        let skipped = !field.is_stored() || (FieldId::CREATED..=FieldId::VERSION).contains(&field.id);
        if let Err(error) = if skipped { Ok(()) } else { ready.take(schema, field, json, texts) } {
            errors.push(error);
        }
    }
    if errors.is_empty() { Ok(ready) } else { Err(errors) }
}

fn unknown(collection: &Collection, name: &str) -> FieldError {
    let near = nearest(name, collection.fields.iter().map(|field| field.name.as_str()));
    let hint = near.map_or(String::new(), |near| format!(" Did you mean {near}?"));
    FieldError::new(name, "unknown", format!("There is no such field.{hint}"))
}

impl Ready {
    fn take(&mut self, schema: &Schema, field: &Field, json: &Json, texts: bool) -> Result<(), FieldError> {
        if let Some(address) = address(schema, field, json, texts)? {
            self.addresses.push(address);
            return Ok(());
        }
        let read = match json.as_str() {
            Some(text) if texts => values::from_text(field, schema, text),
            _ => values::from_json(field, schema, json),
        };
        let value = read.map_err(|problem| problem.at(&field.name))?;
        if field.id == FieldId::ID {
            self.input.id = value.as_id();
        } else {
            self.input.values.push((field.id, Sent::Set(value)));
        }
        Ok(())
    }
}

/// The records that a relation names, where it names one by an address.
fn address(schema: &Schema, field: &Field, json: &Json, texts: bool) -> Result<Option<Address>, FieldError> {
    let Some(to) = field.relation() else { return Ok(None) };
    let listed = if field.many.is_some() { elements(json, texts) } else { Some(vec![json.clone()]) };
    let is_address = |json: &Json| json.as_str().is_some_and(|text| text.contains('='));
    let Some(listed) = listed.filter(|listed| listed.iter().any(is_address)) else { return Ok(None) };
    let part = |json: &Json| {
        if let Some(text) = json.as_str().filter(|_| is_address(json)) {
            let key = Key::parse(schema, to, &Caller::system(), text);
            let key = key.map_err(|error| FieldError::new(&field.name, "address", error.detail()))?;
            return Ok(Part::Named { text: text.to_owned(), to, key });
        }
        let id = values::element_from_json(field, schema, json);
        id.map(Part::Id).map_err(|problem| problem.at(&field.name))
    };
    let parts: Vec<Part> = listed.iter().map(part).collect::<Result<_, FieldError>>()?;
    let most = field.many.map_or(1, |many| many.max_items);
    if parts.len() > most {
        let message = format!("At most {most} fit here; these are {}.", parts.len());
        return Err(FieldError::new(&field.name, "too_many", message));
    }
    Ok(Some(Address { field: field.id, name: field.name.clone(), parts, many: field.many.is_some() }))
}

/// The elements of a list as a row says it; in a cell of CSV a JSON array, or parts between commas.
fn elements(json: &Json, texts: bool) -> Option<Vec<Json>> {
    match json {
        Json::Array(items) => Some(items.clone()),
        Json::String(text) if texts && text.trim_start().starts_with('[') => serde_json::from_str(text).ok(),
        Json::String(text) if texts => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            Some(parts.map(Json::from).collect())
        }
        _ => None,
    }
}
