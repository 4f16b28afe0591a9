//! One error for two readers: a code and a sentence for the caller, a cause for our own log.
//!
//! A code (`records.not_unique`) is stable and listed in the docs; it never contains a site's names.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// The result of everything that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of failure it is; one exhaustive `match` in the server makes it a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// 400: the request cannot be read.
    Malformed,
    /// 401: nobody signed in, and it is needed.
    Unauthenticated,
    /// 403: known, but not allowed.
    Forbidden,
    /// 404: not there, or not the caller's to see.
    NotFound,
    /// 405: the address has no such method.
    MethodNotAllowed,
    /// 408: the request did not arrive in time.
    TimedOut,
    /// 409: it contradicts what is stored.
    Conflict,
    /// 412: changed meanwhile (`If-Match`).
    Changed,
    /// 413: larger than allowed.
    TooLarge,
    /// 414: an address longer than allowed.
    AddressTooLong,
    /// 431: headers larger than allowed.
    HeadTooLarge,
    /// 415: a media type that is not understood.
    UnsupportedMedia,
    /// 422: readable, and wrong; `errors` say where.
    Invalid,
    /// 429: too often.
    TooMany,
    /// 500: our fault.
    Internal,
    /// 501: not built yet.
    NotImplemented,
    /// 503: cannot be done now; try again.
    Unavailable,
    /// 507: no space left to store it.
    OutOfSpace,
}

/// What is wrong with one field of what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// JSON pointer into the body that was sent, such as `/title`.
    pub pointer: String,
    /// Stable code, such as `required`.
    pub code: &'static str,
    /// One sentence: what is wrong and what to do.
    pub message: String,
}

/// A failure. `Display` shows the code and the sentence, never the cause.
pub struct Error {
    inner: Box<Inner>,
}

struct Inner {
    kind: Kind,
    code: &'static str,
    detail: Cow<'static, str>,
    fields: Vec<FieldError>,
    retry_after: Option<Duration>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// A failure of this kind. `code` is `area.what`; `detail` is one sentence that says what is wrong and what to do.
    pub fn new(kind: Kind, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        let inner =
            Inner { kind, code, detail: detail.into(), fields: Vec::new(), retry_after: None, cause: None };
        Self { inner: Box::new(inner) }
    }

    /// 500 with a cause for our log; the caller learns nothing but the request id.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(
            Kind::Internal,
            "internal",
            "Something went wrong here. The log has it under the request id.",
        )
        .because(cause)
    }

    /// 404 as every door says it, whether the record is absent or hidden.
    pub fn not_found() -> Self {
        Self::new(Kind::NotFound, "not_found", "There is nothing here, or it is not yours to see.")
    }

    /// 409 with this code and sentence.
    pub fn conflict(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Conflict, code, detail)
    }

    /// 422 with what is wrong, field by field.
    pub fn invalid(fields: Vec<FieldError>) -> Self {
        let mut error = Self::new(Kind::Invalid, "records.invalid", "Some fields need another value.");
        error.inner.fields = fields;
        error
    }

    /// Adds what is wrong with single fields.
    #[must_use]
    pub fn with_fields(mut self, fields: Vec<FieldError>) -> Self {
        self.inner.fields = fields;
        self
    }

    /// Adds when trying again makes sense.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.inner.retry_after = Some(wait);
        self
    }

    /// Adds the cause, for our log only.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.inner.cause = Some(cause.into());
        self
    }

    /// The sort of failure.
    pub fn kind(&self) -> Kind {
        self.inner.kind
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.inner.code
    }

    /// The sentence for the caller.
    pub fn detail(&self) -> &str {
        &self.inner.detail
    }

    /// What is wrong with single fields; empty where the failure is not about fields.
    pub fn fields(&self) -> &[FieldError] {
        &self.inner.fields
    }

    /// When trying again makes sense, if it does.
    pub fn retry_wait(&self) -> Option<Duration> {
        self.inner.retry_after
    }

    /// What our log should say besides.
    pub fn cause(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        self.inner.cause.as_deref()
    }
}

impl FieldError {
    /// What is wrong with the top-level field `name`.
    pub fn new(name: &str, code: &'static str, message: impl Into<String>) -> Self {
        let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        Self { pointer, code, message: message.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.inner.detail, self.inner.code)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, code, detail, fields, cause, .. } = &*self.inner;
        write!(f, "{kind:?} {code}: {detail}")?;
        if !fields.is_empty() {
            write!(f, " {fields:?}")?;
        }
        cause.as_ref().map_or(Ok(()), |cause| write!(f, " because {cause:?}"))
    }
}

impl std::error::Error for Error {}

impl From<std::io::Error> for Error {
    fn from(cause: std::io::Error) -> Self {
        Self::internal(cause)
    }
}
