//! Copies of a database while it is written: one state, whole, and back into either database.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mains_base::{Caller, Uuid};
use mains_database::backup::{self, Progress, SavedTable};
use mains_database::dialect::Dialect;
use mains_database::engine::{Engine, EngineSettings, Statements};
use mains_database::write::records;
use mains_database::{Db, log};
use mains_language::schema::Schema;
use mains_testkit::{TestDb, on_both_with};
use serde_json::json;

use crate::writes::site::{Site, schema_of};

/// Every kind of column, links in a circle, and two collections that agree in every state.
const FILES: &[(&str, &str)] = &[
    (
        "people",
        "prefix = \"person\"\n[fields.name]\ntype = \"text\"\nignore_case = true\n[fields.mail]\ntype = \"email\"\n\
         [fields.friend]\ntype = \"relation\"\nto = \"people\"\n[fields.teams]\ntype = \"relation\"\nto = \"teams\"\nmany = true\n\
         [fields.words]\ntype = \"text\"\nignore_case = true\nmany = true\n",
    ),
    (
        "teams",
        "prefix = \"team\"\n[fields.head]\ntype = \"relation\"\nto = \"people\"\n[fields.open]\ntype = \"bool\"\n\
         [fields.ratio]\ntype = \"number\"\n[fields.price]\ntype = \"money\"\n[fields.born]\ntype = \"date\"\n\
         [fields.at]\ntype = \"datetime\"\n[fields.more]\ntype = \"json\"\n",
    ),
    (
        "tasks",
        "prefix = \"task\"\n[fields.team]\ntype = \"relation\"\nto = \"teams\"\n[fields.number]\ntype = \"integer\"\nsequence = \"team\"\n",
    ),
    ("debits", "prefix = \"debit\"\n[fields.count]\ntype = \"integer\"\n"),
    ("credits", "prefix = \"credit\"\n[fields.count]\ntype = \"integer\"\n"),
];

fn schema() -> Arc<Schema> {
    schema_of(FILES)
}

async fn fill(site: &Site) {
    let system = Caller::system();
    let team = json!({"open": true, "ratio": 0.300_000_000_000_000_04, "price": {"amount": 1999, "currency": "EUR"},
        "born": "2000-02-29", "at": "2026-01-02T03:04:05.678901Z", "more": {"ü": [1, null]}});
    let team = site.create(&system, "teams", team).await.unwrap().id;
    let name = |id| site.text("teams", id);
    let ada = json!({"name": "Ada \"x\"\n", "mail": "Ada@Mail.Example", "teams": [name(team)], "words": ["One", "two"]});
    let ada = site.create(&system, "people", ada).await.unwrap().id;
    let bob = json!({"name": "Bob", "friend": site.text("people", ada)});
    let bob = site.create(&system, "people", bob).await.unwrap().id;
    let circle = json!({"friend": site.text("people", bob)});
    site.update(&system, site.target("people", ada), circle).await.unwrap();
    let head = json!({"head": site.text("people", ada)});
    site.update(&system, site.target("teams", team), head).await.unwrap();
    for _ in 0..3 {
        site.create(&system, "tasks", json!({"team": name(team)})).await.unwrap();
    }
    for side in ["debits", "credits"] {
        site.create(&system, side, json!({"count": 0})).await.unwrap();
    }
}

/// Counts both sides up, always together, until it is told to stop.
async fn write(db: Db, schema: Arc<Schema>, stop: Arc<AtomicBool>) -> usize {
    let mut written = 0;
    while !stop.load(Ordering::SeqCst) {
        let schema = Arc::clone(&schema);
        let both = db.write(&[], move |tx| {
            for side in ["debits", "credits"] {
                let collection = schema.find(side).unwrap();
                let rows = tx.query(&format!("SELECT id FROM \"{side}\""), &[])?;
                let id = rows.0[0].id(0)?.unwrap();
                let count = collection.find("count").unwrap().id;
                let mut input = mains_database::write::Input::default();
                let one = mains_database::write::Sent::AddNumber(mains_base::Value::Int(1));
                input.values.push((count, one));
                let target = records::Target::id(collection.id, id);
                records::update(tx, &Caller::system(), &target, &input)?;
            }
            Ok(())
        });
        written += usize::from(both.await.is_ok());
    }
    written
}

/// Copies while somebody writes.
#[expect(clippy::disallowed_methods, reason = "the test waits for this task's end")]
async fn copied<T>(site: &Site, copy: impl Future<Output = T>) -> T {
    let stop = Arc::new(AtomicBool::new(false));
    let writing =
        tokio::task::spawn(write(site.db.clone(), Arc::clone(&site.test.schema), Arc::clone(&stop)));
    let mut committed = site.db.engine().committed();
    committed.changed().await.unwrap();
    let copy = copy.await;
    // The copy kept nobody waiting for good.
    committed.mark_unchanged();
    committed.changed().await.unwrap();
    stop.store(true, Ordering::SeqCst);
    assert!(writing.await.unwrap() > 1);
    copy
}

async fn saved(engine: &Engine, folder: &Path) -> Vec<SavedTable> {
    backup::save(engine, folder, &Arc::default()).await.unwrap()
}

/// All saved lines of the site's own tables.
fn lines(folder: &Path, tables: &[SavedTable]) -> Vec<(String, Vec<String>)> {
    let read = |table: &SavedTable| {
        let text = std::fs::read_to_string(folder.join(format!("{}.jsonl", table.name))).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        (table.name.clone(), lines)
    };
    tables.iter().map(read).collect()
}

