//! A router with doors that misbehave on purpose, and requests to it.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use mains_base::{Error, FieldError, Kind, Result};
use mains_server::request::Sent;
use mains_server::{Call, Door, Request, Response, Router, Settings, Site};

fn boom<'r>(_: &'r Call<'r>, _: Sent) -> BoxFuture<'r, Result<Response>> {
    Box::pin(async { panic!("on purpose, with a secret") })
}

fn hang<'r>(_: &'r Call<'r>, _: Sent) -> BoxFuture<'r, Result<Response>> {
    Box::pin(std::future::pending())
}

fn echo<'r>(call: &'r Call<'r>, body: Sent) -> BoxFuture<'r, Result<Response>> {
    Box::pin(async {
        let bytes = body.read(&call.settings.limits, call.head).await?;
        Ok(Response::new(bytes.into()))
    })
}

fn failing<'r>(call: &'r Call<'r>, _: Sent) -> BoxFuture<'r, Result<Response>> {
    let error = match call.head.uri.query() {
        Some("fields") => {
            Error::invalid(vec![FieldError::new("a/b~c", "required", "Say what it is called.")])
        }
        Some("wait") => Error::new(Kind::TooMany, "limits.rate", "Too often; wait a little.")
            .retry_after(std::time::Duration::from_millis(1500)),
        Some("who") => Error::new(Kind::Unauthenticated, "callers.unknown", "Sign in first."),
        _ => Error::internal("the password of the database is hunter2"),
    };
    Box::pin(async { Err(error) })
}

/// More than the buffers of both ends hold.
fn large<'r>(_: &'r Call<'r>, _: Sent) -> BoxFuture<'r, Result<Response>> {
    Box::pin(async { Ok(Response::new(Bytes::from(vec![b'x'; 64 << 20]).into())) })
}

/// The doors that tests open.
pub(crate) fn doors() -> Vec<Door> {
    let both = "GET, HEAD, OPTIONS, POST";
    vec![
        Door::new("/test/boom", both, boom),
        Door::new("/test/hang", both, hang),
        Door::new("/test/echo", both, echo),
        Door::new("/test/large", both, large),
        Door::new("/test/error", both, failing),
    ]
}

/// A router with the doors of tests.
pub(crate) fn router(settings: Settings) -> Arc<Router> {
    Arc::new(Router::new(settings, &Site { doors: doors(), ..Site::empty() }).unwrap())
}

/// Sends a request to a router and shows the answer, request ids made equal.
pub(crate) async fn show(router: &Router, request: http::request::Builder, body: &'static str) -> String {
    let request = request.body(Bytes::from_static(body.as_bytes())).unwrap();
    let (head, body) = router.handle(Request::whole(request)).await.into_parts();
    let bytes = body.collect().await.unwrap();
    let id = head.headers.get("x-request-id").unwrap().to_str().unwrap().to_owned();
    let mut text = format!("{}\n", head.status);
    for (name, value) in &head.headers {
        writeln!(text, "{name}: {}", value.to_str().unwrap()).unwrap();
    }
    text.push('\n');
    text.push_str(&String::from_utf8_lossy(&bytes));
    text.replace(&id, "req_1")
}

/// A GET.
pub(crate) fn get(address: &str) -> http::request::Builder {
    http::Request::get(address)
}
