//! Totals: what is counted and summed, for whom, and that both databases say what one can count by hand.

use std::collections::BTreeMap;

use mains_base::{Caller, Currency, Date, Money, Value};
use serde_json::{Map, Value as Json, json};

use super::lists::fill;
use super::{Site, account, id, on_both, texts};

async fn items(site: &Site, caller: &Caller, address: &str) -> Json {
    site.aggregate(caller, address).await.expect(address)["items"].clone()
}

#[test]
fn counts_sums_least_and_greatest() {
    on_both(async |site| {
        fill(&site).await;
        let visitor = Caller::visitor();
        assert_eq!(items(&site, &visitor, "articles").await, json!([{ "group": {}, "count": 3 }]));
        assert_eq!(
            items(
                &site,
                &Caller::system(),
                "articles?group=status&count&sum=views,price&min=price&max=views,created"
            )
            .await,
            json!([
                { "group": { "status": "draft" }, "count": 1, "sum": { "views": 9, "price": "1.63" }, "min": { "price": "1.63" },
                  "max": { "views": 9, "created": "1970-01-01T00:00:00.000013Z" } },
                { "group": { "status": "published" }, "count": 3, "sum": { "views": 10, "price": "4.87" }, "min": { "price": "1.61" },
                  "max": { "views": 5, "created": "1970-01-01T00:00:00.000014Z" } },
            ])
        );
        // Null makes a group of its own; of no value the sum is 0, the rest null.
        assert_eq!(
            items(&site, &visitor, "articles?group=views&sum=views&max=views").await,
            json!([
                { "group": { "views": null }, "sum": { "views": 0 }, "max": { "views": null } },
                { "group": { "views": 5 }, "sum": { "views": 10 }, "max": { "views": 5 } },
            ])
        );
        assert_eq!(
            items(&site, &visitor, "articles?where.title=Nothing&sum=views").await,
            json!([{ "group": {}, "sum": { "views": 0 } }])
        );
        assert_eq!(items(&site, &visitor, "articles?where.title=Nothing&group=status").await, json!([]));
    });
}

#[test]
fn groups_of_lists_relations_and_spans() {
    on_both(async |site| {
        fill(&site).await;
        let visitor = Caller::visitor();
        let group = async |caller: &Caller, group: &str| {
            let items = items(&site, caller, &format!("articles?group={group}&sort=-count")).await;
            let each = items
                .as_array()
                .unwrap()
                .iter()
                .map(|item| format!("{} {}", item["group"][group], item["count"]));
            each.collect::<Vec<_>>().join(", ")
        };
        assert_eq!(group(&visitor, "tags").await, "\"red\" 3, \"blue\" 1");
        assert_eq!(group(&visitor, "author.name").await, "\"Ada\" 3");
        assert_eq!(group(&Caller::system(), "author.name").await, "\"Ada\" 3, \"Bob\" 1");
        assert_eq!(group(&visitor, "flag").await, "false 2, true 1");
        assert_eq!(group(&visitor, "day(created)").await, "\"1970-01-01\" 3");
        assert_eq!(group(&visitor, "week(created)").await, "\"1970-W01\" 3");
        assert_eq!(group(&visitor, "month(created)").await, "\"1970-01\" 3");
        // A computed field that looks at other records.
        assert_eq!(group(&visitor, "answers").await, "0 1, 1 1, 2 1");
    });
}

