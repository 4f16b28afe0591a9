//! Deleting records, with what goes with them.

use std::sync::Arc;

use mains_base::{Caller, Uuid};
use mains_database::records::{Condition, Cursors, ListRequest, Source};
use mains_database::write::records;
use mains_database::write::{Changes, Input};
use serde_json::json;

use super::on_both;
use super::site::{refused, said};

#[test]
fn what_points_at_a_record_goes_is_cleared_or_holds_it() {
    on_both(|site| async move {
        let (ada, eve) = (site.account("Ada").await, site.account("Eve").await);
        let post = site.post(&ada, json!({})).await.unwrap().id;
        let sent = json!({ "post": site.text("posts", post), "body": "Hi" });
        let comment = site.create(&eve, "comments", sent).await.unwrap().id;
        let sent = json!({ "post": site.text("posts", post) });
        let vote = site.create(&eve, "votes", sent.clone()).await.unwrap().id;
        let review = site.create(&eve, "reviews", sent).await.unwrap().id;
        let error = site.delete(&ada, site.target("posts", post)).await.unwrap_err();
        assert_eq!(said(&error), "records.referenced");
        assert!(error.detail().contains("1 of reviews still points"), "{}", error.detail());
        assert!(site.find("comments", comment).await.is_some());
        // Also where the record would only go along.
        let accounts = site.target("accounts", ada.id);
        assert_eq!(refused(site.delete(&Caller::system(), accounts.clone()).await), "records.referenced");
        site.delete(&Caller::system(), site.target("reviews", review)).await.unwrap();
        site.delete(&Caller::system(), accounts).await.unwrap();
        for (collection, id) in [("posts", post), ("comments", comment), ("votes", vote)] {
            assert!(site.find(collection, id).await.is_none(), "{collection}");
        }
    });
}

#[test]
fn what_holds_a_record_is_named_to_whom_may_read_it() {
    on_both(|site| async move {
        let (ada, eve) = (site.account("Ada").await, site.account("Eve").await);
        let post = site.post(&ada, json!({})).await.unwrap().id;
        for veiled in [false, true] {
            let sent = json!({ "post": site.text("posts", post), "veiled": veiled });
            site.create(&Caller { id: eve.id, ..Caller::system() }, "reviews", sent).await.unwrap();
        }
        let told = site.delete(&Caller::system(), site.target("posts", post)).await.unwrap_err();
        assert!(told.detail().contains("2 of reviews still point"), "{}", told.detail());
        let told = site.delete(&ada, site.target("posts", post)).await.unwrap_err();
        assert_eq!(said(&told), "records.referenced");
        assert!(!told.detail().contains("reviews"), "{}", told.detail());
    });
}

#[test]
fn a_cleared_record_is_changed_with_a_version() {
    on_both(|site| async move {
        let (ada, eve) = (site.account("Ada").await, site.account("Eve").await);
        let friends = json!({ "friends": [site.text("accounts", eve.id), site.text("accounts", ada.id)] });
        let post = site.post(&ada, friends).await.unwrap().id;
        let written = json!({ "creator": site.text("accounts", eve.id) });
        site.update(&Caller::system(), site.target("posts", post), written).await.unwrap_err();
        site.delete(&Caller::system(), site.target("accounts", eve.id)).await.unwrap();
        assert_eq!(site.value("posts", post, "friends").await, json!([site.text("accounts", ada.id)]));
        assert_eq!(site.value("posts", post, "version").await, 2);
    });
}

#[test]
fn records_that_point_at_each_other_go_together() {
    on_both(|site| async move {
        let (ada, system) = (site.account("Ada").await, Caller::system());
        let team = site.create(&system, "teams", json!({ "key": "A" })).await.unwrap().id;
        let mut issues = Vec::new();
        for _ in 0..3 {
            let sent = json!({ "team": site.text("teams", team), "title": "Same" });
            issues.push(site.create(&ada, "issues", sent).await.unwrap().id);
        }
        for (one, other) in [(0, 1), (1, 2), (2, 0)] {
            let other = site.text("issues", issues[other]);
            let change = json!({ "parent": other, "related": [other] });
            site.update(&ada, site.target("issues", issues[one]), change).await.unwrap();
        }
        site.delete(&ada, site.target("issues", issues[0])).await.unwrap();
        assert_eq!(site.value("issues", issues[2], "parent").await, json!(null));
        assert_eq!(site.value("issues", issues[2], "related").await, json!([]));
        assert_eq!(site.value("issues", issues[1], "version").await, 2);
        site.delete(&system, site.target("teams", team)).await.unwrap();
        assert!(site.find("issues", issues[1]).await.is_none());
    });
}

