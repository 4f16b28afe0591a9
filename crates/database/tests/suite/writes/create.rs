//! Making records.

use mains_base::{Caller, Uuid};
use serde_json::json;

use super::on_both;
use super::site::refused;

#[test]
fn a_record_gets_what_the_server_sets() {
    on_both(|site| async move {
        let ada = site.account("Ada").await;
        let made = site.post(&ada, json!({ "title": "Hello, World!", "tags": ["b", "a"] })).await.unwrap();
        assert!(made.created && made.version == 1);
        let id = made.id;
        assert_eq!(site.value("posts", id, "slug").await, "hello-world");
        assert_eq!(site.value("posts", id, "creator").await, site.text("accounts", ada.id));
        assert_eq!(site.value("posts", id, "tags").await, json!(["b", "a"]));
        assert_eq!(site.value("posts", id, "secret").await, json!(false));
        assert_eq!(site.value("posts", id, "kind").await, "note");
        assert_eq!(site.value("posts", id, "edited").await, site.value("posts", id, "created").await);
    });
}

#[test]
fn everything_wrong_is_said_at_once_and_before_the_rule() {
    on_both(|site| async move {
        let (ada, eve) = (site.account("Ada").await, site.account("Eve").await);
        let nobody = site.text("accounts", Uuid::v4([7; 16]));
        // Not allowed either (the author is another), but what is wrong with fields comes first.
        let sent = json!({
            "author": nobody, "creator": site.text("accounts", eve.id), "status": "done",
            "edited": "2020-01-01T00:00:00Z",
        });
        let outcome = refused(site.create(&ada, "posts", sent).await);
        assert_eq!(
            outcome,
            "records.invalid /creator read_only, /edited read_only, /title required, /author not_found"
        );
        let outcome =
            refused(site.post(&ada, json!({ "title": "forbidden", "kind": "essay", "likes": 20 })).await);
        assert_eq!(outcome, "records.invalid /kind not_allowed, /title check");
        let other = json!({ "author": site.text("accounts", eve.id), "title": "For Eve" });
        assert_eq!(refused(site.create(&ada, "posts", other.clone()).await), "forbidden");
        assert_eq!(refused(site.create(&Caller::visitor(), "posts", other).await), "unauthenticated");
        let first = site.post(&ada, json!({ "status": "done" })).await;
        assert_eq!(refused(first), "records.transition /status transition");
    });
}

#[test]
fn a_collection_without_a_rule_is_closed_but_to_the_system() {
    on_both(|site| async move {
        let ada = site.account("Ada").await;
        assert_eq!(refused(site.create(&ada, "teams", json!({ "key": "A" })).await), "forbidden");
        let staff = Caller { staff: true, ..ada };
        site.create(&staff, "teams", json!({ "key": "A" })).await.unwrap();
        // Rules do not bind staff; what the server sets and what is unique does.
        let outcome = refused(site.create(&staff, "teams", json!({ "key": "A" })).await);
        assert_eq!(outcome, "records.not_unique /key not_unique");
    });
}

#[test]
fn a_link_leads_only_to_what_the_caller_may_read() {
    on_both(|site| async move {
        let (ada, eve) = (site.account("Ada").await, site.account("Eve").await);
        let hidden = site.post(&ada, json!({ "secret": true })).await.unwrap().id;
        let open = site.post(&ada, json!({})).await.unwrap().id;
        let comment = |id| json!({ "post": site.text("posts", id), "body": "Hi" });
        let absent = refused(site.create(&eve, "comments", comment(Uuid::v4([9; 16]))).await);
        assert_eq!(absent, "records.invalid /post not_found");
        assert_eq!(refused(site.create(&eve, "comments", comment(hidden)).await), absent);
        site.create(&eve, "comments", comment(open)).await.unwrap();
        site.create(&ada, "comments", comment(hidden)).await.unwrap();
        // A vote's check follows the link: it must not tell what a hidden post is like.
        let vote = |id| json!({ "post": site.text("posts", id) });
        assert_eq!(refused(site.create(&eve, "votes", vote(hidden)).await), absent);
        assert_eq!(refused(site.create(&eve, "votes", vote(Uuid::v4([9; 16]))).await), absent);
        assert_eq!(refused(site.create(&ada, "votes", vote(open)).await), "records.invalid /post check");
    });
}

