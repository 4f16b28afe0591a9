//! A template and answers to a page, within bounds; and what is said when a template has a mistake.

use std::io;
use std::sync::Arc;

use mains_base::{Error, Kind, Result, nearest};
use mains_language::site::Diagnostic;
use minijinja::{ErrorKind, Value};

use super::front::TAKEN;
use super::here::{Here, Names};
use super::run::Answers;
use super::set::{ACCOUNT, Page, Set};
use super::value::Shape;

/// The most bytes of a page.
const MOST: usize = 8 * 1024 * 1024;

/// A mistake of a template, found while it was rendered. In the log it is one line, never the template.
pub(super) struct Mistaken(pub(super) Diagnostic);

impl std::fmt::Debug for Mistaken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.0, f)
    }
}

impl std::fmt::Display for Mistaken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.0, f)
    }
}

impl std::error::Error for Mistaken {}

/// The bytes of a page: UTF-8.
pub(super) fn render(set: &Set, page: &Page, here: &Arc<Here>, answers: Answers) -> Result<Vec<u8>> {
    let template = set.env.get_template(&page.file).map_err(Error::internal)?;
    let results = answers.into_iter().map(|(name, body)| {
        let shape = shape(page, here, &name);
        let value = Names::result(body.as_ref(), shape);
        (name, value)
    });
    let names = Names::new(here, results.collect());
    let mut out = Bounded(Vec::with_capacity(template.source().len() * 2));
    let rendered = template.render_captured_to(Value::from_object(names), &mut out).map(drop);
    rendered.map_err(|error| failed(set, here, &error))?;
    Ok(out.0)
}

fn shape(page: &Page, here: &Arc<Here>, name: &str) -> Shape {
    let query = page.front.queries.iter().find(|query| query.name == name);
    let collection = match query {
        Some(query) => Some(query.collection.as_str()),
        None => (name == ACCOUNT).then_some("accounts"),
    };
    let totals = query.is_some_and(|query| matches!(query.what, super::front::What::Aggregate));
    let found = collection.filter(|_| !totals).and_then(|name| here.epoch.schema.find(name));
    found.map_or(Shape::Free, |found| Shape::Record(Arc::clone(&here.epoch), found.id))
}

/// A page that is still small enough.
struct Bounded(Vec<u8>);

impl io::Write for &mut Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MOST {
            return Err(io::Error::other(format!("the page is larger than {} MiB", MOST >> 20)));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A failure of a template: our fault to whoever asks, with its place for whoever wrote it.
fn failed(set: &Set, here: &Arc<Here>, error: &minijinja::Error) -> Error {
    let mut innermost = error;
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(inner) = cause.downcast_ref::<minijinja::Error>().filter(|inner| inner.name().is_some()) {
            innermost = inner;
        }
        source = cause.source();
    }
    let found = innermost.name().and_then(|name| set.file(name)).and_then(|at| set.pages.get(at));
    let Some(page) = found else { return Error::internal(error.to_string()) };
    let mut diagnostic = page.mistake(innermost);
    match innermost.kind() {
        ErrorKind::UndefinedError => tell_undefined(&mut diagnostic, page, here),
        ErrorKind::OutOfFuel => {
            "The template took too many steps; a loop in it may have no end."
                .clone_into(&mut diagnostic.message);
        }
        _ => {}
    }
    let detail = "This page has a mistake in its template.";
    Error::new(Kind::Internal, "internal", detail).because(Mistaken(diagnostic))
}

/// Says which name is not there, and the nearest that is.
fn tell_undefined(diagnostic: &mut Diagnostic, page: &Page, here: &Arc<Here>) {
    let text = diagnostic.source.get(diagnostic.span.clone()).unwrap_or_default();
    let path: String = text
        .trim_start_matches(['{', '-', '%', ' '])
        .chars()
        .take_while(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '.'))
        .collect();
    let mut parts = path.split('.');
    let (first, second) = (parts.next().unwrap_or_default(), parts.next());
    let query = page.front.queries.iter().find(|query| query.name == first);
    let (missing, known): (&str, Vec<String>) = match (query, second) {
        (Some(query), Some(second)) => (second, fields(here, &query.collection)),
        _ if TAKEN.contains(&first) => (path.as_str(), Vec::new()),
        _ => {
            let names = page.front.queries.iter().map(|query| query.name.clone());
            (first, names.chain(TAKEN.map(str::to_owned)).collect())
        }
    };
    if missing.is_empty() {
        return;
    }
    let near = nearest(missing, known.iter().map(String::as_str)).filter(|near| *near != missing);
    diagnostic.message = format!("There is no {missing} here.");
    diagnostic.hint = near.map(|near| format!("Did you mean {near}?"));
}

/// The names of the fields that a template can show.
fn fields(here: &Arc<Here>, collection: &str) -> Vec<String> {
    let found = here.epoch.schema.find(collection);
    let fields = found.into_iter().flat_map(|collection| &collection.fields);
    fields.filter(|field| !field.hidden).map(|field| field.name.clone()).collect()
}
