//! Lists that take several statements, for what they expand to or the lists of their records: all of one state.

use std::sync::Arc;

use mains_base::{Caller, Result, Time};

use super::expand::{Budget, Expansion, expanded};
use super::list::{Asking, ListPlan, OPENING};
use super::page::Part;
use super::refusal::advised;
use super::shelf::Shelf;
use crate::engine::{ReadQuery, Reading, View};
use crate::sql::Environment;

/// A list that is ready to be read with all that belongs to it.
pub(super) struct ReadyList {
    plan: Arc<ListPlan>,
    queries: Vec<ReadQuery>,
    total: Option<ReadQuery>,
    expansion: Option<Arc<Expansion>>,
    caller: Caller,
    page: usize,
    /// Whether it begins with the first record.
    is_first: bool,
    now: Time,
}

/// A page that was read with all that belongs to it.
pub(super) struct ReadList {
    pub(super) page: Part,
    pub(super) total: Option<i64>,
}

impl ReadyList {
    /// Reads the page and all that belongs to it.
    pub(super) fn run(&self, view: &View<'_>) -> Result<ReadList> {
        self.read(view).map_err(|error| advised(error, &self.plan.name, &self.plan.advice))
    }

    fn read(&self, view: &View<'_>) -> Result<ReadList> {
        let mut shelf = Shelf::default();
        for (query, (_, layout)) in self.queries.iter().zip(&self.plan.segments) {
            let (layout, room) = (Arc::clone(layout), self.page - shelf.records.len());
            let part = view.read(query.clone(), move |rows| Shelf::read(&layout, rows, room));
            shelf.add(View::run(part)?);
            if shelf.more {
                break;
            }
        }
        let mut page = Part::none(OPENING);
        if let Some((_, layout)) = self.plan.segments.first() {
            shelf.fill(view, layout)?;
        }
        let budget = Budget::new(&self.caller, self.now);
        expanded(&mut page.bytes, view, self.expansion.as_deref(), &shelf, budget)?;
        (page.more, page.last) = (shelf.more, shelf.last);
        if self.is_first && !page.more && self.total.is_some() {
            // What is all here is counted already.
            let total = i64::try_from(shelf.records.len()).ok();
            return Ok(ReadList { page, total });
        }
        let total = self.total.clone().map(|query| {
            let count = view.read(query, |rows| rows.next()?.map_or(Ok(None), |row| row.int(0)));
            View::run(count)
        });
        Ok(ReadList { page, total: total.transpose()?.flatten() })
    }
}

impl<R: Reading> Asking<'_, R> {
    /// What is to be read for it, all of one state.
    pub(super) fn ready(&self, plan: Arc<ListPlan>) -> Result<ReadyList> {
        let (slots, environment) = (self.slots(&plan)?, Environment { caller: self.caller, now: self.now });
        let queries = plan.segments.iter().map(|(planned, _)| planned.query(&environment, &slots));
        let queries = queries.collect::<Result<_>>()?;
        let total = plan.total.as_ref().map(|planned| planned.query(&environment, &slots)).transpose()?;
        Ok(ReadyList {
            plan,
            queries,
            total,
            expansion: self.expansion.clone(),
            caller: self.caller.clone(),
            page: usize::try_from(self.page).unwrap_or(0),
            is_first: self.is_first(),
            now: self.now,
        })
    }
}
