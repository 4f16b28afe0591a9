//! What services do through the choke point besides inserting, changing and deleting.

use std::sync::Arc;

use mains_base::{Caller, Error, Value};
use mains_database::write::{Inserted, New};
use serde_json::json;
use tokio::task::JoinSet;

use super::site::{refused, said};
use super::{on_both, shop};

#[test]
fn ids_of_one_import_are_in_its_order() {
    on_both(|site| async move {
        let (teams, key) = (site.collection("teams"), site.field("teams", "key"));
        // The clock stands still: only the ids can tell.
        for batch in 0..3 {
            let import = move |tx: &mut mains_database::write::Tx<'_>| {
                for number in 0..50 {
                    tx.insert(teams, &New::of([(key, format!("{:03}", batch * 50 + number).into())]))?;
                }
                Ok(())
            };
            site.db.write_alone(&[], import).await.unwrap();
        }
        let tail = "ORDER BY r.\"created\", r.\"id\"";
        let images = site.db.write(&[], move |tx| tx.images(teams, tail, &[])).await.unwrap();
        let keys: Vec<_> = images.iter().map(|image| image.value(key).as_text().unwrap()).collect();
        assert_eq!(keys.len(), 150);
        assert!(keys.is_sorted(), "{keys:?}");
    });
}

#[test]
fn one_of_many_makes_a_record_and_all_get_it() {
    on_both(|site| async move {
        let (teams, key) = (site.collection("teams"), site.field("teams", "key"));
        let mut tasks = JoinSet::new();
        for _ in 0..16 {
            let db = site.db.clone();
            tasks.spawn(async move {
                let new = New::of([(key, "same".into())]);
                db.write(&[], move |tx| tx.insert_or_get(teams, &new, "key_unique")).await
            });
        }
        let all: Vec<Inserted> = tasks.join_all().await.into_iter().map(Result::unwrap).collect();
        let made = all.iter().filter(|one| matches!(one, Inserted::New(_))).count();
        assert_eq!(made, 1);
        assert!(all.iter().all(|one| one.image() == all[0].image()));
        // Null is equal to nothing.
        let new = New::of([]);
        let two = site.db.write(&[], move |tx| {
            Ok([tx.insert_or_get(teams, &new, "key_unique")?, tx.insert_or_get(teams, &new, "key_unique")?])
        });
        assert!(two.await.unwrap().iter().all(|one| matches!(one, Inserted::New(_))));
        let wrong = site.db.write(&[], move |tx| tx.insert_or_get(teams, &New::of([]), "none"));
        assert_eq!(refused(wrong.await), "internal");
    });
}

#[test]
fn a_record_outside_of_a_partial_index_is_not_found_by_it() {
    shop::on_both(|site| async move {
        let system = Caller::system();
        let scope = site.create(&system, "workspaces", json!({})).await.unwrap().id;
        let (pages, public) = (site.collection("pages"), site.field("pages", "public"));
        let (workspace, title) = (site.field("pages", "workspace"), site.field("pages", "title"));
        let page = move |is_public: bool| {
            New::of([(workspace, Value::Id(scope)), (title, "One".into()), (public, Value::Bool(is_public))])
        };
        let made = site.db.write(&[], move |tx| {
            let index = "workspace_title_unique";
            let made =
                [true, true, false, false].map(|is_public| tx.insert_or_get(pages, &page(is_public), index));
            Ok(made.map(|one| one.map(|one| matches!(one, Inserted::New(_)))))
        });
        let made: Result<Vec<bool>, Error> = made.await.unwrap().into_iter().collect();
        assert_eq!(made.unwrap(), [true, true, true, false]);
    });
}

#[test]
fn the_target_of_a_command_is_read_and_judged_at_once() {
    on_both(|site| async move {
        let (ada, eve) = (site.account("Ada").await, site.account("Eve").await);
        let open = site.post(&ada, json!({ "title": "Open" })).await.unwrap().id;
        let hidden = site.post(&ada, json!({ "title": "Hidden", "secret": true })).await.unwrap().id;
        let posts = site.collection("posts");
        let allow = site.test.schema.collection(posts).rules.update.clone();
        let target = async |caller: &Caller, id, ruled: bool| {
            let (caller, allow) = (caller.clone(), allow.clone().filter(|_| ruled));
            let found = site.db.write(&[], move |tx| tx.target(posts, id, (&caller, allow.as_ref()))).await;
            found.map_or_else(|error| said(&error), |image| format!("version {}", image.version()))
        };
        assert_eq!(target(&ada, open, true).await, "version 1");
        assert_eq!(target(&eve, open, true).await, "forbidden");
        assert_eq!(target(&Caller::visitor(), open, true).await, "unauthenticated");
        assert_eq!(target(&eve, hidden, true).await, "not_found");
        assert_eq!(target(&ada, open, false).await, "forbidden");
        let staff = Caller { staff: true, ..eve };
        assert_eq!(target(&staff, hidden, true).await, "version 1");
    });
}

#[test]
fn records_are_given_in_the_order_that_they_are_asked_in() {
    on_both(|site| async move {
        let (teams, key) = (site.collection("teams"), site.field("teams", "key"));
        let seen = site.db.write(&[], move |tx| {
            let mut ids = Vec::new();
            for name in ["a", "b", "c"] {
                ids.push(tx.insert(teams, &New::of([(key, name.into())]))?.id());
            }
            tx.delete(teams, ids[1])?;
            ids.reverse();
            let images = tx.get_all(teams, &ids)?;
            Ok((ids, images))
        });
        let (ids, images) = seen.await.unwrap();
        let found: Vec<_> = images.iter().map(|image| image.id()).collect();
        assert_eq!(found, [ids[0], ids[2]]);
        let again = site.db.write(&[], move |tx| tx.get_all(teams, &ids)).await.unwrap();
        assert_eq!(again, images);
    });
}

#[test]
fn no_part_of_a_statement_writes_past_the_choke_point() {
    on_both(|site| async move {
        let site = Arc::new(site);
        site.create(&Caller::system(), "teams", json!({ "key": "A" })).await.unwrap();
        for text in [
            "WITH gone AS (DELETE FROM teams RETURNING id) SELECT * FROM gone",
            "WITH one AS (SELECT 1) DELETE FROM \"teams\"",
            "/* quietly */ UPDATE teams SET key = 'x'",
            "REPLACE INTO teams(id) VALUES (1)",
        ] {
            let later = site.db.write(&[], move |tx| tx.execute_later(text, &[])).await;
            assert_eq!(refused(later), "internal", "{text}");
            let asked = site.db.write(&[], move |tx| tx.query(text, &[])).await;
            assert_eq!(refused(asked), "internal", "{text}");
        }
        let text = "SELECT count(*) FROM teams WHERE key = 'A'";
        let rows = site.db.write(&[], move |tx| tx.query(text, &[])).await.unwrap();
        assert_eq!(rows.0[0].int(0).unwrap(), Some(1));
    });
}
