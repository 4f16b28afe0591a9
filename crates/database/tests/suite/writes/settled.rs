//! What a record's values become on their way into the database.

use std::sync::Arc;

use mains_base::{Caller, Result, Uuid, Value};
use mains_database::Db;
use mains_database::write::{Changes, New, Tx};
use mains_testkit::on_both_with;
use serde_json::{Value as Json, json};

use super::shop::on_both;
use super::site::{Site, refused, schema_of};

async fn order(site: &Site, more: Json) -> Result<Uuid> {
    let mut json = json!({ "email": "a@example.com", "closed": true });
    json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    site.create(&Caller::visitor(), "orders", json).await.map(|written| written.id)
}

#[test]
fn an_amount_has_the_currency_that_its_record_says() {
    on_both(|site| async move {
        let total = json!({ "amount": 1999, "currency": "EUR" });
        let id = order(&site, json!({ "total": total, "currency": "EUR" })).await.unwrap();
        assert_eq!(site.value("orders", id, "total").await, total);
        let visitor = Caller::visitor();
        let target = || site.target("orders", id);
        site.update(&visitor, target(), json!({ "currency": "USD" })).await.unwrap();
        let dollars = json!({ "amount": 1999, "currency": "USD" });
        assert_eq!(site.value("orders", id, "total").await, dollars);
        let none = site.update(&visitor, target(), json!({ "currency": null })).await;
        assert_eq!(refused(none), "records.invalid /currency required");
        site.update(&visitor, target(), json!({ "currency": null, "total": null })).await.unwrap();
        let bare = order(&site, json!({ "total": total })).await;
        assert_eq!(refused(bare), "records.invalid /currency required");
    });
}

#[test]
fn defaults_follow_relations_and_what_is_unknown_is_null_or_false() {
    on_both(|site| async move {
        let town = json!({ "name": "Ada", "town": "Kiel" });
        let ada = site.create(&Caller::system(), "accounts", town).await.unwrap().id;
        let buyer = json!({ "buyer": site.text("accounts", ada) });
        let id = order(&site, buyer).await.unwrap();
        assert_eq!(site.value("orders", id, "town").await, "Kiel!");
        assert_eq!(site.value("orders", id, "local").await, true);
        let nobody = order(&site, json!({})).await.unwrap();
        assert_eq!(site.value("orders", nobody, "town").await, Json::Null);
        assert_eq!(site.value("orders", nobody, "local").await, false);
        let said = order(&site, json!({ "town": "Bonn", "closed": false })).await;
        assert_eq!(refused(said), "records.invalid /buyer check");
        let said = order(&site, json!({ "town": "Bonn" })).await.unwrap();
        assert_eq!(site.value("orders", said, "town").await, "Bonn");
    });
}

#[test]
fn what_the_server_writes_may_correct_what_is_sent() {
    on_both(|site| async move {
        let id = order(&site, json!({ "amount": 12 })).await.unwrap();
        assert_eq!(site.value("orders", id, "amount").await, 10);
        let visitor = Caller::visitor();
        let target = || site.target("orders", id);
        site.update(&visitor, target(), json!({ "amount": 3 })).await.unwrap();
        assert_eq!(site.value("orders", id, "amount").await, 3);
        site.update(&visitor, target(), json!({ "amount": { "add": 90 } })).await.unwrap();
        assert_eq!(site.value("orders", id, "amount").await, 10);
        site.update(&visitor, target(), json!({ "email": "b@example.com" })).await.unwrap();
        assert_eq!(site.value("orders", id, "amount").await, 10);
        assert_eq!(site.value("orders", id, "version").await, 4);
    });
}

#[test]
fn a_personal_datum_is_needed_of_everybody_and_may_be_erased() {
    on_both(|site| async move {
        let none = site.create(&Caller::system(), "orders", json!({ "closed": true })).await;
        assert_eq!(refused(none), "records.invalid /email required");
        let id = order(&site, json!({})).await.unwrap();
        let target = site.target("orders", id);
        let cleared = site.update(&Caller::system(), target, json!({ "email": null })).await;
        assert_eq!(refused(cleared), "records.invalid /email required");
        // The column itself does not hold it fast.
        let erase = "UPDATE \"orders\" SET \"email\" = NULL, \"email__folded\" = NULL WHERE \"id\" = $1";
        let erased = site.db.engine().alter(move |statements| {
            statements.execute(erase, &[id.into()], None)?;
            Ok(())
        });
        erased.await.unwrap();
        assert_eq!(site.value("orders", id, "email").await, Json::Null);
    });
}

