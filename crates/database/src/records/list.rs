//! Lists: a page of records, and the cursor of the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{BufMut, Bytes};
use mains_base::{Caller, Error, Result, Time, Value};
use mains_language::schema::{Collection, Schema};

use super::cursor::{Position, foreign};
use super::draft::{COUNTED, Draft, Layout, fits, order};
use super::expand::{Expansion, expansion};
use super::keyset::{Direction, segments};
use super::page::{Part, Room};
use super::plans::{Planned, Plans};
use super::ready::ReadList;
use super::refusal::advised;
use super::request::ListRequest;
use super::standing::{Conditions, Rule, Standing};
use super::wheres::{self, Asked, Path};
use super::{Source, callers::Callers, json, selection, sort};
use crate::engine::{ReadQuery, Reading, Route};
use crate::sql::{Environment, Statement};

/// How a page begins.
pub(super) const OPENING: &[u8] = b"{\"items\":[";
/// Bytes for what follows the records.
const SLACK: usize = 256;
/// Pages of more records are for the pool.
const INLINE: u32 = 100;

/// Statements with their layouts, the total's, and the plan around them.
type Drafted = (Vec<(Statement, Layout)>, Option<Statement>, ListPlan);

/// A list, compiled.
pub(super) struct ListPlan {
    paths: Vec<Path>,
    /// One after the other until the page is full. None: the rule shows this caller nothing.
    pub(super) segments: Vec<(Planned, Arc<Layout>)>,
    pub(super) total: Option<Planned>,
    directions: Vec<Direction>,
    /// Of the collection.
    pub(super) name: String,
    /// Fields of the index that would serve it.
    pub(super) advice: String,
    /// Bytes of the last page.
    size: AtomicUsize,
}

/// One request, as far as it goes before a plan is needed.
pub(super) struct Asking<'a, R> {
    pub(super) source: &'a Source<'a, R>,
    collection: &'a Collection,
    request: &'a ListRequest,
    pub(super) caller: &'a Caller,
    asked: Vec<Asked>,
    conditions: Arc<Conditions>,
    standing: Standing,
    pub(super) page: u32,
    position: Option<Position>,
    pub(super) expansion: Option<Arc<Expansion>>,
    pub(super) now: Time,
}

impl ListPlan {
    /// Whether records come with lists, which are statements of their own.
    fn has_lists(&self) -> bool {
        self.segments.first().is_some_and(|(_, layout)| !layout.lists.is_empty())
    }
}

/// The JSON of a page: `{"items":[…],"next":…}`.
pub(super) async fn list(
    source: &Source<'_, impl Reading>,
    caller: &Caller,
    request: &ListRequest,
) -> Result<Bytes> {
    let plans = source.epoch.part::<Plans>();
    let asking = Asking::of(source, &plans, caller, request)?;
    let plan = asking.plan(&plans).await?;
    if asking.expansion.is_some() || plan.has_lists() {
        let ready = asking.ready(plan)?;
        let read = source.engine.view(move |view| ready.run(view));
        return asking.finished(read.await);
    }
    asking.run(&plan).await.map_err(|error| advised(error, &plan.name, &plan.advice))
}

/// The queries of a page, in order, as far as it needs them.
pub(super) async fn queries(
    source: &Source<'_, impl Reading>,
    caller: &Caller,
    request: &ListRequest,
) -> Result<Vec<ReadQuery>> {
    let plans = source.epoch.part::<Plans>();
    let asking = Asking::of(source, &plans, caller, request)?;
    let plan = asking.plan(&plans).await?;
    let (slots, environment) = (asking.slots(&plan)?, Environment { caller, now: asking.now });
    plan.segments.iter().map(|(planned, _)| planned.query(&environment, &slots)).collect()
}

impl<'a, R: Reading> Asking<'a, R> {
    /// The answer, with what a snapshot gave.
    pub(super) fn finished(&self, read: Result<ReadList>) -> Result<Bytes> {
        let read = read?;
        self.body(read.page, read.total.or(self.request.total.then_some(0)))
    }

