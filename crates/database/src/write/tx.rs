//! The surface of a transaction: what is drawn through it, and statements that need no choke point.

use std::sync::{Arc, LazyLock};

use mains_base::{Caller, Error, Result, Time, Uuid, Value};
use mains_language::schema::{Collection, CollectionId, Schema};

use super::kept::{self, Records};
use super::layout::{Layout, Layouts};
use super::run::Places;
use super::settle::{self, Waiting};
use super::{Run, change, guard, within};
use crate::Epoch;
use crate::engine::{Rows, Statements};
use crate::jobs::Seal;
use crate::notice::Notice;

/// Whom every transaction begins with.
static SYSTEM: LazyLock<Arc<Caller>> = LazyLock::new(|| Arc::new(Caller::system()));

/// One open transaction: the only way to change a collection's rows.
pub struct Tx<'s> {
    pub(super) statements: &'s mut dyn Statements,
    pub(super) state: State,
}

/// All that a transaction knows besides the database.
pub(super) struct State {
    pub(super) run: Arc<Run>,
    pub(super) layouts: Arc<Layouts>,
    pub(super) caller: Arc<Caller>,
    pub(super) request: Option<Arc<str>>,
    pub(super) kept: Records,
    /// Changes that are not stored yet, in order. None is, where a savepoint begins.
    pub(super) waiting: Vec<Waiting>,
    pub(super) looks_first: bool,
    pub(super) places: Places,
    pub(super) notices: Vec<Notice>,
}

/// What a savepoint that fails goes back to.
struct Mark {
    caller: Arc<Caller>,
    request: Option<Arc<str>>,
    kept: kept::Mark,
    looks_first: bool,
    notices: usize,
}

impl State {
    /// Remembers this moment. What is drawn stays drawn.
    fn mark(&mut self) -> Mark {
        Mark {
            caller: Arc::clone(&self.caller),
            request: self.request.clone(),
            kept: self.kept.mark(),
            looks_first: self.looks_first,
            notices: self.notices.len(),
        }
    }

    /// Leaves a savepoint: what came since the moment stays, or goes.
    fn leave(&mut self, mark: Mark, stays: bool) {
        self.looks_first = mark.looks_first;
        self.kept.leave(&mark.kept, stays);
        if !stays {
            self.waiting.clear();
            self.caller = mark.caller;
            self.request = mark.request;
            self.notices.truncate(mark.notices);
        }
    }

    /// The same transaction without anything that it did.
    fn hollow(&self) -> Self {
        Self {
            run: Arc::clone(&self.run),
            layouts: Arc::clone(&self.layouts),
            caller: Arc::clone(&self.caller),
            request: None,
            kept: Records::default(),
            waiting: Vec::new(),
            looks_first: self.looks_first,
            places: self.places,
            notices: Vec::new(),
        }
    }
}

impl<'s> Tx<'s> {
    /// A transaction over open statements. It acts as Mains itself until [`Tx::act_as`] says another caller.
    pub(crate) fn begin(statements: &'s mut dyn Statements, run: Arc<Run>) -> Self {
        let state = State {
            layouts: run.epoch.part(),
            caller: Arc::clone(&SYSTEM),
            request: None,
            kept: Records::default(),
            waiting: Vec::new(),
            looks_first: run.looks_first(),
            places: Places::default(),
            notices: Vec::new(),
            run,
        };
        Self { statements, state }
    }

