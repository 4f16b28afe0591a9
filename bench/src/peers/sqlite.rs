//! The limit of SQLite in these figures: a loop over rusqlite on each core, or one that writes, and nothing around it.

use std::io::{Error, Result};
use std::path::Path;
use std::time::{Duration, Instant};

use mains_base::{Clock as _, SystemClock, Uuid};
use rusqlite::{Connection, params};

use crate::load::{Outcome, outcome};
use crate::ours::{content, spread_bytes, uuid_of};

const COLUMNS: &str = "id, created, updated, version, title, body, views, public";
/// Records in one durable transaction, as many as callers wait for Mains.
const GROUP: u64 = 64;

fn open(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path).map_err(Error::other)?;
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -64000")
        .map_err(Error::other)?;
    Ok(connection)
}

/// Reads records by id on two threads.
pub(crate) fn get(path: &Path, time: Duration, ids: fn(u64) -> u64) -> Result<Outcome> {
    on_two(time, path, &|connection, number| {
        let sql = format!("SELECT {COLUMNS} FROM posts WHERE id = ?1");
        taken(connection, &sql, params![uuid_of(ids(number)).0])
    })
}

/// Reads the 30 newest records on two threads.
pub(crate) fn list(path: &Path, time: Duration) -> Result<Outcome> {
    on_two(time, path, &|connection, _| {
        let sql = format!("SELECT {COLUMNS} FROM posts ORDER BY created DESC, id DESC LIMIT 31");
        taken(connection, &sql, params![])
    })
}

fn taken(connection: &Connection, sql: &str, key: &[&dyn rusqlite::ToSql]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(key)?;
    while let Some(row) = rows.next()? {
        for column in 0..8 {
            std::hint::black_box(row.get_ref(column)?);
        }
    }
    Ok(())
}

fn on_two(
    time: Duration,
    path: &Path,
    read: &(dyn Fn(&Connection, u64) -> rusqlite::Result<()> + Sync),
) -> Result<Outcome> {
    let begun = Instant::now();
    let one = |first: u64| -> Result<Vec<u32>> {
        let connection = open(path)?;
        let mut latencies = Vec::with_capacity(1 << 20);
        while begun.elapsed() < time {
            let asked = Instant::now();
            read(&connection, first + 2 * latencies.len() as u64).map_err(Error::other)?;
            latencies.push(micros(asked));
        }
        Ok(latencies)
    };
    let both = std::thread::scope(|scope| {
        let other = scope.spawn(|| one(1));
        let mut latencies = one(0)?;
        latencies.extend(other.join().map_err(|_| Error::other("a loop panicked"))??);
        Ok::<_, Error>(latencies)
    })?;
    Ok(outcome(both, 0, begun.elapsed()))
}

fn micros(since: Instant) -> u32 {
    u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX)
}

/// Makes records with their log rows, 64 in one durable transaction.
pub(crate) fn create(path: &Path, time: Duration) -> Result<Outcome> {
    let connection = open(path)?;
    let begun = Instant::now();
    let mut latencies = Vec::with_capacity(1 << 20);
    while begun.elapsed() < time {
        let asked = Instant::now();
        group(&connection, latencies.len() as u64).map_err(Error::other)?;
        let took = micros(asked);
        latencies.extend((0..GROUP).map(|_| took));
    }
    Ok(outcome(latencies, 0, begun.elapsed()))
}

fn group(connection: &Connection, first: u64) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    for number in first..first + GROUP {
        let now = SystemClock.now();
        let id = Uuid::v7(now, spread_bytes(number));
        let (title, body) = content(number);
        let (now, views, public) = (now.micros(), (number % 1000) as i64, number.is_multiple_of(2));
        let data = serde_json::json!({
            "id": String::from_utf8_lossy(&id.suffix()), "created": now, "updated": now, "version": 1,
            "title": title, "body": body, "views": views, "public": public,
        });
        let row = format!("INSERT INTO posts ({COLUMNS}) VALUES (?1, ?2, ?2, 1, ?3, ?4, ?5, ?6)");
        connection.prepare_cached(&row)?.execute(params![id.0, now, title, body, views, public])?;
        let log = "INSERT INTO mains_changes (tx, at, collection, record, op, version, data) VALUES (?1, ?1, 'posts', ?2, 1, 1, ?3)";
        connection.prepare_cached(log)?.execute(params![now, id.0, data.to_string()])?;
    }
    connection.execute_batch("COMMIT")
}
