//! Numbers that may have gaps are drawn for records that nothing else stands in the way of.

use std::sync::Arc;

use mains_base::{Caller, Result, Uuid};
use mains_database::Db;
use mains_database::engine::{ReadQuery, Route};
use mains_testkit::database::site;
use mains_testkit::on_both_with;
use serde_json::{Value as Json, json};

use super::site::{Site, refused};

const SHOPS: &str =
    "prefix = \"shop\"\n[fields.name]\ntype = \"text\"\n[rules]\nread = 'true'\ncreate = 'true'\n";
const TICKETS: &str = r#"
prefix = "ticket"
[fields.shop]
type = "relation"
to = "shops"
required = true
on_delete = "cascade"
[fields.title]
type = "text"
[fields.number]
type = "integer"
sequence = "shop"
gaps = true
[rules]
read = 'true'
create = 'title != "forbidden"'
"#;
const STUBS: &str = r#"
prefix = "stub"
[fields.shop]
type = "relation"
to = "shops"
required = true
on_delete = "cascade"
[fields.title]
type = "text"
[fields.number]
type = "integer"
sequence = "shop"
gaps = true
[[checks]]
expr = 'number != 1'
message = "One is taken."
field = "title"
[rules]
read = 'true'
create = 'true'
"#;

fn on_both<Done: Future<Output = ()>>(test: impl Fn(Site, Uuid) -> Done + Sync) {
    let test = &test;
    on_both_with(
        || site(&[("shops", SHOPS), ("stubs", STUBS), ("tickets", TICKETS)]),
        |fresh| async move {
            let site = Site::new(fresh);
            let shop = site.create(&Caller::visitor(), "shops", json!({ "name": "A" })).await.unwrap().id;
            test(site, shop).await;
        },
    );
}

async fn ticket(site: &Site, shop: Uuid, title: &str) -> Result<i64> {
    numbered(site, "tickets", json!({ "shop": site.text("shops", shop), "title": title })).await
}

async fn stub(site: &Site, shop: Uuid) -> Result<i64> {
    numbered(site, "stubs", json!({ "shop": site.text("shops", shop) })).await
}

async fn numbered(site: &Site, collection: &str, values: Json) -> Result<i64> {
    let id = site.create(&Caller::visitor(), collection, values).await?.id;
    let image = site.find(collection, id).await.unwrap();
    Ok(image.value(site.field(collection, "number")).as_int().unwrap())
}

/// The next number that nobody has drawn.
async fn next(site: &Site) -> i64 {
    let query = ReadQuery {
        text: "SELECT coalesce(tickets__number__next, 1) FROM shops".into(),
        parameters: Vec::new(),
        route: Route::Pool,
    };
    let read = site.db.engine().read(query, |rows| rows.next()?.unwrap().int(0).map(Option::unwrap));
    read.await.unwrap()
}

#[test]
fn a_refused_caller_draws_none() {
    on_both(|site, shop| async move {
        let outcome = ticket(&site, shop, "forbidden").await;
        assert_eq!(refused(outcome), "unauthenticated");
        assert_eq!(next(&site).await, 1);
        assert_eq!(ticket(&site, shop, "open").await.unwrap(), 1);
        assert_eq!(next(&site).await, 65);
    });
}

#[test]
fn whether_a_scope_is_there_is_told_like_any_other_link() {
    on_both(|site, _| async move {
        let nowhere = Uuid::v4([7; 16]);
        let outcome = ticket(&site, nowhere, "open").await;
        assert_eq!(refused(outcome), "records.invalid /shop not_found");
    });
}

/// What is asked about the number is asked of the one that is stored, not of one that is made up meanwhile.
#[test]
fn a_check_about_the_number_is_asked_of_the_real_one() {
    on_both(|mut site, shop| async move {
        let outcome = stub(&site, shop).await;
        assert_eq!(refused(outcome), "records.invalid /title check");
        assert_eq!(stub(&site, shop).await.unwrap(), 2);
        // Nothing is left in memory.
        let db = Db::over(site.test.engine.clone(), Arc::new(site.test.clock.clone()));
        db.install(Arc::clone(&site.test.schema));
        site.db = db;
        assert_eq!(stub(&site, shop).await.unwrap(), 65);
    });
}