    /// Writes what is still owed: the log rows. Called once, before the commit.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.settle()?;
        within::run(self)?;
        change::write(self)
    }

    /// The schema that this transaction serves.
    pub fn epoch(&self) -> &Arc<Epoch> {
        &self.state.run.epoch
    }

    /// What is declared.
    pub fn schema(&self) -> Arc<Schema> {
        Arc::clone(&self.state.run.epoch.schema)
    }

    /// One timestamp for the whole transaction, the same in every run.
    pub fn now(&self) -> Time {
        self.state.run.now
    }

    /// A new id for a record of `collection`: random where the collection says so, else in order of time.
    pub fn id(&mut self, collection: CollectionId) -> Result<Uuid> {
        let random = self.epoch().schema.collection(collection).random_ids;
        self.state.run.id(&mut self.state.places, random)
    }

    /// 32 random bytes for a secret.
    pub fn token(&mut self) -> Result<[u8; 32]> {
        self.state.run.token(&mut self.state.places)
    }

    /// What seals the secrets of jobs.
    pub(crate) fn seal(&self) -> Result<Arc<Seal>> {
        let seal = self.state.run.seal.clone();
        seal.ok_or_else(|| Error::internal("no key seals the secrets of jobs"))
    }

    /// Has jobs looked for once this is committed.
    pub(crate) fn wake_jobs(&self) {
        self.state.run.wake_jobs();
    }

    /// Whom changes from here on are made for: `auth` in expressions, the actor in the log.
    pub fn act_as(&mut self, caller: &Caller) {
        if !std::ptr::eq(Arc::as_ptr(&self.state.caller), caller) && *self.state.caller != *caller {
            self.state.caller = Arc::new(caller.clone());
        }
    }

    /// [`Tx::act_as`] without a copy of the caller.
    pub fn act_for(&mut self, caller: &Arc<Caller>) {
        self.state.caller = Arc::clone(caller);
    }

    /// Whom changes are made for.
    pub fn caller(&self) -> &Arc<Caller> {
        &self.state.caller
    }

    /// The request that caused this, for the log.
    pub fn name_request(&mut self, request: &str) {
        self.state.request = Some(request.into());
    }

    /// Has others in this process hear of this write once it is committed.
    pub fn notify(&mut self, notice: Notice) {
        self.state.notices.push(notice);
    }

    /// What is to be told.
    pub(crate) fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.state.notices)
    }

    /// Any query: joins, sums, private tables.
    pub fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Rows> {
        guard::check(&self.epoch().schema, sql)?;
        self.ask_rows(sql, parameters)
    }

    /// The same of a text that is made here and reads alone.
    pub(super) fn ask_rows(&mut self, sql: &str, parameters: &[Value]) -> Result<Rows> {
        self.settle()?;
        self.statements.query(sql, parameters)
    }

    /// Queues a statement on a private table, which has no log.
    pub fn execute_later(&mut self, sql: &str, parameters: &[Value]) -> Result<()> {
        guard::check(&self.epoch().schema, sql)?;
        self.statements.execute_later(sql, parameters, None)
    }

    /// Sends what is queued, so that a broken constraint shows here.
    pub fn flush(&mut self) -> Result<()> {
        self.settle()?;
        self.statements.flush()
    }

    /// Asks the checks of what was changed so far, and stores it. Every question and every other write does so first.
    pub fn settle(&mut self) -> Result<()> {
        if self.state.waiting.is_empty() { Ok(()) } else { settle::run(self) }
    }

    /// Puts the name of an event on the log row of a record that this transaction holds.
    pub fn event(&mut self, collection: CollectionId, id: Uuid, name: &'static str) {
        let State { kept, caller, .. } = &mut self.state;
        kept.event((collection, id), name, caller);
    }

    /// Runs `body` so that its failure undoes what it did and the transaction lives on.
    pub fn savepoint<T>(&mut self, body: impl Fn(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        self.settle()?;
        let before = self.state.mark();
        // Somebody may live on with the failure, so it has to be the one that a look beforehand tells.
        self.state.looks_first = true;
        let mut done = None;
        let state = &mut self.state;
        let outcome = self.statements.savepoint(&mut |statements| {
            let hollow = state.hollow();
            let mut tx = Tx { statements, state: std::mem::replace(state, hollow) };
            let answer = body(&mut tx).and_then(|answer| {
                tx.settle()?;
                tx.statements.flush().map(|()| answer)
            });
            *state = tx.state;
            done = Some(answer?);
            Ok(())
        });
        self.state.leave(before, outcome.is_ok());
        outcome?;
        done.ok_or_else(|| Error::internal("a savepoint ended without an answer"))
    }

    /// The declaration and the layout of a collection, held apart from the transaction.
    pub(super) fn of(&self, collection: CollectionId) -> Result<Declared> {
        let declared = Declared {
            epoch: Arc::clone(self.epoch()),
            layouts: Arc::clone(&self.state.layouts),
            collection,
        };
        declared.layout()?;
        Ok(declared)
    }
}

/// A collection as declared and as stored.
#[derive(Clone)]
pub(super) struct Declared {
    pub(super) epoch: Arc<Epoch>,
    layouts: Arc<Layouts>,
    collection: CollectionId,
}

impl Declared {
    pub(super) fn collection(&self) -> &Collection {
        self.epoch.schema.collection(self.collection)
    }

    pub(super) fn layout(&self) -> Result<&Layout> {
        self.layouts.of(&self.epoch, self.collection)
    }
}
