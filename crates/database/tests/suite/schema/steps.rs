//! Every kind of step that is done.

use mains_base::Value;
use mains_database::schema::{apply, plan, plan_dropping};
use mains_testkit::on_both_empty;

use super::build::{Holds, choices, collection, field, site};
use super::{go, id, insert, run, texts};

const TEXT: Holds = Holds::Text(200);

#[test]
fn a_fresh_database_gets_everything_once() {
    on_both_empty(async |db| {
        let schema = site(&[
            collection("accounts").with(field("mail", Holds::Email).required()).unique(&["mail"]),
            collection("posts")
                .with(field("title", TEXT).required())
                .with(field("author", Holds::Relation("accounts".into())).required())
                .with(field("tags", Holds::Folded(20)).many(10))
                .with(field("price", Holds::Money(None)))
                .with(field("number", Holds::Sequence(Some("author".into()))))
                .with(field("rank", Holds::Integer(None, None)))
                .index(&["title", "created"], Some(("rank", 0)))
                .less("low", "rank", 10),
        ]);
        let said = go(&db, schema.clone()).await;
        assert_eq!(
            said,
            "+ collection accounts: mail\n+ collection posts: title, author, tags, price, number, rank\n"
        );
        insert(&db, "accounts", 1, &[("mail", "A@b".into()), ("mail__folded", "a@b".into())]).await;
        let post =
            |rank: i64| [("title", "one".into()), ("author", Value::Id(id(1))), ("rank", Value::Int(rank))];
        insert(&db, "posts", 2, &post(3)).await;
        assert_eq!(texts(&db, "SELECT \"posts__number__next\" FROM accounts").await, ["1"]);
        let rank = run(&db, "UPDATE posts SET \"rank\" = 11", &[]).await;
        assert!(rank.is_err(), "the check holds");
        let author = run(&db, "UPDATE posts SET \"author\" = $1", &[Value::Id(id(9))]).await;
        assert!(author.is_err(), "the foreign key holds");
        let again = plan(&db.engine, &schema).await.unwrap();
        apply(&db.engine, &schema, &again).await.unwrap();
    });
}

#[test]
fn collections_fields_values_and_their_lists_are_renamed_with_all_they_hold() {
    on_both_empty(async |db| {
        let accounts = || collection("accounts").with(field("name", TEXT));
        let before = site(&[
            accounts(),
            collection("posts")
                .with(field("title", Holds::Folded(50)).required())
                .with(field("tags", TEXT).many(5))
                .with(field("state", choices(&["todo", "done"])))
                .with(field("writer", Holds::Relation("accounts".into())))
                .with(field("number", Holds::Sequence(Some("writer".into()))))
                .unique(&["title"])
                .less("few", "number", 100),
        ]);
        go(&db, before).await;
        insert(&db, "accounts", 1, &[("name", "Ann".into())]).await;
        let cells = [
            ("title", "A".into()),
            ("title__folded", "a".into()),
            ("state", "todo".into()),
            ("writer", id(1).into()),
            ("number", 1.into()),
        ];
        insert(&db, "posts", 2, &cells).await;
        run(&db, "INSERT INTO posts__tags (record, target, position) VALUES ($1, 'x', 0)", &[id(2).into()])
            .await
            .unwrap();
        let after = site(&[
            accounts(),
            collection("articles")
                .was("posts")
                .prefix("post")
                .with(field("heading", Holds::Folded(50)).required().was("title"))
                .with(field("labels", TEXT).many(5).was("tags"))
                .with(field("state", choices(&["open<todo", "done"])))
                .with(field("author", Holds::Relation("accounts".into())).was("writer"))
                .with(field("place", Holds::Sequence(Some("author".into()))).was("number"))
                .unique(&["heading"])
                .less("few", "place", 100),
        ]);
        let said = go(&db, after.clone()).await;
        assert_eq!(
            said,
            "~ collection posts → articles\n~ field articles.title → articles.heading\n\
             ~ field articles.tags → articles.labels\n~ field articles.writer → articles.author\n\
             ~ field articles.number → articles.place\n~ field articles.state: value todo → open\n"
        );
        assert_eq!(texts(&db, "SELECT \"heading__folded\" FROM articles").await, ["a"]);
        assert_eq!(texts(&db, "SELECT \"state\" FROM articles").await, ["open"]);
        assert_eq!(texts(&db, "SELECT \"target\" FROM articles__labels").await, ["x"]);
        assert_eq!(texts(&db, "SELECT \"articles__place__next\" FROM accounts").await, ["1"]);
        let sql = "INSERT INTO articles (\"id\", \"created\", \"updated\", \"version\", \"heading\", \"heading__folded\", \"place\") \
                   VALUES ($1, 0, 0, 1, $2, $3, 5)";
        let values = [id(3).into(), "a".into(), "a".into()];
        assert!(run(&db, sql, &values).await.is_err(), "the unique index went along");
        assert!(run(&db, "UPDATE articles SET \"place\" = 100", &[]).await.is_err(), "and the check");
        assert!(run(&db, "DELETE FROM accounts", &[]).await.is_err(), "and the foreign key");
    });
}

