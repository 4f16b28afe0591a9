//! Traps of SQLite.

use std::sync::Arc;

use mains_base::{Kind, SystemClock, Value};
use mains_database::engine::{Engine, EngineSettings};

use super::*;

/// Another program, which knows nothing of our lock file: whether it could change the file.
#[test]
#[expect(clippy::disallowed_methods, reason = "the test below tells this one what to open")]
fn another_program() {
    let Ok(path) = std::env::var("MAINS_TEST_FILE") else { return };
    let file = rusqlite::Connection::open(path).unwrap();
    file.busy_timeout(std::time::Duration::ZERO).unwrap();
    let changed = file.execute_batch("ALTER TABLE counters ADD COLUMN more INTEGER");
    println!("it said: {}", changed.map_or_else(|error| error.to_string(), |()| "changed".to_owned()));
}

#[test]
fn another_program_changes_nothing_while_the_file_is_open() {
    wait(async {
        let (folder, engine) = sqlite_with(|_| {}).await;
        counters(&engine).await;
        let told = || {
            let mut program = std::process::Command::new(std::env::current_exe().unwrap());
            program.args(["engine::sqlite::another_program", "--exact", "--nocapture"]);
            let output = program.env("MAINS_TEST_FILE", folder.path().join("mains.db")).output().unwrap();
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        let refused = told();
        assert!(refused.contains("it said: database is locked"), "{refused}");
        assert_eq!(run(&engine, |statements| count_up(statements, 1)).await.unwrap(), 1);
        engine.close().await;
        let done = told();
        assert!(done.contains("it said: changed"), "{done}");
    });
}

#[test]
fn one_process_owns_the_folder() {
    wait(async {
        let (folder, engine) = sqlite_with(|_| {}).await;
        let settings = EngineSettings::sqlite(folder.path().join("mains.db"));
        let second = Engine::open(&settings, Arc::new(SystemClock)).await;
        assert_eq!(second.err().unwrap().code(), "database.locked");
        engine.close().await;
        assert!(Engine::open(&settings, Arc::new(SystemClock)).await.is_ok());
    });
}

#[test]
fn an_overrun_moves_to_the_pool_and_then_needs_an_index() {
    wait(async {
        let count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT count(*) FROM n";
        let (_folder, engine) = sqlite_with(|settings| settings.inline_steps = 10_000).await;
        assert_eq!(number(&engine, count).await.unwrap(), 100_000);
        let (_folder, engine) = sqlite_with(|settings| {
            settings.inline_steps = 10_000;
            settings.pool_steps = 20_000;
        })
        .await;
        assert_eq!(number(&engine, count).await.unwrap_err().code(), "query.needs_index");
        assert_eq!(number(&engine, "SELECT 1").await.unwrap(), 1);
    });
}

#[test]
fn a_full_disk_refuses_and_reading_goes_on() {
    wait(async {
        let (_folder, engine) = sqlite_with(|settings| settings.max_pages = Some(40)).await;
        counters(&engine).await;
        engine
            .alter(|statements| statements.execute("CREATE TABLE heap (body BLOB)", &[], None).map(drop))
            .await
            .unwrap();
        let grow = || {
            run(&engine, |statements| {
                let body = Value::Bytes(vec![7; 8_000]);
                statements.execute("INSERT INTO heap VALUES ($1)", &[body], None)?;
                Ok(0)
            })
        };
        let count = || run(&engine, |statements| count_up(statements, 1));
        // Innocent closures share the groups of those that find the disk full.
        let mut stored = 0;
        let mut full = 0;
        for _ in 0..40 {
            let (grown, counted) = tokio::join!(grow(), count());
            counted.unwrap();
            match grown {
                Ok(_) => stored += 1,
                Err(error) => {
                    assert_eq!(error.kind(), Kind::OutOfSpace);
                    full += 1;
                }
            }
        }
        assert!(stored > 5 && full > 5, "{stored} {full}");
        assert_eq!(number(&engine, "SELECT count(*) FROM heap").await.unwrap(), stored);
        assert_eq!(number(&engine, "SELECT count FROM counters WHERE id = 1").await.unwrap(), 40);
        run(&engine, |statements| {
            statements.execute("DELETE FROM heap", &[], None)?;
            Ok(0)
        })
        .await
        .unwrap();
        grow().await.unwrap();
    });
}

#[test]
fn a_lost_transaction_runs_again_one_by_one() {
    wait(async {
        let (_folder, engine) = sqlite_with(|_| {}).await;
        counters(&engine).await;
        // RAISE(ROLLBACK) rolls back everything, as an interrupted INSERT, a full disk or an I/O error may.
        engine
            .alter(|statements| {
                let trigger = "CREATE TRIGGER all_of_it BEFORE INSERT ON counters WHEN new.count < 0 BEGIN SELECT RAISE(ROLLBACK, 'gone'); END";
                statements.execute(trigger, &[], None).map(drop)
            })
            .await
            .unwrap();
        let closure = |place: i64| {
            run(&engine, move |statements| {
                let count = count_up(statements, 1)?;
                if place % 5 == 0 {
                    // Ignoring the failure does not help: nothing commits by itself.
                    let _lost = statements.savepoint(&mut |statements| {
                        statements.execute("INSERT INTO counters VALUES (3, -1)", &[], None).map(drop)
                    });
                }
                Ok(count)
            })
        };
        let answers = futures_util::future::join_all((0..100).map(closure)).await;
        let stored = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(stored, 80);
        assert_eq!(number(&engine, "SELECT count FROM counters WHERE id = 1").await.unwrap(), 80);
    });
}

#[test]
fn a_deferred_key_fails_its_own_closure_alone() {
    wait(async {
        let (_folder, engine) = sqlite_with(|_| {}).await;
        counters(&engine).await;
        engine
            .alter(|statements| {
                let table =
                    "CREATE TABLE parts (of INTEGER REFERENCES counters(id) DEFERRABLE INITIALLY DEFERRED)";
                statements.execute(table, &[], None).map(drop)
            })
            .await
            .unwrap();
        let closure = |place: i64| {
            run(&engine, move |statements| {
                let part = if place % 10 == 0 { 99 } else { 1 };
                statements.execute("INSERT INTO parts VALUES ($1)", &[Value::Int(part)], None)?;
                Ok(0)
            })
        };
        let answers = futures_util::future::join_all((0..50).map(closure)).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 45);
        assert_eq!(number(&engine, "SELECT count(*) FROM parts").await.unwrap(), 45);
    });
}

