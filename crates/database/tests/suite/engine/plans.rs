//! What connections of PostgreSQL have prepared: more texts than they keep, and columns that change under them.

use std::sync::{Barrier, Mutex};

use futures_util::future::join_all;
use mains_base::Value;

use super::*;

#[test]
fn a_text_more_than_are_kept_leaves_what_is_queued_as_it_is() {
    on_postgres(
        |settings| settings.write_threads = 1,
        async |engine, _| {
            counters(engine).await;
            // Wherever among the texts it comes that some have to go, a statement waits in front of it.
            for fill in [505, 510, 511, 512, 513] {
                let answer = run(engine, move |statements| {
                    for number in 0..fill {
                        statements.query(&format!("SELECT {number}"), &[])?;
                    }
                    let up = "UPDATE counters SET count = count + 1 WHERE id = $1";
                    statements.execute_later(up, &[Value::Int(1)], None)?;
                    for number in 0..9 {
                        let text = format!("UPDATE counters SET count = count + {number} WHERE id = $1");
                        statements.execute_later(&text, &[Value::Int(2)], None)?;
                    }
                    statements.flush().map(|()| 0)
                });
                answer.await.unwrap();
            }
            assert_eq!(number(engine, "SELECT count FROM counters WHERE id = 1").await.unwrap(), 5);
            assert_eq!(number(engine, "SELECT count FROM counters WHERE id = 2").await.unwrap(), 180);
        },
    );
}

#[test]
fn many_texts_at_once_are_all_read() {
    on_postgres(
        |_| {},
        async |engine, _| {
            let read = async |place: i64| number(engine, &format!("SELECT {place}::bigint")).await;
            for (place, answer) in join_all((0..2_000).map(read)).await.into_iter().enumerate() {
                assert_eq!(answer.unwrap(), place as i64);
            }
        },
    );
}

/// Adds a row, and waits for others that do, so that each write thread does it.
async fn on_every_thread(engine: &Engine, threads: usize) {
    let barrier = Arc::new(Barrier::new(threads));
    let one = || {
        let barrier = Arc::clone(&barrier);
        run(engine, move |statements| {
            let text = "INSERT INTO notes (body) VALUES ($1)";
            statements.execute(text, &["a".into()], None)?;
            barrier.wait();
            Ok(0)
        })
    };
    for answer in join_all((0..threads).map(|_| one())).await {
        answer.unwrap();
    }
}

async fn retype(engine: &Engine) {
    let retyped = engine.alter(|statements| {
        statements.execute("ALTER TABLE notes DROP COLUMN body", &[], None)?;
        statements.execute("ALTER TABLE notes ADD COLUMN body bigint", &[], None).map(drop)
    });
    retyped.await.unwrap();
}

async fn notes(engine: &Engine) {
    let made =
        engine.alter(|statements| statements.execute("CREATE TABLE notes (body text)", &[], None).map(drop));
    made.await.unwrap();
}

/// Adds a row with a number, after another statement was sent.
async fn add_number(engine: &Engine, later: bool) -> Result<i64> {
    run(engine, move |statements| {
        let text = "INSERT INTO notes (body) VALUES ($1)";
        if later {
            statements.execute_later(text, &[Value::Int(5)], None)?;
        } else {
            statements.execute(text, &[Value::Int(5)], None)?;
        }
        Ok(0)
    })
    .await
}

#[test]
fn a_column_of_another_type_under_the_same_name_is_written_by_every_thread() {
    on_postgres(
        |settings| settings.write_threads = 4,
        async |engine, _| {
            notes(engine).await;
            on_every_thread(engine, 4).await;
            retype(engine).await;
            for answer in join_all((0..40).map(|place| add_number(engine, place % 2 == 0))).await {
                answer.unwrap();
            }
            let sum = "SELECT sum(body)::bigint FROM notes";
            assert_eq!(number(engine, sum).await.unwrap(), 200);
        },
    );
}

#[test]
fn a_node_that_did_not_change_the_schema_finds_the_columns_as_they_are() {
    on_postgres(
        |settings| settings.write_threads = 1,
        async |engine, database| {
            let mut settings = EngineSettings::postgres(&database.url);
            settings.write_threads = 4;
            let other = Engine::open(&settings, Arc::new(SystemClock)).await.unwrap();
            notes(engine).await;
            on_every_thread(&other, 4).await;
            let read = "SELECT length(body)::bigint FROM notes WHERE body = 'a' LIMIT 1";
            assert_eq!(number(&other, read).await.unwrap(), 1);
            retype(engine).await;
            for answer in join_all((0..40).map(|place| add_number(&other, place % 2 == 0))).await {
                answer.unwrap();
            }
            // NULL is of any type: here only the server can see that the statement is of yesterday.
            let null = run(&other, |statements| {
                statements.execute("INSERT INTO notes (body) VALUES ($1)", &[Value::Null], None).map(|_| 0)
            });
            null.await.unwrap();
            let error = number(&other, read).await.unwrap_err();
            assert_eq!(error.code(), "internal");
            other.close().await;
        },
    );
}

/// What is wrong in itself is told as wrong, however often it is asked, and not tried again for seconds.
#[test]
fn a_statement_that_is_wrong_is_run_no_more_than_twice() {
    on_postgres(
        |settings| settings.write_threads = 1,
        async |engine, _| {
            counters(engine).await;
            let runs = Arc::new(Mutex::new(0));
            for round in 1..=3 {
                let runs = Arc::clone(&runs);
                let answer = run(engine, move |statements| {
                    *runs.lock().unwrap() += 1;
                    statements.query("SELECT count(*) FROM nothing_of_this_name", &[]).map(|_| 0)
                });
                assert_eq!(answer.await.unwrap_err().code(), "internal", "{round}");
            }
            assert!(*runs.lock().unwrap() <= 6);
        },
    );
}

/// Each answer is long and each question, so that neither side's buffers hold what the other says meanwhile.
#[test]
fn long_reads_beside_long_answers_do_not_wait_for_each_other() {
    on_postgres(
        |_| {},
        async |engine, _| {
            let long = |place: usize| {
                let (text, word) = if place.is_multiple_of(8) {
                    ("SELECT length(t)::bigint, t FROM repeat($1, 1000000) AS t", "abcd".to_owned())
                } else {
                    ("SELECT length($1)::bigint", "x".repeat(300_000))
                };
                let query =
                    ReadQuery { text: text.into(), parameters: vec![word.into()], route: Route::Inline };
                engine.read(query, |rows| rows.next()?.unwrap().int(0).map(Option::unwrap))
            };
            for (place, answer) in join_all((0..64).map(long)).await.into_iter().enumerate() {
                let wanted = if place.is_multiple_of(8) { 4_000_000 } else { 300_000 };
                assert_eq!(answer.unwrap(), wanted, "{place}");
            }
        },
    );
}
