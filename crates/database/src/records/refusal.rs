//! What a request to read is refused with: 400, and one sentence that says which part of it is wrong.

use mains_base::{Error, Kind, Result};

/// The address is not one of a record here.
pub(super) const ADDRESS: &str = "query.address";
/// `expand=`
pub(super) const EXPAND: &str = "query.expand";
/// `expand=` asks for more than one answer may carry.
pub(super) const EXPAND_SIZE: &str = "query.expand_too_much";
/// `fields=`
pub(super) const FIELDS: &str = "query.fields";
/// `filter=`
pub(super) const FILTER: &str = "query.filter";
/// `group=`
pub(super) const GROUP: &str = "query.group";
/// `limit=`
pub(super) const LIMIT: &str = "query.limit";
/// `sum=`, `min=`, `max=`
pub(super) const MEASURE: &str = "query.measure";
/// `sort=`
pub(super) const SORT: &str = "query.sort";
/// `where.…=`
pub(super) const WHERE: &str = "query.where";

/// The engine's own code for a read beyond its budget.
const NEEDS_INDEX: &str = "query.needs_index";

/// 400 with this code and sentence.
pub(super) fn malformed(code: &'static str, detail: impl Into<String>) -> Error {
    Error::new(Kind::Malformed, code, detail.into())
}

/// 400: there is no such field, or none that leaves through a door; which of both is not said.
pub(super) fn no_field(code: &'static str, collection: &str, name: &str) -> Error {
    malformed(code, format!("{collection} has no field {name:?} that can be read."))
}

/// 400 unless this is a field's name, or several with points between them.
pub(super) fn no_path(code: &'static str, path: &str) -> Result<()> {
    let plain =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "_.".contains(letter);
    if !path.is_empty() && path.chars().all(plain) {
        return Ok(());
    }
    Err(malformed(code, format!("{path:?} is no field; name one, such as status or author.name.")))
}

/// The engine's refusal of what reads too much, with the index that is missing. Others stay as they are.
pub(super) fn advised(error: Error, name: &str, fields: &str) -> Error {
    if error.code() != NEEDS_INDEX || fields.is_empty() {
        return error;
    }
    let detail = format!(
        "This reads more of {name} than one request may. Ask for less, or declare an index in collections/{name}.toml: \
         [[indexes]] fields = [{fields}]."
    );
    Error::new(Kind::Invalid, NEEDS_INDEX, detail)
}
