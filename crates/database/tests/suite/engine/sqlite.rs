//! Traps of SQLite.

use std::sync::Arc;

use futures_util::future::join_all;
use mains_base::{Error, Kind, SystemClock, Value};
use mains_database::engine::{Engine, EngineSettings, ReadQuery, Route, ViolationKind};

use super::*;

#[test]
fn many_closures_lose_nothing() {
    wait(async {
        let (_folder, engine) = sqlite_with(|_| {}).await;
        counters(&engine).await;
        let answers = join_all((0..500).map(|_| run(&engine, |statements| count_up(statements, 1)))).await;
        let mut counts: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        counts.sort_unstable();
        assert_eq!(counts, (1..=500).collect::<Vec<_>>());
        assert_eq!(number(&engine, "SELECT count FROM counters WHERE id = 1").await.unwrap(), 500);
        engine.close().await;
    });
}

#[test]
fn a_failure_and_a_panic_are_their_own() {
    wait(async {
        let (_folder, engine) = sqlite_with(|_| {}).await;
        counters(&engine).await;
        let closure = |place: i64| {
            run(&engine, move |statements| {
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
        assert_eq!(number(&engine, "SELECT count FROM counters WHERE id = 1").await.unwrap(), 10);
    });
}

#[test]
fn a_violation_gets_its_meaning() {
    wait(async {
        let (_folder, engine) = sqlite_with(|_| {}).await;
        counters(&engine).await;
        let answer = run(&engine, |statements| {
            let on_violation: mains_database::engine::OnViolation = Box::new(|violation| {
                assert_eq!(violation.kind, ViolationKind::Unique);
                Error::conflict("taken", violation.name.clone())
            });
            statements.execute_later("INSERT INTO counters VALUES (1, 9)", &[], Some(on_violation))?;
            Ok(0)
        });
        let error = answer.await.unwrap_err();
        assert_eq!((error.code(), error.detail()), ("taken", "counters.id"));
    });
}

#[test]
fn parameters_go_by_number_and_lists_are_one() {
    wait(async {
        let (_folder, engine) = sqlite_with(|_| {}).await;
        counters(&engine).await;
        let query = ReadQuery {
            text: "SELECT $2 - $1, count(*) FROM counters WHERE id IN $3".into(),
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