#[test]
fn the_first_value_of_an_enum_and_the_last_have_lines_of_their_own() {
    on_both(|site| async move {
        let (visitor, clerk) =
            (Caller::visitor(), Caller { roles: vec!["clerk".into()], ..Caller::visitor() });
        let open = order(&site, json!({})).await.unwrap();
        let first = order(&site, json!({ "phase": "gone" })).await;
        assert_eq!(refused(first), "records.transition /phase transition");
        assert_eq!(refused(order(&site, json!({ "phase": "paid" })).await), "unauthenticated");
        let paid = json!({ "email": "a@example.com", "closed": true, "phase": "paid" });
        let paid = site.create(&clerk, "orders", paid).await.unwrap().id;
        let back = site.update(&visitor, site.target("orders", paid), json!({ "phase": "open" })).await;
        assert_eq!(refused(back), "records.transition /phase transition");
        for id in [open, paid] {
            let gone = json!({ "phase": "gone" });
            site.update(&visitor, site.target("orders", id), gone.clone()).await.unwrap();
            assert!(!site.update(&visitor, site.target("orders", id), gone).await.unwrap().changed);
        }
    });
}

#[test]
fn a_slug_follows_its_title_and_moves_to_another_scope() {
    on_both(|site| async move {
        let system = Caller::system();
        let mut scopes = Vec::new();
        for _ in 0..2 {
            scopes.push(site.create(&system, "workspaces", json!({})).await.unwrap().id);
        }
        let page = async |scope: usize, title: &str, public: bool| {
            let workspace = site.text("workspaces", scopes[scope]);
            let json = json!({ "workspace": workspace, "title": title, "public": public });
            site.create(&system, "pages", json).await.unwrap().id
        };
        let slug = async |id| site.value("pages", id, "slug").await;
        let (one, two, three) =
            (page(0, "One", true).await, page(0, "Two", true).await, page(1, "Two", true).await);
        assert_eq!((slug(two).await, slug(three).await), (json!("two"), json!("two")));
        let change = async |id, json: Json| site.update(&system, site.target("pages", id), json).await;
        change(one, json!({ "title": "Two" })).await.unwrap();
        assert_eq!(slug(one).await, "two-2");
        // The same words again: what it has fits.
        change(one, json!({ "title": "TWO" })).await.unwrap();
        assert_eq!(slug(one).await, "two-2");
        change(one, json!({ "title": "Three" })).await.unwrap();
        assert_eq!(slug(one).await, "three");
        // Into a scope where it is taken.
        let moved = json!({ "workspace": site.text("workspaces", scopes[1]) });
        change(two, moved).await.unwrap();
        assert_eq!(slug(two).await, "two-2");
        // Taken away: what it had still fits.
        change(two, json!({ "slug": null })).await.unwrap();
        assert_eq!(slug(two).await, "two-2");
        change(one, json!({ "slug": "own" })).await.unwrap();
        assert_eq!(slug(one).await, "own");
    });
}

#[test]
fn numbers_with_gaps_go_on_after_a_restart() {
    on_both(|mut site| async move {
        let first = order(&site, json!({})).await.unwrap();
        assert_eq!(site.value("orders", first, "number").await, 1);
        site.test.restart().await;
        let db = Db::over(site.test.engine.clone(), Arc::new(site.test.clock.clone()));
        db.install(Arc::clone(&site.test.schema));
        site.db = db;
        let mut last = 1;
        for _ in 0..70 {
            let id = order(&site, json!({})).await.unwrap();
            let image = site.find("orders", id).await.unwrap();
            let number = image.value(site.field("orders", "number")).as_int().unwrap();
            assert!(number > last, "{number} after {last}");
            last = number;
        }
        assert!(last > 70, "what the first run kept in memory is a gap");
        let given = json!({ "email": "a@example.com", "closed": true, "number": 1000 });
        let id = site.create(&Caller::system(), "orders", given).await.unwrap().id;
        assert_eq!(
            site.find("orders", id).await.unwrap().value(site.field("orders", "number")),
            &Value::Int(1000)
        );
    });
}

const SHELVES: &str = r#"
prefix = "shelf"
[fields.open]
type = "bool"
default = true
"#;

const STOCK: &str = r#"
prefix = "stock"
[fields.shelf]
type = "relation"
to = "shelves"
[fields.place]
type = "integer"
unique = true
[fields.held]
type = "integer"
default = 0
[fields.on_hand]
type = "integer"
default = 0
[fields.labels]
type = "text"
many = true
[[checks]]
expr = 'held <= on_hand'
message = "More is held than there is."
[[checks]]
expr = 'shelf == null || shelf.open || held == 0'
message = "A closed shelf holds nothing."
"#;

fn on_stock(test: impl AsyncFn(Site) + Sync) {
    let schema = || schema_of(&[("shelves", SHELVES), ("stock", STOCK)]);
    on_both_with(schema, async |db| test(Site::new(db)).await);
}

async fn stock(site: &Site, json: Json) -> Uuid {
    site.create(&Caller::system(), "stock", json).await.unwrap().id
}

