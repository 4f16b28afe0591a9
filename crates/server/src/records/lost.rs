//! What a body says and its values do not: nothing of it is dropped in silence.

use mains_base::FieldError;
use mains_language::schema::{Field, FieldKind};
use mains_language::values::{self, Flaw, FlawKind};
use serde_json::Value as Json;

/// Whether the text of this value may say more than the value does.
fn may_hide(value: &Json) -> bool {
    let large = |number: f64| number.abs() >= 9e18;
    match value {
        Json::Array(_) | Json::Object(_) => true,
        Json::Number(number) => number.is_f64() && number.as_f64().is_some_and(large),
        _ => false,
    }
}

/// What a body says and its values do not, as problems of fields: members of members that come twice, and digits of
/// JSON's numbers.
pub(crate) fn lost<'f>(
    body: &[u8],
    members: &[(String, Json)],
    field: impl Fn(&str) -> Option<&'f Field>,
) -> Vec<FieldError> {
    if !members.iter().any(|(_, value)| may_hide(value)) {
        return Vec::new();
    }
    let is_json = |name: &str| field(name).is_some_and(|field| matches!(field.kind, FieldKind::Json { .. }));
    values::flaws(body).iter().filter_map(|flaw| problem(flaw, is_json)).collect()
}

/// A number too long for a field that holds no JSON is the field's own matter: it rounds it or refuses it.
fn problem(flaw: &Flaw, is_json: impl Fn(&str) -> bool) -> Option<FieldError> {
    let name = flaw.pointer.split('/').nth(1).unwrap_or_default().replace("~1", "/").replace("~0", "~");
    let error = match flaw.kind {
        FlawKind::Twice => FieldError::new(&name, "twice", "This comes twice; send it once."),
        FlawKind::Digits if !is_json(&name) => return None,
        FlawKind::Digits => {
            let message = "This number has too many digits to be kept exactly; send it as text.";
            FieldError::new(&name, "digits", message)
        }
    };
    Some(FieldError { pointer: flaw.pointer.clone(), ..error })
}
