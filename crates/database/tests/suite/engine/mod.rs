//! Each trap of the engine, beside innocent closures.

mod sqlite;

use std::sync::Arc;

use mains_base::{Result, SystemClock, Value};
use mains_database::engine::{Engine, EngineSettings, Job, ReadQuery, Route, Statements};

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
