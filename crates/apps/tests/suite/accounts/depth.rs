//! JSON that is sent as deep as somebody likes, and stored no deeper than every reader can follow.

use mains_base::Caller;
use mains_database::records::ListRequest;
use serde_json::json;

use super::on_both;

/// A name of a form's field that leads so deep into the preferences.
fn name(levels: usize) -> String {
    format!("preferences{}", ".a".repeat(levels))
}

#[test]
fn a_form_as_deep_as_it_is_long_is_refused_by_every_door() {
    on_both(async |world| {
        let boom = format!("{}=1", name(20_000));
        let mut visitor = world.browser();
        for (path, method) in [
            ("/api/accounts", "POST"),
            ("/api/accounts?where.id=account_00000000000000000000000000", "PATCH"),
            ("/api/accounts/email=ines@corner.example", "PUT"),
            ("/api/accounts/me", "PATCH"),
        ] {
            let answer = visitor.form(path, &format!("_method={method}&{boom}")).await;
            assert!(answer.status < 500, "{method} {path}: {} {}", answer.status, answer.body);
        }
        let mut ines = world.account("ines@corner.example").await;
        let refused = ines.form("/api/accounts/me", &format!("_method=PATCH&{boom}")).await;
        assert_eq!((refused.status, &refused.json["errors"][0]["code"]), (422, &json!("too_deep")));
    });
}

#[test]
fn preferences_of_any_depth_that_is_taken_are_kept_and_can_be_read_by_all() {
    on_both(async |world| {
        let path = "/api/accounts/me";
        let mut ines = world.account("ines@corner.example").await;
        assert_eq!(ines.patch(path, json!({"preferences": {"theme": "dark"}})).await.status, 200);
        let deepest = mains_language::values::DEEPEST_JSON;
        for (levels, status) in [(deepest, 200), (deepest + 1, 422), (127, 422), (128, 422), (200, 422)] {
            let body = format!("_method=PATCH&{}=1", name(levels));
            assert_eq!(ines.form(path, &body).await.status, status, "{levels}");
            let seen = ines.get(path).await.json;
            assert_eq!(seen["preferences"]["theme"], json!("dark"), "{levels}");
        }
        // One deep path into another.
        let deeper = "{\"a\":".repeat(60) + "{}" + &"}".repeat(60);
        let patch: serde_json::Value =
            serde_json::from_str(&format!("{{\"preferences\": {deeper}}}")).unwrap();
        assert_eq!(ines.patch(path, patch).await.status, 200);
        // As an export reads it: a page with all records.
        let epoch = world.db.epoch();
        let request = ListRequest::of(epoch.schema.find("accounts").unwrap().id);
        let page = world.records.source(&epoch).list(&Caller::system(), &request).await.unwrap();
        let page: serde_json::Value = serde_json::from_slice(&page).unwrap();
        assert_eq!(page["items"][0]["preferences"]["theme"], json!("dark"));
    });
}
