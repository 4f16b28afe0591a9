//! The log against the tables: whoever follows all of it from the first position on has what is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Error, Result};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mains_base::SystemClock;
use mains_database::engine::{Engine, EngineSettings, ReadQuery, Route};
use mains_database::log::{Change, Op, Position, read};
use mains_testkit::wire::Wire;
use serde_json::{Map, Value};

/// The fields of each collection that the log is compared by.
const COMPARED: [(&str, &[&str]); 2] =
    [("entries", &["writer", "number", "body"]), ("things", &["name", "count", "tags"])];
/// So long may the sequencer take to give the last change its position.
const PATIENCE: Duration = Duration::from_secs(20);

/// All records of a collection, by pages: the fields that are compared, and the version.
pub(crate) fn records(port: u16, collection: &str) -> Result<Vec<Value>> {
    let mut wire = Wire::open(port, "")?;
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let answer = wire.call("GET", &format!("/api/{collection}?limit=500{cursor}"), None)?;
        if answer.status != 200 {
            return Err(Error::other(format!("the list answers {}", answer.status)));
        }
        let page = answer.json();
        let items = page.get("items").and_then(Value::as_array).into_iter().flatten();
        all.extend(items.map(|record| part(collection, record)));
        match page.get("next").and_then(Value::as_str) {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(all),
        }
    }
}

/// What both collections hold now, to be compared once the server has ended.
pub(crate) fn stored(port: u16) -> Result<BTreeSet<String>> {
    let mut all = BTreeSet::new();
    for (collection, _) in COMPARED {
        all.extend(records(port, collection)?.iter().map(|record| format!("{collection} {record}")));
    }
    Ok(all)
}

/// The compared fields of a record, and its version.
fn part(collection: &str, record: &Value) -> Value {
    let fields = COMPARED.iter().find(|(name, _)| *name == collection).map_or(&[][..], |(_, fields)| *fields);
    let names = fields.iter().copied().chain(["version"]);
    names
        .map(|name| (name.to_owned(), record.get(name).cloned().unwrap_or_default()))
        .collect::<Map<_, _>>()
        .into()
}

/// How many records are otherwise in the log than in the tables, positions that are missing included. The server must
/// have ended.
pub(crate) fn differences(settings: &EngineSettings, tables: &BTreeSet<String>) -> Result<usize> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let told = |error: mains_base::Error| Error::other(format!("the log cannot be read: {error:?}"));
    let changes = runtime.block_on(async {
        let engine = Engine::open(settings, Arc::new(SystemClock)).await?;
        let changes = all(&engine).await;
        engine.close().await;
        changes
    });
    let mut follower = Follower::default();
    for change in &changes.map_err(told)? {
        follower.take(change);
    }
    Ok(follower.odd + follower.held().symmetric_difference(tables).count())
}

/// The same over a copy of the files in a folder, so that nothing is changed there.
pub(crate) fn differences_in(folder: &Path, tables: &BTreeSet<String>) -> Result<usize> {
    let copy = tempfile::tempdir()?;
    let mut database = None;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        // By the node itself: a listing of the folder may not know.
        if entry.metadata()?.is_file() {
            let to = copy.path().join(entry.file_name());
            std::fs::write(&to, std::fs::read(entry.path())?)?;
            let is_database = entry.path().extension().is_some_and(|end| end == "db" || end == "sqlite");
            database = if is_database { Some(to) } else { database };
        }
    }
    let database = database.ok_or_else(|| Error::other("there is no database in the folder"))?;
    differences(&EngineSettings::sqlite(database), tables)
}

