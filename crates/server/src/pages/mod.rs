//! Pages made on the server: `pages/**/*.html`, each a template whose front matter names the records it shows.
//!
//! Always true: a page's queries run under the rules of whoever asks and see one state; what a template shows is
//! escaped; no template is read from anywhere but the set that was compiled as a whole.

mod added;
mod builtin;
mod check;
mod entry;
mod escape;
mod filters;
mod form;
mod front;
mod here;
mod json;
mod literal;
mod part;
mod picture;
mod reader;
mod render;
mod round;
mod routes;
mod run;
mod set;
mod slot;
mod tell;
mod value;
mod words;

use std::sync::{Arc, PoisonError, RwLock};

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, LOCATION, REFERRER_POLICY, VARY,
};
use http::{HeaderValue, Method, StatusCode};
use mains_base::{Caller, CallerKind, Error, Kind, Result, Uuid};
use mains_language::site::{Diagnostic, Severity};

use crate::body::Body;
use crate::callers::Asker;
use crate::files::Assets;
use crate::percent;
use crate::problem;
use crate::records::{Form, Records};
use crate::router::{Call, Response};
use crate::sessions;
use form::Failed;
use here::{Here, Told};
use run::Run;
use set::Set;

pub(crate) use builtin::STYLE;
pub use filters::is_zone;
pub use set::PageFile;
pub(crate) use tell::is_wanted;

/// What a page may load and where it may be framed, unless the site says otherwise.
pub const POLICY: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'";
/// The collection that lists where an account is signed in, by [`sessions::listed`].
const SESSIONS: &str = "account_sessions";
/// Where somebody signs in.
const SIGN_IN: &str = "/sign-in";

/// What pages are told of the site.
#[derive(Debug, Default)]
pub struct Facts {
    /// What people call it.
    pub name: String,
    /// Its public address, without a slash at its end; empty: what the request says.
    pub url: String,
    /// Language and region.
    pub locale: String,
    /// The time zone of its dates.
    pub zone: String,
    /// Whether everybody may make an account.
    pub sign_up: bool,
    /// The `Content-Security-Policy` of its pages; empty: [`POLICY`].
    pub policy: String,
    /// Whether mistakes of templates are shown to whoever asks.
    pub dev: bool,
    /// Its own files, for addresses that change with them.
    pub assets: Assets,
}

/// The pages of a site. Clones share them.
#[derive(Clone)]
pub struct Pages {
    inner: Arc<Inner>,
}

struct Inner {
    records: Records,
    facts: Arc<Facts>,
    policy: HeaderValue,
    set: RwLock<Arc<Set>>,
}

/// A page that is to be shown.
struct Showing {
    set: Arc<Set>,
    page: usize,
    here: Arc<Here>,
    status: StatusCode,
}

impl Pages {
    /// Reads and compiles all pages: layers of apps, in order, then the site's own files.
    pub fn open(records: Records, facts: Facts, layers: &[Vec<PageFile>]) -> Result<Self, Vec<Diagnostic>> {
        let facts = Arc::new(facts);
        let set = RwLock::new(Arc::new(compiled(&records, &facts, layers)?));
        let policy = if facts.policy.is_empty() { POLICY } else { &facts.policy };
        let policy = HeaderValue::from_str(policy).unwrap_or(HeaderValue::from_static(POLICY));
        Ok(Self { inner: Arc::new(Inner { records, facts, policy, set }) })
    }

    /// Puts other files in the place of these; when something is wrong with them, all stays as it was.
    pub fn reload(&self, layers: &[Vec<PageFile>]) -> Result<(), Vec<Diagnostic>> {
        let set = Arc::new(compiled(&self.inner.records, &self.inner.facts, layers)?);
        *self.inner.set.write().unwrap_or_else(PoisonError::into_inner) = set;
        Ok(())
    }

    /// What is worth a second look in them.
    pub fn warnings(&self) -> Vec<Diagnostic> {
        self.set().warnings.clone()
    }

