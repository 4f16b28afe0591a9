//! Deleting records with what goes with them: children that cascade, relations that are cleared, and the refusal
//! where something else still points here.
//!
//! Invariant: foreign keys are NO ACTION, so nothing is deleted that this module has not seen and logged.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use mains_base::{Error, Kind, Result, Uuid, Value};
use mains_language::schema::{
    Collection, CollectionId, Field, FieldId, FieldKind, Inverse, OnDelete, Schema,
};

use super::input::{Authority, Input, Sent};
use super::kept::Key;
use super::save::items;
use super::{Image, Tx, gate, refusal, violation};
use crate::dialect::quote;
use crate::schema::names;

/// Records that one delete may take with it, or clear.
pub(super) const MOST: usize = 10_000;
/// Records that are counted before a refusal says "more than".
pub(super) const COUNTED: usize = 20;

/// Everything that goes.
#[derive(Default)]
struct Going {
    images: Vec<Arc<Image>>,
    keys: HashSet<Key>,
    ids: BTreeMap<CollectionId, Vec<Uuid>>,
}

impl Going {
    fn add(&mut self, image: Arc<Image>) -> bool {
        let key = (image.collection, image.id());
        let fresh = self.keys.insert(key);
        if fresh {
            self.ids.entry(image.collection).or_default().push(image.id());
            self.images.push(image);
        }
        fresh
    }
}

impl Tx<'_> {
    /// Deletes records that were loaded, and what goes with them. Rules of the children are not asked.
    pub(super) fn delete_all(&mut self, images: &[Arc<Image>]) -> Result<()> {
        let mut going = Going::default();
        for image in images {
            going.add(Arc::clone(image));
        }
        // What goes need not settle.
        self.state.waiting.retain(|one| !going.keys.contains(&one.key));
        self.settle()?;
        self.gather(&mut going)?;
        self.refuse_restricted(&going)?;
        self.clear_others(&going)?;
        self.remove(&going)?;
        let caller = Arc::clone(&self.state.caller);
        for image in &going.images {
            self.state.kept.change((image.collection, image.id()), None, &caller);
        }
        Ok(())
    }

    /// Adds what cascades, level by level.
    fn gather(&mut self, going: &mut Going) -> Result<()> {
        let mut level = going.ids.clone();
        while !level.is_empty() {
            let mut next: BTreeMap<CollectionId, Vec<Uuid>> = BTreeMap::new();
            for (collection, ids) in &level {
                for inverse in inverses(&self.schema(), *collection, OnDelete::Cascade) {
                    if self.schema().collection(inverse.from).is_table() {
                        continue;
                    }
                    for image in self.pointing(inverse.from, inverse.field, ids, MOST + 1)? {
                        let key = (image.collection, image.id());
                        if going.add(image) {
                            next.entry(key.0).or_default().push(key.1);
                        }
                    }
                    if going.images.len() > MOST {
                        return Err(refusal::too_many(MOST));
                    }
                }
            }
            level = next;
        }
        Ok(())
    }

    fn refuse_restricted(&mut self, going: &Going) -> Result<()> {
        for (collection, ids) in &going.ids {
            for inverse in inverses(&self.schema(), *collection, OnDelete::Restrict) {
                let limit = going.ids.get(&inverse.from).map_or(0, Vec::len) + COUNTED + 1;
                let pointing = self.pointing(inverse.from, inverse.field, ids, limit)?;
                let stay = pointing.iter().map(|image| (image.collection, image.id()));
                let stay: Vec<Uuid> = stay.filter(|key| !going.keys.contains(key)).map(|key| key.1).collect();
                if stay.is_empty() {
                    continue;
                }
                // Who may not read all of them learns neither what they are nor how many.
                let told = self.sees_links(&inverse, &stay)?;
                let name = told.then(|| self.schema().collection(inverse.from).name.clone());
                return Err(refusal::referenced(stay.len().min(COUNTED), name, stay.len() > COUNTED));
            }
        }
        Ok(())
    }

    /// Clears the relations of records that stay; each is a change of its own, with version and log row.
    fn clear_others(&mut self, going: &Going) -> Result<()> {
        let mut changes: HashMap<Key, (Arc<Image>, Input)> = HashMap::new();
        let mut order = Vec::new();
        for (collection, ids) in &going.ids {
            for inverse in inverses(&self.schema(), *collection, OnDelete::Clear) {
                for image in self.pointing(inverse.from, inverse.field, ids, MOST + 1)? {
                    let key = (image.collection, image.id());
                    if going.keys.contains(&key) {
                        continue;
                    }
                    let (image, input) = changes.entry(key).or_insert_with(|| {
                        order.push(key);
                        (image, Input::default())
                    });
                    let left = without(image.value(inverse.field), &going.keys, *collection);
                    input.values.retain(|(field, _)| *field != inverse.field);
                    input.values.push((inverse.field, Sent::Set(left)));
                    if order.len() > MOST {
                        return Err(refusal::too_many(MOST));
                    }
                }
            }
        }
        let authority = Authority { forces: true, ..Authority::own(&self.state.caller) };
        for key in order {
            let Some((image, input)) = changes.remove(&key) else { continue };
            self.change(&authority, &image, (&input, &[])).map_err(elsewhere)?;
        }
        Ok(())
    }

    /// The statements: lists first, then rows, those that point before those that are pointed at.
    fn remove(&mut self, going: &Going) -> Result<()> {
        let schema = self.schema();
        self.remove_private(&schema, going)?;
        for (id, ids) in &going.ids {
            let collection = schema.collection(*id);
            let lists = collection.fields.iter().filter(|field| field.many.is_some() && field.is_stored());
            for field in lists {
                let table = quote(&names::join_table(&collection.name, &field.name));
                self.run_on(&format!("DELETE FROM {table} WHERE \"record\" IN $1"), ids)?;
            }
        }
        let mut left: Vec<CollectionId> = going.ids.keys().copied().collect();
        while !left.is_empty() {
            let place = next(&schema, &left);
            let id = left.remove(place);
            for (from, field) in pointers(&schema, &left, id) {
                // Only a circle of collections gets here; these rows go as well, so nobody sees the null.
                let ids = going.ids.get(&from.id).map(Vec::as_slice).unwrap_or_default();
                let (table, column) = (quote(&from.name), quote(&field.name));
                self.run_on(&format!("UPDATE {table} SET {column} = NULL WHERE \"id\" IN $1"), ids)?;
            }
            let table = quote(&schema.collection(id).name);
            let ids = going.ids.get(&id).map(Vec::as_slice).unwrap_or_default();
            self.run_on(&format!("DELETE FROM {table} WHERE \"id\" IN $1"), ids)?;
        }
        Ok(())
    }

    /// Rows of private tables have neither an id nor a log: they just go.
    fn remove_private(&mut self, schema: &Schema, going: &Going) -> Result<()> {
        for (id, ids) in &going.ids {
            for inverse in inverses(schema, *id, OnDelete::Cascade) {
                let from = schema.collection(inverse.from);
                if from.is_table() {
                    let (table, column) = (quote(&from.name), quote(&from.field(inverse.field).name));
                    self.run_on(&format!("DELETE FROM {table} WHERE {column} IN $1"), ids)?;
                }
            }
        }
        Ok(())
    }

    fn run_on(&mut self, text: &str, ids: &[Uuid]) -> Result<()> {
        let ids = Value::List(ids.iter().copied().map(Value::Id).collect());
        gate::execute_later(self.statements, text, &[ids], Some(violation::of_delete()))
    }
}

