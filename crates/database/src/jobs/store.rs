//! Every statement on the tables of jobs, schedules and workers.

use std::sync::Arc;

use mains_base::{Error, Result, Time, Value};

use crate::dialect::Dialect;
use crate::engine::{Answer, Engine, ReadQuery, Route, Row, Rows, Statements};

/// `due` of a job that nobody asked to wait.
pub(super) const AT_ONCE: i64 = 0;

pub(super) const ENQUEUE: &str = r#"INSERT INTO mains_jobs (name, "key", state, payload, secret, due, attempts, made)
    VALUES ($1, $2, 'waiting', $3, $4, $5, 0, $6) ON CONFLICT (name, "key") DO NOTHING"#;

pub(super) const FORGET_ENDED: &str =
    r#"DELETE FROM mains_jobs WHERE name = $1 AND "key" = $2 AND state <> 'waiting'"#;

pub(super) const FINISH: &str = r#"UPDATE mains_jobs SET state = 'done', ended = $5, payload = 'null', secret = NULL,
    holder = NULL, error = NULL WHERE name = $1 AND "key" = $2 AND holder = $3 AND attempts = $4 RETURNING attempts"#;

const POSTPONE: &str = r#"UPDATE mains_jobs SET due = $5, error = $6, holder = NULL
    WHERE name = $1 AND "key" = $2 AND holder = $3 AND attempts = $4"#;

const BURY: &str = r#"UPDATE mains_jobs SET state = 'dead', ended = $5, error = $6, holder = NULL
    WHERE name = $1 AND "key" = $2 AND holder = $3 AND attempts = $4"#;

const IS_HELD: &str =
    r#"SELECT 1 FROM mains_jobs WHERE name = $1 AND "key" = $2 AND holder = $3 AND attempts = $4"#;

const BEAT: &str = "INSERT INTO mains_workers (worker, beat) VALUES ($1, 1) \
    ON CONFLICT (worker) DO UPDATE SET beat = mains_workers.beat + 1";

/// A job that was taken.
pub(super) struct Taken {
    pub(super) key: String,
    pub(super) payload: String,
    pub(super) secret: Option<Vec<u8>>,
    pub(super) attempts: u32,
}

/// Takes up to `room` jobs of a name that are due, the longest due first.
pub(super) fn take(
    statements: &mut dyn Statements,
    holder: [u8; 16],
    (name, room): (&str, usize),
    now: Time,
) -> Result<Vec<Taken>> {
    let skip = match statements.dialect() {
        Dialect::Sqlite => "",
        Dialect::Postgres => "FOR UPDATE SKIP LOCKED",
    };
    let text = format!(
        r#"WITH picked AS MATERIALIZED (SELECT "key" AS taken FROM mains_jobs WHERE state = 'waiting' AND name = $2
        AND due <= $3 AND holder IS NULL ORDER BY due, made LIMIT $4 {skip})
        UPDATE mains_jobs SET holder = $1, attempts = attempts + 1 FROM picked WHERE name = $2 AND "key" = taken
        RETURNING "key", payload, secret, attempts"#
    );
    let values =
        [Value::Bytes(holder.to_vec()), Value::from(name), now.micros().into(), Value::Int(room as i64)];
    statements.query(&text, &values)?.0.iter().map(taken).collect()
}

fn taken(row: &Row) -> Result<Taken> {
    Ok(Taken {
        key: row.text(0)?.unwrap_or_default().to_owned(),
        payload: row.text(1)?.unwrap_or("null").to_owned(),
        secret: row.bytes(2)?.map(<[u8]>::to_vec),
        attempts: row.int(3)?.and_then(|attempts| u32::try_from(attempts).ok()).unwrap_or(u32::MAX),
    })
}

/// Says that this worker lives.
pub(super) fn beat(statements: &mut dyn Statements, holder: [u8; 16]) -> Result<()> {
    statements.execute_later(BEAT, &[Value::Bytes(holder.to_vec())], None)
}

