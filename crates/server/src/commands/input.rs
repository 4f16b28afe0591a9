//! What is sent to a command: its own input, typed as it is declared, and the fields that a site added.
//!
//! Invariant: everything that is wrong is noted at once, each with a pointer into what was sent, and no note repeats a
//! value that was sent.

use mains_base::{Caller, FieldError, Result, Value, nearest};
use mains_database::write::{Input, Sent};
use mains_language::schema::{Argument, Collection, Command, Default, Field, FieldId, Schema};
use mains_language::values;

use crate::records::input::{Reader, Said};
use crate::records::lost::lost;
use crate::records::members::members;
use crate::records::write::Content;

/// What was read.
#[derive(Default)]
pub(super) struct Read {
    /// By place of the inputs.
    pub(super) values: Vec<Value>,
    pub(super) extra: Input,
    pub(super) problems: Vec<FieldError>,
}

/// Reads what is sent to one command.
#[derive(Clone, Copy)]
pub(super) struct Reading<'r> {
    pub(super) schema: &'r Schema,
    pub(super) collection: &'r Collection,
    pub(super) command: &'r Command,
    pub(super) caller: &'r Caller,
}

impl<'r> Reading<'r> {
    pub(super) fn read(self, content: &Content) -> Result<Read> {
        let mut read = Read { values: vec![Value::Null; self.command.input.len()], ..Read::default() };
        match content {
            Content::Nothing => {}
            Content::Json(body) => {
                let members = members(body)?;
                for (name, value) in &members {
                    self.one(&mut read, name, &Said::Json(value));
                }
                let field = |name: &str| {
                    let argument = self.command.argument(name).map(|argument| &argument.field);
                    argument.or_else(|| self.taken().find(|field| field.name == name))
                };
                read.problems.extend(lost(body, &members, field));
            }
            Content::Form(form) => {
                let pairs = form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                for (name, said) in Said::of_form(pairs) {
                    self.one(&mut read, name, &said);
                }
            }
        }
        self.complete(&mut read);
        Ok(read)
    }

    fn one(self, read: &mut Read, name: &str, said: &Said<'_>) {
        if let Some(argument) = self.command.argument(name) {
            match self.value(&argument.field, said) {
                Ok(value) => put(&mut read.values, argument.field.id, value),
                Err(problem) => read.problems.push(problem),
            }
        } else if self.taken().any(|field| field.name == name) {
            let reader = Reader { schema: self.schema, collection: self.collection, caller: self.caller };
            if let Err(problem) = reader.field(name, said, &mut read.extra) {
                read.problems.push(problem);
            }
        } else {
            read.problems.push(self.unknown(name));
        }
    }

    fn value(self, field: &Field, said: &Said<'_>) -> Result<Value, FieldError> {
        let value = match said {
            Said::Json(value) => values::from_json(field, self.schema, value),
            Said::Texts(texts) => match texts.as_slice() {
                [text] => values::from_text(field, self.schema, text),
                texts if field.many.is_some() => {
                    let elements: Result<_, _> = texts
                        .iter()
                        .filter(|text| !text.is_empty())
                        .map(|text| values::element_from_text(field, self.schema, text))
                        .collect();
                    let list = elements.map(Value::List);
                    list.and_then(|list| values::check(field, &list).map(|()| list))
                }
                _ => {
                    let message = "This was sent several times; send it once.";
                    return Err(FieldError::new(&field.name, "twice", message));
                }
            },
        };
        value.map_err(|problem| problem.at(&field.name))
    }

    /// The fields that the site added, those that it sets by itself left out.
    fn taken(self) -> impl Iterator<Item = &'r Field> {
        let added = self.command.takes.then(|| self.collection.added()).into_iter().flatten();
        added.filter(|field| field.is_stored() && field.on_create.is_none() && field.on_write.is_none())
    }

    /// Defaults of what was left out, and what may not be.
    fn complete(self, read: &mut Read) {
        for Argument { field, .. } in &self.command.input {
            let value = read.values.get(usize::from(field.id.0)).unwrap_or(&Value::Null);
            if !is_empty(value) {
                continue;
            }
            if let Some(Default::Literal(default)) = &field.default {
                put(&mut read.values, field.id, default.clone());
            } else if field.required {
                read.miss(&field.name);
            }
        }
        for field in self.taken().filter(|field| field.wanted && field.default.is_none()) {
            let sent = matches!(read.extra.sent(field.id), Some(Sent::Set(value)) if !is_empty(value));
            if !sent {
                read.miss(&field.name);
            }
        }
    }

    fn unknown(self, name: &str) -> FieldError {
        let own = self.command.input.iter().map(|argument| argument.field.name.as_str());
        let names = own.chain(self.taken().map(|field| field.name.as_str()));
        let near = nearest(name, names).map_or(String::new(), |near| format!(" Did you mean {near}?"));
        let message = format!("{} is not sent this.{near}", self.command.address());
        FieldError::new(name, "unknown_field", message)
    }
}

impl Read {
    /// Notes what is needed and was not sent, unless it was and is wrong.
    fn miss(&mut self, name: &str) {
        let missing = FieldError::new(name, "required", "This is needed. Fill it in.");
        if !self.problems.iter().any(|told| told.pointer == missing.pointer) {
            self.problems.push(missing);
        }
    }
}

fn put(values: &mut [Value], id: FieldId, value: Value) {
    if let Some(place) = values.get_mut(usize::from(id.0)) {
        *place = value;
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_list().is_some_and(<[_]>::is_empty)
}