    pub(super) fn of(
        source: &'a Source<'a, R>,
        plans: &Plans,
        caller: &'a Caller,
        request: &'a ListRequest,
    ) -> Result<Self> {
        let collection = source.epoch.schema.collection(request.collection);
        if collection.is_table() {
            return Err(Error::not_found());
        }
        let page = request.page()?;
        let asked = wheres::asked(&request.wheres)?;
        let mut asking = Self {
            source,
            collection,
            request,
            caller,
            asked,
            conditions: plans.conditions(collection),
            standing: Standing { bound: true, known: 0 },
            page,
            position: None,
            expansion: None,
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
        let expand = request.expand.as_deref();
        asking.expansion = expansion(source, (caller, asking.now), collection, expand)?;
        Ok(asking)
    }

    /// What a cursor of this list belongs to.
    fn bound(&self) -> Vec<u8> {
        let mut out = b"list".to_vec();
        let mut part = |bytes: &[u8]| {
            out.extend((bytes.len() as u64).to_be_bytes());
            out.extend_from_slice(bytes);
        };
        part(self.collection.name.as_bytes());
        part(self.request.sort.as_deref().unwrap_or_default().as_bytes());
        part(self.request.filter.as_deref().unwrap_or_default().as_bytes());
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
    fn nulls(&self) -> u32 {
        let keys = self.position.iter().flat_map(|position| position.keys.iter().take(32));
        keys.enumerate().fold(0, |nulls, (place, key)| nulls | u32::from(key.is_null()) << place)
    }

    /// Everything that a plan depends on.
    fn key(&self) -> Vec<u8> {
        let request = self.request;
        let mut out = Vec::with_capacity(96);
        out.extend(request.collection.0.to_be_bytes());
        out.extend(self.standing.known.to_be_bytes());
        out.extend(self.page.to_be_bytes());
        out.extend(self.nulls().to_be_bytes());
        let keys = self.position.as_ref().map_or(0, |position| position.keys.len());
        let flags = [self.standing.bound, request.total, self.position.is_some(), R::ROUTED];
        out.extend(flags.map(u8::from));
        out.push(u8::try_from(keys).unwrap_or(u8::MAX));
        // With its length before it, so that no text of a caller reads as two.
        let mut part = |text: &str| {
            out.extend((text.len() as u64).to_be_bytes());
            out.extend_from_slice(text.as_bytes());
        };
        for text in [&request.fields, &request.sort, &request.filter, &request.expand] {
            part(text.as_deref().unwrap_or_default());
        }
        for asked in &self.asked {
            part(&asked.path);
            part(&asked.values.len().to_string());
            asked.values.iter().for_each(|value| part(if wheres::stays(value) { value } else { "" }));
        }
        if request.filter.is_some() || !self.asked.is_empty() {
            part(if self.caller.is_bound("") { "" } else { "all" });
            self.caller.rights.iter().for_each(|right| part(right));
        }
        out
    }

    pub(super) async fn plan(&self, plans: &Plans) -> Result<Arc<ListPlan>> {
        let key = self.key();
        if let Some(plan) = plans.lists.get(key.as_slice()) {
            return Ok(plan);
        }
        let plan = Arc::new(self.compiled(plans).await?);
        plans.lists.put(key, Arc::clone(&plan));
        Ok(plan)
    }

    async fn compiled(&self, plans: &Plans) -> Result<ListPlan> {
        let (statements, total, mut plan) = self.drafted()?;
        for (statement, layout) in statements {
            let planned = plans.routed(self.source.engine, statement).await?;
            let planned = if self.page > INLINE { planned.on_pool() } else { planned };
            plan.segments.push((planned, Arc::new(layout)));
        }
        plan.total = total.map(|statement| Planned::new(statement, Route::Pool));
        Ok(plan)
    }

    /// What is asked, resolved.
    pub(super) fn draft(&self) -> Result<Draft<'_>> {
        let (schema, collection): (&Schema, _) = (&self.source.epoch.schema, self.collection);
        let callers = Callers::of(schema, collection.id, self.caller);
        let typed = self.asked.iter().map(|asked| Path::typed(&callers, collection, asked));
        let keys = sort::keys(collection, self.request.sort.as_deref())?;
        let filter = self.request.filter.as_deref().filter(|filter| !filter.is_empty());
        Ok(Draft {
            schema,
            dialect: self.source.epoch.dialect,
            collection,
            conditions: &self.conditions,
            standing: self.standing,
            fields: selection::selected(collection, self.request.fields.as_deref())?,
            order: order(collection, &self.conditions, self.standing, &keys),
            paths: typed.collect::<Result<_>>()?,
            asked: &self.asked,
            filter: filter.map(|filter| callers.filter(filter)).transpose()?,
            gates: self.expansion.as_ref().map_or(&[], |expansion| &expansion.ways),
            page: self.page,
        })
    }

    fn drafted(&self) -> Result<Drafted> {
        let draft = self.draft()?;
        let directions: Vec<Direction> = draft.order.iter().map(super::draft::OrderKey::direction).collect();
        let parts = match &self.position {
            Some(_) => segments(&directions, self.nulls()),
            None => vec![Vec::new()],
        };
        let shows = draft.rule() != Rule::Never;
        let parts = parts.iter().filter(|_| shows).map(|tests| draft.segment(tests));
        let statements = parts.collect::<Result<_>>()?;
        let total = (shows && self.request.total).then(|| draft.total()).transpose()?;
        let advice = draft.advice();
        let plan = ListPlan {
            paths: draft.paths,
            segments: Vec::new(),
            total: None,
            directions,
            name: self.collection.name.clone(),
            advice,
            size: AtomicUsize::new(1024),
        };
        Ok((statements, total, plan))
    }

    async fn run(&self, plan: &Arc<ListPlan>) -> Result<Bytes> {
        let slots = self.slots(plan)?;
        let environment = Environment { caller: self.caller, now: self.now };
        let mut page: Option<Part> = None;
        // A page that is full goes on until it knows whether there is more.
        for (planned, layout) in &plan.segments {
            let query = planned.query(&environment, &slots)?;
            let room = match &page {
                None => Room { opening: OPENING, bytes: plan.size.load(Ordering::Relaxed), rows: self.page },
                Some(page) => Room { opening: b"", bytes: 0, rows: self.page - page.rows },
            };
            let layout = Arc::clone(layout);
            let part = self.source.engine.read(query, move |rows| Part::read(&layout, rows, room)).await?;
            let page = match &mut page {
                None => page.insert(part),
                Some(page) => page.add(part),
            };
            if page.more {
                break;
            }
        }
        let page = page.unwrap_or_else(|| Part::none(OPENING));
        plan.size.store(page.bytes.len() + SLACK, Ordering::Relaxed);
        let total = match self.whole(&page) {
            Some(all) => Some(all),
            None => self.total(plan, &environment, &slots).await?,
        };
        self.body(page, total)
    }

    /// How many records there are, where a page holds all of them: nothing needs to be counted again.
    fn whole(&self, page: &Part) -> Option<i64> {
        let all = self.request.total && self.position.is_none() && !page.more;
        all.then_some(i64::from(page.rows))
    }

    /// Whether the page begins with the first record.
    pub(super) fn is_first(&self) -> bool {
        self.position.is_none()
    }

    /// The values of `where.`
    pub(super) fn compared(&self, paths: &[Path]) -> Result<Vec<Value>> {
        let mut slots = Vec::new();
        for (path, asked) in paths.iter().zip(&self.asked) {
            slots.extend(path.values(&self.source.epoch.schema, self.caller, asked)?);
        }
        Ok(slots)
    }

    pub(super) fn slots(&self, plan: &ListPlan) -> Result<Vec<Value>> {
        let mut slots = self.compared(&plan.paths)?;
        let Some(position) = &self.position else { return Ok(slots) };
        if position.keys.len() != plan.directions.len() {
            return Err(foreign());
        }
        if let Some((_, layout)) = plan.segments.first() {
            let places = position.keys.iter().zip(&plan.directions).zip(&layout.keys);
            for ((key, direction), &(_, column)) in places {
                if !fits(key, column) || (key.is_null() && !direction.nullable) {
                    return Err(foreign());
                }
            }
        }
        slots.extend(position.keys.iter().cloned());
        Ok(slots)
    }

    async fn total(
        &self,
        plan: &ListPlan,
        environment: &Environment<'_>,
        slots: &[Value],
    ) -> Result<Option<i64>> {
        if !self.request.total {
            return Ok(None);
        }
        let Some(planned) = &plan.total else { return Ok(Some(0)) };
        let query = planned.query(environment, slots)?;
        let count = self.source.engine.read(query, |rows| match rows.next()? {
            Some(row) => row.int(0),
            None => Ok(None),
        });
        Ok(Some(count.await?.unwrap_or(0)))
    }

    fn body(&self, page: Part, total: Option<i64>) -> Result<Bytes> {
        let mut out = page.bytes;
        out.put_slice(b"],\"next\":");
        if page.more {
            let position = Position { now: self.now, keys: page.last };
            json::text(&mut out, &self.source.cursors.seal(&position, &self.bound())?);
        } else {
            json::null(&mut out);
        }
        if let Some(total) = total {
            out.put_slice(b",\"total\":");
            json::int(&mut out, total.min(i64::from(COUNTED)));
            if total > i64::from(COUNTED) {
                out.put_slice(b",\"at_least\":true");
            }
        }
        out.put_u8(b'}');
        Ok(out.freeze())
    }
}
