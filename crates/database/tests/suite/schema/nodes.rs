//! A node that serves while another program changes the schema of the same PostgreSQL: it writes nothing for the old
//! one, however the two overlap, and goes on where the change only adds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use mains_base::{Result, SystemClock, Value};
use mains_database::Db;
use mains_database::dialect::Dialect;
use mains_database::engine::{Engine, EngineSettings};
use mains_database::schema::{apply, bootstrap, plan};
use mains_database::write::New;
use mains_language::schema::Schema;
use mains_testkit::database::{on, site};
use mains_testkit::server::Database;

const FIXED: &str = "prefix = \"item\"\n[fields.price]\ntype = \"money\"\ncurrency = \"EUR\"\n";
/// Each value says its currency now: who does not know leaves it out.
const FREE: &str = "prefix = \"item\"\n[fields.price]\ntype = \"money\"\n";
/// Only adds.
const MORE: &str = "prefix = \"item\"\n[fields.price]\ntype = \"money\"\ncurrency = \"EUR\"\n\
    [fields.note]\ntype = \"text\"\n[fields.sold]\ntype = \"bool\"\n[fields.of]\ntype = \"relation\"\nto = \"shelves\"\n";
const SHELVES: &str = "prefix = \"shelf\"\n";
const WAIT: Duration = Duration::from_mins(1);

/// A program of its own on a database.
async fn node(database: &Database) -> Db {
    let settings = EngineSettings { write_threads: 4, ..EngineSettings::postgres(database.url()) };
    let engine = Engine::open(&settings, Arc::new(SystemClock)).await.unwrap();
    bootstrap(&engine).await.unwrap();
    Db::over(engine, Arc::new(SystemClock))
}

async fn migrate(db: &Db, schema: &Arc<Schema>) {
    let plan = plan(db.engine(), schema).await.unwrap();
    apply(db.engine(), schema, &plan).await.unwrap();
    db.install(Arc::clone(schema));
}

/// A node that serves the fixed schema, and another program.
async fn two() -> (Database, Db, Db) {
    let database = Database::create().await.unwrap();
    let (serving, other) = (node(&database).await, node(&database).await);
    migrate(&serving, &site(&[("items", FIXED)])).await;
    (database, serving, other)
}

async fn sell(db: &Db, before: impl Fn() + Send + Sync + 'static) -> Result<()> {
    let schema = Arc::clone(&db.epoch().schema);
    let items = schema.find("items").unwrap();
    let (id, price) = (items.id, items.find("price").unwrap().id);
    db.write(&[], move |tx| {
        tx.query("SELECT 1", &[])?;
        before();
        tx.insert(id, &New::of([(price, Value::Int(199))])).map(drop)
    })
    .await
}

async fn count(db: &Db, what: &'static str) -> i64 {
    let rows = db.engine().snapshot(move |statements| statements.query(what, &[])).await.unwrap();
    rows.0[0].int(0).unwrap().unwrap()
}

const WRONG: &str = "SELECT count(*) FROM items WHERE price IS NOT NULL AND price__currency IS NULL";

async fn close(nodes: [Db; 2]) {
    for node in nodes {
        node.engine().close().await;
    }
}

#[test]
fn a_write_that_began_before_the_change_and_stores_behind_it_is_refused() {
    on(Dialect::Postgres, async || {
        let (_database, serving, other) = two().await;
        sell(&serving, || {}).await.unwrap();
        let (began, has_begun) = mpsc::channel();
        let (changed, is_changed) = mpsc::channel::<()>();
        let is_changed = Mutex::new(is_changed);
        let selling = {
            let serving = serving.clone();
            tokio::runtime::Handle::current().spawn(async move {
                let before = move || {
                    began.send(()).unwrap();
                    // Closed behind the first run.
                    let _ = is_changed.lock().unwrap().recv_timeout(WAIT);
                };
                sell(&serving, before).await
            })
        };
        tokio::task::spawn_blocking(move || has_begun.recv_timeout(WAIT).unwrap()).await.unwrap();
        migrate(&other, &site(&[("items", FREE)])).await;
        drop(changed);
        assert_eq!(selling.await.unwrap().unwrap_err().code(), "schema.changed");
        assert_eq!((count(&other, WRONG).await, count(&other, "SELECT count(*) FROM items").await), (0, 1));
        assert!(serving.is_outdated());
        // Nothing else is asked for what is known.
        assert_eq!(sell(&serving, || {}).await.unwrap_err().code(), "schema.changed");
        // Started again, so to say.
        serving.install(site(&[("items", FREE)]));
        assert!(!serving.is_outdated());
        serving.write(&[], |tx| tx.query("SELECT 1", &[])).await.unwrap();
        close([serving, other]).await;
    });
}

