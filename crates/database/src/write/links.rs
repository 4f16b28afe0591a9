//! Relations that a caller sets: only to what is there and the caller may read.
//!
//! Where everybody may read the target, the foreign key itself tells what is not there, without a look.

use std::collections::BTreeMap;
use std::sync::Arc;

use mains_base::{FieldError, Result, Uuid, Value};
use mains_language::expression::Node;
use mains_language::schema::{Collection, CollectionId, Field, FieldId, FieldKind, Inverse, Schema};

use super::ask::{Question, answering};
use super::draft::{Draft, declared_fields};
use super::input::Authority;
use super::save::items;
use super::violation::no_record;
use super::{Image, Tx};
use crate::dialect::{Column, quote};
use crate::sql::{Bind, Environment, Select};

/// What has to be looked for in one collection.
#[derive(Default)]
struct Wanted {
    ids: Vec<Uuid>,
    /// Whether the caller must be able to read it, too.
    readable: bool,
}

impl Tx<'_> {
    /// Errors of relations, newly set, that lead nowhere this caller may see. `look`: something else is wrong, so
    /// that no foreign key will speak.
    pub(super) fn absent_links(
        &mut self,
        authority: &Authority,
        collection: &Collection,
        before: Option<&Image>,
        (draft, look): (&Draft, bool),
    ) -> Result<Vec<FieldError>> {
        let look = look || self.state.looks_first;
        let schema = self.schema();
        let mut wanted: BTreeMap<(CollectionId, bool), Wanted> = BTreeMap::new();
        let mut set: Vec<(&Field, (CollectionId, bool), Uuid)> = Vec::new();
        for field in declared_fields(collection) {
            let FieldKind::Relation { to, .. } = field.kind else { continue };
            let readable = authority.bound && draft.given.contains(&field.id) && !is_open(&schema, to);
            if !look && !readable {
                continue;
            }
            for id in added(before, &draft.image, field.id) {
                let itself = to == collection.id && id == draft.image.id() && before.is_none();
                if !itself {
                    let place = wanted.entry((to, readable)).or_default();
                    place.ids.push(id);
                    place.readable = readable;
                    set.push((field, (to, readable), id));
                }
            }
        }
        let mut there: BTreeMap<(CollectionId, bool), Vec<Uuid>> = BTreeMap::new();
        for (key, wanted) in &wanted {
            there.insert(*key, self.visible(authority, key.0, wanted)?);
        }
        let absent =
            set.into_iter().filter(|(_, key, id)| !there.get(key).is_some_and(|ids| ids.contains(id)));
        let mut errors: Vec<FieldError> = absent.map(|(field, ..)| no_record(&field.name)).collect();
        errors.dedup();
        Ok(errors)
    }

    /// Whether the caller may read all these records, and the relation by which they point somewhere.
    pub(super) fn sees_links(&mut self, inverse: &Inverse, from: &[Uuid]) -> Result<bool> {
        let schema = self.schema();
        let collection = schema.collection(inverse.from);
        let authority = Authority::of(&self.state.caller, collection);
        if !authority.bound {
            return Ok(true);
        }
        let field = collection.field(inverse.field);
        if collection.is_table() || field.hidden || field.read.is_some() {
            return Ok(false);
        }
        let wanted = Wanted { ids: from.to_vec(), readable: true };
        Ok(self.visible(&authority, inverse.from, &wanted)?.len() == from.len())
    }

    /// Those of the ids that are there, and may be read where that is asked.
    fn visible(&mut self, authority: &Authority, to: CollectionId, wanted: &Wanted) -> Result<Vec<Uuid>> {
        let epoch = self.epoch().clone();
        let target = epoch.schema.collection(to);
        let ids = Value::List(wanted.ids.iter().copied().map(Value::Id).collect());
        let Some(rule) = target.rules.read.as_ref().filter(|_| wanted.readable) else {
            if wanted.readable {
                return Ok(Vec::new());
            }
            let text = format!("SELECT r.\"id\" FROM {} AS r WHERE r.\"id\" IN $1", quote(&target.name));
            return ids_of(self, &text, &[ids]);
        };
        let rules = [Arc::clone(rule)];
        let answering = answering(&epoch, Question::new("link", to, &rules), &rules, || {
            let mut select = Select::stored(&epoch.schema, epoch.dialect, to);
            let readable = select.truth(rule)?;
            let list = select.bind_list(Bind::Slot(0), Column::Id);
            let ids = format!("r.\"id\" IN (SELECT * FROM {list})");
            let text = format!("SELECT r.\"id\" {} WHERE {ids} AND ({readable})", select.from());
            Ok(select.finish(text))
        })?;
        let statement = &answering.statement;
        let environment = Environment { caller: &authority.caller, now: self.now() };
        let parameters = statement.parameters(&environment, &[ids])?;
        ids_of(self, &statement.text, &parameters)
    }
}

fn ids_of(tx: &mut Tx<'_>, text: &str, parameters: &[Value]) -> Result<Vec<Uuid>> {
    let rows = tx.ask_rows(text, parameters)?;
    rows.0.iter().filter_map(|row| row.id(0).transpose()).collect()
}

/// Whether everybody may read every record.
fn is_open(schema: &Schema, collection: CollectionId) -> bool {
    let rule = schema.collection(collection).rules.read.as_ref();
    rule.is_some_and(|rule| rule.node == Node::Constant(Value::Bool(true)))
}

/// The records that the relation names now and did not before.
fn added(before: Option<&Image>, image: &Image, field: FieldId) -> Vec<Uuid> {
    let ids = |image: &Image| -> Vec<Uuid> {
        let value = image.value(field);
        let list = items(value).iter().filter_map(Value::as_id);
        list.chain(value.as_id()).collect()
    };
    let stood = before.map(ids).unwrap_or_default();
    ids(image).into_iter().filter(|id| !stood.contains(id)).collect()
}
