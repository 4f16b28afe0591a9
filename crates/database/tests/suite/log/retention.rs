//! What is kept of the log: by age, by size, never past a follower.

use mains_base::Duration;
use mains_database::log::{Retention, Standing, Waiting};

use super::*;

const WITHOUT_END: i64 = i64::MAX;

fn nothing() -> Retention {
    Retention { age: Duration::from_micros(0).unwrap(), bytes: WITHOUT_END }
}

fn at_most(bytes: i64) -> Retention {
    Retention { age: Duration::MAX, bytes }
}

/// Writes so many changes, a thousand in each transaction, each with a text of so many bytes.
async fn fill(engine: &Engine, changes: i64, bytes: usize) {
    for first in (0..changes).step_by(1_000) {
        let write = move |statements: &mut dyn Statements| {
            let text = "x".repeat(bytes);
            for number in first..changes.min(first + 1_000) {
                log::append(statements, &NewChange { data: Some(&text), ..change(number, 1) })?;
            }
            Ok(0)
        };
        run(engine, write).await.unwrap();
    }
}

async fn kept(engine: &Engine, last: i64) -> i64 {
    let standing = log::standing(engine, Retention::usual()).await.unwrap();
    assert_eq!(log::last(engine).await.unwrap(), Position(last));
    standing.rows
}

/// Waits until the log is so long.
async fn until(engine: &Engine, position: i64) {
    let mut advanced = engine.log_advanced();
    while log::last(engine).await.unwrap() < Position(position) {
        advanced.changed().await.unwrap();
    }
}

#[test]
fn the_log_is_trimmed_but_never_past_a_follower() {
    on_both(async |engine| {
        prepare(engine).await;
        let follower = Follower::open(engine, "slow", Start::Beginning).await.unwrap();
        for _ in 0..30 {
            run(engine, |statements| logged(statements, 1)).await.unwrap();
        }
        all(engine, 30).await;
        assert_eq!(log::trim(engine, nothing()).await.unwrap(), 0);
        let read = Arc::new(|_: &mut dyn Statements, _: &[Change]| Ok(()));
        assert_eq!(follower.step(&read).await.unwrap(), 30);
        assert!(log::drop_follower(engine, "slow").await.unwrap());
        assert!(!log::drop_follower(engine, "slow").await.unwrap());
        // All but the newest, so that positions go on.
        assert_eq!(log::trim(engine, nothing()).await.unwrap(), 29);
        assert_eq!(log::read(engine, Position(3), 10).await.unwrap_err().code(), "log.too_old");
        run(engine, |statements| logged(statements, 1)).await.unwrap();
        until(engine, 31).await;
        assert_eq!(log::read(engine, Position(30), 10).await.unwrap()[0].version, 31);
    });
}

#[test]
fn the_log_keeps_to_its_bytes_in_whole_segments() {
    on_both(async |engine| {
        prepare(engine).await;
        fill(engine, 4_500, 872).await;
        until(engine, 4_500).await;
        let standing = log::standing(engine, at_most(WITHOUT_END)).await.unwrap();
        // 128 for the row, 8 for the name of the collection.
        let row = 128 + 8 + 872;
        assert_eq!((standing.rows, standing.bytes), (4_500, 4_500 * row));
        assert_eq!(log::trim(engine, at_most(4_500 * row)).await.unwrap(), 0);
        assert_eq!(log::trim(engine, at_most(3_400 * row)).await.unwrap(), 2_000);
        assert_eq!(kept(engine, 4_500).await, 2_500);
        let standing = log::standing(engine, at_most(WITHOUT_END)).await.unwrap();
        assert_eq!(standing.bytes, 2_500 * row);
        assert_eq!(log::read(engine, Position(2_000), 1).await.unwrap()[0].position, Position(2_001));
        // What is not a whole segment yet stays.
        assert_eq!(log::trim(engine, at_most(0)).await.unwrap(), 2_000);
        assert_eq!(log::trim(engine, at_most(0)).await.unwrap(), 0);
        fill(engine, 600, 0).await;
        until(engine, 5_100).await;
        assert_eq!(log::trim(engine, at_most(0)).await.unwrap(), 1_000);
        assert_eq!(kept(engine, 5_100).await, 100);
    });
}

#[test]
fn a_follower_that_begins_while_the_log_is_trimmed_misses_nothing_that_it_was_promised() {
    on_both(async |engine| {
        prepare(engine).await;
        fill(engine, 6_000, 0).await;
        until(engine, 6_000).await;
        let beginning = async {
            let mut followers = Vec::new();
            for number in 0..40 {
                let name = format!("late {number}");
                followers.push(Follower::open(engine, &name, Start::Beginning).await.unwrap());
            }
            followers
        };
        let (trimmed, followers) = tokio::join!(log::trim(engine, nothing()), beginning);
        trimmed.unwrap();
        for follower in followers {
            assert!(follower.next().await.unwrap().is_some());
        }
    });
}

#[test]
fn who_holds_the_log_beyond_its_bytes_is_named() {
    on_both(async |engine| {
        prepare(engine).await;
        let search = Follower::open(engine, "search", Start::Beginning).await.unwrap();
        Follower::open(engine, "mail", Start::Beginning).await.unwrap();
        fill(engine, 2_500, 100).await;
        until(engine, 2_500).await;
        let read = Arc::new(|_: &mut dyn Statements, _: &[Change]| Ok(()));
        while search.step(&read).await.unwrap() > 0 {}
        let limit = at_most(1_600 * (128 + 8 + 100));
        assert_eq!(log::trim(engine, limit).await.unwrap(), 0);
        let standing = log::standing(engine, limit).await.unwrap();
        let waiting = |name: &str, behind| Waiting { name: name.to_owned(), behind };
        let expected = Standing {
            rows: 2_500,
            bytes: 2_500 * (128 + 8 + 100),
            followers: vec![waiting("mail", 2_500), waiting("search", 0)],
            held_by: Some("mail".to_owned()),
        };
        assert_eq!(standing, expected);
        // Below the limit nobody holds anything, however far behind.
        assert_eq!(log::standing(engine, at_most(WITHOUT_END)).await.unwrap().held_by, None);
        log::drop_follower(engine, "mail").await.unwrap();
        assert_eq!(log::trim(engine, limit).await.unwrap(), 1_000);
        let standing = log::standing(engine, limit).await.unwrap();
        assert_eq!((standing.rows, standing.held_by), (1_500, None));
    });
}
