//! Plans of the databases: what drives a sparse rule, and that pages are read from an index.

use std::sync::Arc;
use std::time::Duration;

use mains_base::{Caller, Kind};
use mains_database::dialect::Dialect;
use mains_database::engine::{Engine, EngineSettings, Route};
use mains_language::schema::Schema;
use mains_testkit::database::Place;
use tokio_postgres::NoTls;

use super::world::{read_rule, world};
use super::{Site, account, on_both, on_both_over, request};

/// The plan of a page's only query, a line for each step, and where it runs.
async fn plan(site: &Site, caller: &Caller, address: &str) -> (String, Route) {
    let request = request(&site.db.schema, address);
    let mut queries = site.source().queries(caller, &request).await.unwrap();
    assert_eq!(queries.len(), 1, "{address}");
    let query = queries.remove(0);
    let sqlite = site.db.engine.dialect() == Dialect::Sqlite;
    let explain = format!("EXPLAIN {}{}", if sqlite { "QUERY PLAN " } else { "" }, query.text);
    let rows = site.db.engine.snapshot(move |tx| {
        if !sqlite {
            // So few rows that a scan would do.
            tx.query("SELECT set_config('enable_seqscan', 'off', true)", &[])?;
            tx.query("SELECT set_config('enable_bitmapscan', 'off', true)", &[])?;
        }
        tx.query(&explain, &query.parameters)
    });
    let column = if sqlite { 3 } else { 0 };
    let lines = rows.await.unwrap().0.into_iter().map(|row| row.text(column).unwrap().unwrap().to_owned());
    (lines.collect::<Vec<_>>().join("\n"), query.route)
}

fn is_sorted(plan: &str) -> bool {
    plan.contains("TEMP B-TREE") || plan.contains("Sort")
}

fn sparse() -> Arc<Schema> {
    let mut schema = Arc::into_inner(world()).unwrap();
    read_rule(&mut schema, "articles", "auth.verified || auth.signed_in && author == auth.id");
    Arc::new(schema)
}

#[test]
fn a_sparse_rule_is_driven_by_the_field_it_compares_with_auth() {
    on_both_over(sparse, async |site| {
        let (lines, _) = plan(&site, &account(1), "articles").await;
        assert!(lines.contains("articles__author"), "{lines}");
        assert!(!is_sorted(&lines), "{lines}");
        // What needs no row is decided before: nothing is asked of one who is verified.
        let verified = Caller { verified: true, ..account(1) };
        let (lines, _) = plan(&site, &verified, "articles").await;
        assert!(!lines.contains("articles__author"), "{lines}");
    });
}

#[test]
fn a_caller_whom_the_rule_shows_nothing_costs_no_query() {
    on_both_over(sparse, async |site| {
        let asked = request(&site.db.schema, "articles?total=true");
        assert!(site.source().queries(&Caller::visitor(), &asked).await.unwrap().is_empty());
        let page = site.page(&Caller::visitor(), "articles?total=true").await;
        assert_eq!(page, serde_json::json!({"items": [], "next": null, "total": 0}));
    });
}

#[test]
fn pages_are_read_from_an_index() {
    on_both(async |site| {
        for number in 1..6 {
            let cells = [("a", i64::from(number % 2).into()), ("f", 1.into()), ("c", false.into())];
            site.store("things", number, &cells).await;
        }
        let all = Caller::visitor();
        for sort in ["created", "-created", "a", "f", "-f", "id", "-id", "a,b"] {
            let first = format!("things?sort={sort}&limit=2");
            let next = site.page(&all, &first).await["next"].as_str().unwrap().to_owned();
            for address in [first.clone(), format!("{first}&cursor={next}")] {
                let request = request(&site.db.schema, &address);
                if site.source().queries(&all, &request).await.unwrap().len() > 1 {
                    continue;
                }
                let (lines, route) = plan(&site, &all, &address).await;
                assert!(!is_sorted(&lines), "{sort}: {lines}");
                assert_eq!(route, Route::Inline, "{sort}: {lines}");
            }
        }
        let (lines, route) = plan(&site, &all, "things?sort=e").await;
        assert!(is_sorted(&lines), "{lines}");
        assert_eq!(route, Route::Pool);
        assert_eq!(plan(&site, &all, "things?limit=101").await.1, Route::Pool);
    });
}

