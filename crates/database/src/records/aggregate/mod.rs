//! Totals: records in groups, counted, summed, with their least and greatest values.
//!
//! Always true: only what the caller may read is in them: a record that it may not read is in no group, a field that
//! it may not read is null.

mod draft;
mod group;
mod measure;
mod request;

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use mains_base::{Caller, Error, Result, Time, Value};
use mains_language::schema::{Collection, Schema};

pub use request::AggregateRequest;

use self::draft::{Draft, Places};
use self::group::Group;
use self::measure::{Measure, member};
use self::request::Function;
use super::cursor::{Position, foreign};
use super::draft::{Layout, fits};
use super::page::keys;
use super::plans::{Planned, Plans};
use super::refusal::advised;
use super::standing::{Conditions, Standing};
use super::wheres::{self, Asked, Path};
use super::{Source, callers::Callers, json};
use crate::engine::{self, ReadQuery, Route, RowView};
use crate::sql::Environment;

/// Totals, compiled.
pub(super) struct AggregatePlan {
    planned: Planned,
    paths: Vec<Path>,
    places: Places,
    groups: Vec<(String, group::Written)>,
    measures: Vec<(Function, String, measure::Written)>,
}

/// One request.
struct Asking<'a, R> {
    source: &'a Source<'a, R>,
    collection: &'a Collection,
    request: &'a AggregateRequest,
    caller: &'a Caller,
    asked: Vec<Asked>,
    conditions: Arc<Conditions>,
    standing: Standing,
    page: u32,
    position: Option<Position>,
    now: Time,
}

/// Totals that are ready to be read.
struct Ready {
    plan: Arc<AggregatePlan>,
    query: ReadQuery,
    page: u32,
}

/// Totals that were read: the groups as JSON, and where the page ended.
struct Totals {
    items: BytesMut,
    last: Option<Vec<Value>>,
}

/// The JSON of a page: `{"items":[…],"next":…}`.
pub(super) async fn aggregate(
    source: &Source<'_, impl engine::Reading>,
    caller: &Caller,
    request: &AggregateRequest,
) -> Result<Bytes> {
    let asking = Asking::begin(source, caller, request)?;
    let ready = asking.ready()?;
    let query = ready.query.clone();
    let read = source.engine.read(query, move |rows| {
        let mut reading = Reading::new(&ready.plan, ready.page);
        while let Some(row) = rows.next()? {
            if !reading.take(row)? {
                break;
            }
        }
        Ok(reading.totals)
    });
    let read = read.await.map_err(|error| advised(error, &asking.collection.name, &asking.advice()));
    asking.finished(read)
}

impl<'a, R: engine::Reading> Asking<'a, R> {
    /// Reads a request.
    fn begin(source: &'a Source<'a, R>, caller: &'a Caller, request: &'a AggregateRequest) -> Result<Self> {
        let collection = source.epoch.schema.collection(request.collection);
        if collection.is_table() {
            return Err(Error::not_found());
        }
        let mut asking = Self {
            source,
            collection,
            request,
            caller,
            asked: wheres::asked(&request.wheres)?,
            conditions: source.epoch.part::<Plans>().conditions(collection),
            standing: Standing { bound: true, known: 0 },
            page: request.page()?,
            position: None,
            now: source.engine.clock().now(),
        };
        if let Some(cursor) = request.cursor.as_deref().filter(|cursor| !cursor.is_empty()) {
            let position = source.cursors.open(cursor, &asking.bound())?;
            asking.now = position.now;
            asking.position = Some(position);
        }
        asking.standing = asking.conditions.standing(collection, caller, asking.now)?;
        if asking.standing.bound && collection.rules.read.is_none() {
            return Err(Error::not_found());
        }
        Ok(asking)
    }

