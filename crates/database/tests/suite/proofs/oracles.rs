//! Nobody learns what rules hide: not by filters, order, addresses, totals or cursors, not by what a write answers.

use mains_base::{Caller, Uuid};
use mains_testkit::on_both;
use serde_json::json;

use super::reading::{get, list};
use crate::writes::site::{Site, refused};

/// People with what only they may see, letters that only their owner may read, and a diary that only owners may fill.
const FILES: &[(&str, &str)] = &[
    (
        "accounts",
        r#"
prefix = "account"
[fields.name]
type = "text"
[fields.email]
type = "email"
unique = true
read = 'id == auth.id'
[fields.salary]
type = "integer"
read = 'id == auth.id'
write = 'auth.staff'
[fields.code]
type = "text"
read = 'id == auth.id'
immutable = true
[fields.token]
type = "text"
hidden = true
write = 'auth.staff'
[fields.grade]
type = "enum"
values = ["low", "high"]
default = "low"
read = 'id == auth.id'
[fields.grade.transitions]
"low -> high" = 'auth.staff'
[rules]
read = 'true'
update = 'auth.signed_in'
"#,
    ),
    (
        "letters",
        r#"
prefix = "letter"
[fields.owner]
type = "relation"
to = "accounts"
inverse = "letters"
required = true
[fields.subject]
type = "text"
unique = true
[fields.body]
type = "text"
[fields.pages]
type = "integer"
default = 1
[rules]
read = 'owner == auth.id'
create = 'owner == auth.id'
update = 'owner == auth.id'
delete = 'owner == auth.id'
"#,
    ),
    (
        "replies",
        r#"
prefix = "reply"
[fields.letter]
type = "relation"
to = "letters"
inverse = "replies"
[fields.copy]
type = "relation"
to = "letters"
on_create = 'copy'
[fields.others]
type = "relation"
to = "letters"
many = true
[fields.secret]
type = "text"
[fields.sum]
computed = 'letter.pages + 1'
[rules]
read = 'true'
create = 'auth.signed_in'
update = 'auth.signed_in'
"#,
    ),
    (
        "ballots",
        r#"
prefix = "ballot"
[fields.choice]
type = "text"
[rules]
create = 'true'
"#,
    ),
];

/// Ada, whose things these are, and Eve.
struct World {
    site: Site,
    ada: Caller,
    eve: Caller,
    letter: Uuid,
}

impl World {
    async fn new(site: Site) -> Self {
        let person = json!({
            "name": "Ada", "email": "ada@example.com", "salary": 5000, "code": "c0de", "token": "t0ken",
        });
        let ada = site.create(&Caller::system(), "accounts", person).await.unwrap().id;
        let eve = site.create(&Caller::system(), "accounts", json!({ "name": "Eve" })).await.unwrap().id;
        let (ada, eve) = (Caller::account(ada), Caller::account(eve));
        let letter =
            json!({ "owner": site.text("accounts", ada.id), "subject": "Plan", "body": "hush", "pages": 7 });
        let letter = site.create(&ada, "letters", letter).await.unwrap().id;
        Self { site, ada, eve, letter }
    }

    async fn found(&self, collection: &str, query: &str) -> serde_json::Value {
        list(&self.site, &self.eve, collection, &format!("{query}&total=true")).await.unwrap()
    }
}

fn with_world<F, Done>(test: F)
where
    F: Fn(World) -> Done + Sync,
    Done: Future<Output = ()>,
{
    on_both(FILES, |db| async { test(World::new(Site::new(db)).await).await });
}

#[test]
fn filters_and_order_see_only_what_rules_show() {
    with_world(|world| async move {
        let nothing = json!({ "items": [], "next": null, "total": 0 });
        for query in [
            "filter=salary == 5000",
            "filter=salary >= 0",
            "filter=!(salary < 6000)",
            "filter=email == \"ada@example.com\"",
            "filter=email.startsWith(\"ada\")",
            "filter=(salary > 4000 ? true : false)",
            "filter=salary != null",
            "filter=math.abs(salary) > 0",
            "filter=string(salary) == \"5000\"",
            "filter=salary in [4999, 5000]",
            "where.salary=5000",
            "where.email=ada@example.com",
            "filter=letters.size() > 0",
            "filter=letters.exists(l, l.pages == 7)",
            "filter=!letters.all(l, l.pages < 7)",
            "filter=letters.map(l, l.pages).sum() > 0",
            "filter=letters.map(l, l.pages).max() != null",
            "filter=letters.exists_one(l, true)",
            "where.letters.body=hush",
        ] {
            let found = list(&world.site, &world.eve, "accounts", &format!("{query}&total=true")).await;
            match found {
                Ok(found) => assert_eq!(found, nothing, "{query}"),
                Err(said) => assert!(said.starts_with("query."), "{query}: {said}"),
            }
        }
        // A hidden field has no name at all.
        for (query, code) in [
            ("filter=token == \"t0ken\"", "query.filter"),
            ("filter=nonsense == \"t0ken\"", "query.filter"),
            ("where.token=t0ken", "query.where"),
            ("sort=token", "query.sort"),
            ("fields=token", "query.fields"),
            ("fields=-token", "query.fields"),
        ] {
            let said = list(&world.site, &world.eve, "accounts", query).await.unwrap_err();
            assert_eq!(said, code, "{query}");
        }
        // Order by what is not to be seen is no order: Ada with 5000 stands where Eve with nothing does.
        let names = |page: serde_json::Value| -> Vec<String> {
            page["items"].as_array().unwrap().iter().map(|item| item["name"].to_string()).collect()
        };
        let up = names(world.found("accounts", "sort=salary,name").await);
        let down = names(world.found("accounts", "sort=-salary,name").await);
        assert_eq!((up.clone(), up), (down, vec!["\"Ada\"".to_owned(), "\"Eve\"".to_owned()]));
        assert_eq!(world.found("letters", "sort=-pages").await, nothing);
    });
}

