//! What the log rows of each kind of write carry, to the letter, and that a write of nothing leaves none.

use mains_base::{Caller, Time};
use mains_database::log::Op;
use mains_database::write::{Changes, New};
use mains_testkit::database::START;
use serde_json::json;

use super::logged::{changes, data};
use super::shop;

const FIRST: &str = "2026-01-02T03:04:05.000000Z";
const SECOND: &str = "2026-01-02T03:04:06.000000Z";

#[test]
fn each_kind_of_write_says_what_it_did() {
    shop::on_both(|site| async move {
        let system = Caller::system();
        let scope = site.create(&system, "workspaces", json!({ "name": "W" })).await.unwrap().id;
        let workspace = site.text("workspaces", scope);
        let made = json!({ "workspace": workspace, "title": "One", "secret": "s", "draft": "d" });
        let page = site.create(&system, "pages", made).await.unwrap().id;
        site.test.clock.set(Time::from_micros(START + 1_000_000));
        let long = "long ".repeat(300);
        let change = json!({ "title": "Two", "secret": null, "draft": long.trim(), "public": true });
        site.update(&system, site.target("pages", page), change).await.unwrap();
        site.delete(&system, site.target("workspaces", scope)).await.unwrap();

        let rows = changes(&site, 1, 4).await;
        let id = site.text("pages", page);
        let record = json!({ "id": id, "created": FIRST, "updated": FIRST, "version": 1, "workspace": workspace,
            "title": "One", "slug": "one", "secret": "s", "draft": "d", "public": false });
        assert_eq!((rows[0].op, data(&rows[0])), (Op::Create, json!({ "record": record })));
        let record = json!({ "id": id, "created": FIRST, "updated": SECOND, "version": 2, "workspace": workspace,
            "title": "Two", "slug": "two", "public": true });
        let old = json!({ "updated": FIRST, "version": 1, "title": "One", "slug": "one", "secret": "s",
            "draft": "d", "public": false });
        let said = json!({ "record": record, "old": old, "left_out": ["draft"] });
        assert_eq!((rows[1].op, data(&rows[1])), (Op::Update, said));
        // The cascade: each record as it was before, told of one transaction.
        let gone = |name: &str| rows[2..].iter().find(|row| row.collection == name).unwrap();
        let said = json!({ "record": record, "left_out": ["draft"] });
        assert_eq!((gone("pages").op, data(gone("pages"))), (Op::Delete, said));
        let space = json!({ "id": workspace, "created": FIRST, "updated": FIRST, "version": 1, "name": "W" });
        assert_eq!(data(gone("workspaces")), json!({ "record": space }));
        assert_eq!((gone("pages").version, gone("workspaces").version), (2, 1));
        assert_eq!(gone("pages").transaction, gone("workspaces").transaction);
    });
}

#[test]
fn a_cleared_relation_is_an_update_of_the_record_that_stays() {
    shop::on_both(|site| async move {
        let system = Caller::system();
        let ada = site.create(&system, "accounts", json!({})).await.unwrap().id;
        let buyer = site.text("accounts", ada);
        let order = json!({ "email": "a@example.com", "buyer": buyer, "closed": true });
        let order = site.create(&system, "orders", order).await.unwrap().id;
        site.delete(&system, site.target("accounts", ada)).await.unwrap();
        let rows = changes(&site, 2, 2).await;
        let cleared = rows.iter().find(|row| row.record == order).unwrap();
        assert_eq!((cleared.op, cleared.version), (Op::Update, 2));
        let said = data(cleared);
        assert_eq!(said["old"], json!({ "version": 1, "buyer": buyer }));
        assert_eq!(said["record"].get("buyer"), None);
        assert_eq!(said["record"]["email"], "a@example.com");
    });
}

#[test]
fn a_write_of_nothing_stores_nothing() {
    shop::on_both(|site| async move {
        let system = Caller::system();
        let folder = site.create(&system, "folders", json!({ "name": "a" })).await.unwrap();
        site.test.clock.set(Time::from_micros(START + 1_000_000));
        let target = || site.target("folders", folder.id);
        // Neither the value that stands there nor one that is added and taken away again moves `on_write`.
        for same in [json!({ "name": "a" }), json!({}), json!({ "parent": null })] {
            let same = site.update(&system, target(), same).await.unwrap();
            assert!(!same.changed);
            assert_eq!(*same.image, *folder.image);
        }
        let (folders, name) = (site.collection("folders"), site.field("folders", "name"));
        let id = folder.id;
        let twice = site.db.write(&[], move |tx| {
            tx.update(folders, id, &Changes::of([(name, "b".into())]))?;
            tx.update(folders, id, &Changes::of([(name, "c".into())]))?;
            let gone = tx.insert(folders, &New::of([(name, "gone".into())]))?;
            tx.delete(folders, gone.id())
        });
        twice.await.unwrap();
        let rows = changes(&site, 0, 2).await;
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[1].op, rows[1].version), (Op::Update, 2));
        assert_eq!(data(&rows[1])["old"]["name"], "a");
        let image = site.find("folders", folder.id).await.unwrap();
        assert_eq!((image.version(), image.value(name).as_text()), (2, Some("c")));
        assert_eq!(site.value("folders", folder.id, "updated").await, SECOND);
        assert_eq!(site.value("folders", folder.id, "created").await, FIRST);
        assert_eq!(site.value("folders", folder.id, "touched").await, SECOND);
    });
}
