//! A kill in the middle of a change leaves the old schema or the new one, with everything stored.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

use mains_base::SystemClock;
use mains_database::dialect::Dialect;
use mains_database::engine::{Durability, Engine, EngineSettings, Target};
use mains_database::schema::{apply, plan, plan_dropping};
use mains_language::schema::Schema;
use mains_testkit::TestDb;
use mains_testkit::database::{Place, on};

use super::build::{Holds, collection, field, site};
use super::{go, id, run, texts};

/// How often the child is killed on each database.
const KILLS: u32 = 8;
const RECORDS: u8 = 200;

fn before() -> Arc<Schema> {
    let posts = collection("posts").with(field("title", Holds::Text(50))).with(field("old", Holds::Text(9)));
    site(&[posts.unique(&["title"])])
}

fn after() -> Arc<Schema> {
    let posts = collection("articles")
        .was("posts")
        .prefix("post")
        .with(field("heading", Holds::Folded(50)).was("title"))
        .with(field("slug", Holds::Slug("heading".into())))
        .with(field("number", Holds::Sequence(None)).required())
        .unique(&["heading"])
        .unique(&["slug"]);
    site(&[posts, collection("drafts")])
}

/// Back to the beginning, for the child's next round.
fn again() -> Arc<Schema> {
    let posts = collection("posts")
        .was("articles")
        .prefix("post")
        .with(field("title", Holds::Text(50)).was("heading"))
        .with(field("old", Holds::Text(9)));
    site(&[posts.unique(&["title"])])
}

/// The other process: changes the schema there and back until it is killed. Its parent runs it, by name and with the
/// variable; among the other tests it has nothing to do.
#[test]
#[expect(clippy::disallowed_methods, reason = "its parent says the database by a variable")]
fn child() {
    let Ok(target) = std::env::var("MAINS_TEST_CHILD") else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let target = match target.strip_prefix("sqlite:") {
        Some(path) => Target::Sqlite { path: path.into() },
        None => Target::Postgres { url: target },
    };
    let settings =
        EngineSettings { durability: Durability::Normal, write_threads: 2, ..EngineSettings::new(target) };
    runtime.block_on(async {
        let engine = Engine::open(&settings, Arc::new(SystemClock)).await.unwrap();
        let drops = ["slug", "number", "drafts"];
        let drops: Vec<String> =
            drops.iter().flat_map(|name| [format!("posts.{name}"), (*name).to_owned()]).collect();
        loop {
            for schema in [after(), again()] {
                println!("begin");
                let planned = plan_dropping(&engine, &schema, &drops).await.unwrap();
                apply(&engine, &schema, &planned).await.unwrap();
            }
        }
    });
}

/// Starts the child and kills it after it has begun so many changes, and a little later.
fn kill_after(target: &str, begun: usize, spins: u32) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["schema::kill::child", "--exact", "--nocapture", "--test-threads=1"])
        .env("MAINS_TEST_CHILD", target)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let seen = lines.by_ref().filter(|line| line.ends_with("begin")).take(begun).count();
    assert_eq!(seen, begun, "the child ended by itself");
    for _ in 0..spins {
        std::hint::spin_loop();
    }
    // SIGKILL.
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The old schema or the new one, whole, and every record in it.
async fn is_whole(db: &TestDb) {
    let is_new =
        texts(db, "SELECT count(*) FROM mains_catalogue WHERE collection = 'articles'").await != ["0"];
    let (declared, table, title) =
        if is_new { (after(), "articles", "heading") } else { (before(), "posts", "title") };
    let planned = plan(&db.engine, &declared).await.unwrap();
    assert!(planned.is_empty(), "{planned}");
    let sql = format!("SELECT count(DISTINCT \"{title}\") FROM {table}");
    assert_eq!(texts(db, &sql).await, [RECORDS.to_string()]);
    if is_new {
        let sql = "SELECT count(DISTINCT number) FROM articles WHERE heading__folded IS NOT NULL AND slug IS NOT NULL";
        assert_eq!(texts(db, sql).await, [RECORDS.to_string()]);
        assert_eq!(texts(db, "SELECT count(*) FROM drafts").await, ["0"]);
    } else {
        assert_eq!(texts(db, "SELECT count(old) FROM posts").await, ["0"]);
    }
}

async fn kills(mut db: TestDb) {
    go(&db, before()).await;
    for number in 1..=RECORDS {
        super::insert(&db, "posts", number, &[("title", format!("Title {number}").into())]).await;
    }
    let target = match &db.place {
        Place::Sqlite(folder) => format!("sqlite:{}", folder.path().join("mains.sqlite").display()),
        Place::Postgres(database) => database.url(),
    };
    for round in 0..KILLS {
        db.engine.close().await;
        kill_after(&target, 1 + round as usize % 3, round * round * 150_000);
        db.restart().await;
        is_whole(&db).await;
    }
}

#[test]
fn kill_9_leaves_the_old_schema_or_the_new_one_on_sqlite() {
    on(Dialect::Sqlite, async || kills(TestDb::empty(Dialect::Sqlite).await).await);
}

#[test]
fn kill_9_leaves_the_old_schema_or_the_new_one_on_postgres() {
    on(Dialect::Postgres, async || kills(TestDb::empty(Dialect::Postgres).await).await);
}

#[test]
fn a_connection_lost_in_the_middle_leaves_the_old_schema() {
    on(Dialect::Postgres, async || {
        let db = TestDb::empty(Dialect::Postgres).await;
        let posts = || collection("posts").with(field("title", Holds::Text(50)));
        let old = site(&[posts().unique(&["title"]), collection("zs")]);
        go(&db, old.clone()).await;
        super::insert(&db, "posts", 1, &[("title", "x".into())]).await;
        // The index of posts goes first; then the change waits for zs, which a reader holds; there its connection ends.
        let new = site(&[posts(), collection("zs").with(field("note", Holds::Text(9)))]);
        let planned = plan(&db.engine, &new).await.unwrap();
        let (begin, begun) = std::sync::mpsc::channel();
        let (release, released) = std::sync::mpsc::channel::<()>();
        let reader = db.engine.snapshot(move |statements| {
            statements.query("SELECT \"id\" FROM zs", &[])?;
            begin.send(()).unwrap();
            let _ = released.recv();
            Ok(())
        });
        let changing = async {
            tokio::task::block_in_place(|| begun.recv()).unwrap();
            apply(&db.engine, &new, &planned).await
        };
        let end =
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted AND relation = 'zs'::regclass";
        let killing = async {
            while super::rows(&db, end).await.is_empty() {
                tokio::task::yield_now().await;
            }
            release.send(()).unwrap();
        };
        let (read, changed, ()) = tokio::join!(reader, changing, killing);
        read.unwrap();
        assert!(changed.is_err());
        assert!(plan(&db.engine, &old).await.unwrap().is_empty());
        let sql = "INSERT INTO posts SELECT $1, created, updated, version, title FROM posts";
        assert!(run(&db, sql, &[id(2).into()]).await.is_err(), "the unique index is there again");
    });
}
