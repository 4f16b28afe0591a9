//! Doors that change records.
//!
//! Invariant: all that can be refused without the database is refused before the write begins: the origin, the caller,
//! the conditions, the body, and where a form leads.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{LOCATION, SET_COOKIE};
use http::{HeaderValue, Method, StatusCode};
use mains_base::{Caller, Error, Kind, Result, Uuid};
use mains_database::Epoch;
use mains_database::engine::Lane;
use mains_database::records::Key;
use mains_database::write::records::{self as rules, Deleted, IfMatch, Target, Written};
use mains_database::write::{Input, Tx};
use mains_language::schema::{Collection, CollectionId};

use super::conditions::if_match;
use super::form::Form;
use super::input::Reader;
use super::make::keyed;
use super::media::{Media, media};
use super::query::{Query, not_yet};
use super::{Address, Records, find, origin, record};
use crate::body::Body;
use crate::callers::Asker;
use crate::idempotency::{self, Keyed};
use crate::pages::{Posted, is_wanted};
use crate::request::Sent;
use crate::router::{Call, Response};

/// A write that was read and is not yet done.
pub(super) struct Change<'c> {
    pub(super) call: &'c Call<'c>,
    pub(super) asker: Asker,
    pub(super) caller: Arc<Caller>,
    pub(super) keyed: Option<Keyed>,
    pub(super) epoch: Arc<Epoch>,
    pub(super) of: CollectionId,
    pub(super) name: &'c str,
    pub(super) if_match: Option<IfMatch>,
    pub(super) content: Content,
}

/// What was sent.
pub(crate) enum Content {
    Nothing,
    Json(Bytes),
    Form(Form),
}

impl Records {
    /// Creates, changes or deletes; nothing when the address does not take the method.
    pub(super) async fn write(
        &self,
        call: &Call<'_>,
        body: Sent,
        address: Address<'_>,
    ) -> Result<Option<Response>> {
        origin::check(call.head, call.settings)?;
        let asker = self.callers.ask(call.head, call.settings).await?;
        let epoch = self.db.epoch();
        let of = find(&epoch, address)?.id;
        let if_match = if_match(call.head)?;
        let (body, keyed) = keyed(call, body, &asker).await?;
        let content = Content::read(call, body).await?;
        let method = content.method(call);
        if keyed.is_some() && (address.key.is_some() || method != Method::POST) {
            return Err(not_yet("The header idempotency-key beside anything but POST"));
        }
        let caller = Arc::clone(&asker.caller);
        let name = address.collection;
        let change = Change { call, asker, caller, keyed, epoch, of, name, if_match, content };
        let done = self.act(&change, address, &method).await;
        match (done, &change.content, call.pages) {
            (Err(error), Content::Form(form), Some(pages)) => pages
                .again(call, &change.caller, Posted { form, secret: &[], method: &method }, error)
                .await
                .map(Some),
            (done, ..) => done,
        }
    }

    async fn act(
        &self,
        change: &Change<'_>,
        address: Address<'_>,
        method: &Method,
    ) -> Result<Option<Response>> {
        let next = change.content.next(change.call)?;
        let done = match (address.key, method.as_str()) {
            (None, "POST") => self.create(change).await?,
            (None, "PATCH") => self.change_many(change).await?,
            (None, "DELETE") => self.delete_many(change).await?,
            (Some(key), "PATCH") => self.patch(change, key).await?,
            (Some(key), "PUT") => self.put(change, key).await?,
            (Some(key), "DELETE") => self.delete(change, key).await?,
            _ => return Ok(None),
        };
        match next {
            Some(next) => see_other(&next, &done).map(Some),
            None => Ok(Some(done)),
        }
    }

    async fn patch(&self, change: &Change<'_>, key: &str) -> Result<Response> {
        let fields = change.fields()?;
        let (target, input) = (change.target(key)?, change.input()?);
        let lanes = change.lanes(&target, &input);
        let written = self.run(change, &lanes, move |tx, caller| rules::update(tx, caller, &target, &input));
        self.written(change, &change.caller, (&written.await?, fields.as_deref())).await
    }

