//! What a template knows of the request it answers: `path`, `query`, `page`, `caller`, `error`, `now`.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use mains_base::{Caller, Error, Time};
use mains_database::Epoch;
use minijinja::value::{Enumerator, Kwargs, Object, from_args};
use minijinja::{Error as Mistake, ErrorKind, State, Value};

use super::escape::plain;
use super::form::{Failed, Form};
use super::reader::{READER, Reader};
use super::value::{self, Shape};
use crate::percent;

/// One request, as its page sees it.
pub(super) struct Here {
    /// The path as it was asked for.
    pub(super) path: String,
    /// The parameters of the address.
    pub(super) parameters: Vec<(String, String)>,
    /// The query string, decoded, in order.
    pub(super) query: Vec<(String, String)>,
    /// Where the site is reached, without a slash at its end.
    pub(super) origin: String,
    pub(super) caller: Arc<Caller>,
    /// The id of the caller's account, as the API writes it.
    pub(super) id: Option<String>,
    /// The session that asks, as the list of an account's sessions names it.
    pub(super) session: Option<String>,
    pub(super) now: Time,
    pub(super) epoch: Arc<Epoch>,
    /// A form that was posted here and failed.
    pub(super) failed: Option<Failed>,
    /// Why an error page is shown.
    pub(super) error: Option<Told>,
}

/// A failure as an error page tells it.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) status: u16,
    pub(super) title: &'static str,
    pub(super) code: &'static str,
    pub(super) detail: String,
    pub(super) request: String,
}

impl Here {
    /// The address of this page, with its query string.
    pub(super) fn address(&self) -> String {
        with_query(&self.path, &self.query)
    }