#[test]
fn only_what_the_caller_may_read_is_counted() {
    on_both(async |site| {
        fill(&site).await;
        let (ada, visitor) = (account(1), Caller::visitor());
        // The notes of others are null.
        assert_eq!(
            items(&site, &visitor, "articles?group=note").await,
            json!([{ "group": { "note": null }, "count": 3 }])
        );
        assert_eq!(items(&site, &ada, "articles?group=note").await.as_array().unwrap().len(), 3);
        assert_eq!(items(&site, &ada, "accounts?group=email").await.as_array().unwrap().len(), 2);
        // What may not be read is no element, and what leads to it no path.
        let reviewers = Value::List(vec![Value::Id(id(1))]);
        let cells = [
            ("slug", "s15".into()),
            ("author", Value::Id(id(1))),
            ("status", "published".into()),
            ("reviewers", reviewers),
        ];
        site.store("articles", 15, &cells).await;
        assert_eq!(items(&site, &visitor, "articles?group=reviewers").await[0]["count"], 1);
        site.store("comments", 24, &[("article", Value::Id(id(13))), ("visible", true.into())]).await;
        let titles = "comments?group=article.title&sort=article.title";
        assert_eq!(items(&site, &visitor, titles).await[0]["group"], json!({ "article.title": null }));
        assert_eq!(items(&site, &account(2), titles).await[1]["group"], json!({ "article.title": "Three" }));
        assert_eq!(site.aggregate(&visitor, "secrets").await.unwrap_err().code(), "not_found");
        assert_eq!(items(&site, &Caller::system(), "secrets").await[0]["count"], 0);
    });
}

#[test]
fn money_needs_one_currency() {
    on_both(async |site| {
        fill(&site).await;
        let money = |amount, code| Value::Money(Money { amount, currency: Currency::new(code).unwrap() });
        for (number, fee, cost) in [(41, (100, "EUR"), 5), (42, (200, "EUR"), 6), (43, (300, "JPY"), 7)] {
            let cells = [
                ("slug", format!("m{number}").into()),
                ("author", Value::Id(id(1))),
                ("status", "published".into()),
                ("cost", money(cost, "EUR")),
                ("fee", money(fee.0, fee.1)),
                ("flag", (fee.1 == "JPY").into()),
            ];
            site.store("articles", number, &cells).await;
        }
        let all = Caller::visitor();
        assert_eq!(
            items(&site, &all, "articles?sum=cost&min=cost").await,
            json!([{ "group": {}, "sum": { "cost": { "amount": 18, "currency": "EUR" } }, "min": { "cost": { "amount": 5, "currency": "EUR" } } }])
        );
        let error = site.aggregate(&all, "articles?sum=fee").await.unwrap_err();
        assert_eq!(error.code(), "query.currencies");
        let by_flag =
            items(&site, &all, "articles?sum=fee&group=flag&where.fee.currency=EUR&where.fee.currency=JPY")
                .await;
        assert_eq!(by_flag[0]["sum"]["fee"], json!({ "amount": 300, "currency": "EUR" }));
        let by_currency = items(&site, &all, "articles?sum=fee&group=fee.currency").await;
        assert_eq!(by_currency[0], json!({ "group": { "fee.currency": null }, "sum": { "fee": null } }));
        assert_eq!(
            by_currency[2],
            json!({ "group": { "fee.currency": "JPY" }, "sum": { "fee": { "amount": 300, "currency": "JPY" } } })
        );
    });
}

#[test]
fn what_means_nothing_is_refused() {
    on_both(async |site| {
        fill(&site).await;
        for (bad, code, says) in [
            ("group=staus", "query.group", "status"),
            ("group=secret", "query.group", "no field"),
            ("group=year(created)", "query.group", "day(…), week(…) and month(…)"),
            ("group=day(title)", "query.group", "instants and days"),
            ("group=day(created", "query.group", "close"),
            ("group=fee", "query.group", "fee.currency"),
            ("group=extra", "query.group", "not compared"),
            ("group=comments", "query.group", "itself"),
            ("group=status,status", "query.group", "twice"),
            ("group=tags,reviewers", "query.group", "one list"),
            ("group=status,views,flag,day,at,title", "query.group", "at most 5"),
            ("group=1+1", "query.group", "no field"),
            ("sum=titel", "query.measure", "title"),
            ("sum=title", "query.measure", "numbers"),
            ("sum=score", "query.measure", "doubles"),
            ("min=flag", "query.measure", "numbers"),
            ("sum=views,views", "query.measure", "twice"),
            ("group=status&sort=cuont", "query.sort", "Did you mean count?"),
            ("group=status&sort=views", "query.sort", "sorted by count"),
            ("group=status&sort=count,-count", "query.sort", "twice"),
            ("limit=501", "query.limit", "500"),
            ("cursor=x", "query.cursor", "cursor"),
            ("filter=nothing", "query.filter", "nothing"),
        ] {
            let error = site.aggregate(&Caller::visitor(), &format!("articles?{bad}")).await.expect_err(bad);
            assert_eq!(error.code(), code, "{bad}: {}", error.detail());
            assert!(error.detail().contains(says), "{bad}: {}", error.detail());
        }
    });
}

