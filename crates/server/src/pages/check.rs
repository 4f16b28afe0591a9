//! Whether pages fit to what is declared: collections, fields and names that they use, and queries without an index.

use std::ops::Range;

use mains_base::{Caller, nearest};
use mains_database::engine::Route;
use mains_database::records::{ListRequest, Source};
use mains_language::schema::{Collection, Field, FieldId, FieldKind, Index, Schema};
use mains_language::site::{Diagnostic, Severity};
use minijinja::{ErrorKind, Value};

use super::Pages;
use super::front::{Query, TAKEN, What};
use super::literal;
use super::set::{Page, Set};
use super::slot::{Piece, Text};

/// Filters that are often meant.
const FILTERS: [&str; 26] = [
    "date",
    "datetime",
    "time",
    "money",
    "number",
    "lines",
    "default",
    "length",
    "upper",
    "lower",
    "title",
    "capitalize",
    "join",
    "sort",
    "round",
    "tojson",
    "urlencode",
    "trim",
    "replace",
    "first",
    "last",
    "reverse",
    "int",
    "float",
    "list",
    "safe",
];
/// Names that the engine brings, besides those of a request.
const BROUGHT: [&str; 6] = ["range", "dict", "namespace", "debug", "self", "super"];

/// Everything that is wrong, and what is worth a second look.
pub(super) fn against(set: &Set, schema: &Schema) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for page in &set.pages {
        for query in page.front.queries.iter().filter(|query| page.declares(query)) {
            check_query(page, query, schema, &mut found);
        }
        check_names(set, page, schema, &mut found);
        check_filters(set, page, &mut found);
    }
    found
}

impl Page {
    /// Whether a query stands in its own front matter, and not in that of its layout.
    fn declares(&self, query: &Query) -> bool {
        let front = self.source.get(self.front_at..self.body_at).unwrap_or_default();
        front.get(query.span.clone()) == Some(query.name.as_str())
    }

    fn tell(&self, span: &Range<usize>, message: String) -> Diagnostic {
        self.wrong(span.start + self.front_at..span.end + self.front_at, message)
    }
}

fn did_you_mean<'n>(wrong: &str, names: impl Iterator<Item = &'n str>) -> String {
    nearest(wrong, names).map_or(String::new(), |near| format!(" Did you mean {near}?"))
}

fn check_query(page: &Page, query: &Query, schema: &Schema, found: &mut Vec<Diagnostic>) {
    let Some(collection) = schema.find(&query.collection).filter(|collection| !collection.is_table()) else {
        let names = schema.collections.iter().filter(|collection| !collection.is_table());
        let near = did_you_mean(&query.collection, names.map(|collection| collection.name.as_str()));
        found.push(page.tell(
            &query.span,
            format!("[{}]: there is no collection {}.{near}", query.name, query.collection),
        ));
        return;
    };
    let mut names: Vec<String> = query.wheres.iter().map(|(path, _)| path.clone()).collect();
    let split = |text: &str| -> Vec<String> {
        text.split(',')
            .map(|name| name.trim().trim_start_matches('-').to_owned())
            .filter(|name| !name.is_empty())
            .collect()
    };
    names.extend(query.fields.iter().flat_map(|fields| split(fields)));
    let totals = [&query.totals.sum, &query.totals.min, &query.totals.max];
    names.extend(totals.into_iter().flatten().flat_map(|fields| split(fields)));
    if !matches!(query.what, What::Aggregate) {
        names.extend(query.sort.iter().filter_map(Text::literal).flat_map(split));
    }
    if let What::Get(key) = &query.what {
        names.extend(key_fields(key));
    }
    for name in names {
        if let Some(message) = unknown_field(schema, collection, &name) {
            found.push(page.tell(&query.span, format!("[{}]: {message}", query.name)));
        }
    }
}

/// The fields that an address such as `slug={path.slug}` names.
fn key_fields(key: &Text) -> Vec<String> {
    let literals = key.pieces.iter().filter_map(|piece| match piece {
        Piece::Literal(text) => Some(text.as_str()),
        Piece::Slot(_) => None,
    });
    let named = literals.flat_map(|text| text.split(',')).filter_map(|part| part.split_once('='));
    named.map(|(name, _)| name.to_owned()).filter(|name| !name.is_empty()).collect()
}

