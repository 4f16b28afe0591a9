//! SQLite: one writer thread with group commit, readers inline and in a pool, checkpoints on a thread of their own.

mod authorizer;
mod checkpoint;
mod connection;
mod group;
mod lone;
mod readers;
mod statements;
mod values;

use std::collections::HashSet;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use mains_base::{Clock, Error, Kind, Result};
use tokio::sync::oneshot;

use self::authorizer::Protected;
use self::checkpoint::Checkpoints;
use self::connection::Opener;
use self::group::Writer;
pub(crate) use self::lone::Lone;
use self::readers::{Reader, Readers};
use super::Statements;
use super::commits::Commits;
use super::queue::Queue;
use super::read::{ReadQuery, Route, RowStream};
use super::settings::EngineSettings;
use super::view::View;

/// The threads and connections of one file.
pub(super) struct Sqlite {
    queue: Arc<Queue>,
    readers: Readers,
    checkpoints: Arc<Checkpoints>,
    protected: Arc<Protected>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    lock: Mutex<Option<File>>,
}

impl Sqlite {
    pub(super) fn open(path: &Path, settings: &EngineSettings, commits: Arc<Commits>) -> Result<Self> {
        let lock = lock(path)?;
        let opener = Opener::new(path, settings);
        let checkpoints = Arc::new(Checkpoints::default());
        let queue = Arc::new(Queue::new(settings.queue));
        let protected = Arc::new(Protected::default());
        let mut writer = Writer {
            opener: opener.clone(),
            connection: None,
            authorizer: None,
            protected: Arc::clone(&protected),
            queue: Arc::clone(&queue),
            commits,
            checkpoints: Arc::clone(&checkpoints),
            cautious: 0,
        };
        writer.connected()?;
        writer.begin_log();
        let checkpointer = opener.writer()?;
        let (readers, mut threads) = Readers::open(opener, settings)?;
        threads.push(thread("mains-write", move || writer.work())?);
        let seen = Arc::clone(&checkpoints);
        threads.push(thread("mains-checkpoint", move || seen.work(&checkpointer))?);
        let (threads, lock) = (Mutex::new(threads), Mutex::new(Some(lock)));
        Ok(Self { queue, readers, checkpoints, protected, threads, lock })
    }

    pub(super) fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Lets only the choke point write to rows of these collections; debug builds see to it.
    pub(super) fn protect(&self, collections: HashSet<String>) {
        self.protected.set(collections);
    }

    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: ReadQuery,
        visit: impl Fn(&mut dyn RowStream) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if query.route == Route::Inline
            && let Some(outcome) = self.readers.inline(&query, &visit)
        {
            return outcome;
        }
        let steps = self.readers.pool_steps();
        self.on_pool(move |reader| reader.read(&query, steps, visit)).await
    }

    pub(super) async fn snapshot<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut dyn Statements) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let steps = self.readers.pool_steps();
        self.on_pool(move |reader| reader.snapshot(steps, body)).await
    }

    pub(super) async fn view<T: Send + 'static>(
        &self,
        clock: Arc<dyn Clock>,
        body: impl Fn(&View<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if let Some(outcome) = self.readers.inline_view(&clock, &body) {
            return outcome;
        }
        let steps = self.readers.pool_steps();
        self.on_pool(move |reader| reader.view(steps, &clock, body)).await
    }

    pub(super) async fn long_snapshot<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut dyn Statements) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let mut reader = self.readers.another()?;
        apart(move || reader.snapshot(u64::MAX, body)).await
    }

    /// Copies one state into a new file. The log grows meanwhile, because the copy holds its state.
    pub(super) async fn copy(&self, to: &Path) -> Result<()> {
        let (opener, to) = (self.readers.opener().clone(), to.to_owned());
        apart(move || opener.copy(&to)).await
    }

    pub(super) async fn explain(&self, sql: String) -> Result<Route> {
        let lines = self.on_pool(move |reader| reader.explain(&sql)).await?;
        let slow = lines.iter().any(|line| is_slow(line));
        Ok(if slow { Route::Pool } else { Route::Inline })
    }

    async fn on_pool<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Reader) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = oneshot::channel();
        let work = move |reader: &mut Reader| {
            if !sender.is_closed() {
                drop(sender.send(work(reader)));
            }
        };
        self.readers.pool(Box::new(work))?;
        receiver.await.unwrap_or_else(|_| Err(Error::internal("a read ended without an answer")))
    }

    /// Ends the threads once the queue is empty, and lets go of the file.
    pub(super) fn close(&self) {
        self.queue.close();
        self.readers.close();
        self.checkpoints.close();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            drop(thread.join());
        }
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Tells the threads to end, without waiting.
    pub(super) fn abandon(&self) {
        self.queue.close();
        self.readers.close();
        self.checkpoints.close();
    }
}

/// Runs long work on a thread of its own.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Error::internal(error)))
}

/// Whether a step of the plan may read a whole table or sort.
fn is_slow(line: &str) -> bool {
    let scan = line.starts_with("SCAN ")
        && !line.contains(" USING ")
        && !line.contains("VIRTUAL TABLE")
        && !line.contains("CONSTANT ROW");
    scan || line.contains("TEMP B-TREE") || line.contains("AUTOMATIC")
}

fn thread(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    Ok(std::thread::Builder::new().name(name.to_owned()).spawn(body)?)
}

/// One process owns the folder: the lock ends with the process, however it ends.
pub(crate) fn lock(path: &Path) -> Result<File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let file = File::options().create(true).truncate(false).write(true).open(folder.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Error::new(
            Kind::Unavailable,
            "database.locked",
            format!("Another process of Mains has {} open. Stop it first.", folder.display()),
        )),
        Err(std::fs::TryLockError::Error(cause)) => Err(Error::internal(cause)),
    }
}

#[cfg(test)]
mod interrupted;
