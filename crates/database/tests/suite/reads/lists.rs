//! What can be asked of a list, and what is refused.

use mains_base::{Caller, Value};

use super::{Site, account, id, numbers, on_both, texts};

/// Two accounts and four articles; the third is a draft of the second account.
pub(crate) async fn fill(site: &Site) {
    for (number, name) in [(1, "Ada"), (2, "Bob")] {
        let email = format!("{name}@Example.org");
        let secret = format!("secret {number}");
        let cells = [("name", name.into()), ("email", email.into()), ("secret", secret.into())];
        site.store("accounts", number, &cells).await;
    }
    for (number, title, status, views) in [
        (11, "One", "published", Some(5)),
        (12, "Two", "published", None),
        (13, "Three", "draft", Some(9)),
        (14, "Four", "published", Some(5)),
    ] {
        let cells = [
            ("slug", format!("s{number}").into()),
            ("title", title.into()),
            ("author", Value::Id(id(if number == 13 { 2 } else { 1 }))),
            ("status", status.into()),
            ("views", views.into()),
            ("note", format!("note {number}").into()),
            ("secret", "hidden".into()),
            ("nick", format!("Nick{number}").into()),
            ("flag", (number == 12).into()),
            ("price", Value::Int(150 + number)),
            ("tags", if number == 11 { texts(&["red", "blue"]) } else { texts(&["red"]) }),
        ];
        site.store("articles", u8::try_from(number).unwrap(), &cells).await;
    }
    for (number, article, visible) in [(21, 11, true), (22, 11, false), (23, 14, false)] {
        let cells = [
            ("article", Value::Id(id(article))),
            ("text", format!("c{number}").into()),
            ("visible", visible.into()),
        ];
        site.store("comments", number, &cells).await;
    }
}

#[test]
fn without_words_by_created_under_the_rule() {
    on_both(async |site| {
        fill(&site).await;
        let visitor = Caller::visitor();
        assert_eq!(site.numbers(&visitor, "articles").await, [11, 12, 14]);
        assert_eq!(site.numbers(&account(2), "articles").await, [11, 12, 13, 14]);
        assert_eq!(site.numbers(&Caller::system(), "articles").await, [11, 12, 13, 14]);
        let staff = Caller { staff: true, ..account(1) };
        assert_eq!(site.numbers(&staff, "articles").await, [11, 12, 13, 14]);
        let verified = Caller { verified: true, ..account(1) };
        assert_eq!(site.numbers(&verified, "articles").await, [11, 12, 13, 14]);
        assert_eq!(site.refused(&visitor, "secrets").await, "not_found");
        assert_eq!(site.page(&Caller::system(), "secrets").await["items"], serde_json::json!([]));
    });
}

#[test]
fn sorts_with_nulls_lowest() {
    on_both(async |site| {
        fill(&site).await;
        let all = Caller::system();
        for (sort, want) in [
            ("views", [12, 11, 14, 13]),
            ("-views", [13, 14, 11, 12]),
            ("-views,title", [13, 14, 11, 12]),
            ("views,-title", [12, 11, 14, 13]),
            ("-status,-created", [14, 12, 11, 13]),
            ("-id", [14, 13, 12, 11]),
            ("-flag,price", [12, 11, 13, 14]),
            ("-nick", [14, 13, 12, 11]),
        ] {
            assert_eq!(site.numbers(&all, &format!("articles?sort={sort}")).await, want, "{sort}");
        }
    });
}

#[test]
fn conditions_by_equality() {
    on_both(async |site| {
        fill(&site).await;
        let ada = account(1);
        let account =
            |number: u8| id(number).text(site.db.schema.find("accounts").unwrap().prefix.as_ref().unwrap());
        for (query, want) in [
            ("where.status=published".to_owned(), vec![11, 12, 14]),
            ("where.title=One&where.title=Two&where.title=Nine".to_owned(), vec![11, 12]),
            ("where.title=".to_owned(), vec![11, 12, 14]),
            ("where.views=5&where.title=Four".to_owned(), vec![14]),
            ("where.author.name=Ada".to_owned(), vec![11, 12, 14]),
            ("where.author=me".to_owned(), vec![11, 12, 14]),
            (format!("where.author={}", account(2)), vec![]),
            ("where.tags=blue".to_owned(), vec![11]),
            ("where.tags=blue&where.tags=red".to_owned(), vec![11, 12, 14]),
            ("where.flag=true".to_owned(), vec![12]),
            ("where.flag=false".to_owned(), vec![11, 14]),
            ("where.price=1.62".to_owned(), vec![12]),
            ("where.nick=NICK12".to_owned(), vec![12]),
            ("where.mine=true&where.answers=2".to_owned(), vec![11]),
        ] {
            assert_eq!(site.numbers(&ada, &format!("articles?{query}")).await, want, "{query}");
        }
        assert_eq!(site.numbers(&Caller::visitor(), "articles?where.author=me").await, Vec::<u8>::new());
    });
}

