//! What every answer has, and how failures look.

use std::time::Duration;

use insta::assert_snapshot;
use mains_server::{Limits, Settings};

use crate::site::{get, router, show};

#[tokio::test]
async fn health_with_the_headers_of_every_answer() {
    let router = router(Settings::default());
    assert_snapshot!(show(&router, get("/health"), "").await, @r#"
    200 OK
    content-type: application/json
    x-request-id: req_1
    x-content-type-options: nosniff
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'

    {"status":"ok"}
    "#);
    router.drain();
    let draining = show(&router, get("/health"), "").await;
    assert!(draining.starts_with("503") && draining.ends_with("{\"status\":\"draining\"}"), "{draining}");
}

#[tokio::test]
async fn a_panic_is_a_500_that_tells_nothing() {
    let router = router(Settings::default());
    assert_snapshot!(show(&router, get("/test/boom"), "").await, @r#"
    500 Internal Server Error
    content-type: application/problem+json
    x-request-id: req_1
    x-content-type-options: nosniff
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'

    {"type":"/api/docs/errors#internal","title":"Internal Server Error","status":500,"code":"internal","detail":"Something went wrong here. The log has it under the request id.","request_id":"req_1"}
    "#);
    assert!(show(&router, get("/health"), "").await.starts_with("200"), "nobody else is harmed");
}

#[tokio::test]
async fn the_type_of_a_problem_leads_to_its_place_on_a_page() {
    let router = router(Settings::default());
    let page = show(&router, get("/api/docs/errors"), "").await;
    assert!(page.starts_with("200 OK\ncontent-type: text/html; charset=utf-8\n"), "{page}");
    assert!(page.contains("<tr id=\"internal\">"), "{page}");
}

#[tokio::test]
async fn our_own_faults_tell_nothing_of_the_inside() {
    let answer = show(&router(Settings::default()), get("/test/error"), "").await;
    assert!(answer.starts_with("500") && !answer.contains("hunter2"), "{answer}");
}

#[tokio::test]
async fn field_errors_are_pointers_into_the_body() {
    assert_snapshot!(show(&router(Settings::default()), get("/test/error?fields"), "").await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    x-request-id: req_1
    x-content-type-options: nosniff
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'

    {"type":"/api/docs/errors#records.invalid","title":"Unprocessable Entity","status":422,"code":"records.invalid","detail":"Some fields need another value.","errors":[{"pointer":"/a~1b~0c","code":"required","detail":"Say what it is called."}],"request_id":"req_1"}
    "#);
}

#[tokio::test]
async fn waits_are_rounded_up_and_strangers_are_told_how_to_sign_in() {
    let router = router(Settings::default());
    let wait = show(&router, get("/test/error?wait"), "").await;
    assert!(wait.starts_with("429") && wait.contains("\nretry-after: 2\n"), "{wait}");
    let who = show(&router, get("/test/error?who"), "").await;
    assert!(who.starts_with("401") && who.contains("\nwww-authenticate: Bearer\n"), "{who}");
}

#[tokio::test]
async fn methods_that_an_address_does_not_take() {
    let router = router(Settings::default());
    let wrong = show(&router, http::Request::delete("/health"), "").await;
    assert!(wrong.starts_with("405") && wrong.contains("\nallow: GET, HEAD, OPTIONS\n"), "{wrong}");
    let trace = show(&router, http::Request::builder().method("TRACE").uri("/health"), "").await;
    assert!(trace.starts_with("405"), "{trace}");
    let options = show(&router, http::Request::options("/health"), "").await;
    assert!(options.starts_with("204") && options.contains("\nallow: GET, HEAD, OPTIONS\n"), "{options}");
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let head = show(&router(Settings::default()), http::Request::head("/health"), "").await;
    assert!(head.contains("\ncontent-length: 15\n") && head.ends_with("\n\n"), "{head}");
}

#[tokio::test]
async fn a_request_id_is_accepted_from_nowhere() {
    let answer = show(&router(Settings::default()), get("/health").header("x-request-id", "mine"), "").await;
    assert!(!answer.contains("mine"), "{answer}");
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let limits = Limits { body_bytes: 4, address_bytes: 20, ..Limits::default() };
    let router = router(Settings { limits, ..Settings::default() });
    let post = || http::Request::post("/test/echo");
    assert!(show(&router, post(), "1234").await.ends_with("1234"));
    assert_snapshot!(show(&router, post(), "12345").await, @r#"
    413 Payload Too Large
    content-type: application/problem+json
    x-request-id: req_1
    x-content-type-options: nosniff
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'

    {"type":"/api/docs/errors#request.too_large","title":"Payload Too Large","status":413,"code":"request.too_large","detail":"The body is larger than 4 bytes; send less at once.","request_id":"req_1"}
    "#);
    let long = show(&router, get("/health?a=1234567890"), "").await;
    assert!(long.starts_with("200"), "{long}");
    let longer = show(&router, get("/health?a=12345678901"), "").await;
    assert!(longer.starts_with("414") && longer.contains("request.address_too_long"), "{longer}");
}

#[tokio::test]
async fn a_handler_that_hangs_is_given_up() {
    let limits = Limits { answer: Duration::from_millis(20), ..Limits::default() };
    let router = router(Settings { limits, ..Settings::default() });
    assert_snapshot!(show(&router, get("/test/hang"), "").await, @r#"
    503 Service Unavailable
    content-type: application/problem+json
    retry-after: 1
    x-request-id: req_1
    x-content-type-options: nosniff
    cache-control: no-store
    content-security-policy: default-src 'none'; frame-ancestors 'none'

    {"type":"/api/docs/errors#server.too_slow","title":"Service Unavailable","status":503,"code":"server.too_slow","detail":"This took longer than 0.02 s and was given up; look whether it happened before you send it again.","request_id":"req_1"}
    "#);
}

#[tokio::test]
async fn more_than_can_be_done_is_refused() {
    let limits = Limits { requests: 0, ..Limits::default() };
    let router = router(Settings { limits, ..Settings::default() });
    let answer = show(&router, get("/health"), "").await;
    assert!(answer.starts_with("503") && answer.contains("\nretry-after: 1\n"), "{answer}");
}

#[tokio::test]
async fn unknown_addresses_of_the_api() {
    let router = router(Settings::default());
    for address in ["/api", "/api/", "/api/x/y/z/w"] {
        let answer = show(&router, get(address), "").await;
        assert!(answer.starts_with("404") && answer.contains("\"code\":\"not_found\""), "{answer}");
    }
}