async fn all(engine: &Engine) -> mains_base::Result<Vec<Change>> {
    let started = Instant::now();
    let mut changes: Vec<Change> = Vec::new();
    loop {
        let last = changes.last().map_or(Position(0), |change| change.position);
        let more = read(engine, last, 1_000).await?;
        if more.is_empty() {
            let query = ReadQuery {
                text: "SELECT count(*) FROM mains_changes".into(),
                parameters: Vec::new(),
                route: Route::Pool,
            };
            let count = engine.read(query, |rows| match rows.next()? {
                Some(row) => row.int(0),
                None => Ok(None),
            });
            if count.await? == i64::try_from(changes.len()).ok() || started.elapsed() > PATIENCE {
                return Ok(changes);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        changes.extend(more);
    }
}

/// Whoever follows the log and keeps what it says.
#[derive(Default)]
struct Follower {
    position: i64,
    records: BTreeMap<(String, [u8; 16]), Value>,
    /// Gaps, changes of what is not there, old values that were others.
    odd: usize,
}

impl Follower {
    fn take(&mut self, change: &Change) {
        self.odd += usize::from(change.position.0 != self.position + 1);
        self.position = change.position.0;
        let data: Value =
            change.data.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let mut record = data.get("record").cloned().unwrap_or_default();
        if let Some(fields) = record.as_object_mut() {
            fields.insert("version".to_owned(), change.version.into());
        }
        let key = (change.collection.clone(), change.record.0);
        let now = part(&change.collection, &record);
        let before = match change.op {
            Op::Delete => self.records.remove(&key),
            Op::Create | Op::Update => self.records.insert(key, now.clone()),
        };
        let is_right = match (change.op, before) {
            (Op::Create, before) => before.is_none(),
            (Op::Delete, before) => before.is_some_and(|before| before == now),
            (Op::Update, before) => before.is_some_and(|before| fits(&before, &data)),
        };
        self.odd += usize::from(!is_right);
    }

    fn held(&self) -> BTreeSet<String> {
        let compared = |name: &str| COMPARED.iter().any(|(collection, _)| *collection == name);
        let held = self.records.iter().filter(|((collection, _), _)| compared(collection));
        held.map(|((collection, _), record)| format!("{collection} {record}")).collect()
    }
}

/// Whether the old values of a change are those that the record had.
fn fits(before: &Value, data: &Value) -> bool {
    let old = data.get("old").and_then(Value::as_object).into_iter().flatten();
    old.into_iter().all(|(name, value)| before.get(name).is_none_or(|held| held == value))
}

#[cfg(test)]
mod tests {
    use mains_base::{Time, Uuid};
    use serde_json::json;

    use super::*;

    fn change(position: i64, op: Op, data: &Value) -> Change {
        Change {
            position: Position(position),
            transaction: position,
            at: Time::from_micros(0),
            collection: "things".to_owned(),
            record: Uuid([7; 16]),
            op,
            version: position,
            actor: None,
            request: None,
            event: None,
            data: Some(data.to_string()),
            touched: Vec::new(),
        }
    }

    /// What is odd about a log, and how many records it leaves.
    fn followed(changes: &[Change]) -> (usize, usize) {
        let mut follower = Follower::default();
        for change in changes {
            follower.take(change);
        }
        (follower.odd, follower.held().len())
    }

    #[test]
    fn a_log_that_does_not_hold_together_is_found_out() {
        let one = json!({"record": {"name": "a", "count": 1, "tags": []}});
        let two = json!({"record": {"name": "a", "count": 2, "tags": []}, "old": {"count": 1, "version": 1}});
        let made = change(1, Op::Create, &one);
        assert_eq!(followed(&[made.clone(), change(2, Op::Update, &two)]), (0, 1));
        // A gap; a change whose old value was another; a change, an end and a second beginning of what is not so.
        assert_eq!(followed(&[made.clone(), change(3, Op::Update, &two)]), (1, 1));
        let other = json!({"record": {"name": "a", "count": 2}, "old": {"count": 9}});
        assert_eq!(followed(&[made.clone(), change(2, Op::Update, &other)]), (1, 1));
        assert_eq!(followed(&[change(1, Op::Update, &two)]), (1, 1));
        assert_eq!(followed(&[change(1, Op::Delete, &one)]), (1, 0));
        assert_eq!(followed(&[made.clone(), change(2, Op::Create, &one)]), (1, 1));
    }
}