#[test]
fn filters_are_expressions() {
    on_both(async |site| {
        fill(&site).await;
        let visitor = Caller::visitor();
        for (filter, want) in [
            ("views > 4", vec![11, 14]),
            ("!(views > 4)", vec![]),
            ("views == null", vec![12]),
            ("title == \"One\" || title == \"Three\"", vec![11]),
            ("comments.exists(c, c.text != \"\")", vec![11]),
            ("author.name.startsWith(\"A\") && price < 1.64", vec![11, 12]),
            ("now > created", vec![11, 12, 14]),
        ] {
            assert_eq!(site.numbers(&visitor, &format!("articles?filter={filter}")).await, want, "{filter}");
        }
    });
}

#[test]
fn fields_that_are_wanted() {
    on_both(async |site| {
        fill(&site).await;
        let page = site.list(&Caller::visitor(), "articles?where.slug=s11&fields=title,tags").await.unwrap();
        let id = id(11).text(site.db.schema.find("articles").unwrap().prefix.as_ref().unwrap());
        let want = format!(
            "{{\"items\":[{{\"id\":\"{id}\",\"title\":\"One\",\"tags\":[\"red\",\"blue\"]}}],\"next\":null}}"
        );
        assert_eq!(page, want);
        let page = site.page(&Caller::visitor(), "articles?limit=1&fields=-title,-tags").await;
        let item = page["items"][0].as_object().unwrap();
        assert!(!item.contains_key("title") && !item.contains_key("tags") && !item.contains_key("secret"));
        assert!(item.contains_key("slug") && item.contains_key("version") && item.contains_key("answers"));
    });
}

#[test]
fn totals_are_counted_so_far() {
    on_both(async |site| {
        fill(&site).await;
        let page = site.page(&Caller::visitor(), "articles?total=true&limit=1").await;
        assert_eq!((page["total"].as_u64(), page.get("at_least")), (Some(3), None));
        let page = site.page(&Caller::visitor(), "articles?total=true&where.title=Two").await;
        assert_eq!(page["total"], 1);
        let count = 10_001;
        let body = move |tx: &mut dyn mains_database::engine::Statements| {
            for number in 0..count {
                let mut bytes = [0; 16];
                bytes[8..].copy_from_slice(&i64::to_be_bytes(number));
                let id = mains_base::Uuid(bytes);
                let sql = "INSERT INTO \"things\" (\"id\", \"created\", \"updated\", \"version\", \"f\", \"c\") \
                           VALUES ($1, $2, $2, 1, 1, $3)";
                tx.execute_later(sql, &[Value::Id(id), Value::Int(number), Value::Bool(true)], None)?;
            }
            tx.flush()
        };
        site.db.engine.alter(body).await.unwrap();
        let page = site.page(&Caller::visitor(), "things?total=true&limit=1").await;
        assert_eq!((page["total"].as_u64(), page["at_least"].as_bool()), (Some(10_000), Some(true)));
    });
}

#[test]
fn what_cannot_be_asked_is_refused() {
    on_both(async |site| {
        fill(&site).await;
        let visitor = Caller::visitor();
        for (query, code) in [
            ("limit=0", "query.limit"),
            ("limit=501", "query.limit"),
            ("sort=nothing", "query.sort"),
            ("sort=secret", "query.sort"),
            ("sort=mine", "query.sort"),
            ("sort=tags", "query.sort"),
            ("sort=extra", "query.sort"),
            ("sort=views,-views", "query.sort"),
            ("sort=author.name", "query.sort"),
            ("fields=nothing", "query.fields"),
            ("fields=secret", "query.fields"),
            ("fields=title,-body", "query.fields"),
            ("filter=views >", "query.filter"),
            ("filter=views", "query.filter"),
            ("filter=secret == \"x\"", "query.filter"),
            ("filter=author.secret == \"x\"", "query.filter"),
            ("filter=title.matches(\"x\")", "query.filter"),
            ("where.nothing=1", "query.where"),
            ("where.secret=hidden", "query.where"),
            ("where.author.secret=x", "query.where"),
            ("where.now=1", "query.where"),
            ("where.auth.id=1", "query.where"),
            ("where.title||true=1", "query.where"),
            ("where.views=five", "query.where"),
            ("where.views=9007199254740992", "query.where"),
            ("where.author=article_01j", "query.where"),
            ("where.flag=1", "query.where"),
            ("where.extra={}", "query.where"),
            ("cursor=x", "query.cursor"),
        ] {
            assert_eq!(site.refused(&visitor, &format!("articles?{query}")).await, code, "{query}");
        }
    });
}

#[test]
fn the_same_words_mean_the_same_again() {
    on_both(async |site| {
        fill(&site).await;
        let visitor = Caller::visitor();
        for _ in 0..3 {
            for (title, want) in [("One", 11), ("Two", 12), ("Four", 14)] {
                let page = site.page(&visitor, &format!("articles?where.title={title}")).await;
                assert_eq!(numbers(&page), [want]);
            }
            assert_eq!(site.numbers(&account(2), "articles?where.title=Three").await, [13]);
            assert_eq!(site.numbers(&visitor, "articles?where.title=Three").await, Vec::<u8>::new());
        }
    });
}
