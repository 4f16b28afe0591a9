//! A record that a write holds is shown as a read of it would be, to the byte.

use mains_base::{Caller, Kind, Uuid};
use mains_database::records::{Cursors, Found, Key, Source};
use serde_json::json;

use super::site::Site;
use super::{on_both, shop};

/// What a read and what memory says; `None` where memory must not say anything.
async fn both(
    site: &Site,
    caller: &Caller,
    (collection, id, fields): (&str, Uuid, Option<&str>),
) -> (Option<Found>, Option<Option<Found>>) {
    let image = site.find(collection, id).await.unwrap();
    let (epoch, cursors) = (site.db.epoch(), Cursors::new(&[7; 32]).unwrap());
    let source = Source { engine: site.db.engine(), epoch: &epoch, cursors: &cursors };
    let seen = |outcome: mains_base::Result<Option<Found>>| match outcome {
        Ok(found) => found.map(Some),
        Err(error) if error.kind() == Kind::NotFound => Some(None),
        Err(error) => panic!("{error:?}"),
    };
    let key = Key::Id(id);
    let read = source.get(caller, image.collection, &key, fields).await;
    (seen(read.map(Some)).unwrap(), seen(source.held(caller, &image, fields)))
}

#[test]
fn what_is_held_is_shown_as_it_is_read() {
    on_both(|site| async move {
        let (ada, eve) = (site.account("Ada \u{1f980} \"\n").await, site.account("Eve").await);
        let tags = json!(["b", "a\\", "ü"]);
        let friends = json!([site.text("accounts", eve.id), site.text("accounts", ada.id)]);
        let post = json!({ "tags": tags, "friends": friends, "secret": true, "likes": 3 });
        let post = site.post(&ada, post).await.unwrap().id;
        let staff = Caller { staff: true, ..eve.clone() };
        for caller in [&ada, &eve, &staff, &Caller::visitor(), &Caller::system()] {
            for fields in [None, Some("title,tags"), Some("-friends,-status")] {
                let (read, held) = both(&site, caller, ("posts", post, fields)).await;
                assert_eq!(held.expect("known from memory"), read);
            }
            let (read, held) = both(&site, caller, ("accounts", ada.id, None)).await;
            assert_eq!(held.expect("known from memory"), read);
        }
        let sent = json!({ "post": site.text("posts", post), "body": "Hi" });
        let comment = site.create(&ada, "comments", sent).await.unwrap().id;
        // Its rule looks at the post.
        let (read, held) = both(&site, &ada, ("comments", comment, None)).await;
        assert!(read.is_some() && held.is_none());
    });
}

#[test]
fn computed_fields_and_amounts_are_shown_as_they_are_read() {
    shop::on_both(|site| async move {
        let (system, visitor) = (Caller::system(), Caller::visitor());
        let scope = site.create(&system, "workspaces", json!({ "name": "W" })).await.unwrap().id;
        let workspace = site.text("workspaces", scope);
        for (title, public) in [("One", false), ("Two", true), ("unreadable", true)] {
            let page = json!({ "workspace": workspace, "title": title, "public": public, "draft": "d" });
            let page = site.create(&system, "pages", page).await.unwrap().id;
            let (read, held) = both(&site, &visitor, ("pages", page, Some("-place"))).await;
            assert_eq!(held.expect("known from memory"), read);
            assert_eq!(read.is_some(), title != "unreadable");
            // What is computed of another record.
            let (_, held) = both(&site, &system, ("pages", page, None)).await;
            assert_eq!(held, None);
        }
        let total = json!({ "amount": 1, "currency": "EUR" });
        for more in [json!({}), json!({ "currency": "EUR" }), json!({ "currency": "EUR", "total": total })] {
            let mut order = json!({ "email": "A@example.com", "closed": true });
            order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let order = site.create(&system, "orders", order).await.unwrap().id;
            let (read, held) = both(&site, &visitor, ("orders", order, None)).await;
            assert_eq!(held.expect("known from memory"), read);
        }
    });
}