#[test]
fn a_full_queue_is_busy_and_a_caller_who_left_is_skipped() {
    wait(async {
        let (_folder, engine) = sqlite_with(|settings| settings.queue = 3).await;
        counters(&engine).await;
        let (started, mut has_started) = tokio::sync::mpsc::unbounded_channel();
        let (go, may_go) = std::sync::mpsc::channel::<()>();
        let may_go = std::sync::Mutex::new(may_go);
        let writer = engine.clone();
        let slow = tokio::runtime::Handle::current().spawn(async move {
            let slow = move |_: &mut dyn Statements| {
                started.send(()).unwrap();
                let _ended = may_go.lock().unwrap().recv();
                Ok(0)
            };
            run(&writer, slow).await
        });
        has_started.recv().await.unwrap();
        // The writer is held: three wait, the fourth is turned away at once.
        let mut waiting: Vec<_> =
            (0..3).map(|_| Box::pin(run(&engine, |statements| count_up(statements, 1)))).collect();
        for one in &mut waiting {
            assert!(futures_util::FutureExt::now_or_never(one).is_none());
        }
        let fourth = run(&engine, |statements| count_up(statements, 1)).await;
        assert_eq!(fourth.unwrap_err().code(), "database.busy");
        drop(waiting.pop());
        go.send(()).unwrap();
        slow.await.unwrap().unwrap();
        for one in waiting {
            one.await.unwrap();
        }
        assert_eq!(run(&engine, |statements| count_up(statements, 1)).await.unwrap(), 3);
    });
}
