//! The door of commands: `POST /api/{collection}/{command}` and `POST /api/{collection}/{id}/{command}`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{LOCATION, SET_COOKIE, USER_AGENT};
use http::{HeaderValue, Method, StatusCode};
use mains_base::{Error, Kind, Result, Uuid};
use mains_database::Epoch;
use mains_database::records::{Key, Shown};
use mains_database::write::records::Target;
use mains_language::schema::{Answers, CollectionId, Command, On, Replay};

use super::answer::{Answer, Content as Given, Session};
use super::input::Reading;
use super::invocation::Invocation;
use crate::body::Body;
use crate::callers::Asker;
use crate::idempotency::{self, Keyed};
use crate::pages::Posted;
use crate::records::write::{Content, see_other};
use crate::records::{Address, Records, conditions, json, origin, record};
use crate::request::Sent;
use crate::router::{Call, Response};
use crate::sessions::cookie;

/// A command at an address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'a> {
    pub(crate) collection: CollectionId,
    /// Its place among the collection's commands.
    place: usize,
    /// The record it is about.
    key: Option<&'a str>,
}

/// The command of an address, if it is one.
pub(crate) fn find<'a>(epoch: &Epoch, address: Address<'a>) -> Option<Found<'a>> {
    let collection = epoch.schema.find(address.collection).filter(|one| !one.commands.is_empty())?;
    let (key, name) = match address.key?.rsplit_once('/') {
        Some((key, name)) => (Some(key), name),
        None => (None, address.key?),
    };
    let on = if key.is_some() { On::Record } else { On::Collection };
    let place =
        collection.commands.iter().position(|command| command.on == on && command.address() == name)?;
    Some(Found { collection: collection.id, place, key })
}

/// What was read of a request, and what answers it.
struct Asked<'c> {
    call: &'c Call<'c>,
    asker: Asker,
    epoch: Arc<Epoch>,
    found: Found<'c>,
    content: &'c Content,
    keyed: Option<Keyed>,
}

