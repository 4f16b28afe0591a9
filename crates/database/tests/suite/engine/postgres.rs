//! Traps of PostgreSQL.

use futures_util::future::join_all;
use mains_base::Value;

use super::*;

#[test]
fn a_dead_server_is_503_and_comes_back() {
    on_postgres(
        |settings| settings.write_threads = 4,
        async |engine, database| {
            counters(engine).await;
            for round in 1..=5 {
                // Connections that died while idle: the closure runs again, nobody notices.
                assert!(database.terminate().await > 0);
                assert_eq!(run(engine, |statements| count_up(statements, 1)).await.unwrap(), round);
                database.terminate().await;
                assert_eq!(number(engine, "SELECT count FROM counters WHERE id = 1").await.unwrap(), round);
            }
        },
    );
}

#[test]
fn nothing_is_lost_or_doubled_while_connections_die() {
    on_postgres(
        |settings| settings.write_threads = 4,
        async |engine, database| {
            counters(engine).await;
            let writes = join_all((0..300).map(|_| run(engine, |statements| count_up(statements, 1))));
            let kills = async {
                for _ in 0..10 {
                    database.terminate().await;
                }
            };
            let (answers, ()) = tokio::join!(writes, kills);
            let stored = answers.iter().filter(|answer| answer.is_ok()).count() as i64;
            let unknown = answers
                .iter()
                .filter(|answer| answer.as_ref().is_err_and(|error| error.code() == "outcome_unknown"))
                .count() as i64;
            let count = number(engine, "SELECT count FROM counters WHERE id = 1").await.unwrap();
            assert!((stored..=stored + unknown).contains(&count), "{stored} {unknown} {count}");
            assert!(stored > 200, "{stored} {unknown}");
        },
    );
}

#[test]
fn a_pipelined_commit_behind_a_failed_insert_stores_nothing() {
    on_postgres(
        |_| {},
        async |engine, _| {
            counters(engine).await;
            let answer = run(engine, |statements| {
                statements.execute_later("INSERT INTO counters VALUES (3, 0)", &[], None)?;
                statements.execute_later("INSERT INTO counters VALUES (1, 0)", &[], None)?;
                statements.execute_later("INSERT INTO counters VALUES (4, 0)", &[], None)?;
                Ok(0)
            });
            assert!(answer.await.is_err());
            assert_eq!(number(engine, "SELECT count(*) FROM counters").await.unwrap(), 2);
        },
    );
}

#[test]
fn a_parameter_that_does_not_fit_stores_nothing() {
    on_postgres(
        |_| {},
        async |engine, _| {
            counters(engine).await;
            for wrong in [vec![Value::from("five")], vec![], vec![Value::Int(5), Value::Int(6)]] {
                let answer = run(engine, move |statements| {
                    count_up(statements, 1)?;
                    statements.execute_later("INSERT INTO counters VALUES ($1, 0)", &wrong, None)?;
                    Ok(0)
                });
                assert!(answer.await.is_err());
            }
            assert_eq!(number(engine, "SELECT count FROM counters WHERE id = 1").await.unwrap(), 0);
        },
    );
}

#[test]
fn a_read_takes_no_more_than_its_time() {
    on_postgres(
        |settings| settings.read_timeout = std::time::Duration::from_millis(100),
        async |engine, _| {
            let slow = number(engine, "SELECT 1::bigint FROM pg_sleep(30)").await;
            assert_eq!(slow.unwrap_err().code(), "query.needs_index");
            assert_eq!(number(engine, "SELECT 1::bigint").await.unwrap(), 1);
        },
    );
}

#[test]
fn lists_bind_as_one_parameter_of_any_type() {
    on_postgres(
        |_| {},
        async |engine, _| {
            let answer = run(engine, |statements| {
                let list = Value::List(vec!["a".into(), "b".into()]);
                let rows = statements
                    .query("SELECT count(*) FROM (VALUES ('a'), ('c')) AS v(t) WHERE t IN $1", &[list])?;
                rows.0[0].int(0).map(Option::unwrap)
            });
            assert_eq!(answer.await.unwrap(), 1);
        },
    );
}
