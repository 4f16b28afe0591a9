//! `Db`: an open database with the schema it serves, and the one way to write.
//!
//! Invariant: a closure that is run again is given the same ids, tokens and time, in the same order.

use std::any::Any;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use mains_base::{Clock, Error, Kind, Result};
use mains_language::schema::Schema;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::Epoch;
use crate::dialect::Dialect;
use crate::engine::{Engine, EngineSettings, Job, Lane, busy, is_outcome_unknown, unavailable};
use crate::jobs::Seal;
use crate::notice::{Done, Listeners, Notice, Untold};
use crate::schema::standing::{self, Look};
use crate::write::{Numbers, Order, Run, Tx, Within, block_job};

/// How often one write is looked at again before its failure stands.
const RUNS: usize = 4;
/// Between two looks at the schema that nobody told to have changed.
const BEAT: Duration = Duration::from_secs(10);
/// After a look that failed.
const PAUSE: Duration = Duration::from_secs(1);

/// An open database. Clones share it.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    clock: Arc<dyn Clock>,
    epoch: RwLock<Arc<Epoch>>,
    numbers: Arc<Numbers>,
    order: Order,
    seal: OnceLock<Arc<Seal>>,
    /// Rises when a job was enqueued here.
    enqueued: watch::Sender<u64>,
    listeners: Arc<Listeners>,
    within: RwLock<Arc<Vec<Within>>>,
    look: Look,
}

impl Db {
    /// Opens the database with an empty schema; [`Db::install`] gives it the one to serve.
    pub async fn open(settings: &EngineSettings, clock: Arc<dyn Clock>) -> Result<Self> {
        let engine = Engine::open(settings, Arc::clone(&clock)).await?;
        Ok(Self::over(engine, clock))
    }