/// The moment at which the next job of one of these names is due, and nobody holds it.
pub(super) async fn next_due(engine: &Engine, names: &[Arc<str>]) -> Result<Option<Time>> {
    let one = |number: usize| {
        format!(
            "SELECT due FROM (SELECT due FROM mains_jobs WHERE state = 'waiting' AND name = ${number} \
             AND holder IS NULL ORDER BY due LIMIT 1) AS first{number}"
        )
    };
    if names.is_empty() {
        return Ok(None);
    }
    let parts: Vec<String> = (1..=names.len()).map(one).collect();
    let text = format!("SELECT min(due) FROM ({}) AS firsts", parts.join(" UNION ALL "));
    let parameters = names.iter().map(|name| Value::from(&**name)).collect();
    let query = ReadQuery { text: text.into(), parameters, route: Route::Inline };
    let due = engine.read(query, |rows| rows.next()?.map_or(Ok(None), |row| row.int(0))).await?;
    Ok(due.map(Time::from_micros))
}

/// Finishes a held job; nothing happens where it is not held any more.
pub(super) async fn finish(engine: &Engine, values: Vec<Value>) -> Result<()> {
    write(engine, move |statements| statements.query(FINISH, &values).map(drop)).await
}

/// Lets a held job wait until a moment.
pub(super) async fn postpone(engine: &Engine, values: Vec<Value>) -> Result<()> {
    write(engine, move |statements| statements.execute_later(POSTPONE, &values, None)).await
}

/// Gives a held job up.
pub(super) async fn bury(engine: &Engine, values: Vec<Value>) -> Result<()> {
    write(engine, move |statements| statements.execute_later(BURY, &values, None)).await
}

/// Whether a job is still held.
pub(super) async fn is_held(engine: &Engine, parameters: Vec<Value>) -> Result<bool> {
    let query = ReadQuery { text: IS_HELD.into(), parameters, route: Route::Inline };
    engine.read(query, |rows| Ok(rows.next()?.is_some())).await
}

/// Everything that another worker than `holder` holds, or this one, goes back to those that wait.
pub(super) async fn release(engine: &Engine, holder: [u8; 16], others: bool) -> Result<()> {
    let compared = if others { "<>" } else { "=" };
    let text =
        format!("UPDATE mains_jobs SET holder = NULL WHERE state = 'waiting' AND holder {compared} $1");
    let workers = format!("DELETE FROM mains_workers WHERE worker {compared} $1");
    write(engine, move |statements| {
        let holder = [Value::Bytes(holder.to_vec())];
        statements.execute_later(&text, &holder, None)?;
        statements.execute_later(&workers, &holder, None)
    })
    .await
}

/// What this worker holds and does not do goes back to those that wait: whether it took that, it never learned.
pub(super) async fn release_unstarted(engine: &Engine, holder: [u8; 16], running: Vec<Value>) -> Result<()> {
    let text = r#"UPDATE mains_jobs SET holder = NULL WHERE state = 'waiting' AND holder = $1
        AND name || ' ' || "key" NOT IN $2"#;
    let values = [Value::Bytes(holder.to_vec()), Value::List(running)];
    committed(engine, move |statements| statements.execute_later(text, &values, None)).await
}

/// What is held by workers that nobody knows any more, as in a database that was restored, goes back as well.
pub(super) async fn release_strangers(engine: &Engine) -> Result<()> {
    let text = "UPDATE mains_jobs SET holder = NULL WHERE state = 'waiting' AND holder IS NOT NULL \
        AND holder NOT IN (SELECT worker FROM mains_workers)";
    committed(engine, move |statements| statements.execute_later(text, &[], None)).await
}

/// The beats of all workers.
pub(super) async fn workers(engine: &Engine) -> Result<Rows> {
    engine
        .snapshot(|statements| statements.query("SELECT worker, beat FROM mains_workers LIMIT 1000", &[]))
        .await
}