    /// What is to be read.
    fn ready(&self) -> Result<Ready> {
        let plans = self.source.epoch.part::<Plans>();
        let key = self.key();
        let plan = if let Some(plan) = plans.aggregates.get(key.as_slice()) {
            plan
        } else {
            let plan = Arc::new(self.compiled()?);
            plans.aggregates.put(key, Arc::clone(&plan));
            plan
        };
        let environment = Environment { caller: self.caller, now: self.now };
        let query = plan.planned.query(&environment, &self.slots(&plan)?)?;
        Ok(Ready { plan, query, page: self.page })
    }

    /// The answer, with what was read.
    fn finished(&self, read: Result<Totals>) -> Result<Bytes> {
        let Totals { items: mut out, last } = read?;
        out.put_slice(b"],\"next\":");
        match last {
            Some(keys) => {
                let position = Position { now: self.now, keys };
                json::text(&mut out, &self.source.cursors.seal(&position, &self.bound())?);
            }
            None => json::null(&mut out),
        }
        out.put_u8(b'}');
        Ok(out.freeze())
    }

    /// What the request says, but its values.
    fn texts(&self) -> [&str; 6] {
        let request = self.request;
        [&request.group, &request.sum, &request.min, &request.max, &request.sort, &request.filter]
            .map(|text| text.as_deref().unwrap_or_default())
    }

    /// What a cursor of these totals belongs to.
    fn bound(&self) -> Vec<u8> {
        let mut out = b"aggregate".to_vec();
        let mut part = |bytes: &[u8]| {
            out.extend((bytes.len() as u64).to_be_bytes());
            out.extend_from_slice(bytes);
        };
        part(self.collection.name.as_bytes());
        self.texts().iter().for_each(|text| part(text.as_bytes()));
        part(self.caller.kind.as_str().as_bytes());
        part(&self.caller.id.0);
        for asked in &self.asked {
            part(asked.path.as_bytes());
            part(&asked.values.len().to_be_bytes());
            asked.values.iter().for_each(|value| part(value.as_bytes()));
        }
        out
    }

    /// Bit *i*: the position's key *i* is NULL.
    fn nulls(&self) -> Option<u32> {
        let position = self.position.as_ref()?;
        let keys = position.keys.iter().take(32).enumerate();
        Some(keys.fold(0, |nulls, (place, key)| nulls | u32::from(key.is_null()) << place))
    }

    /// Everything that a plan depends on.
    fn key(&self) -> Vec<u8> {
        let mut out = self.collection.id.0.to_be_bytes().to_vec();
        out.extend(self.standing.known.to_be_bytes());
        out.extend(self.page.to_be_bytes());
        out.extend(self.nulls().unwrap_or(u32::MAX).to_be_bytes());
        out.extend([self.standing.bound, self.request.counts(), self.position.is_some()].map(u8::from));
        let mut part = |text: &str| {
            out.extend((text.len() as u64).to_be_bytes());
            out.extend_from_slice(text.as_bytes());
        };
        self.texts().into_iter().for_each(&mut part);
        for asked in &self.asked {
            part(&asked.path);
            part(&asked.values.len().to_string());
            asked.values.iter().for_each(|value| part(if wheres::stays(value) { value } else { "" }));
        }
        part(if self.caller.is_bound("") { "" } else { "all" });
        self.caller.rights.iter().for_each(|right| part(right));
        out
    }

    fn compiled(&self) -> Result<AggregatePlan> {
        let (schema, collection): (&Schema, _) = (&self.source.epoch.schema, self.collection);
        let callers = Callers::of(schema, collection.id, self.caller);
        let names = self.request.groups()?;
        let groups = names.into_iter().map(|name| Group::typed(schema, &callers, collection, name));
        let groups: Vec<Group> = groups.collect::<Result<_>>()?;
        if groups.iter().filter(|group| group.is_list()).count() > 1 {
            return Err(request::two_lists());
        }
        let measures = self.request.measures()?;
        let measures =
            measures.into_iter().map(|measure| Measure::typed(schema, &callers, collection, measure));
        let typed = self.asked.iter().map(|asked| Path::typed(&callers, collection, asked));
        let filter = self.request.filter.as_deref().filter(|filter| !filter.is_empty());
        let draft = Draft {
            schema,
            dialect: self.source.epoch.dialect,
            collection,
            rule: self.conditions.records(collection, self.standing),
            groups,
            counts: self.request.counts(),
            measures: measures.collect::<Result<_>>()?,
            paths: typed.collect::<Result<_>>()?,
            asked: &self.asked,
            filter: filter.map(|filter| callers.filter(filter)).transpose()?,
            sort: self.request.sort.as_deref(),
            after: self.nulls(),
            page: self.page,
        };
        let (statement, places) = draft.statement()?;
        let of = |measure: &Measure| (measure.function, measure.name.clone(), measure.written());
        Ok(AggregatePlan {
            planned: Planned::new(statement, Route::Pool),
            places,
            groups: draft.groups.iter().map(|group| (group.name.clone(), group.written().clone())).collect(),
            measures: draft.measures.iter().map(of).collect(),
            paths: draft.paths,
        })
    }

