//! What the log says of writes.

use std::time::Duration;

use mains_base::Caller;
use mains_database::log::{Change, Op, Position, read};
use mains_database::write::{Changes, New};
use serde_json::{Value as Json, json};

use super::on_both;
use super::site::Site;

/// The rows after `from`, once there are so many: on PostgreSQL they get their places a moment after the commit.
pub(super) async fn changes(site: &Site, from: usize, count: usize) -> Vec<Change> {
    let mut committed = site.db.engine().committed();
    let wait = async {
        loop {
            let found = read(site.db.engine(), Position(from as i64), 1000).await.unwrap();
            if found.len() >= count {
                return found;
            }
            let _ = tokio::time::timeout(Duration::from_millis(20), committed.changed()).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("the rows of the log")
}

pub(super) fn data(change: &Change) -> Json {
    change.data.as_deref().map_or(Json::Null, |data| serde_json::from_str(data).unwrap())
}

#[test]
fn a_record_has_one_row_for_each_transaction() {
    on_both(|site| async move {
        let ada = site.account("Ada").await;
        let post = site.post(&ada, json!({ "title": "First", "likes": 2 })).await.unwrap().id;
        site.update(&ada, site.target("posts", post), json!({ "title": "Second" })).await.unwrap();
        let sent = json!({ "post": site.text("posts", post), "body": "Hi" });
        let comment = site.create(&ada, "comments", sent).await.unwrap().id;
        site.update(&ada, site.target("posts", post), json!({ "title": "Second" })).await.unwrap();
        site.delete(&ada, site.target("posts", post)).await.unwrap();
        let rows = changes(&site, 1, 5).await;
        let seen: Vec<_> =
            rows.iter().map(|row| (row.collection.as_str(), row.op, row.record, row.version)).collect();
        assert_eq!(
            seen[..3],
            [
                ("posts", Op::Create, post, 1),
                ("posts", Op::Update, post, 2),
                ("comments", Op::Create, comment, 1),
            ]
        );
        let mut last = [seen[3], seen[4]];
        last.sort_by_key(|row| row.0);
        assert_eq!(last, [("comments", Op::Delete, comment, 1), ("posts", Op::Delete, post, 2)]);
        assert_eq!(rows.len(), 5);
        assert!(rows.iter().all(|row| row.actor == Some(ada.id)));
        assert_eq!(rows[3].transaction, rows[4].transaction);
        assert_ne!(rows[0].transaction, rows[1].transaction);
        assert_eq!(data(&rows[0])["record"]["title"], "First");
        assert_eq!(data(&rows[1])["record"]["title"], "Second");
        assert_eq!(data(&rows[1])["old"], json!({ "version": 1, "title": "First", "slug": "first" }));
        // What is only added is fetched by whoever reads the log.
        assert_eq!(data(&rows[2]), Json::Null);
    });
}

#[test]
fn a_transaction_tells_where_it_ended() {
    on_both(|site| async move {
        let (teams, key) = (site.collection("teams"), site.field("teams", "key"));
        site.db
            .write(&[], move |tx| {
                tx.name_request("request-1");
                let made = tx.insert(teams, &New::of([(key, "a".into())]))?;
                tx.update(teams, made.id(), &Changes::of([(key, "b".into())]))?;
                tx.event(teams, made.id(), "teams.opened");
                let gone = tx.insert(teams, &New::of([(key, "c".into())]))?;
                tx.delete(teams, gone.id())?;
                let undone = tx.savepoint(|tx| {
                    tx.update(teams, made.id(), &Changes::of([(key, "d".into())]))?;
                    Err::<(), _>(mains_base::Error::not_found())
                });
                assert!(undone.is_err());
                Ok(())
            })
            .await
            .unwrap();
        let rows = changes(&site, 0, 1).await;
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].op, rows[0].event.as_deref()), (Op::Create, Some("teams.opened")));
        assert_eq!((rows[0].request.as_deref(), rows[0].actor), (Some("request-1"), None));
        assert_eq!(data(&rows[0])["record"]["key"], "b");
    });
}

#[test]
fn long_values_are_left_out_and_named() {
    on_both(|site| async move {
        let ada = site.account("Ada").await;
        let long = "long ".repeat(600);
        let change = json!({ "name": long.trim() });
        site.update(&Caller::system(), site.target("accounts", ada.id), change).await.unwrap();
        let rows = changes(&site, 0, 2).await;
        assert_eq!(data(&rows[1])["left_out"], json!(["name"]));
        assert_eq!(data(&rows[1])["old"]["name"], "Ada");
        assert_eq!(data(&rows[1])["record"].get("name"), None);
    });
}
