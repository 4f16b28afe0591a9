//! Failures as pages: the site's own `404.html` and `error.html`, the built-in ones, and in development the mistake
//! itself with its place.

use std::sync::Arc;

use http::header::{ACCEPT, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{Method, StatusCode};
use mains_base::{Caller, Error, Kind};
use mains_language::site::Diagnostic;
use minijinja::value::Value;

use super::here::{Here, Names};
use super::render::Mistaken;
use super::routes::{FAILED, NOT_FOUND};
use super::{Pages, Showing, Told, builtin};
use crate::body::Body;
use crate::problem;
use crate::router::{Call, Response};

/// Lines of a template before and behind the one with a mistake.
const AROUND: usize = 4;

/// Whether it is a browser that goes to a page or sends a form, and not a program that calls the API.
pub(crate) fn is_wanted(head: &Parts) -> bool {
    let accepts = head.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let reads = head.method == Method::GET || head.method == Method::HEAD || head.method == Method::POST;
    reads && accepts.is_some_and(|accept| accept.contains("text/html"))
}

impl Pages {
    /// A failure as a page.
    pub(crate) async fn tell(&self, call: &Call<'_>, error: &Error) -> Response {
        let status = problem::status(error.kind());
        if let Some(mistaken) = self.inner.facts.dev.then(|| mistake(error)).flatten() {
            return self.told(call, builtin::MISTAKE, Some(mistaken), error).await;
        }
        let problem = problem::answer(error, call.id);
        let mut response = match self.own(call, status, error).await {
            Some(response) => response,
            None => self.told(call, builtin::ERROR, None, error).await,
        };
        for name in [RETRY_AFTER, WWW_AUTHENTICATE] {
            if let Some(value) = problem.headers().get(&name) {
                response.headers_mut().insert(name, value.clone());
            }
        }
        response
    }

    /// The site's page for a failure, with its queries.
    async fn own(&self, call: &Call<'_>, status: StatusCode, error: &Error) -> Option<Response> {
        let set = self.set();
        let page = set.file(if error.kind() == Kind::NotFound { NOT_FOUND } else { FAILED })?;
        let here = self.failing(call, status, error).await;
        let shown = self.show(Showing { set, page, here: Arc::new(here), status }).await;
        shown
            .map_err(|error| {
                tracing::error!(
                    request = call.id.as_str(),
                    cause = error.cause().map(tracing::field::debug),
                    "an error page failed"
                );
            })
            .ok()
    }

    async fn failing(&self, call: &Call<'_>, status: StatusCode, error: &Error) -> Here {
        let caller = self.inner.records.callers().find(call.head, call.settings).await;
        let caller = caller.unwrap_or_else(|_| Arc::new(Caller::visitor()));
        let told = Told::of(error, status, call.id.as_str());
        Here { error: Some(told), ..self.here(call, caller, call.head.uri.path()) }
    }

    /// A built-in page; the one that stands alone when the layout fails, too.
    async fn told(
        &self,
        call: &Call<'_>,
        name: &str,
        mistake: Option<&Diagnostic>,
        error: &Error,
    ) -> Response {
        let status = problem::status(error.kind());
        let set = self.set();
        let here = Arc::new(self.failing(call, status, error).await);
        let shown = |name: &str| {
            let page = set.file(name)?;
            let template = set.env.get_template(&set.pages.get(page)?.file).ok()?;
            let results =
                mistake.map(|mistake| ("mistake".to_owned(), excerpt(mistake))).into_iter().collect();
            let rendered = template.render(Value::from_object(Names::new(&here, results)));
            Some((page, rendered.ok()?))
        };
        let Some((page, text)) = shown(name).or_else(|| shown(builtin::PLAIN)) else {
            let mut response = Response::new(Body::from("Something went wrong here."));
            *response.status_mut() = status;
            return response;
        };
        self.html(text.into_bytes(), &Showing { set: Arc::clone(&set), page, here, status }, None)
    }
}

/// The mistake of a template behind a failure.
fn mistake(error: &Error) -> Option<&Diagnostic> {
    let cause: &(dyn std::error::Error + 'static) = error.cause()?;
    cause.downcast_ref::<Mistaken>().map(|mistaken| &mistaken.0)
}

/// What the page of a mistake shows.
fn excerpt(mistake: &Diagnostic) -> Value {
    let at = mistake.line();
    let first = at.saturating_sub(AROUND + 1);
    let lines = mistake.source.lines().enumerate().skip(first).take(2 * AROUND + 1);
    let lines: Vec<Value> = lines
        .map(|(place, text)| {
            Value::from_pairs([
                ("number", Value::from(place + 1)),
                ("text", Value::from(text)),
                ("is_it", Value::from(place + 1 == at)),
            ])
        })
        .collect();
    Value::from_pairs([
        ("path", Value::from(mistake.path.as_str())),
        ("line", Value::from(at)),
        ("message", Value::from(mistake.message.as_str())),
        ("hint", mistake.hint.as_deref().map_or_else(|| Value::from(()), Value::from)),
        ("lines", Value::from(lines)),
    ])
}
