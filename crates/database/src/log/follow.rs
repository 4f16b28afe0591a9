//! Reading the log by name: the cursor moves in the transaction of what was done with the changes.
//!
//! At least once, in order; once only for effects in the same database, on any number of nodes.

use std::sync::Arc;

use mains_base::{Error, Kind, Result, Value};
use tokio::sync::watch;

use super::{Change, Position, first_of, last_of, one_int, read};
use crate::engine::{Engine, Statements};

/// Changes in one batch.
const BATCH: usize = 256;
/// Somebody else moved the cursor: not an error, the batch is theirs.
const MOVED: &str = "log.moved";

/// Where a follower that is new begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the first change that is kept.
    Beginning,
    /// With the next change.
    Now,
}

/// A named reader.
#[derive(Clone)]
pub struct Follower {
    engine: Engine,
    name: String,
}

/// Changes that a follower has not read yet.
#[derive(Clone, Debug)]
pub struct Batch {
    name: String,
    from: Position,
    to: Position,
    /// In order, never empty.
    pub changes: Vec<Change>,
}

impl Batch {
    /// Moves the cursor behind this batch. Belongs into the transaction of its effects: fails when another node was
    /// faster, so that these are undone.
    pub fn settle(&self, statements: &mut dyn Statements) -> Result<()> {
        let moved = statements.execute(
            "UPDATE mains_followers SET position = $3 WHERE name = $1 AND position = $2",
            &[Value::from(self.name.as_str()), Value::Int(self.from.0), Value::Int(self.to.0)],
            None,
        )?;
        if moved == 1 {
            return Ok(());
        }
        Err(Error::new(Kind::Conflict, MOVED, "Another reader of the same name has read these changes."))
    }
}

impl Follower {
    /// The follower of this name; a new one begins at `start`.
    pub async fn open(engine: &Engine, name: &str, start: Start) -> Result<Self> {
        let follower = Value::from(name);
        // The place is looked for in the same transaction: changes that are removed meanwhile are not before it.
        let insert = move |statements: &mut dyn Statements| {
            let text = match start {
                Start::Now => last_of(statements.dialect()),
                Start::Beginning => first_of(statements.dialect()),
            };
            let found = statements.query(text, &[])?.0.first().map_or(Ok(None), |row| row.int(0))?;
            let position = match start {
                Start::Now => found.unwrap_or(0),
                Start::Beginning => found.map_or(0, |first| first - 1),
            };
            let parameters = [follower.clone(), Value::Int(position)];
            let sql = "INSERT INTO mains_followers (name, position) VALUES ($1, $2) ON CONFLICT DO NOTHING";
            statements.execute_later(sql, &parameters, None)?;
            Ok(Box::new(()) as crate::engine::Answer)
        };
        engine.run(&[], Arc::new(insert)).await?;
        Ok(Self { engine: engine.clone(), name: name.to_owned() })
    }

    /// What comes next; `None` when everything is read.
    pub async fn next(&self) -> Result<Option<Batch>> {
        let sql = "SELECT position FROM mains_followers WHERE name = $1";
        let from = one_int(&self.engine, sql, vec![Value::from(self.name.as_str())]).await?;
        let from = from.map(Position).ok_or_else(|| {
            Error::internal(format!("the follower {} was dropped; open it again", self.name))
        })?;
        let changes = read(&self.engine, from, BATCH).await?;
        let to = changes.last().map(|change| change.position);
        Ok(to.map(|to| Batch { name: self.name.clone(), from, to, changes }))
    }

    /// Handles one batch; the number of its changes, 0 when everything is read.
    pub async fn step<F>(&self, handler: &Arc<F>) -> Result<usize>
    where
        F: Fn(&mut dyn Statements, &[Change]) -> Result<()> + Send + Sync + 'static,
    {
        let Some(batch) = self.next().await? else { return Ok(0) };
        let count = batch.changes.len();
        let handler = Arc::clone(handler);
        let job = move |statements: &mut dyn Statements| {
            batch.settle(statements)?;
            handler(statements, &batch.changes)?;
            Ok(Box::new(()) as crate::engine::Answer)
        };
        match self.engine.run_alone(&[], Arc::new(job)).await {
            Ok(_) => Ok(count),
            Err(error) if error.code() == MOVED => Ok(count),
            Err(error) => Err(error),
        }
    }

    /// Handles batch after batch until `stop` is true. A batch that fails is tried again when the log has moved on;
    /// nothing is skipped.
    pub async fn run<F>(&self, handler: F, mut stop: watch::Receiver<bool>) -> Result<()>
    where
        F: Fn(&mut dyn Statements, &[Change]) -> Result<()> + Send + Sync + 'static,
    {
        let handler = Arc::new(handler);
        let mut advanced = self.engine.log_advanced();
        while !*stop.borrow() {
            advanced.mark_unchanged();
            let wait = match self.step(&handler).await {
                Ok(0) => IDLE,
                Ok(_) => continue,
                Err(error) => {
                    tracing::error!(follower = self.name, ?error, "a follower of the log failed");
                    AFTER_FAILURE
                }
            };
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                _ = tokio::time::timeout(wait, advanced.changed()) => {}
            }
        }
        Ok(())
    }
}

/// Without news, a look at the log is taken all the same after this time.
const IDLE: std::time::Duration = std::time::Duration::from_secs(5);
const AFTER_FAILURE: std::time::Duration = std::time::Duration::from_secs(1);
