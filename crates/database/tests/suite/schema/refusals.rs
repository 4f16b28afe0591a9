//! Everything that would lose data is refused, with the sentence that says how to go on.

use mains_base::Value;
use mains_database::schema::{apply, plan, plan_dropping};
use mains_language::schema::Owner;
use mains_testkit::on_both_empty;

use super::build::{Holds, choices, collection, field, owned, site};
use super::{go, id, insert, refused, run, texts};

const TEXT: Holds = Holds::Text(200);

#[test]
fn what_holds_values_is_not_dropped_until_somebody_says_so() {
    on_both_empty(async |db| {
        let posts = || collection("posts").with(field("title", TEXT));
        let tags = field("tags", TEXT).many(4);
        go(&db, site(&[posts().with(field("body", TEXT)).with(tags), collection("notes")])).await;
        insert(&db, "posts", 1, &[("body", "b".into())]).await;
        insert(&db, "posts", 2, &[("body", "b".into())]).await;
        insert(&db, "notes", 3, &[]).await;
        let tag = "INSERT INTO posts__tags (record, target, position) VALUES ($1, 'x', 0)";
        run(&db, tag, &[id(1).into()]).await.unwrap();
        let after = site(&[posts()]);
        assert_eq!(
            refused(&db, after.clone()).await,
            "! field posts.body: It is no longer declared, and 2 records hold a value. Declare it again; or, if it goes \
             on under another name, say `was = \"body\"` there; or lose the values with `mains migrate --drop posts.body`.\n\
             ! field posts.tags: It is no longer declared, and 1 record holds a value. Declare it again; or, if it goes \
             on under another name, say `was = \"tags\"` there; or lose the values with `mains migrate --drop posts.tags`.\n\
             ! collection notes: It is no longer declared and holds 1 record. Declare it again; or, if it goes on under \
             another name, say `was = \"notes\"` there; or lose it with `mains migrate --drop notes`.\n"
        );
        let drops = ["posts.body", "posts.tags", "notes"].map(str::to_owned);
        let planned = plan_dropping(&db.engine, &after, &drops).await.unwrap();
        assert_eq!(
            planned.to_string(),
            "- field posts.body, with the values of 2 records\n- field posts.tags, with the values of 1 record\n\
             - collection notes, with 1 record\n"
        );
        assert!(!planned.only_adds());
        apply(&db.engine, &after, &planned).await.unwrap();
        assert!(plan(&db.engine, &after).await.unwrap().is_empty());
    });
}

#[test]
fn other_types_and_narrower_limits_are_refused() {
    on_both_empty(async |db| {
        let before = collection("posts")
            .with(field("title", TEXT))
            .with(field("rank", Holds::Integer(None, None)))
            .with(field("state", choices(&["a", "b"])))
            .with(field("tags", TEXT).many(4))
            .with(field("sum", Holds::Decimal(2)));
        go(&db, site(&[before])).await;
        let cells =
            [("title", "long".into()), ("rank", 7.into()), ("state", "b".into()), ("sum", Value::Int(100))];
        insert(&db, "posts", 1, &cells).await;
        for tag in ["x", "y"] {
            let sql = format!("INSERT INTO posts__tags (record, target, position) VALUES ($1, '{tag}', 0)");
            run(&db, &sql, &[id(1).into()]).await.unwrap();
        }
        let after = collection("posts")
            .with(field("title", Holds::Text(3)))
            .with(field("rank", Holds::Integer(Some(8), Some(20))))
            .with(field("state", choices(&["a"])))
            .with(field("tags", TEXT).many(1))
            .with(field("sum", Holds::Decimal(3)));
        let said = refused(&db, site(&[after])).await;
        assert_eq!(
            said,
            "! field posts.title: Its limit becomes narrower, and 1 record has more than 3 characters. Change the values \
             first, or keep the limit.\n\
             ! field posts.rank: Its limit becomes narrower, and 1 record has a smaller value. Change the values first, \
             or keep the limit.\n\
             ! field posts.state: Its values would no longer cover what is stored: 1 record holds \"b\". Keep the value, \
             say `was` at the one that replaces it, or change the records first.\n\
             ! field posts.tags: Its limit becomes narrower, and 1 record has more than 1 elements. Change the values \
             first, or keep the limit.\n\
             ! field posts.sum: It changes from decimal to decimal, and 1 record holds a value. Add a field under a new \
             name, copy the values with `mains export` and `mains import`, and drop this one then.\n"
        );
    });
}

