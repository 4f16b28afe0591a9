//! Values of every type there and back, and what is said of those that do not fit.

use mains_base::{Currency, MAX_INTEGER, Money, Prefix, Time, Uuid, Value, nfc};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::expression::Type;
use crate::schema::{Choice, CollectionId, CurrencyRule, FieldId, Many, OnDelete, Pattern};

fn field(kind: FieldKind) -> Field {
    Field::new(FieldId::FIRST, "it", kind)
}

fn text() -> FieldKind {
    FieldKind::Text { min: None, max: 5000, pattern: None, ignore_case: false }
}

fn many(kind: FieldKind) -> Field {
    Field { many: Some(Many { max_items: 3 }), ..field(kind) }
}

fn schema() -> Schema {
    let notes = Collection {
        prefix: Prefix::new("note"),
        fields: vec![Field { id: FieldId::ID, name: "id".into(), ..field(FieldKind::Id) }],
        key: vec![FieldId::ID],
        ..Collection::new(CollectionId(0), "notes")
    };
    Schema { names: [("notes".to_owned(), CollectionId(0))].into(), collections: vec![notes] }
}

fn relation() -> FieldKind {
    FieldKind::Relation { to: CollectionId(0), inverse: None, on_delete: OnDelete::Restrict }
}

fn kinds() -> Vec<FieldKind> {
    let choice = |name: &str| Choice { name: name.into(), was: None };
    vec![
        text(),
        FieldKind::Integer { min: None, max: None, sequence: None },
        FieldKind::Number { min: None, max: None },
        FieldKind::Decimal { scale: 2, min: None, max: None },
        FieldKind::Money { currency: CurrencyRule::Free },
        FieldKind::Bool,
        FieldKind::Date { min: None, max: None },
        FieldKind::Datetime { min: None, max: None },
        FieldKind::Enum { values: vec![choice("open"), choice("done")], transitions: None },
        FieldKind::Json { max_bytes: 65_536 },
        relation(),
        FieldKind::Bytes { max_bytes: 32 },
        FieldKind::Point,
    ]
}

fn value(kind: &FieldKind) -> BoxedStrategy<Value> {
    let number =
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(|number| number + 0.0);
    match kind {
        FieldKind::Text { .. } => "[^\0]{1,40}".prop_map(|text| Value::Text(nfc(&text))).boxed(),
        FieldKind::Integer { .. } | FieldKind::Decimal { .. } => {
            (-MAX_INTEGER..=MAX_INTEGER).prop_map(Value::Int).boxed()
        }
        FieldKind::Number { .. } => number.prop_map(Value::Double).boxed(),
        FieldKind::Money { .. } => ((-MAX_INTEGER..=MAX_INTEGER), "[A-Z]{3}")
            .prop_map(|(amount, code)| {
                Value::Money(Money { amount, currency: Currency::new(&code).unwrap() })
            })
            .boxed(),
        FieldKind::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        FieldKind::Date { .. } => (-719_162_i64..=2_932_896).prop_map(Value::Int).boxed(),
        FieldKind::Datetime { .. } => (Time::MIN.micros()..=Time::MAX.micros()).prop_map(Value::Int).boxed(),
        FieldKind::Enum { .. } => prop_oneof![Just("open"), Just("done")].prop_map(Value::from).boxed(),
        FieldKind::Json { .. } => ("[^\0]{0,9}", number, any::<u64>(), any::<bool>())
            .prop_map(|(text, double, whole, truth)| {
                let json = json!({ "z": [text, double, { "b": truth, "a": null }], "a": whole });
                element_from_json(&field(FieldKind::Json { max_bytes: 999 }), &Schema::default(), &json)
                    .unwrap()
            })
            .boxed(),
        FieldKind::Relation { .. } => any::<[u8; 16]>().prop_map(|bytes| Value::Id(Uuid(bytes))).boxed(),
        FieldKind::Bytes { .. } => {
            proptest::collection::vec(any::<u8>(), 1..32).prop_map(Value::Bytes).boxed()
        }
        _ => (-90.0..=90.0, -180.0..=180.0)
            .prop_map(|(north, east)| {
                Value::Point(mains_base::Point { latitude: north + 0.0, longitude: east + 0.0 })
            })
            .boxed(),
    }
}