#[test]
fn added_fields_are_filled_for_existing_rows() {
    on_both_empty(async |db| {
        let teams = || collection("teams").with(field("name", TEXT));
        let issues = || {
            collection("issues")
                .with(field("team", Holds::Relation("teams".into())))
                .with(field("title", TEXT))
        };
        go(&db, site(&[teams(), issues()])).await;
        insert(&db, "teams", 1, &[("name", "a".into())]).await;
        insert(&db, "teams", 2, &[("name", "b".into())]).await;
        for (number, team) in [(3, 1), (4, 2), (5, 1)] {
            insert(&db, "issues", number, &[("team", id(team).into()), ("title", "Straße".into())]).await;
        }
        let money = Value::Money(mains_base::Money {
            amount: 250,
            currency: mains_base::Currency::new("EUR").unwrap(),
        });
        let after = site(&[
            teams(),
            issues()
                .with(field("number", Holds::Sequence(Some("team".into()))).required())
                .with(field("all", Holds::Sequence(None)).required())
                .with(field("state", choices(&["todo", "done"])).required().default("todo"))
                .with(field("mail", Holds::Email).required().default("A@B.example"))
                .with(field("open", Holds::Bool).required().default(true))
                .with(field("price", Holds::Money(None)).required().default(money))
                .with(field("due", Holds::Date).default(7))
                .with(
                    field("tags", Holds::Folded(9))
                        .many(5)
                        .default(Value::List(vec!["X".into(), "y".into()])),
                )
                .unique(&["team", "number"])
                .unique(&["all"]),
        ]);
        go(&db, after).await;
        let issues = "FROM issues ORDER BY \"id\"";
        let column = async |column: &str| texts(&db, &format!("SELECT \"{column}\" {issues}")).await;
        assert_eq!(column("number").await, ["1", "1", "2"]);
        assert_eq!(column("all").await, ["1", "2", "3"]);
        assert_eq!(column("state").await, ["todo"; 3]);
        assert_eq!(column("mail__folded").await, ["a@b.example"; 3]);
        assert_eq!(column("open").await, ["1"; 3]);
        assert_eq!(column("price").await, ["250"; 3]);
        assert_eq!(column("price__currency").await, ["EUR"; 3]);
        assert_eq!(column("due").await, ["7"; 3]);
        assert_eq!(
            texts(&db, "SELECT \"issues__number__next\" FROM teams ORDER BY \"id\"").await,
            ["3", "2"]
        );
        assert_eq!(texts(&db, "SELECT next FROM mains_sequences").await, ["4"]);
        let tags = "SELECT \"target__folded\" FROM issues__tags ORDER BY \"record\", \"position\"";
        assert_eq!(texts(&db, tags).await, ["x", "y", "x", "y", "x", "y"]);
    });
}

#[test]
fn comparing_begins_and_ends_to_ignore_case() {
    on_both_empty(async |db| {
        let words = |holds: Holds| {
            let lists = field("list", holds.clone()).many(9);
            site(&[collection("words").with(field("word", holds).required()).with(lists).unique(&["word"])])
        };
        go(&db, words(TEXT)).await;
        for number in 1..=250 {
            insert(&db, "words", number, &[("word", format!("Straße {number}").into())]).await;
        }
        run(&db, "INSERT INTO words__list (record, target, position) VALUES ($1, 'É', 0)", &[id(1).into()])
            .await
            .unwrap();
        let said = go(&db, words(Holds::Folded(200))).await;
        assert!(said.contains("~ field words.word: case no longer counts\n"), "{said}");
        let folded = texts(&db, "SELECT \"word__folded\" FROM words WHERE \"word\" = 'Straße 250'").await;
        assert_eq!(folded, ["strasse 250"]);
        assert_eq!(texts(&db, "SELECT \"target__folded\" FROM words__list").await, ["é"]);
        let said = go(&db, words(Holds::Text(100))).await;
        assert!(said.contains("~ field words.word: case counts\n"), "{said}");
    });
}