#[test]
fn required_unique_and_checks_ask_the_rows() {
    on_both_empty(async |db| {
        let posts = || {
            collection("posts")
                .with(field("title", Holds::Folded(50)))
                .with(field("state", choices(&["a", "b"])))
                .with(field("rank", Holds::Integer(None, None)))
        };
        go(&db, site(&[posts()])).await;
        for (number, title) in [(1, "One"), (2, "ONE"), (3, "two"), (4, "one")] {
            let folded = title.to_lowercase();
            let cells = [
                ("title", title.into()),
                ("title__folded", folded.into()),
                ("rank", i64::from(number).into()),
            ];
            insert(&db, "posts", number, &cells).await;
        }
        assert_eq!(
            refused(&db, site(&[posts().unique(&["title"])])).await,
            "! index posts (title), unique: It is to be unique, but 3 records share \"one\". Change all but one of them \
             first.\n"
        );
        let mut titles = posts();
        titles.fields[1].required = true;
        assert_eq!(
            refused(&db, site(&[titles])).await,
            "! field posts.state: It becomes required, and 4 records have no value. Give them one first.\n"
        );
        assert_eq!(
            refused(&db, site(&[posts().with(field("kind", TEXT).required())])).await,
            "! field posts.kind: It is required, and 4 records are here already. Give it a `default`, or add it without \
             `required`, fill it, and require it then.\n"
        );
        assert_eq!(
            refused(&db, site(&[posts().less("low", "rank", 3)])).await,
            "! check posts.low: 2 records break it. Change them first, or loosen the check.\n"
        );
        // A new field with one value for all cannot be unique.
        let same = posts().with(field("kind", TEXT).required().default("k")).unique(&["kind"]);
        assert!(refused(&db, site(&[same])).await.contains("4 records share \"k\""));
        // The index asks the rows as they would be: under the new name, with the new values.
        let mut renamed = posts();
        renamed.fields[2] = field("place", Holds::Integer(None, None)).was("rank");
        let said = refused(&db, site(&[renamed.clone().less("low", "place", 2)])).await;
        assert_eq!(said, "! check posts.low: 3 records break it. Change them first, or loosen the check.\n");
        go(&db, site(&[renamed.unique(&["place"]).less("low", "place", 5)])).await;
    });
}

#[test]
fn identities_and_strangers() {
    on_both_empty(async |db| {
        go(&db, site(&[collection("posts")])).await;
        insert(&db, "posts", 1, &[]).await;
        assert_eq!(
            refused(&db, site(&[collection("posts").prefix("article")])).await,
            "! collection posts: Its ids begin with `post` and 1 record is known so. Write `prefix = \"post\"` again.\n"
        );
        run(&db, "CREATE TABLE strange (x integer)", &[]).await.unwrap();
        let said = refused(&db, site(&[collection("posts"), collection("strange")])).await;
        assert!(
            said.starts_with("! collection strange: A table of this name that Mains did not make"),
            "{said}"
        );
    });
}