/// Sells from several tasks until `enough`; how many were sold, and what ended it.
async fn sell_all_along(db: &Db, enough: &Arc<AtomicBool>) -> Vec<(i64, Option<String>)> {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (db, enough) = (db.clone(), Arc::clone(enough));
        tasks.spawn(async move {
            let mut sold = 0;
            while !enough.load(Ordering::Relaxed) {
                match sell(&db, || {}).await {
                    Ok(()) => sold += 1,
                    Err(error) => return (sold, Some(error.code().to_owned())),
                }
            }
            (sold, None)
        });
    }
    tasks.join_all().await
}

/// Sells while another program brings the database to `schema`.
async fn sell_beside(files: &[(&str, &str)]) -> (Vec<Option<String>>, i64) {
    let (_database, serving, other) = two().await;
    let enough = Arc::new(AtomicBool::new(false));
    let changing = async {
        while count(&other, "SELECT count(*) FROM items").await < 50 {}
        migrate(&other, &site(files)).await;
        let behind = count(&other, "SELECT count(*) FROM items").await + 50;
        while !serving.is_outdated() && count(&other, "SELECT count(*) FROM items").await < behind {}
        enough.store(true, Ordering::Relaxed);
    };
    let (told, ()) = tokio::join!(sell_all_along(&serving, &enough), changing);
    let sold: i64 = told.iter().map(|(sold, _)| sold).sum();
    assert_eq!(sold, count(&other, "SELECT count(*) FROM items").await);
    let wrong = if files.len() == 1 { count(&other, WRONG).await } else { 0 };
    close([serving, other]).await;
    (told.into_iter().map(|(_, ended)| ended).collect(), wrong)
}

#[test]
fn many_writes_beside_a_change_are_stored_before_it_or_not_at_all() {
    on(Dialect::Postgres, async || {
        let (told, wrong) = sell_beside(&[("items", FREE)]).await;
        assert_eq!(wrong, 0);
        assert!(told.iter().any(|ended| ended.as_deref() == Some("schema.changed")), "{told:?}");
        assert!(told.iter().flatten().all(|code| code == "schema.changed"), "{told:?}");
    });
}

#[test]
fn writes_go_on_through_a_change_that_only_adds() {
    on(Dialect::Postgres, async || {
        let (told, _) = sell_beside(&[("items", MORE), ("shelves", SHELVES)]).await;
        assert_eq!(told, vec![None; 6]);
    });
}

#[test]
fn a_node_that_writes_nothing_hears_of_a_change() {
    on(Dialect::Postgres, async || {
        let (_database, serving, other) = two().await;
        let hearing = serving.clone();
        let watching = tokio::runtime::Handle::current()
            .spawn(async move { hearing.watch_schema(std::future::pending::<()>()).await });
        migrate(&other, &site(&[("items", MORE), ("shelves", SHELVES)])).await;
        sell(&serving, || {}).await.unwrap();
        assert!(!serving.is_outdated());
        let free = MORE.replace("currency = \"EUR\"\n", "");
        migrate(&other, &site(&[("items", &free), ("shelves", SHELVES)])).await;
        let deadline = std::time::Instant::now() + WAIT;
        while !serving.is_outdated() {
            assert!(std::time::Instant::now() < deadline, "nobody heard");
            tokio::task::yield_now().await;
        }
        watching.abort();
        close([serving, other]).await;
    });
}
