//! What a caller writes itself must not tell what it may not read: neither by filter, nor by `where.`, nor by order.

use mains_base::{Caller, Value};

use super::lists::fill;
use super::{Site, account, on_both, request};

const NONE: [u8; 0] = [];

#[test]
fn an_unreadable_field_is_null_in_conditions() {
    on_both(async |site| {
        fill(&site).await;
        let (ada, bob, visitor) = (account(1), account(2), Caller::visitor());
        for query in
            ["where.note=note 11", "filter=note == \"note 11\"", "filter=note.startsWith(\"note 11\")"]
        {
            let address = format!("articles?{query}");
            assert_eq!(site.numbers(&ada, &address).await, [11], "{query}");
            assert_eq!(site.numbers(&bob, &address).await, NONE, "{query}");
            assert_eq!(site.numbers(&visitor, &address).await, NONE, "{query}");
        }
        assert_eq!(site.numbers(&visitor, "articles?filter=note == null").await, [11, 12, 14]);
        assert_eq!(site.numbers(&visitor, "articles?where.author.email=Ada@Example.org").await, NONE);
        assert_eq!(site.numbers(&visitor, "articles?filter=author.email != null").await, NONE);
        assert_eq!(site.numbers(&ada, "articles?where.author.email=ada@example.org").await, [11, 12, 14]);
        assert_eq!(site.numbers(&bob, "accounts?filter=email < \"b\"").await, NONE);
        assert_eq!(site.numbers(&Caller::system(), "accounts?where.email=ada@example.org").await, [1]);
    });
}

#[test]
fn unreadable_records_are_not_there_in_conditions() {
    on_both(async |site| {
        fill(&site).await;
        let visitor = Caller::visitor();
        let hidden = "articles?filter=comments.exists(c, c.text == \"c22\")";
        assert_eq!(site.numbers(&visitor, hidden).await, NONE);
        assert_eq!(site.numbers(&Caller::system(), hidden).await, [11]);
        assert_eq!(site.numbers(&visitor, "articles?filter=comments.size() == 1").await, [11]);
        // A relation to a draft is as if there were none.
        site.store(
            "comments",
            24,
            &[("article", Value::Id(super::id(13))), ("text", "x".into()), ("visible", true.into())],
        )
        .await;
        assert_eq!(site.numbers(&visitor, "comments?where.article.title=Three").await, NONE);
        assert_eq!(site.numbers(&account(2), "comments?where.article.title=Three").await, [24]);
        assert_eq!(site.numbers(&visitor, "comments?filter=article.views > 8").await, NONE);
        assert_eq!(site.numbers(&account(2), "comments?filter=article.views > 8").await, [24]);
    });
}

#[test]
fn order_by_an_unreadable_field_tells_nothing() {
    on_both(async |site| {
        for (number, parity, value) in [(1, 0, 30), (2, 1, 10), (3, 0, 20), (4, 1, 40)] {
            let cells = [("f", Value::Int(parity)), ("g", Value::Int(value)), ("c", false.into())];
            site.store("things", number, &cells).await;
        }
        // Nobody's: no key at all is left but the id.
        assert_eq!(site.numbers(&Caller::visitor(), "things?sort=g").await, [1, 2, 3, 4]);
        assert_eq!(site.numbers(&Caller::visitor(), "things?sort=-g").await, [4, 3, 2, 1]);
        // Readable where f is even: the others are NULL.
        assert_eq!(site.numbers(&account(1), "things?sort=g").await, [2, 4, 3, 1]);
        assert_eq!(site.numbers(&account(1), "things?sort=-g").await, [1, 3, 4, 2]);
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = site.page(&account(1), &format!("things?sort=-g&limit=1&cursor={cursor}")).await;
            seen.extend(super::numbers(&page));
            assert_eq!(page["items"][0].get("g").is_some(), [1, 3].contains(seen.last().unwrap()));
            let Some(next) = page["next"].as_str() else { break };
            cursor = next.to_owned();
        }
        assert_eq!(seen, [1, 3, 4, 2]);
    });
}

#[test]
fn a_cursor_belongs_to_its_list_and_caller() {
    on_both(async |site| {
        fill(&site).await;
        let ada = account(1);
        let first = "articles?sort=title&limit=1&where.status=published&filter=views > 0";
        let page = site.page(&ada, first).await;
        let cursor = page["next"].as_str().unwrap().to_owned();
        let next = async |caller: &Caller, address: &str| {
            let mut request = request(&site.db.schema, address);
            request.cursor = Some(cursor.clone());
            site.source().list(caller, &request).await.map_err(|error| error.code())
        };
        assert!(next(&ada, first).await.is_ok());
        assert!(next(&ada, &first.replace("limit=1", "limit=7&fields=title&total=true")).await.is_ok());
        for other in [
            first.replace("sort=title", "sort=-title"),
            first.replace("published", "draft"),
            first.replace("views > 0", "views > 1"),
            first.replace("&where.status=published", ""),
            "things?sort=a".to_owned(),
        ] {
            assert_eq!(next(&ada, &other).await.unwrap_err(), "query.cursor", "{other}");
        }
        assert_eq!(next(&account(2), first).await.unwrap_err(), "query.cursor");
        assert_eq!(next(&Caller::visitor(), first).await.unwrap_err(), "query.cursor");
    });
}

#[test]
fn now_stands_still_over_the_pages_of_a_list() {
    on_both(async |site: Site| {
        fill(&site).await;
        let start = site.db.clock.clone();
        let later = mains_base::Time::from_micros(mains_testkit::database::START + 5);
        let filter = format!("filter=now < timestamp(\"{later}\")");
        let page = site.page(&Caller::visitor(), &format!("articles?limit=1&{filter}")).await;
        start.advance_micros(10);
        let cursor = page["next"].as_str().unwrap();
        assert_eq!(
            site.numbers(&Caller::visitor(), &format!("articles?{filter}&cursor={cursor}")).await,
            [12, 14]
        );
        assert_eq!(site.numbers(&Caller::visitor(), &format!("articles?{filter}")).await, NONE);
    });
}