impl Records {
    /// Runs a command.
    pub(crate) async fn command(
        &self,
        call: &Call<'_>,
        body: Sent,
        (epoch, found): (Arc<Epoch>, Found<'_>),
    ) -> Result<Response> {
        origin::check(call.head, call.settings)?;
        let asker = self.callers().ask(call.head, call.settings).await?;
        let declared = declared(&epoch, found)?;
        let of = if found.key.is_some() { "{collection}/{id}" } else { "{collection}" };
        call.name(&Arc::from(format!("/api/{of}/{}", declared.address())));
        if let Some(rate) = declared.limits {
            let (named, now) = ((found.collection.0, found.place), self.db().clock().now());
            let counted = call.counted(&asker, declared.is_open(now), named);
            let standing = self.serving().rates.take(counted, rate, now);
            call.carry(standing.headers(&declared.address()));
            standing.check()?;
        }
        let bytes = body.read(&call.settings.limits, call.head).await?;
        let keyed = match (idempotency::is_named(call.head), declared.replay) {
            (false, Replay::Required) => return Err(idempotency::required()),
            (true, Replay::Stored | Replay::Required) => Some(Keyed::read(call, &asker, &bytes)?),
            _ => None,
        };
        let content = Content::read(call, Sent::Whole(bytes)).await?;
        let caller = Arc::clone(&asker.caller);
        let asked = Asked { call, asker, epoch: Arc::clone(&epoch), found, content: &content, keyed };
        match (self.led(asked).await, &content, call.pages) {
            (Err(error), Content::Form(form), Some(pages)) => {
                let arguments = declared.input.iter().filter(|argument| argument.secret);
                let secret: Vec<&str> = arguments.map(|argument| argument.field.name.as_str()).collect();
                let posted = Posted { form, secret: &secret, method: &Method::POST };
                pages.again(call, &caller, posted, error).await
            }
            (done, ..) => done,
        }
    }

    /// Leads a form on after a success.
    async fn led(&self, asked: Asked<'_>) -> Result<Response> {
        let next = asked.content.next(asked.call)?;
        let done = self.once(asked).await?;
        match next {
            Some(next) => see_other(&next, &done),
            None => Ok(done),
        }
    }

    /// Answers what was answered before as before, and anything else anew.
    async fn once(&self, asked: Asked<'_>) -> Result<Response> {
        let Some(keyed) = asked.keyed.clone() else { return self.invoke(asked).await };
        let _running = self.serving().keys.begin(&keyed)?;
        let (caller, epoch) = (Arc::clone(&asked.asker.caller), Arc::clone(&asked.epoch));
        if let Some(kept) = keyed.find(self.db()).await? {
            return self.replayed(&caller, &epoch, kept).await;
        }
        match self.invoke(asked).await {
            Err(error) if idempotency::is_met(&error) => {
                let kept = keyed.find(self.db()).await?.ok_or(error)?;
                self.replayed(&caller, &epoch, kept).await
            }
            done => done,
        }
    }

    async fn invoke(&self, asked: Asked<'_>) -> Result<Response> {
        let Asked { call, asker, epoch, found, content, keyed } = asked;
        let collection = epoch.schema.collection(found.collection);
        let command = declared(&epoch, found)?;
        let handler = self.serving().commands.find(&collection.name, &command.name);
        let handler = handler.cloned().ok_or_else(|| Error::internal("a command has no handler"))?;
        let reading = Reading { schema: &epoch.schema, collection, command, caller: &asker.caller };
        let read = reading.read(content)?;
        let if_match = conditions::if_match(call.head)?;
        let target = match found.key {
            Some(key) => {
                let key = Key::parse(&epoch.schema, collection.id, &asker.caller, key)?;
                Some(Target { collection: collection.id, key, if_match })
            }
            None => None,
        };
        let agent = call.head.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
        let invocation = Arc::new(Invocation {
            asker,
            address: call.client,
            agent: agent.map(str::to_owned),
            mark: cookie::marked(call.head, call.settings),
            extra: read.extra,
            records: self.clone(),
            collection: found.collection,
            command: found.place,
            target,
            values: read.values,
            problems: read.problems,
            request: *call.id,
            keyed,
            entered: AtomicBool::new(false),
            epoch: Arc::clone(&epoch),
        });
        if invocation.is_refused() {
            return Err(invocation.refusal().await);
        }
        let answer = handler(Arc::clone(&invocation)).await?;
        if !invocation.entered.load(Ordering::Relaxed) {
            return Err(Error::internal("a handler answered without asking who may"));
        }
        self.answered(call, &invocation, answer).await
    }

    async fn answered(&self, call: &Call<'_>, invocation: &Invocation, answer: Answer) -> Result<Response> {
        let command = invocation.declared().ok_or_else(Error::not_found)?;
        let Answer { content, seen_by, session, mark } = answer;
        let mut response = match (content, command.answers) {
            (Given::Nothing, _) => empty(StatusCode::NO_CONTENT),
            (Given::Later, _) => empty(StatusCode::ACCEPTED),
            (Given::Record { id, created }, Answers::Record(of)) => {
                let caller = seen_by.as_ref().unwrap_or(&invocation.asker.caller);
                let status = if created { StatusCode::CREATED } else { StatusCode::OK };
                let mut response = self.shown(caller, &invocation.epoch, (of, id, status)).await?;
                if created {
                    let collection = invocation.epoch.schema.collection(of);
                    let prefix = collection.prefix.as_ref().ok_or_else(Error::not_found)?;
                    let place = format!("/api/{}/{}", collection.name, id.text(prefix));
                    let place = HeaderValue::try_from(place).map_err(Error::internal)?;
                    response.headers_mut().insert(LOCATION, place);
                }
                response
            }
            (Given::Record { .. }, Answers::Nothing) => {
                return Err(Error::internal("a handler gave a record, and its command answers nothing"));
            }
        };
        if let Some(mark) = mark {
            response.headers_mut().append(SET_COOKIE, cookie::set_mark(&mark, call.settings)?);
        }
        match session {
            Session::Kept => {}
            Session::Begun(token) => {
                response.headers_mut().append(SET_COOKIE, cookie::set(&token, call.settings)?);
            }
            Session::Ended => {
                response.headers_mut().append(SET_COOKIE, cookie::clear(call.settings)?);
            }
        }
        Ok(response)
    }

    /// A record as the caller may see it; of one that it may not read, the id alone.
    pub(crate) async fn shown(
        &self,
        caller: &mains_base::Caller,
        epoch: &Epoch,
        (of, id, status): (CollectionId, Uuid, StatusCode),
    ) -> Result<Response> {
        match self.source(epoch).get(caller, of, &Key::Id(id), Shown::default()).await {
            Ok(found) => Ok(record(status, found)),
            Err(error) if error.kind() == Kind::NotFound => {
                let prefix = epoch.schema.collection(of).prefix.as_ref().ok_or_else(Error::not_found)?;
                Ok(json(status, format!("{{\"id\":\"{}\"}}", id.text(prefix)).into()))
            }
            Err(error) => Err(error),
        }
    }
}

fn declared<'e>(epoch: &'e Epoch, found: Found<'_>) -> Result<&'e Command> {
    let collection = epoch.schema.collection(found.collection);
    collection.commands.get(found.place).ok_or_else(Error::not_found)
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
