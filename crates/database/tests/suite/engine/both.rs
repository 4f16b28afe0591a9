//! What both databases promise.

use futures_util::future::join_all;
use mains_base::{Error, Kind, Value};
use mains_database::dialect::Dialect;
use mains_database::engine::{Lane, OnViolation, ReadQuery, Reading, Route, View, ViolationKind};

use super::*;

#[test]
fn many_closures_lose_nothing() {
    on_both(async |engine| {
        counters(engine).await;
        let answers = join_all((0..500).map(|_| run(engine, |statements| count_up(statements, 1)))).await;
        let mut counts: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        counts.sort_unstable();
        assert_eq!(counts, (1..=500).collect::<Vec<_>>());
        assert_eq!(number(engine, "SELECT count FROM counters WHERE id = 1").await.unwrap(), 500);
    });
}

#[test]
fn a_failure_and_a_panic_are_their_own() {
    on_both(async |engine| {
        counters(engine).await;
        let closure = |place: i64| {
            run(engine, move |statements| {
                let count = count_up(statements, 1)?;
                match place % 3 {
                    0 => Ok(count),
                    1 => Err(Error::conflict("no", "No.")),
                    _ => panic!("on purpose"),
                }
            })
        };
        let answers = join_all((0..30).map(closure)).await;
        for (place, answer) in answers.into_iter().enumerate() {
            match place % 3 {
                0 => assert!(answer.is_ok()),
                1 => assert_eq!(answer.unwrap_err().code(), "no"),
                _ => assert_eq!(answer.unwrap_err().kind(), Kind::Internal),
            }
        }
        assert_eq!(number(engine, "SELECT count FROM counters WHERE id = 1").await.unwrap(), 10);
    });
}

#[test]
fn a_violation_gets_its_meaning() {
    on_both(async |engine| {
        counters(engine).await;
        let answer = run(engine, |statements| {
            let on_violation: OnViolation = Box::new(|violation| {
                assert_eq!(violation.kind, ViolationKind::Unique);
                Error::conflict("taken", violation.name.clone())
            });
            statements.execute_later("INSERT INTO counters VALUES (1, 9)", &[], Some(on_violation))?;
            Ok(0)
        });
        let error = answer.await.unwrap_err();
        let name = if engine.dialect() == Dialect::Sqlite { "counters.id" } else { "counters_pkey" };
        assert_eq!((error.code(), error.detail()), ("taken", name));
    });
}

#[test]
fn parameters_go_by_number_and_lists_are_one() {
    on_both(async |engine| {
        counters(engine).await;
        let query = ReadQuery {
            text: "SELECT CAST($2 AS bigint) - CAST($1 AS bigint), count(*) FROM counters WHERE id IN $3"
                .into(),
            parameters: vec![Value::Int(1), Value::Int(10), Value::List(vec![Value::Int(2), Value::Int(7)])],
            route: Route::Pool,
        };
        let found = engine
            .read(query, |rows| {
                let row = rows.next()?.unwrap();
                Ok((row.int(0)?, row.int(1)?))
            })
            .await;
        assert_eq!(found.unwrap(), (Some(9), Some(1)));
    });
}

#[test]
fn a_savepoint_survives_a_failed_statement() {
    on_both(async |engine| {
        counters(engine).await;
        let answer = run(engine, |statements| {
            count_up(statements, 1)?;
            let mut inner = |statements: &mut dyn Statements| {
                count_up(statements, 2)?;
                statements.execute_later("INSERT INTO counters VALUES (1, 9)", &[], None)
            };
            assert!(statements.savepoint(&mut inner).is_err());
            statements.savepoint(&mut |statements| count_up(statements, 2).map(drop))?;
            count_up(statements, 1)
        });
        assert_eq!(answer.await.unwrap(), 2);
        assert_eq!(number(engine, "SELECT count FROM counters WHERE id = 2").await.unwrap(), 1);
    });
}

#[test]
fn going_on_after_a_failure_stores_nothing() {
    on_both(async |engine| {
        counters(engine).await;
        let answer = run(engine, |statements| {
            count_up(statements, 1)?;
            let _ignored = statements.execute("INSERT INTO counters VALUES (1, 9)", &[], None);
            Ok(1)
        });
        assert_eq!(answer.await.unwrap_err().kind(), Kind::Internal);
        assert_eq!(number(engine, "SELECT count FROM counters WHERE id = 1").await.unwrap(), 0);
    });
}

#[test]
fn lanes_keep_hot_rows_apart() {
    on_both(async |engine| {
        counters(engine).await;
        let lanes = [Lane::named("counter 1")];
        let one = || engine.run(&lanes, job(|statements| count_up(statements, 1)));
        for answer in join_all((0..200).map(|_| one())).await {
            answer.unwrap();
        }
        assert_eq!(number(engine, "SELECT count FROM counters WHERE id = 1").await.unwrap(), 200);
    });
}

