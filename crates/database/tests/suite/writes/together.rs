//! Writers at the same time, and writers that fail beside innocent ones.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mains_base::{Caller, Error, Kind, Result, Uuid, Value};
use mains_database::write::{Changes, New, records};
use serde_json::json;

use super::on_both;
use super::site::{Site, refused, said};

/// Runs so many at once and gives their outcomes.
async fn at_once<T, Done>(count: usize, one: impl Fn(usize) -> Done) -> Vec<Result<T>>
where
    T: Send + 'static,
    Done: Future<Output = Result<T>> + Send + 'static,
{
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..count {
        tasks.spawn(one(number));
    }
    tasks.join_all().await
}

#[test]
fn nothing_is_lost_when_many_add_to_one_record() {
    on_both(|site| async move {
        let ada = site.account("Ada").await;
        let mut friends = Vec::new();
        for number in 0..12 {
            friends.push(site.account(&format!("Friend {number}")).await.id);
        }
        let post = site.post(&ada, json!({})).await.unwrap().id;
        let outcomes = at_once(12, |number| {
            let friend = site.text("accounts", friends[number]);
            let input =
                site.input("posts", &json!({ "likes": { "add": 1 }, "friends": { "add": [friend] } }));
            let (db, caller, target) = (site.db.clone(), ada.clone(), site.target("posts", post));
            async move { db.write(&[], move |tx| records::update(tx, &caller, &target, &input)).await }
        });
        outcomes.await.into_iter().for_each(|outcome| assert!(outcome.unwrap().changed));
        assert_eq!(site.value("posts", post, "likes").await, 12);
        assert_eq!(site.value("posts", post, "friends").await.as_array().unwrap().len(), 12);
        assert_eq!(site.value("posts", post, "version").await, 13);
    });
}

#[test]
fn many_records_of_one_title_get_different_slugs() {
    on_both(|site| async move {
        let ada = site.account("Ada").await;
        let outcomes = at_once(12, |_| {
            let author = site.text("accounts", ada.id);
            let input = site.input("posts", &json!({ "title": "Hot", "author": author }));
            let (db, caller, posts) = (site.db.clone(), ada.clone(), site.collection("posts"));
            async move { db.write(&[], move |tx| records::create(tx, &caller, posts, &input)).await }
        });
        let mut slugs = HashSet::new();
        for outcome in outcomes.await {
            slugs.insert(site.value("posts", outcome.unwrap().id, "slug").await.to_string());
        }
        assert_eq!(slugs.len(), 12);
    });
}

#[test]
fn numbers_are_given_once_when_many_ask() {
    on_both(|site| async move {
        let (ada, system) = (site.account("Ada").await, Caller::system());
        let team = site.create(&system, "teams", json!({ "key": "A" })).await.unwrap().id;
        let outcomes = at_once(12, |_| {
            let input = site.input("issues", &json!({ "team": site.text("teams", team) }));
            let (db, caller, issues) = (site.db.clone(), ada.clone(), site.collection("issues"));
            async move { db.write(&[], move |tx| records::create(tx, &caller, issues, &input)).await }
        });
        let (mut numbers, mut tickets) = (Vec::new(), HashSet::new());
        for outcome in outcomes.await {
            let id = outcome.unwrap().id;
            numbers.push(site.value("issues", id, "number").await.as_i64().unwrap());
            tickets.insert(site.value("issues", id, "ticket").await.as_i64().unwrap());
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=12).collect::<Vec<_>>());
        assert_eq!(tickets.len(), 12);
    });
}

#[test]
fn one_of_many_gets_a_unique_key_and_puts_all_succeed() {
    on_both(|site| async move {
        let (ada, eve) = (site.account("Ada").await, site.account("Eve").await);
        let post = site.post(&ada, json!({})).await.unwrap().id;
        let outcomes = at_once(8, |_| {
            let target = site.unique("votes", &[("post", Value::Id(post)), ("account", Value::Id(eve.id))]);
            let (db, caller, input) =
                (site.db.clone(), eve.clone(), site.input("votes", &json!({ "weight": 2 })));
            async move { db.write(&[], move |tx| records::put(tx, &caller, &target, &input)).await }
        });
        let written: Vec<_> = outcomes.await.into_iter().map(Result::unwrap).collect();
        assert_eq!(written.iter().filter(|written| written.created).count(), 1);
        assert_eq!(written.iter().map(|written| written.id).collect::<HashSet<_>>().len(), 1);

        let outcomes = at_once(8, |_| {
            let input = site.input("accounts", &json!({ "email": "one@example.com" }));
            let (db, accounts) = (site.db.clone(), site.collection("accounts"));
            async move { db.write(&[], move |tx| records::create(tx, &Caller::system(), accounts, &input)).await }
        });
        let outcomes = outcomes.await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        for error in outcomes.into_iter().filter_map(Result::err) {
            assert_eq!(said(&error), "records.not_unique /email not_unique");
        }
    });
}