    fn set(&self) -> Arc<Set> {
        Arc::clone(&self.inner.set.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Answers a GET or HEAD; nothing when no page has this address.
    pub(crate) async fn answer(&self, call: &Call<'_>) -> Result<Option<Response>> {
        let (set, path) = (self.set(), call.head.uri.path());
        let Some(found) = set.find(path) else { return slashed(&set, call) };
        if let Some(page) = set.pages.get(found.page) {
            call.name(&page.label);
        }
        let asker = self.inner.records.callers().ask(call.head, call.settings).await?;
        let query = query(call.head.uri.query())?;
        let session = self.session(&asker);
        let here = self.here(call, asker.caller, path);
        let here = Here { parameters: found.parameters, query, session, ..here };
        let showing = Showing { set, page: found.page, here: Arc::new(here), status: StatusCode::OK };
        self.show(showing).await.map(Some)
    }

    /// The session that asks, as a list of sessions names it.
    fn session(&self, asker: &Asker) -> Option<String> {
        let epoch = self.inner.records.db().epoch();
        let prefix = epoch.schema.find(SESSIONS)?.prefix.clone()?;
        sessions::listed(asker.session_id()?).map(|id| id.text(&prefix))
    }

    /// What is known of a request before its page is.
    fn here(&self, call: &Call<'_>, caller: Arc<Caller>, path: &str) -> Here {
        let epoch = self.inner.records.db().epoch();
        let prefix = epoch.schema.find("accounts").and_then(|accounts| accounts.prefix.clone());
        let id = prefix.filter(|_| caller.id != Uuid::NIL).map(|prefix| caller.id.text(&prefix));
        Here {
            path: path.to_owned(),
            parameters: Vec::new(),
            query: Vec::new(),
            origin: origin(call),
            id,
            session: None,
            caller,
            now: self.inner.records.db().clock().now(),
            epoch,
            failed: None,
            error: None,
        }
    }

    async fn show(&self, showing: Showing) -> Result<Response> {
        let Some(page) = showing.set.pages.get(showing.page) else { return Err(Error::not_found()) };
        if page.front.signed_in && !showing.here.caller.signed_in() && showing.here.error.is_none() {
            return to_sign_in(&showing.here);
        }
        let records = &self.inner.records;
        let run = Run {
            set: Arc::clone(&showing.set),
            page: showing.page,
            here: Arc::clone(&showing.here),
            cursors: Arc::clone(records.cursors()),
            limit: records.limit(),
        };
        let answers = if run.is_needed() {
            let answers = records.db().engine().view(move |view| run.run(view)).await;
            answers.map_err(|error| of_address(&showing.here, error))?
        } else {
            Vec::new()
        };
        let html = render::render(&showing.set, page, &showing.here, answers)?;
        let kept = page.front.cache.filter(|_| showing.status == StatusCode::OK);
        Ok(self.html(html, &showing, kept))
    }

    fn html(&self, html: Vec<u8>, showing: &Showing, kept: Option<i64>) -> Response {
        let mut response = Response::new(Body::from(bytes::Bytes::from(html)));
        *response.status_mut() = showing.status;
        let headers = response.headers_mut();
        headers.reserve(10);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CONTENT_SECURITY_POLICY, self.inner.policy.clone());
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("strict-origin-when-cross-origin"));
        headers.insert(VARY, HeaderValue::from_static("Cookie, Authorization"));
        let here = &showing.here;
        let public = here.caller.kind == CallerKind::Visitor && here.failed.is_none() && !here.is_key();
        let caching = match kept {
            Some(seconds) if public => HeaderValue::try_from(format!("public, max-age={seconds}")).ok(),
            None if public => Some(HeaderValue::from_static("no-cache")),
            _ => None,
        };
        headers.insert(CACHE_CONTROL, caching.unwrap_or(HeaderValue::from_static("private, no-store")));
        response
    }

    /// What answers a form that failed: the page that it names by `_page` again, with what was typed, the messages
    /// beside the fields and the status of the failure; the failure itself when it names none.
    pub(crate) async fn again(
        &self,
        call: &Call<'_>,
        caller: &Arc<Caller>,
        posted: Posted<'_>,
        error: Error,
    ) -> Result<Response> {
        let set = self.set();
        let Some(page) = posted.form.page.as_deref().filter(|_| is_mendable(error.kind())) else {
            return Err(error);
        };
        let (path, text) = page.split_once('?').map_or((page, None), |(path, text)| (path, Some(text)));
        let (Some(found), Ok(query)) = (set.find(path), query(text)) else { return Err(error) };
        let failed = Some(posted.failed(call.head.uri.path(), &error));
        let asker = self.inner.records.callers().ask(call.head, call.settings).await.ok();
        let session = asker.and_then(|asker| self.session(&asker));
        let here = self.here(call, Arc::clone(caller), path);
        let here = Here { parameters: found.parameters, query, session, failed, ..here };
        let status = problem::status(error.kind());
        let shown = self.show(Showing { set, page: found.page, here: Arc::new(here), status }).await;
        shown.map_err(|cause| {
            tracing::warn!(request = call.id.as_str(), %cause, "a page could not be shown again with its form");
            error
        })
    }
}

