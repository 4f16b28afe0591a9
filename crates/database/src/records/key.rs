//! Addresses of single records: an id, or the fields of a unique index (`slug=hello`, `story=story_01j…,account=me`).
//!
//! An address is split at `,` and `=` first and then percent-decoded, so values may hold both.

use std::borrow::Cow;

use mains_base::{Caller, Error, Result, Uuid, Value};
use mains_language::expression::Type;
use mains_language::schema::{Collection, CollectionId, Field, FieldId, Index, Schema};

use super::refusal::{ADDRESS, malformed};
use super::selection::is_shown;
use super::texts::{self, ACCOUNTS};

/// What names a record within its collection.
#[derive(Clone, Debug, PartialEq)]
pub enum Key {
    /// Its id.
    Id(Uuid),
    /// Values of the fields of a unique index, in the index's order; none is null.
    Unique(Vec<(FieldId, Value)>),
}

impl Key {
    /// Reads the last part of an address, still percent-encoded. 404 where no such record can be; 400 where it names no
    /// unique index.
    pub fn parse(schema: &Schema, collection: CollectionId, caller: &Caller, address: &str) -> Result<Self> {
        let collection = schema.collection(collection);
        if !address.contains('=') {
            return id_of(collection, caller, &decoded(address)?).map(Self::Id);
        }
        let mut values = Vec::new();
        for part in address.split(',') {
            let (name, text) = part.split_once('=').ok_or_else(|| malformed(ADDRESS, HOW))?;
            let name = decoded(name)?;
            let field = collection.find(&name).filter(|field| is_shown(field) && field.is_stored());
            let field = field.ok_or_else(|| malformed(ADDRESS, HOW))?;
            values.push((field.id, value_of(schema, caller, field, &decoded(text)?)?));
        }
        if let [(FieldId::ID, Value::Id(id))] = values.as_slice() {
            return Ok(Self::Id(*id));
        }
        let index = index_of(collection, &values).ok_or_else(|| malformed(ADDRESS, HOW))?;
        let mut ordered = Vec::with_capacity(values.len());
        for &wanted in &index.fields {
            ordered.extend(values.iter().find(|(field, _)| *field == wanted).cloned());
        }
        Ok(Self::Unique(ordered))
    }
}

const HOW: &str =
    "A record's address is its id, or name=value of each field of one unique index, with commas between.";

/// The unique index with exactly these fields.
pub(super) fn index_of<'c>(collection: &'c Collection, values: &[(FieldId, Value)]) -> Option<&'c Index> {
    collection.indexes.iter().find(|index| {
        let named = |field: &FieldId| values.iter().filter(|(named, _)| named == field).count() == 1;
        index.unique && index.fields.len() == values.len() && index.fields.iter().all(named)
    })
}

fn id_of(collection: &Collection, caller: &Caller, text: &str) -> Result<Uuid> {
    if text == "me" && collection.name == ACCOUNTS {
        return if caller.id == Uuid::NIL { Err(Error::not_found()) } else { Ok(caller.id) };
    }
    let prefix = collection.prefix.as_ref().ok_or_else(Error::not_found)?;
    Uuid::parse(text, prefix).map_err(|_| Error::not_found())
}

fn value_of(schema: &Schema, caller: &Caller, field: &Field, text: &str) -> Result<Value> {
    if field.id == FieldId::ID {
        return Err(malformed(ADDRESS, HOW));
    }
    if let Some(to) = field.relation() {
        return id_of(schema.collection(to), caller, text).map(Value::Id);
    }
    let value =
        Type::of(field).filter(|_| !text.is_empty()).and_then(|ty| texts::read(schema, caller, &ty, text));
    value.ok_or_else(Error::not_found)
}

/// Percent-decoded UTF-8.
fn decoded(text: &str) -> Result<Cow<'_, str>> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let (high, low) = (digit(rest.next()), digit(rest.next()));
        let (Some(high), Some(low)) = (high, low) else { return Err(malformed(ADDRESS, HOW)) };
        bytes.push(u8::try_from(high * 16 + low).unwrap_or(0));
    }
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| malformed(ADDRESS, HOW))
}
