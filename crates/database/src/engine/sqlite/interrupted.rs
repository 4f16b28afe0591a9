//! The trap of an interrupt: SQLite rolls the whole transaction back, and what follows would commit by itself.

use std::path::Path;
use std::sync::Arc;

use mains_base::{Result, Value};
use rusqlite::functions::FunctionFlags;

use super::checkpoint::Checkpoints;
use super::connection::Opener;
use super::group::Writer;
use crate::engine::Statements;
use crate::engine::commits::Commits;
use crate::engine::job::{Answer, Job, Task, Work};
use crate::engine::queue::Queue;
use crate::engine::settings::EngineSettings;

/// Inserts rows until the connection is interrupted among them.
const INTERRUPTED: &str = "INSERT INTO counted SELECT i, interrupt_at(i, 500) FROM \
    (WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT i FROM n)";

/// A writer whose connection can interrupt itself: `interrupt_at(i, 500)` calls `sqlite3_interrupt` at row 1500.
fn writer(path: &Path, queue: &Arc<Queue>, cautious: u32) -> Writer {
    let mut writer = Writer {
        opener: Opener::new(path, &EngineSettings::sqlite(path)),
        connection: None,
        authorizer: None,
        protected: Arc::default(),
        queue: Arc::clone(queue),
        commits: Arc::new(Commits::new()),
        checkpoints: Arc::new(Checkpoints::default()),
        cautious,
    };
    writer.connected().unwrap();
    let connection = writer.connection.as_ref().unwrap();
    let handle = connection.get_interrupt_handle();
    let interrupt = move |context: &rusqlite::functions::Context<'_>| {
        let (row, at) = (context.get::<i64>(0)?, context.get::<i64>(1)?);
        if row == 1000 + at {
            handle.interrupt();
        }
        Ok(row)
    };
    connection.create_scalar_function("interrupt_at", 2, FunctionFlags::SQLITE_UTF8, interrupt).unwrap();
    connection
        .execute_batch("CREATE TABLE IF NOT EXISTS counted (id INTEGER PRIMARY KEY, by INTEGER)")
        .unwrap();
    writer
}

/// An innocent closure: one row.
fn innocent(id: i64) -> Job {
    Arc::new(move |statements| {
        statements.execute("INSERT INTO counted VALUES ($1, 0)", &[Value::Int(id)], None)?;
        Ok(Box::new(id) as Answer)
    })
}

/// One that is interrupted in the middle of many rows; it may look away.
fn interrupted(id: i64, looks_away: bool) -> Job {
    Arc::new(move |statements| {
        statements.execute("INSERT INTO counted VALUES ($1, 0)", &[Value::Int(id)], None)?;
        let mut many = |statements: &mut dyn Statements| -> Result<()> {
            statements.execute(INTERRUPTED, &[], None).map(drop)
        };
        let outcome = if looks_away { statements.savepoint(&mut many) } else { many(statements) };
        if !looks_away {
            outcome?;
        }
        Ok(Box::new(id) as Answer)
    })
}

/// Which of 60 closures were stored, every tenth of them interrupted, and which rows there are then.
fn outcome(cautious: u32, looks_away: bool) -> (Vec<i64>, Vec<i64>) {
    let folder = tempfile::tempdir().unwrap();
    let queue = Arc::new(Queue::new(64));
    let writer = writer(&folder.path().join("mains.db"), &queue, cautious);
    let push = |id: i64| {
        let job = if id % 10 == 4 { interrupted(id, looks_away) } else { innocent(id) };
        let (task, answer) = Task::new(Work::Shared(job), &[]);
        assert!(queue.push(task).is_ok());
        answer
    };
    let answers: Vec<_> = (0..60).map(push).collect();
    queue.close();
    let opener = writer.opener.clone();
    writer.work();
    let stored = answers.into_iter().filter_map(|answer| answer.blocking_recv().unwrap().ok());
    let stored = stored.map(|id| *id.downcast::<i64>().unwrap()).collect();
    let reader = opener.writer().unwrap();
    let mut rows = reader.prepare("SELECT id FROM counted ORDER BY id").unwrap();
    let rows = rows.query_map([], |row| row.get(0)).unwrap().map(|id| id.unwrap()).collect();
    (stored, rows)
}

#[test]
fn an_interrupt_takes_the_whole_transaction_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let writer = writer(&folder.path().join("mains.db"), &Arc::new(Queue::new(1)), 0);
    let connection = writer.connection.as_ref().unwrap();
    connection
        .execute_batch("BEGIN IMMEDIATE; INSERT INTO counted VALUES (1, 1); SAVEPOINT closure")
        .unwrap();
    assert!(connection.execute(INTERRUPTED, []).is_err());
    // This is why the writer asks after each closure: the first row is gone, and what follows commits by itself.
    assert!(connection.is_autocommit());
}

#[test]
fn an_interrupt_in_a_group_is_its_own_closures_alone() {
    let innocent: Vec<i64> = (0..60).filter(|id| id % 10 != 4).collect();
    for cautious in [0, 1_000] {
        for looks_away in [false, true] {
            let (stored, rows) = outcome(cautious, looks_away);
            assert_eq!(stored, innocent, "{cautious} {looks_away}");
            assert_eq!(rows, innocent, "{cautious} {looks_away}");
        }
    }
}
