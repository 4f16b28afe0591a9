//! Looking at jobs, and deciding about those that failed.

use mains_base::{Error, Kind, Result, Time, Value};

use super::store;
use crate::Db;
use crate::engine::{Engine, Row};

/// Jobs of one answer.
const MOST: i64 = 200;

/// Which jobs are listed.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In this state.
    pub state: Option<State>,
    /// Of this name.
    pub name: Option<String>,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// For its moment, or for a free place.
    Waiting,
    /// A process does it now.
    Running,
    /// Kept only so that its key stays known.
    Done,
    /// Given up, with its last error.
    Dead,
}

/// A job as it is listed: without its secret.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Which handler does it.
    pub name: String,
    /// What it is about.
    pub key: String,
    /// How far it is.
    pub state: State,
    /// How often it was begun.
    pub attempts: i64,
    /// Not before this moment.
    pub due: Option<Time>,
    /// When it was enqueued.
    pub made: Time,
    /// When it was done or given up.
    pub ended: Option<Time>,
    /// Why the last attempt failed.
    pub error: Option<String>,
}

impl State {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }

    /// The state of this name.
    pub fn find(name: &str) -> Option<Self> {
        [Self::Waiting, Self::Running, Self::Done, Self::Dead]
            .into_iter()
            .find(|state| state.as_str() == name)
    }

    fn condition(self) -> &'static str {
        match self {
            Self::Waiting => "state = 'waiting' AND holder IS NULL",
            Self::Running => "state = 'waiting' AND holder IS NOT NULL",
            Self::Done => "state = 'done'",
            Self::Dead => "state = 'dead'",
        }
    }
}

/// Up to 200 jobs, the newest first; without a state, all but those that are done.
pub async fn list(engine: &Engine, filter: Filter) -> Result<Vec<Listed>> {
    let state = filter.state.map_or("state <> 'done'", State::condition);
    let name = if filter.name.is_some() { "AND name = $2" } else { "" };
    let text = format!(
        r#"SELECT name, "key", state, holder IS NOT NULL, attempts, due, made, ended, error FROM mains_jobs
        WHERE {state} {name} ORDER BY made DESC, name, "key" LIMIT $1"#
    );
    let parameters: Vec<Value> = [Value::Int(MOST)].into_iter().chain(filter.name.map(Value::from)).collect();
    let rows = engine.snapshot(move |statements| statements.query(&text, &parameters)).await?;
    rows.0.iter().map(listed).collect()
}

fn listed(row: &Row) -> Result<Listed> {
    let text = |column| row.text(column).map(|text| text.unwrap_or_default().to_owned());
    let time = |column| row.int(column).map(|micros| micros.map(Time::from_micros));
    let state = match (row.text(2)?, row.bool(3)?) {
        (Some("waiting"), Some(true)) => State::Running,
        (Some("done"), _) => State::Done,
        (Some("dead"), _) => State::Dead,
        _ => State::Waiting,
    };
    Ok(Listed {
        name: text(0)?,
        key: text(1)?,
        state,
        attempts: row.int(4)?.unwrap_or_default(),
        due: time(5)?.filter(|due| due.micros() != store::AT_ONCE),
        made: time(6)?.unwrap_or(Time::MIN),
        ended: time(7)?,
        error: row.text(8)?.map(str::to_owned),
    })
}

/// Begins a job again that was given up, or that waits after a failure: at once, with all its attempts.
pub async fn retry(db: &Db, name: &str, key: &str) -> Result<()> {
    let text = r#"UPDATE mains_jobs SET state = 'waiting', due = 0, attempts = 0, ended = NULL
        WHERE name = $1 AND "key" = $2 AND state <> 'done' AND holder IS NULL RETURNING attempts"#;
    change(db, text, (name, key), Vec::new()).await
}

/// Lets go of a job that nobody does now: it counts as done, and keeps its key.
pub async fn discard(db: &Db, name: &str, key: &str) -> Result<()> {
    let text = r#"UPDATE mains_jobs SET state = 'done', ended = $3, payload = 'null', secret = NULL
        WHERE name = $1 AND "key" = $2 AND state <> 'done' AND holder IS NULL RETURNING attempts"#;
    change(db, text, (name, key), vec![db.clock().now().micros().into()]).await
}

async fn change(db: &Db, text: &'static str, (name, key): (&str, &str), more: Vec<Value>) -> Result<()> {
    let mut values = vec![Value::from(name), Value::from(key)];
    values.extend(more);
    let changed = db
        .write(&[], move |tx| {
            tx.wake_jobs();
            tx.query(text, &values)
        })
        .await?;
    if changed.0.is_empty() {
        let detail = format!("No job {name} {key} waits or was given up; `mains jobs list` shows them.");
        return Err(Error::new(Kind::NotFound, "jobs.unknown", detail));
    }
    Ok(())
}
