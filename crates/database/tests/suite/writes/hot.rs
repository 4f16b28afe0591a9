//! Rows that everybody writes at once, in the lanes that the records API finds for them.

use mains_base::Caller;
use mains_database::engine::Lane;
use mains_database::records::Key;
use mains_database::write::records::{self, lanes};
use serde_json::json;
use tokio::task::JoinSet;

use super::on_both;

/// Callers at the same time.
const CALLERS: usize = 64;

#[test]
fn callers_that_add_to_one_record_lose_nothing_and_all_end() {
    on_both(|site| async move {
        let ada = site.account("Ada").await;
        let post = site.post(&ada, json!({})).await.unwrap().id;
        let mut tasks = JoinSet::new();
        for _ in 0..CALLERS {
            let input = site.input("posts", &json!({ "likes": { "add": 1 } }));
            let (db, caller, target) = (site.db.clone(), ada.clone(), site.target("posts", post));
            let lanes = lanes(&site.test.schema, target.collection, Some(&target.key), &input);
            assert_eq!(lanes, [Lane::record("posts", post)]);
            tasks.spawn(async move {
                for _ in 0..4 {
                    let (caller, target, input) = (caller.clone(), target.clone(), input.clone());
                    let add = move |tx: &mut mains_database::write::Tx<'_>| {
                        records::update(tx, &caller, &target, &input)
                    };
                    db.write(&lanes, add).await?;
                }
                Ok::<(), mains_base::Error>(())
            });
        }
        for outcome in tasks.join_all().await {
            outcome.unwrap();
        }
        assert_eq!(site.value("posts", post, "likes").await, 4 * CALLERS);
        assert_eq!(site.value("posts", post, "version").await, 4 * CALLERS + 1);
    });
}

#[test]
fn callers_that_draw_numbers_of_one_record_get_each_once() {
    on_both(|site| async move {
        let ada = site.account("Ada").await;
        let team = site.create(&Caller::system(), "teams", json!({ "key": "A" })).await.unwrap().id;
        let mut tasks = JoinSet::new();
        for _ in 0..CALLERS {
            let input = site.input("issues", &json!({ "team": site.text("teams", team) }));
            let (db, caller, issues) = (site.db.clone(), ada.clone(), site.collection("issues"));
            let lanes = lanes(&site.test.schema, issues, None, &input);
            assert_eq!(lanes, [Lane::record("teams", team)]);
            tasks.spawn(async move {
                db.write(&lanes, move |tx| records::create(tx, &caller, issues, &input)).await
            });
        }
        let field = site.field("issues", "number");
        let mut numbers: Vec<i64> = Vec::new();
        for outcome in tasks.join_all().await {
            numbers.push(outcome.unwrap().image.value(field).as_int().unwrap());
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=CALLERS as i64).collect::<Vec<_>>());
    });
}

#[test]
fn what_is_only_set_needs_no_lane() {
    on_both(|site| async move {
        let posts = site.collection("posts");
        let input = site.input("posts", &json!({ "likes": 3 }));
        let key = Key::Id(mains_base::Uuid::NIL);
        assert_eq!(lanes(&site.test.schema, posts, Some(&key), &input), []);
        assert_eq!(lanes(&site.test.schema, posts, None, &input), []);
    });
}
