//! A request as every door sees it: its head, its body, where it came from and the id it got here.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use mains_base::{Error, Kind, Result, Uuid};
use tokio::time::{Instant, timeout_at};

use crate::settings::Limits;

/// A request.
#[derive(Debug)]
pub struct Request {
    /// Method, address and headers.
    pub head: Parts,
    /// What was sent with it.
    pub body: Sent,
    /// The other end of the connection.
    pub peer: IpAddr,
}

/// The body of a request.
#[derive(Debug)]
pub enum Sent {
    /// Still on its way.
    Arriving(Incoming, Arc<Arrival>),
    /// All there.
    Whole(Bytes),
}

/// How far the body of a request is: the answer's deadline begins behind it, and what nobody read ends its connection.
#[derive(Debug, Default)]
pub struct Arrival(AtomicU8);

impl Arrival {
    const READING: u8 = 1;
    const READ: u8 = 2;

    /// Whether it is being read and is on its way.
    pub(crate) fn is_awaited(&self) -> bool {
        self.0.load(Ordering::Relaxed) == Self::READING
    }

    /// Whether it was read to its end.
    pub(crate) fn is_read(&self) -> bool {
        self.0.load(Ordering::Relaxed) == Self::READ
    }

    fn is_now(&self, state: u8) {
        self.0.store(state, Ordering::Relaxed);
    }
}

/// The id of a request, made here and accepted from nowhere: in the answer's `X-Request-Id`, in errors and in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId([u8; 30]);

/// Makes request ids: a random half for this process, a counted half that is scattered.
#[derive(Debug)]
pub struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl Request {
    /// A request that did not come over a connection: tests and own calls.
    pub fn whole(request: http::Request<impl Into<Bytes>>) -> Self {
        let (head, body) = request.into_parts();
        Self { head, body: Sent::Whole(body.into()), peer: IpAddr::V4(Ipv4Addr::LOCALHOST) }
    }

    /// One header as text; one that is not ASCII counts as absent.
    pub fn header(&self, name: &http::HeaderName) -> Option<&str> {
        self.head.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl Sent {
    /// Reads it to its end. Larger than the limit is 413; slower than the least rate is 408.
    pub async fn read(self, limits: &Limits, head: &Parts) -> Result<Bytes> {
        let announced =
            head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let length = match &self {
            Self::Whole(bytes) => bytes.len(),
            Self::Arriving(..) => announced.unwrap_or(0),
        };
        if length > limits.body_bytes {
            return Err(too_large(limits));
        }
        match self {
            Self::Whole(bytes) => Ok(bytes),
            Self::Arriving(incoming, arrival) => {
                arrival.is_now(Arrival::READING);
                let arrived = arrive(incoming, limits).await;
                arrival.is_now(if arrived.is_ok() { Arrival::READ } else { 0 });
                arrived
            }
        }
    }

    /// A body as a connection brings it.
    pub(crate) fn arriving(incoming: Incoming) -> Self {
        if incoming.is_end_stream() {
            return Self::Whole(Bytes::new());
        }
        Self::Arriving(incoming, Arc::default())
    }

    /// How far it is; of one that is all there, nothing is left to ask.
    pub(crate) fn arrival(&self) -> Option<Arc<Arrival>> {
        if let Self::Arriving(_, arrival) = self { Some(Arc::clone(arrival)) } else { None }
    }
}

async fn arrive(mut incoming: Incoming, limits: &Limits) -> Result<Bytes> {
    let begun = Instant::now();
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    let mut length = 0_usize;
    while !incoming.is_end_stream() {
        let earned = Duration::from_secs_f64(length as f64 / f64::from(limits.body_rate.max(1)));
        let frame = timeout_at(begun + limits.body_grace + earned, incoming.frame()).await;
        let Some(frame) = frame.map_err(|_| too_slow())? else { break };
        let Ok(chunk) = frame.map_err(broken)?.into_data() else { continue };
        length += chunk.len();
        if length > limits.body_bytes {
            return Err(too_large(limits));
        }
        if length == chunk.len() {
            first = chunk; // the usual body is one chunk, which need not be copied
            continue;
        }
        if all.is_empty() {
            all.extend_from_slice(&first);
        }
        all.extend_from_slice(&chunk);
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

fn too_large(limits: &Limits) -> Error {
    let detail = format!("The body is larger than {} bytes; send less at once.", limits.body_bytes);
    Error::new(Kind::TooLarge, "request.too_large", detail)
}

fn too_slow() -> Error {
    Error::new(
        Kind::TimedOut,
        "request.too_slow",
        "The body came too slowly; send it again over a better line.",
    )
}

fn broken(cause: hyper::Error) -> Error {
    Error::new(Kind::Malformed, "request.broken", "The body broke off; send it again.").because(cause)
}

impl RequestIds {
    /// Ids of this process.
    pub fn new() -> Result<Self> {
        Ok(Self { process: u64::from_le_bytes(random()?), next: AtomicU64::new(0) })
    }

    /// The next one. `SplitMix64` (Steele, Lea, Flood 2014) is a bijection, so no two are equal.
    pub fn next(&self) -> RequestId {
        let counted = self.next.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let mixed = (counted ^ (counted >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let number = (u128::from(self.process) << 64) | u128::from(mixed ^ (mixed >> 31));
        let mut text = *b"req_00000000000000000000000000";
        for (place, letter) in text.iter_mut().skip(4).zip(Uuid(number.to_be_bytes()).suffix()) {
            *place = letter;
        }
        RequestId(text)
    }
}

impl RequestId {
    /// `req_` and 26 characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The same, as the header of an answer.
    pub fn header(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.0).unwrap_or(HeaderValue::from_static("req"))
    }
}

/// Bytes nobody can guess, from the system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Error::internal(error.to_string()))?;
    Ok(bytes)
}

/// The trace id of a `traceparent` header (W3C Trace Context, version 00), if it is one.
pub fn trace_id(head: &Parts) -> Option<&str> {
    let text = head.headers.get("traceparent")?.to_str().ok()?;
    let lower_hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let sizes = version.len() == 2 && trace.len() == 32 && span.len() == 16 && flags.len() == 2;
    let known = version != "ff" && (version != "00" || parts.next().is_none());
    let zero = trace.bytes().all(|byte| byte == b'0') || span.bytes().all(|byte| byte == b'0');
    let good = sizes && known && !zero && [version, trace, span, flags].into_iter().all(lower_hex);
    good.then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_differ_and_have_one_shape() {
        let ids = RequestIds::new().unwrap();
        let many: std::collections::HashSet<String> =
            (0..1000).map(|_| ids.next().as_str().to_owned()).collect();
        assert_eq!(many.len(), 1000);
        assert!(many.iter().all(|id| id.len() == 30 && id.starts_with("req_")));
    }

    #[test]
    fn traceparent_is_read_or_ignored() {
        let trace = |value: &str| {
            let request = http::Request::builder().header("traceparent", value).body(()).unwrap();
            trace_id(&request.into_parts().0).map(str::to_owned)
        };
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(trace(good).as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            assert_eq!(trace(bad), None, "{bad}");
        }
    }
}
