//! Changing records.

use mains_base::{Caller, Uuid, Value};
use mains_database::write::records::{IfMatch, Target};
use serde_json::json;

use super::on_both;
use super::site::refused;

#[test]
fn a_rule_holds_for_the_stored_and_for_the_changed_record() {
    on_both(|site| async move {
        let (ada, eve) = (site.account("Ada").await, site.account("Eve").await);
        let post = site.post(&ada, json!({})).await.unwrap().id;
        let target = || site.target("posts", post);
        let to = |caller: &Caller| json!({ "author": site.text("accounts", caller.id) });
        // The takeover: the changed record would pass, the stored one does not.
        assert_eq!(refused(site.update(&eve, target(), to(&eve)).await), "forbidden");
        assert_eq!(refused(site.update(&Caller::visitor(), target(), to(&eve)).await), "unauthenticated");
        // Giving it away: the stored one passes, the changed one would not.
        assert_eq!(refused(site.update(&ada, target(), to(&eve)).await), "forbidden");
        // Wrong fields are not told to who may not change it.
        assert_eq!(refused(site.update(&eve, target(), json!({ "title": null })).await), "forbidden");
        assert_eq!(
            refused(site.update(&ada, target(), json!({ "title": null })).await),
            "records.invalid /title required"
        );
        assert_eq!(site.value("posts", post, "version").await, 1);
    });
}

#[test]
fn what_cannot_be_read_is_not_there() {
    on_both(|site| async move {
        let (ada, eve) = (site.account("Ada").await, site.account("Eve").await);
        let post = site.post(&ada, json!({ "secret": true })).await.unwrap().id;
        let change = json!({ "title": "Mine" });
        assert_eq!(refused(site.update(&eve, site.target("posts", post), change.clone()).await), "not_found");
        assert_eq!(refused(site.delete(&eve, site.target("posts", post)).await), "not_found");
        let none = site.target("posts", Uuid::v4([8; 16]));
        assert_eq!(refused(site.update(&ada, none, change.clone()).await), "not_found");
        let slug = site.unique("posts", &[("slug", "hello".into())]);
        assert_eq!(refused(site.update(&eve, slug.clone(), change.clone()).await), "not_found");
        let changed = site.update(&ada, slug, change).await.unwrap();
        assert_eq!((changed.id, changed.version, changed.changed), (post, 2, true));
        assert_eq!(site.value("posts", post, "slug").await, "mine");
    });
}

#[test]
fn a_version_that_is_no_longer_there_is_refused() {
    on_both(|site| async move {
        let ada = site.account("Ada").await;
        let post = site.post(&ada, json!({})).await.unwrap().id;
        let seen =
            |version| Target { if_match: Some(IfMatch::Version(version)), ..site.target("posts", post) };
        site.update(&ada, seen(1), json!({ "title": "A" })).await.unwrap();
        assert_eq!(refused(site.update(&ada, seen(1), json!({ "title": "B" })).await), "records.changed");
        assert_eq!(refused(site.delete(&ada, seen(1)).await), "records.changed");
        site.delete(&ada, seen(2)).await.unwrap();
    });
}

#[test]
fn no_difference_is_no_write() {
    on_both(|site| async move {
        let ada = site.account("Ada").await;
        let post = site.post(&ada, json!({})).await.unwrap().id;
        site.test.clock.advance_micros(1_000_000);
        let same = json!({ "title": "Hello", "creator": site.text("accounts", ada.id), "slug": "hello" });
        let same = site.update(&ada, site.target("posts", post), same).await.unwrap();
        assert!(!same.changed && same.version == 1);
        let before = site.value("posts", post, "edited").await;
        let changed = site.update(&ada, site.target("posts", post), json!({ "likes": 3 })).await.unwrap();
        assert!(changed.changed && changed.version == 2);
        assert_ne!(site.value("posts", post, "edited").await, before);
        assert_eq!(site.value("posts", post, "edited").await, site.value("posts", post, "updated").await);
    });
}

#[test]
fn fields_have_rules_of_their_own() {
    on_both(|site| async move {
        let (ada, eve) = (site.account("Ada").await, site.account("Eve").await);
        let post = site.post(&ada, json!({ "likes": 9 })).await.unwrap().id;
        let target = || site.target("posts", post);
        // The rule holds for the stored record and not for the changed one.
        let outcome = refused(site.update(&ada, target(), json!({ "kind": "essay", "likes": 10 })).await);
        assert_eq!(outcome, "records.invalid /kind not_allowed");
        site.update(&ada, target(), json!({ "kind": "essay" })).await.unwrap();
        site.update(&ada, target(), json!({ "likes": 20 })).await.unwrap();
        // What stands there already may be sent back.
        site.update(&ada, target(), json!({ "kind": "essay", "title": "New" })).await.unwrap();
        let outcome = refused(site.update(&ada, target(), json!({ "kind": "note", "likes": 0 })).await);
        assert_eq!(outcome, "records.invalid /kind not_allowed");
        let outcome = site.update(&ada, target(), json!({ "creator": site.text("accounts", eve.id) })).await;
        assert_eq!(refused(outcome), "records.invalid /creator immutable");
        let staff = Caller { staff: true, ..eve.clone() };
        site.update(&staff, target(), json!({ "kind": "note" })).await.unwrap();
        // Invariants bind staff, too.
        let outcome = site.update(&staff, target(), json!({ "creator": null, "likes": 2 })).await;
        assert_eq!(refused(outcome), "records.invalid /creator immutable, /likes check");
    });
}

