//! A database inside a test: SQLite in a temporary folder, or a fresh database of the PostgreSQL that
//! `MAINS_TEST_POSTGRES` names. Both are gone when the test ends.

use std::any::Any;
use std::future::Future;
use std::ops::Deref;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use mains_base::{ManualClock, Time};
use mains_database::dialect::Dialect;
use mains_database::engine::{Durability, Engine, EngineSettings};
use mains_database::schema;
use mains_language::schema::{Owner, Schema};
use mains_language::site::{File, Layer, load};

use crate::server::Database;

/// Where every test's clock stands at first: 2026-01-02T03:04:05Z.
pub const START: i64 = 1_767_323_045_000_000;

/// A place for a database, removed at the end.
pub enum Place {
    /// A folder.
    Sqlite(tempfile::TempDir),
    /// A database of a server.
    Postgres(Database),
}

impl Place {
    /// A fresh, empty place.
    ///
    /// # Panics
    /// Where the folder or the database cannot be made, with what is missing.
    #[expect(clippy::panic, clippy::expect_used, reason = "only tests run this, and they fail so")]
    pub async fn fresh(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Sqlite => Self::Sqlite(tempfile::tempdir().expect("a temporary folder")),
            Dialect::Postgres => match Database::create().await {
                Ok(database) => Self::Postgres(database),
                Err(sentence) => panic!("{sentence}"),
            },
        }
    }

    /// Settings of an engine for it: quick rather than proof against power cuts.
    pub fn settings(&self) -> EngineSettings {
        let settings = match self {
            Self::Sqlite(folder) => EngineSettings::sqlite(file(folder.path())),
            Self::Postgres(database) => EngineSettings::postgres(database.url()),
        };
        EngineSettings { durability: Durability::Normal, write_threads: 4, ..settings }
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join("mains.sqlite")
}

/// An open database with a schema.
pub struct TestDb {
    /// The engine. Closed when the test drops it.
    pub engine: Engine,
    /// What is declared.
    pub schema: Arc<Schema>,
    /// Stands still at [`START`] until the test moves it.
    pub clock: ManualClock,
    /// Where it is; last, so that it is removed after the engine is gone.
    pub place: Place,
}

impl TestDb {
    /// A fresh database with this schema.
    ///
    /// # Panics
    /// Where it cannot be opened or the schema is refused.
    pub async fn with_schema(dialect: Dialect, schema: Arc<Schema>) -> Self {
        let mut db = Self::empty(dialect).await;
        db.migrate(schema).await;
        db
    }

    /// A fresh database with Mains' own tables alone.
    ///
    /// # Panics
    /// Where it cannot be opened.
    #[expect(clippy::expect_used, reason = "only tests run this, and they fail so")]
    pub async fn empty(dialect: Dialect) -> Self {
        let place = Place::fresh(dialect).await;
        let clock = ManualClock::new(Time::from_micros(START));
        let engine =
            Engine::open(&place.settings(), Arc::new(clock.clone())).await.expect("the database opens");
        schema::bootstrap(&engine).await.expect("Mains' own tables are made");
        Self { engine, schema: Arc::default(), clock, place }
    }

    /// Plans and applies another schema.
    ///
    /// # Panics
    /// Where it is refused.
    #[expect(clippy::expect_used, reason = "only tests run this, and they fail so")]
    pub async fn migrate(&mut self, schema: Arc<Schema>) {
        let plan = schema::plan(&self.engine, &schema).await.expect("the schema is compared");
        schema::apply(&self.engine, &schema, &plan).await.expect("the schema is applied");
        self.schema = schema;
    }

    /// Closes the engine and opens the same place again, as a restart does.
    ///
    /// # Panics
    /// Where it cannot be opened.
    #[expect(clippy::expect_used, reason = "only tests run this, and they fail so")]
    pub async fn restart(&mut self) {
        self.engine.close().await;
        let clock = Arc::new(self.clock.clone());
        self.engine = Engine::open(&self.place.settings(), clock).await.expect("the database opens again");
    }
}

impl Deref for TestDb {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

/// The schema of a site made of these files: `("posts", "prefix = …")` is `collections/posts.toml`, and a name with a
/// slash is a path.
///
/// # Panics
/// With all that is wrong with them.
#[expect(clippy::panic, reason = "only tests run this, and they fail so")]
pub fn site(files: &[(&str, &str)]) -> Arc<Schema> {
    let path = |name: &str| {
        if name.contains('/') { name.to_owned() } else { format!("collections/{name}.toml") }
    };
    let files = files.iter().map(|&(name, source)| File { path: path(name), source: source.to_owned() });
    let layers = [Layer { owner: Owner::Site, files: files.collect() }];
    let schema = load(&layers).unwrap_or_else(|found| {
        let said: Vec<String> = found.iter().map(ToString::to_string).collect();
        panic!("the site is wrong:\n{}", said.join("\n"))
    });
    Arc::new(schema)
}

/// Runs a test on SQLite, then on PostgreSQL, each with a fresh database of a site made of these files, as [`site`]
/// takes them.
///
/// # Panics
/// As the test does; the thread's name says on which database.
pub fn on_both<F, Done>(files: &[(&str, &str)], test: F)
where
    F: Fn(TestDb) -> Done + Sync,
    Done: Future<Output = ()>,
{
    let schema = site(files);
    on_both_with(|| Arc::clone(&schema), test);
}

/// Runs a test on SQLite, then on PostgreSQL, each with a fresh database that holds this schema.
///
/// # Panics
/// As the test does; the thread's name says on which database.
pub fn on_both_with<F, Done>(schema: impl Fn() -> Arc<Schema> + Sync, test: F)
where
    F: Fn(TestDb) -> Done + Sync,
    Done: Future<Output = ()>,
{
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        on(dialect, async || test(TestDb::with_schema(dialect, schema()).await).await);
    }
}

/// Runs a test on SQLite, then on PostgreSQL, each with a fresh database that holds Mains' own tables alone.
///
/// # Panics
/// As the test does; the thread's name says on which database.
pub fn on_both_empty<F, Done>(test: F)
where
    F: Fn(TestDb) -> Done + Sync,
    Done: Future<Output = ()>,
{
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        on(dialect, async || test(TestDb::empty(dialect).await).await);
    }
}

/// Runs a future on a thread named after the database, with a runtime of two workers.
///
/// # Panics
/// As the future does.
#[expect(clippy::expect_used, reason = "only tests run this, and they fail so")]
pub fn on<F>(dialect: Dialect, test: F)
where
    F: AsyncFnOnce() + Send,
{
    let name = match dialect {
        Dialect::Sqlite => "on SQLite",
        Dialect::Postgres => "on PostgreSQL",
    };
    let outcome: Result<(), Box<dyn Any + Send>> = thread::scope(|scope| {
        let run = || {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(2).enable_all().build().expect("a runtime").block_on(test());
        };
        thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, run).expect("a thread").join()
    });
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}
