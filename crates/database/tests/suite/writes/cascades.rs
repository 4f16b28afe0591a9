//! What goes with a deleted record, how far, and what stands against it.

use mains_base::{Caller, Result, Uuid, Value};
use mains_database::log::Op;
use mains_database::write::{Changes, New};
use serde_json::json;

use super::logged::changes;
use super::shop::on_both;
use super::site::{Site, refused};

/// Makes folders below `parent`, many in one transaction.
pub(super) async fn folders(site: &Site, parent: Uuid, count: usize) {
    let (folders, field) = (site.collection("folders"), site.field("folders", "parent"));
    let mut left = count;
    while left > 0 {
        let now = left.min(1000);
        let make = move |tx: &mut mains_database::write::Tx<'_>| {
            for _ in 0..now {
                tx.insert(folders, &New::of([(field, Value::Id(parent))]))?;
            }
            Ok(())
        };
        site.db.write_alone(&[], make).await.unwrap();
        left -= now;
    }
}

#[test]
fn a_delete_takes_ten_thousand_records_and_not_one_more() {
    on_both(|site| async move {
        let system = Caller::system();
        let root = site.create(&system, "folders", json!({ "name": "root" })).await.unwrap().id;
        folders(&site, root, 10_000).await;
        let delete = async || site.delete(&system, site.target("folders", root)).await;
        assert_eq!(refused(delete().await), "records.too_many");
        let count = async |text: &'static str| {
            let rows = site.db.write(&[], move |tx| tx.query(text, &[])).await.unwrap();
            rows.0[0].int(0).unwrap().unwrap()
        };
        assert_eq!(count("SELECT count(*) FROM folders").await, 10_001);
        let one =
            site.db.write(&[], |tx| tx.query("SELECT id FROM folders WHERE parent IS NOT NULL LIMIT 1", &[]));
        let one = one.await.unwrap().0[0].id(0).unwrap().unwrap();
        site.delete(&system, site.target("folders", one)).await.unwrap();
        delete().await.unwrap();
        assert_eq!(count("SELECT count(*) FROM folders").await, 0);
    });
}

#[test]
fn a_deep_cascade_logs_each_record_with_its_version() {
    on_both(|site| async move {
        let (folders, parent) = (site.collection("folders"), site.field("folders", "parent"));
        let name = site.field("folders", "name");
        let chain = site.db.write(&[], move |tx| {
            let mut chain: Vec<Uuid> = Vec::new();
            for _ in 0..40 {
                let above = chain.last().map_or(Value::Null, |id| Value::Id(*id));
                chain.push(tx.insert(folders, &New::of([(parent, above)]))?.id());
            }
            Ok(chain)
        });
        let chain = chain.await.unwrap();
        let last = chain[39];
        site.db
            .write(&[], move |tx| tx.update(folders, last, &Changes::of([(name, "deep".into())])))
            .await
            .unwrap();
        site.delete(&Caller::system(), site.target("folders", chain[0])).await.unwrap();
        let rows = changes(&site, 41, 40).await;
        assert!(rows.iter().all(|row| row.op == Op::Delete && row.transaction == rows[0].transaction));
        let mut gone: Vec<Uuid> = rows.iter().map(|row| row.record).collect();
        gone.sort_unstable();
        assert_eq!(gone, chain);
        let version = |id: Uuid| rows.iter().find(|row| row.record == id).unwrap().version;
        assert_eq!((version(chain[0]), version(last)), (1, 2));
    });
}

#[test]
fn circles_across_collections_go_together() {
    on_both(|site| async move {
        let (system, visitor) = (Caller::system(), Caller::visitor());
        let person = site.create(&system, "people", json!({})).await.unwrap().id;
        let owner = json!({ "owner": site.text("people", person) });
        let house = site.create(&visitor, "houses", owner).await.unwrap().id;
        let ward = json!({ "ward": site.text("people", person) });
        let guardian = site.create(&system, "guardians", ward).await.unwrap().id;
        let ties =
            json!({ "home": site.text("houses", house), "guardian": site.text("guardians", guardian) });
        site.update(&system, site.target("people", person), ties).await.unwrap();
        site.delete(&system, site.target("houses", house)).await.unwrap();
        for (collection, id) in [("people", person), ("houses", house), ("guardians", guardian)] {
            assert!(site.find(collection, id).await.is_none(), "{collection}");
        }
        let rows = changes(&site, 4, 3).await;
        assert!(rows.iter().all(|row| row.op == Op::Delete));
        assert_eq!(rows.len(), 3);
    });
}

#[test]
fn a_check_that_fails_by_another_records_delete_is_told_there() {
    on_both(|site| async move {
        let system = Caller::system();
        let ada = site.create(&system, "accounts", json!({})).await.unwrap().id;
        let order = json!({ "email": "a@example.com", "buyer": site.text("accounts", ada) });
        let order = site.create(&system, "orders", order).await.unwrap().id;
        let delete = async || -> Result<()> { site.delete(&system, site.target("accounts", ada)).await };
        let error = delete().await.unwrap_err();
        assert_eq!((error.code(), error.detail()), ("records.check", "An open order needs its buyer."));
        assert!(site.find("accounts", ada).await.is_some());
        site.update(&system, site.target("orders", order), json!({ "closed": true })).await.unwrap();
        delete().await.unwrap();
        assert_eq!(site.value("orders", order, "buyer").await, json!(null));
        assert_eq!(site.value("orders", order, "version").await, 3);
    });
}