/// A form that was posted.
#[derive(Clone, Copy)]
pub(crate) struct Posted<'p> {
    pub(crate) form: &'p Form,
    /// Fields whose values are not shown again.
    pub(crate) secret: &'p [&'p str],
    /// What it stood for.
    pub(crate) method: &'p Method,
}

impl Posted<'_> {
    fn failed(&self, action: &str, error: &Error) -> Failed {
        let field = |pointer: &str| {
            let first = pointer.trim_start_matches('/').split('/').next().unwrap_or_default();
            first.replace("~1", "/").replace("~0", "~")
        };
        let shown = |name: &str| !self.secret.contains(&name) && !name.contains("password");
        let values = self.form.fields.iter().filter(|(name, _)| shown(name));
        Failed {
            action: action.to_owned(),
            method: self.method.as_str().to_owned(),
            name: self.form.name.clone(),
            code: error.code(),
            detail: error.detail().to_owned(),
            errors: error.fields().iter().map(|one| (field(&one.pointer), one.message.clone())).collect(),
            values: values.cloned().collect(),
        }
    }
}

/// Whether somebody can do something about it on the page.
fn is_mendable(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Internal | Kind::NotImplemented | Kind::Unavailable | Kind::OutOfSpace | Kind::MethodNotAllowed
    )
}

fn compiled(records: &Records, facts: &Arc<Facts>, layers: &[Vec<PageFile>]) -> Result<Set, Vec<Diagnostic>> {
    let mut all = vec![builtin::files()];
    all.extend(layers.iter().cloned());
    let mut set = Set::new(facts, &all)?;
    let found = check::against(&set, &records.db().epoch().schema);
    let (wrong, warnings): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|diagnostic| diagnostic.severity == Severity::Error);
    set.warnings = warnings;
    if wrong.is_empty() { Ok(set) } else { Err(wrong) }
}

/// What a page's queries refuse came from its address, which somebody cut, typed or kept for too long: they are told so,
/// and not what a query is.
fn of_address(here: &Here, error: Error) -> Error {
    if error.kind() != Kind::Malformed || here.query.is_empty() {
        return error;
    }
    tracing::debug!(code = error.code(), "a page cannot read its address");
    let detail = "This page does not know what its address asks for behind the question mark. Go to the page anew, and choose there.";
    Error::new(Kind::Malformed, error.code(), detail)
}

/// An address with a slash too many is the one without it.
fn slashed(set: &Set, call: &Call<'_>) -> Result<Option<Response>> {
    let path = call.head.uri.path();
    let shorter = path.trim_end_matches('/');
    if shorter == path || shorter.is_empty() || path.starts_with("//") || set.find(shorter).is_none() {
        return Ok(None);
    }
    let query = call.head.uri.query();
    let target = query.map_or_else(|| shorter.to_owned(), |query| format!("{shorter}?{query}"));
    redirect(StatusCode::PERMANENT_REDIRECT, &target).map(Some)
}

fn redirect(status: StatusCode, target: &str) -> Result<Response> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(LOCATION, target.try_into().map_err(Error::internal)?);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

fn to_sign_in(here: &Here) -> Result<Response> {
    redirect(StatusCode::SEE_OTHER, &format!("{SIGN_IN}?next={}", percent::encode(&here.address())))
}

/// The query string, decoded.
fn query(text: Option<&str>) -> Result<Vec<(String, String)>> {
    let pairs = percent::pairs(text.unwrap_or_default()).ok_or_else(|| {
        let detail = "The part after ? is not percent-encoded UTF-8; encode it again.";
        Error::new(Kind::Malformed, "query.unreadable", detail)
    })?;
    Ok(pairs.into_iter().map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
}

/// Where the site is reached: its public address, else as it was asked.
fn origin(call: &Call<'_>) -> String {
    if let Some(url) = &call.settings.public_url {
        return url.trim_end_matches('/').to_owned();
    }
    let authority = call.head.uri.authority().map(http::uri::Authority::as_str);
    let host = authority.or_else(|| call.head.headers.get(HOST)?.to_str().ok());
    host.map_or_else(String::new, |host| format!("http://{host}"))
}

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pages").finish_non_exhaustive()
    }
}
