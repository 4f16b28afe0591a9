//! Limits of writes on PostgreSQL: locks, statements, closures that dawdle, conflicts that never end.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mains_base::Kind;
use mains_database::dialect::Dialect;
use mains_database::engine::Lane;

use super::*;

const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_mins(1);

/// All settings of a write connection that are ours, read inside a write.
async fn settings(engine: &Engine) -> Vec<(String, String)> {
    let names = [
        "lock_timeout",
        "statement_timeout",
        "idle_in_transaction_session_timeout",
        "enable_seqscan",
        "jit",
        "transaction_isolation",
        "TimeZone",
        "synchronous_commit",
    ];
    let job: Job = Arc::new(move |statements| {
        let mut found = Vec::new();
        for name in names {
            let rows = statements.query("SELECT current_setting($1)", &[Value::from(name)])?;
            found.push((name.to_owned(), rows.0[0].text(0)?.unwrap_or_default().to_owned()));
        }
        Ok(Box::new(found))
    });
    *engine.run(&[], job).await.unwrap().downcast().unwrap()
}

#[test]
fn writes_begin_with_the_limits_that_are_said() {
    on_postgres(
        |_| {},
        async |engine, _| {
            let expected = [
                ("lock_timeout", "2s"),
                ("statement_timeout", "5s"),
                ("idle_in_transaction_session_timeout", "5s"),
                ("enable_seqscan", "off"),
                ("jit", "off"),
                ("transaction_isolation", "serializable"),
                ("TimeZone", "UTC"),
                ("synchronous_commit", "on"),
            ];
            let found = settings(engine).await;
            let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_eq!(found, expected);
        },
    );
}

#[test]
fn reads_begin_with_the_limits_that_are_said() {
    on_postgres(
        |_| {},
        async |engine, _| {
            for route in [Route::Inline, Route::Pool] {
                for (name, expected) in [
                    ("default_transaction_read_only", "on"),
                    ("statement_timeout", "5s"),
                    ("idle_in_transaction_session_timeout", "5s"),
                    ("jit", "off"),
                    ("TimeZone", "UTC"),
                ] {
                    let text = "SELECT current_setting($1)".into();
                    let query = ReadQuery { text, parameters: vec![Value::from(name)], route };
                    let found = engine.read(query, |rows| {
                        Ok(rows.next()?.unwrap().text(0)?.unwrap_or_default().to_owned())
                    });
                    assert_eq!(found.await.unwrap(), expected, "{route:?} {name}");
                }
            }
        },
    );
}

#[test]
fn who_waits_too_long_for_a_lock_is_told_to_come_again() {
    on_postgres(
        |settings| settings.lock_timeout = SHORT,
        async |engine, database| {
            counters(engine).await;
            let (holder, connection) = tokio_postgres::connect(&database.url, NoTls).await.unwrap();
            let driven = tokio::runtime::Handle::current().spawn(connection);
            holder.batch_execute("BEGIN; UPDATE counters SET count = 9 WHERE id = 1").await.unwrap();
            let error = run(engine, |statements| count_up(statements, 1)).await.unwrap_err();
            assert_eq!((error.kind(), error.code()), (Kind::Unavailable, "database.busy"));
            // Who needs something else does not wait.
            assert_eq!(run(engine, |statements| count_up(statements, 2)).await.unwrap(), 1);
            holder.batch_execute("ROLLBACK").await.unwrap();
            assert_eq!(run(engine, |statements| count_up(statements, 1)).await.unwrap(), 1);
            drop(holder);
            driven.await.unwrap().unwrap();
        },
    );
}

#[test]
fn a_statement_that_takes_too_long_is_ended_with_its_closure() {
    on_postgres(
        |settings| settings.statement_timeout = SHORT,
        async |engine, _| {
            counters(engine).await;
            let slow = run(engine, |statements| {
                count_up(statements, 1)?;
                statements.query("SELECT pg_sleep(60)::text", &[])?;
                Ok(0)
            });
            assert_eq!(slow.await.unwrap_err().code(), "database.busy");
            assert_eq!(number(engine, "SELECT count FROM counters WHERE id = 1").await.unwrap(), 0);
        },
    );
}

