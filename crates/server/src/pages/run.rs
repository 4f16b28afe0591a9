//! The queries of a page, one after the other, in one state of the database and under the caller's rules.

use std::sync::Arc;

use bytes::Bytes;
use mains_base::{Caller, Error, Kind, Result};
use mains_database::Epoch;
use mains_database::engine::View;
use mains_database::records::{AggregateRequest, Cursors, Key, ListRequest, Shown, Source};
use mains_language::schema::Collection;

use super::front::{Query, What};
use super::here::Here;
use super::literal::{self, Filled};
use super::reader;
use super::set::{ACCOUNT, Need, Page, Set};
use super::slot::{Given, Sources, Text};
use crate::percent;

/// What a list gives that has nothing to look for.
const EMPTY: &[u8] = b"{\"items\":[],\"next\":null,\"total\":0}";

/// Answers of queries, by name.
pub(super) type Answers = Vec<(String, Option<Bytes>)>;

/// What the queries of one request need.
pub(super) struct Run {
    pub(super) set: Arc<Set>,
    pub(super) page: usize,
    pub(super) here: Arc<Here>,
    pub(super) cursors: Arc<Cursors>,
    /// Records of a list that does not say.
    pub(super) limit: u32,
}

impl Run {
    /// Whether there is anything to ask.
    pub(super) fn is_needed(&self) -> bool {
        self.page().is_some_and(|page| !page.front.queries.is_empty() || self.account(page))
    }

    fn page(&self) -> Option<&Page> {
        self.set.pages.get(self.page)
    }

    fn account(&self, page: &Page) -> bool {
        match page.account {
            _ if self.here.id.is_none() => false,
            Need::Nothing => false,
            Need::Reader => self
                .here
                .epoch
                .schema
                .find("accounts")
                .is_some_and(|accounts| reader::FIELDS.iter().any(|name| accounts.find(name).is_some())),
            Need::Fields => true,
        }
    }

    /// Runs them all.
    pub(super) fn run(&self, view: &View<'_>) -> Result<Answers> {
        let Some(page) = self.page() else { return Ok(Vec::new()) };
        let source = Source { engine: view, epoch: &self.here.epoch, cursors: &self.cursors };
        let now = self.here.now.to_string();
        let mut answers: Answers = Vec::with_capacity(page.front.queries.len() + 1);
        for query in &page.front.queries {
            let asking =
                Asking { source, here: &self.here, query, limit: self.limit, now: &now, earlier: &answers };
            let answer = asking.answer()?;
            answers.push((query.name.clone(), answer));
        }
        if self.account(page) {
            answers.push((ACCOUNT.to_owned(), own_account(&source, &self.here.caller)?));
        }
        Ok(answers)
    }
}

fn own_account(source: &Source<'_, View<'_>>, caller: &Caller) -> Result<Option<Bytes>> {
    let Some(accounts) = source.epoch.schema.find("accounts") else { return Ok(None) };
    let found = View::run(source.get(caller, accounts.id, &Key::Id(caller.id), None));
    absent(found.map(|found| found.body))
}

/// What is not there is no failure.
fn absent<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The collection that a query names.
pub(super) fn collection<'e>(epoch: &'e Epoch, query: &Query) -> Result<&'e Collection> {
    let found = epoch.schema.find(&query.collection).filter(|collection| !collection.is_table());
    found.ok_or_else(|| {
        Error::internal(format!("a page asks for a collection {:?} that is not there", query.collection))
    })
}

struct Asking<'a, 'v> {
    source: Source<'a, View<'v>>,
    here: &'a Here,
    query: &'a Query,
    limit: u32,
    now: &'a str,
    earlier: &'a [(String, Option<Bytes>)],
}

