//! Accounts that merge, and accounts that go: what points at them, what was theirs, and what the log keeps.

use std::sync::Arc;

use mains_base::{Caller, Uuid, Value};
use mains_database::log::{Forget, Position, scrub};
use mains_database::write::Reached;
use mains_language::schema::{Owner, Schema};
use mains_language::site::{File, Layer, load};
use mains_testkit::on_both_with;
use serde_json::{Value as Json, json};

use super::logged::changes;
use super::site::Site;

const ACCOUNTS: &str = r#"
prefix = "account"
[fields.name]
type = "text"
personal = "id"
[fields.theme]
type = "text"
[rules]
read = 'true'
"#;
const SECRETS: &str = r#"
key = ["account"]
[fields.account]
type = "relation"
to = "accounts"
on_delete = "cascade"
required = true
[fields.password]
type = "text"
"#;
const POSTS: &str = r#"
prefix = "post"
[fields.author]
type = "relation"
to = "accounts"
required = true
immutable = true
[fields.signed]
type = "text"
personal = "author"
required = true
[fields.title]
type = "text"
[fields.readers]
type = "relation"
to = "accounts"
many = true
[rules]
read = 'true'
"#;
const COMMENTS: &str = r#"
prefix = "comment"
append_only = true
[fields.post]
type = "relation"
to = "posts"
required = true
[fields.to_author]
type = "text"
personal = "post.author"
[rules]
read = 'true'
"#;
const VOTES: &str = r#"
prefix = "vote"
[fields.account]
type = "relation"
to = "accounts"
on_delete = "cascade"
required = true
immutable = true
[fields.post]
type = "relation"
to = "posts"
required = true
[[indexes]]
fields = ["account", "post"]
unique = true
[rules]
read = 'true'
"#;
const LIMITED: &str = r#"
prefix = "limited"
[fields.account]
type = "relation"
to = "accounts"
on_delete = "clear"
[fields.friend]
type = "relation"
to = "accounts"
on_delete = "clear"
[[checks]]
expr = 'account == null || friend == null || account != friend'
message = "Nobody is their own friend."
[rules]
read = 'true'
"#;

/// Reviews that stay when their author goes, and answers to them, in the order in which it is hardest to find them.
const REVIEWS: &str = r#"
prefix = "review"
[fields.author]
type = "relation"
to = "accounts"
on_delete = "clear"
[fields.by]
type = "text"
personal = "author"
[rules]
read = 'true'
"#;
const THANKS: &str = r#"
prefix = "thank"
[fields.review]
type = "relation"
to = "reviews"
required = true
[fields.whom]
type = "text"
personal = "review.author"
[rules]
read = 'true'
"#;

fn schema() -> Arc<Schema> {
    let file = |path: &str, source: &str| File { path: path.into(), source: source.into() };
    let app = vec![file("collections/accounts.toml", ACCOUNTS), file("tables/account_secrets.toml", SECRETS)];
    let site = [
        ("posts", POSTS),
        ("comments", COMMENTS),
        ("votes", VOTES),
        ("limiteds", LIMITED),
        ("reviews", REVIEWS),
        ("thanks", THANKS),
    ];
    let site = site.iter().map(|(name, source)| file(&format!("collections/{name}.toml"), source)).collect();
    let layers = [
        Layer { owner: Owner::App("accounts".into()), files: app },
        Layer { owner: Owner::Site, files: site },
    ];
    Arc::new(load(&layers).unwrap())
}

fn on_both<Done: Future<Output = ()>>(test: impl Fn(Site) -> Done + Sync) {
    on_both_with(schema, |db| test(Site::new(db)));
}

async fn make(site: &Site, collection: &str, json: Json) -> Uuid {
    site.create(&Caller::system(), collection, json).await.unwrap().id
}

/// Ines, her two posts, a comment, a vote, and Jon who read one and voted too.
struct World {
    ines: Uuid,
    jon: Uuid,
    post: Uuid,
    read: Uuid,
    comment: Uuid,
}

async fn world(site: &Site) -> World {
    let ines = site.account("Ines Maria").await.id;
    let jon = site.account("Jon").await.id;
    let (ines_text, jon_text) = (site.text("accounts", ines), site.text("accounts", jon));
    let post =
        make(site, "posts", json!({"author": ines_text, "signed": "Ines Maria", "title": "Rye"})).await;
    let read =
        make(site, "posts", json!({"author": jon_text, "signed": "Jon", "readers": [jon_text, ines_text]}))
            .await;
    let post_text = site.text("posts", post);
    let comment = make(site, "comments", json!({"post": post_text, "to_author": "Dear Ines Maria"})).await;
    make(site, "votes", json!({"account": ines_text, "post": post_text})).await;
    make(site, "votes", json!({"account": jon_text, "post": post_text})).await;
    World { ines, jon, post, read, comment }
}