    async fn put(&self, change: &Change<'_>, key: &str) -> Result<Response> {
        let fields = change.fields()?;
        let (target, input) = (change.target(key)?, change.input_or_nothing()?);
        let lanes = change.lanes(&target, &input);
        let written = self.run(change, &lanes, move |tx, caller| rules::put(tx, caller, &target, &input));
        self.written(change, &change.caller, (&written.await?, fields.as_deref())).await
    }

    async fn delete(&self, change: &Change<'_>, key: &str) -> Result<Response> {
        Query::read(change.call.head.uri.query(), &[], false)?;
        change.expect_no_fields()?;
        let target = change.target(key)?;
        let name = change.name.to_owned();
        let of = target.clone();
        let gone = move |tx: &mut Tx<'_>, caller: &Caller| {
            let deleted = rules::delete_unless_large(tx, caller, &of)?;
            if let Deleted::Now(id) = deleted {
                idempotency::forget_record(tx, &name, id)?;
            }
            Ok(deleted)
        };
        if let Deleted::Large(id) = self.run(change, &[], gone).await? {
            return self.begin_delete(change, target, id).await;
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        Ok(response)
    }

    /// Runs one durable transaction on behalf of the caller, named in the log.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        change: &Change<'_>,
        lanes: &[Lane],
        work: impl Fn(&mut Tx<'_>, &Caller) -> Result<T> + Send + Sync + 'static,
    ) -> Result<T> {
        self.db.write(lanes, change.on_behalf(work)).await
    }

    /// The same for many records, which single ones should not wait for.
    pub(super) async fn run_alone<T: Send + 'static>(
        &self,
        change: &Change<'_>,
        work: impl Fn(&mut Tx<'_>, &Caller) -> Result<T> + Send + Sync + 'static,
    ) -> Result<T> {
        self.db.write_alone(&[], change.on_behalf(work)).await
    }

    /// The written record as its writer may see it; of one that it may not read, the id alone.
    pub(super) async fn written(
        &self,
        change: &Change<'_>,
        caller: &Caller,
        (written, fields): (&Written, Option<&str>),
    ) -> Result<Response> {
        let status = if written.created { StatusCode::CREATED } else { StatusCode::OK };
        let id = change.text(written.id)?;
        let source = self.source(&change.epoch);
        let held = source.held(caller, &written.image, fields).transpose();
        let found = if let Some(held) = held {
            held
        } else {
            let (of, key) = (written.image.collection, Key::Id(written.id));
            source.get(caller, of, &key, fields).await
        };
        let mut response = match found {
            Ok(found) => record(status, found),
            Err(error) if error.kind() == Kind::NotFound => {
                let body = Bytes::from(format!("{{\"id\":\"{id}\"}}"));
                super::json(status, body)
            }
            Err(error) => return Err(error),
        };
        if written.created {
            let place = format!("/api/{}/{id}", change.name);
            response.headers_mut().insert(LOCATION, HeaderValue::try_from(place).map_err(Error::internal)?);
        }
        Ok(response)
    }
}

