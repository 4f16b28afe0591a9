//! The members of the object that a body is.

use mains_base::{Error, Kind, Result};
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::Value as Json;

/// Fields of one body. Each is looked for among those before it.
pub(crate) const MOST_FIELDS: usize = 1_000;

/// The members of a JSON object in the order they were sent; one that comes twice is refused.
pub(crate) fn members(body: &[u8]) -> Result<Vec<(String, Json)>> {
    struct Members;
    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(String, Json)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::with_capacity(map.size_hint().unwrap_or(8).min(64));
            while let Some(name) = map.next_key::<String>()? {
                if members.iter().any(|(other, _)| *other == name) {
                    return Err(serde::de::Error::custom(format!("{name:?} comes twice")));
                }
                if members.len() == MOST_FIELDS {
                    return Err(serde::de::Error::custom(format!("it has more than {MOST_FIELDS} members")));
                }
                members.push((name, map.next_value()?));
            }
            Ok(members)
        }
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let members = json.deserialize_map(Members).and_then(|members| json.end().map(|()| members));
    members.map_err(|error| {
        let detail = format!("The body must be one JSON object: {error}.");
        Error::new(Kind::Malformed, "request.json", detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_object_and_nothing_else() {
        let read = |text: &str| members(text.as_bytes()).map(|members| members.len());
        let many = |count: usize| {
            let members: Vec<String> = (0..count).map(|place| format!("\"f{place}\": 1")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert_eq!(read(&many(MOST_FIELDS)).unwrap(), MOST_FIELDS);
        assert_eq!(read(" {\"a\": 1, \"b\": {\"c\": [1]}} ").unwrap(), 2);
        for bad in [
            "",
            "[]",
            "1",
            "{}{}",
            "{\"a\": 1, \"a\": 2}",
            "{\"a\": 01}",
            "{\"a\": NaN}",
            "{\"a\": \"\\ud800\"}",
            "{",
            &many(MOST_FIELDS + 1),
        ] {
            assert_eq!(read(bad).unwrap_err().code(), "request.json", "{bad}");
        }
    }
}