#[test]
fn who_fails_or_panics_takes_nobody_along() {
    on_both(|site| async move {
        site.create(&Caller::system(), "teams", json!({ "key": "taken" })).await.unwrap();
        let (teams, key) = (site.collection("teams"), site.field("teams", "key"));
        let (issues, team) = (site.collection("issues"), site.field("issues", "team"));
        let outcomes = at_once(24, |number| {
            let db = site.db.clone();
            async move {
                db.write(&[], move |tx| {
                    let text = if number % 4 == 1 { "taken".to_owned() } else { format!("key {number}") };
                    let made = tx.insert(teams, &New::of([(key, text.into())]))?;
                    match number % 4 {
                        2 => panic!("a bug of number {number}"),
                        3 => _ = tx.insert(issues, &New::of([(team, Value::Id(Uuid::v4([7; 16])))]))?,
                        _ => {}
                    }
                    Ok(made.id())
                })
                .await
            }
        });
        let mut codes: Vec<String> = Vec::new();
        for outcome in outcomes.await {
            codes.push(outcome.map_or_else(|error| said(&error), |_| "ok".to_owned()));
        }
        codes.sort();
        codes.dedup_by(|one, other| one == other);
        let all = ["internal", "ok", "records.invalid /team not_found", "records.not_unique /key not_unique"];
        assert_eq!(codes, all);
        assert_eq!(count(&site, "teams").await, 7);
    });
}

async fn count(site: &Site, table: &str) -> i64 {
    let text = format!("SELECT count(*) FROM \"{table}\"");
    site.db.write(&[], move |tx| tx.query(&text, &[])).await.unwrap().0[0].int(0).unwrap().unwrap()
}

#[test]
fn a_second_run_draws_what_the_first_drew() {
    on_both(|site| async move {
        let (teams, key) = (site.collection("teams"), site.field("teams", "key"));
        let runs = Arc::new(AtomicUsize::new(0));
        let drawn = Arc::new(std::sync::Mutex::new(Vec::<(Uuid, [u8; 32])>::new()));
        let (counted, seen) = (Arc::clone(&runs), Arc::clone(&drawn));
        let first =
            site.db.write(&[], move |tx| tx.insert(teams, &New::of([(key, "x".into())]))).await.unwrap();
        let outcome = site
            .db
            .write(&[], move |tx| {
                counted.fetch_add(1, Ordering::SeqCst);
                seen.lock().unwrap().push((tx.id(teams)?, tx.token()?));
                tx.insert(teams, &New::of([(key, "x".into())]).on_unique("key_unique", taken))
            })
            .await;
        assert_eq!(refused(outcome), "tests.taken");
        let drawn = drawn.lock().unwrap();
        assert_eq!(drawn.len(), runs.load(Ordering::SeqCst));
        assert!(drawn.iter().all(|pair| *pair == drawn[0] && pair.0 != first.id()));
    });
}

fn taken() -> Error {
    Error::new(Kind::Conflict, "tests.taken", "Taken.")
}

#[test]
fn a_savepoint_undoes_its_own_and_the_rest_lives_on() {
    on_both(|site| async move {
        let (teams, key) = (site.collection("teams"), site.field("teams", "key"));
        let open = site.field("teams", "open");
        let ids = site
            .db
            .write(&[], move |tx| {
                let first = tx.insert(teams, &New::of([(key, "one".into())]))?.id();
                let again = tx.savepoint(|tx| {
                    tx.update(teams, first, &Changes::of([(open, false.into())]))?;
                    tx.insert(teams, &New::of([(key, "one".into())]).on_unique("key_unique", taken))
                });
                assert_eq!(again.unwrap_err().code(), "tests.taken");
                assert_eq!(tx.get(teams, first)?.value(open), &Value::Bool(true));
                let second = tx.savepoint(|tx| tx.insert(teams, &New::of([(key, "two".into())])))?;
                let second = tx.update(teams, second.id(), &Changes::of([(open, false.into())]))?;
                assert_eq!(second.version(), 1);
                Ok((first, second.id()))
            })
            .await
            .unwrap();
        assert_eq!(site.value("teams", ids.0, "open").await, true);
        assert_eq!(site.value("teams", ids.1, "open").await, false);
        assert_eq!(count(&site, "teams").await, 2);
    });
}

#[test]
fn nothing_writes_to_a_collection_past_the_choke_point() {
    on_both(|site| async move {
        // The whole of it, or its database would be gone before the block runs.
        let site = site;
        for text in
            ["UPDATE \"teams\" SET key = 'x'", "DELETE FROM posts__tags", "INSERT INTO teams VALUES (1)"]
        {
            let outcome = site.db.write(&[], move |tx| tx.execute_later(text, &[])).await;
            let error = outcome.expect_err("it must be refused");
            assert_eq!(said(&error), "internal", "{text}: {error:?}");
        }
    });
}
