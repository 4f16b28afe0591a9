//! How each type is written, byte for byte, on both databases.

use std::sync::{Arc, Mutex};

use mains_base::{Caller, Currency, Money, Value};

use super::{account, id, on_both};

const EVERYTHING: &str = concat!(
    "{\"items\":[{\"id\":\"article_0000000000e00000000000000e\",\"created\":\"1970-01-01T00:00:00.000014Z\",",
    "\"updated\":\"1970-01-01T00:00:00.000014Z\",\"version\":1,\"slug\":\"s\",",
    "\"title\":\"q\\\"b\\\\n\\nt\\tü😀\\u0001/\",\"author\":\"account_0000000000e000000000000001\",",
    "\"status\":\"published\",\"views\":9007199254740991,\"score\":1e100,\"price\":\"-0.05\",",
    "\"cost\":{\"amount\":-7,\"currency\":\"EUR\"},\"fee\":{\"amount\":1999,\"currency\":\"JPY\"},",
    "\"day\":\"2024-02-29\",\"at\":\"1969-12-31T23:59:59.999999Z\",\"flag\":true,\"extra\":{\"a\":[1,null]},",
    "\"nick\":\"Straße\",\"tags\":[\"a\\\"\",\"b\"],",
    "\"reviewers\":[\"account_0000000000e000000000000002\",\"account_0000000000e000000000000001\"],",
    "\"note\":null,\"mine\":true,\"answers\":0}],\"next\":null}",
);

#[test]
fn every_type() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let both = Arc::clone(&seen);
    on_both(move |site| {
        let seen = Arc::clone(&both);
        async move {
            for number in [1, 2] {
                site.store("accounts", number, &[("name", "x".into())]).await;
            }
            let money = |amount, code| Value::Money(Money { amount, currency: Currency::new(code).unwrap() });
            let cells = [
                ("slug", "s".into()),
                ("title", "q\"b\\n\nt\tü😀\u{1}/".into()),
                ("author", Value::Id(id(1))),
                ("status", "published".into()),
                ("views", Value::Int(9_007_199_254_740_991)),
                ("score", Value::Double(1e100)),
                ("price", Value::Int(-5)),
                ("cost", money(-7, "EUR")),
                ("fee", money(1999, "JPY")),
                ("day", Value::Int(19_782)),
                ("at", Value::Int(-1)),
                ("flag", true.into()),
                ("extra", "{\"a\":[1,null]}".into()),
                ("nick", "Straße".into()),
                ("tags", super::texts(&["a\"", "b"])),
                ("reviewers", Value::List(vec![Value::Id(id(2)), Value::Id(id(1))])),
            ];
            site.store("articles", 14, &cells).await;
            let body = site.list(&account(1), "articles").await.unwrap();
            assert_eq!(body, EVERYTHING);
            seen.lock().unwrap().push(body);
            site.store(
                "articles",
                15,
                &[("slug", "t".into()), ("author", Value::Id(id(1))), ("status", "published".into())],
            )
            .await;
            let body = site.list(&Caller::visitor(), "articles?where.slug=t&fields=-id").await.unwrap();
            let want = concat!(
                "\"views\":null,\"score\":null,\"price\":null,\"cost\":null,\"fee\":null,\"day\":null,\"at\":null,",
                "\"flag\":false,\"extra\":null,\"nick\":null,\"tags\":[],\"reviewers\":[],\"mine\":false,\"answers\":0}",
            );
            assert!(body.contains(want), "{body}");
        }
    });
    assert_eq!(seen.lock().unwrap().len(), 2);
}
