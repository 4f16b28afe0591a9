//! What no index, page or plan may stumble over: values at the limits, and texts made to be mistaken for others.

use mains_base::Caller;
use mains_testkit::on_both;
use serde_json::json;

use super::reading::list;
use crate::writes::site::{Site, refused};

const FILES: &[(&str, &str)] = &[(
    "pages",
    r#"
prefix = "page"
[fields.path]
type = "text"
unique = true
[fields.title]
type = "text"
index = true
ignore_case = true
[fields.body]
type = "text"
[fields.words]
type = "text"
many = true
[fields.site]
type = "url"
max = 4000
[fields.number]
type = "integer"
[[indexes]]
fields = ["site", "title"]
[rules]
read = 'true'
create = 'true'
"#,
)];

/// Letters that no compression makes much shorter.
fn noise(bytes: usize) -> String {
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(
            b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"[(state >> 58) as usize],
        )
    };
    (0..bytes).map(|_| next()).collect()
}

#[test]
fn what_an_index_cannot_hold_is_refused_and_not_stumbled_over() {
    on_both(FILES, |test| async {
        let site = Site::new(test);
        let create = async |json| site.create(&Caller::visitor(), "pages", json).await;
        for (field, value) in
            [("path", json!(noise(2400))), ("words", json!([noise(2400)])), ("body", json!(noise(5000)))]
        {
            create(json!({ field: value })).await.unwrap();
        }
        for (field, value) in [
            ("path", json!(noise(2401))),
            ("title", json!(noise(3000))),
            ("words", json!(["a", noise(2401)])),
        ] {
            assert_eq!(
                refused(create(json!({ field: value })).await),
                format!("records.invalid /{field} too_long")
            );
        }
        // Together they are one key; and folded a text may be longer than it was.
        let both = json!({ "site": format!("https://example.com/{}", noise(1800)), "title": noise(1000) });
        assert_eq!(refused(create(both).await), "records.invalid /site too_long");
        assert_eq!(
            refused(create(json!({ "title": "ŉ".repeat(1100) })).await),
            "records.invalid /title too_long"
        );
    });
}

#[test]
fn one_text_is_not_read_as_several() {
    on_both(FILES, |test| async {
        let site = Site::new(test);
        let visitor = Caller::visitor();
        let found = list(&site, &visitor, "pages", "where.path=x&where.number=5&sort=title").await.unwrap();
        assert_eq!(found["items"], json!([]));
        for path in ["path\0\0\0number", "path\0number", "path\0\0number\0"] {
            let said = list(&site, &visitor, "pages", &format!("where.{path}=x&sort=title")).await;
            assert_eq!(said.unwrap_err(), "query.where");
        }
        assert_eq!(list(&site, &visitor, "pages", "sort=title\0").await.unwrap_err(), "query.sort");
        assert_eq!(list(&site, &visitor, "pages", "fields=title\0").await.unwrap_err(), "query.fields");
    });
}
