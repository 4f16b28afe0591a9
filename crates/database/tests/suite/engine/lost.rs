//! PostgreSQL behind a line that fails in the middle of a commit, and a server that crashes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use mains_base::{Kind, Result, SystemClock};
use mains_database::engine::{Engine, EngineSettings};
use mains_testkit::postgres::{Disk, Server};

use super::proxy::{Fate, Proxy};
use super::*;

async fn open(url: &str, retry_for: Duration) -> Engine {
    let mut settings = EngineSettings::postgres(url);
    (settings.write_threads, settings.retry_for) = (1, retry_for);
    settings.statement_timeout = Duration::from_millis(500);
    Engine::open(&settings, Arc::new(SystemClock)).await.unwrap()
}

/// Inserts a row, so that the transaction has its id before COMMIT is sent. Counts how often it ran.
async fn insert(engine: &Engine, runs: &Arc<AtomicI64>) -> Result<i64> {
    let runs = Arc::clone(runs);
    run(engine, move |statements| {
        let run = runs.fetch_add(1, Ordering::SeqCst) + 1;
        let text = "INSERT INTO marks VALUES (1) RETURNING pg_current_xact_id()::text";
        statements.execute_later(text, &[], None)?;
        statements.flush()?;
        Ok(run)
    })
    .await
}

async fn marks(engine: &Engine) -> i64 {
    number(engine, "SELECT count(*) FROM marks").await.unwrap()
}

async fn prepare(engine: &Engine) {
    let made =
        engine.alter(|statements| statements.execute("CREATE TABLE marks (n bigint)", &[], None).map(drop));
    made.await.unwrap();
}

const LONG: Duration = Duration::from_secs(20);

/// The answer of a write whose COMMIT met this, how often it ran, and how many rows there are after a further write.
fn met(fate: Fate, then: Fate, retry_for: Duration) -> (Result<i64>, i64, i64) {
    let mut outcome = None;
    wait(async {
        let database = Database::create().await;
        let proxy = Proxy::to(&database.url).await;
        let engine = open(&proxy.url, retry_for).await;
        prepare(&engine).await;
        let runs = Arc::new(AtomicI64::new(0));
        proxy.next(fate, then);
        let asking = async {
            if fate == Fate::Hold && retry_for == LONG {
                // Asked while it still runs, and again after it has ended.
                proxy.asked().await;
                proxy.release();
            }
        };
        let (answer, ()) = tokio::join!(insert(&engine, &runs), asking);
        let ran = runs.load(Ordering::SeqCst);
        proxy.next(Fate::Pass, Fate::Pass);
        proxy.release();
        // A server that was away is asked again after a moment; each caller is told so until then.
        while let Err(error) = insert(&engine, &runs).await {
            assert_eq!(error.code(), "database.unavailable");
            assert!(error.retry_wait().is_some());
            tokio::task::yield_now().await;
        }
        outcome = Some((answer, ran, marks(&engine).await));
        engine.close().await;
    });
    outcome.unwrap()
}

fn is_unknown(answer: &Result<i64>) -> bool {
    let error = answer.as_ref().unwrap_err();
    error.code() == "outcome_unknown" && error.kind() == Kind::Unavailable && error.retry_wait().is_some()
}

#[test]
fn a_commit_whose_answer_was_lost_is_looked_up_and_not_run_again() {
    let (answer, ran, rows) = met(Fate::CutAfter, Fate::Pass, LONG);
    assert_eq!((answer.unwrap(), ran, rows), (1, 1, 2));
}

#[test]
fn a_commit_whose_answer_never_comes_is_looked_up_after_the_sockets_time() {
    let (answer, ran, rows) = met(Fate::Stall, Fate::Pass, LONG);
    assert_eq!((answer.unwrap(), ran, rows), (1, 1, 2));
}

#[test]
fn a_commit_that_never_arrived_is_run_again() {
    let (answer, ran, rows) = met(Fate::CutBefore, Fate::Pass, LONG);
    assert_eq!((answer.unwrap(), ran, rows), (2, 2, 2));
}

#[test]
fn a_transaction_that_still_runs_is_waited_for() {
    let (answer, ran, rows) = met(Fate::Hold, Fate::Pass, LONG);
    assert_eq!((answer.unwrap(), ran, rows), (2, 2, 2));
}

#[test]
fn a_transaction_that_runs_too_long_is_unknown_and_not_run_again() {
    let (answer, ran, rows) = met(Fate::Hold, Fate::Pass, Duration::from_millis(200));
    assert!(is_unknown(&answer));
    assert_eq!((ran, rows), (1, 1));
}

#[test]
fn a_commit_of_which_nobody_can_tell_is_unknown_and_not_run_again() {
    let (answer, ran, rows) = met(Fate::CutAfter, Fate::Refuse, Duration::from_millis(200));
    assert!(is_unknown(&answer));
    assert_eq!((ran, rows), (1, 2));
}