#[test]
fn a_repeated_create_gives_the_record_and_anything_else_is_taken() {
    on_both(|site| async move {
        let (ada, eve) = (site.account("Ada").await, site.account("Eve").await);
        let id = Uuid::v7(site.db.clock().now(), [3; 10]);
        let sent = json!({ "id": site.text("posts", id), "title": "Once", "tags": ["x"] });
        let first = site.post(&ada, sent.clone()).await.unwrap();
        assert!(first.created && first.id == id);
        let again = site.post(&ada, sent.clone()).await.unwrap();
        assert!(!again.created && !again.changed && again.version == 1 && again.id == id);
        let other = json!({ "id": site.text("posts", id), "title": "Twice" });
        assert_eq!(refused(site.post(&ada, other).await), "records.id_taken");
        assert_eq!(refused(site.post(&eve, sent).await), "records.id_taken");
        let bad = json!({ "id": site.text("posts", Uuid::v4([1; 16])) });
        assert_eq!(refused(site.post(&ada, bad).await), "records.invalid /id id");
    });
}

#[test]
fn slugs_are_numbered_where_they_are_taken() {
    on_both(|site| async move {
        let ada = site.account("Ada").await;
        let mut slugs = Vec::new();
        for title in ["Same title", "Same, title!", "same TITLE", "!?"] {
            let id = site.post(&ada, json!({ "title": title })).await.unwrap().id;
            slugs.push(site.value("posts", id, "slug").await);
        }
        assert_eq!(slugs, ["same-title", "same-title-2", "same-title-3", "post"]);
        let taken = site.post(&ada, json!({ "slug": "same-title" })).await;
        assert_eq!(refused(taken), "records.not_unique /slug not_unique");
    });
}

#[test]
fn numbers_count_within_their_scope() {
    on_both(|site| async move {
        let (ada, system) = (site.account("Ada").await, Caller::system());
        let mut numbers = Vec::new();
        let mut tickets = Vec::new();
        for team in ["A", "B"] {
            let team = site.create(&system, "teams", json!({ "key": team })).await.unwrap().id;
            for title in ["one", "one"] {
                let sent = json!({ "team": site.text("teams", team), "title": title });
                let id = site.create(&ada, "issues", sent).await.unwrap().id;
                numbers.push(site.value("issues", id, "number").await.as_i64().unwrap());
                tickets.push(site.value("issues", id, "ticket").await.as_i64().unwrap());
                assert!(site.value("issues", id, "label").await.as_str().unwrap().ends_with('!'));
            }
        }
        assert_eq!(numbers, [1, 2, 1, 2]);
        assert_eq!(tickets, [1, 2, 3, 4]);
        let moved = json!({ "number": 77 });
        let team = site.create(&system, "teams", json!({ "key": "C" })).await.unwrap().id;
        let sent = json!({ "team": site.text("teams", team) });
        let id = site.create(&ada, "issues", sent).await.unwrap().id;
        let outcome = site.update(&ada, site.target("issues", id), moved.clone()).await;
        assert_eq!(refused(outcome), "records.invalid /number read_only");
        // The system may give a number; the next one goes on from there.
        site.update(&system, site.target("issues", id), moved).await.unwrap();
        let next = site.create(&ada, "issues", json!({ "team": site.text("teams", team) })).await.unwrap().id;
        assert_eq!(site.value("issues", next, "number").await, 78);
    });
}

#[test]
fn what_no_database_can_say_is_asked_in_memory() {
    on_both(|site| async move {
        let (ada, system) = (site.account("Ada").await, Caller::system());
        for (key, said) in [("lower", Some("records.invalid /team check")), ("UPPER", None)] {
            let team = site.create(&system, "teams", json!({ "key": key })).await.unwrap().id;
            let made = site.create(&ada, "issues", json!({ "team": site.text("teams", team) })).await;
            assert_eq!(said.map(str::to_owned), made.err().map(|error| super::site::said(&error)), "{key}");
        }
    });
}
