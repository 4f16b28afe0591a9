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
    text: String,
    to: CollectionId,
    key: Key,
}

impl Ready {
    /// The input with its addresses found.
    pub(super) fn resolved(&self, tx: &mut Tx<'_>) -> Result<Input> {
        let mut input = self.input.clone();
        for address in &self.addresses {
            let found = records::find(tx, address.to, &address.key)?;
            let id = found.ok_or_else(|| {
                let message = format!("There is no record {}.", address.text);
                Error::invalid(vec![FieldError::new(&address.name, "unknown", message)])
            })?;
            input.values.push((address.field, Sent::Set(Value::Id(id))));
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
        let address = json.as_str().filter(|text| text.contains('='));
        if let (Some(to), Some(text), None) = (field.relation(), address, field.many) {
            let key = Key::parse(schema, to, &Caller::system(), text);
            let key = key.map_err(|error| FieldError::new(&field.name, "address", error.detail()))?;
            self.addresses.push(Address {
                field: field.id,
                name: field.name.clone(),
                text: text.to_owned(),
                to,
                key,
            });
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