    /// Serves from an engine that is already open.
    pub fn over(engine: Engine, clock: Arc<dyn Clock>) -> Self {
        let epoch = RwLock::new(Arc::new(Epoch::new(0, Arc::default(), engine.dialect())));
        let inner = Inner {
            engine,
            clock,
            epoch,
            numbers: Arc::default(),
            order: Order::default(),
            seal: OnceLock::new(),
            enqueued: watch::Sender::new(0),
            listeners: Arc::default(),
            within: RwLock::default(),
            look: Look::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The schema as it is served now. Hold it for a whole request.
    pub fn epoch(&self) -> Arc<Epoch> {
        Arc::clone(&self.inner.epoch.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Serves another schema from now on, which the database must already hold; what runs keeps its own.
    pub fn install(&self, schema: Arc<Schema>) {
        let collections = schema.collections.iter().filter(|collection| !collection.is_table());
        self.inner.engine.protect(collections.map(|collection| collection.name.clone()).collect());
        let mut epoch = self.inner.epoch.write().unwrap_or_else(PoisonError::into_inner);
        *epoch = Arc::new(Epoch::new(epoch.number + 1, schema, self.inner.engine.dialect()));
        self.inner.look.found(true);
    }

    /// The database no longer holds what is served here: another node has changed the schema. Nothing may be answered
    /// from it; whoever runs this process starts it with the site as it is now.
    pub fn is_outdated(&self) -> bool {
        self.inner.look.is_outdated()
    }

    /// 503 `schema.changed` where it is outdated.
    pub fn check_current(&self) -> Result<()> {
        if self.is_outdated() { Err(standing::changed()) } else { Ok(()) }
    }

    /// Looks whether the database still holds what is served, whenever another node has changed the schema, and every
    /// few seconds in case nobody told. Ends with `stop`, and at once where there are no other nodes.
    pub async fn watch_schema(&self, stop: impl Future<Output = ()>) {
        if self.inner.engine.dialect() == Dialect::Sqlite {
            return;
        }
        let watching = async {
            let mut altered = self.inner.engine.altered();
            loop {
                // Closed is the engine: the look says so.
                drop(timeout(BEAT, altered.changed()).await);
                if let Err(error) = self.look_again().await {
                    tracing::debug!(?error, "the schema could not be looked at");
                    sleep(PAUSE).await;
                }
            }
        };
        tokio::select! {
            () = stop => {}
            () = watching => {}
        }
    }

    /// Judges anew where the schema is another than it was.
    async fn look_again(&self) -> Result<()> {
        let epoch = self.epoch();
        let known = epoch.standing.mark();
        if known == standing::mark(&self.inner.engine).await? {
            return Ok(());
        }
        epoch.standing.doubt(known);
        match self.recognize(&epoch).await {
            Err(error) if !standing::is_changed(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Writes are for a schema that the database holds; 503 `schema.changed` where it holds another.
    async fn recognize(&self, epoch: &Arc<Epoch>) -> Result<()> {
        if let Some(known) = epoch.standing.known() {
            return known;
        }
        let (engine, look) = (&self.inner.engine, &self.inner.look);
        let Some(_turn) = look.turn().await else {
            return epoch.standing.known().unwrap_or_else(|| Err(busy()));
        };
        let found = standing::judge(engine, &epoch.schema).await?;
        let fits = epoch.standing.keep(&found);
        let current = self.inner.epoch.read().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current, epoch) {
            look.found(fits.is_ok());
        }
        fits
    }

    /// The engine below.
    pub fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// The clock that everything here is told the time by.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// Seals the secrets of jobs with this key, which is the same over restarts and on every node. Said once, at the
    /// start; a later key changes nothing.
    pub fn seal_with(&self, key: &[u8; 32]) {
        // Somebody was first: the key of a database is one.
        drop(self.inner.seal.set(Arc::new(Seal::new(key))));
    }

    /// What seals the secrets of jobs.
    pub(crate) fn seal(&self) -> Result<&Arc<Seal>> {
        self.inner.seal.get().ok_or_else(|| Error::internal("no key seals the secrets of jobs"))
    }

    /// Rises after each commit of this process that has jobs in it.
    pub fn jobs_enqueued(&self) -> watch::Receiver<u64> {
        self.inner.enqueued.subscribe()
    }

    /// What apps do from now on in the transaction of others' changes, in this order.
    pub fn within(&self, effects: Vec<Within>) {
        *self.inner.within.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(effects);
    }

    /// Calls `listener` with each notice that a write leaves ([`Tx::notify`]). It must be quick: the answer waits for it.
    pub fn listen(&self, listener: impl Fn(&Notice) + Send + Sync + 'static) {
        self.inner.listeners.add(listener);
    }

    /// Runs one durable transaction: answers after its commit. The closure may be run again, from its beginning, so
    /// it draws ids and time through [`Tx`] and touches nothing else. `lanes` name rows known to be hot.
    pub async fn write<T, F>(&self, lanes: &[Lane], body: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + Sync + 'static,
    {
        self.submit(lanes, body, false).await
    }

    /// [`Db::write`] for bulk work (up to 1,000 rows), which small writes should not wait for.
    pub async fn write_alone<T, F>(&self, lanes: &[Lane], body: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + Sync + 'static,
    {
        self.submit(lanes, body, true).await
    }

    async fn submit<T, F>(&self, lanes: &[Lane], body: F, alone: bool) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + Sync + 'static,
    {
        let (inner, epoch) = (&self.inner, self.epoch());
        self.recognize(&epoch).await?;
        let run = Run::new(epoch, inner.clock.now(), (Arc::clone(&inner.numbers), &inner.order))?;
        let within = Arc::clone(&inner.within.read().unwrap_or_else(PoisonError::into_inner));
        let run = Arc::new(run.sealing(inner.seal.get().cloned()).telling(within));
        let outcome = self
            .repeated(lanes, &run, (job(Arc::clone(&run), Arc::clone(&inner.listeners), body), alone))
            .await;
        if run.has_jobs() {
            inner.enqueued.send_modify(|count| *count += 1);
            inner.engine.tell_jobs();
        }
        outcome
    }

    async fn repeated<T: 'static>(
        &self,
        lanes: &[Lane],
        run: &Arc<Run>,
        (job, alone): (Job, bool),
    ) -> Result<T> {
        for _ in 1..RUNS {
            let mark = run.epoch.standing.mark();
            let outcome = self.told(lanes, Arc::clone(&job), alone).await;
            // What nobody expected may be a column or a constraint that this schema does not know.
            let is_strange = outcome.as_ref().is_err_and(|error| error.kind() == Kind::Internal);
            if outcome.as_ref().is_err_and(standing::is_changed) || (is_strange && self.has_moved(mark).await)
            {
                run.epoch.standing.doubt(mark);
                self.recognize(&run.epoch).await?;
                continue;
            }
            // What may be stored is not run again, whatever it met on its way.
            let failed = outcome.as_ref().is_err_and(|error| !is_outcome_unknown(error));
            if !(failed && self.prepare_again(run).await?) {
                return outcome;
            }
        }
        self.told(lanes, job, alone).await
    }

    /// Whether another process has changed the schema since it had this mark.
    async fn has_moved(&self, mark: i64) -> bool {
        let engine = &self.inner.engine;
        engine.dialect() == Dialect::Postgres && standing::mark(engine).await.is_ok_and(|now| now != mark)
    }

    async fn told<T: 'static>(&self, lanes: &[Lane], job: Job, alone: bool) -> Result<T> {
        let Done { answer, notices } = self.once(lanes, job, alone).await?;
        drop(notices);
        Ok(answer)
    }

    async fn once<T: 'static>(&self, lanes: &[Lane], job: Job, alone: bool) -> Result<T> {
        let engine = &self.inner.engine;
        let answer = if alone { engine.run_alone(lanes, job).await } else { engine.run(lanes, job).await }?;
        answer.downcast().map(|answer| *answer).map_err(|_| Error::internal("a write gave another type"))
    }

    /// Whether a failed run asked to be run again, having drawn the numbers that it lacked.
    async fn prepare_again(&self, run: &Arc<Run>) -> Result<bool> {
        let lacking = run.take_lacking();
        if lacking.is_empty() {
            return Ok(run.may_end_better());
        }
        for counter in lacking {
            let drawn = self.once(&[], block_job(counter.clone()), false).await;
            // Numbers that may be drawn are a gap; of the write itself it is known that nothing is stored.
            let first =
                drawn.map_err(|error| if is_outcome_unknown(&error) { unavailable(error) } else { error })?;
            self.inner.numbers.add_block(&counter, first);
        }
        Ok(true)
    }
}

fn job<T, F>(run: Arc<Run>, listeners: Arc<Listeners>, body: F) -> Job
where
    T: Send + 'static,
    F: Fn(&mut Tx<'_>) -> Result<T> + Send + Sync + 'static,
{
    Arc::new(move |statements| {
        run.begin();
        let mut tx = Tx::begin(statements, Arc::clone(&run));
        let answer = body(&mut tx)?;
        tx.finish()?;
        let notices = Untold::new(tx.take_notices(), Arc::clone(&listeners));
        Ok(Box::new(Done { answer, notices }) as Box<dyn Any + Send>)
    })
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Db").finish_non_exhaustive()
    }
}
