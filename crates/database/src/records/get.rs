//! One record, by its id or by a unique index.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use mains_base::{Caller, Error, Result, Time, Value};
use mains_language::schema::{Collection, CollectionId, FieldId};

use super::Source;
use super::columns::Columns;
use super::draft::{Layout, where_clause};
use super::expand::{Budget, Expansion, expanded, expansion};
use super::key::{Key, index_of};
use super::page::Part;
use super::plans::{Planned, Plans};
use super::request::Shown;
use super::selection;
use super::shelf::{Held, Shelf};
use super::standing::{Conditions, Rule, Standing};
use crate::dialect::Column;
use crate::engine::{ReadQuery, Reading, Route, View};
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
    conditions: Arc<Conditions>,
    standing: Standing,
    key: &'a Key,
    shown: Shown<'a>,
    expansion: Option<Arc<Expansion>>,
}

/// A record that is ready to be read within a snapshot.
struct ReadyGet {
    found: Option<(ReadQuery, Arc<Layout>, usize)>,
    expansion: Option<Arc<Expansion>>,
    caller: Caller,
    now: Time,
}

impl ReadyGet {
    /// Reads the record and all that belongs to it.
    fn run(&self, view: &View<'_>) -> Result<Found> {
        let Some((query, layout, version)) = &self.found else { return Err(Error::not_found()) };
        let (of_row, version) = (Arc::clone(layout), *version);
        let read = view.read(query.clone(), move |rows| match rows.next()? {
            Some(row) => Ok(Some((Held::read(&of_row, row)?, row.int(version)?.unwrap_or(0)))),
            None => Ok(None),
        });
        let (held, version) = View::run(read)?.ok_or_else(Error::not_found)?;
        let mut shelf = Shelf { records: vec![held], ..Shelf::default() };
        shelf.fill(view, layout)?;
        let mut bytes = BytesMut::new();
        expanded(&mut bytes, view, self.expansion.as_deref(), &shelf, Budget::new(&self.caller, self.now))?;
        Ok(Found { body: bytes.freeze(), version })
    }
}

/// The record with this key, as the caller sees it. 404 when there is none, or none that it may read.
pub(super) async fn get(
    source: &Source<'_, impl Reading>,
    caller: &Caller,
    collection: CollectionId,
    key: &Key,
    shown: Shown<'_>,
) -> Result<Found> {
    let now = source.engine.clock().now();
    let wanted = Wanted::of(source, (caller, now), collection, key, shown)?;
    let plan = wanted.plan()?;
    let Some((planned, layout, version)) = &plan.planned else { return Err(Error::not_found()) };
    if shown.expand.is_some() || !layout.lists.is_empty() {
        let ready = wanted.ready(caller, now, &plan)?;
        return source.engine.view(move |view| ready.run(view)).await;
    }
    let query = planned.query(&Environment { caller, now }, &slots(key))?;
    let (of_rows, version) = (Arc::clone(layout), *version);
    let found = source.engine.read(query, move |rows| match rows.next()? {
        Some(row) => Ok(Some((Part::one(&of_rows, row)?, row.int(version)?.unwrap_or(0)))),
        None => Ok(None),
    });
    let (part, version) = found.await?.ok_or_else(Error::not_found)?;
    Ok(Found { body: part.bytes.freeze(), version })
}

fn slots(key: &Key) -> Vec<Value> {
    match key {
        Key::Id(id) => vec![Value::Id(*id)],
        Key::Unique(values) => values.iter().map(|(_, value)| value.clone()).collect(),
    }
}

impl<'a, R: Reading> Wanted<'a, R> {
    fn of(
        source: &'a Source<'a, R>,
        (caller, now): (&Caller, Time),
        collection: CollectionId,
        key: &'a Key,
        shown: Shown<'a>,
    ) -> Result<Self> {
        let collection = source.epoch.schema.collection(collection);
        if collection.is_table() {
            return Err(Error::not_found());
        }
        let conditions = source.epoch.part::<Plans>().conditions(collection);
        let standing = conditions.standing(collection, caller, now)?;
        let expansion = expansion(source, (caller, now), collection, shown.expand)?;
        Ok(Self { source, collection, conditions, standing, key, shown, expansion })
    }

    /// What a snapshot has to do for it.
    fn ready(&self, caller: &Caller, now: Time, plan: &GetPlan) -> Result<ReadyGet> {
        let found = plan.planned.as_ref().map(|(planned, layout, version)| {
            let query = planned.query(&Environment { caller, now }, &slots(self.key))?;
            Ok::<_, Error>((query, Arc::clone(layout), *version))
        });
        Ok(ReadyGet {
            found: found.transpose()?,
            expansion: self.expansion.clone(),
            caller: caller.clone(),
            now,
        })
    }

    fn plan(&self) -> Result<Arc<GetPlan>> {
        let plans = self.source.epoch.part::<Plans>();
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
        let fields = self.shown.fields.unwrap_or_default();
        out.extend((fields.len() as u64).to_be_bytes());
        out.extend_from_slice(fields.as_bytes());
        out.extend_from_slice(self.shown.expand.unwrap_or_default().as_bytes());
        out
    }

    fn compiled(&self) -> Result<Option<(Planned, Arc<Layout>, usize)>> {
        let schema = &self.source.epoch.schema;
        let fields = selection::selected(self.collection, self.shown.fields)?;
        let mut select = Select::stored(schema, self.source.epoch.dialect, self.collection.id);
        let rules = (&*self.conditions, self.standing);
        let mut columns = Columns::of(&mut select, schema, (self.collection, &fields), rules)?;
        let ways = self.expansion.as_ref().map_or(&[][..], |expansion| &expansion.ways);
        let gates = columns.gates(&mut select, ways)?;
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
        let layout = Layout { members: columns.members, lists: columns.lists, gates, keys: Vec::new() };
        let statement: Statement = select.finish(Arc::<str>::from(text));
        let statement = statement.kept(self.source.epoch.dialect);
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