    fn slots(&self, plan: &AggregatePlan) -> Result<Vec<Value>> {
        let mut slots = Vec::new();
        for (path, asked) in plan.paths.iter().zip(&self.asked) {
            slots.extend(path.values(&self.source.epoch.schema, self.caller, asked)?);
        }
        if let Some(position) = &self.position {
            let places = &plan.places.keys;
            let fit = position.keys.iter().zip(places).all(|(key, &(_, column))| fits(key, column));
            if position.keys.len() != places.len() || !fit {
                return Err(foreign());
            }
            slots.extend(position.keys.iter().cloned());
        }
        Ok(slots)
    }

    /// The own fields that conditions name: an index on them would serve.
    fn advice(&self) -> String {
        let stored = |name: &&str| {
            self.collection.find(name).is_some_and(|field| field.is_stored() && field.many.is_none())
        };
        let names = self.asked.iter().map(|asked| asked.path.as_str()).filter(stored);
        names.map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
    }
}

/// Rows being written.
struct Reading<'p> {
    plan: &'p AggregatePlan,
    page: u32,
    rows: u32,
    keys: Vec<Value>,
    totals: Totals,
}

impl<'p> Reading<'p> {
    fn new(plan: &'p AggregatePlan, page: u32) -> Self {
        let items = BytesMut::from(&b"{\"items\":["[..]);
        Self { plan, page, rows: 0, keys: Vec::new(), totals: Totals { items, last: None } }
    }

    /// Writes a row; false when the page is full.
    fn take(&mut self, row: &dyn RowView) -> Result<bool> {
        if self.rows == self.page {
            self.totals.last = Some(std::mem::take(&mut self.keys));
            return Ok(false);
        }
        if self.rows > 0 {
            self.totals.items.put_u8(b',');
        }
        self.rows += 1;
        self.write(row)?;
        if self.rows == self.page {
            let layout = Layout { keys: self.plan.places.keys.clone(), ..Layout::default() };
            self.keys = keys(&layout, row)?;
        }
        Ok(true)
    }

    fn write(&mut self, row: &dyn RowView) -> Result<()> {
        let (plan, out) = (self.plan, &mut self.totals.items);
        member(out, true, "group");
        if plan.groups.is_empty() {
            out.put_u8(b'{');
        }
        for (at, ((name, written), &place)) in plan.groups.iter().zip(&plan.places.groups).enumerate() {
            member(out, at == 0, name);
            written.write(out, row, place)?;
        }
        out.put_u8(b'}');
        if let Some(place) = plan.places.count {
            member(out, false, "count");
            json::int(out, row.int(place)?.unwrap_or(0));
        }
        let mut open: Option<Function> = None;
        for ((function, name, written), &place) in plan.measures.iter().zip(&plan.places.measures) {
            let first = open != Some(*function);
            if first {
                if open.is_some() {
                    out.put_u8(b'}');
                }
                member(out, false, function.name());
                open = Some(*function);
            }
            member(out, first, name);
            written.write(out, row, place, name)?;
        }
        if open.is_some() {
            out.put_u8(b'}');
        }
        out.put_u8(b'}');
        Ok(())
    }
}
