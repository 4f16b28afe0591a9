//! Reading the steps of `expand=`, one statement after the other, and writing records with what they lead to.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use mains_base::{Caller, Error, Kind, Result, Time, Uuid, Value};

use super::plan::{Expansion, Fetch, StepPlan, WayOn};
use crate::engine::{ReadQuery, Reading, Route, RowStream, View};
use crate::records::draft::Layout;
use crate::records::json;
use crate::records::refusal::EXPAND_SIZE;
use crate::records::shelf::{Held, Lead, Shelf};
use crate::sql::Environment;

/// Records that one answer may read besides its own.
const MOST_RECORDS: usize = 10_000;
/// Bytes of an answer with expanded records.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Who asks, and what may still be read.
pub(in crate::records) struct Budget<'c> {
    caller: &'c Caller,
    now: Time,
    records: usize,
}

/// The records of one step.
struct Branch<'p> {
    step: &'p StepPlan,
    shelf: Shelf,
    /// By the record's own id where the step leads to one, by that of the record before where to many.
    places: HashMap<Uuid, Vec<usize>>,
    branches: Vec<Branch<'p>>,
}

impl<'c> Budget<'c> {
    /// For one answer.
    pub(in crate::records) fn new(caller: &'c Caller, now: Time) -> Self {
        Self { caller, now, records: MOST_RECORDS }
    }
}

/// The rows of one step.
#[derive(Default)]
struct Found {
    records: Vec<Held>,
    places: HashMap<Uuid, Vec<usize>>,
}

impl Found {
    fn read(
        layout: &Layout,
        rows: &mut dyn RowStream,
        (parent, way, room): (usize, WayOn, usize),
    ) -> Result<Self> {
        let mut found = Self::default();
        while let Some(row) = rows.next()? {
            let places = found.places.entry(row.id(parent)?.unwrap_or(Uuid::NIL)).or_default();
            if let WayOn::Many(most) = way
                && places.len() >= most
            {
                continue;
            }
            if found.records.len() >= room {
                return Err(too_much());
            }
            places.push(found.records.len());
            found.records.push(Held::read(layout, row)?);
        }
        Ok(found)
    }
}

/// Writes records with what they lead to, with commas between them.
pub(in crate::records) fn expanded(
    out: &mut BytesMut,
    view: &View<'_>,
    expansion: Option<&Expansion>,
    shelf: &Shelf,
    mut budget: Budget<'_>,
) -> Result<()> {
    let steps = expansion.map_or(&[][..], |expansion| &expansion.steps);
    let branches = branches(view, steps, shelf, &mut budget)?;
    for (place, held) in shelf.records.iter().enumerate() {
        if place > 0 {
            out.put_u8(b',');
        }
        write(out, held, &branches)?;
    }
    Ok(())
}

fn branches<'p>(
    view: &View<'_>,
    steps: &'p [StepPlan],
    before: &Shelf,
    budget: &mut Budget<'_>,
) -> Result<Vec<Branch<'p>>> {
    let mut found = Vec::with_capacity(steps.len());
    for (place, step) in steps.iter().enumerate() {
        let leads = before.records.iter().filter_map(|held| match held.leads.get(place)? {
            Lead::To(id) => Some(*id),
            Lead::Open => Some(held.id),
            Lead::Closed => None,
        });
        let mut known = HashSet::new();
        let ids: Vec<Value> = leads.filter(|id| known.insert(*id)).map(Value::Id).collect();
        let mut branch =
            Branch { step, shelf: Shelf::default(), places: HashMap::new(), branches: Vec::new() };
        if let Some(fetch) = step.fetch.as_ref().filter(|_| !ids.is_empty()) {
            branch.read(view, fetch, ids, budget)?;
            branch.branches = branches(view, &step.steps, &branch.shelf, budget)?;
        }
        found.push(branch);
    }
    Ok(found)
}

impl Branch<'_> {
    fn read(
        &mut self,
        view: &View<'_>,
        fetch: &Fetch,
        ids: Vec<Value>,
        budget: &mut Budget<'_>,
    ) -> Result<()> {
        let environment = Environment { caller: budget.caller, now: budget.now };
        let parameters = fetch.statement.parameters(&environment, &[Value::List(ids)])?;
        let query = ReadQuery { text: Arc::clone(&fetch.statement.text), parameters, route: Route::Pool };
        let (layout, parent, way) = (Arc::clone(&fetch.layout), fetch.parent, self.step.way);
        let room = budget.records;
        let read = view.read(query, move |rows| Found::read(&layout, rows, (parent, way, room)));
        let Found { records, places } = View::run(read)?;
        budget.records -= records.len();
        self.shelf.records = records;
        self.places = places;
        self.shelf.fill(view, &fetch.layout)
    }

    fn of(&self, lead: Lead, held: &Held) -> impl Iterator<Item = &Held> {
        let by = match lead {
            Lead::To(id) => Some(id),
            Lead::Open => Some(held.id),
            Lead::Closed => None,
        };
        let places = by.and_then(|by| self.places.get(&by));
        places.into_iter().flatten().filter_map(|place| self.shelf.records.get(*place))
    }
}

/// Writes one record, `"expand"` last.
fn write(out: &mut BytesMut, held: &Held, branches: &[Branch<'_>]) -> Result<()> {
    if out.len() > MOST_BYTES {
        return Err(too_much());
    }
    let Some((_, open)) = held.json.split_last().filter(|_| !branches.is_empty()) else {
        out.put_slice(&held.json);
        return Ok(());
    };
    out.put_slice(open);
    out.put_slice(b",\"expand\":{");
    for (place, branch) in branches.iter().enumerate() {
        // The comma of the first is left out.
        out.put_slice(branch.step.key.get(usize::from(place == 0)..).unwrap_or_default());
        let lead = held.leads.get(place).copied().unwrap_or(Lead::Closed);
        let mut records = branch.of(lead, held);
        match branch.step.way {
            WayOn::One => match records.next() {
                Some(record) => write(out, record, &branch.branches)?,
                None => json::null(out),
            },
            WayOn::Many(_) => {
                out.put_u8(b'[');
                for (place, record) in records.enumerate() {
                    if place > 0 {
                        out.put_u8(b',');
                    }
                    write(out, record, &branch.branches)?;
                }
                out.put_u8(b']');
            }
        }
    }
    out.put_slice(b"}}");
    Ok(())
}

fn too_much() -> Error {
    let detail = format!(
        "This expands to more than {MOST_RECORDS} records or {} MB; ask for fewer records, or smaller limits in expand.",
        MOST_BYTES / 1024 / 1024
    );
    Error::new(Kind::Invalid, EXPAND_SIZE, detail)
}