#[test]
fn an_enum_goes_only_along_its_lines() {
    on_both(|site| async move {
        let ada = site.account("Ada").await;
        let post = site.post(&ada, json!({})).await.unwrap().id;
        let to = |caller: Caller, status: &'static str| {
            let target = site.target("posts", post);
            let site = &site;
            async move { site.update(&caller, target, json!({ "status": status })).await }
        };
        let staff = Caller { staff: true, ..ada.clone() };
        assert_eq!(refused(to(ada.clone(), "done").await), "records.transition /status transition");
        assert_eq!(refused(to(staff.clone(), "done").await), "records.transition /status transition");
        to(ada.clone(), "review").await.unwrap();
        assert_eq!(refused(to(ada.clone(), "done").await), "forbidden");
        to(Caller { roles: vec!["editor".into()], ..ada.clone() }, "done").await.unwrap();
        to(ada, "draft").await.unwrap();
        to(staff.clone(), "review").await.unwrap();
        to(staff, "done").await.unwrap();
    });
}

#[test]
fn numbers_and_lists_change_by_what_is_sent() {
    on_both(|site| async move {
        let ada = site.account("Ada").await;
        let post = site.post(&ada, json!({ "tags": ["a", "b", "c"], "likes": 5 })).await.unwrap().id;
        let target = || site.target("posts", post);
        let change = json!({ "tags": { "add": ["d", "A"], "remove": ["B"] }, "likes": { "add": 2 } });
        site.update(&ada, target(), change).await.unwrap();
        assert_eq!(site.value("posts", post, "tags").await, json!(["a", "c", "d"]));
        assert_eq!(site.value("posts", post, "likes").await, 7);
        site.update(&ada, target(), json!({ "tags": ["d", "x", "a"] })).await.unwrap();
        site.update(&ada, target(), json!({ "tags": { "add": ["y"] } })).await.unwrap();
        assert_eq!(site.value("posts", post, "tags").await, json!(["d", "x", "a", "y"]));
        let much = json!({ "tags": { "add": ["1", "2"] }, "likes": { "add": 5000 } });
        let outcome = refused(site.update(&ada, target(), much).await);
        assert_eq!(outcome, "records.invalid /likes too_large, /tags too_many");
        let friends = json!({ "friends": { "add": [site.text("accounts", ada.id)] } });
        site.update(&ada, target(), friends).await.unwrap();
        assert_eq!(site.value("posts", post, "friends").await, json!([site.text("accounts", ada.id)]));
        let nobody = json!({ "friends": { "add": [site.text("accounts", Uuid::v4([5; 16]))] } });
        assert_eq!(refused(site.update(&ada, target(), nobody).await), "records.invalid /friends not_found");
    });
}

#[test]
fn an_address_is_put_once_and_then_changed() {
    on_both(|site| async move {
        let (ada, eve) = (site.account("Ada").await, site.account("Eve").await);
        let post = site.post(&ada, json!({})).await.unwrap().id;
        let address = |caller: &Caller| {
            site.unique("votes", &[("post", Value::Id(post)), ("account", Value::Id(caller.id))])
        };
        let first = site.put(&eve, address(&eve), json!({})).await.unwrap();
        assert!(first.created);
        let again = site.put(&eve, address(&eve), json!({})).await.unwrap();
        assert!(!again.created && !again.changed && again.id == first.id);
        let heavier = site.put(&eve, address(&eve), json!({ "weight": 3 })).await.unwrap();
        assert_eq!((heavier.version, heavier.created), (2, false));
        let double = site.create(&eve, "votes", json!({ "post": site.text("posts", post) })).await;
        assert_eq!(refused(double), "records.not_unique /post not_unique");
        // For somebody else: the account is not the caller's to say.
        let zoe = site.account("Zoe").await;
        assert_eq!(
            refused(site.put(&eve, address(&zoe), json!({})).await),
            "records.invalid /account read_only"
        );
        // It is there and hidden: the same answer.
        assert_eq!(
            refused(site.put(&zoe, address(&eve), json!({})).await),
            "records.invalid /account read_only"
        );
        let other = json!({ "post": site.text("posts", Uuid::v4([1; 16])) });
        assert_eq!(
            refused(site.put(&zoe, address(&zoe), other).await),
            "records.invalid /post address, /post not_found"
        );
    });
}

#[test]
fn what_is_only_added_is_never_changed() {
    on_both(|site| async move {
        let ada = site.account("Ada").await;
        let post = site.post(&ada, json!({})).await.unwrap().id;
        let sent = json!({ "post": site.text("posts", post), "body": "Hi" });
        let comment = site.create(&ada, "comments", sent).await.unwrap().id;
        let staff = Caller { staff: true, ..ada.clone() };
        let change = json!({ "body": "Ho" });
        let target = site.target("comments", comment);
        assert_eq!(refused(site.update(&staff, target.clone(), change).await), "records.append_only");
        site.delete(&ada, target).await.unwrap();
    });
}