/// The server ends the session, so that a row is not held by somebody who does nothing.
#[test]
fn a_closure_that_dawdles_is_ended_and_runs_again() {
    on_postgres(
        |settings| settings.statement_timeout = SHORT,
        async |engine, _| {
            counters(engine).await;
            let runs = Arc::new(AtomicU32::new(0));
            let seen = Arc::clone(&runs);
            let dawdling = run(engine, move |statements| {
                count_up(statements, 1)?;
                statements.flush()?;
                if seen.fetch_add(1, Ordering::Relaxed) == 0 {
                    std::thread::sleep(3 * SHORT);
                }
                count_up(statements, 2)
            });
            assert_eq!(dawdling.await.unwrap(), 1);
            assert_eq!(runs.load(Ordering::Relaxed), 2);
            assert_eq!(number(engine, "SELECT count FROM counters WHERE id = 1").await.unwrap(), 1);
        },
    );
}

/// Lets statements raise any of the server's errors: `SELECT raised('53100')`.
async fn raising(engine: &Engine) {
    let function = "CREATE FUNCTION raised(code text) RETURNS bigint LANGUAGE plpgsql AS \
        'BEGIN RAISE EXCEPTION USING ERRCODE = code, MESSAGE = code; END'";
    engine.alter(move |statements| statements.execute(function, &[], None).map(drop)).await.unwrap();
}

#[test]
fn errors_of_the_server_mean_what_a_caller_can_do_about_them() {
    on_postgres(
        |_| {},
        async |engine, _| {
            raising(engine).await;
            for (code, kind, meaning) in [
                ("55P03", Kind::Unavailable, "database.busy"),
                ("57014", Kind::Unavailable, "database.busy"),
                ("53100", Kind::OutOfSpace, "database.full"),
                ("53300", Kind::Unavailable, "database.unavailable"),
                ("25006", Kind::Unavailable, "database.unavailable"),
                ("22012", Kind::Internal, "internal"),
            ] {
                let failing = run(engine, move |statements| {
                    statements.query("SELECT raised($1)", &[Value::from(code)]).map(|_| 0)
                });
                let error = failing.await.unwrap_err();
                assert_eq!((error.kind(), error.code()), (kind, meaning), "{code}");
            }
        },
    );
}

/// How often a closure ran that is in somebody's way each time, and what its caller was told.
async fn beaten(engine: &Engine, lanes: &[Lane]) -> (u32, &'static str) {
    let runs = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&runs);
    let conflict = job(move |statements| {
        seen.fetch_add(1, Ordering::Relaxed);
        statements.query("SELECT raised('40001')", &[]).map(|_| 0)
    });
    let error = engine.run(lanes, conflict).await.map(drop).unwrap_err();
    (runs.load(Ordering::Relaxed), error.code())
}

#[test]
fn conflicts_that_never_end_are_given_up_after_ten_attempts() {
    on_postgres(
        |settings| settings.retry_for = LONG,
        async |engine, _| {
            raising(engine).await;
            assert_eq!(beaten(engine, &[]).await, (10, "database.busy"));
            assert_eq!(beaten(engine, &[Lane::named("one")]).await, (10, "database.busy"));
        },
    );
}

#[test]
fn conflicts_are_given_up_when_their_time_is_over() {
    on_postgres(
        |settings| settings.retry_for = Duration::ZERO,
        async |engine, _| {
            raising(engine).await;
            let (runs, told) = beaten(engine, &[Lane::named("one")]).await;
            assert!(runs < 5, "{runs}");
            assert_eq!(told, "database.busy");
        },
    );
}

#[test]
fn a_commit_is_measured_with_its_sync_and_changes_nothing() {
    on_both(async |engine| {
        counters(engine).await;
        assert_eq!(engine.commit_time().await.unwrap().is_some(), engine.dialect() == Dialect::Postgres);
        assert_eq!(number(engine, "SELECT count FROM counters WHERE id = 1").await.unwrap(), 0);
    });
    on_postgres(
        |_| {},
        async |engine, _| {
            // What is measured goes into the server's log of writes, so that its commit has something to sync.
            let place = "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint";
            let before = number(engine, place).await.unwrap();
            engine.commit_time().await.unwrap();
            assert!(number(engine, place).await.unwrap() > before);
        },
    );
}
