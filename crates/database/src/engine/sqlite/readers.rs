//! Reading connections: one per async worker for small reads, and a bounded pool of threads for the rest.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::JoinHandle;

use mains_base::{Clock, Kind, Result};
use rusqlite::Connection;

use super::connection::{Budget, Opener};
use super::statements::SqliteStatements;
use super::values::{meaning, prepare};
use crate::engine::read::{ReadQuery, RowStream};
use crate::engine::settings::EngineSettings;
use crate::engine::view::{View, Visits};
use crate::engine::{RowView, Statements, failure};

const SLOTS: usize = 64;
/// A snapshot holds several statements, so it may take this many times a statement's budget.
const SNAPSHOT: u64 = 4;

thread_local! {
    /// Which slot this thread looks at first.
    static PLACE: Cell<usize> = Cell::new(NEXT_PLACE.fetch_add(1, Ordering::Relaxed));
}
static NEXT_PLACE: AtomicUsize = AtomicUsize::new(0);

type Work = Box<dyn FnOnce(&mut Reader) + Send>;

/// All reading connections of an engine.
pub(super) struct Readers {
    opener: Opener,
    slots: Box<[Mutex<Option<Reader>>]>,
    pool: Mutex<Option<SyncSender<Work>>>,
    inline_steps: u64,
    pool_steps: u64,
}

/// One reading connection.
pub(super) struct Reader {
    connection: Connection,
    budget: Arc<Budget>,
}

impl Readers {
    /// The readers and the threads of the pool.
    pub(super) fn open(opener: Opener, settings: &EngineSettings) -> Result<(Self, Vec<JoinHandle<()>>)> {
        let (sender, receiver) = sync_channel::<Work>(settings.pool_queue);
        let receiver = Arc::new(Mutex::new(receiver));
        let mut threads = Vec::new();
        for number in 0..settings.pool_readers.max(1) {
            let reader = Reader::open(&opener)?;
            let receiver = Arc::clone(&receiver);
            let thread = std::thread::Builder::new().name(format!("mains-read-{number}"));
            threads.push(thread.spawn(move || serve(reader, &receiver))?);
        }
        let readers = Self {
            opener,
            slots: (0..SLOTS).map(|_| Mutex::new(None)).collect(),
            pool: Mutex::new(Some(sender)),
            inline_steps: settings.inline_steps,
            pool_steps: settings.pool_steps,
        };
        Ok((readers, threads))
    }

    /// Runs a small read here and now. `None` when it overran its budget or no connection is free: the pool then.
    pub(super) fn inline<T>(
        &self,
        query: &ReadQuery,
        visit: impl FnOnce(&mut dyn RowStream) -> Result<T>,
    ) -> Option<Result<T>> {
        self.at_once(|reader| reader.read(query, self.inline_steps, visit))
    }

    /// Runs several small reads here and now, all of one state. `None` like [`Readers::inline`].
    pub(super) fn inline_view<T>(
        &self,
        clock: &Arc<dyn Clock>,
        body: impl FnOnce(&View<'_>) -> Result<T>,
    ) -> Option<Result<T>> {
        self.at_once(|reader| reader.view(self.inline_steps, clock, body))
    }

    fn at_once<T>(&self, work: impl FnOnce(&mut Reader) -> Result<T>) -> Option<Result<T>> {
        let mut slot = self.slot()?;
        if slot.is_none() {
            match Reader::open(&self.opener) {
                Ok(reader) => *slot = Some(reader),
                Err(error) => return Some(Err(error)),
            }
        }
        let reader = slot.as_mut()?;
        let outcome = work(reader);
        if reader.budget.is_spent() {
            return None;
        }
        if outcome.as_ref().is_err_and(|error| error.kind() == Kind::Unavailable) {
            *slot = None;
        }
        Some(outcome)
    }

    fn slot(&self) -> Option<MutexGuard<'_, Option<Reader>>> {
        let first = PLACE.with(Cell::get);
        (0..SLOTS).find_map(|offset| {
            let place = self.slots.get((first + offset) % SLOTS)?;
            match place.try_lock() {
                Ok(slot) => Some(slot),
                // Whatever panicked may have left a transaction open.
                Err(TryLockError::Poisoned(slot)) => {
                    let mut slot = slot.into_inner();
                    *slot = None;
                    place.clear_poison();
                    Some(slot)
                }
                Err(TryLockError::WouldBlock) => None,
            }
        })
    }

    /// Hands work to the pool.
    pub(super) fn pool(&self, work: Work) -> Result<()> {
        let pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = pool.as_ref() else { return Err(failure::unavailable("the database is closed")) };
        sender.try_send(work).map_err(|error| match error {
            TrySendError::Full(_) => failure::busy(),
            TrySendError::Disconnected(_) => failure::unavailable("the readers have ended"),
        })
    }

    /// One more connection, for who needs it for long.
    pub(super) fn another(&self) -> Result<Reader> {
        Reader::open(&self.opener)
    }

    /// What opens connections.
    pub(super) fn opener(&self) -> &Opener {
        &self.opener
    }