#[test]
fn relations_to_what_is_not_to_be_seen_say_nothing() {
    with_world(|world| async move {
        let (site, letter) = (&world.site, world.site.text("letters", world.letter));
        let reply = json!({ "letter": letter, "others": [letter], "secret": "x" });
        site.create(&Caller::system(), "replies", reply).await.unwrap();
        for query in [
            "filter=letter.pages == 7",
            "filter=letter.subject == \"Plan\"",
            "filter=letter.owner.name == \"Ada\"",
            "filter=others.exists(o, o.pages == 7)",
            "filter=!others.all(o, o.pages != 7)",
            "filter=others.exists(o, true)",
            "filter=others.size() > 0",
            "where.letter.subject=Plan",
            "where.others.subject=Plan",
        ] {
            match list(site, &world.eve, "replies", query).await {
                Ok(found) => assert_eq!(found["items"], json!([]), "{query}"),
                Err(said) => assert!(said.starts_with("query."), "{query}: {said}"),
            }
        }
        assert_eq!(
            list(site, &world.ada, "replies", "where.letter.subject=Plan").await.unwrap()["items"]
                .as_array()
                .unwrap()
                .len(),
            1
        );
    });
}

#[test]
fn a_link_to_what_is_not_to_be_seen_is_a_link_to_nothing() {
    with_world(|world| async move {
        let (site, eve) = (&world.site, &world.eve);
        let (hidden, none) = (site.text("letters", world.letter), site.text("letters", Uuid::v4([3; 16])));
        for field in ["letter", "copy"] {
            let set = async |id: &str| refused(site.create(eve, "replies", json!({ field: id })).await);
            assert_eq!(set(&none).await, format!("records.invalid /{field} not_found"));
            assert_eq!(set(&hidden).await, set(&none).await, "{field}");
        }
        let list = async |id: &str| refused(site.create(eve, "replies", json!({ "others": [id] })).await);
        assert_eq!(list(&hidden).await, list(&none).await);
        let mine = site.create(eve, "replies", json!({})).await.unwrap().id;
        let add = async |id: &str| {
            refused(
                site.update(eve, site.target("replies", mine), json!({ "others": { "add": [id] } })).await,
            )
        };
        assert_eq!(add(&hidden).await, add(&none).await);
        // What the system set may stay, and be sent back unchanged.
        let reply = json!({ "letter": hidden, "others": [hidden] });
        let reply = site.create(&Caller::system(), "replies", reply.clone()).await.unwrap().id;
        let same = json!({ "letter": hidden, "others": [hidden], "secret": "y" });
        site.update(eve, site.target("replies", reply), same).await.unwrap();
    });
}

#[test]
fn an_address_by_a_field_that_is_not_to_be_seen_leads_nowhere() {
    with_world(|world| async move {
        let (site, eve, ada) = (&world.site, &world.eve, &world.ada);
        for email in ["ada@example.com", "ADA@example.com", "nobody@example.com"] {
            let address = format!("email={email}");
            assert_eq!(get(site, eve, "accounts", &address).await.unwrap_err(), "not_found");
            let target = || site.unique("accounts", &[("email", email.into())]);
            assert_eq!(refused(site.update(eve, target(), json!({ "name": "x" })).await), "not_found");
            assert_eq!(refused(site.delete(eve, target()).await), "not_found");
            // Eve may make no accounts; whether there is one with this address is no concern of hers.
            assert_eq!(
                refused(site.put(eve, target(), json!({ "name": "x" })).await),
                "forbidden",
                "{email}"
            );
        }
        let own = site.unique("accounts", &[("email", "ada@example.com".into())]);
        site.update(ada, own.clone(), json!({ "name": "A" })).await.unwrap();
        site.put(ada, own, json!({ "name": "Ada" })).await.unwrap();
        // A record that may not be seen: as if it were not there.
        for subject in ["Plan", "None"] {
            let target = || site.unique("letters", &[("subject", subject.into())]);
            assert_eq!(
                get(site, eve, "letters", &format!("subject={subject}")).await.unwrap_err(),
                "not_found"
            );
            assert_eq!(refused(site.update(eve, target(), json!({ "body": "x" })).await), "not_found");
            assert_eq!(refused(site.delete(eve, target()).await), "not_found");
            let foreign = json!({ "owner": site.text("accounts", ada.id) });
            assert_eq!(refused(site.put(eve, target(), foreign).await), "forbidden", "{subject}");
        }
    });
}