impl Asking<'_, '_> {
    fn sources(&self) -> Sources<'_> {
        Sources {
            path: &self.here.parameters,
            query: &self.here.query,
            caller: &self.here.caller,
            id: self.here.id.as_deref(),
            now: self.now,
            earlier: self.earlier,
        }
    }

    fn answer(&self) -> Result<Option<Bytes>> {
        match &self.query.what {
            What::Get(key) => {
                let found = absent(self.get(key))?.flatten();
                if found.is_none() && !self.query.optional { Err(Error::not_found()) } else { Ok(found) }
            }
            What::List => self.list().map(Some),
            What::Aggregate => self.aggregate().map(Some),
        }
    }

    fn get(&self, key: &Text) -> Result<Option<Bytes>> {
        let Given::Values(values) = key.given(&self.sources(), percent::encode) else { return Ok(None) };
        let Some(key) = values.first() else { return Ok(None) };
        let (caller, epoch) = (&self.here.caller, self.source.epoch);
        let of = collection(epoch, self.query)?.id;
        let key = match Key::parse(&epoch.schema, of, caller, key) {
            // A value that no such field can hold finds nothing.
            Err(error) if error.kind() == Kind::Malformed => return Ok(None),
            key => key?,
        };
        let shown = Shown { fields: self.query.fields.as_deref(), expand: self.query.expand.as_deref() };
        let found = View::run(self.source.get(caller, of, &key, shown))?;
        Ok(Some(found.body))
    }

    fn list(&self) -> Result<Bytes> {
        let Some(request) = self.request()? else { return Ok(Bytes::from_static(EMPTY)) };
        empty_if_closed(View::run(self.source.list(&self.here.caller, &request)))
    }

    /// What is asked of the list; nothing when it can hold nothing.
    fn request(&self) -> Result<Option<ListRequest>> {
        let (query, sources) = (self.query, self.sources());
        let mut request = ListRequest::of(collection(self.source.epoch, query)?.id);
        request.limit = Some(self.limit);
        request.fields.clone_from(&query.fields);
        request.expand.clone_from(&query.expand);
        request.total = query.total;
        let Some(wheres) = self.wheres(&sources) else { return Ok(None) };
        request.wheres = wheres;
        match literal::filter(&self.source, query, &sources)? {
            Filled::Whole(filter) => request.filter = Some(filter),
            Filled::Left => {}
            Filled::Nothing => return Ok(None),
        }
        request.sort = one(query.sort.as_ref(), &sources);
        request.cursor = one(query.cursor.as_ref(), &sources);
        request.limit = self.limited(&sources)?.or(request.limit);
        Ok(Some(request))
    }

    fn aggregate(&self) -> Result<Bytes> {
        let (query, sources) = (self.query, self.sources());
        let mut request = AggregateRequest::of(collection(self.source.epoch, query)?.id);
        let Some(wheres) = self.wheres(&sources) else { return Ok(Bytes::from_static(EMPTY)) };
        request.wheres = wheres;
        match literal::filter(&self.source, query, &sources)? {
            Filled::Whole(filter) => request.filter = Some(filter),
            Filled::Left => {}
            Filled::Nothing => return Ok(Bytes::from_static(EMPTY)),
        }
        request.group.clone_from(&query.totals.group);
        request.count = query.totals.count;
        request.sum.clone_from(&query.totals.sum);
        request.min.clone_from(&query.totals.min);
        request.max.clone_from(&query.totals.max);
        request.sort = one(query.sort.as_ref(), &sources);
        request.limit = self.limited(&sources)?;
        empty_if_closed(View::run(self.source.aggregate(&self.here.caller, &request)))
    }

    fn limited(&self, sources: &Sources<'_>) -> Result<Option<u32>> {
        let Some(limit) = one(self.query.limit.as_ref(), sources) else { return Ok(None) };
        let wrong = || Error::new(Kind::Malformed, "query.limit", "limit is a whole number from 1 to 500.");
        limit.parse().map(Some).map_err(|_| wrong())
    }

    /// The conditions with their values; nothing when they can hold for no record.
    fn wheres(&self, sources: &Sources<'_>) -> Option<Vec<(String, Vec<String>)>> {
        let mut wheres = Vec::with_capacity(self.query.wheres.len());
        for (path, texts) in &self.query.wheres {
            let mut values = Vec::new();
            let mut missing = false;
            for text in texts {
                match text.given(sources, str::to_owned) {
                    Given::Values(found) => values.extend(found),
                    Given::Left => {}
                    Given::Nothing => missing = true,
                }
            }
            if missing && values.is_empty() {
                return None;
            }
            if !values.is_empty() {
                wheres.push((path.clone(), values));
            }
        }
        Some(wheres)
    }
}

/// A list that nobody like this caller may read is empty, as the page of a visitor has it.
fn empty_if_closed(found: Result<Bytes>) -> Result<Bytes> {
    match found {
        Err(error) if error.kind() == Kind::NotFound => Ok(Bytes::from_static(EMPTY)),
        found => found,
    }
}

fn one(text: Option<&Text>, sources: &Sources<'_>) -> Option<String> {
    match text?.given(sources, str::to_owned) {
        Given::Values(mut values) if !values.is_empty() => Some(values.remove(0)),
        _ => None,
    }
}