    /// Steps a read on the pool may take.
    pub(super) fn pool_steps(&self) -> u64 {
        self.pool_steps
    }

    /// Ends the pool and closes every connection.
    pub(super) fn close(&self) {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).take();
        for slot in &self.slots {
            slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }
}

fn serve(mut reader: Reader, receiver: &Mutex<Receiver<Work>>) {
    loop {
        let work = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(work) = work else { return };
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| work(&mut reader))) {
            tracing::error!(error = ?failure::panicked(&*payload), "a read panicked");
        }
    }
}

impl Reader {
    fn open(opener: &Opener) -> Result<Self> {
        let (connection, budget) = opener.reader()?;
        Ok(Self { connection, budget })
    }

    /// Runs one query within this many steps.
    pub(super) fn read<T>(
        &mut self,
        query: &ReadQuery,
        steps: u64,
        visit: impl FnOnce(&mut dyn RowStream) -> Result<T>,
    ) -> Result<T> {
        self.budget.fill(steps);
        let mut statement = prepare(&self.connection, &query.text, &query.parameters)
            .map_err(|cause| meaning(cause, None))?;
        let outcome = visit(&mut Stream { rows: statement.raw_query() });
        if self.budget.is_spent() { Err(failure::needs_index()) } else { outcome }
    }

    /// Runs several queries that see one state.
    pub(super) fn snapshot<T>(
        &mut self,
        steps: u64,
        body: impl FnOnce(&mut dyn Statements) -> Result<T>,
    ) -> Result<T> {
        self.held(steps, |reader| body(&mut SqliteStatements::new(&reader.connection)))
    }

    /// The same, with rows streamed.
    pub(super) fn view<T>(
        &mut self,
        steps: u64,
        clock: &Arc<dyn Clock>,
        body: impl FnOnce(&View<'_>) -> Result<T>,
    ) -> Result<T> {
        self.held(steps, |reader| body(&View::new(reader, clock)))
    }

    /// Holds one state for `body`. A spent budget stays spent, for whoever runs it again elsewhere.
    fn held<T>(&mut self, steps: u64, body: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.budget.fill(steps.saturating_mul(SNAPSHOT));
        if !self.connection.is_autocommit() {
            self.command("ROLLBACK")?;
        }
        self.command("BEGIN")?;
        let outcome = body(self);
        let spent = self.budget.is_spent();
        self.budget.fill(steps);
        self.command("ROLLBACK")?;
        if spent {
            self.budget.empty();
            return Err(failure::needs_index());
        }
        outcome
    }

    fn command(&self, sql: &str) -> Result<()> {
        let ran = self.connection.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
        ran.map(drop).map_err(|cause| meaning(cause, None))
    }

    /// The lines of EXPLAIN QUERY PLAN.
    pub(super) fn explain(&mut self, sql: &str) -> Result<Vec<String>> {
        self.budget.fill(u64::from(u32::MAX));
        let sql = format!("EXPLAIN QUERY PLAN {}", crate::engine::text::for_sqlite(sql));
        let lines = self.connection.prepare(&sql).and_then(|mut statement| {
            let mut rows = statement.raw_query();
            let mut lines = Vec::new();
            while let Some(row) = rows.next()? {
                lines.push(row.get(3)?);
            }
            Ok(lines)
        });
        lines.map_err(|cause| meaning(cause, None))
    }
}

impl Visits for Reader {
    fn visit(
        &mut self,
        query: &ReadQuery,
        visit: &mut dyn FnMut(&mut dyn RowStream) -> Result<()>,
    ) -> Result<()> {
        let mut statement = prepare(&self.connection, &query.text, &query.parameters)
            .map_err(|cause| meaning(cause, None))?;
        visit(&mut Stream { rows: statement.raw_query() })
    }
}

struct Stream<'s> {
    rows: rusqlite::Rows<'s>,
}

impl RowStream for Stream<'_> {
    fn next(&mut self) -> Result<Option<&dyn RowView>> {
        match self.rows.next() {
            Ok(row) => Ok(row.map(|row| row as &dyn RowView)),
            Err(cause) if cause.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted) => {
                Err(failure::needs_index())
            }
            Err(cause) => Err(meaning(cause, None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Route;

    #[test]
    fn a_read_that_panics_leaves_its_place_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mains.db");
        let settings = EngineSettings::sqlite(&path);
        let opener = Opener::new(&path, &settings);
        let _writer = opener.writer().unwrap();
        let (readers, threads) = Readers::open(opener, &settings).unwrap();
        let query = ReadQuery { text: "SELECT 7".into(), parameters: Vec::new(), route: Route::Inline };
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            readers.inline(&query, |_| -> Result<i64> { panic!("on purpose") });
        }));
        assert!(panicked.is_err());
        let read = readers.inline(&query, |rows| rows.next()?.unwrap().int(0)).unwrap();
        assert_eq!(read.unwrap(), Some(7));
        assert!(!readers.slots.iter().any(Mutex::is_poisoned));
        readers.close();
        for thread in threads {
            thread.join().unwrap();
        }
    }
}