#[test]
fn what_forbids_less_is_done_without_asking() {
    on_both_empty(async |db| {
        let before = collection("posts")
            .with(field("title", TEXT).required())
            .with(field("rank", Holds::Integer(Some(0), Some(5))))
            .with(field("state", choices(&["a"])))
            .with(field("price", Holds::Money(Some("EUR"))))
            .with(field("empty", TEXT))
            .unique(&["title"])
            .less("low", "rank", 10);
        go(&db, site(&[before, collection("drafts")])).await;
        insert(&db, "posts", 1, &[("title", "x".into()), ("price", 5.into()), ("rank", 1.into())]).await;
        let after = collection("posts")
            .with(field("title", Holds::Text(500)))
            .with(field("rank", Holds::Integer(None, Some(50))))
            .with(field("state", choices(&["a", "b"])))
            .with(field("price", Holds::Money(None)))
            .index(&["rank"], None);
        let said = go(&db, site(&[after])).await;
        assert_eq!(
            said,
            "~ field posts.title: no longer required\n~ field posts.rank: min 0 → none, max 5 → 50\n\
             + field posts.state: value b\n~ field posts.price: each value says its currency\n- field posts.empty\n\
             - index posts (title), unique\n+ index posts (rank)\n- check posts.low\n- collection drafts\n"
        );
        assert_eq!(texts(&db, "SELECT \"price__currency\" FROM posts").await, ["EUR"]);
        insert(&db, "posts", 2, &[("title", Value::Null), ("rank", Value::Int(40))]).await;
        assert_eq!(texts(&db, "SELECT name FROM mains_catalogue WHERE kind = 'check'").await, [""; 0]);
    });
}

#[test]
fn an_empty_field_changes_its_type() {
    on_both_empty(async |db| {
        let with = |holds| site(&[collection("posts").with(field("x", holds)).index(&["x"], None)]);
        go(&db, with(TEXT)).await;
        insert(&db, "posts", 1, &[]).await;
        let said = go(&db, with(Holds::Integer(None, None))).await;
        assert!(said.starts_with("~ field posts.x: text → integer\n"), "{said}");
        insert(&db, "posts", 2, &[("x", Value::Int(1))]).await;
        let listed = site(&[collection("posts").with(field("x", TEXT).many(3))]);
        run(&db, "UPDATE posts SET x = NULL", &[]).await.unwrap();
        go(&db, listed).await;
        assert_eq!(texts(&db, "SELECT count(*) FROM posts__x").await, ["0"]);
    });
}

#[test]
fn names_that_are_freed_are_taken_again() {
    on_both_empty(async |db| {
        let one = |name: &str| field(name, TEXT);
        go(&db, site(&[collection("as").with(one("a")).with(one("b")), collection("bs").prefix("bb")])).await;
        insert(&db, "as", 1, &[("a", "1".into()), ("b", "2".into())]).await;
        let after = site(&[
            collection("bs")
                .was("as")
                .prefix("a")
                .with(one("b").was("a"))
                .with(one("c").was("b"))
                .with(one("a")),
            collection("cs").was("bs").prefix("bb"),
        ]);
        go(&db, after).await;
        assert_eq!(texts(&db, "SELECT \"b\" FROM bs").await, ["1"]);
        assert_eq!(texts(&db, "SELECT \"c\" FROM bs").await, ["2"]);
        assert_eq!(texts(&db, "SELECT \"a\" FROM bs").await, ["null"]);
    });
}

