//! `GET /api/changes`: changes of records as server-sent events (WHATWG HTML, section 9.2), after their commit, in order.
//!
//! Always true: a stream carries what a GET by the same caller would show; a caller that may no longer ask has no
//! stream; whoever comes back with a cursor misses nothing, or is told that it does (`resync`).

mod event;
mod hub;
mod line;
mod seats;
mod who;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method};
use mains_base::{Error, Kind, Result};
use mains_database::log::Position;
use mains_database::records::live::{Missed, Place, Topic, gap, topics, wishes};
use mains_language::schema::Schema;

use self::event::Bye;
pub(crate) use self::hub::Hub;
use self::line::{Line, Listening};
use crate::body::Body;
use crate::percent;
use crate::records::{Query, Records};
use crate::router::{Call, Response};

/// What browsers send when they come back.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Bytes of what one who comes back is told at once; more is a `resync`.
const MOST_MISSED: usize = 512 * 1024;

/// The methods of the address.
pub(crate) const ALLOWED: &str = "GET, HEAD, OPTIONS";

/// What a stream begins with.
struct Beginning {
    events: Vec<Bytes>,
    /// Changes up to here are told, or were never asked for.
    from: Position,
    /// The versions of records that were told.
    known: Vec<(mains_base::Uuid, i64)>,
}

/// Answers with a stream.
pub(crate) async fn answer(records: &Records, call: &Call<'_>) -> Result<Response> {
    let asker = records.callers().ask(call.head, call.settings).await?;
    let query = Query::read(call.head.uri.query(), &["topics", "after"], false)?;
    let epoch = records.db().epoch();
    let source = records.source(&epoch);
    let text = query.find("topics").ok_or_else(no_topics)?;
    let topics = topics(&epoch.schema, &asker.caller, text)?;
    let wishes = wishes(&source, &asker.caller, &topics)?;
    if call.head.method == Method::HEAD {
        return Ok(stream(Body::empty()));
    }
    let hub = records.hub();
    let seat = hub.seats().take(&asker, call.client, call.settings)?;
    hub.begin().await?;
    let line = Arc::new(Line::new(hub.number(), asker, seat));
    let listening = Listening::new(Arc::clone(hub), Arc::clone(&line));
    let position = hub.join(&line, &wishes);
    let last = call.head.headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok());
    let after = query.find("after").or(last).filter(|text| !text.is_empty());
    let lists: Vec<String> = topics.iter().map(|topic| list(&epoch.schema, topic)).collect();
    let beginning = beginning((records, &lists), (&source, &wishes), after, position).await?;
    if !who::is_the_same(&line.asker, records.callers()).await {
        line.end(Bye::Caller);
    }
    if records.db().epoch().number != epoch.number {
        // What was compiled for it is of a schema that is gone; the client asks again at once.
        line.end(Bye::Changed);
    }
    line.open(beginning.events, beginning.from, beginning.known);
    Ok(stream(Body::live(listening)))
}

/// The address of the list that holds what a topic tells of.
fn list(schema: &Schema, topic: &Topic) -> String {
    let mut address = format!("/api/{}", schema.collection(topic.collection).name);
    for (number, (field, value)) in topic.written.iter().enumerate() {
        let sign = if number == 0 { "?" } else { "&" };
        let value = percent::encode(value);
        address.extend([sign, "where.", field, "=", &value]);
    }
    address
}

async fn beginning(
    (records, lists): (&Records, &[String]),
    (source, wishes): (&mains_database::records::Source<'_>, &[mains_database::records::live::Wish]),
    after: Option<&str>,
    position: Position,
) -> Result<Beginning> {
    let timeline = records.hub().timeline().await?;
    let at = |position| Place { timeline, position }.sealed(source.cursors);
    let fresh = || {
        Ok(Beginning { events: vec![event::ready(Some(&at(position)?))], from: position, known: Vec::new() })
    };
    // The cursor stands beside the word that says what to do first: who is cut off before it is told again.
    let resync = || {
        let events = vec![event::ready(None), event::resync(&at(position)?, lists)];
        Ok(Beginning { events, from: position, known: Vec::new() })
    };
    let Some(text) = after else { return fresh() };
    let place = Place::opened(source.cursors, text).filter(|place| place.timeline == timeline);
    let Some(place) = place else { return resync() };
    if place.position >= position {
        // Another node was a little further on.
        let events = vec![event::ready(Some(text))];
        return Ok(Beginning { events, from: place.position, known: Vec::new() });
    }
    let Some(missed) = gap(source, wishes, (place.position, position)).await? else {
        return resync();
    };
    let mut events = vec![event::ready(Some(text))];
    for one in &missed {
        events.push(told(source, one)?);
    }
    if events.iter().map(Bytes::len).sum::<usize>() > MOST_MISSED {
        return resync();
    }
    events.push(event::cursor(&at(position)?));
    let known = missed.iter().map(|one| (one.change.record, one.version)).collect();
    Ok(Beginning { events, from: position, known })
}

/// What was missed has no cursor of its own: who is cut off amid it misses it again.
fn told(source: &mains_database::records::Source<'_>, missed: &Missed) -> Result<Bytes> {
    event::change(&source.epoch.schema, &missed.change, &missed.seen, None)
}

fn stream(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that hold answers back would hold back the news.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

fn no_topics() -> Error {
    let detail = "Say what to listen to: topics=posts,comments(article=article_01j…).";
    Error::new(Kind::Malformed, "changes.topics", detail)
}