/// Changes records one after the other in one transaction.
async fn change(site: &Site, steps: Vec<(&str, Uuid, &str, Value)>) -> Result<()> {
    let steps: Vec<_> = steps
        .into_iter()
        .map(|(of, id, name, value)| (site.collection(of), id, Changes::of([(site.field(of, name), value)])))
        .collect();
    let body =
        move |tx: &mut Tx<'_>| steps.iter().try_for_each(|(of, id, to)| tx.update(*of, *id, to).map(drop));
    site.db.write(&[], body).await
}

#[test]
fn what_holds_in_the_end_may_be_said_in_either_order() {
    on_stock(async |site| {
        for turned in [false, true] {
            let id = stock(&site, json!({ "held": 1, "on_hand": 1 })).await;
            let mut steps =
                vec![("stock", id, "held", Value::Int(5)), ("stock", id, "on_hand", Value::Int(9))];
            if turned {
                steps.reverse();
            }
            change(&site, steps).await.unwrap();
            assert_eq!(site.value("stock", id, "held").await, 5);
            assert_eq!(site.value("stock", id, "version").await, 2, "two changes are one write");
            let mut back =
                vec![("stock", id, "held", Value::Int(0)), ("stock", id, "on_hand", Value::Int(0))];
            if turned {
                back.reverse();
            }
            change(&site, back).await.unwrap();
        }
        let id = stock(&site, json!({ "on_hand": 1 })).await;
        let steps = vec![("stock", id, "held", Value::Int(5)), ("stock", id, "on_hand", Value::Int(4))];
        assert_eq!(refused(change(&site, steps).await), "records.invalid  check");
        assert_eq!(site.value("stock", id, "held").await, 0);
    });
}

#[test]
fn a_check_over_a_relation_sees_all_that_the_transaction_stored() {
    on_stock(async |site| {
        let shelf = site.create(&Caller::system(), "shelves", json!({ "open": false })).await.unwrap().id;
        let id = stock(&site, json!({ "shelf": site.text("shelves", shelf), "on_hand": 9 })).await;
        let held = |count: i64| ("stock", id, "held", Value::Int(count));
        let open = |open: bool| ("shelves", shelf, "open", Value::Bool(open));
        assert_eq!(refused(change(&site, vec![held(1)]).await), "records.invalid  check");
        // What is opened after it counts as well as before it.
        change(&site, vec![held(1), open(true)]).await.unwrap();
        assert_eq!(refused(change(&site, vec![held(2), open(false)]).await), "records.invalid  check");
        assert_eq!(site.value("shelves", shelf, "open").await, true);
        change(&site, vec![open(false), held(0)]).await.unwrap();
    });
}

#[test]
fn whoever_asks_or_writes_finds_what_was_changed_before() {
    on_stock(async |site| {
        let (one, two) =
            (stock(&site, json!({ "place": 1 })).await, stock(&site, json!({ "place": 2 })).await);
        let (of, place, labels) =
            (site.collection("stock"), site.field("stock", "place"), site.field("stock", "labels"));
        let to = move |value: Option<i64>| Changes::of([(place, value.into())]);
        // Two records change places by way of none, and a new one takes what is left.
        let body = move |tx: &mut Tx<'_>| {
            tx.update(of, one, &to(None))?;
            tx.update(of, two, &to(Some(1)))?;
            tx.update(of, one, &to(Some(2)))?;
            tx.update(of, one, &Changes::of([(labels, Value::List(vec!["moved".into()]))]))?;
            tx.update(of, two, &to(Some(3)))?;
            tx.insert(of, &New::of([(place, 1.into())]))?;
            let rows = tx.query("SELECT place FROM stock ORDER BY place", &[])?;
            rows.0.iter().map(|row| row.int(0)).collect::<Result<Vec<_>>>()
        };
        let places = site.db.write(&[], body).await.unwrap();
        assert_eq!(places, [Some(1), Some(2), Some(3)]);
        assert_eq!(site.value("stock", one, "labels").await, json!(["moved"]));
        let taken = change(&site, vec![("stock", one, "place", Value::Int(3))]).await;
        assert_eq!(refused(taken), "records.not_unique /place not_unique");
    });
}

#[test]
fn what_goes_need_not_settle_and_a_savepoint_takes_its_own_back() {
    on_stock(async |site| {
        let (gone, kept) = (stock(&site, json!({})).await, stock(&site, json!({ "on_hand": 1 })).await);
        let (of, held) = (site.collection("stock"), site.field("stock", "held"));
        let hold = move |count: i64| Changes::of([(held, Value::Int(count))]);
        let body = move |tx: &mut Tx<'_>| {
            tx.update(of, gone, &hold(9))?;
            tx.delete(of, gone)?;
            tx.update(of, kept, &hold(1))?;
            Ok(refused(tx.savepoint(|tx| tx.update(of, kept, &hold(2)).map(drop))))
        };
        assert_eq!(site.db.write(&[], body).await.unwrap(), "records.invalid  check");
        assert!(site.find("stock", gone).await.is_none());
        assert_eq!(site.value("stock", kept, "held").await, 1);
    });
}
