//! The statements that store a record: its row, its lists. No rule and no invariant is asked here.

use std::fmt::Write as _;
use std::sync::Arc;

use mains_base::{Result, Uuid, Value, fold};
use mains_language::schema::{Collection, Field, FieldId};

use super::ask::About;
use super::tx::Declared;
use super::violation::{self, OnUnique};
use super::{Image, Tx, gate};
use crate::dialect::quote;
use crate::schema::names;
use crate::sql::index_condition;

impl Tx<'_> {
    /// Inserts a whole record and keeps it.
    pub(super) fn store_new(&mut self, image: Image, meanings: &[OnUnique]) -> Result<Arc<Image>> {
        // What waits was changed before, and may be in its way.
        self.settle()?;
        let declared = self.of(image.collection)?;
        let (collection, layout) = (declared.collection(), declared.layout()?);
        if self.state.run.asks_uniques() {
            self.refuse_taken(&declared, &image, (true, meanings))?;
        }
        let parameters = layout.parameters(&image);
        let meaning = violation::of_record(&self.state.run, image.collection, meanings);
        gate::execute_later(self.statements, &layout.insert, &parameters, Some(meaning))?;
        for field in collection.fields.iter().filter(|field| field.many.is_some() && field.is_stored()) {
            self.add_elements((collection, field), image.id(), items(image.value(field.id)), Place::From(0))?;
        }
        Ok(self.keep(image))
    }

    /// Stores the fields in which a record differs from what it was, and keeps it.
    pub(super) fn store_changed(
        &mut self,
        before: &Image,
        image: Image,
        meanings: &[OnUnique],
    ) -> Result<Arc<Image>> {
        self.write_changed(before, &image, meanings)?;
        Ok(self.keep(image))
    }

    /// Stores the fields in which a record differs from what it was.
    pub(super) fn write_changed(
        &mut self,
        before: &Image,
        image: &Image,
        meanings: &[OnUnique],
    ) -> Result<()> {
        let declared = self.of(image.collection)?;
        let (collection, layout) = (declared.collection(), declared.layout()?);
        if self.state.run.asks_uniques() {
            self.refuse_taken(&declared, image, (false, meanings))?;
        }
        let mut cells = Vec::new();
        for field in changed(collection, before, image) {
            if field.many.is_some() {
                self.change_elements(collection, field, before, image)?;
            } else {
                cells.extend(layout.cells(field.id, image.value(field.id)));
            }
        }
        let text = layout.update(&cells);
        let parameters: Vec<Value> =
            std::iter::once(image.id().into()).chain(cells.into_iter().map(|(_, value)| value)).collect();
        let meaning = violation::of_record(&self.state.run, image.collection, meanings);
        gate::execute_later(self.statements, &text, &parameters, Some(meaning))
    }

    /// Refuses a record whose id or unique values another one has: the first of them as declared, whichever a database
    /// would meet first.
    fn refuse_taken(
        &mut self,
        declared: &Declared,
        image: &Image,
        (is_new, meanings): (bool, &[OnUnique]),
    ) -> Result<()> {
        let (collection, layout) = (declared.collection(), declared.layout()?);
        let id = Value::from(image.id());
        let by_id = format!("SELECT 1 FROM {} WHERE \"id\" = $1", layout.table);
        if is_new && !self.statements.query(&by_id, std::slice::from_ref(&id))?.0.is_empty() {
            return Err(violation::id_taken());
        }
        let caller = Arc::clone(&self.state.caller);
        for index in collection.indexes.iter().filter(|index| index.unique) {
            let mut text = format!("SELECT 1 FROM {} WHERE \"id\" <> $1", layout.table);
            let mut values = vec![id.clone()];
            for &field in &index.fields {
                let names = violation::compared(collection.field(field));
                let cells = layout.cells(field, image.value(field));
                for (column, value) in cells.into_iter().filter(|(column, _)| names.contains(column)) {
                    values.push(value);
                    let _ = write!(text, " AND {} = ${}", quote(&column), values.len());
                }
            }
            // Null is equal to nothing there.
            if values.iter().any(Value::is_null) {
                continue;
            }
            if let Some(condition) = &index.condition {
                let about = About { record: image, old: None };
                if self.truths(std::slice::from_ref(condition), &caller, about)?.first() != Some(&true) {
                    continue;
                }
                let schema = &declared.epoch.schema;
                let condition = index_condition(declared.epoch.dialect, schema, collection.id, condition)?;
                let _ = write!(text, " AND ({condition})");
            }
            if !self.statements.query(&text, &values)?.0.is_empty() {
                return Err(violation::taken(&self.state.run, collection, index, meanings));
            }
        }
        Ok(())
    }

    pub(super) fn keep(&mut self, image: Image) -> Arc<Image> {
        let key = (image.collection, image.id());
        let image = Arc::new(image);
        let caller = Arc::clone(&self.state.caller);
        self.state.kept.change(key, Some(Arc::clone(&image)), &caller);
        image
    }

    /// Elements that only left and came at the end cost one statement each; another order is stored anew.
    fn change_elements(
        &mut self,
        collection: &Collection,
        field: &Field,
        before: &Image,
        image: &Image,
    ) -> Result<()> {
        let (old, new) = (items(before.value(field.id)), items(image.value(field.id)));
        let kept: Vec<&Value> = old.iter().filter(|item| new.contains(item)).collect();
        let table = quote(&names::join_table(&collection.name, &field.name));
        if !new.iter().take(kept.len()).eq(kept.iter().copied()) {
            let text = format!("DELETE FROM {table} WHERE \"record\" = $1");
            gate::execute_later(self.statements, &text, &[image.id().into()], None)?;
            return self.add_elements((collection, field), image.id(), new, Place::From(0));
        }
        let gone: Vec<Value> = old.iter().filter(|item| !new.contains(item)).cloned().collect();
        if !gone.is_empty() {
            let text = format!("DELETE FROM {table} WHERE \"record\" = $1 AND \"target\" IN $2");
            gate::execute_later(self.statements, &text, &[image.id().into(), Value::List(gone)], None)?;
        }
        let added = new.get(kept.len()..).unwrap_or_default();
        self.add_elements((collection, field), image.id(), added, Place::Behind)
    }

    fn add_elements(
        &mut self,
        (collection, field): (&Collection, &Field),
        record: Uuid,
        elements: &[Value],
        place: Place,
    ) -> Result<()> {
        let table = quote(&names::join_table(&collection.name, &field.name));
        let folds = field.folds_case();
        let position = match place {
            Place::From(_) => "$3".to_owned(),
            Place::Behind => {
                format!("(SELECT COALESCE(MAX(\"position\"), -1) + 1 FROM {table} WHERE \"record\" = $1)")
            }
        };
        let mut columns = "\"record\", \"target\", \"position\"".to_owned();
        let mut places = format!("$1, $2, {position}");
        if folds {
            columns.push_str(", \"target__folded\"");
            places.push_str(if matches!(place, Place::Behind) { ", $3" } else { ", $4" });
        }
        let text = format!("INSERT INTO {table} ({columns}) VALUES ({places})");
        for (offset, element) in (0_i64..).zip(elements) {
            let mut parameters = vec![record.into(), element.clone()];
            if let Place::From(first) = place {
                parameters.push(Value::Int(first + offset));
            }
            parameters.extend(element.as_text().filter(|_| folds).map(|text| Value::Text(fold(text))));
            let meaning = violation::of_list(&self.state.run, field);
            gate::execute_later(self.statements, &text, &parameters, Some(meaning))?;
        }
        Ok(())
    }
}

/// Where elements are put.
#[derive(Clone, Copy)]
enum Place {
    /// At these positions.
    From(i64),
    /// Behind all that are there.
    Behind,
}

/// The elements of a list; of anything else none.
pub(super) fn items(value: &Value) -> &[Value] {
    value.as_list().unwrap_or_default()
}

/// The stored fields in which two images differ.
pub(super) fn changed<'c>(
    collection: &'c Collection,
    before: &Image,
    now: &Image,
) -> impl Iterator<Item = &'c Field> {
    let differ = |id: FieldId| before.value(id) != now.value(id);
    let stored = collection.fields.iter().filter(|field| field.is_stored());
    stored.filter(move |field| differ(field.id)).collect::<Vec<_>>().into_iter()
}
