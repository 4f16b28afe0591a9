//! From a request to its answer: the one layer that every door stands behind.
//!
//! Invariant: whatever a handler does, panics included, one answer leaves with its id, and one line of the log.

use std::future::poll_fn;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode, Version};
use mains_base::{CallerKind, Error, Kind, Result};
use tokio::time::Instant;

use crate::body::Body;
use crate::callers::{Asker, By};
use crate::client;
use crate::compress;
use crate::docs;
use crate::files::Files;
use crate::listener::Network;
use crate::pages::{self, Pages};
use crate::problem;
use crate::records::Records;
use crate::request::{Request, RequestId, RequestIds, Sent, trace_id};
use crate::room::{Open, overloaded, within};
use crate::route::Route;
use crate::settings::Settings;
use crate::site::Site;
use crate::tasks::panic_message;
use crate::unread::Unread;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What an answer that is no page may load and where it may be framed.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

/// An answer.
pub type Response = http::Response<Body>;

/// Answers requests, whether they came over a connection or from a test.
#[derive(Debug)]
pub struct Router {
    settings: Settings,
    records: Option<Records>,
    pages: Option<Pages>,
    files: Files,
    doors: Vec<Door>,
    ids: RequestIds,
    open: AtomicUsize,
    unread: Unread,
    draining: AtomicBool,
}

/// What a handler knows of the request it answers, but its body.
#[derive(Debug)]
pub struct Call<'r> {
    /// Method, address and headers.
    pub head: &'r Parts,
    /// The id of this request.
    pub id: &'r RequestId,
    /// The other end of the connection.
    pub peer: IpAddr,
    /// What the server was told.
    pub settings: &'r Settings,
    /// The pages of the site, for a form that is to be shown again.
    pub pages: Option<&'r Pages>,
    /// Who asks, behind proxies that are trusted.
    pub client: IpAddr,
    /// Headers that the answer carries, whatever it is.
    pub carried: Mutex<Vec<(HeaderName, HeaderValue)>>,
    /// What answers it, where that is known only while it is answered: the file of a page.
    named: OnceLock<Arc<str>>,
}

impl Call<'_> {
    /// Names in the log what answers it.
    pub(crate) fn name(&self, what: &Arc<str>) {
        // The first name stays.
        let _ = self.named.set(Arc::clone(what));
    }

    /// Puts headers on the answer, whatever it will be.
    pub(crate) fn carry(&self, headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>) {
        self.carried.lock().unwrap_or_else(PoisonError::into_inner).extend(headers);
    }

    /// Under what a caller's use of something is counted: its account or its key; of a visitor its network, and of a
    /// guest too, since a visitor becomes as many guests as it likes. Of what is `open` to visitors an account is no
    /// name either: who leaves the cookie out is the same to it, so a cookie must not bring a count of its own.
    pub(crate) fn counted(&self, asker: &Asker, open: bool, what: impl Hash) -> u64 {
        let mut hasher = DefaultHasher::new();
        what.hash(&mut hasher);
        match &asker.by {
            By::Key(hash) => hash.hash(&mut hasher),
            By::Session(seat) if !open && asker.caller.kind != CallerKind::Guest => {
                seat.account.0.hash(&mut hasher);
            }
            By::Nothing | By::Session(_) => Network::of_one(self.client).hash(&mut hasher),
        }
        hasher.finish()
    }
}

/// An address of its own, such as an app's command.
#[derive(Clone)]
pub struct Door {
    /// The whole path.
    pub path: &'static str,
    /// The methods it takes, as the `Allow` header says them.
    pub methods: &'static str,
    /// Answers.
    pub handle: Handler,
}

/// Answers a request at an address of its own.
pub type Handler = Arc<dyn for<'r> Fn(&'r Call<'r>, Sent) -> BoxFuture<'r, Result<Response>> + Send + Sync>;

