//! Traps of PostgreSQL.

use futures_util::future::join_all;
use mains_base::{Error, Value};
use mains_database::engine::{Lane, Reading as _, View};

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
            let sleep = "SELECT 1::bigint FROM pg_sleep(30)";
            let slow = engine.snapshot(move |statements| statements.query(sleep, &[])).await;
            assert_eq!(slow.unwrap_err().code(), "query.needs_index");
            let query = ReadQuery { text: sleep.into(), parameters: Vec::new(), route: Route::Pool };
            let slow = engine
                .view(move |view| {
                    View::run(
                        view.read(query.clone(), |rows| rows.next()?.map_or(Ok(None), |row| row.int(0))),
                    )
                })
                .await;
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

#[test]
fn who_fails_in_a_lane_takes_nobody_along() {
    who_fails_takes_nobody_along(&[Lane::named("counter 1")]);
}

#[test]
fn who_fails_beside_those_that_wait_for_a_thread_takes_nobody_along() {
    who_fails_takes_nobody_along(&[]);
}

/// Some count up, some decline after a look, some fail after a statement of theirs was sent.
fn who_fails_takes_nobody_along(lanes: &[Lane]) {
    on_postgres(
        |settings| settings.write_threads = 4,
        async |engine, _| {
            counters(engine).await;
            let one = |place: i64| {
                engine.run(
                    lanes,
                    job(move |statements| {
                        let count = count_up(statements, 1)?;
                        match place % 5 {
                            0 => Err(Error::conflict("declined", "Declined.")),
                            1 if place > 50 => {
                                statements.execute("INSERT INTO counters VALUES (2, 9)", &[], None)?;
                                Ok(count)
                            }
                            2 if place > 50 => panic!("on purpose"),
                            3 if place > 50 => {
                                statements.flush()?;
                                Err(Error::conflict("late", "Late."))
                            }
                            _ => Ok(count),
                        }
                    }),
                )
            };
            let answers = join_all((0..100).map(one)).await;
            let mut counts = Vec::new();
            for (place, answer) in answers.into_iter().enumerate() {
                let fails = place % 5 == 0 || (place > 50 && place % 5 < 4);
                assert_eq!(answer.is_err(), fails, "{place}");
                counts.extend(answer.ok().map(|count| *count.downcast::<i64>().unwrap()));
            }
            let stored = number(engine, "SELECT count FROM counters WHERE id = 1").await.unwrap();
            assert_eq!(counts.len() as i64, stored);
            // Each saw what those before it left, and nothing of those who failed.
            counts.sort_unstable();
            assert_eq!(counts, (1..=stored).collect::<Vec<_>>());
        },
    );
}

#[test]
fn closures_that_wait_for_a_thread_share_commits() {
    on_postgres(
        |settings| settings.write_threads = 4,
        async |engine, _| {
            counters(engine).await;
            let own_id = "SELECT pg_current_xact_id()::text::bigint";
            let one = |number: i64| {
                engine.run(
                    &[],
                    job(move |statements| {
                        let row = [Value::Int(100 + number), Value::Int(0)];
                        statements.execute_later("INSERT INTO counters VALUES ($1, $2)", &row, None)?;
                        statements.query(own_id, &[])?.0[0].int(0).map(Option::unwrap)
                    }),
                )
            };
            let answers = join_all((0..64).map(one)).await;
            let mut transactions: Vec<i64> =
                answers.into_iter().map(|answer| *answer.unwrap().downcast::<i64>().unwrap()).collect();
            transactions.sort_unstable();
            transactions.dedup();
            assert!(transactions.len() < 64, "each had a transaction of its own");
            assert_eq!(number(engine, "SELECT count(*) FROM counters WHERE id >= 100").await.unwrap(), 64);
        },
    );
}

#[test]
fn closures_of_a_lane_share_commits_and_others_do_not_wait_long() {
    on_postgres(
        |settings| settings.write_threads = 4,
        async |engine, _| {
            counters(engine).await;
            let lanes = [Lane::named("counter 1")];
            let own_id = "SELECT pg_current_xact_id()::text::bigint";
            let one = || {
                engine.run(
                    &lanes,
                    job(move |statements| {
                        count_up(statements, 1)?;
                        statements.query(own_id, &[])?.0[0].int(0).map(Option::unwrap)
                    }),
                )
            };
            let answers = join_all((0..64).map(|_| one())).await;
            let mut transactions: Vec<i64> =
                answers.into_iter().map(|answer| *answer.unwrap().downcast::<i64>().unwrap()).collect();
            transactions.sort_unstable();
            transactions.dedup();
            assert!(transactions.len() < 64);
            assert_eq!(number(engine, "SELECT count FROM counters WHERE id = 1").await.unwrap(), 64);
        },
    );
}

/// One lane holds its row until its transaction ends; another lane wants them the other way round.
#[test]
fn lanes_that_meet_the_other_way_round_lose_nothing() {
    on_postgres(
        |settings| settings.write_threads = 4,
        async |engine, _| {
            counters(engine).await;
            let one = |place: i64| {
                let (first, second) = if place % 2 == 0 { (1, 2) } else { (2, 1) };
                let lane = [Lane::named(if place % 2 == 0 { "even" } else { "odd" })];
                async move {
                    let job = job(move |statements| {
                        count_up(statements, first)?;
                        statements.flush()?;
                        count_up(statements, second)
                    });
                    engine.run(&lane, job).await
                }
            };
            let answers = join_all((0..60).map(one)).await;
            let stored = answers.iter().filter(|answer| answer.is_ok()).count() as i64;
            assert!(stored > 0);
            for id in [1, 2] {
                let sql = format!("SELECT count FROM counters WHERE id = {id}");
                assert_eq!(number(engine, &sql).await.unwrap(), stored);
            }
        },
    );
}

#[test]
fn a_read_that_fails_fails_alone() {
    on_postgres(
        |_| {},
        async |engine, _| {
            counters(engine).await;
            let read = |place: i64| {
                number(engine, if place % 3 == 0 { "SELECT 1::bigint / 0" } else { "SELECT 7::bigint" })
            };
            let answers = join_all((0..200).map(read)).await;
            for (place, answer) in answers.into_iter().enumerate() {
                assert_eq!(answer.ok(), (place % 3 != 0).then_some(7), "{place}");
            }
        },
    );
}