proptest! {
    #[test]
    fn there_and_back((kind, value) in proptest::sample::select(kinds()).prop_flat_map(|kind| {
        let values = prop_oneof![9 => value(&kind), 1 => Just(Value::Null)];
        (Just(kind), values)
    })) {
        let (schema, field) = (schema(), field(kind));
        prop_assume!(!(value.is_null() && matches!(field.kind, FieldKind::Bool)));
        let text = serde_json::to_string(&to_json(&field, &schema, &value)).unwrap();
        let json = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(from_json(&field, &schema, &json), Ok(value.clone()));
        prop_assert_eq!(from_text(&field, &schema, &to_text(&field, &schema, &value)), Ok(value));
    }

    #[test]
    fn lists_there_and_back(texts in proptest::collection::hash_set("[^\0]{1,9}", 0..3)) {
        let (schema, field) = (schema(), many(text()));
        let mut items: Vec<String> = texts.iter().map(|text| nfc(text)).collect();
        items.sort();
        items.dedup();
        let value = Value::List(items.into_iter().map(Value::Text).collect());
        prop_assert_eq!(from_json(&field, &schema, &to_json(&field, &schema, &value)), Ok(value.clone()));
        prop_assert_eq!(from_text(&field, &schema, &to_text(&field, &schema, &value)), Ok(value));
    }

    #[test]
    fn no_text_breaks_a_reader(source in any::<String>()) {
        let schema = schema();
        for kind in kinds() {
            let field = field(kind);
            if let Ok(value) = from_text(&field, &schema, &source) {
                prop_assert_eq!(check(&field, &value), Ok(()));
            }
        }
    }
}

/// What is said of `json` in a field of this kind.
fn said(kind: FieldKind, json: serde_json::Value) -> String {
    said_of(&field(kind), json)
}

#[expect(clippy::needless_pass_by_value, reason = "shorter cases")]
fn said_of(field: &Field, json: serde_json::Value) -> String {
    match from_json(field, &schema(), &json) {
        Ok(value) => panic!("{json} became {value:?}"),
        Err(problem) => format!("{}: {}", problem.code, problem.message),
    }
}

