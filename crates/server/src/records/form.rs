//! Plain HTML forms: the same doors as JSON, with the few fields that a browser cannot say otherwise.

use http::Method;
use mains_base::{Error, Kind, Result, nearest};

use super::members::MOST_FIELDS;
use crate::multipart;
use crate::percent;

/// A decoded form.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form {
    /// The fields of the record, in order.
    pub(crate) fields: Vec<(String, String)>,
    /// `_method`: what the form stands for where HTML knows POST alone.
    pub(crate) method: Option<Method>,
    /// `_next`: where to go on success.
    pub(crate) next: Option<String>,
    /// `_page`: which page to show again on failure.
    pub(crate) page: Option<String>,
    /// `_form`: which of several forms of that page it is.
    pub(crate) name: Option<String>,
}

impl Form {
    /// Reads `application/x-www-form-urlencoded`.
    pub(crate) fn read(body: &[u8]) -> Result<Self> {
        let pairs = std::str::from_utf8(body).ok().and_then(percent::pairs).ok_or_else(unreadable)?;
        Self::of(pairs.into_iter().map(|(name, value)| (name.into_owned(), value.into_owned())))
    }

    /// Reads `multipart/form-data`, files excepted.
    pub(crate) fn read_parts(boundary: &str, body: &[u8]) -> Result<Self> {
        Self::of(multipart::fields(boundary, body)?.into_iter())
    }

    fn of(pairs: impl Iterator<Item = (String, String)>) -> Result<Self> {
        let mut form = Self::default();
        for (name, value) in pairs {
            let said = Some(value.clone()).filter(|value| !value.is_empty());
            match &*name {
                "_method" => form.method = Some(method(&value)?),
                "_next" => form.next = said,
                "_page" => form.page = said,
                "_form" => form.name = said,
                other if other.starts_with('_') => return Err(unknown(other)),
                _ if form.fields.len() == MOST_FIELDS => return Err(too_many()),
                _ => form.fields.push((name, value)),
            }
        }
        Ok(form)
    }
}

fn method(text: &str) -> Result<Method> {
    match text.to_ascii_uppercase().as_str() {
        "POST" => Ok(Method::POST),
        "PATCH" => Ok(Method::PATCH),
        "PUT" => Ok(Method::PUT),
        "DELETE" => Ok(Method::DELETE),
        _ => Err(malformed("forms.method", "_method is POST, PATCH, PUT or DELETE.".to_owned())),
    }
}

fn unknown(name: &str) -> Error {
    let near = nearest(name, ["_method", "_next", "_page", "_form"]);
    let near = near.map_or(String::new(), |near| format!(" Did you mean {near}?"));
    malformed("forms.unknown", format!("A form has no field {name:?} with this meaning.{near}"))
}

fn too_many() -> Error {
    let detail = format!("A form has at most {MOST_FIELDS} fields; send it in parts.");
    malformed("forms.too_many", detail)
}

fn unreadable() -> Error {
    malformed(
        "forms.unreadable",
        "The form is not percent-encoded UTF-8; send it again as browsers do.".to_owned(),
    )
}

fn malformed(code: &'static str, detail: String) -> Error {
    Error::new(Kind::Malformed, code, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_what_stands_beside_them() {
        let form = Form::read(b"_method=patch&title=a+b&tags=x&tags=y&_next=%2Fthanks").unwrap();
        assert_eq!((form.method, form.next.as_deref()), (Some(Method::PATCH), Some("/thanks")));
        let fields: Vec<_> = form.fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(fields, ["title=a b", "tags=x", "tags=y"]);
        for (body, code) in [
            ("_method=GET", "forms.method"),
            ("_nxt=/", "forms.unknown"),
            ("a=%ff", "forms.unreadable"),
            (&*"a=1&".repeat(MOST_FIELDS + 1), "forms.too_many"),
        ] {
            assert_eq!(Form::read(body.as_bytes()).unwrap_err().code(), code, "{body}");
        }
    }
}
