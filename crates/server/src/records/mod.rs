//! The records API: `/api/{collection}` and `/api/{collection}/{id}` over the database's reads and writes.
//!
//! Invariant: every door finds its caller first and hands it on; no rule is judged here.

pub(crate) mod conditions;
mod deletion;
mod form;
pub(crate) mod input;
pub(crate) mod lost;
mod make;
mod many;
mod media;
pub(crate) mod members;
pub(crate) mod origin;
mod query;
pub(crate) mod write;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, ETAG};
use http::{HeaderValue, Method, StatusCode};
use mains_base::{Error, Kind, Result};
use mains_database::records::{Cursors, DEFAULT_LIMIT, Found, Key, Shown, Source};
use mains_database::{Db, Epoch};
use mains_language::schema::Collection;

use crate::app::{App, Guests};
use crate::body::Body;
use crate::callers::Callers;
use crate::changes::{self, Hub};
use crate::commands::{self, Commands};
use crate::idempotency::Keys;
use crate::listener::Stop;
use crate::problem;
use crate::rates::Rates;
use crate::request::Sent;
use crate::router::{Call, Response, options};
use crate::secrets;
pub use deletion::deleting;
pub(crate) use form::Form;
pub use input::Reader;
pub(crate) use query::Query;
use query::not_yet;

/// What a collection's address takes, and a record's. A form's POST may stand for another method, by `_method`.
const OF_COLLECTION: &str = "GET, HEAD, OPTIONS, POST, PATCH, DELETE";
const OF_COMMAND: &str = "OPTIONS, POST";
const OF_RECORD: &str = "GET, HEAD, OPTIONS, PATCH, PUT, DELETE";

/// The address of streams.
const CHANGES: Address<'_> = Address { collection: "changes", key: None };

/// Names under `/api` that will be doors of their own.
const LATER: [&str; 3] = ["batch", "docs", "openapi.json"];

/// The doors of all collections.
#[derive(Clone)]
pub struct Records {
    db: Db,
    callers: Arc<Callers>,
    cursors: Arc<Cursors>,
    hub: Arc<Hub>,
    serving: Arc<Serving>,
    limit: u32,
}

/// What stands beside the doors of records.
#[derive(Default)]
pub(crate) struct Serving {
    pub(crate) commands: Commands,
    pub(crate) rates: Rates,
    pub(crate) keys: Keys,
    pub(crate) guests: Option<Guests>,
}

/// An address of the records API, not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address<'p> {
    pub(crate) collection: &'p str,
    /// An id, or the fields of a unique index.
    pub(crate) key: Option<&'p str>,
}

impl<'p> Address<'p> {
    /// Reads what stands after `/api/`.
    pub(crate) fn read(rest: &'p str) -> Option<Self> {
        let (collection, key) = rest.split_once('/').map_or((rest, None), |(name, key)| (name, Some(key)));
        let plain = |name: &str| {
            name.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'.'
            })
        };
        let whole = !collection.is_empty() && plain(collection) && key != Some("");
        whole.then_some(Self { collection, key })
    }
}

impl Records {
    /// Opens the doors to a database that holds the server's own tables.
    pub async fn open(db: Db) -> Result<Self> {
        let secret = secrets::get(db.engine(), "cursors").await?;
        db.seal_with(&*secrets::get(db.engine(), "jobs").await?);
        let callers = Callers::open(&db).await?;
        let cursors = Arc::new(Cursors::new(&secret)?);
        let hub = Arc::new(Hub::new(db.clone(), Arc::clone(&cursors), Arc::clone(&callers)));
        Ok(Self { db, callers, cursors, hub, serving: Arc::default(), limit: DEFAULT_LIMIT })
    }