#[test]
fn a_server_that_is_away_is_503_and_comes_back() {
    wait(async {
        let database = Database::create().await;
        let proxy = Proxy::to(&database.url).await;
        let engine = open(&proxy.url, LONG).await;
        prepare(&engine).await;
        proxy.next(Fate::Refuse, Fate::Refuse);
        database.terminate().await;
        let runs = Arc::default();
        let read = number(&engine, "SELECT count(*) FROM marks").await;
        for answer in [insert(&engine, &runs).await, insert(&engine, &runs).await, read] {
            let error = answer.unwrap_err();
            assert_eq!((error.kind(), error.code()), (Kind::Unavailable, "database.unavailable"));
            assert!(error.retry_wait().is_some());
        }
        proxy.next(Fate::Pass, Fate::Pass);
        assert_eq!(marks(&engine).await, 0);
        while insert(&engine, &runs).await.is_err() {
            tokio::task::yield_now().await;
        }
        assert_eq!(marks(&engine).await, 1);
        engine.close().await;
    });
}

/// After a crash the server gives ids that were not on its disk yet to other transactions: that these were committed
/// says nothing of ours.
#[test]
fn another_transaction_with_the_same_id_is_not_taken_for_ours() {
    wait(async {
        let mut server = Server::start(Disk::Durable).unwrap();
        let proxy = Proxy::to(&server.url()).await;
        let engine = open(&proxy.url, LONG).await;
        prepare(&engine).await;
        let direct = async |url: &str, commands: &[&str]| {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
            tokio::runtime::Handle::current().spawn(connection);
            for command in commands {
                client.batch_execute(command).await.unwrap();
            }
        };
        let late = [
            "ALTER SYSTEM SET wal_writer_delay = '10s'",
            "SELECT pg_reload_conf()",
            "CREATE TABLE others (n bigint)",
        ];
        direct(&server.url(), &late).await;
        let runs = Arc::new(AtomicI64::new(0));
        proxy.next(Fate::Hold, Fate::Refuse);
        let crash = async {
            while runs.load(Ordering::SeqCst) == 0 || !proxy.is_holding() {
                tokio::task::yield_now().await;
            }
            server.kill();
            proxy.release();
            server.restart().unwrap();
            direct(&server.url(), &["INSERT INTO others VALUES (1)"; 20]).await;
            proxy.next(Fate::Pass, Fate::Pass);
        };
        let (answer, ()) = tokio::join!(insert(&engine, &runs), crash);
        let rows = marks(&engine).await;
        match answer {
            Ok(run) => assert_eq!((run, rows), (2, 1)),
            answer => assert!(is_unknown(&answer) && rows == 0, "{answer:?} {rows}"),
        }
        engine.close().await;
    });
}

/// A write whose BEGIN, INSERT and COMMIT travel together, cut by this; and how many rows it left.
async fn cut(engine: &Engine, proxy: &Proxy, fate: Fate) -> (Result<i64>, i64) {
    let before = marks(engine).await;
    proxy.next(fate, Fate::Pass);
    let answer = run(engine, |statements| {
        let text = "INSERT INTO marks VALUES (1) RETURNING pg_current_xact_id()::text";
        statements.execute_later(text, &[], None).map(|()| 1)
    });
    let answer = answer.await;
    proxy.next(Fate::Pass, Fate::Pass);
    (answer, marks(engine).await - before)
}

#[test]
fn a_line_that_is_cut_at_any_byte_loses_and_doubles_nothing() {
    wait(async {
        let database = Database::create().await;
        let proxy = Proxy::to(&database.url).await;
        let engine = open(&proxy.url, LONG).await;
        prepare(&engine).await;
        // What follows is COMMIT's last bytes, behind which the server would store it.
        for count in (0..95).step_by(5) {
            let (answer, rows) = cut(&engine, &proxy, Fate::CutRequest(count)).await;
            assert!(is_unknown(&answer) && rows == 0, "{count}: {answer:?} {rows}");
        }
        let mut known = 0;
        // All but the last bytes of the answer.
        for count in (0..75).step_by(3) {
            let (answer, rows) = cut(&engine, &proxy, Fate::CutAnswer(count)).await;
            assert_eq!(rows, 1, "{count}: {answer:?}");
            if answer.is_ok() {
                known += 1;
            } else {
                // Only where the transaction's id had not come yet.
                assert!(is_unknown(&answer) && known == 0, "{count}: {answer:?}");
            }
        }
        assert!(known > 3, "{known}");
        engine.close().await;
    });
}

#[test]
fn a_lane_whose_shared_commit_is_lost_is_looked_up_once_for_all() {
    wait(async {
        let database = Database::create().await;
        let proxy = Proxy::to(&database.url).await;
        let engine = open(&proxy.url, LONG).await;
        prepare(&engine).await;
        let lanes = [mains_database::engine::Lane::named("marks")];
        let runs = Arc::new(AtomicI64::new(0));
        let one = || {
            let runs = Arc::clone(&runs);
            engine.run(
                &lanes,
                job(move |statements| {
                    runs.fetch_add(1, Ordering::SeqCst);
                    let text = "INSERT INTO marks VALUES (1) RETURNING pg_current_xact_id()::text";
                    statements.execute_later(text, &[], None)?;
                    statements.flush().map(|()| 1)
                }),
            )
        };
        proxy.next(Fate::CutAfter, Fate::CutAfter);
        let answers = futures_util::future::join_all((0..20).map(|_| one())).await;
        proxy.next(Fate::Pass, Fate::Pass);
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!((runs.load(Ordering::SeqCst), marks(&engine).await), (20, 20));
        engine.close().await;
    });
}