#[test]
fn many_are_changed_or_none() {
    on_both(|site| async move {
        let (ada, eve) = (site.account("Ada").await, site.account("Eve").await);
        let mut ids = Vec::new();
        for author in [&ada, &ada, &eve] {
            ids.push(site.post(author, json!({ "secret": true })).await.unwrap().id);
        }
        let posts = site.collection("posts");
        let change = |caller: Caller, ids: Vec<_>, input: Input| {
            let db = site.db.clone();
            async move {
                db.write_alone(&[], move |tx| records::update_many(tx, &caller, posts, (&ids, &input))).await
            }
        };
        let title = site.input("posts", &json!({ "title": "All" }));
        // What Ada cannot see is passed over.
        let done = change(ada.clone(), ids.clone(), title.clone()).await.unwrap();
        assert_eq!((done.changed, done.more), (2, false));
        let open = site.input("posts", &json!({ "secret": false }));
        change(eve.clone(), ids.clone(), open).await.unwrap();
        // What she can see and not change refuses all.
        let other = site.input("posts", &json!({ "title": "None" }));
        assert_eq!(refused(change(ada.clone(), ids.clone(), other).await), "forbidden");
        assert_eq!(site.value("posts", ids[0], "title").await, "All");
        let (all, caller) = (ids.clone(), ada.clone());
        let refusal = site.db.write(&[], move |tx| records::delete_many(tx, &caller, posts, &all)).await;
        assert_eq!(refused(refusal), "forbidden");
        let (own, caller) = (ids[..2].to_vec(), ada);
        let done =
            site.db.write(&[], move |tx| records::delete_many(tx, &caller, posts, &own)).await.unwrap();
        assert_eq!(done.changed, 2);
    });
}

#[test]
fn a_condition_is_asked_again_where_its_records_are_changed() {
    on_both(|site| async move {
        let (ada, system) = (site.account("Ada").await, Caller::system());
        let post = site.post(&ada, json!({ "title": "First" })).await.unwrap();
        let comments = site.collection("comments");
        let comment = json!({ "post": site.text("posts", post.id), "body": "b" });
        let comment = site.create(&ada, "comments", comment).await.unwrap().id;
        let condition = |wheres: &[(&str, &str)], filter: &str| {
            let wheres = wheres.iter().map(|&(path, value)| (path.to_owned(), vec![value.to_owned()]));
            let request = ListRequest {
                wheres: wheres.collect(),
                filter: Some(filter.to_owned()),
                ..ListRequest::of(comments)
            };
            let (epoch, cursors) = (site.db.epoch(), Cursors::new(&[7; 32]).unwrap());
            let source = Source { engine: site.db.engine(), epoch: &epoch, cursors: &cursors };
            Arc::new(source.condition(&ada, &request).unwrap())
        };
        let over_a_relation = condition(&[("body", "b")], "post.title == \"First\"");
        let over_time = condition(&[], "now < created + minutes(5)");
        let holds = async |condition: &Arc<Condition>, who: &Caller, ids: &[Uuid]| {
            let (condition, who, ids) = (Arc::clone(condition), who.clone(), ids.to_vec());
            site.db.write(&[], move |tx| condition.holds(tx, &who, &ids)).await.unwrap()
        };
        for condition in [&over_a_relation, &over_time] {
            assert!(holds(condition, &ada, &[comment]).await);
            assert!(holds(condition, &ada, &[]).await);
        }
        // Neither changes the comment itself, nor its version.
        site.update(&ada, site.target("posts", post.id), json!({ "title": "Second" })).await.unwrap();
        assert!(!holds(&over_a_relation, &ada, &[comment]).await);
        assert!(holds(&over_time, &ada, &[comment]).await);
        site.test.clock.advance_micros(300_000_001);
        assert!(!holds(&over_time, &ada, &[comment]).await);
        assert_eq!(site.find("comments", comment).await.unwrap().version(), 1);
        // In the transaction itself it sees what was changed there.
        let (condition, id) = (condition(&[], "post.title == \"Third\""), post.id);
        let (posts, title) = (site.collection("posts"), site.field("posts", "title"));
        let third = site.db.write(&[], move |tx| {
            tx.update(posts, id, &Changes::of([(title, "Third".into())]))?;
            condition.holds(tx, &system, &[comment])
        });
        assert!(third.await.unwrap());
    });
}