/// Follows a path over relations; what is said when it leads nowhere.
fn unknown_field(schema: &Schema, collection: &Collection, path: &str) -> Option<String> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let field = collection.find(first).filter(|field| !field.hidden);
    let inverse = || collection.inverses.iter().find(|inverse| inverse.name.as_deref() == Some(first));
    let Some(field) = field else {
        return match (inverse(), rest) {
            (Some(inverse), Some(rest)) => unknown_field(schema, schema.collection(inverse.from), rest),
            (Some(_), None) => None,
            (None, _) => {
                let names =
                    collection.fields.iter().filter(|field| !field.hidden).map(|field| field.name.as_str());
                let near = did_you_mean(first, names);
                Some(format!("{} has no field {first}.{near}", collection.name))
            }
        };
    };
    match (field.relation(), rest) {
        (Some(to), Some(rest)) => unknown_field(schema, schema.collection(to), rest),
        _ => None,
    }
}

/// Names in the template itself. What a part or a layout is given by others is not known, so of those only the fields
/// of queries are looked at.
fn check_names(set: &Set, page: &Page, schema: &Schema, found: &mut Vec<Diagnostic>) {
    let Ok(template) = set.env.get_template(&page.file) else { return };
    let mut names: Vec<String> = template.undeclared_variables(true).into_iter().collect();
    names.sort();
    for name in names {
        let mut parts = name.split('.');
        let (first, second) = (parts.next().unwrap_or_default(), parts.next());
        let query = page.front.queries.iter().find(|query| query.name == first);
        let message = match (query, second) {
            (Some(query), Some(field)) => unknown_member(query, schema, field),
            (Some(_), None) => None,
            (None, _) if page.address.is_none() || TAKEN.contains(&first) || BROUGHT.contains(&first) => None,
            (None, _) => {
                let queries = page.front.queries.iter().map(|query| query.name.as_str());
                Some(format!("There is no {first} here.{}", did_you_mean(first, queries.chain(TAKEN))))
            }
        };
        if let Some(message) = message {
            let span = place(page, &name);
            found.push(Diagnostic { severity: Severity::Warning, ..page.wrong(span, message) });
        }
    }
}

/// Filters that are not there. The engine says so only when one runs, so each is tried.
fn check_filters(set: &Set, page: &Page, found: &mut Vec<Diagnostic>) {
    let mut state = set.env.empty_state();
    for (name, span) in filters(&page.source, page.body_at) {
        let tried = state.apply_filter(&name, &[Value::from("")]);
        if tried.is_err_and(|error| error.kind() == ErrorKind::UnknownFilter) {
            let message = format!("There is no filter {name}.{}", did_you_mean(&name, FILTERS.into_iter()));
            found.push(Diagnostic { severity: Severity::Warning, ..page.wrong(span, message) });
        }
    }
}

/// The words behind a `|` within tags, with their places.
pub(super) fn filters(source: &str, from: usize) -> Vec<(String, Range<usize>)> {
    let mut found = Vec::new();
    let mut at = from;
    while let Some(open) = source.get(at..).and_then(|rest| rest.find('{')) {
        at += open + 1;
        let rest = source.get(at..).unwrap_or_default();
        let close = match rest.bytes().next() {
            Some(b'{') => "}}",
            Some(b'%') => "%}",
            _ => continue,
        };
        let tag = rest.get(..rest.find(close).unwrap_or(rest.len())).unwrap_or_default();
        for (bar, _) in tag.match_indices('|') {
            let behind = tag.get(bar + 1..).unwrap_or_default();
            let start = bar + 1 + (behind.len() - behind.trim_start().len());
            let word = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '_';
            let name: String = behind.trim_start().chars().take_while(word).collect();
            // A mark before or behind it: the bar stands in a text, as it is in `"a | b"`.
            let quoted = tag.get(..bar).unwrap_or_default().matches(['"', '\'']).count() % 2 == 1;
            if !name.is_empty() && !quoted {
                found.push((name.clone(), at + start..at + start + name.len()));
            }
        }
        at += tag.len();
    }
    found
}

fn unknown_member(query: &Query, schema: &Schema, name: &str) -> Option<String> {
    let collection = schema.find(&query.collection)?;
    match query.what {
        What::Get(_) if name == "expand" => None,
        What::Get(_) => {
            let known = collection.find(name).is_some_and(|field| !field.hidden);
            let names =
                collection.fields.iter().filter(|field| !field.hidden).map(|field| field.name.as_str());
            (!known).then(|| format!("{} has no field {name}.{}", collection.name, did_you_mean(name, names)))
        }
        What::List | What::Aggregate => {
            let known = ["items", "next", "total", "at_least"];
            let near = did_you_mean(name, known.into_iter());
            (!known.contains(&name))
                .then(|| format!("A list has no {name}; its records are seen by {{% for %}}.{near}"))
        }
    }
}