async fn counts(engine: &Engine) -> Vec<i64> {
    let read = |statements: &mut dyn Statements| {
        let sides = ["debits", "credits"].map(|side| format!("SELECT count FROM \"{side}\""));
        sides.iter().map(|sql| Ok(statements.query(sql, &[])?.0[0].int(0)?.unwrap())).collect()
    };
    engine.snapshot(read).await.unwrap()
}

async fn timeline(engine: &Engine) -> Uuid {
    log::timeline(engine).await.unwrap()
}

#[test]
fn rows_are_one_state_and_go_back_into_either_database() {
    on_both_with(schema, |test| async move {
        let site = Site::new(test);
        fill(&site).await;
        let folder = tempfile::tempdir().unwrap();
        let progress = Arc::new(Progress::default());
        let tables = copied(&site, backup::save(site.db.engine(), folder.path(), &progress)).await.unwrap();
        let rows: u64 = tables.iter().map(|table| table.rows).sum();
        assert_eq!(progress.now(), (rows, rows));
        for dialect in [Dialect::Sqlite, Dialect::Postgres] {
            // Over what is there, which goes.
            let other = Site::new(TestDb::with_schema(dialect, schema()).await);
            fill(&other).await;
            assert!(!backup::is_empty(&other.test.engine).await.unwrap());
            let before = timeline(&other.test.engine).await;
            backup::load(&other.test.engine, &schema(), (folder.path(), tables.clone()), &Arc::default())
                .await
                .unwrap();
            assert_ne!(timeline(&other.test.engine).await, before);
            let again = tempfile::tempdir().unwrap();
            let same = saved(&other.test.engine, again.path()).await;
            assert_eq!(lines(again.path(), &same), lines(folder.path(), &tables));
            let counts = counts(&other.test.engine).await;
            assert_eq!(counts[0], counts[1]);
            // What is restored goes on: numbers, links, the log.
            let team = other.text("teams", ids(&other, "teams").await[0]);
            let task = other.create(&Caller::system(), "tasks", json!({"team": team})).await.unwrap().id;
            assert_eq!(other.value("tasks", task, "number").await, 4);
        }
    });
}

async fn ids(site: &Site, collection: &str) -> Vec<Uuid> {
    let sql = format!("SELECT id FROM \"{collection}\"");
    let read = move |statements: &mut dyn Statements| {
        statements.query(&sql, &[])?.0.iter().map(|row| Ok(row.id(0)?.unwrap())).collect()
    };
    site.test.engine.snapshot(read).await.unwrap()
}

#[test]
fn rows_without_a_place_or_not_whole_are_refused_and_change_nothing() {
    on_both_with(schema, |test| async move {
        let site = Site::new(test);
        fill(&site).await;
        let folder = tempfile::tempdir().unwrap();
        let tables = saved(site.db.engine(), folder.path()).await;
        let less = schema_of(&FILES[3..]);
        let load = async |schema: &Arc<Schema>, tables: &[SavedTable]| {
            let tables = tables.to_vec();
            let outcome =
                backup::load(site.db.engine(), schema, (folder.path(), tables), &Arc::default()).await;
            outcome.unwrap_err().code()
        };
        assert_eq!(load(&less, &tables).await, "backup.differs");
        let mut more = tables.clone();
        more[0].rows += 1;
        assert_eq!(load(&schema(), &more).await, "backup.broken");
        let again = tempfile::tempdir().unwrap();
        let same = saved(site.db.engine(), again.path()).await;
        assert_eq!(lines(again.path(), &same), lines(folder.path(), &tables));
    });
}

#[test]
fn the_file_of_sqlite_is_one_state_and_opens_as_a_database() {
    mains_testkit::database::on(Dialect::Sqlite, async || {
        let site = Site::new(TestDb::with_schema(Dialect::Sqlite, schema()).await);
        fill(&site).await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy.db");
        copied(&site, backup::copy_file(site.db.engine(), &path)).await.unwrap();
        assert!(backup::prove_file(&path).unwrap() > 0);
        backup::renew_timeline(&path).unwrap();
        let clock = site.db.clock().clone();
        let copy = Engine::open(&EngineSettings::sqlite(&path), clock).await.unwrap();
        let counts = counts(&copy).await;
        assert_eq!(counts[0], counts[1]);
        assert_ne!(timeline(&copy).await, timeline(site.db.engine()).await);
        copy.close().await;
    });
}

#[test]
fn a_damaged_file_is_not_believed() {
    mains_testkit::database::on(Dialect::Sqlite, async || {
        let site = Site::new(TestDb::with_schema(Dialect::Sqlite, schema()).await);
        fill(&site).await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy.db");
        backup::copy_file(site.db.engine(), &path).await.unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        for page in bytes.chunks_mut(4096).skip(4) {
            page[..64].fill(0xAB);
        }
        std::fs::write(&path, bytes).unwrap();
        assert!(backup::prove_file(&path).is_err());
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_takes_the_place_of_one_that_nobody_has_open() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join("site.db"), folder.path().join("other.db"));
    std::fs::write(&other, "another").unwrap();
    let clock: Arc<dyn mains_base::Clock> = Arc::new(mains_base::SystemClock);
    let engine = Engine::open(&EngineSettings::sqlite(&path), Arc::clone(&clock)).await.unwrap();
    assert_eq!(backup::Owned::take(&path).unwrap_err().code(), "database.locked");
    engine.close().await;
    let own = backup::Owned::take(&path).unwrap();
    let opened = Engine::open(&EngineSettings::sqlite(&path), clock).await;
    assert_eq!(opened.err().unwrap().code(), "database.locked");
    own.replace_by(&other).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"another");
    std::fs::write(folder.path().join("site.db-wal"), "of the old one").unwrap();
    assert_eq!(own.replace_by(&path).unwrap_err().code(), "backup.not_closed");
}
