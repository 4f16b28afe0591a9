//! Errors as RFC 9457 `application/problem+json`, made in one place for all doors.
//!
//! Invariant: of a 5xx that is our fault the caller learns the request id and nothing else.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use mains_base::{Error, Kind};
use serde::Serialize;

use crate::body::Body;
use crate::request::RequestId;
use crate::router::Response;

/// Where the docs explain the codes.
const DOCS: &str = "/api/docs/errors#";

#[derive(Serialize)]
struct Problem<'e> {
    r#type: String,
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: &'e str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Field<'e>>,
    request_id: &'e str,
}

#[derive(Serialize)]
struct Field<'e> {
    pointer: &'e str,
    code: &'static str,
    detail: &'e str,
}

/// The status of a failure.
pub(crate) fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Malformed => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Kind::TimedOut => StatusCode::REQUEST_TIMEOUT,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Changed => StatusCode::PRECONDITION_FAILED,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::AddressTooLong => StatusCode::URI_TOO_LONG,
        Kind::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        Kind::UnsupportedMedia => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Kind::NotImplemented => StatusCode::NOT_IMPLEMENTED,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::OutOfSpace => StatusCode::INSUFFICIENT_STORAGE,
    }
}

/// The answer that tells a failure.
pub(crate) fn answer(error: &Error, request: &RequestId) -> Response {
    let status = status(error.kind());
    let hidden = Error::internal("hidden");
    let shown = if error.kind() == Kind::Internal { &hidden } else { error };
    let problem = Problem {
        r#type: format!("{DOCS}{}", shown.code()),
        title: status.canonical_reason().unwrap_or("Error"),
        status: status.as_u16(),
        code: shown.code(),
        detail: shown.detail(),
        errors: shown.fields().iter().map(Field::of).collect(),
        request_id: request.as_str(),
    };
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let mut response = Response::new(Body::from(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(wait) = error.retry_wait() {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    }
    if error.kind() == Kind::Unauthenticated {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// An answer as bytes of HTTP/1.1 that end their connection.
pub(crate) fn wire(response: Response) -> Vec<u8> {
    let (head, body) = response.into_parts();
    let body = body.whole();
    let mut bytes =
        format!("HTTP/1.1 {}\r\nconnection: close\r\ncontent-length: {}\r\n", head.status, body.len())
            .into_bytes();
    for (name, value) in &head.headers {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// 405, with what the address does take.
pub(crate) fn wrong_method(allowed: &'static str, request: &RequestId) -> Response {
    let error = Error::new(
        Kind::MethodNotAllowed,
        "request.method",
        format!("This address does not take that method; it takes {allowed}."),
    );
    let mut response = answer(&error, request);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

impl<'e> Field<'e> {
    fn of(error: &'e mains_base::FieldError) -> Self {
        Self { pointer: &error.pointer, code: error.code, detail: &error.message }
    }
}