impl Door {
    /// A door at this path.
    pub fn new<H>(path: &'static str, methods: &'static str, handle: H) -> Self
    where
        H: for<'r> Fn(&'r Call<'r>, Sent) -> BoxFuture<'r, Result<Response>> + Send + Sync + 'static,
    {
        Self { path, methods, handle: Arc::new(handle) }
    }
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Router {
    /// Serves `site`.
    pub fn new(settings: Settings, site: &Site) -> Result<Self> {
        let files = Files::new(site.assets.clone(), settings.spa);
        Ok(Self {
            settings,
            records: site.records.clone(),
            pages: site.pages.clone(),
            files,
            doors: site.doors.iter().cloned().chain([docs::door()]).collect(),
            ids: RequestIds::new()?,
            open: AtomicUsize::new(0),
            unread: Unread::default(),
            draining: AtomicBool::new(false),
        })
    }

    /// What it was told.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// From now on `/health` says that another node should be asked.
    pub fn drain(&self) {
        self.draining.store(true, Relaxed);
    }

    /// The bytes of an answer to a request whose head cannot be read, which was refused with this status.
    pub(crate) fn refused(&self, status: StatusCode) -> Vec<u8> {
        let id = self.ids.next();
        let error = match status {
            StatusCode::URI_TOO_LONG => address_too_long(self.settings.limits.address_bytes),
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => head_too_large(self.settings.limits.head_bytes),
            _ => unreadable_head(),
        };
        tracing::info!(target: "mains::request", request = id.as_str(), status = status.as_u16(), code = error.code());
        let mut response = problem::answer(&error, &id);
        finish(&mut response, &id, false);
        problem::wire(response)
    }

    /// Answers one request.
    pub async fn handle(&self, request: Request) -> Response {
        let begun = Instant::now();
        let id = self.ids.next();
        let Request { head, body, peer } = request;
        let arrival = body.arrival().filter(|_| head.version < Version::HTTP_2);
        let client = client::address(&head, peer, &self.settings.trusted_proxies);
        let (pages, carried) = (self.pages.as_ref(), Mutex::default());
        let (settings, named) = (&self.settings, OnceLock::new());
        let call = Call { head: &head, id: &id, peer, settings, pages, client, carried, named };
        let route = Route::find(head.uri.path(), &self.doors);
        // Pinned here and handed on by reference: a future of some kilobytes is not moved from wrapper to wrapper.
        let answering = pin!(self.answer(&call, body, &route, begun));
        let answered = AssertUnwindSafe(answering).catch_unwind().await;
        let mut response = answered.unwrap_or_else(|panic| {
            let error = Error::internal(format!("a handler panicked: {}", panic_message(&*panic)));
            told(&error, &id)
        });
        let carried = std::mem::take(&mut *call.carried.lock().unwrap_or_else(PoisonError::into_inner));
        if !carried.is_empty() {
            response.headers_mut().extend(carried);
        }
        compress::answer(&mut response, &head);
        let asked = (call.client, &head.method, head.version);
        if let Err(error) = self.unread.count(response.body_mut(), asked, &self.settings.limits) {
            response = told(&error, &id);
        }
        finish(&mut response, &id, head.method == Method::HEAD);
        if arrival.is_some_and(|arrival| !arrival.is_read()) {
            // What is left of the body stands where the next request would, so the connection ends with this answer, and
            // who asks is told not to send another one on it.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        log(&call, &route, &response, begun.elapsed());
        response
    }

    async fn answer(&self, call: &Call<'_>, body: Sent, route: &Route<'_>, begun: Instant) -> Response {
        let Some(_open) = Open::enter(&self.open, self.settings.limits.requests) else {
            return told(&overloaded(), call.id);
        };
        let (limit, arrival) = (self.settings.limits.answer, body.arrival());
        let mut working = pin!(self.dispatch(call, body, route));
        // Most answers are there at the first look, and need no timer.
        let answered = match poll_fn(|context| Poll::Ready(working.as_mut().poll(context))).await {
            Poll::Ready(answered) => answered,
            Poll::Pending => within(limit, (begun, arrival), working).await,
        };
        match answered {
            Ok(response) => response,
            Err(error) => self.tell(call, &error).await,
        }
    }

    /// A failure, as a page for a browser that goes somewhere and as problem+json for everybody else.
    async fn tell(&self, call: &Call<'_>, error: &Error) -> Response {
        match self.pages.as_ref().filter(|_| pages::is_wanted(call.head)) {
            Some(pages) => {
                note(error, call.id);
                // Boxed, because its many steps would make every request's future larger.
                Box::pin(pages.tell(call, error)).await
            }
            None => told(error, call.id),
        }
    }

    async fn dispatch(&self, call: &Call<'_>, body: Sent, route: &Route<'_>) -> Result<Response> {
        let most = self.settings.limits.address_bytes;
        if call.head.uri.path_and_query().is_some_and(|address| address.as_str().len() > most) {
            return Err(address_too_long(most));
        }
        if let (Route::Records(address), Some(records)) = (route, &self.records) {
            return records.answer(call, body, *address).await;
        }
        let (method, allowed) = (&call.head.method, route.allowed());
        if *method == Method::OPTIONS {
            return Ok(options(allowed));
        }
        if !allowed.split(", ").any(|name| name == method.as_str()) {
            return Ok(problem::wrong_method(allowed, call.id));
        }
        match route {
            Route::Health => Ok(self.health()),
            Route::Api | Route::Records(_) => Err(Error::not_found()),
            Route::Door(door) => (door.handle)(call, body).await,
            // Boxed, because its many steps would make every request's future larger.
            Route::File => Box::pin(self.site(call)).await,
        }
    }

    /// A page, else a file.
    async fn site(&self, call: &Call<'_>) -> Result<Response> {
        self.records.as_ref().map_or(Ok(()), |records| records.db().check_current())?;
        if let Some(pages) = &self.pages
            && let Some(page) = pages.answer(call).await?
        {
            return Ok(page);
        }
        self.files.answer(call.head).await
    }

    fn health(&self) -> Response {
        let outdated = self.records.as_ref().is_some_and(|records| records.db().is_outdated());
        let trouble = self.draining.load(Relaxed).then_some("{\"status\":\"draining\"}");
        let trouble = trouble.or(outdated.then_some("{\"status\":\"outdated\"}"));
        let mut response = Response::new(Body::from(trouble.unwrap_or("{\"status\":\"ok\"}")));
        if trouble.is_some() {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

/// One line per request: the pattern of its address or the file of its page, never the address itself or a header.
fn log(call: &Call<'_>, route: &Route<'_>, response: &Response, took: Duration) {
    tracing::info!(
        target: "mains::request",
        request = call.id.as_str(),
        method = call.head.method.as_str(),
        route = call.named.get().map_or(route.pattern(), |name| name),
        collection = route.collection(),
        status = response.status().as_u16(),
        bytes = response.body().length(),
        micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        trace = trace_id(call.head),
    );
}

/// The answer that tells a failure; our own faults are logged with their cause.
fn told(error: &Error, id: &RequestId) -> Response {
    note(error, id);
    problem::answer(error, id)
}

/// Notes a failure of our own with its cause.
fn note(error: &Error, id: &RequestId) {
    if error.kind() == Kind::Internal {
        tracing::error!(
            request = id.as_str(),
            code = error.code(),
            cause = error.cause().map(tracing::field::debug),
            "a request failed"
        );
    }
}

/// What every answer carries.
fn finish(response: &mut Response, id: &RequestId, head_only: bool) {
    let length = response.body().length().filter(|_| may_have_length(response.status()));
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id.header());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(NOTHING));
    }
    if head_only {
        if let Some(length) = length {
            headers.entry(CONTENT_LENGTH).or_insert(HeaderValue::from(length));
        }
        *response.body_mut() = Body::empty();
    }
}

fn may_have_length(status: StatusCode) -> bool {
    !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

pub(crate) fn options(allowed: &'static str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

fn unreadable_head() -> Error {
    let detail = "This is no request of HTTP/1.1. In an address, blanks, quotes, < and > are percent-encoded, as \
                  `curl -G --data-urlencode` does; a header is one line of a name, a colon and a value.";
    Error::new(Kind::Malformed, "request.unreadable", detail)
}

fn head_too_large(most: usize) -> Error {
    let detail =
        format!("The headers are larger than {most} bytes; send fewer or shorter ones, cookies first.");
    Error::new(Kind::HeadTooLarge, "request.head_too_large", detail)
}

fn address_too_long(most: usize) -> Error {
    let detail = format!("The address is longer than {most} bytes; ask for less, or in several requests.");
    Error::new(Kind::AddressTooLong, "request.address_too_long", detail)
}
