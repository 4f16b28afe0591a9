//! `expand=`: what stands beside the ids, for whom, in which order, and what is refused.

use std::sync::Arc;

use mains_base::{Caller, Uuid, Value};
use mains_database::Epoch;
use mains_database::engine::View;
use mains_database::records::{Cursors, Source};
use serde_json::{Value as Json, json};

use super::lists::fill;
use super::{Site, account, id, number, on_both, request};

/// The last numbers of what stands under a name of `"expand"`, one list for each record of a page.
fn beside(page: &Json, name: &str) -> Vec<Vec<u8>> {
    let of = |item: &Json| match &item["expand"][name] {
        Json::Array(items) => items.iter().map(|item| number(item["id"].as_str().unwrap())).collect(),
        Json::Null => Vec::new(),
        one => vec![number(one["id"].as_str().unwrap())],
    };
    page["items"].as_array().unwrap().iter().map(of).collect()
}

async fn more(site: &Site) {
    fill(site).await;
    for (number, article, text, visible) in
        [(31, 11, "b", true), (32, 11, "a", true), (33, 12, "c", true), (34, 13, "d", true)]
    {
        let cells = [("article", Value::Id(id(article))), ("text", text.into()), ("visible", visible.into())];
        site.store("comments", number, &cells).await;
    }
}

#[test]
fn relations_stand_beside_their_ids() {
    on_both(async |site| {
        more(&site).await;
        let visitor = Caller::visitor();
        let page = site.page(&visitor, "articles?expand=author&fields=title").await;
        assert_eq!(beside(&page, "author"), [[1], [1], [1]]);
        let first = &page["items"][0];
        assert_eq!(first["title"], "One");
        assert_eq!(first.get("author"), None, "fields are of the record itself");
        assert_eq!(first["expand"]["author"]["name"], "Ada");
        assert_eq!(first["expand"]["author"].get("email"), None, "rules of fields hold at each step");
        assert_eq!(first["expand"]["author"].get("secret"), None);
        let own = site.page(&account(1), "articles?expand=author&limit=1").await;
        assert_eq!(own["items"][0]["expand"]["author"]["email"], "Ada@Example.org");
        assert!(own["items"][0]["author"].as_str().is_some());
        assert!(own["next"].as_str().is_some());
    });
}

#[test]
fn other_sides_are_sorted_and_cut_for_each_record() {
    on_both(async |site| {
        more(&site).await;
        let visitor = Caller::visitor();
        for (expand, want) in [
            ("comments", vec![vec![21, 31, 32], vec![33], vec![]]),
            ("comments(sort=-created)", vec![vec![32, 31, 21], vec![33], vec![]]),
            ("comments(sort=text,-created,limit=2)", vec![vec![32, 31], vec![33], vec![]]),
            ("comments(limit=1)", vec![vec![21], vec![33], vec![]]),
        ] {
            let page = site.page(&visitor, &format!("articles?expand={expand}")).await;
            assert_eq!(beside(&page, "comments"), want, "{expand}");
        }
        let page = site.page(&Caller::system(), "articles?expand=comments").await;
        assert_eq!(beside(&page, "comments"), [vec![21, 22, 31, 32], vec![33], vec![34], vec![23]]);
    });
}

#[test]
fn lists_keep_their_order_or_take_another() {
    on_both(async |site| {
        fill(&site).await;
        site.store("accounts", 3, &[("name", "Cyd".into())]).await;
        let reviewers = Value::List([3, 1, 2].map(|number| Value::Id(id(number))).to_vec());
        let cells = [
            ("slug", "s15".into()),
            ("author", Value::Id(id(1))),
            ("status", "published".into()),
            ("reviewers", reviewers),
        ];
        site.store("articles", 15, &cells).await;
        let visitor = Caller::visitor();
        for (expand, want) in [
            ("reviewers", vec![3, 1, 2]),
            ("reviewers(limit=2)", vec![3, 1]),
            ("reviewers(sort=-name,limit=2)", vec![3, 2]),
        ] {
            let page = site.page(&visitor, &format!("articles?where.slug=s15&expand={expand}")).await;
            assert_eq!(beside(&page, "reviewers"), [want], "{expand}");
        }
    });
}

#[test]
fn what_may_not_be_read_is_null_or_left_out_at_each_step() {
    on_both(async |site| {
        more(&site).await;
        let visitor = Caller::visitor();
        // The comment may be read, the draft it belongs to may not.
        let page = site.page(&visitor, "comments?where.text=d&expand=article.author").await;
        assert_eq!(page["items"][0]["expand"], json!({ "article": null }));
        let page =
            site.page(&account(2), "comments?where.text=d&expand=article.author,article.comments").await;
        let article = &page["items"][0]["expand"]["article"];
        assert_eq!(article["title"], "Three");
        assert_eq!(article["expand"]["author"]["name"], "Bob");
        assert_eq!(article["expand"]["comments"][0]["text"], "d");
    });
}

#[test]
fn three_levels_and_no_more() {
    on_both(async |site| {
        more(&site).await;
        let page = site
            .page(&Caller::visitor(), "articles?where.slug=s11&expand=comments(limit=1).article.author")
            .await;
        let deep =
            &page["items"][0]["expand"]["comments"][0]["expand"]["article"]["expand"]["author"]["name"];
        assert_eq!(deep, "Ada");
        for (bad, says) in [
            ("comments.article.author.x", "at most 3"),
            ("comment", "Did you mean comments?"),
            ("auther", "Did you mean author?"),
            ("title", "no relation \"title\""),
            ("secret", "no relation"),
            ("author(limit=2)", "one record"),
            ("comments(limit=101)", "from 1 to 100"),
            ("comments(limit=0)", "from 1 to 100"),
            ("comments(limit=x)", "from 1 to 100"),
        ] {
            let error =
                site.list(&Caller::visitor(), &format!("articles?expand={bad}")).await.expect_err(bad);
            assert_eq!(error.code(), "query.expand", "{bad}");
            assert!(error.detail().contains(says), "{bad}: {}", error.detail());
        }
        assert_eq!(
            site.refused(&Caller::visitor(), "articles?expand=comments(sort=zzz)").await,
            "query.sort"
        );
    });
}

