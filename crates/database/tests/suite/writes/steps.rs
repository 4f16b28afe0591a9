//! Deletes with more than one transaction takes: in steps, by a job, and to their end.

use mains_base::{Caller, Result, Uuid, Value};
use mains_database::jobs::{Filter, Handler, Jobs, State, drain, list};
use mains_database::log::Op;
use mains_database::write::records::{Deleted, begin_delete, delete_unless_large};
use mains_database::write::{New, deletion};
use serde_json::json;

use super::cascades::folders;
use super::logged::changes;
use super::shop::on_both_with_jobs;
use super::site::Site;

fn jobs() -> Jobs {
    let handler =
        Handler::new(deletion::JOB, |context| async move { deletion::run(&context, |_, _, _| Ok(())).await });
    Jobs::new().with(handler)
}

async fn begin(site: &Site, caller: &Caller, id: Uuid) -> Result<()> {
    let (caller, target) = (caller.clone(), site.target("folders", id));
    let looked = (caller.clone(), target.clone());
    let found = site.db.write(&[], move |tx| delete_unless_large(tx, &looked.0, &looked.1)).await?;
    assert_eq!(found, Deleted::Large(id));
    deletion::check(&site.db, site.collection("folders"), id).await?;
    site.db.write(&[], move |tx| begin_delete(tx, &caller, &target)).await
}

async fn count(site: &Site, text: &'static str) -> i64 {
    let rows = site.db.write(&[], move |tx| tx.query(text, &[])).await.unwrap();
    rows.0[0].int(0).unwrap().unwrap()
}

#[test]
fn what_is_larger_than_a_transaction_goes_by_a_job_and_the_record_last() {
    on_both_with_jobs(|site| async move {
        let system = Caller::system();
        let root = site.create(&system, "folders", json!({ "name": "root" })).await.unwrap().id;
        let below = site
            .create(&system, "folders", json!({ "parent": site.text("folders", root) }))
            .await
            .unwrap()
            .id;
        folders(&site, root, 6_000).await;
        folders(&site, below, 6_000).await;
        begin(&site, &system, root).await.unwrap();
        // Asked for again, it is the same job.
        begin(&site, &system, root).await.unwrap();
        assert_eq!(count(&site, "SELECT count(*) FROM folders").await, 12_002);
        assert_eq!(drain(&site.db, &jobs()).await.unwrap(), 1);
        assert_eq!(count(&site, "SELECT count(*) FROM folders").await, 0);
        assert_eq!(count(&site, "SELECT count(*) FROM mains_changes WHERE op = 3").await, 12_002);
        // Each was made and deleted once.
        let last = changes(&site, 2 * 12_002 - 1, 1).await;
        assert_eq!((last[0].op, last[0].record), (Op::Delete, root));
        assert_eq!(drain(&site.db, &jobs()).await.unwrap(), 0);
    });
}

#[test]
fn what_stands_against_it_is_found_before_anything_goes() {
    on_both_with_jobs(|site| async move {
        let system = Caller::system();
        let root = site.create(&system, "folders", json!({ "name": "root" })).await.unwrap().id;
        folders(&site, root, 10_001).await;
        begin(&site, &system, root).await.unwrap();
        // Between the look of the request and that of the job.
        let one = site
            .db
            .write(&[], |tx| {
                tx.query("SELECT id FROM folders WHERE parent IS NOT NULL ORDER BY id LIMIT 1", &[])
            })
            .await
            .unwrap()
            .0[0]
            .id(0)
            .unwrap()
            .unwrap();
        let (labels, field) = (site.collection("labels"), site.field("labels", "folder"));
        let label = site.db.write(&[], move |tx| {
            tx.insert(labels, &New::of([(field, Value::Id(one))])).map(|label| label.id())
        });
        let label = label.await.unwrap();
        assert_eq!(begin(&site, &system, root).await.unwrap_err().code(), "records.referenced");
        drain(&site.db, &jobs()).await.unwrap();
        assert_eq!(count(&site, "SELECT count(*) FROM folders").await, 10_002);
        let dead = list(site.db.engine(), Filter { state: Some(State::Dead), name: None }).await.unwrap();
        assert_eq!(dead.len(), 1);
        // What was in the way is gone: another delete begins anew.
        site.db.write(&[], move |tx| tx.delete(labels, label)).await.unwrap();
        begin(&site, &system, root).await.unwrap();
        drain(&site.db, &jobs()).await.unwrap();
        assert_eq!(count(&site, "SELECT count(*) FROM folders").await, 0);
    });
}