#[test]
fn uniqueness_speaks_after_the_rule() {
    with_world(|world| async move {
        let (site, eve) = (&world.site, &world.eve);
        for subject in ["Plan", "None"] {
            let foreign = json!({ "owner": site.text("accounts", world.ada.id), "subject": subject });
            assert_eq!(refused(site.create(eve, "letters", foreign).await), "forbidden");
        }
        // The same of ids.
        let taken =
            json!({ "id": site.text("letters", world.letter), "owner": site.text("accounts", world.ada.id) });
        assert_eq!(refused(site.create(eve, "letters", taken).await), "forbidden");
        // Who may make one is told, as there is no other way.
        let own = json!({ "owner": site.text("accounts", eve.id), "subject": "Plan" });
        assert_eq!(
            refused(site.create(eve, "letters", own.clone()).await),
            "records.not_unique /subject not_unique"
        );
        let target = site.unique("letters", &[("subject", "Plan".into())]);
        assert_eq!(refused(site.put(eve, target, own).await), "records.not_unique /subject not_unique");
    });
}

#[test]
fn sending_a_value_back_tells_nothing_of_the_stored_one() {
    with_world(|world| async move {
        let (site, eve, ada) = (&world.site, &world.eve, &world.ada);
        let told = async |caller: &Caller, json| {
            let outcome = site.update(caller, site.target("accounts", ada.id), json).await;
            outcome.map_or_else(|error| crate::writes::site::said(&error), |_| "ok".to_owned())
        };
        // Guesses, right and wrong, get one answer.
        for (field, right, wrong) in [
            ("salary", json!(5000), json!(5001)),
            ("code", json!("c0de"), json!("other")),
            ("token", json!("t0ken"), json!("other")),
        ] {
            let (right, wrong) =
                (told(eve, json!({ field: right })).await, told(eve, json!({ field: wrong })).await);
            assert_eq!(right, wrong, "{field}");
            assert!(right.starts_with(&format!("records.invalid /{field} ")), "{right}");
        }
        // Who may see it may send it back.
        assert_eq!(told(ada, json!({ "salary": 5000, "code": "c0de" })).await, "ok");
        assert_eq!(told(ada, json!({ "salary": 5001 })).await, "records.invalid /salary not_allowed");
    });
}

#[test]
fn a_repeated_create_is_no_way_to_guess() {
    with_world(|world| async move {
        let (site, eve) = (&world.site, &world.eve);
        // Anyone may vote, nobody may read. A repetition with the right guess must not differ from one with a wrong.
        let id = Uuid::v7(mains_base::Time::from_micros(mains_testkit::database::START), [5; 10]);
        let ballot = |choice: &str| json!({ "id": site.text("ballots", id), "choice": choice });
        site.create(&world.ada, "ballots", ballot("yes")).await.unwrap();
        for choice in ["yes", "no"] {
            assert_eq!(
                refused(site.create(eve, "ballots", ballot(choice)).await),
                "records.id_taken",
                "{choice}"
            );
        }
    });
}

#[test]
fn steps_say_nothing_of_a_state_that_is_not_to_be_seen() {
    with_world(|world| async move {
        let (site, eve) = (&world.site, &world.eve);
        let target = site.target("accounts", world.ada.id);
        let error = site.update(eve, target, json!({ "grade": null })).await.unwrap_err();
        assert!(!format!("{error:?}").contains("low"), "{error:?}");
    });
}

#[test]
fn me_is_whoever_asks() {
    with_world(|world| async move {
        let (site, eve) = (&world.site, &world.eve);
        assert_eq!(get(site, eve, "accounts", "me").await.unwrap()["name"], "Eve");
        assert_eq!(get(site, &Caller::visitor(), "accounts", "me").await.unwrap_err(), "not_found");
        assert_eq!(get(site, eve, "letters", "me").await.unwrap_err(), "not_found");
        let nobody = list(site, &Caller::visitor(), "letters", "where.owner=me").await.unwrap();
        assert_eq!(nobody["items"], json!([]));
        // Another collection's id, however well made, is nobody here.
        let foreign = world.letter.text(site.test.schema.find("accounts").unwrap().prefix.as_ref().unwrap());
        assert_eq!(get(site, eve, "accounts", &foreign).await.unwrap_err(), "not_found");
        let letter = site.text("letters", world.letter);
        assert_eq!(get(site, eve, "accounts", &letter).await.unwrap_err(), "not_found");
    });
}