/// Releases what a worker held, unless its beat has moved on.
pub(super) async fn declare_dead(engine: &Engine, worker: Vec<u8>, beat: i64) -> Result<()> {
    committed(engine, move |statements| {
        let worker = Value::Bytes(worker.clone());
        let gone = statements.execute(
            "DELETE FROM mains_workers WHERE worker = $1 AND beat = $2",
            &[worker.clone(), Value::Int(beat)],
            None,
        )?;
        if gone == 0 {
            return Ok(());
        }
        let text = "UPDATE mains_jobs SET holder = NULL WHERE state = 'waiting' AND holder = $1";
        statements.execute_later(text, &[worker], None)
    })
    .await
}

/// Jobs that wait after a failure longer than they ever would: the clock was set back since.
pub(super) async fn hasten(engine: &Engine, after: Time) -> Result<()> {
    let text = "UPDATE mains_jobs SET due = 0 WHERE state = 'waiting' AND attempts > 0 AND due > $1 AND error IS NOT NULL";
    write(engine, move |statements| statements.execute_later(text, &[after.micros().into()], None)).await
}

/// Forgets up to a thousand jobs that were done before a moment, and slots before it but the last of each schedule.
pub(super) async fn sweep(engine: &Engine, before: Time) -> Result<u64> {
    let jobs = r#"DELETE FROM mains_jobs WHERE (name, "key") IN
        (SELECT name, "key" FROM mains_jobs WHERE state = 'done' AND ended < $1 ORDER BY ended LIMIT 1000)"#;
    let slots = "DELETE FROM mains_slots WHERE slot < $1 AND slot < (SELECT max(newest.slot) \
        FROM mains_slots AS newest WHERE newest.name = mains_slots.name AND newest.slot < $1)";
    write(engine, move |statements| {
        let before = [before.micros().into()];
        statements.execute_later(slots, &before, None)?;
        statements.execute(jobs, &before, None)
    })
    .await
}

/// Up to where a schedule has made its jobs: its last slot that is not after `now`. A new one begins now.
pub(super) async fn last_slot(engine: &Engine, name: Arc<str>, now: Time) -> Result<Time> {
    write(engine, move |statements| {
        let name = Value::from(&*name);
        let text = "SELECT max(slot) FROM mains_slots WHERE name = $1 AND slot <= $2";
        let rows = statements.query(text, &[name.clone(), now.micros().into()])?;
        if let Some(slot) = rows.0.first().map_or(Ok(None), |row| row.int(0))? {
            return Ok(Time::from_micros(slot));
        }
        let born = Time::from_micros(now.micros() - 1);
        let text = "INSERT INTO mains_slots (name, slot) VALUES ($1, $2) ON CONFLICT (name, slot) DO NOTHING";
        statements.execute_later(text, &[name, born.micros().into()], None)?;
        Ok(born)
    })
    .await
}

/// Claims a slot of a schedule; false when it was claimed before.
pub(super) const CLAIM: &str =
    "INSERT INTO mains_slots (name, slot) VALUES ($1, $2) ON CONFLICT (name, slot) DO NOTHING RETURNING slot";

/// Runs a write and gives its answer its type back.
pub(super) async fn write<T: Send + 'static>(
    engine: &Engine,
    work: impl Fn(&mut dyn Statements) -> Result<T> + Send + Sync + 'static,
) -> Result<T> {
    let job = Arc::new(move |statements: &mut dyn Statements| {
        work(statements).map(|answer| Box::new(answer) as Answer)
    });
    typed(engine.run(&[], job).await?)
}

/// The same READ COMMITTED on PostgreSQL, where rows that others hold are passed over.
pub(super) async fn committed<T: Send + 'static>(
    engine: &Engine,
    work: impl Fn(&mut dyn Statements) -> Result<T> + Send + Sync + 'static,
) -> Result<T> {
    let job = Arc::new(move |statements: &mut dyn Statements| {
        work(statements).map(|answer| Box::new(answer) as Answer)
    });
    typed(engine.run_read_committed(job).await?)
}

fn typed<T: 'static>(answer: Answer) -> Result<T> {
    answer.downcast().map(|answer| *answer).map_err(|_| Error::internal("a write gave another type"))
}