#[test]
fn a_sum_beyond_what_json_carries_is_null() {
    on_both(async |site| {
        for (number, value) in [(1, mains_base::MAX_INTEGER), (2, 1), (3, -1)] {
            site.store(
                "things",
                number,
                &[("a", value.into()), ("f", i64::from(number).into()), ("c", true.into())],
            )
            .await;
        }
        let all = Caller::visitor();
        assert_eq!(items(&site, &all, "things?sum=a&filter=f < 3").await[0]["sum"]["a"], Json::Null);
        assert_eq!(items(&site, &all, "things?sum=a").await[0]["sum"]["a"], mains_base::MAX_INTEGER);
    });
}

/// Small numbers that look drawn and are the same at every run.
struct Drawn(u64);

impl Drawn {
    fn below(&mut self, end: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as i64) % end
    }

    fn maybe(&mut self, value: Value) -> Value {
        if self.below(4) == 0 { Value::Null } else { value }
    }
}

const TAGS: [&str; 3] = ["red", "Blue", "grün"];

async fn many(site: &Site) {
    let mut drawn = Drawn(7);
    for (number, name) in [(1, "Ada"), (2, "Bob")] {
        site.store("accounts", number, &[("name", name.into())]).await;
    }
    for number in 10..90_u8 {
        let views = drawn.below(5);
        let price = drawn.below(1000) - 500;
        let day = drawn.below(800_000) - 400_000;
        let at = (drawn.below(4_000) - 2_000) * 86_400_000_000 * 31 + drawn.below(86_400_000_000);
        let tags: Vec<&str> = TAGS.iter().copied().filter(|_| drawn.below(2) == 0).collect();
        let cells = [
            ("slug", format!("s{number}").into()),
            ("title", drawn.maybe(["x", "ß", "Z"][usize::try_from(views % 3).unwrap()].into())),
            ("author", Value::Id(id(u8::try_from(1 + drawn.below(2)).unwrap()))),
            ("status", if drawn.below(3) == 0 { "draft" } else { "published" }.into()),
            ("views", drawn.maybe(Value::Int(views))),
            ("price", drawn.maybe(Value::Int(price))),
            ("day", drawn.maybe(Value::Int(day))),
            ("at", drawn.maybe(Value::Int(at))),
            ("flag", (drawn.below(2) == 0).into()),
            ("note", ["m", "n"][usize::try_from(drawn.below(2)).unwrap()].into()),
            ("tags", texts(&tags)),
        ];
        site.store("articles", number, &cells).await;
    }
}

/// The groups a record belongs to by one grouping, as an answer writes them.
fn values(item: &Json, group: &str) -> Vec<Json> {
    let date = |field: &str| Date::parse(item[field].as_str()?.get(..10)?);
    let span = |field: &str, text: fn(Date) -> String| {
        vec![date(field).map_or(Json::Null, |date| text(date).into())]
    };
    match group {
        "tags" => item["tags"].as_array().unwrap().clone(),
        "day(at)" => span("at", |date| date.to_string()),
        "month(at)" => span("at", |date| date.to_string()[..7].to_owned()),
        "month(day)" => span("day", |date| date.to_string()[..7].to_owned()),
        "week(day)" => span("day", |date| {
            let thursday = Date::from_days(date.days() - (date.days() + 3).rem_euclid(7) + 3).unwrap();
            let year = thursday.year_month_day().0;
            let first = Date::from_year_month_day(year, 1, 1).unwrap().days();
            format!("{year:04}-W{:02}", (thursday.days() - first) / 7 + 1)
        }),
        field => vec![item.get(field).cloned().unwrap_or(Json::Null)],
    }
}