impl Change<'_> {
    pub(super) fn collection(&self) -> &Collection {
        self.epoch.schema.collection(self.of)
    }

    fn on_behalf<T>(
        &self,
        work: impl Fn(&mut Tx<'_>, &Caller) -> Result<T> + Send + Sync + 'static,
    ) -> impl Fn(&mut Tx<'_>) -> Result<T> + Send + Sync + 'static {
        let (caller, request, epoch) = (Arc::clone(&self.caller), *self.call.id, self.epoch.number);
        move |tx| {
            // Fields were read by their places in one schema; another one may have moved them.
            if tx.epoch().number != epoch {
                return Err(moved());
            }
            tx.name_request(request.as_str());
            tx.act_for(&caller);
            work(tx, &caller)
        }
    }

    fn target(&self, key: &str) -> Result<Target> {
        let collection = self.of;
        let key = Key::parse(&self.epoch.schema, collection, &self.caller, key)?;
        Ok(Target { collection, key, if_match: self.if_match })
    }

    fn lanes(&self, target: &Target, input: &Input) -> Vec<Lane> {
        rules::lanes(&self.epoch.schema, target.collection, Some(&target.key), input)
    }

    fn text(&self, id: Uuid) -> Result<String> {
        let prefix = self.collection().prefix.as_ref().ok_or_else(Error::not_found)?;
        Ok(id.text(prefix))
    }

    /// Which fields of the record the answer shows.
    pub(super) fn fields(&self) -> Result<Option<String>> {
        let query = Query::read(self.call.head.uri.query(), &["fields"], false)?;
        Ok(query.find("fields").map(str::to_owned))
    }

    /// The fields that were sent.
    pub(super) fn input(&self) -> Result<Input> {
        let collection = self.collection();
        let reader = Reader { schema: &self.epoch.schema, collection, caller: &self.caller };
        match &self.content {
            Content::Json(body) => reader.json(body),
            Content::Form(form) => {
                let fields = form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                Ok(reader.form(fields))
            }
            Content::Nothing => Err(nothing_sent()),
        }
    }

    /// What is to be made has no version.
    pub(super) fn expect_no_version(&self) -> Result<()> {
        if self.if_match.is_some() { Err(no_version()) } else { Ok(()) }
    }

    /// The same, for a PUT whose address may say all there is.
    fn input_or_nothing(&self) -> Result<Input> {
        match self.content {
            Content::Nothing => Ok(Input::default()),
            _ => self.input(),
        }
    }

    /// A delete takes no fields, and none is ignored.
    pub(super) fn expect_no_fields(&self) -> Result<()> {
        let none = match &self.content {
            Content::Nothing => true,
            Content::Form(form) => form.fields.is_empty(),
            Content::Json(_) => false,
        };
        let detail = "A delete takes no body; leave it out.";
        if none { Ok(()) } else { Err(Error::new(Kind::Malformed, "request.body", detail)) }
    }
}

impl Content {
    pub(crate) async fn read(call: &Call<'_>, body: Sent) -> Result<Self> {
        let media = media(call.head)?;
        let bytes = body.read(&call.settings.limits, call.head).await?;
        match media {
            Media::Form => Form::read(&bytes).map(Self::Form),
            Media::Parts(boundary) => Form::read_parts(&boundary, &bytes).map(Self::Form),
            _ if bytes.is_empty() => Ok(Self::Nothing),
            Media::Json => Ok(Self::Json(bytes)),
            Media::Nothing => Err(untyped()),
        }
    }

    /// What is to be done: a form's POST may stand for another method.
    fn method(&self, call: &Call<'_>) -> Method {
        match self {
            Self::Form(Form { method: Some(method), .. }) if call.head.method == Method::POST => {
                method.clone()
            }
            _ => call.head.method.clone(),
        }
    }

    /// Where a form leads after success: where it says, else in a browser back to its page.
    pub(crate) fn next(&self, call: &Call<'_>) -> Result<Option<String>> {
        let Self::Form(form) = self else { return Ok(None) };
        let back = form.page.as_ref().filter(|_| is_wanted(call.head));
        let next = form.next.as_ref().or(back);
        next.map(|next| origin::own_target(next, call.head, call.settings)).transpose()
    }
}

/// Leads a browser on after a success, with the cookie that it set.
pub(crate) fn see_other(next: &str, done: &Response) -> Result<Response> {
    let mut response = Response::new(Body::empty());
    for cookie in done.headers().get_all(SET_COOKIE) {
        response.headers_mut().append(SET_COOKIE, cookie.clone());
    }
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(LOCATION, encoded(next).try_into().map_err(Error::internal)?);
    Ok(response)
}

/// An address as a header may carry it: bytes beyond ASCII are percent-encoded (RFC 3986).
fn encoded(address: &str) -> String {
    let mut text = String::with_capacity(address.len());
    for byte in address.bytes() {
        if byte.is_ascii_graphic() {
            text.push(char::from(byte));
        } else {
            let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0').to_ascii_uppercase();
            text.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    text
}

fn nothing_sent() -> Error {
    Error::new(Kind::Malformed, "request.json", "The body is empty; send one JSON object, or a form.")
}

fn untyped() -> Error {
    let detail =
        "Say in Content-Type what the body is: application/json or application/x-www-form-urlencoded.";
    Error::new(Kind::UnsupportedMedia, "request.media_type", detail)
}

fn no_version() -> Error {
    let detail = "A record that is to be made has no version yet; leave If-Match out.";
    Error::new(Kind::Malformed, "request.if_match", detail)
}

fn moved() -> Error {
    let detail = "The site changed while this was read; send it again.";
    Error::new(Kind::Unavailable, "server.schema_changed", detail)
        .retry_after(std::time::Duration::from_secs(1))
}
