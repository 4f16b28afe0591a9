//! A site's keys and the environment's variables over the defaults; unknown keys are errors with the nearest name.

use std::ops::Range;

use mains_base::nearest;
use mains_language::site::{Diagnostic, Severity};
use serde::Deserialize;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::{DEFAULTS, Settings};

/// Sections that later releases bring; named so that the sentence can say so.
const LATER: [&str; 1] = ["files"];

/// What is wrong with the settings, and where in `mains.toml` if it stands there.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) span: Option<Range<usize>>,
    /// The text that `span` points into.
    pub(crate) source: String,
}

impl Problem {
    pub(crate) fn plain(message: String) -> Self {
        Self { message, hint: None, span: None, source: String::new() }
    }

    /// As it is drawn, with its place in `mains.toml`.
    pub(crate) fn diagnostic(&self) -> Option<Diagnostic> {
        Some(Diagnostic {
            path: super::FILE.to_owned(),
            source: self.source.as_str().into(),
            span: self.span.clone()?,
            severity: Severity::Error,
            message: self.message.clone(),
            hint: self.hint.clone(),
        })
    }

    fn at(source: &str, span: Range<usize>, message: String) -> Self {
        Self { message, hint: None, span: Some(span), source: source.to_owned() }
    }
}

/// The defaults, `source` over them, `variable` over both.
pub(crate) fn merged(source: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Settings, Problem> {
    let mut all: Table = toml::from_str(DEFAULTS).map_err(|error| Problem::plain(error.to_string()))?;
    let site = DeTable::parse(source).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        Problem::at(source, span, format!("This is not TOML: {}.", error.message()))
    })?;
    for (name, value) in site.get_ref() {
        overlay_section(&mut all, source, name, value)?;
    }
    for (section, keys) in &mut all {
        let Some(keys) = keys.as_table_mut() else { continue };
        for (key, value) in keys.iter_mut() {
            let name = format!("MAINS_{section}_{key}").to_uppercase();
            if let Some(text) = variable(&name) {
                *value = from_variable(&name, &text, value)?;
            }
        }
    }
    Settings::deserialize(Value::Table(all)).map_err(|error| Problem::plain(error.message().to_owned()))
}

/// Refuses a variable that means a setting and names none: one of a section, one that is nearly a setting, one that
/// leaves the section out. Others beginning with `MAINS_` may be somebody's (Kubernetes makes some for a service).
pub(crate) fn known(variables: impl Iterator<Item = String>) -> Result<(), Problem> {
    let all: Table = toml::from_str(DEFAULTS).map_err(|error| Problem::plain(error.to_string()))?;
    let sections = all.iter().filter_map(|(section, keys)| Some((section, keys.as_table()?)));
    let name = |section: &str, key: &str| format!("MAINS_{section}_{key}").to_uppercase();
    let names: Vec<(String, String)> = sections
        .flat_map(|(section, keys)| keys.keys().map(move |key| (name(section, ""), name(section, key))))
        .collect();
    for variable in variables {
        let Some(rest) = variable.strip_prefix("MAINS_") else { continue };
        let is_of_a_cluster = rest.starts_with("SERVICE_") || rest == "PORT" || rest.starts_with("PORT_");
        if is_of_a_cluster || names.iter().any(|(_, name)| *name == variable) {
            continue;
        }
        let of_section = names.iter().any(|(section, _)| variable.starts_with(section));
        let bare = || names.iter().find(|(section, name)| name.strip_prefix(section) == Some(rest));
        let near = nearest(&variable, names.iter().map(|(_, name)| name.as_str()))
            .or_else(|| bare().map(|(_, name)| name.as_str()));
        if of_section || near.is_some() {
            let mut problem = Problem::plain(format!("The variable {variable} names no setting."));
            problem.hint = near.map(|name| format!("Did you mean {name}?"));
            return Err(problem);
        }
    }
    Ok(())
}

type Name<'s> = Spanned<std::borrow::Cow<'s, str>>;

fn overlay_section(
    all: &mut Table,
    source: &str,
    name: &Name<'_>,
    value: &Spanned<DeValue<'_>>,
) -> Result<(), Problem> {
    let section = name.get_ref().as_ref();
    if LATER.contains(&section) {
        let message = format!("[{section}] is not there yet: it comes with a later release.");
        return Err(Problem::at(source, name.span(), message));
    }
    let Some(keys) = all.get_mut(section).and_then(Value::as_table_mut) else {
        let names = all.keys().map(String::as_str);
        return Err(unknown(
            source,
            name.span(),
            &format!("There is no section [{section}]."),
            nearest(section, names),
        ));
    };
    let DeValue::Table(table) = value.get_ref() else {
        return Err(Problem::at(source, value.span(), format!("{section} is a section: write [{section}].")));
    };
    for (key, value) in table {
        overlay_key(keys, section, source, key, value)?;
    }
    Ok(())
}