/// The relations to a collection that do this when a record of it goes.
pub(super) fn inverses(schema: &Schema, collection: CollectionId, on_delete: OnDelete) -> Vec<Inverse> {
    let does = |inverse: &&Inverse| {
        let kind = &schema.collection(inverse.from).field(inverse.field).kind;
        matches!(kind, FieldKind::Relation { on_delete: does, .. } if *does == on_delete)
    };
    schema.collection(collection).inverses.iter().filter(does).cloned().collect()
}

/// What is left of a relation when these records are gone.
pub(super) fn without(value: &Value, gone: &HashSet<Key>, target: CollectionId) -> Value {
    if value.as_list().is_none() {
        return Value::Null;
    }
    let stays = |item: &&Value| item.as_id().is_none_or(|id| !gone.contains(&(target, id)));
    Value::List(items(value).iter().filter(stays).cloned().collect())
}

/// A record that cannot do without what is deleted: told of the delete, not of a field that nobody sent.
pub(super) fn elsewhere(error: Error) -> Error {
    if error.kind() != Kind::Invalid {
        return error;
    }
    let message =
        error.fields().first().map_or_else(|| error.detail().to_owned(), |field| field.message.clone());
    refusal::check_elsewhere(&message)
}

/// Single relations of the collections `left` that point at `to`.
fn pointers<'s>(
    schema: &'s Schema,
    left: &'s [CollectionId],
    to: CollectionId,
) -> impl Iterator<Item = (&'s Collection, &'s Field)> {
    let from = left.iter().filter(move |id| **id != to).map(|id| schema.collection(*id));
    from.flat_map(move |collection| {
        let fields = collection.fields.iter().filter(|field| field.is_stored() && field.many.is_none());
        fields.filter(move |field| field.relation() == Some(to)).map(move |field| (collection, field))
    })
}

/// The place of the collection to delete from next: one that no other left points at; in a circle, one that is
/// pointed at only by what can be null.
pub(super) fn next(schema: &Schema, left: &[CollectionId]) -> usize {
    let free = left.iter().position(|id| pointers(schema, left, *id).next().is_none());
    let loose =
        || left.iter().position(|id| pointers(schema, left, *id).all(|(_, field)| is_nullable(field)));
    free.or_else(loose).unwrap_or(0)
}

fn is_nullable(field: &Field) -> bool {
    !field.required || field.personal.is_some() || field.id < FieldId::FIRST
}
