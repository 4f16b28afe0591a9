//! The file of the vectors, read. Doubles and decimals stand there as text, relations as record keys.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the file is part of the repository and whole"
)]

use std::collections::BTreeMap;

use mains_base::{Caller, CallerKind, Currency, Date, Money, Point, Time, Uuid, Value};
use mains_language::expression::{TextKind, Type};
use mains_language::schema::{CollectionId, Field, FieldKind, Schema};
use serde_json::Value as Json;

use super::schema::schema;
use super::{Case, Expect, Record, World};

pub(super) fn world(source: &str) -> World {
    let mut lines = source.lines();
    let world: Json = serde_json::from_str(lines.next().unwrap()).unwrap();
    let schema = schema(&world);
    let records = records(&world, &schema);
    let accounts = schema.find("accounts").unwrap().id;
    let callers = world["auth"].as_object().unwrap();
    let callers =
        callers.iter().map(|(name, auth)| (name.clone(), caller(auth, accounts))).collect::<BTreeMap<_, _>>();
    let cases = lines.map(|line| case(&serde_json::from_str(line).unwrap(), &schema)).collect();
    let now = Time::parse(world["now"].as_str().unwrap()).unwrap();
    World { schema, records, now, callers, cases }
}

/// The id of a record: its collection and its key are its bytes.
fn id_of(collection: CollectionId, key: &str) -> Uuid {
    let mut bytes = [0; 16];
    bytes[6] = 0x70;
    bytes[7] = u8::try_from(collection.0).unwrap();
    bytes[8] = 0x80;
    for (place, byte) in bytes[9..].iter_mut().zip(key.bytes()) {
        *place = byte;
    }
    Uuid(bytes)
}

fn records(world: &Json, schema: &Schema) -> Vec<Record> {
    let mut records = Vec::new();
    for (name, of) in world["records"].as_object().unwrap() {
        let collection = schema.find(name).unwrap();
        for (key, values) in of.as_object().unwrap() {
            let stored = collection.fields.iter().skip(1).map(|field| {
                let ty = type_of(field);
                let ty = if field.many.is_some() { Type::List(Box::new(ty)) } else { ty };
                value(&values[&field.name], &ty)
            });
            let id = Value::Id(id_of(collection.id, key));
            let values = std::iter::once(id).chain(stored).collect();
            records.push(Record { collection: collection.id, key: key.clone(), values });
        }
    }
    records
}

fn type_of(field: &Field) -> Type {
    match &field.kind {
        FieldKind::Integer { .. } => Type::Int,
        FieldKind::Number { .. } => Type::Double,
        FieldKind::Decimal { scale, .. } => Type::Decimal(*scale),
        FieldKind::Money { .. } => Type::Money,
        FieldKind::Bool => Type::Bool,
        FieldKind::Date { .. } => Type::Date,
        FieldKind::Datetime { .. } => Type::Timestamp,
        FieldKind::Relation { to, .. } => Type::Record(*to),
        FieldKind::File => Type::File,
        FieldKind::Point => Type::Point,
        _ => Type::Text(TextKind::Plain),
    }
}

fn value(json: &Json, ty: &Type) -> Value {
    if json.is_null() {
        return Value::Null;
    }
    let text = || json.as_str().unwrap();
    match ty {
        Type::Bool => Value::Bool(json.as_bool().unwrap()),
        Type::Int | Type::Duration => Value::Int(json.as_i64().unwrap()),
        Type::Double => Value::Double(text().parse().unwrap()),
        Type::Decimal(scale) => Value::Int(decimal(text(), *scale)),
        Type::Date => Value::Int(Date::parse(text()).unwrap().days()),
        Type::Timestamp => Value::Int(Time::parse(text()).unwrap().micros()),
        Type::Record(of) => Value::Id(id_of(*of, text())),
        Type::Money => {
            let currency = Currency::new(json["currency"].as_str().unwrap()).unwrap();
            Value::Money(Money { amount: json["amount"].as_i64().unwrap(), currency })
        }
        Type::Point => {
            let degrees = |place: usize| json[place].as_str().unwrap().parse().unwrap();
            Value::Point(Point { latitude: degrees(0), longitude: degrees(1) })
        }
        Type::File => {
            let name = |part: &str| Value::from(json[part].as_str().unwrap());
            Value::List(vec![name("name"), name("type"), Value::Int(json["size"].as_i64().unwrap())])
        }
        Type::List(element) => {
            Value::List(json.as_array().unwrap().iter().map(|item| value(item, element)).collect())
        }
        Type::Null | Type::Text(_) | Type::Json => Value::from(text()),
    }
}

