//! JSON merge patch (RFC 7396) on the text in which JSON is stored.

use mains_base::Value;
use serde_json::{Map, Value as Json};

/// The stored object with the patch in it. Where no object is stored, the patch as it is.
pub(super) fn into(stored: &Value, patch: &Value) -> Value {
    let (Some(Json::Object(mut stored)), Some(Json::Object(patch))) = (read(stored), read(patch)) else {
        return patch.clone();
    };
    merge(&mut stored, patch);
    let mut whole = Json::Object(stored);
    whole.sort_all_objects();
    Value::Text(whole.to_string())
}

fn read(value: &Value) -> Option<Json> {
    serde_json::from_str(value.as_text()?).ok()
}

fn merge(stored: &mut Map<String, Json>, patch: Map<String, Json>) {
    for (key, value) in patch {
        match value {
            Json::Null => {
                stored.remove(&key);
            }
            Json::Object(inner) => {
                let place = stored.entry(key).or_insert(Json::Null);
                let mut known = place.as_object().cloned().unwrap_or_default();
                merge(&mut known, inner);
                *place = Json::Object(known);
            }
            value => {
                stored.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the examples of RFC 7396, appendix A, that are about objects.
    #[test]
    fn examples_of_the_specification() {
        for (stored, patch, becomes) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"a":1,"e":null}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            let merged = into(&Value::from(stored), &Value::from(patch));
            assert_eq!(merged, Value::from(becomes), "{stored} {patch}");
        }
        assert_eq!(into(&Value::Null, &Value::from(r#"{"a":null}"#)), Value::from(r#"{"a":null}"#));
    }
}
