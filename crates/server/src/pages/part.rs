//! The fields of a form: label, hint, input and message, with the limits that the collection declares.

use std::fmt::Write;

use mains_language::schema::{Field, FieldId, FieldKind};
use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error as Mistake, ErrorKind, Value};

use super::escape::{self, escaped, plain};
use super::form::{ALERT, Form};

/// One field that is being written.
pub(super) struct Part<'f> {
    pub(super) form: &'f Form,
    pub(super) name: String,
    pub(super) id: String,
    pub(super) field: Option<&'f Field>,
    /// Never shown again.
    pub(super) secret: bool,
    pub(super) options: &'f Kwargs,
}

impl Part<'_> {
    /// Writes it as an input, a textarea, a select, choices or a checkbox.
    pub(super) fn write(&self, method: &str) -> Result<String, Mistake> {
        let mut out = String::with_capacity(256);
        match method {
            "checkbox" => self.checkbox(&mut out)?,
            "choices" => self.choices(&mut out)?,
            _ => {
                let label = self.label()?;
                let _ = write!(
                    out,
                    "<div class=\"field\"><label for=\"{}\">{}</label>",
                    escaped(&self.id),
                    escaped(&label)
                );
                self.hint(&mut out)?;
                match method {
                    "textarea" => self.textarea(&mut out)?,
                    "select" => self.select(&mut out)?,
                    _ => self.input(&mut out)?,
                }
                self.message(&mut out);
                out.push_str("</div>");
            }
        }
        self.options.assert_all_used()?;
        Ok(out)
    }

    fn label(&self) -> Result<String, Mistake> {
        let said: Option<String> = self.options.get("label")?;
        let declared = || self.field.map(Field::title);
        // A place in a document, such as `preferences.theme`, is no field.
        let own = || Field::new(FieldId::ID, &self.name, FieldKind::Bool).title();
        Ok(said.or_else(declared).unwrap_or_else(own))
    }

    fn hint(&self, out: &mut String) -> Result<(), Mistake> {
        let hint: Option<String> = self.options.get("hint")?;
        if let Some(hint) = hint {
            let _ = write!(
                out,
                "<span class=\"hint\" id=\"{}-hint\">{}</span>",
                escaped(&self.id),
                escaped(&hint)
            );
        }
        Ok(())
    }

    fn message(&self, out: &mut String) {
        if let Some(message) = self.form.message(&self.name) {
            let id = escaped(&self.id);
            let _ = write!(
                out,
                "<p class=\"message\" id=\"{id}-message\">{ALERT}<span>{}</span></p>",
                escaped(message)
            );
        }
    }

    /// What ties hint and message to the field.
    fn ties(&self, out: &mut String) {
        let (hinted, failed) = (self.options.has("hint"), self.form.message(&self.name).is_some());
        if failed {
            out.push_str(" aria-invalid=\"true\"");
        }
        // Where the template writes no note, the first field that is wrong has the focus.
        if self.form.is_first_wrong(&self.name) {
            out.push_str(" autofocus");
        }
        let id = escaped(&self.id);
        let told = match (hinted, failed) {
            (true, true) => format!("{id}-hint {id}-message"),
            (true, false) => format!("{id}-hint"),
            (false, true) => format!("{id}-message"),
            (false, false) => return,
        };
        let _ = write!(out, " aria-describedby=\"{told}\"");
    }

    /// What stands in the field: what was typed, else what the template says, else the record's value.
    fn values(&self) -> Result<Vec<String>, Mistake> {
        let said: Option<Value> = self.options.get("value")?;
        if let Some(typed) = self.form.typed(&self.name) {
            return Ok(typed.into_iter().map(str::to_owned).collect());
        }
        let value = match said {
            Some(value) => value,
            None => self.form.of.get_attr(&self.name).unwrap_or_default(),
        };
        if matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
            return Ok(value.try_iter()?.map(|item| plain(&item)).collect());
        }
        Ok(if value.is_none() || value.is_undefined() { Vec::new() } else { vec![plain(&value)] })
    }

    fn open(&self, out: &mut String, tag: &str, class_name: &str) -> Result<(), Mistake> {
        let (id, name) = (escaped(&self.id), escaped(&self.name));
        let class = escaped(&class(self.options, class_name)?);
        let _ = write!(out, "<{tag} class=\"{class}\" id=\"{id}\" name=\"{name}\"");
        let required: Option<bool> = self.options.get("required")?;
        let creates = self.form.method == "POST";
        let is_needed =
            |field: &Field| (field.required || field.wanted) && field.default.is_none() && creates;
        let needed = self.field.is_some_and(is_needed);
        if required.unwrap_or(needed) {
            out.push_str(" required");
        }
        self.ties(out);
        Ok(())
    }

    fn input(&self, out: &mut String) -> Result<(), Mistake> {
        let said: Option<String> = self.options.get("type")?;
        let usual = if self.secret { "password" } else { self.field.map_or("text", input_type) };
        let kind = said.unwrap_or_else(|| usual.to_owned());
        self.open(out, "input", "input")?;
        let _ = write!(out, " type=\"{}\"", escaped(&kind));
        if let Some(field) = self.field {
            limits(out, field, self.options);
        }
        let values = self.values()?;
        if let Some(value) = values.first().filter(|_| !self.secret && kind != "password" && kind != "file") {
            let _ = write!(out, " value=\"{}\"", escaped(value));
        }
        attributes(out, self.options, &OWN)?;
        out.push('>');
        Ok(())
    }

    fn textarea(&self, out: &mut String) -> Result<(), Mistake> {
        self.open(out, "textarea", "textarea")?;
        if let Some(field) = self.field {
            limits(out, field, self.options);
        }
        attributes(out, self.options, &OWN)?;
        // A line break right behind the tag is dropped by browsers, so one is given to drop.
        out.push_str(">\n");
        let _ = escape::write(out, self.values()?.first().map_or("", String::as_str));
        out.push_str("</textarea>");
        Ok(())
    }

    fn select(&self, out: &mut String) -> Result<(), Mistake> {
        self.open(out, "select", "select")?;
        attributes(out, self.options, &OWN)?;
        out.push('>');
        let chosen = self.values()?;
        for (value, label) in self.choices_of()? {
            let selected = if chosen.contains(&value) { " selected" } else { "" };
            let _ =
                write!(out, "<option value=\"{}\"{selected}>{}</option>", escaped(&value), escaped(&label));
        }
        out.push_str("</select>");
        Ok(())
    }

    /// Up to four plates with radio buttons.
    fn choices(&self, out: &mut String) -> Result<(), Mistake> {
        let (label, name) = (self.label()?, escaped(&self.name));
        let _ = write!(out, "<fieldset class=\"field\" id=\"{}\"", escaped(&self.id));
        self.ties(out);
        let _ = write!(out, "><legend class=\"legend\">{}</legend>", escaped(&label));
        self.hint(out)?;
        out.push_str("<div class=\"choices\">");
        let chosen = self.values()?;
        for (value, label) in self.choices_of()? {
            let checked = if chosen.contains(&value) { " checked" } else { "" };
            let (value, label) = (escaped(&value), escaped(&label));
            let _ = write!(
                out,
                "<label class=\"choice\"><input type=\"radio\" name=\"{name}\" value=\"{value}\"{checked}><b>{label}</b></label>"
            );
        }
        out.push_str("</div>");
        self.message(out);
        out.push_str("</fieldset>");
        Ok(())
    }

    /// A box for yes. Before it a hidden no, since a browser sends nothing for a box that is not checked.
    fn checkbox(&self, out: &mut String) -> Result<(), Mistake> {
        let label = self.label()?;
        let hint: Option<String> = self.options.get("hint")?;
        let said: Option<bool> = self.options.get("checked")?;
        let values = self.values()?;
        let known = self.form.failed().is_some() || said.is_none();
        let checked = if known { values.iter().any(|value| value == "true") } else { said == Some(true) };
        let (id, name) = (escaped(&self.id), escaped(&self.name));
        let _ = write!(
            out,
            "<div class=\"field\"><label class=\"check\"><input type=\"hidden\" name=\"{name}\" value=\"false\">"
        );
        let _ = write!(out, "<input type=\"checkbox\" id=\"{id}\" name=\"{name}\" value=\"true\"");
        out.push_str(if checked { " checked" } else { "" });
        self.ties(out);
        attributes(out, self.options, &OWN)?;
        let _ = write!(out, "><span>{}", escaped(&label));
        if let Some(hint) = hint {
            let _ = write!(out, "<small id=\"{id}-hint\">{}</small>", escaped(&hint));
        }
        out.push_str("</span></label>");
        self.message(out);
        out.push_str("</div>");
        Ok(())
    }

    /// `options=["a", "b"]`, `options=[["a", "The first"], …]`, or the values of an enum.
    fn choices_of(&self) -> Result<Vec<(String, String)>, Mistake> {
        let Some(said) = self.options.get::<Option<Value>>("options")? else {
            let Some(FieldKind::Enum { values, .. }) = self.field.map(|field| &field.kind) else {
                return Err(Mistake::new(
                    ErrorKind::MissingArgument,
                    format!("{} needs options=[…]", self.name),
                ));
            };
            return Ok(values
                .iter()
                .map(|choice| (choice.name.clone(), choice.name.replace('_', " ")))
                .collect());
        };
        let pairs = said.try_iter()?.map(|item| match item.kind() {
            ValueKind::Seq => {
                let label = item.get_item_by_index(1).unwrap_or_default();
                Ok((plain(&item.get_item_by_index(0)?), plain(&label)))
            }
            _ => Ok((plain(&item), plain(&item))),
        });
        pairs.collect()
    }
}