#[test]
fn defaults_that_are_expressions_and_slugs_are_calculated_for_each_row() {
    on_both_empty(async |db| {
        let teams = || collection("teams").with(field("name", TEXT));
        let posts = || {
            collection("posts")
                .with(field("team", Holds::Relation("teams".into())))
                .with(field("title", TEXT))
        };
        go(&db, site(&[teams(), posts()])).await;
        insert(&db, "teams", 1, &[("name", "Blue".into())]).await;
        for (number, title) in [(2, "Straße 1"), (3, "strasse-1"), (4, "Other"), (5, "STRASSE 1!")] {
            insert(&db, "posts", number, &[("team", id(1).into()), ("title", title.into())]).await;
        }
        insert(&db, "posts", 6, &[("title", "Alone".into())]).await;
        let after = posts()
            .with(field("slug", Holds::Slug("title".into())).required())
            .with(field("of", Holds::Folded(99)).expr("team.name"))
            .with(field("since", Holds::Datetime).expr("now"))
            .unique(&["slug"]);
        go(&db, site(&[teams(), after])).await;
        let column =
            async |column: &str| texts(&db, &format!("SELECT \"{column}\" FROM posts ORDER BY \"id\"")).await;
        assert_eq!(column("slug").await, ["strasse-1", "strasse-1-2", "other", "strasse-1-3", "alone"]);
        assert_eq!(column("of").await, ["Blue", "Blue", "Blue", "Blue", "null"]);
        assert_eq!(column("of__folded").await, ["blue", "blue", "blue", "blue", "null"]);
        assert_eq!(column("since").await, [mains_testkit::database::START.to_string().as_str(); 5]);
        // Where a row gets no value, nothing at all is changed.
        let required = |name: &str| posts().with(field(name, Holds::Text(9)).required().expr("team.name"));
        let schema = site(&[teams(), required("more").with(field("fresh", TEXT))]);
        let drops = ["posts.slug", "posts.of", "posts.since"].map(str::to_owned);
        let planned = plan_dropping(&db.engine, &schema, &drops).await.unwrap();
        let error = apply(&db.engine, &schema, &planned).await.unwrap_err();
        assert_eq!(error.code(), "schema.refused", "{error:?}");
        assert_eq!(column("of").await, ["Blue", "Blue", "Blue", "Blue", "null"]);
    });
}

#[test]
fn a_site_of_toml_files_is_planned_whole() {
    let posts = r#"
        prefix = "post"
        [fields.title]
        type = "text"
        required = true
        max = 200
        [fields.slug]
        type = "slug"
        from = "title"
        [fields.tags]
        type = "text"
        many = true
        [fields.author]
        type = "relation"
        to = "authors"
        inverse = "posts"
        [fields.rank]
        type = "integer"
        min = 0
        [[indexes]]
        fields = ["author", "rank"]
        where = 'rank > 3'
        [[checks]]
        expr = 'rank == null || rank < 100'
        message = "Too high."
    "#;
    let authors = "prefix = \"author\"\n[fields.name]\ntype = \"text\"\nignore_case = true\nunique = true\n";
    let files = [("authors", authors), ("posts", posts)];
    mains_testkit::on_both(&files, async |db| {
        assert!(plan(&db.engine, &db.schema).await.unwrap().is_empty());
        insert(&db, "authors", 1, &[("name", "Ann".into()), ("name__folded", "ann".into())]).await;
        insert(&db, "posts", 2, &[("title", "One".into()), ("author", id(1).into())]).await;
        assert!(run(&db, "UPDATE posts SET rank = 100", &[]).await.is_err());
        let other = files.map(|(name, source)| (name, source.replace("min = 0", "min = 1")));
        let other =
            mains_testkit::database::site(&other.each_ref().map(|(name, source)| (*name, source.as_str())));
        assert_eq!(go(&db, other).await, "~ field posts.rank: min 0 → 1\n");
    });
}

/// Names that a language of queries has a meaning for, and that both databases take all the same.
#[test]
fn words_of_sql_are_names_like_any_other() {
    let order = r#"
        prefix = "order"
        [fields.oid]
        type = "integer"
        unique = true
        [fields.rowid]
        type = "text"
        [fields.select]
        type = "text"
        many = true
        [fields.r]
        type = "relation"
        to = "record"
        inverse = "value"
        [fields.user]
        type = "money"
        [[checks]]
        expr = 'oid == null || oid < 100'
        message = "Too high."
    "#;
    let record = "prefix = \"record\"\n[fields.position]\ntype = \"slug\"\nfrom = \"target\"\n\
                  [fields.target]\ntype = \"text\"\n[fields.group]\ntype = \"integer\"\nsequence = \"\"\n";
    mains_testkit::on_both(
        &[("order", order), ("record", record), ("user", "prefix = \"user\"\n")],
        async |db| {
            assert!(plan(&db.engine, &db.schema).await.unwrap().is_empty());
            insert(&db, "record", 1, &[("target", "a".into()), ("group", 1.into())]).await;
            insert(&db, "order", 2, &[("oid", 7.into()), ("rowid", "x".into()), ("r", id(1).into())]).await;
            assert_eq!(texts(&db, "SELECT \"oid\" FROM \"order\" WHERE \"rowid\" = 'x'").await, ["7"]);
            assert!(run(&db, "UPDATE \"order\" SET \"oid\" = 100", &[]).await.is_err());
        },
    );
}
