//! Forms in templates: `form("/api/reviews", next="/thanks")` opens one, its methods write fields with their messages.
//!
//! Always true: what is written is escaped; a message is tied to its field (`aria-describedby`, `aria-invalid`); what
//! was typed comes again, a password never.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use mains_language::schema::{Collection, Command, Field, On};
use minijinja::value::{Enumerator, Kwargs, Object, Rest, ValueKind, from_args};
use minijinja::{Error as Mistake, ErrorKind, State, Value};

use super::escape::{self, escaped, plain};
use super::here::Here;
use super::part::{Part, attributes, class, hidden};
use crate::percent;
use crate::records::origin;

/// The sign before a message.
pub(super) const ALERT: &str = "<svg class=\"icon\" viewBox=\"0 0 24 24\" aria-hidden=\"true\"><path d=\"M12 3.5 22 20.5H2zM12 10v4.5M12 17.5v.2\"/></svg>";

/// A page whose address is longer than this does not stand in that of its forms, in bytes.
const MOST: usize = 1_000;

/// A form that was posted and failed.
#[derive(Clone, Debug)]
pub(super) struct Failed {
    /// Where it was posted.
    pub(super) action: String,
    /// What it stood for.
    pub(super) method: String,
    /// `_form`: which of several on a page.
    pub(super) name: Option<String>,
    pub(super) code: &'static str,
    pub(super) detail: String,
    /// Messages by field.
    pub(super) errors: Vec<(String, String)>,
    /// What was typed, but secrets.
    pub(super) values: Vec<(String, String)>,
}

/// What a form is sent to: a collection, or a command of it.
pub(super) struct Target<'t> {
    pub(super) collection: &'t Collection,
    pub(super) command: Option<&'t Command>,
}

/// One form of a page.
pub(super) struct Form {
    here: Arc<Here>,
    action: String,
    pub(super) method: String,
    next: Option<String>,
    name: Option<String>,
    page: Option<String>,
    /// A record whose values stand in the fields at first.
    pub(super) of: Value,
    multipart: bool,
}

/// Where to go on success: what is said, or of a list the first that is a path of this site, so that what an address
/// says may stand before what else would do.
fn next(said: Option<Value>) -> Option<String> {
    let said = said.filter(|said| !said.is_none() && !said.is_undefined())?;
    if said.kind() != ValueKind::Seq {
        return Some(plain(&said)).filter(|next| !next.is_empty());
    }
    let mut all = said.try_iter().ok()?.filter_map(|one| one.as_str().map(str::to_owned));
    all.find(|one| origin::is_path(one))
}

impl Form {
    /// `form(action, method="POST", next=…, name=…, page=…, of=record, files=false)`
    pub(super) fn new(here: &Arc<Here>, args: &[Value]) -> Result<Self, Mistake> {
        let (action, options): (String, Kwargs) = from_args(args)?;
        let form = Self {
            here: Arc::clone(here),
            action,
            method: options
                .get::<Option<String>>("method")?
                .unwrap_or_else(|| "POST".to_owned())
                .to_uppercase(),
            next: next(options.get("next")?),
            name: options.get("name")?,
            page: options.get("page")?,
            of: options.get::<Option<Value>>("of")?.unwrap_or_default(),
            multipart: options.get::<Option<bool>>("files")?.unwrap_or(false),
        };
        options.assert_all_used()?;
        Ok(form)
    }

    /// What failed, if it was this form.
    pub(super) fn failed(&self) -> Option<&Failed> {
        let path = |address: &str| address.split(['?', '#']).next().unwrap_or_default().to_owned();
        self.here.failed.as_ref().filter(|failed| {
            failed.name == self.name
                && failed.method == self.method
                && path(&failed.action) == path(&self.action)
        })
    }

    pub(super) fn message(&self, field: &str) -> Option<&str> {
        let errors = self.failed().map_or(&[][..], |failed| &failed.errors);
        errors.iter().find(|(name, _)| name == field).map(|(_, message)| message.as_str())
    }

    /// What was typed into a field, several texts for boxes of one name.
    pub(super) fn typed(&self, field: &str) -> Option<Vec<&str>> {
        let failed = self.failed()?;
        Some(
            failed.values.iter().filter(|(name, _)| name == field).map(|(_, value)| value.as_str()).collect(),
        )
    }

    /// Whether it is the first field that a message stands at.
    pub(super) fn is_first_wrong(&self, field: &str) -> bool {
        self.failed().and_then(|failed| failed.errors.first()).is_some_and(|(name, _)| name == field)
    }

    fn id(&self, field: &str) -> String {
        self.name.as_ref().map_or_else(|| field.to_owned(), |name| format!("{name}-{field}"))
    }

