//! The log: order, density, followers, retention, on both databases.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::join_all;
use mains_base::{Error, Result, SystemClock, Time, Uuid};
use mains_database::dialect::Dialect;
use mains_database::engine::{Engine, Statements};
use mains_database::log::{self, Change, Follower, NewChange, Op, Position, Start};

mod holes;
mod news;
mod retention;

use crate::engine::{count_up, counters, number, on_both, on_postgres, run};

fn record(number: i64) -> Uuid {
    Uuid::v4(u128::from(number.unsigned_abs()).to_be_bytes())
}

fn change(number: i64, version: i64) -> NewChange<'static> {
    NewChange {
        transaction: number,
        at: Time::from_micros(number),
        collection: "counters",
        record: record(number),
        op: Op::Update,
        version,
        actor: None,
        request: None,
        event: None,
        data: None,
        touched: &[],
        mark: 0,
    }
}

async fn prepare(engine: &Engine) {
    counters(engine).await;
    let dialect = engine.dialect();
    // Twice: making them is harmless where they are.
    for _ in 0..2 {
        let change = engine.alter(move |statements| {
            log::tables(dialect).iter().try_for_each(|text| statements.execute(text, &[], None).map(drop))
        });
        change.await.unwrap();
    }
}

/// Counts up and logs it, as every write does.
fn logged(statements: &mut dyn Statements, id: i64) -> Result<i64> {
    let count = count_up(statements, id)?;
    log::append(statements, &change(id, count))?;
    Ok(count)
}

/// The whole log, once so many changes are there.
async fn all(engine: &Engine, count: usize) -> Vec<Change> {
    let mut advanced = engine.log_advanced();
    loop {
        let last = log::last(engine).await.unwrap();
        if last.0 >= count as i64 {
            break;
        }
        advanced.changed().await.unwrap();
    }
    let mut changes = Vec::new();
    loop {
        let batch = log::read(engine, Position(changes.len() as i64), 7).await.unwrap();
        if batch.is_empty() {
            return changes;
        }
        changes.extend(batch);
    }
}

#[test]
fn a_change_comes_back_as_it_went_in() {
    on_both(async |engine| {
        prepare(engine).await;
        let write = |statements: &mut dyn Statements| {
            let touched = [("lines", record(4)), ("orders", record(5))];
            let new = NewChange {
                op: Op::Create,
                actor: Some(record(2)),
                request: Some("r1"),
                event: Some("orders.paid"),
                data: Some("{\"a\":1}"),
                touched: &touched,
                ..change(3, 9)
            };
            log::append(statements, &new).map(|()| 0)
        };
        run(engine, write).await.unwrap();
        let changes = all(engine, 1).await;
        let expected = Change {
            position: Position(1),
            transaction: 3,
            at: Time::from_micros(3),
            collection: "counters".to_owned(),
            record: record(3),
            op: Op::Create,
            version: 9,
            actor: Some(record(2)),
            request: Some("r1".to_owned()),
            event: Some("orders.paid".to_owned()),
            data: Some("{\"a\":1}".to_owned()),
            touched: vec![("lines".to_owned(), record(4)), ("orders".to_owned(), record(5))],
        };
        assert_eq!(changes, [expected]);
        assert_ne!(log::timeline(engine).await.unwrap(), Uuid::NIL);
    });
}

#[test]
fn positions_are_dense_and_versions_in_order() {
    on_both(async |engine| {
        prepare(engine).await;
        let one = |place: i64| {
            run(engine, move |statements| {
                let count = logged(statements, 1 + place % 2)?;
                // Some roll back and leave a hole in a sequence.
                if place % 7 == 0 { Err(Error::conflict("no", "No.")) } else { Ok(count) }
            })
        };
        let answers = join_all((0..300).map(one)).await;
        let stored = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(stored, 257);
        let changes = all(engine, stored).await;
        assert_eq!(changes.len(), stored);
        let mut versions: HashMap<_, i64> = HashMap::new();
        for (place, change) in changes.iter().enumerate() {
            assert_eq!(change.position, Position(place as i64 + 1));
            let version = versions.entry(change.record.0).or_default();
            *version += 1;
            assert_eq!(change.version, *version);
        }
    });
}