#[test]
fn decisions_on_counts_and_absent_rows_hold() {
    on_both(async |engine| {
        counters(engine).await;
        // At most five rows: each closure counts first. Write skew would let more in.
        let place = |id: i64| {
            run(engine, move |statements| {
                let rows =
                    statements.query("SELECT count(*) FROM counters WHERE count = $1", &[Value::Int(7)])?;
                if rows.0[0].int(0)?.unwrap() >= 5 {
                    return Err(Error::conflict("full", "Full."));
                }
                statements.execute_later("INSERT INTO counters VALUES ($1, 7)", &[Value::Int(id)], None)?;
                Ok(id)
            })
        };
        let answers = join_all((10..60).map(place)).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 5);
        assert_eq!(number(engine, "SELECT count(*) FROM counters WHERE count = 7").await.unwrap(), 5);
    });
}

#[test]
fn everyone_reads_their_own_writes() {
    on_both(async |engine| {
        counters(engine).await;
        let mut commits = engine.committed();
        commits.mark_unchanged();
        for count in 1..20 {
            assert_eq!(run(engine, |statements| count_up(statements, 1)).await.unwrap(), count);
            assert!(commits.has_changed().unwrap());
            assert_eq!(number(engine, "SELECT count FROM counters WHERE id = 1").await.unwrap(), count);
        }
    });
}

#[test]
fn a_snapshot_sees_one_state_and_cannot_write() {
    on_both(async |engine| {
        counters(engine).await;
        let other = engine.clone();
        let handle = tokio::runtime::Handle::current();
        let sums = engine.snapshot(move |statements| {
            let sum = "SELECT CAST(sum(count) AS bigint) FROM counters";
            let before = statements.query(sum, &[])?;
            handle.block_on(run(&other, |statements| count_up(statements, 1)))?;
            Ok((before, statements.query(sum, &[])?))
        });
        let (before, after) = sums.await.unwrap();
        assert_eq!(before.0, after.0);
        let write = engine.snapshot(|statements| statements.execute("DELETE FROM counters", &[], None));
        assert!(write.await.is_err());
        assert_eq!(number(engine, "SELECT count(*) FROM counters").await.unwrap(), 2);
    });
}

#[test]
fn a_view_sees_one_state_and_streams() {
    on_both(async |engine| {
        counters(engine).await;
        let (other, handle) = (engine.clone(), tokio::runtime::Handle::current());
        let sums = engine.view(move |view| {
            let sum = || {
                let text = "SELECT CAST(sum(count) AS bigint) FROM counters".into();
                let query = ReadQuery { text, parameters: Vec::new(), route: Route::Inline };
                View::run(view.read(query, |rows| rows.next()?.unwrap().int(0)))
            };
            let before = sum()?;
            let (other, handle) = (other.clone(), handle.clone());
            let write = move || handle.block_on(run(&other, |statements| count_up(statements, 1)));
            std::thread::spawn(write).join().unwrap()?;
            Ok((before, sum()?))
        });
        let (before, after) = sums.await.unwrap();
        assert_eq!(before, after);
        let write = engine.view(|view| {
            let text = "DELETE FROM counters RETURNING id".into();
            let query = ReadQuery { text, parameters: Vec::new(), route: Route::Inline };
            View::run(view.read(query, |rows| Ok(rows.next()?.is_some())))
        });
        assert!(write.await.is_err());
        assert_eq!(number(engine, "SELECT count(*) FROM counters").await.unwrap(), 2);
    });
}

#[test]
fn a_view_that_is_not_small_is_finished_elsewhere() {
    on_both(async |engine| {
        let text = "WITH RECURSIVE many(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < 300000) \
                    SELECT count(*) FROM many";
        let count = engine.view(move |view| {
            let query = ReadQuery { text: text.into(), parameters: Vec::new(), route: Route::Inline };
            View::run(view.read(query, |rows| rows.next()?.unwrap().int(0)))
        });
        assert_eq!(count.await.unwrap(), Some(300_000));
        assert_eq!(number(engine, "SELECT 1").await.unwrap(), 1);
    });
}

#[test]
fn a_failed_change_of_the_schema_leaves_nothing() {
    on_both(async |engine| {
        let change = engine.alter(|statements| {
            statements.execute("CREATE TABLE half (id bigint)", &[], None)?;
            Err(Error::conflict("no", "No."))
        });
        assert_eq!(change.await.unwrap_err().code(), "no");
        assert!(number(engine, "SELECT count(*) FROM half").await.is_err());
        counters(engine).await;
        // A statement prepared before a change of its columns works after it.
        let count = |statements: &mut dyn Statements| {
            let rows = statements.query("SELECT * FROM counters WHERE id = $1", &[Value::Int(1)])?;
            rows.0[0].int(1).map(Option::unwrap)
        };
        assert_eq!(run(engine, count).await.unwrap(), 0);
        let change = engine.alter(|statements| {
            statements.execute("ALTER TABLE counters ADD COLUMN more bigint", &[], None).map(drop)
        });
        change.await.unwrap();
        for _ in 0..40 {
            assert_eq!(run(engine, count).await.unwrap(), 0);
        }
    });
}

#[test]
fn a_plan_tells_the_route() {
    on_both(async |engine| {
        counters(engine).await;
        let by_key = engine.explain("SELECT count FROM counters WHERE id = $1").await.unwrap();
        let by_scan =
            engine.explain("SELECT id FROM counters WHERE count = $1 ORDER BY count").await.unwrap();
        assert_eq!((by_key, by_scan), (Route::Inline, Route::Pool));
    });
}