/// Where a name stands first in the template.
fn place(page: &Page, name: &str) -> Range<usize> {
    let body = page.source.get(page.body_at..).unwrap_or_default();
    let at = body.find(name).map_or(page.body_at, |at| page.body_at + at);
    at..at + name.len()
}

impl Pages {
    /// Lists that no index serves, as far as plans tell. A plan depends on how much there is: what a declared index
    /// serves is not told.
    pub async fn slow(&self) -> Vec<Diagnostic> {
        let (set, epoch) = (self.set(), self.inner.records.db().epoch());
        let engine = self.inner.records.db().engine();
        let source = Source { engine, epoch: &epoch, cursors: self.inner.records.cursors() };
        let mut found = Vec::new();
        for page in &set.pages {
            for query in page.front.queries.iter().filter(|query| page.declares(query)) {
                let collection = epoch.schema.find(&query.collection);
                if collection.is_some_and(|collection| is_served(collection, &wanted(query))) {
                    continue;
                }
                let Some(request) = sample(&source, query).await else { continue };
                let Ok(queries) = source.queries(&Caller::system(), &request).await else { continue };
                let Some(query_text) = queries.first() else { continue };
                if engine.explain(&query_text.text).await.is_ok_and(|route| route == Route::Pool) {
                    let message = format!(
                        "[{}] reads all of {} each time; declare an index in collections/{}.toml: [[indexes]] fields = {}.",
                        query.name,
                        query.collection,
                        query.collection,
                        advice(query),
                    );
                    found.push(Diagnostic { severity: Severity::Warning, ..page.tell(&query.span, message) });
                }
            }
        }
        found
    }
}

/// Whether an index begins with these fields.
fn is_served(collection: &Collection, fields: &[String]) -> bool {
    let name = |id: &FieldId| collection.field(*id).name.as_str();
    let begins = |index: &Index| {
        index.condition.is_none()
            && index.fields.len() >= fields.len()
            && index.fields.iter().map(name).zip(fields).all(|(have, wanted)| have == wanted)
    };
    !fields.is_empty() && collection.indexes.iter().any(begins)
}

fn advice(query: &Query) -> String {
    let fields = wanted(query);
    if fields.is_empty() { "[…]".to_owned() } else { format!("{fields:?}") }
}

/// The fields of the index that would serve: what must be equal, then the order.
fn wanted(query: &Query) -> Vec<String> {
    let mut fields: Vec<String> =
        query.wheres.iter().map(|(path, _)| path.clone()).filter(|path| !path.contains('.')).collect();
    let sort = query.sort.as_ref().and_then(Text::usual).unwrap_or_default().split(',');
    let sort =
        sort.map(|name| name.trim().trim_start_matches('-').to_owned()).filter(|name| !name.is_empty());
    fields.extend(sort.collect::<Vec<_>>());
    fields
}

/// A request like those of the page, with values that stand for any other.
async fn sample(source: &Source<'_>, query: &Query) -> Option<ListRequest> {
    let What::List = query.what else { return None };
    let schema = &source.epoch.schema;
    let collection = schema.find(&query.collection)?;
    let mut request = ListRequest::of(collection.id);
    request.sort = query.sort.as_ref().and_then(Text::usual).map(str::to_owned);
    for (path, _) in &query.wheres {
        request.wheres.push((path.clone(), vec![any_value(schema, collection, path)?]));
    }
    let mut parts = Vec::new();
    for text in &query.filters {
        let kinds = literal::search(source, query, text).await.ok()??;
        parts.push(format!("({})", literal::sample(text, &kinds)));
    }
    request.filter = (!parts.is_empty()).then(|| parts.join(" && "));
    Some(request)
}

/// A text that is a value of the field at the end of a path.
fn any_value(schema: &Schema, collection: &Collection, path: &str) -> Option<String> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let field: &Field = collection.find(first)?;
    if let (Some(to), Some(rest)) = (field.relation(), rest) {
        return any_value(schema, schema.collection(to), rest);
    }
    let id = |collection: &Collection| Some(mains_base::Uuid([1; 16]).text(collection.prefix.as_ref()?));
    Some(match &field.kind {
        FieldKind::Id => id(collection)?,
        FieldKind::Relation { to, .. } => id(schema.collection(*to))?,
        FieldKind::Integer { .. } | FieldKind::Number { .. } | FieldKind::Decimal { .. } => "1".to_owned(),
        FieldKind::Bool => "true".to_owned(),
        FieldKind::Date { .. } => "2026-01-01".to_owned(),
        FieldKind::Datetime { .. } => "2026-01-01T00:00:00Z".to_owned(),
        FieldKind::Enum { values, .. } => values.first()?.name.clone(),
        _ => "a".to_owned(),
    })
}