/// What totals must say of the records that a list shows the same caller.
fn by_hand(list: &Json, groups: &[&str]) -> BTreeMap<String, Json> {
    let mut found: BTreeMap<String, (Json, Vec<&Json>)> = BTreeMap::new();
    for item in list["items"].as_array().unwrap() {
        let mut keys = vec![Map::new()];
        for group in groups {
            let each = keys.iter().flat_map(|key| {
                values(item, group).into_iter().map(|value| {
                    let mut key = key.clone();
                    key.insert((*group).to_owned(), value);
                    key
                })
            });
            keys = each.collect();
        }
        for key in keys {
            let key = Json::Object(key);
            found.entry(key.to_string()).or_insert_with(|| (key, Vec::new())).1.push(item);
        }
    }
    let cents =
        |item: &&Json| item["price"].as_str().map(|text| text.replace('.', "").parse::<i64>().unwrap());
    let decimal = |cents: i64| {
        let sign = if cents < 0 { "-" } else { "" };
        json!(format!("{sign}{}.{:02}", cents.abs() / 100, cents.abs() % 100))
    };
    let each = found.into_iter().map(|(text, (group, items))| {
        let views = items.iter().filter_map(|item| item["views"].as_i64());
        let at = items.iter().filter_map(|item| item["at"].as_str()).max();
        let price = items.iter().filter_map(cents);
        let answer = json!({
            "group": group,
            "count": items.len(),
            "sum": { "views": views.clone().sum::<i64>(), "price": decimal(price.clone().sum()) },
            "min": { "views": views.min(), "price": price.min().map(decimal) },
            "max": { "at": at },
        });
        (text, answer)
    });
    each.collect()
}

#[test]
fn both_databases_count_as_one_does_by_hand() {
    let groups: [&[&str]; 14] = [
        &[],
        &["status"],
        &["flag", "status"],
        &["tags"],
        &["tags", "views"],
        &["title"],
        &["note"],
        &["views", "note"],
        &["day(at)"],
        &["month(at)", "flag"],
        &["month(day)"],
        &["week(day)"],
        &["author", "status", "flag"],
        &["mine"],
    ];
    on_both(async |site| {
        many(&site).await;
        for caller in [Caller::visitor(), account(1), Caller::system()] {
            let list = site.page(&caller, "articles?limit=500").await;
            for group in groups {
                let want = by_hand(&list, group);
                for sort in ["", "-count", "sum(views),-count", "-max(at)"] {
                    let address = format!(
                        "articles?group={}&count&sum=views,price&min=views,price&max=at&sort={sort}&limit=7",
                        group.join(",")
                    );
                    let found = pages(&site, &caller, &address).await;
                    let known: BTreeMap<String, Json> =
                        found.iter().map(|item| (item["group"].to_string(), item.clone())).collect();
                    assert_eq!(known.len(), found.len(), "a group came twice: {address}");
                    assert_eq!(known, want, "{address}");
                    if sort == "-count" {
                        assert!(found.is_sorted_by_key(|item| -item["count"].as_i64().unwrap()), "{address}");
                    }
                }
            }
        }
    });
}

async fn pages(site: &Site, caller: &Caller, address: &str) -> Vec<Json> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = site.aggregate(caller, &format!("{address}&cursor={cursor}")).await.expect(address);
        found.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else { return found };
        next.clone_into(&mut cursor);
    }
}
