//! Plain HTML forms: the same doors as JSON, with the three fields that a browser cannot say otherwise.

use http::Method;
use mains_base::{Error, Kind, Result, nearest};

use super::query::not_yet;
use crate::percent;

/// A decoded form.
#[derive(Debug)]
pub(crate) struct Form {
    /// The fields of the record, in order.
    pub(crate) fields: Vec<(String, String)>,
    /// `_method`: what the form stands for where HTML knows POST alone.
    pub(crate) method: Option<Method>,
    /// `_next`: where to go on success.
    pub(crate) next: Option<String>,
}

impl Form {
    /// Reads `application/x-www-form-urlencoded`.
    pub(crate) fn read(body: &[u8]) -> Result<Self> {
        let pairs = std::str::from_utf8(body).ok().and_then(percent::pairs).ok_or_else(unreadable)?;
        let mut form = Self { fields: Vec::new(), method: None, next: None };
        for (name, value) in pairs {
            match &*name {
                "_method" => form.method = Some(method(&value)?),
                "_next" => form.next = Some(value.into_owned()).filter(|next| !next.is_empty()),
                "_page" => return Err(not_yet("Showing the form again by _page")),
                other if other.starts_with('_') => return Err(unknown(other)),
                _ => form.fields.push((name.into_owned(), value.into_owned())),
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
    let near = nearest(name, ["_method", "_next", "_page"]);
    let near = near.map_or(String::new(), |near| format!(" Did you mean {near}?"));
    malformed("forms.unknown", format!("A form has no field {name:?} with this meaning.{near}"))
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
            ("_page=/x", "not_yet"),
            ("a=%ff", "forms.unreadable"),
        ] {
            assert_eq!(Form::read(body.as_bytes()).unwrap_err().code(), code, "{body}");
        }
    }
}
