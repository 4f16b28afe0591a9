//! Events as they stand on the wire.

use bytes::{BufMut, Bytes, BytesMut};
use mains_base::{Error, Result};
use mains_database::log::Change;
use mains_database::records::live::Seen;
use mains_language::schema::Schema;

/// Why a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bye {
    /// The server stops; another one takes over.
    Draining,
    /// The client does not read.
    Slow,
    /// The key or session is no longer what it was.
    Caller,
    /// The site has changed.
    Changed,
    /// Something went wrong here.
    Failed,
}

impl Bye {
    /// The event, with the reason.
    pub(super) fn event(self) -> Bytes {
        Bytes::from_static(match self {
            Self::Draining => b"event: bye\ndata: {\"reason\":\"draining\"}\n\n",
            Self::Slow => b"event: bye\ndata: {\"reason\":\"slow\"}\n\n",
            Self::Caller => b"event: bye\ndata: {\"reason\":\"caller\"}\n\n",
            Self::Changed => b"event: bye\ndata: {\"reason\":\"changed\"}\n\n",
            Self::Failed => b"event: bye\ndata: {\"reason\":\"failed\"}\n\n",
        })
    }
}

/// The first event; clients come back a second after they lose a stream. Before a [`resync`] it has no cursor.
pub(super) fn ready(cursor: Option<&str>) -> Bytes {
    let id = cursor.map_or_else(String::new, |cursor| format!("id: {cursor}\n"));
    let cursor = cursor.map_or_else(|| "null".to_owned(), |cursor| format!("\"{cursor}\""));
    format!("retry: 1000\nevent: ready\n{id}data: {{\"cursor\":{cursor}}}\n\n").into()
}

/// The cursor that came is too old: read these lists again, and go on from this one.
pub(super) fn resync(cursor: &str, lists: &[String]) -> Bytes {
    let data = serde_json::json!({ "cursor": cursor, "lists": lists });
    format!("event: resync\nid: {cursor}\ndata: {data}\n\n").into()
}

/// No event, but the cursor to come back with.
pub(super) fn cursor(cursor: &str) -> Bytes {
    format!("id: {cursor}\n\n").into()
}

/// A comment that keeps the connection open, with the cursor to come back with.
pub(super) fn heartbeat(cursor: &str) -> Bytes {
    format!(":\nid: {cursor}\n\n").into()
}

/// A change, as some of those who listen see it.
pub(super) fn change(schema: &Schema, change: &Change, seen: &Seen, cursor: Option<&str>) -> Result<Bytes> {
    let prefix = schema.find(&change.collection).and_then(|collection| collection.prefix.as_ref());
    let id = change.record.text(prefix.ok_or_else(|| Error::internal("a change of no collection"))?);
    let (op, record): (_, &[u8]) = match seen {
        Seen::Record { created: true, json } => ("create", json),
        Seen::Record { created: false, json } => ("update", json),
        Seen::Gone => ("gone", b"null"),
    };
    let mut out = BytesMut::with_capacity(record.len() + 320);
    out.put_slice(b"event: change\n");
    if let Some(cursor) = cursor {
        out.put_slice(format!("id: {cursor}\n").as_bytes());
    }
    // Names of collections and ids need no escape; a record has no line break.
    let head =
        format!("data: {{\"topic\":\"{}\",\"op\":\"{op}\",\"id\":\"{id}\",\"record\":", change.collection);
    out.put_slice(head.as_bytes());
    out.put_slice(record);
    out.put_slice(format!(",\"tx\":\"{:016x}\"}}\n\n", change.transaction).as_bytes());
    Ok(out.freeze())
}