#[test]
fn literals_alone_make_no_new_statement() {
    on_both(async |site| {
        let all = Caller::visitor();
        let text = async |address: &str| {
            let asked = request(&site.db.schema, address);
            Arc::clone(&site.source().queries(&all, &asked).await.unwrap()[0].text)
        };
        let one = text("articles?where.title=One&filter=views > 1").await;
        assert!(Arc::ptr_eq(&one, &text("articles?where.title=Two&filter=views > 1").await));
        assert!(Arc::ptr_eq(&one, &text("articles?where.title=Two&filter=views > 22").await));
        assert!(!Arc::ptr_eq(&one, &text("articles?where.title=Two&filter=views < 1").await));
    });
}

/// The same site, opened anew with other limits.
async fn reopen(site: &mut Site, change: impl FnOnce(&mut EngineSettings)) {
    site.db.engine.close().await;
    let mut settings = site.db.place.settings();
    change(&mut settings);
    site.db.engine = Engine::open(&settings, Arc::new(site.db.clock.clone())).await.unwrap();
}

/// This list is refused, and the refusal says what to declare.
async fn names_its_index(site: &Site) {
    let error = site.list(&Caller::visitor(), "things?where.c=true&sort=-e&limit=1").await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Invalid, "query.needs_index"));
    assert!(error.detail().contains("[[indexes]] fields = [\"c\", \"e\"]"), "{}", error.detail());
}

#[test]
fn a_list_beyond_its_budget_names_the_index_it_needs() {
    mains_testkit::database::on(Dialect::Sqlite, async || {
        let db = mains_testkit::TestDb::with_schema(Dialect::Sqlite, world()).await;
        let mut site = Site::over(db);
        for number in 1..200 {
            site.store("things", number, &[("f", 1.into()), ("c", true.into())]).await;
        }
        reopen(&mut site, |settings| (settings.inline_steps, settings.pool_steps) = (2000, 2000)).await;
        assert_eq!(site.numbers(&Caller::visitor(), "things?sort=-f&limit=1").await, [199]);
        names_its_index(&site).await;
    });
}

/// The budget there is time, so it is spent waiting for a table that somebody holds.
#[test]
fn on_postgres_too_a_list_beyond_its_budget_names_the_index() {
    mains_testkit::database::on(Dialect::Postgres, async || {
        let db = mains_testkit::TestDb::with_schema(Dialect::Postgres, world()).await;
        let mut site = Site::over(db);
        site.store("things", 1, &[("f", 1.into()), ("c", true.into())]).await;
        reopen(&mut site, |settings| settings.read_timeout = Duration::from_millis(200)).await;
        // Plans are made before the table is held: their statements are not what takes long.
        let all = Caller::visitor();
        assert_eq!(site.numbers(&all, "things?where.c=true&sort=-e&limit=1").await, [1]);
        let Place::Postgres(database) = &site.db.place else { panic!("not on PostgreSQL") };
        let (holder, connection) = tokio_postgres::connect(&database.url(), NoTls).await.unwrap();
        let driven = tokio::runtime::Handle::current().spawn(connection);
        holder.batch_execute("BEGIN; LOCK TABLE things IN ACCESS EXCLUSIVE MODE").await.unwrap();
        names_its_index(&site).await;
        holder.batch_execute("ROLLBACK").await.unwrap();
        assert_eq!(site.numbers(&all, "things?where.c=true&sort=-e&limit=1").await, [1]);
        drop(holder);
        driven.await.unwrap().unwrap();
    });
}