fn overlay_key(
    keys: &mut Table,
    section: &str,
    source: &str,
    name: &Name<'_>,
    value: &Spanned<DeValue<'_>>,
) -> Result<(), Problem> {
    let key = name.get_ref().as_ref();
    let Some(default) = keys.get_mut(key) else {
        let message = format!("[{section}] has no key {key}.");
        let names = keys.keys().map(String::as_str);
        return Err(unknown(source, name.span(), &message, nearest(key, names)));
    };
    let text = source.get(value.span()).unwrap_or_default();
    let given: Table = toml::from_str(&format!("v = {text}"))
        .map_err(|error| Problem::at(source, value.span(), error.message().to_owned()))?;
    let Some(given) = given.get("v") else { return Ok(()) };
    if given.type_str() != default.type_str() {
        let message =
            format!("[{section}] {key} wants {}, as in `{key} = {default}`.", article(default.type_str()));
        return Err(Problem::at(source, value.span(), message));
    }
    *default = given.clone();
    Ok(())
}

fn article(kind: &str) -> String {
    let letter = if kind.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{letter} {kind}")
}

fn unknown(source: &str, span: Range<usize>, message: &str, nearest: Option<&str>) -> Problem {
    let mut problem = Problem::at(source, span, message.to_owned());
    problem.hint = nearest.map(|name| format!("Did you mean {name}?"));
    problem
}

fn from_variable(name: &str, text: &str, like: &Value) -> Result<Value, Problem> {
    let parsed = match like {
        Value::String(_) => Some(Value::String(text.to_owned())),
        Value::Integer(_) => text.parse().ok().map(Value::Integer),
        Value::Boolean(_) => text.parse().ok().map(Value::Boolean),
        Value::Array(_) => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            Some(Value::Array(parts.map(|part| Value::String(part.to_owned())).collect()))
        }
        _ => None,
    };
    parsed
        .ok_or_else(|| Problem::plain(format!("{name} is {text:?}; it wants {}.", article(like.type_str()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(source: &str) -> (String, Option<String>, Option<String>) {
        let problem = merged(source, |_| None).unwrap_err();
        let at = problem.span.and_then(|span| source.get(span)).map(str::to_owned);
        (problem.message, problem.hint, at)
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let some = |text: &str| Some(text.to_owned());
        let unknown = problem("[server]\nlissen = \"x\"\n");
        assert_eq!(
            unknown,
            ("[server] has no key lissen.".to_owned(), some("Did you mean listen?"), some("lissen"))
        );
        let section = problem("[serve]\n");
        assert_eq!(section.1, some("Did you mean server?"));
        assert_eq!(problem("[site]\nspa = \"yes\"\n").0, "[site] spa wants a boolean, as in `spa = false`.");
        assert!(problem("[files]\nurl = \"x\"\n").0.contains("not there yet"));
        assert!(problem("[site\n").0.starts_with("This is not TOML"));
    }

    #[test]
    fn variables_that_name_nothing_are_told() {
        let known = |name: &str| known([name.to_owned()].into_iter());
        for meant in ["MAINS_SERVR_LISTEN", "MAINS_LISTEN"] {
            let hint = known(meant).unwrap_err().hint;
            assert_eq!(hint.as_deref(), Some("Did you mean MAINS_SERVER_LISTEN?"), "{meant}");
        }
        assert!(known("MAINS_DATABSE_URL").is_err());
        let wrong = known("MAINS_SERVER_LISSEN").unwrap_err();
        assert_eq!(wrong.message, "The variable MAINS_SERVER_LISSEN names no setting.");
        assert_eq!(wrong.hint.as_deref(), Some("Did you mean MAINS_SERVER_LISTEN?"));
        assert!(
            known("MAINS_SERVER_LISTEN").is_ok()
                && known("MAINS_TEST_POSTGRES").is_ok()
                && known("MAINS_SERVICE_HOST").is_ok()
                && known("MAINS_SERVICE_PORT").is_ok()
                && known("MAINS_PORT").is_ok()
                && known("PATH").is_ok()
        );
    }

    #[test]
    fn variables_win() {
        let variable = |name: &str| match name {
            "MAINS_SERVER_LISTEN" => Some("0.0.0.0:80".to_owned()),
            "MAINS_RECORDS_LIMIT" => Some("7".to_owned()),
            "MAINS_SERVER_TRUSTED_PROXIES" => Some("10.0.0.0/8, 192.0.2.1/32".to_owned()),
            _ => None,
        };
        let settings = merged("[server]\nlisten = \"127.0.0.1:1\"\n", variable).unwrap();
        assert_eq!((settings.server.listen.as_str(), settings.records.limit), ("0.0.0.0:80", 7));
        assert_eq!(settings.server.trusted_proxies, ["10.0.0.0/8", "192.0.2.1/32"]);
        let wrong = merged("", |name| (name == "MAINS_SITE_SPA").then(|| "maybe".to_owned())).unwrap_err();
        assert_eq!(wrong.message, "MAINS_SITE_SPA is \"maybe\"; it wants a boolean.");
    }
}