#[test]
fn a_late_commit_gets_a_later_position() {
    on_postgres(
        |settings| settings.write_threads = 4,
        async |engine, _| {
            prepare(engine).await;
            let (waiting, mut is_waiting) = tokio::sync::mpsc::unbounded_channel();
            let (go, may_go) = std::sync::mpsc::channel::<()>();
            let may_go = std::sync::Mutex::new(may_go);
            let slow = run(engine, move |statements| {
                log::append(statements, &change(1, 1))?;
                statements.flush()?;
                waiting.send(()).unwrap();
                let _ended = may_go.lock().unwrap().recv();
                Ok(0)
            });
            let quick = async {
                is_waiting.recv().await.unwrap();
                // The slow one holds the lower number and is not visible yet.
                for _ in 0..5 {
                    run(engine, |statements| logged(statements, 2)).await.unwrap();
                }
                assert_eq!(all(engine, 5).await.len(), 5);
                go.send(()).unwrap();
            };
            let (slow, ()) = tokio::join!(slow, quick);
            slow.unwrap();
            let changes = all(engine, 6).await;
            assert_eq!(changes.len(), 6);
            assert_eq!(changes[5].record, record(1));
        },
    );
}

#[test]
fn two_nodes_number_one_log() {
    on_postgres(
        |settings| settings.write_threads = 4,
        async |engine, database| {
            prepare(engine).await;
            let mut settings = mains_database::engine::EngineSettings::postgres(&database.url);
            settings.write_threads = 4;
            let other = Engine::open(&settings, Arc::new(SystemClock)).await.unwrap();
            let one = |place: i64| {
                let engine = if place % 2 == 0 { engine } else { &other };
                run(engine, move |statements| logged(statements, 1))
            };
            let answers = join_all((0..60).map(one)).await;
            assert!(answers.iter().all(Result::is_ok));
            // Connections die, the lease among them: somebody goes on.
            database.terminate().await;
            let answers = join_all((60..120).map(one)).await;
            let stored = answers.iter().filter(|answer| answer.is_ok()).count();
            let count = number(engine, "SELECT count FROM counters WHERE id = 1").await.unwrap();
            assert!(count >= 60 + stored as i64);
            for node in [engine, &other] {
                let changes = all(node, usize::try_from(count).unwrap()).await;
                let versions: Vec<_> = changes.iter().map(|change| change.version).collect();
                assert_eq!(versions, (1..=count).collect::<Vec<_>>());
            }
            other.close().await;
        },
    );
}

#[test]
fn a_follower_misses_nothing_and_doubles_nothing() {
    on_both(async |engine| {
        prepare(engine).await;
        run(engine, |statements| logged(statements, 1)).await.unwrap();
        let first = Follower::open(engine, "sums", Start::Beginning).await.unwrap();
        let handler = Arc::new(|statements: &mut dyn Statements, changes: &[Change]| {
            for _ in changes {
                count_up(statements, 2)?;
            }
            Ok(())
        });
        for _ in 0..50 {
            run(engine, |statements| logged(statements, 1)).await.unwrap();
        }
        all(engine, 51).await;
        // Two of the same name at once, and one that fails in the middle.
        let second = Follower::open(engine, "sums", Start::Now).await.unwrap();
        let failing = Arc::new(|statements: &mut dyn Statements, _: &[Change]| {
            count_up(statements, 2)?;
            Err(Error::conflict("no", "No."))
        });
        assert_eq!(first.step(&failing).await.unwrap_err().code(), "no");
        let (one, two) = tokio::join!(first.step(&handler), second.step(&handler));
        assert!(one.unwrap() + two.unwrap() >= 51);
        while first.step(&handler).await.unwrap() > 0 {}
        assert_eq!(number(engine, "SELECT count FROM counters WHERE id = 2").await.unwrap(), 51);
    });
}

#[test]
fn a_running_follower_hears_of_changes_and_stops() {
    on_both(async |engine| {
        prepare(engine).await;
        let follower = Follower::open(engine, "ears", Start::Now).await.unwrap();
        let (heard, mut hears) = tokio::sync::mpsc::unbounded_channel();
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let handler = move |_: &mut dyn Statements, changes: &[Change]| {
            for change in changes {
                heard.send(change.version).unwrap();
            }
            Ok(())
        };
        let running = follower.run(handler, stopped);
        let writing = async {
            for version in 1..=5 {
                run(engine, |statements| logged(statements, 1)).await.unwrap();
                assert_eq!(hears.recv().await, Some(version));
            }
            stop.send(true).unwrap();
        };
        let (ended, ()) = tokio::join!(running, writing);
        ended.unwrap();
    });
}

#[test]
fn a_rollback_leaves_no_change() {
    on_both(async |engine| {
        prepare(engine).await;
        let undone = run(engine, |statements| {
            logged(statements, 1)?;
            statements.execute("INSERT INTO counters VALUES (1, 1)", &[], None).map(|_| 0)
        });
        assert!(undone.await.is_err());
        run(engine, |statements| logged(statements, 1)).await.unwrap();
        assert_eq!(all(engine, 1).await.len(), 1);
        let table =
            if engine.dialect() == Dialect::Sqlite { "mains_changes" } else { "mains_changes_positions" };
        assert_eq!(number(engine, &format!("SELECT count(*) FROM {table}")).await.unwrap(), 1);
    });
}