    /// The same, with lists of `limit` records where a request does not say how many.
    #[must_use]
    pub fn with_limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }

    /// The same, with the commands, guests and effects of these apps. The schema must be installed; a command without a
    /// handler, or a handler without a command, is a mistake of the program.
    pub fn with_apps(mut self, apps: &[App]) -> Result<Self> {
        let commands = Commands::new(apps.iter().flat_map(|app| app.handlers.iter().cloned()))?;
        let schema = Arc::clone(&self.db.epoch().schema);
        commands.check(&schema)?;
        let guests = apps.iter().find_map(|app| app.guests.clone());
        let wanted = schema.collections.iter().find(|collection| collection.guests && guests.is_none());
        if let Some(collection) = wanted {
            let detail =
                format!("{} says guests = true, and no app makes guests; enable accounts.", collection.name);
            return Err(Error::new(Kind::Invalid, "apps.guests", detail));
        }
        self.db.within(apps.iter().flat_map(|app| app.within.iter().cloned()).collect());
        self.serving = Arc::new(Serving { commands, guests, ..Serving::default() });
        Ok(self)
    }

    pub(crate) fn serving(&self) -> &Serving {
        &self.serving
    }

    /// The data.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Who asks.
    pub fn callers(&self) -> &Arc<Callers> {
        &self.callers
    }

    /// Feeds the streams of changes until `stop`, then ends them; each shows a sign of life after so long.
    pub fn feed(&self, stop: Stop, heartbeat: Duration) {
        self.hub.feed(stop, heartbeat);
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// The cursors of its lists.
    pub(crate) fn cursors(&self) -> &Arc<Cursors> {
        &self.cursors
    }

    /// How many records a list holds when a request does not say.
    pub(crate) fn limit(&self) -> u32 {
        self.limit
    }

    /// Where a request reads, by the one schema it is answered with.
    pub fn source<'s>(&'s self, epoch: &'s Epoch) -> Source<'s> {
        Source { engine: self.db.engine(), epoch, cursors: &self.cursors }
    }

    /// Answers any method at an address of records.
    pub(crate) async fn answer(&self, call: &Call<'_>, body: Sent, address: Address<'_>) -> Result<Response> {
        let method = &call.head.method;
        self.db.check_current()?;
        if address == CHANGES {
            return self.changes(call).await;
        }
        if *method == Method::GET || *method == Method::HEAD {
            // Somebody loads again what a form that failed was answered with.
            if let Some(page) = query::page(call.head.uri.query()) {
                return back_to(&page, call);
            }
            return match address.key {
                // Boxed, because they are larger than a get, whose future is moved with each request.
                Some("aggregate") => Box::pin(self.aggregate(call, address)).await,
                Some(key) => self.get(call, address.collection, key).await,
                None => Box::pin(self.list(call, address.collection)).await,
            };
        }
        // Boxed, so that the many steps of a write do not make the future of every read larger.
        let epoch = self.db.epoch();
        if let Some(found) = commands::find(&epoch, address) {
            return match *method {
                Method::POST => Box::pin(self.command(call, body, (epoch, found))).await,
                Method::OPTIONS => Ok(options(OF_COMMAND)),
                _ => Ok(problem::wrong_method(OF_COMMAND, call.id)),
            };
        }
        Box::pin(self.change(call, body, address)).await
    }

    async fn get(&self, call: &Call<'_>, name: &str, key: &str) -> Result<Response> {
        let caller = self.callers.find(call.head, call.settings).await?;
        let epoch = self.db.epoch();
        let collection = find(&epoch, Address { collection: name, key: Some(key) })?;
        let query = Query::read(call.head.uri.query(), &["fields", "expand"], false)?;
        let key = Key::parse(&epoch.schema, collection.id, &caller, key)?;
        let shown = Shown { fields: query.find("fields"), expand: query.find("expand") };
        let found = self.source(&epoch).get(&caller, collection.id, &key, shown).await?;
        Ok(record(StatusCode::OK, found))
    }

    async fn list(&self, call: &Call<'_>, name: &str) -> Result<Response> {
        let caller = self.callers.find(call.head, call.settings).await?;
        let epoch = self.db.epoch();
        let collection = find(&epoch, Address { collection: name, key: None })?;
        let mut request = query::list(collection.id, call.head.uri.query())?;
        request.limit.get_or_insert(self.limit);
        Ok(json(StatusCode::OK, self.source(&epoch).list(&caller, &request).await?))
    }

    async fn changes(&self, call: &Call<'_>) -> Result<Response> {
        match call.head.method {
            // Boxed, because its many steps would make every request's future larger.
            Method::GET | Method::HEAD => Box::pin(changes::answer(self, call)).await,
            Method::OPTIONS => Ok(options(changes::ALLOWED)),
            _ => Ok(problem::wrong_method(changes::ALLOWED, call.id)),
        }
    }

    async fn aggregate(&self, call: &Call<'_>, address: Address<'_>) -> Result<Response> {
        let caller = self.callers.find(call.head, call.settings).await?;
        let epoch = self.db.epoch();
        let request = query::aggregate(find(&epoch, address)?.id, call.head.uri.query())?;
        Ok(json(StatusCode::OK, self.source(&epoch).aggregate(&caller, &request).await?))
    }

    async fn change(&self, call: &Call<'_>, body: Sent, address: Address<'_>) -> Result<Response> {
        let allowed = if address.key.is_some() { OF_RECORD } else { OF_COLLECTION };
        if call.head.method == Method::OPTIONS {
            find(&self.db.epoch(), address)?;
            return Ok(options(allowed));
        }
        let changed = self.write(call, body, address).await?;
        Ok(changed.unwrap_or_else(|| problem::wrong_method(allowed, call.id)))
    }
}

fn back_to(page: &str, call: &Call<'_>) -> Result<Response> {
    let page = origin::own_target(page, call.head, call.settings)?;
    write::see_other(&page, &Response::new(Body::empty()))
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records").finish_non_exhaustive()
    }
}

/// The collection of an address; a private table is none.
fn find<'e>(epoch: &'e Epoch, address: Address<'_>) -> Result<&'e Collection> {
    if LATER.contains(&address.collection) {
        return Err(not_yet(&format!("/api/{}", address.collection)));
    }
    let found = epoch.schema.find(address.collection).filter(|collection| !collection.is_table());
    let collection = found.ok_or_else(Error::not_found)?;
    match address.key {
        Some(key) if key.ends_with("/history") => Err(not_yet("history")),
        Some(key) if key.contains('/') => Err(Error::not_found()),
        _ => Ok(collection),
    }
}

/// A record as an answer.
pub(crate) fn record(status: StatusCode, found: Found) -> Response {
    let mut response = json(status, found.body);
    response.headers_mut().insert(ETAG, conditions::etag(found.version));
    response
}

pub(crate) fn json(status: StatusCode, body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    // For all that is still to come, so that the map is made once.
    headers.reserve(8);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