async fn votes(site: &Site) -> Vec<Value> {
    let (votes, account) = (site.collection("votes"), site.field("votes", "account"));
    let images = site.db.write(&[], move |tx| tx.images(votes, "", &[])).await.unwrap();
    images.iter().map(|image| image.value(account).clone()).collect()
}

#[test]
fn what_points_at_a_guest_points_at_the_person() {
    on_both(|site| async move {
        let World { ines, jon, post, read, .. } = world(&site).await;
        let jons = site.text("accounts", jon);
        let own =
            make(&site, "limiteds", json!({"account": site.text("accounts", ines), "friend": jons})).await;
        let accounts = site.collection("accounts");
        site.db.write(&[], move |tx| tx.repoint(accounts, (ines, jon), Reached::default())).await.unwrap();
        assert_eq!(site.value("posts", post, "author").await, json!(jons), "immutable or not");
        assert_eq!(site.value("posts", read, "readers").await, json!([jons]), "a list holds nothing twice");
        assert_eq!(votes(&site).await, [Value::Id(jon)], "of two votes the guest's goes");
        let left = site.value("limiteds", own, "account").await;
        assert_eq!(left, json!(site.text("accounts", ines)), "what a check refuses stays as it was");
        // A second time there is nothing to move.
        let from = changes(&site, 0, 10).await.len();
        site.db.write(&[], move |tx| tx.repoint(accounts, (ines, jon), Reached::default())).await.unwrap();
        let after = changes(&site, from - 1, 1).await.len();
        assert_eq!(after, 1);
    });
}

#[test]
fn an_erased_account_is_in_no_row_and_in_no_change() {
    on_both(|site| async move {
        let World { ines, jon, post, read, comment } = world(&site).await;
        let accounts = site.collection("accounts");
        let secret = site.db.write(&[], move |tx| {
            tx.execute_later(
                "INSERT INTO account_secrets (account, password) VALUES ($1, 'x')",
                &[ines.into()],
            )
        });
        secret.await.unwrap();
        while site.db.write(&[], move |tx| tx.erase_account(accounts, ines)).await.unwrap() {}
        assert_eq!(site.value("accounts", ines, "name").await, Json::Null);
        assert_eq!(site.value("posts", post, "signed").await, Json::Null, "required gives way");
        assert_eq!(site.value("posts", post, "title").await, json!("Rye"), "what is not personal stays");
        assert_eq!(
            site.value("posts", post, "author").await,
            json!(site.text("accounts", ines)),
            "a tombstone"
        );
        assert_eq!(
            site.value("comments", comment, "to_author").await,
            Json::Null,
            "by a path, append-only or not"
        );
        assert_eq!(site.value("posts", read, "readers").await, json!([site.text("accounts", jon)]));
        assert_eq!(votes(&site).await, [Value::Id(jon)], "what cascades goes");

        let text = site.text("accounts", ines);
        let forget = move |tx: &mut mains_database::write::Tx<'_>| {
            let collections: Vec<String> =
                tx.schema().collections.iter().map(|one| one.name.clone()).collect();
            scrub(tx, Forget { account: &text, collections: &collections }, Position(0))
        };
        assert_eq!(site.db.write(&[], forget).await.unwrap(), None);
        let log = changes(&site, 0, 12).await;
        let told: Vec<_> = log.iter().filter_map(|change| change.data.as_deref()).collect();
        assert!(!told.iter().any(|data| data.contains("Ines")), "{told:#?}");
        assert!(told.iter().any(|data| data.contains("Jon")), "others stay: {told:#?}");
    });
}

#[test]
fn what_is_personal_is_found_before_the_way_to_it_is_cleared() {
    on_both(|site| async move {
        let ines = site.account("Ines Maria").await.id;
        let ines_text = site.text("accounts", ines);
        let review = make(&site, "reviews", json!({"author": ines_text, "by": "Ines M."})).await;
        let thanks = json!({"review": site.text("reviews", review), "whom": "Dear Ines"});
        let thanks = make(&site, "thanks", thanks).await;
        let accounts = site.collection("accounts");
        while site.db.write(&[], move |tx| tx.erase_account(accounts, ines)).await.unwrap() {}
        assert_eq!(site.value("reviews", review, "author").await, Json::Null, "cleared");
        assert_eq!(site.value("reviews", review, "by").await, Json::Null);
        assert_eq!(site.value("thanks", thanks, "whom").await, Json::Null);
    });
}

#[test]
fn rows_of_private_tables_go_with_their_account() {
    on_both(|site| async move {
        let ines = site.account("Ines").await.id;
        let accounts = site.collection("accounts");
        let count = site.db.write(&[], move |tx| {
            tx.execute_later(
                "INSERT INTO account_secrets (account, password) VALUES ($1, 'x')",
                &[ines.into()],
            )?;
            tx.delete(accounts, ines)?;
            tx.query("SELECT count(*) FROM account_secrets", &[])?.0[0].int(0)
        });
        assert_eq!(count.await.unwrap(), Some(0));
        assert!(site.find("accounts", ines).await.is_none());
    });
}
