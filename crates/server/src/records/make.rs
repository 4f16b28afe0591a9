//! Making a record: once for an `Idempotency-Key`, and as a guest where a visitor writes for the first time.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{LOCATION, SET_COOKIE, USER_AGENT};
use http::{HeaderValue, StatusCode};
use mains_base::{Caller, CallerKind, Error, Result};
use mains_database::Epoch;
use mains_database::write::records::{self as rules, Written};
use mains_language::schema::Rate;

use super::write::Change;
use super::{Records, conditions, json};
use crate::app::Guests;
use crate::body::Body;
use crate::callers::Asker;
use crate::idempotency::{self, Kept, Keyed};
use crate::request::Sent;
use crate::router::{Call, Response};
use crate::sessions::{Origin, Token, cookie};

/// Guests that one network may make in an hour.
const GUESTS: Rate = Rate { count: 60, window: std::time::Duration::from_hours(1) };

impl Records {
    pub(super) async fn create(&self, change: &Change<'_>) -> Result<Response> {
        let fields = change.fields()?;
        change.expect_no_version()?;
        let Some(keyed) = &change.keyed else { return self.make(change, fields.as_deref()).await };
        let _running = self.serving().keys.begin(keyed)?;
        if let Some(kept) = keyed.find(self.db()).await? {
            return self.replayed(&change.caller, &change.epoch, kept).await;
        }
        match self.make(change, fields.as_deref()).await {
            Err(error) if idempotency::is_met(&error) => {
                let kept = keyed.find(self.db()).await?.ok_or(error)?;
                self.replayed(&change.caller, &change.epoch, kept).await
            }
            done => done,
        }
    }

    async fn make(&self, change: &Change<'_>, fields: Option<&str>) -> Result<Response> {
        let (input, of) = (change.input()?, change.of);
        let lanes = rules::lanes(&change.epoch.schema, of, None, &input);
        let guests = self.guests(change)?;
        let (keyed, records, shown) = (change.keyed.clone(), self.clone(), fields.map(str::to_owned));
        let epoch = Arc::clone(&change.epoch);
        let made = self.run(change, &lanes, move |tx, caller| {
            let guest: Option<(Caller, Token)> =
                guests.as_ref().map(|(make, origin)| make(tx, origin)).transpose()?;
            let caller = guest.as_ref().map_or(caller, |(guest, _)| guest);
            let written = rules::create(tx, caller, of, &input)?;
            if let Some(keyed) = &keyed {
                let kept = records.kept(caller, &epoch, (&written, shown.as_deref()));
                if let Some((guest, _)) = &guest {
                    // Who got the cookie and not all of the answer asks again as that guest.
                    keyed.of_guest(guest.id).keep(tx, kept.clone())?;
                }
                keyed.keep(tx, kept)?;
            }
            Ok((written, guest))
        });
        let (written, guest) = made.await?;
        let caller = guest.as_ref().map_or(&*change.caller, |(guest, _)| guest);
        let mut response = self.written(change, caller, (&written, fields)).await?;
        if let Some((_, token)) = &guest {
            response.headers_mut().append(SET_COOKIE, cookie::set(token, change.call.settings)?);
        }
        Ok(response)
    }

    /// Who makes a guest of this caller, if it is to become one.
    fn guests(&self, change: &Change<'_>) -> Result<Option<(Guests, Origin)>> {
        let visits = change.caller.kind == CallerKind::Visitor && change.collection().guests;
        let Some(guests) = self.serving().guests.clone().filter(|_| visits) else { return Ok(None) };
        let call = change.call;
        let counted = call.counted(&change.asker, true, "guests");
        let standing = self.serving().rates.take(counted, GUESTS, self.db().clock().now());
        standing.check()?;
        let agent = call.head.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
        let origin = Origin { agent: agent.map(str::to_owned), network: Some(call.client.to_string()) };
        Ok(Some((guests, origin)))
    }

    /// The answer of a create, as it is kept with its key.
    fn kept(&self, caller: &Caller, epoch: &Epoch, (written, fields): (&Written, Option<&str>)) -> Kept {
        let collection = epoch.schema.collection(written.image.collection);
        // Who may not read what was made is told its id alone, which is known without being kept.
        let held = self.source(epoch).held(caller, &written.image, fields).ok().flatten();
        let body = held.and_then(|found| String::from_utf8(found.body.to_vec()).ok());
        let status = if written.created { StatusCode::CREATED } else { StatusCode::OK };
        let record = Some((collection.name.clone(), written.id, written.version));
        Kept { status: status.as_u16(), record, body }
    }

    /// What was answered before, again.
    pub(crate) async fn replayed(&self, caller: &Caller, epoch: &Epoch, kept: Kept) -> Result<Response> {
        let status = StatusCode::from_u16(kept.status).map_err(Error::internal)?;
        let Some((name, id, version)) = kept.record else {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = status;
            return Ok(response);
        };
        let collection = epoch.schema.find(&name).ok_or_else(Error::not_found)?;
        let prefix = collection.prefix.as_ref().ok_or_else(Error::not_found)?;
        let mut response = if let Some(body) = kept.body {
            let mut response = json(status, Bytes::from(body));
            response.headers_mut().insert(http::header::ETAG, conditions::etag(version));
            response
        } else {
            self.shown(caller, epoch, (collection.id, id, status)).await?
        };
        if status == StatusCode::CREATED {
            let place = HeaderValue::try_from(format!("/api/{name}/{}", id.text(prefix)));
            response.headers_mut().insert(LOCATION, place.map_err(Error::internal)?);
        }
        Ok(response)
    }
}

/// The key of a request and its body, which is read to know whether it is the same request.
pub(super) async fn keyed(call: &Call<'_>, body: Sent, asker: &Asker) -> Result<(Sent, Option<Keyed>)> {
    if !idempotency::is_named(call.head) {
        return Ok((body, None));
    }
    let bytes = body.read(&call.settings.limits, call.head).await?;
    let keyed = Keyed::read(call, asker, &bytes)?;
    Ok((Sent::Whole(bytes), Some(keyed)))
}
