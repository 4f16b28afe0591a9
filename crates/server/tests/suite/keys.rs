//! API keys: made, accepted, revoked; and what is no key.

use std::sync::Arc;

use mains_base::{CallerKind, Kind, ManualClock, Result, Time};
use mains_database::Db;
use mains_database::dialect::Dialect;
use mains_database::engine::Engine;
use mains_language::site::load;
use mains_server::keys::{self, NewKey};
use mains_server::{Callers, Settings};
use mains_testkit::TestDb;
use mains_testkit::database::on;

/// Runs a test with an empty table of keys and a clock that stands still, on both databases.
fn on_both(test: impl AsyncFn(Engine, ManualClock) + Sync) {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        on(dialect, async || {
            let schema = load(&[mains_server::tables()]).unwrap();
            let db = TestDb::with_schema(dialect, Arc::new(schema)).await;
            test(db.engine.clone(), db.clock.clone()).await;
        });
    }
}

/// The callers of one node.
async fn node(engine: &Engine, clock: &ManualClock) -> Arc<Callers> {
    Callers::open(&Db::over(engine.clone(), Arc::new(clock.clone()))).await.unwrap()
}

async fn find(callers: &Callers, authorization: &str) -> Result<Arc<mains_base::Caller>> {
    let request = http::Request::get("/").header("authorization", authorization).body(()).unwrap();
    callers.find(&request.into_parts().0, &Settings::default()).await
}

fn role(role: &str) -> NewKey {
    NewKey { roles: vec![role.into()], ..NewKey::default() }
}

#[test]
fn a_key_is_accepted_until_it_is_revoked() {
    on_both(async |engine, clock| {
        let callers = node(&engine, &clock).await;
        let (key, secret) = callers.create_key(role("staff")).await.unwrap();
        let bearer = format!("bearer {}", secret.expose());
        let caller = find(&callers, &bearer).await.unwrap();
        assert_eq!(
            (caller.kind, caller.staff, &caller.roles[..]),
            (CallerKind::Key, true, &["staff".to_owned()][..])
        );

        // Another node knows it from the table, and keeps it until it reads again.
        let other = node(&engine, &ManualClock::new(Time::from_micros(0))).await;
        callers.revoke_key(&key.id).await.unwrap();
        callers.revoke_key(&key.id).await.unwrap();
        assert_eq!(find(&callers, &bearer).await.unwrap_err().code(), "callers.unknown_key");
        assert!(find(&other, &bearer).await.is_ok());
        other.refresh().await.unwrap();
        assert_eq!(find(&other, &bearer).await.unwrap_err().kind(), Kind::Unauthenticated);
        callers.refresh().await.unwrap();
        assert!(find(&callers, &bearer).await.is_err(), "a revoked key does not come back");
    });
}

#[test]
fn a_key_ends_when_it_expires() {
    on_both(async |engine, clock| {
        let callers = node(&engine, &clock).await;
        let expires = Time::parse("2026-01-02T03:05:05Z");
        let (_, secret) = callers.create_key(NewKey { expires, ..role("editor") }).await.unwrap();
        let bearer = format!("Bearer {}", secret.expose());
        assert!(!find(&callers, &bearer).await.unwrap().staff);
        clock.advance_micros(60_000_000);
        assert_eq!(find(&callers, &bearer).await.unwrap_err().code(), "callers.unknown_key");
    });
}

#[test]
fn keys_are_listed_without_their_secrets() {
    on_both(async |engine, clock| {
        let note = NewKey { note: Some("till".into()), ..role("till") };
        let (first, secret) = keys::create(&engine, &clock, note).await.unwrap();
        clock.advance_micros(1);
        let (second, _) = keys::create(&engine, &clock, role("staff")).await.unwrap();
        let listed = keys::list(&engine).await.unwrap();
        assert_eq!(listed, [second, first]);
        assert!(!format!("{listed:?}").contains(&secret.expose()[10..]));
        let unknown = keys::revoke(&engine, &clock, "key_nobody").await.unwrap_err();
        assert_eq!((unknown.kind(), unknown.code()), (Kind::NotFound, "keys.unknown"));
        let wrong = keys::create(&engine, &clock, role("Staff!")).await.unwrap_err();
        assert_eq!(wrong.fields()[0].pointer, "/roles");
    });
}

#[test]
fn nobody_is_a_visitor_by_mistake() {
    on_both(async |engine, clock| {
        let callers = node(&engine, &clock).await;
        let head = http::Request::get("/").body(()).unwrap().into_parts().0;
        assert_eq!(callers.find(&head, &Settings::default()).await.unwrap().kind, CallerKind::Visitor);
        for (authorization, code) in [
            ("Bearer mains_key_0000", "callers.unknown_key"),
            ("Bearer", "callers.unknown_token"),
            ("Bearer ", "callers.unknown_token"),
            ("Bearer x", "callers.unknown_token"),
            ("Basic YTpi", "callers.unknown_token"),
            ("", "callers.unknown_token"),
        ] {
            assert_eq!(find(&callers, authorization).await.unwrap_err().code(), code, "{authorization}");
        }
        let twice = http::Request::get("/")
            .header("authorization", "Bearer mains_key_a")
            .header("authorization", "x");
        let head = twice.body(()).unwrap().into_parts().0;
        assert!(callers.find(&head, &Settings::default()).await.is_err());
    });
}