#[test]
fn an_app_that_is_not_enabled_keeps_its_tables_and_its_names() {
    on_both_empty(async |db| {
        let orders = collection("orders").with(field("note", TEXT));
        go(&db, owned(std::slice::from_ref(&orders), &Owner::App("orders".into()))).await;
        insert(&db, "orders", 1, &[("note", "n".into())]).await;
        go(&db, site(&[collection("posts")])).await;
        assert_eq!(
            texts(&db, "SELECT owner FROM mains_catalogue WHERE kind = 'field'").await,
            ["app:orders"]
        );
        let said = refused(&db, site(&[collection("posts"), orders.clone()])).await;
        assert_eq!(
            said,
            "! collection orders: The name belongs to the app orders, whose tables stay while it is not enabled. Take \
             another name.\n"
        );
        assert_eq!(texts(&db, "SELECT note FROM orders").await, ["n"]);
    });
}

#[test]
fn a_newer_database_is_refused() {
    on_both_empty(async |db| {
        let schema = site(&[collection("posts")]);
        go(&db, schema.clone()).await;
        run(&db, "UPDATE mains_settings SET value = '99' WHERE name = 'format'", &[]).await.unwrap();
        let error = plan(&db.engine, &schema).await.unwrap_err();
        assert_eq!(error.code(), "schema.newer");
        assert!(error.detail().starts_with("This database was changed by a newer Mains (0."), "{error}");
    });
}

#[test]
fn a_plan_that_no_longer_fits_is_not_applied() {
    on_both_empty(async |db| {
        let with = |name: &str| site(&[collection("posts").with(field(name, TEXT))]);
        go(&db, with("a")).await;
        let wanted = site(&[collection("posts").with(field("a", TEXT)).with(field("b", TEXT))]);
        let stale = plan(&db.engine, &wanted).await.unwrap();
        go(&db, wanted.clone()).await;
        let error = apply(&db.engine, &wanted, &stale).await.unwrap_err();
        assert_eq!(error.code(), "schema.moved");
    });
}

#[test]
fn a_check_that_follows_a_relation_asks_the_rows() {
    let teams = "prefix = \"team\"\n[fields.open]\ntype = \"bool\"\n";
    let issues = "prefix = \"issue\"\n[fields.team]\ntype = \"relation\"\nto = \"teams\"\n";
    let check = "[[checks]]\nexpr = 'team.open'\nmessage = \"Only of open teams.\"\n";
    let added = "[fields.note]\ntype = \"text\"\n";
    let site = |issues: &str| mains_testkit::database::site(&[("teams", teams), ("issues", issues)]);
    mains_testkit::on_both(&[("teams", teams), ("issues", issues)], async |db| {
        insert(&db, "teams", 1, &[("open", true.into())]).await;
        insert(&db, "teams", 2, &[("open", false.into())]).await;
        for (number, team) in [(3, Some(1)), (4, Some(2)), (5, None)] {
            insert(&db, "issues", number, &[("team", team.map(id).into())]).await;
        }
        let checked = format!("{issues}{check}");
        let refused = plan(&db.engine, &site(&checked)).await.unwrap();
        let said = refused.refusals()[0].to_string();
        assert!(said.starts_with("! check issues.check_"), "{said}");
        assert!(said.ends_with("2 records break it. Change them first, or loosen the check."), "{said}");
        // Beside a new field it is told when it is done, and nothing of it is done.
        let both = site(&format!("{issues}{added}{check}"));
        let planned = plan(&db.engine, &both).await.unwrap();
        let told = apply(&db.engine, &both, &planned).await.unwrap_err();
        assert!(told.detail().contains("2 records break it."), "{told}");
        assert!(run(&db, "UPDATE issues SET note = 'x'", &[]).await.is_err());
        // What says something of a change alone is not asked of rows that lie there.
        let change = check.replace("team.open", "old == null && team.open");
        go(&db, site(&format!("{issues}{change}"))).await;
        run(&db, "DELETE FROM issues WHERE team IS NULL", &[]).await.unwrap();
        run(&db, "UPDATE teams SET open = true", &[]).await.unwrap();
        go(&db, site(&checked)).await;
    });
}