/// Options with a meaning of their own; all others are attributes.
const OWN: [&str; 8] = ["label", "hint", "type", "value", "required", "options", "checked", "class"];

/// Attributes as they are given: `autocomplete="off"`, `data_x="1"` (`_` is `-`), `novalidate=true`.
pub(super) fn attributes(out: &mut String, options: &Kwargs, own: &[&str]) -> Result<(), Mistake> {
    for name in options.args().filter(|name| !own.contains(name)) {
        let value: Value = options.get(name)?;
        let name = name.trim_end_matches('_').replace('_', "-");
        if value.is_true() && value.kind() == ValueKind::Bool {
            let _ = write!(out, " {name}");
        } else if value.is_true() || value.is_number() {
            let _ = write!(out, " {name}=\"{}\"", escaped(&plain(&value)));
        }
    }
    Ok(())
}

pub(super) fn class(options: &Kwargs, own: &str) -> Result<String, Mistake> {
    let said: Option<String> = options.get("class")?;
    Ok(said.map_or_else(|| own.to_owned(), |said| format!("{own} {said}")))
}

pub(super) fn hidden(out: &mut String, name: &str, value: &str) {
    let _ = write!(out, "<input type=\"hidden\" name=\"{}\" value=\"{}\">", escaped(name), escaped(value));
}

