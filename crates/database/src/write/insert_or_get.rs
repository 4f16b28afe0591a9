//! Making a record unless one of its key is there.

use std::sync::Arc;

use mains_base::{Error, Result, Value};
use mains_language::schema::{CollectionId, Index};

use super::ask::About;
use super::choke::New;
use super::draft::{self, Purpose};
use super::input::Authority;
use super::tx::Declared;
use super::violation::{Meaning, OnUnique, compared};
use super::{Image, Tx};
use crate::dialect::quote;
use crate::sql::index_condition;

/// What [`Tx::insert_or_get`] ended with.
#[derive(Clone, Debug, PartialEq)]
pub enum Inserted {
    /// The record was made.
    New(Arc<Image>),
    /// It was there, and stays as it is.
    Existing(Arc<Image>),
}

impl Inserted {
    /// The record.
    pub fn image(&self) -> &Arc<Image> {
        match self {
            Self::New(image) | Self::Existing(image) => image,
        }
    }
}

impl Tx<'_> {
    /// Makes a record, or gives the one that has its values of the unique index of this name. When another writer
    /// makes it at the same moment, the closure runs again and finds it.
    pub fn insert_or_get(
        &mut self,
        collection: CollectionId,
        new: &New,
        unique: &'static str,
    ) -> Result<Inserted> {
        let authority = Authority::own(&self.state.caller);
        let declared = self.of(collection)?;
        let index = declared.collection().indexes.iter();
        let index = index.filter(|index| index.unique).find(|index| index.name == unique);
        let index = index.ok_or_else(|| Error::internal(format!("there is no unique index {unique}")))?;
        // Looked for first: a number must not be drawn for a record that is not made.
        let mut draft = draft::new(self, &authority, &declared, (&new.input, Purpose::Compare))?;
        if let Some(found) = self.of_key(&declared, index, &draft.image)? {
            return Ok(Inserted::Existing(found));
        }
        draft::complete(self, &authority, declared.collection(), &mut draft)?;
        self.judge(&authority, declared.collection(), None, &mut draft)?;
        let mut meanings = new.meanings.clone();
        meanings.push(OnUnique { index: unique, meaning: Meaning::Again });
        self.store_new(draft.image, &meanings).map(Inserted::New)
    }

    /// The record that stands where this one would in a unique index.
    fn of_key(&mut self, declared: &Declared, index: &Index, image: &Image) -> Result<Option<Arc<Image>>> {
        let collection = declared.collection();
        let mut conditions = Vec::new();
        let mut parameters = Vec::new();
        for &id in &index.fields {
            let columns = compared(collection.field(id));
            for (column, value) in declared.layout()?.cells(id, image.value(id)) {
                if columns.contains(&column) {
                    parameters.push(value);
                    conditions.push(format!("r.{} = ${}", quote(&column), parameters.len()));
                }
            }
        }
        // Null is equal to nothing in an index.
        if parameters.is_empty() || parameters.iter().any(Value::is_null) {
            return Ok(None);
        }
        if let Some(condition) = &index.condition {
            let about = About { record: image, old: None };
            let caller = Arc::clone(&self.state.caller);
            if self.truths(std::slice::from_ref(condition), &caller, about)?.first() != Some(&true) {
                return Ok(None);
            }
            let epoch = self.epoch();
            conditions.push(format!(
                "({})",
                index_condition(epoch.dialect, &epoch.schema, collection.id, condition)?
            ));
        }
        let tail = format!("WHERE {}", conditions.join(" AND "));
        let found = self.images(collection.id, &tail, &parameters)?;
        Ok(found.into_iter().next())
    }
}
