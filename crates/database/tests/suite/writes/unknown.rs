//! A write of which nobody can say whether it was stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use mains_base::Value;
use mains_database::Db;
use mains_database::dialect::Dialect;
use mains_database::engine::{Engine, Target};
use mains_database::write::New;
use mains_testkit::TestDb;
use mains_testkit::database::{Place, site};

use crate::engine::proxy::{Fate, Proxy};
use crate::engine::wait;

const PEOPLE: &str = "prefix = \"person\"\n[fields.email]\ntype = \"email\"\nunique = true\n";

/// The same database through a line that may fail.
pub(crate) async fn behind(test: &TestDb) -> (Db, Proxy) {
    let Place::Postgres(database) = &test.place else { panic!("only PostgreSQL has a line") };
    let proxy = Proxy::to(&database.url()).await;
    let mut settings = test.place.settings();
    settings.target = Target::Postgres { url: proxy.url.clone() };
    (settings.write_threads, settings.retry_for) = (1, Duration::from_millis(200));
    let engine = Engine::open(&settings, Arc::new(test.clock.clone())).await.unwrap();
    let db = Db::over(engine, Arc::new(test.clock.clone()));
    db.install(Arc::clone(&test.schema));
    (db, proxy)
}

#[test]
fn it_is_not_run_again_though_it_met_a_constraint_and_lived_on() {
    wait(async {
        let test = TestDb::with_schema(Dialect::Postgres, site(&[("people", PEOPLE)])).await;
        let (db, proxy) = behind(&test).await;
        let people = test.schema.find("people").unwrap();
        let (people, email) = (people.id, people.find("email").unwrap().id);
        let new = move |address: &str| New::of([(email, Value::from(address))]);
        let first = new("a@example.com");
        db.write(&[], move |tx| tx.insert(people, &first).map(drop)).await.unwrap();
        let runs = Arc::new(AtomicI64::new(0));
        let counted = Arc::clone(&runs);
        proxy.next(Fate::CutAfter, Fate::Refuse);
        let answer = db.write(&[], move |tx| {
            counted.fetch_add(1, Ordering::SeqCst);
            let known = tx.savepoint(|tx| tx.insert(people, &new("a@example.com")).map(drop));
            assert!(known.is_err());
            tx.insert(people, &new("b@example.com")).map(drop)
        });
        let error = answer.await.unwrap_err();
        assert_eq!((error.code(), runs.load(Ordering::SeqCst)), ("outcome_unknown", 1));
        proxy.next(Fate::Pass, Fate::Pass);
        db.engine().close().await;
    });
}