fn input_type(field: &Field) -> &'static str {
    match field.kind {
        FieldKind::Email { .. } => "email",
        FieldKind::Url { .. } => "url",
        FieldKind::Integer { .. } | FieldKind::Number { .. } | FieldKind::Decimal { .. } => "number",
        FieldKind::Date { .. } => "date",
        _ => "text",
    }
}

/// What the collection says of a field, so that a browser can say it before the form is sent.
fn limits(out: &mut String, field: &Field, options: &Kwargs) {
    let mut attribute = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|_| !options.has(name)) {
            let _ = write!(out, " {name}=\"{value}\"");
        }
    };
    match &field.kind {
        FieldKind::Text { min, max, .. } => {
            attribute("minlength", min.map(|min| min.to_string()));
            attribute("maxlength", Some(max.to_string()));
        }
        FieldKind::Email { max } | FieldKind::Url { max } => attribute("maxlength", Some(max.to_string())),
        FieldKind::Integer { min, max, .. } => {
            attribute("min", min.map(|min| min.to_string()));
            attribute("max", max.map(|max| max.to_string()));
        }
        FieldKind::Number { .. } => attribute("step", Some("any".to_owned())),
        FieldKind::Decimal { scale, .. } => {
            let zeros = "0".repeat(usize::from(scale.saturating_sub(1)));
            attribute("step", Some(if *scale == 0 { "1".to_owned() } else { format!("0.{zeros}1") }));
        }
        _ => {}
    }
}
