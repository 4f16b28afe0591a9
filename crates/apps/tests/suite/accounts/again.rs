//! `Idempotency-Key` of visitors and of the guests that they become.

use serde_json::json;

use super::guests::LINES;
use super::on_both_in;

#[test]
fn a_key_of_a_visitor_is_nothing_to_another_network() {
    on_both_in(&[("lines", LINES)], async |world| {
        let visitor = |network: &str| {
            let mut browser = world.browser();
            browser.network = Some(network.to_owned());
            browser.headers.push(("idempotency-key", "one"));
            browser
        };
        let body = json!({"thing": "bread"});
        let first = visitor("192.0.2.1").post("/api/lines", body.clone()).await;
        let other = visitor("192.0.2.2").post("/api/lines", body.clone()).await;
        assert_eq!((first.status, other.status), (201, 201));
        assert_ne!(first.json["id"], other.json["id"], "its own");
        assert_ne!(first.json["owner"], other.json["owner"]);
    });
}

#[test]
fn a_guest_who_asks_again_makes_nothing_twice() {
    on_both_in(&[("lines", LINES)], async |world| {
        let mut browser = world.browser();
        browser.headers.push(("idempotency-key", "one"));
        let body = json!({"thing": "bread"});
        let first = browser.post("/api/lines", body.clone()).await;
        assert!(first.status == 201 && browser.cookie.is_some());
        let again = browser.post("/api/lines", body).await;
        assert_eq!((again.status, &again.body), (201, &first.body), "as the guest that it became");
        assert_eq!(browser.get("/api/lines").await.json["items"].as_array().unwrap().len(), 1);
        let other = browser.post("/api/lines", json!({"thing": "milk"})).await;
        assert_eq!(other.code(), "idempotency.other_payload");
    });
}