#[test]
fn json_is_only_so_deep_that_every_reader_can_follow() {
    let nested = |open: &str, close: &str, levels: usize| {
        serde_json::from_str::<serde_json::Value>(&(open.repeat(levels) + "1" + &close.repeat(levels)))
            .unwrap()
    };
    let kind = || FieldKind::Json { max_bytes: 65_536 };
    let refused = "too_deep: At most 64 lists and objects may stand in each other here.";
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deepest = nested(open, close, DEEPEST_JSON);
        assert!(from_json(&field(kind()), &schema(), &deepest).is_ok(), "{open}");
        assert_eq!(said(kind(), nested(open, close, DEEPEST_JSON + 1)), refused);
        let text = nested(open, close, DEEPEST_JSON + 1).to_string();
        assert_eq!(from_text(&field(kind()), &schema(), &text).unwrap_err().code, "too_deep");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table of cases")]
fn what_to_type_instead() {
    let short = || FieldKind::Text { min: Some(2), max: 3, pattern: None, ignore_case: false };
    let integer = || FieldKind::Integer { min: Some(0), max: Some(9), sequence: None };
    let decimal = || FieldKind::Decimal { scale: 2, min: Some(-100), max: None };
    let date = || FieldKind::Date { min: Some(0), max: None };
    let euros = || FieldKind::Money { currency: CurrencyRule::Fixed(Currency::new("EUR").unwrap()) };
    let open = Choice { name: "open".into(), was: None };
    let done = Choice { name: "done".into(), was: None };
    let cases = [
        (text(), json!(3), "type: Send text, such as \"words\"."),
        (text(), json!("a\0"), "type: Leave out the character U+0000."),
        (short(), json!("a"), "too_short: Write at least 2 characters; these are 1."),
        (short(), json!("👨‍👩‍👧"), "too_long: Write at most 3 characters; these are 5."),
        (integer(), json!("3"), "type: Send a whole number, such as 3."),
        (integer(), json!(2.5), "type: Send a whole number, such as 3."),
        (integer(), json!(-1), "too_small: The least here is 0."),
        (integer(), json!(10), "too_large: The most here is 9."),
        (
            decimal(),
            json!(1.5),
            "type: Send the number as text, such as \"12.50\", so that no digit is lost.",
        ),
        (
            decimal(),
            json!("1.505"),
            "type: Write a number with up to 2 digits after the point, such as \"12.50\".",
        ),
        (decimal(), json!("-1.01"), "too_small: The least here is -1.00."),
        (date(), json!("2024-02-30"), "type: Write it like \"2026-11-21\"."),
        (date(), json!("1969-12-31"), "too_small: The least here is 1970-01-01."),
        (FieldKind::Bool, json!(1), "type: Say true or false."),
        (FieldKind::Bool, json!(null), "required: Say true or false."),
        (
            FieldKind::Datetime { min: None, max: None },
            json!("2026-11-21T10:00"),
            "type: Write it like \"2026-11-21T09:30:00Z\".",
        ),
        (
            FieldKind::Email { max: 254 },
            json!("ada"),
            "email: Write an e-mail address, such as ada@example.com.",
        ),
        (
            FieldKind::Url { max: 2000 },
            json!("javascript:alert(1)"),
            "url: Write a whole web address, such as https://example.com/page.",
        ),
        (
            FieldKind::Slug { from: None, scope: None, follows: false },
            json!("Ä b"),
            "slug: Use only the letters a to z, digits and hyphens, such as my-first-page.",
        ),
        (
            FieldKind::Enum { values: vec![open, done], transitions: None },
            json!("shut"),
            "choice: Choose one of: open, done.",
        ),
        (euros(), json!({ "amount": 1, "currency": "USD" }), "currency: The currency here is always EUR."),
        (
            euros(),
            json!(1),
            "type: Send an amount in minor units and a currency: {\"amount\": 1999, \"currency\": \"EUR\"}.",
        ),
        (
            FieldKind::Money { currency: CurrencyRule::Free },
            json!({ "amount": 1 }),
            "currency: Say the currency too, such as \"EUR\".",
        ),
        (
            relation(),
            json!("story_01j9z3k8e5fs6v2x0q4m7c1b9d"),
            "id: Give the id of one of notes; it begins with note_.",
        ),
        (relation(), json!("note_1"), "id: This id is not whole; after note_ come 26 letters and digits."),
        (FieldKind::Json { max_bytes: 4 }, json!("abc"), "too_long: At most 4 bytes fit here; these are 5."),
    ];
    for (kind, json, expected) in cases {
        assert_eq!(said(kind, json), expected);
    }
}

#[test]
fn lists_say_which_element() {
    let schema = schema();
    let tags = many(text());
    assert_eq!(said_of(&tags, json!("a")), "type: Send a list, such as [\"one\", \"two\"].");
    let problem = from_json(&tags, &schema, &json!(["a", "b", "a"])).unwrap_err();
    let error = problem.at("tags");
    assert_eq!((error.pointer.as_str(), error.code), ("/tags/2", "duplicate"));
    assert_eq!(said_of(&tags, json!(["a", "b", "c", "d"])), "too_many: At most 3 fit here; these are 4.");
    assert_eq!(said_of(&tags, json!([null])), "type: A list holds no null; leave it out.");
    assert_eq!(said_of(&tags, json!([""])), "type: A list holds no empty text; leave it out.");
    let folded = many(FieldKind::Email { max: 254 });
    assert_eq!(said_of(&folded, json!(["a@b.co", "A@b.co"])), "duplicate: This stands in the list already.");
    assert_eq!(from_json(&tags, &schema, &json!(null)), Ok(Value::List(vec![])));
    assert_eq!(from_text(&tags, &schema, "a, b,"), Ok(Value::List(vec!["a".into(), "b".into()])));
}

#[test]
fn the_message_of_a_field_is_said() {
    let regex = regex::Regex::new("^(?:[a-z]+)$").unwrap();
    let pattern = || Some(Pattern { source: "[a-z]+".into(), regex: regex.clone() });
    let mut field = field(FieldKind::Text { min: None, max: 9, pattern: pattern(), ignore_case: false });
    assert_eq!(said_of(&field, json!("A")), "pattern: This must match [a-z]+ from beginning to end.");
    assert_eq!(said_of(&field, json!("a\n")), "pattern: This must match [a-z]+ from beginning to end.");
    field.message = Some("Small letters only.".into());
    assert_eq!(said_of(&field, json!("A")), "pattern: Small letters only.");
}

#[test]
fn the_message_of_a_number_is_said_of_its_bounds() {
    let mut field = field(FieldKind::Integer { min: Some(1), max: Some(5), sequence: None });
    assert_eq!(said_of(&field, json!(6)), "too_large: The most here is 5.");
    field.message = Some("Give one to five stars.".into());
    for number in [0, 6] {
        assert!(said_of(&field, json!(number)).ends_with(": Give one to five stars."), "{number}");
    }
    assert_eq!(field.said_of_bounds(), Some("Give one to five stars."));
}

#[test]
fn empty_is_null_and_text_is_normalized() {
    let (schema, field) = (schema(), field(text()));
    assert_eq!(from_json(&field, &schema, &json!("")), Ok(Value::Null));
    assert_eq!(from_text(&field, &schema, ""), Ok(Value::Null));
    assert_eq!(from_json(&field, &schema, &json!("e\u{301}")), Ok("é".into()));
}

#[test]
fn ids_of_the_record_itself() {
    let schema = schema();
    let id = &schema.collection(CollectionId(0)).fields[0];
    let value = from_json(id, &schema, &json!("note_01j9z3k8e5fs6v2x0q4m7c1b9d")).unwrap();
    assert_eq!(to_json(id, &schema, &value), json!("note_01j9z3k8e5fs6v2x0q4m7c1b9d"));
}

#[test]
fn calculated_values_go_out_by_their_type() {
    let schema = schema();
    assert_eq!(json_of_type(&Type::Decimal(3), &schema, &Value::Int(-5)), json!("-0.005"));
    assert_eq!(json_of_type(&Type::Duration, &schema, &Value::Int(-1_500_000)), json!("-1.5s"));
    assert_eq!(duration_to_text(0), "0s");
    assert_eq!(json_of_type(&Type::Date, &schema, &Value::Int(0)), json!("1970-01-01"));
    let list = Value::List(vec![Value::Int(0)]);
    let ty = Type::List(Box::new(Type::Timestamp));
    assert_eq!(json_of_type(&ty, &schema, &list), json!(["1970-01-01T00:00:00.000000Z"]));
}
