//! One record, by its id or by a unique index.

use std::sync::Arc;

use bytes::Bytes;
use mains_base::{Caller, Error, Result, Value};
use mains_language::schema::{Collection, CollectionId, FieldId};

use super::Source;
use super::columns::Columns;
use super::draft::{Layout, where_clause};
use super::key::{Key, index_of};
use super::page::Part;
use super::plans::{Planned, Plans};
use super::selection;
use super::standing::{Conditions, Rule, Standing};
use crate::dialect::Column;
use crate::engine::{Reading, Route};
use crate::sql::{Bind, Environment, Part as BindPart, Select, Statement, column_of_field};

/// A record that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its JSON.
    pub body: Bytes,
    /// Its version, for `ETag` and `If-Match`.
    pub version: i64,
}

/// A read by key, compiled; `None`: the rule shows this caller nothing.
pub(super) struct GetPlan {
    planned: Option<(Planned, Arc<Layout>, usize)>,
}

/// What is asked, resolved.
struct Wanted<'a, R> {
    source: &'a Source<'a, R>,
    collection: &'a Collection,
    conditions: &'a Conditions,
    standing: Standing,
    key: &'a Key,
    fields: Option<&'a str>,
}

/// The record with this key, as the caller sees it. 404 when there is none, or none that it may read.
pub(super) async fn get(
    source: &Source<'_, impl Reading>,
    caller: &Caller,
    collection: CollectionId,
    key: &Key,
    fields: Option<&str>,
) -> Result<Found> {
    let collection = source.epoch.schema.collection(collection);
    if collection.is_table() {
        return Err(Error::not_found());
    }
    let plans = source.epoch.part::<Plans>();
    let conditions = plans.conditions(collection);
    let now = source.engine.clock().now();
    let standing = conditions.standing(collection, caller, now)?;
    let plan = Wanted { source, collection, conditions: &conditions, standing, key, fields }.plan(&plans)?;
    let Some((planned, layout, version)) = &plan.planned else { return Err(Error::not_found()) };
    let slots = match key {
        Key::Id(id) => vec![Value::Id(*id)],
        Key::Unique(values) => values.iter().map(|(_, value)| value.clone()).collect(),
    };
    let query = planned.query(&Environment { caller, now }, &slots)?;
    let (of_rows, version) = (Arc::clone(layout), *version);
    let found = source.engine.read(query, move |rows| match rows.next()? {
        Some(row) => Ok(Some((Part::one(&of_rows, row)?, row.int(version)?.unwrap_or(0)))),
        None => Ok(None),
    });
    let (part, version) = found.await?.ok_or_else(Error::not_found)?;
    let part = part.filled(source.engine, &layout.lists).await?;
    Ok(Found { body: part.bytes.freeze(), version })
}

impl<R: Reading> Wanted<'_, R> {
    fn plan(&self, plans: &Plans) -> Result<Arc<GetPlan>> {
        let key = self.cache_key();
        if let Some(plan) = plans.gets.get(key.as_slice()) {
            return Ok(plan);
        }
        let plan = Arc::new(GetPlan { planned: self.compiled()? });
        plans.gets.put(key, Arc::clone(&plan));
        Ok(plan)
    }

    /// Everything that the plan depends on.
    fn cache_key(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        out.extend(self.collection.id.0.to_be_bytes());
        out.extend(self.standing.known.to_be_bytes());
        out.push(u8::from(self.standing.bound));
        if let Key::Unique(values) = self.key {
            out.extend(values.iter().flat_map(|(field, _)| field.0.to_be_bytes()));
        }
        out.extend([0xff, 0xff]);
        out.extend_from_slice(self.fields.unwrap_or_default().as_bytes());
        out
    }

    fn compiled(&self) -> Result<Option<(Planned, Arc<Layout>, usize)>> {
        let schema = &self.source.epoch.schema;
        let fields = selection::selected(self.collection, self.fields)?;
        let mut select = Select::stored(schema, self.source.epoch.dialect, self.collection.id);
        let rules = (self.conditions, self.standing);
        let mut columns = Columns::of(&mut select, schema, (self.collection, &fields), rules)?;
        let version = columns.place(select.column(FieldId::VERSION));
        let mut conditions = Vec::new();
        match self.conditions.records(self.collection, self.standing) {
            Rule::Always => {}
            Rule::Never => return Ok(None),
            Rule::Where(rule) => conditions.push(select.truth(&rule)?),
        }
        if !self.named(&mut select, &mut conditions)? {
            return Ok(None);
        }
        let text =
            format!("SELECT {} {}{}", columns.sql.join(", "), select.from(), where_clause(&conditions));
        let layout = Layout { members: columns.members, lists: columns.lists, keys: Vec::new() };
        let statement: Statement = select.finish(Arc::<str>::from(text));
        Ok(Some((Planned::new(statement, Route::Inline), Arc::new(layout), version)))
    }

    /// The conditions of the key. A field that the caller may not read finds nothing; false: it never does.
    fn named(&self, select: &mut Select<'_>, conditions: &mut Vec<String>) -> Result<bool> {
        let values = match self.key {
            Key::Id(_) => {
                let (id, slot) = (select.column(FieldId::ID), select.bind(Bind::Slot(0), Column::Id));
                conditions.push(format!("{id} = {slot}"));
                return Ok(true);
            }
            Key::Unique(values) => values,
        };
        for (slot, (id, _)) in values.iter().enumerate() {
            let field = self.collection.field(*id);
            match self.conditions.field(field, self.standing) {
                Rule::Always => {}
                Rule::Never => return Ok(false),
                Rule::Where(rule) => conditions.push(select.truth(&rule)?),
            }
            let slot = Bind::Slot(u16::try_from(slot).unwrap_or(u16::MAX));
            let slot = if field.folds_case() { Bind::Part(Box::new(slot), BindPart::Fold) } else { slot };
            let slot = select.bind(slot, column_of_field(field));
            conditions.push(format!("{} = {slot}", select.folded_column(*id)));
        }
        let index = index_of(self.collection, values).ok_or_else(Error::not_found)?;
        if let Some(condition) = &index.condition {
            conditions.push(select.truth(condition)?);
        }
        Ok(true)
    }
}