    /// Where the form is sent to, if that is declared.
    pub(super) fn target(&self) -> Option<Target<'_>> {
        let address = self.action.split(['?', '#']).next()?.strip_prefix("/api/")?;
        let (collection, rest) = address.split_once('/').unwrap_or((address, ""));
        let collection = self.here.epoch.schema.find(collection)?;
        let on = if rest.contains('/') { On::Record } else { On::Collection };
        let called = rest.rsplit('/').next().unwrap_or_default().replace('-', "_");
        let mut commands = collection.commands.iter();
        Some(Target {
            collection,
            command: commands.find(|command| command.on == on && command.name == called),
        })
    }

    /// What is declared of a field where the form is sent to, and whether it is secret: an argument of a command, or a
    /// field of a collection.
    fn declared(&self, name: &str) -> Option<(&Field, bool)> {
        let Target { collection, command } = self.target()?;
        let of_collection = || collection.find(name).map(|field| (field, false));
        let Some(command) = command else { return of_collection() };
        let argument = command.input.iter().find(|argument| argument.field.name == name);
        let argument = argument.map(|argument| (&argument.field, argument.secret));
        argument.or_else(|| of_collection().filter(|_| command.takes))
    }

    fn open(&self, options: &Kwargs) -> Result<String, Mistake> {
        let page = self.page.clone().unwrap_or_else(|| self.here.address());
        let is_told = page.len() <= MOST && !self.here.is_key();
        let action = if is_told { back_to(&self.action, &page) } else { self.action.clone() };
        let mut out = format!("<form method=\"post\" action=\"{}\"", escaped(&action));
        if self.multipart {
            out.push_str(" enctype=\"multipart/form-data\"");
        }
        attributes(&mut out, options, &[])?;
        out.push('>');
        hidden(&mut out, "_page", &page);
        if let Some(next) = &self.next {
            hidden(&mut out, "_next", next);
        }
        if self.method != "POST" {
            hidden(&mut out, "_method", &self.method);
        }
        if let Some(name) = &self.name {
            hidden(&mut out, "_form", name);
        }
        Ok(out)
    }

    /// What did not happen, with a way to each field; nothing where nothing failed. A browser begins to read here: it
    /// has the focus.
    fn note(&self, title: Option<&str>) -> String {
        let Some(failed) = self.failed() else { return String::new() };
        let mut out = format!(
            "<div class=\"note danger\" role=\"alert\" tabindex=\"-1\" autofocus>{ALERT}<div><strong>"
        );
        let _ = escape::write(&mut out, title.unwrap_or(&failed.detail));
        out.push_str("</strong>");
        if title.is_some() && failed.errors.is_empty() {
            let _ = escape::write(&mut out, &failed.detail);
        }
        if !failed.errors.is_empty() {
            out.push_str("<ul>");
            for (field, message) in &failed.errors {
                let _ = write!(out, "<li><a href=\"#{}\">", escaped(&self.id(field)));
                if let Some((declared, _)) = self.declared(field) {
                    let _ = write!(out, "{}: ", escaped(&declared.title()));
                }
                let _ = escape::write(&mut out, message);
                out.push_str("</a></li>");
            }
            out.push_str("</ul>");
        }
        out.push_str("</div></div>");
        out
    }

    pub(super) fn part<'f>(&'f self, name: String, options: &'f Kwargs) -> Part<'f> {
        let declared = self.declared(&name);
        let (field, secret) = (declared.map(|(field, _)| field), declared.is_some_and(|(_, secret)| secret));
        Part { id: self.id(&name), name, field, secret, form: self, options }
    }

    fn write(&self, method: &str, args: &[Value]) -> Result<String, Mistake> {
        match method {
            "open" => {
                let (options,): (Kwargs,) = from_args(args)?;
                self.open(&options)
            }
            "close" => Ok("</form>".to_owned()),
            "added" => self.added(),
            "note" => {
                let (title,): (Option<String>,) = from_args(args)?;
                Ok(self.note(title.as_deref()))
            }
            "hidden" => {
                let (name, value): (String, Value) = from_args(args)?;
                let mut out = String::new();
                hidden(&mut out, &name, &plain(&value));
                Ok(out)
            }
            "button" => {
                let (text, options): (String, Kwargs) = from_args(args)?;
                let mut out = format!("<button class=\"{}\"", escaped(&class(&options, "button")?));
                attributes(&mut out, &options, &["class"])?;
                Ok(format!("{out}>{}</button>", escaped(&text)))
            }
            _ => {
                let (name, options): (String, Kwargs) = from_args(args)?;
                self.part(name, &options).write(method)
            }
        }
    }
}

/// Where a form is sent, with the page it stands in: whoever asks for that address by hand is led back there.
fn back_to(action: &str, page: &str) -> String {
    let (address, fragment) =
        action.split_once('#').map_or((action, None), |(address, behind)| (address, Some(behind)));
    let sign = if address.contains('?') { '&' } else { '?' };
    let fragment = fragment.map_or(String::new(), |behind| format!("#{behind}"));
    format!("{address}{sign}_page={}{fragment}", percent::encode(page))
}

impl Object for Form {
    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let failed = self.failed();
        match key {
            "failed" => Some(Value::from(failed.is_some())),
            "message" => {
                Some(failed.map_or_else(|| Value::from(()), |failed| Value::from(failed.detail.as_str())))
            }
            "code" => Some(failed.map_or_else(|| Value::from(()), |failed| Value::from(failed.code))),
            "action" => Some(Value::from(self.action.as_str())),
            _ => None,
        }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Mistake> {
        match method {
            "error" | "value" => {
                let (name, Rest(_)): (String, Rest<Value>) = from_args(args)?;
                let found = if method == "error" {
                    self.message(&name).map(str::to_owned)
                } else {
                    self.typed(&name).map_or_else(
                        || {
                            self.of
                                .get_attr(&name)
                                .ok()
                                .filter(|value| !value.is_undefined())
                                .map(|value| plain(&value))
                        },
                        |typed| typed.first().map(|text| (*text).to_owned()),
                    )
                };
                Ok(found.map_or_else(|| Value::from(()), Value::from))
            }
            "open" | "close" | "note" | "hidden" | "button" | "field" | "textarea" | "select" | "choices"
            | "checkbox" | "added" => self.write(method, args).map(Value::from_safe_string),
            _ => Err(Mistake::new(
                ErrorKind::UnknownMethod,
                format!(
                    "a form has no {method}; it has open, close, note, field, textarea, select, choices, checkbox, added, hidden, button, error and value"
                ),
            )),
        }
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Form").field("action", &self.action).finish_non_exhaustive()
    }
}
