//! Templates of mails: `NAME.txt` begins with `Subject: …` and an empty line; `NAME.html` beside it is the same mail
//! for programs that show HTML, and may be absent.
//!
//! Invariant: values are escaped in HTML, and a site's file replaces the built-in one of its name at once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use mains_base::{Error, Kind, Result};
use minijinja::{Environment, ErrorKind, UndefinedBehavior};
use serde_json::{Map, Value as Json};

use super::message::Rendered;

/// Steps that a template may take.
const FUEL: u64 = 200_000;
/// Bytes of a template or of what comes of it.
const LARGEST: usize = 1 << 20;

/// A template that an app brings.
#[derive(Clone, Copy, Debug)]
pub struct MailTemplate {
    /// Its name, of `a-z`, `0-9` and `_`.
    pub name: &'static str,
    /// The subject and the text.
    pub text: &'static str,
    /// The same as HTML; empty: there is none.
    pub html: &'static str,
}

/// The templates of a site.
#[derive(Clone, Debug, Default)]
pub struct Templates {
    built_in: HashMap<String, &'static str>,
    folder: Option<PathBuf>,
}

impl Templates {
    /// Those that apps bring, and the site's own in `folder` over them.
    pub fn new(built_in: &[MailTemplate], folder: Option<PathBuf>) -> Self {
        let both = |template: &MailTemplate| {
            let text = (format!("{}.txt", template.name), template.text);
            let html = (format!("{}.html", template.name), template.html);
            [text, html].into_iter().filter(|(_, source)| !source.is_empty())
        };
        Self { built_in: built_in.iter().flat_map(both).collect(), folder }
    }

    /// Fills a template.
    pub(super) fn render(&self, name: &str, site: &Json, context: Json) -> Result<Rendered> {
        let mut values = if let Json::Object(values) = context { values } else { Map::new() };
        values.insert("site".to_owned(), site.clone());
        let text_name = format!("{name}.txt");
        let source = find(&self.built_in, self.folder.as_deref(), &text_name)?
            .ok_or_else(|| wrong(&text_name, "there is no such file, and no app brings it"))?;
        let (subject, text) = front(&source)
            .ok_or_else(|| wrong(&text_name, "it does not begin with `Subject: …` and an empty line"))?;
        let environment = self.environment();
        let subject = fill(&environment, &text_name, subject, &values)?;
        let text = fill(&environment, &text_name, text, &values)?;
        let html_name = format!("{name}.html");
        let html = find(&self.built_in, self.folder.as_deref(), &html_name)?;
        let html = html.map(|source| fill(&environment, &html_name, &source, &values)).transpose()?;
        Ok(Rendered { subject: subject.trim().to_owned(), text, html })
    }

    /// What templates run in: their includes are found as they are.
    fn environment(&self) -> Environment<'static> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.set_fuel(Some(FUEL));
        let (built_in, folder) = (self.built_in.clone(), self.folder.clone());
        environment.set_loader(move |name| {
            find(&built_in, folder.as_deref(), name).map_err(|error| {
                minijinja::Error::new(ErrorKind::InvalidOperation, error.detail().to_owned())
            })
        });
        environment
    }
}