#[test]
fn one_record_expands_too() {
    on_both(async |site| {
        more(&site).await;
        let found = site
            .get(&Caller::visitor(), "articles/slug=s11?fields=title,tags&expand=comments(limit=1)")
            .await
            .unwrap();
        let found: Json = serde_json::from_slice(&found.body).unwrap();
        assert_eq!(found["tags"], json!(["red", "blue"]));
        assert_eq!(found["expand"]["comments"][0]["text"], "c21");
        let none = site.get(&Caller::visitor(), "articles/slug=s13?expand=comments").await.unwrap_err();
        assert_eq!(none.code(), "not_found");
    });
}

#[test]
fn pages_of_an_expanded_list_follow_one_another() {
    on_both(async |site| {
        more(&site).await;
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let address =
                format!("articles?sort=-views,title&limit=1&total=true&expand=comments&cursor={cursor}");
            let page = site.page(&Caller::visitor(), &address).await;
            assert_eq!(page["total"], 3);
            seen.extend(super::numbers(&page).into_iter().zip(beside(&page, "comments")));
            let Some(next) = page["next"].as_str() else { break };
            next.clone_into(&mut cursor);
        }
        assert_eq!(seen, [(14, vec![]), (11, vec![21, 31, 32]), (12, vec![33])]);
    });
}

#[test]
fn within_one_state_it_reads_the_same() {
    on_both(async |site| {
        more(&site).await;
        let address = "articles?sort=-views&expand=comments(sort=-created).article,author&total=true";
        let want = site.page(&Caller::visitor(), address).await;
        let (epoch, schema) = (site.epoch, Arc::clone(&site.db.schema));
        let body = site.db.engine.view(move |view| {
            let cursors = Cursors::new(&[7; 32])?;
            let source = Source { engine: view, epoch: &epoch, cursors: &cursors };
            View::run(source.list(&Caller::visitor(), &request(&schema, address)))
        });
        let found: Json = serde_json::from_slice(&body.await.unwrap()).unwrap();
        assert_eq!(found, want);
    });
}

/// Fills a site with so many articles, each with an author of its own, two reviewers and three comments.
async fn crowd(site: &Site, articles: u8) {
    let wide = |sort: u8, number: u8| {
        let mut bytes = id(number).0;
        bytes[14] = sort;
        Uuid(bytes)
    };
    let visible = Value::from(true);
    for number in 0..articles {
        let created = i64::from(number);
        for (sort, name) in [(1, "a"), (2, "b"), (3, "c")] {
            let name = format!("{name}{number}").into();
            site.store_at("accounts", (wide(sort, number), created), &[("name", name)]).await;
        }
        let reviewers = Value::List(vec![Value::Id(wide(2, number)), Value::Id(wide(3, number))]);
        let cells = [
            ("slug", format!("s{number}").into()),
            ("author", Value::Id(wide(1, number))),
            ("status", "published".into()),
            ("tags", Value::List(vec!["red".into()])),
            ("reviewers", reviewers),
        ];
        site.store_at("articles", (wide(4, number), created), &cells).await;
        for sort in 5..8 {
            let cells = [("article", Value::Id(wide(4, number))), ("visible", visible.clone())];
            site.store_at("comments", (wide(sort, number), created), &cells).await;
        }
    }
}

/// The statements that a page takes, and how many records stand in it.
async fn statements(site: &Site, address: &'static str) -> (usize, usize) {
    let epoch = Epoch::new(1, Arc::clone(&site.db.schema), site.db.engine.dialect());
    let schema = Arc::clone(&site.db.schema);
    let read = site.db.engine.view(move |view| {
        let cursors = Cursors::new(&[7; 32])?;
        let source = Source { engine: view, epoch: &epoch, cursors: &cursors };
        let body = View::run(source.list(&Caller::visitor(), &request(&schema, address)))?;
        Ok((view.asked(), body))
    });
    let (asked, body) = read.await.expect(address);
    let body = String::from_utf8(body.to_vec()).unwrap();
    (asked, body.matches("\"version\":").count())
}

/// One statement for the page and one for each step, however many records there are: no step asks record by record.
#[test]
fn a_step_is_one_statement_for_all_records() {
    for articles in [1, 30, 100] {
        on_both(async |site| {
            crowd(&site, articles).await;
            let many = usize::from(articles);
            // What is asked for, the statements that it takes, the records of one item. An article has two lists.
            for (address, want, each) in [
                ("articles?limit=100&fields=version", 1, 1),
                ("articles?limit=100&fields=version&expand=author", 2, 2),
                ("articles?limit=100&fields=version&expand=comments", 2, 4),
                ("articles?limit=100&fields=version&expand=reviewers", 2, 3),
                ("articles?limit=100&fields=version&expand=author,comments,reviewers", 4, 7),
                ("comments?limit=100&fields=version&expand=article.author", 5, 3),
                ("articles?limit=100&fields=version&expand=comments.article", 5, 7),
            ] {
                let (asked, records) = statements(&site, address).await;
                let items = if address.starts_with("comments") { (3 * many).min(100) } else { many };
                assert_eq!((asked, records), (want, each * items), "{articles}: {address}");
            }
        });
    }
}