    /// Whether the address is a key: it holds the token of a mailed link.
    pub(super) fn is_key(&self) -> bool {
        self.query.iter().any(|(name, _)| name == "token")
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.query.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

impl Told {
    pub(super) fn of(error: &Error, status: http::StatusCode, request: &str) -> Self {
        let ours = error.kind() == mains_base::Kind::Internal;
        let detail =
            if ours { "Something went wrong here. It is noted, and not your fault." } else { error.detail() };
        Self {
            status: status.as_u16(),
            title: status.canonical_reason().unwrap_or("Error"),
            code: error.code(),
            detail: detail.to_owned(),
            request: request.to_owned(),
        }
    }
}

/// A path with a query string.
pub(super) fn with_query(path: &str, query: &[(String, String)]) -> String {
    let mut text = path.to_owned();
    for (place, (name, value)) in query.iter().enumerate() {
        text.push(if place == 0 { '?' } else { '&' });
        text.push_str(&percent::encode(name));
        text.push('=');
        text.push_str(&percent::encode(value));
    }
    text
}

/// Everything a template can name: the request and the answers of its queries.
pub(super) struct Names {
    pub(super) here: Arc<Here>,
    results: Vec<(String, Value)>,
    reader: Value,
}

impl Names {
    /// The names of one page, with the answers of its queries.
    pub(super) fn new(here: &Arc<Here>, results: Vec<(String, Value)>) -> Self {
        let account = results.iter().find(|(name, _)| name == super::set::ACCOUNT);
        let reader = account.map_or_else(|| Value::from(()), |(_, account)| Reader::of(account));
        Self { here: Arc::clone(here), results, reader }
    }

    /// What a query found, by its name.
    pub(super) fn result(body: Option<&Bytes>, shape: Shape) -> Value {
        body.map_or_else(|| Value::from(()), |body| value::answer(body, shape))
    }
}

impl Object for Names {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        if let Some((_, value)) = self.results.iter().find(|(name, _)| name == key) {
            return Some(value.clone());
        }
        let part = match key {
            "path" => Part::Path,
            "query" => Part::Query,
            "page" => Part::Page,
            "caller" => Part::Caller,
            "error" => Part::Error,
            "link" => Part::Link,
            "form" => Part::Form,
            "now" => return Some(Value::from(self.here.now.to_string())),
            READER => return Some(self.reader.clone()),
            _ => return None,
        };
        let account =
            self.results.iter().find(|(name, _)| name == super::set::ACCOUNT).map(|(_, value)| value.clone());
        Some(Value::from_object(Facts { here: Arc::clone(&self.here), part, account }))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Path,
    Query,
    Page,
    Caller,
    Error,
    Link,
    Form,
}

/// One of the names.
struct Facts {
    here: Arc<Here>,
    part: Part,
    account: Option<Value>,
}

impl Facts {
    fn page(&self, key: &str) -> Option<Value> {
        let here = &self.here;
        match key {
            "path" => Some(Value::from(here.path.as_str())),
            "address" => Some(Value::from(here.address())),
            "failed" => Some(Value::from(here.failed.is_some())),
            "url" => Some(Value::from(format!("{}{}", here.origin, here.address()))),
            _ => None,
        }
    }

    fn caller(&self, key: &str) -> Option<Value> {
        let caller = &self.here.caller;
        let list = |texts: &[String]| Value::from(texts.to_vec());
        let text = |text: Option<&str>| text.map_or_else(|| Value::from(()), Value::from);
        match key {
            "id" => Some(text(self.here.id.as_deref())),
            "session" => Some(text(self.here.session.as_deref())),
            "signed_in" => Some(Value::from(caller.signed_in())),
            "kind" => Some(Value::from(caller.kind.as_str())),
            "verified" => Some(Value::from(caller.verified)),
            "staff" => Some(Value::from(caller.staff)),
            "level" => Some(Value::from(caller.level)),
            "roles" => Some(list(&caller.roles)),
            "rights" => Some(list(&caller.rights)),
            "account" => Some(self.account.clone().unwrap_or_else(|| Value::from(()))),
            _ => None,
        }
    }

    fn error(&self, key: &str) -> Option<Value> {
        let told = self.here.error.as_ref()?;
        match key {
            "status" => Some(Value::from(told.status)),
            "title" => Some(Value::from(told.title)),
            "code" => Some(Value::from(told.code)),
            "detail" => Some(Value::from(told.detail.as_str())),
            "request_id" => Some(Value::from(told.request.as_str())),
            _ => None,
        }
    }

    /// `link(tag="tea", cursor=none)`: this page with parameters changed; `link("/shop", tag="tea")`: another one;
    /// `link(tag=["a", "b"])`: a parameter several times.
    fn link(&self, args: &[Value]) -> Result<Value, Mistake> {
        let (path, changes): (Option<String>, Kwargs) = from_args(args)?;
        let mut query = if path.is_some() { Vec::new() } else { self.here.query.clone() };
        for name in changes.args() {
            let value: Value = changes.get(name)?;
            query.retain(|(other, _)| other != name);
            if value.is_none() || value.is_undefined() {
                continue;
            }
            let several = matches!(
                value.kind(),
                minijinja::value::ValueKind::Seq | minijinja::value::ValueKind::Iterable
            );
            let values: Vec<Value> = if several { value.try_iter()?.collect() } else { vec![value] };
            query.extend(values.iter().map(|value| (name.to_owned(), plain(value))));
        }
        Ok(Value::from(with_query(path.as_deref().unwrap_or(&self.here.path), &query)))
    }

    /// `page.without("tag", "tea")`: this page without one value of a parameter.
    fn without(&self, args: &[Value]) -> Result<Value, Mistake> {
        let (name, value): (String, Option<Value>) = from_args(args)?;
        let value = value.map(|value| plain(&value));
        let goes = |(other, said): &(String, String)| {
            *other == name && value.as_ref().is_none_or(|value| value == said) || other == "cursor"
        };
        let kept: Vec<_> = self.here.query.iter().filter(|pair| !goes(pair)).cloned().collect();
        Ok(Value::from(with_query(&self.here.path, &kept)))
    }
}

impl Object for Facts {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match self.part {
            Part::Path => {
                let found = self.here.parameters.iter().find(|(name, _)| name == key);
                found.map(|(_, value)| Value::from(value.as_str()))
            }
            // What the query string does not say is null: every parameter may be left out.
            Part::Query => Some(self.here.values(key).next().map_or_else(|| Value::from(()), Value::from)),
            Part::Page => self.page(key),
            Part::Caller => self.caller(key),
            Part::Error => self.error(key),
            Part::Link | Part::Form => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let pairs = match self.part {
            Part::Path => &self.here.parameters,
            Part::Query => &self.here.query,
            _ => return Enumerator::NonEnumerable,
        };
        Enumerator::Values(pairs.iter().map(|(name, _)| Value::from(name.as_str())).collect())
    }

    fn is_true(self: &Arc<Self>) -> bool {
        match self.part {
            Part::Error => self.here.error.is_some(),
            Part::Query => !self.here.query.is_empty(),
            _ => true,
        }
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Mistake> {
        match self.part {
            Part::Link => self.link(args),
            Part::Form => Form::new(&self.here, args).map(Value::from_object),
            _ => Err(Mistake::new(ErrorKind::InvalidOperation, "only link(…) and form(…) are called")),
        }
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Mistake> {
        match (self.part, method) {
            (Part::Page, "without") => self.without(args),
            (Part::Page, "values") => {
                let (name,): (String,) = from_args(args)?;
                Ok(Value::from(self.here.values(&name).map(Value::from).collect::<Vec<_>>()))
            }
            _ => Err(Mistake::from(ErrorKind::UnknownMethod)),
        }
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").finish_non_exhaustive()
    }
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Facts").field(&self.part).finish()
    }
}