fn decimal(text: &str, scale: u8) -> i64 {
    let (whole, digits) = text.split_once('.').unwrap_or((text, ""));
    assert_eq!(digits.len(), usize::from(scale), "{text}");
    format!("{whole}{digits}").parse().unwrap()
}

fn caller(auth: &Json, accounts: CollectionId) -> Caller {
    if auth.is_null() {
        return Caller::visitor();
    }
    let texts = |part: &str| {
        auth[part].as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    Caller {
        kind: if auth["kind"] == "key" { CallerKind::Key } else { CallerKind::Account },
        id: id_of(accounts, auth["id"].as_str().unwrap()),
        verified: auth["verified"] == true,
        staff: auth["staff"] == true,
        roles: texts("roles"),
        scopes: texts("scopes"),
        rights: texts("rights"),
        level: auth["level"].as_i64().unwrap(),
        proven_at: auth["proven_at"].as_str().map(|text| Time::parse(text).unwrap()),
    }
}

fn case(json: &Json, schema: &Schema) -> Case {
    Case {
        number: json["case"].as_u64().unwrap(),
        source: json["expr"].as_str().unwrap().to_owned(),
        collection: schema.find(json["collection"].as_str().unwrap()).unwrap().id,
        caller: json["auth"].as_str().unwrap_or("visitor").to_owned(),
        old: json["old"].as_str().map(str::to_owned),
        expect: expect(json, schema),
        tolerance: json["tolerance"].as_f64().unwrap_or(0.0),
    }
}

fn expect(json: &Json, schema: &Schema) -> Expect {
    if json["refused"] == true {
        return Expect::Refused(json["why"].as_str().unwrap_or_default().to_owned());
    }
    let ty = named(json["type"].as_str().unwrap(), schema);
    let one = |expected: &Json| expected.as_array().map(|known| value(&known[0], &ty));
    let expected = json["expect"].as_object().unwrap();
    let values = expected.iter().map(|(key, expected)| (key.clone(), one(expected))).collect();
    Expect::Values(ty, values)
}

fn named(name: &str, schema: &Schema) -> Type {
    if let Some(scale) = name.strip_prefix("decimal(") {
        return Type::Decimal(scale.trim_end_matches(')').parse().unwrap());
    }
    if let Some(of) = name.strip_prefix("record ") {
        return Type::Record(schema.find(of).unwrap().id);
    }
    match name {
        "bool" => Type::Bool,
        "int" => Type::Int,
        "double" => Type::Double,
        "date" => Type::Date,
        "timestamp" => Type::Timestamp,
        "duration" => Type::Duration,
        other => {
            assert_eq!(other, "string");
            Type::Text(TextKind::Plain)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_file_is_read() {
        let world = World::new();
        assert_eq!(world.cases.len(), 500);
        let items = world.schema.find("items").unwrap();
        let full = world.record(items.id, "full");
        assert_eq!(full.values.len(), items.fields.len());
        assert_eq!(full.values[usize::from(items.find("price").unwrap().id.0)], Value::Int(1050));
        assert_eq!(
            world.callers["ann"].id,
            world.record(world.schema.find("accounts").unwrap().id, "ann").id()
        );
    }
}
