//! Each trap of the engine, beside innocent closures.

mod altering;
mod both;
mod encrypted;
mod limits;
mod lost;
mod plans;
mod pooler;
mod postgres;
pub(crate) mod proxy;
mod sqlite;

use std::sync::Arc;

use mains_base::{Result, SystemClock, Value};
use mains_database::engine::{Engine, EngineSettings, Job, ReadQuery, Route, Statements};
use tokio_postgres::NoTls;

/// A closure as the engine wants it, answering a number.
pub(crate) fn job(body: impl Fn(&mut dyn Statements) -> Result<i64> + Send + Sync + 'static) -> Job {
    Arc::new(move |statements| Ok(Box::new(body(statements)?)))
}

/// Runs a closure that answers a number.
pub(crate) async fn run(
    engine: &Engine,
    body: impl Fn(&mut dyn Statements) -> Result<i64> + Send + Sync + 'static,
) -> Result<i64> {
    Ok(*engine.run(&[], job(body)).await?.downcast::<i64>().unwrap())
}

/// The number that a query gives.
pub(crate) async fn number(engine: &Engine, sql: &str) -> Result<i64> {
    let query = ReadQuery { text: sql.into(), parameters: Vec::new(), route: Route::Inline };
    engine.read(query, |rows| rows.next()?.unwrap().int(0).map(Option::unwrap)).await
}

/// An open engine on a new file, with these settings on top of the defaults.
pub(crate) async fn sqlite_with(change: impl FnOnce(&mut EngineSettings)) -> (tempfile::TempDir, Engine) {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = EngineSettings::sqlite(folder.path().join("mains.db"));
    change(&mut settings);
    let engine = Engine::open(&settings, Arc::new(SystemClock)).await.unwrap();
    (folder, engine)
}

/// A table of counters.
pub(crate) async fn counters(engine: &Engine) {
    engine
        .alter(|statements| {
            statements.execute(
                "CREATE TABLE counters (id bigint PRIMARY KEY, count bigint NOT NULL)",
                &[],
                None,
            )?;
            statements.execute("INSERT INTO counters VALUES (1, 0), (2, 0)", &[], None)?;
            Ok(())
        })
        .await
        .unwrap();
}

/// Counts one up: load, decide, save.
pub(crate) fn count_up(statements: &mut dyn Statements, id: i64) -> Result<i64> {
    let rows = statements.query("SELECT count FROM counters WHERE id = $1", &[Value::Int(id)])?;
    let next = rows.0[0].int(0)?.unwrap() + 1;
    statements.execute_later(
        "UPDATE counters SET count = $2 WHERE id = $1",
        &[Value::Int(id), Value::Int(next)],
        None,
    )?;
    Ok(next)
}

/// A runtime with two workers, as the server has.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// A database of its own on the test server; dropped at the end.
pub(crate) struct Database {
    pub(crate) url: String,
    made: mains_testkit::server::Database,
}

/// A command on the test server, outside of any database under test.
pub(crate) async fn server(command: &str) -> Vec<String> {
    let (client, connection) = tokio_postgres::connect(&server_url(), NoTls).await.unwrap();
    let driven = tokio::runtime::Handle::current().spawn(connection);
    let messages = client.simple_query(command).await.unwrap();
    drop(client);
    driven.await.unwrap().unwrap();
    let rows = messages.iter().filter_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
        _ => None,
    });
    rows.collect()
}

#[expect(clippy::disallowed_methods, reason = "the address of the test server comes from outside")]
pub(super) fn server_url() -> String {
    std::env::var("MAINS_TEST_POSTGRES")
        .expect("MAINS_TEST_POSTGRES names no server: set it to postgres://user:password@host:port/postgres")
}

impl Database {
    pub(crate) async fn create() -> Self {
        let made = mains_testkit::server::Database::create().await.unwrap();
        Self { url: made.url(), made }
    }

    /// Ends every connection to it, as a server that goes down would.
    pub(crate) async fn terminate(&self) -> usize {
        let name = self.made.name();
        let sql = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
        server(&sql).await.len()
    }
}

/// The same test on SQLite and on PostgreSQL.
#[expect(clippy::needless_pass_by_value, reason = "a closure written in place")]
pub(crate) fn on_both(body: impl AsyncFn(&Engine)) {
    wait(async {
        let (_folder, engine) = sqlite_with(|_| {}).await;
        body(&engine).await;
        engine.close().await;
    });
    on_postgres(|_| {}, async |engine, _| body(engine).await);
}

/// A test on PostgreSQL.
pub(crate) fn on_postgres(
    change: impl FnOnce(&mut EngineSettings),
    body: impl AsyncFnOnce(&Engine, &Database),
) {
    wait(async {
        let database = Database::create().await;
        let mut settings = EngineSettings::postgres(&database.url);
        change(&mut settings);
        let engine = Engine::open(&settings, Arc::new(SystemClock)).await.unwrap();
        body(&engine, &database).await;
        engine.close().await;
    });
}