/// The source of a template, the site's before the built-in one.
fn find(
    built_in: &HashMap<String, &'static str>,
    folder: Option<&Path>,
    name: &str,
) -> Result<Option<String>> {
    let plain = |stem: &str| {
        stem.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let stem = name.strip_suffix(".txt").or_else(|| name.strip_suffix(".html"));
    if !stem.is_some_and(|stem| !stem.is_empty() && plain(stem)) {
        return Err(wrong(name, "its name is not of a-z, 0-9 and _, with .txt or .html behind"));
    }
    if let Some(folder) = folder {
        match std::fs::read_to_string(folder.join(name)) {
            Ok(source) if source.len() > LARGEST => return Err(wrong(name, "it is larger than 1 MB")),
            Ok(source) => return Ok(Some(source)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(wrong(name, &format!("it cannot be read: {error}"))),
        }
    }
    Ok(built_in.get(name).map(|source| (*source).to_owned()))
}

/// The subject and what stands behind the empty line.
fn front(source: &str) -> Option<(&str, &str)> {
    let (first, rest) = source.split_once('\n')?;
    let subject = first.strip_prefix("Subject:")?.trim();
    let (empty, body) = rest.split_once('\n').unwrap_or((rest, ""));
    (!subject.is_empty() && empty.trim().is_empty()).then_some((subject, body))
}

fn fill(
    environment: &Environment<'_>,
    name: &str,
    source: &str,
    values: &Map<String, Json>,
) -> Result<String> {
    let values = minijinja::value::Serde(values);
    let filled = environment.render_named_str(name, source, values).map_err(|error| {
        let line = error.line().map_or(String::new(), |line| format!(" in line {line}"));
        wrong(name, &format!("{error}{line}"))
    })?;
    if filled.len() > LARGEST { Err(wrong(name, "what comes of it is larger than 1 MB")) } else { Ok(filled) }
}

fn wrong(name: &str, reason: &str) -> Error {
    let detail = format!("The mail template templates/mail/{name} cannot be used: {reason}.");
    Error::new(Kind::Internal, "mails.template", detail)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HELLO: MailTemplate = MailTemplate {
        name: "hello",
        text: "Subject: Hello {{ name }}\n\nSee {{ site.url }}/x?t={{ token }} & smile.\n",
        html: "<p>{{ name }}</p>",
    };

    fn render(templates: &Templates, name: &str, context: Json) -> Result<Rendered> {
        templates.render(name, &json!({"name": "Tea", "url": "https://tea.example"}), context)
    }

    #[test]
    fn both_parts_are_filled_and_html_is_escaped() {
        let templates = Templates::new(&[HELLO], None);
        let mail = render(&templates, "hello", json!({"name": "<b>Ann</b>", "token": "q"})).unwrap();
        assert_eq!(mail.subject, "Hello <b>Ann</b>");
        assert_eq!(mail.text, "See https://tea.example/x?t=q & smile.");
        assert_eq!(mail.html.as_deref(), Some("<p>&lt;b&gt;Ann&lt;&#x2f;b&gt;</p>"));
    }

    #[test]
    fn a_site_replaces_what_an_app_brings() {
        let folder = tempfile::tempdir().unwrap();
        let templates = Templates::new(&[HELLO], Some(folder.path().to_owned()));
        let values = || json!({"name": "Ann", "token": "q"});
        std::fs::write(folder.path().join("hello.txt"), "Subject: Hi\n\n{% include 'foot.txt' %}").unwrap();
        std::fs::write(folder.path().join("foot.txt"), "Yours, {{ site.name }}").unwrap();
        let mail = render(&templates, "hello", values()).unwrap();
        assert_eq!((mail.subject.as_str(), mail.text.as_str()), ("Hi", "Yours, Tea"));
        assert_eq!(mail.html.as_deref(), Some("<p>Ann</p>"));
    }

    #[test]
    fn mistakes_are_told_with_their_file() {
        let folder = tempfile::tempdir().unwrap();
        let templates = Templates::new(&[], Some(folder.path().to_owned()));
        let told = |source: &str| {
            std::fs::write(folder.path().join("x.txt"), source).unwrap();
            render(&templates, "x", json!({})).unwrap_err().detail().to_owned()
        };
        assert!(told("Hello").contains("Subject"));
        assert!(told("Subject: a\nb").contains("empty line"));
        assert!(told("Subject: a\n\n\n{{ name.first }}").contains("templates/mail/x.txt"));
        assert!(told("Subject: a\n\n{% for i in range(99999) %}{{ i }}{% endfor %}").contains("fuel"));
        assert!(told("Subject: a\n\n{% include '../../x.txt' %}").contains("cannot be used"));
        assert!(render(&templates, "none", json!({})).unwrap_err().detail().contains("no such file"));
        assert!(render(&templates, "../x", json!({})).is_err());
    }
}
