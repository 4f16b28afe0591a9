//! Random schema after random schema over one database: either refused and nothing changed, or done, so that a
//! second plan is empty and whatever was stored is still there, under the names that the plan said.

use std::collections::{BTreeMap, HashMap};

use mains_base::{Value, fold};
use mains_database::schema::{apply, plan};
use mains_testkit::{TestDb, on_both_empty};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use super::build::{CollectionSpec, FieldSpec, Holds, choices, collection, field, site};
use super::{id, rows, run};

/// Schemas of one walk.
const STEPS: usize = 60;

/// Collection and field → record → value. Lists: the elements in order.
type Stored = BTreeMap<(String, String), BTreeMap<String, String>>;

fn holds() -> impl Strategy<Value = Holds> {
    let values = prop::sample::subsequence(vec!["one", "two", "three<one", "four<two"], 1..4);
    prop_oneof![
        3 => prop::sample::select(vec![2_usize, 5, 50]).prop_map(Holds::Text),
        2 => Just(Holds::Folded(50)),
        1 => Just(Holds::Email),
        3 => (prop::option::of(-5_i64..5), prop::option::of(5_i64..15))
            .prop_map(|(min, max)| Holds::Integer(min, max)),
        1 => Just(Holds::Sequence(None)),
        1 => Just(Holds::Number),
        1 => (0_u8..3).prop_map(Holds::Decimal),
        1 => prop::sample::select(vec![None, Some("EUR"), Some("USD")]).prop_map(Holds::Money),
        1 => Just(Holds::Bool),
        1 => Just(Holds::Date),
        2 => values.prop_map(|values| choices(&values)),
        2 => prop::sample::select(vec!["as", "bs"]).prop_map(|to| Holds::Relation(to.into())),
    ]
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "c", "d", "e"])
}

fn one_field() -> impl Strategy<Value = FieldSpec> {
    let flags = (prop::bool::weighted(0.2), prop::bool::weighted(0.2), prop::bool::weighted(0.5));
    (name(), prop::option::weighted(0.4, name()), holds(), flags).prop_map(
        |(name, was, holds, (many, required, filled))| {
            let mut spec = field(name, holds);
            spec.was = was.filter(|was| *was != name).map(str::to_owned);
            spec.required = required || spec.holds == Holds::Bool;
            let plain =
                matches!(spec.holds, Holds::Text(_) | Holds::Folded(_) | Holds::Enum(_) | Holds::Email);
            spec.many = (many && plain).then_some(3);
            let default = cell(&spec.holds, 1);
            spec.default =
                (filled && spec.many.is_none()).then_some(default).filter(|value| !value.is_null());
            spec
        },
    )
}

fn one_collection(name: &'static str) -> impl Strategy<Value = CollectionSpec> {
    let was = prop::option::weighted(0.3, prop::sample::select(vec!["as", "bs", "cs"]));
    let extras = (prop::option::weighted(0.3, any::<prop::sample::Index>()), any::<bool>());
    (was, prop::collection::vec(one_field(), 0..5), extras).prop_map(move |(was, fields, (index, unique))| {
        let mut spec = collection(name).prefix("x");
        spec.was = was.filter(|was| *was != name).map(str::to_owned);
        for field in fields {
            if spec.fields.iter().all(|other| other.name != field.name) {
                spec.fields.push(field);
            }
        }
        let single: Vec<FieldSpec> =
            spec.fields.iter().filter(|field| field.many.is_none()).cloned().collect();
        let Some(at) = index.filter(|_| !single.is_empty()) else { return spec };
        let chosen = &single[at.index(single.len())];
        match chosen.holds {
            Holds::Integer(..) if !unique => spec.less("low", &chosen.name, 10),
            _ if unique => spec.unique(&[chosen.name.as_str()]),
            _ => spec.index(&[chosen.name.as_str(), "created"], None),
        }
    })
}

fn a_site() -> impl Strategy<Value = Vec<CollectionSpec>> {
    (one_collection("as"), one_collection("bs"), prop::option::of(one_collection("cs")))
        .prop_map(|(first, second, third)| [first, second].into_iter().chain(third).collect())
}

/// A value, or for odd numbers of some kinds none.
fn cell(holds: &Holds, number: u8) -> Value {
    let text = ["x", "Straße", "yy", "Zebra crossing"][usize::from(number) % 4];
    let whole = i64::from(number % 16) - 4;
    match holds {
        Holds::Text(max) => text.chars().take(*max).collect::<String>().into(),
        Holds::Folded(_) => text.into(),
        Holds::Email => format!("A{number}@b.example").into(),
        Holds::Integer(min, max) => whole.clamp(min.unwrap_or(-9), max.unwrap_or(99)).into(),
        Holds::Number => Value::Double(f64::from(number) / 8.0),
        Holds::Decimal(_) | Holds::Date => whole.into(),
        Holds::Money(currency) => Value::Money(mains_base::Money {
            amount: whole,
            currency: mains_base::Currency::new(currency.unwrap_or("JPY")).unwrap(),
        }),
        Holds::Bool => number.is_multiple_of(2).into(),
        Holds::Enum(values) => values[usize::from(number) % values.len()].0.as_str().into(),
        _ => Value::Null,
    }
}

/// Tries to add records. Some break a constraint, which is as well.
async fn add(db: &TestDb, site: &[CollectionSpec], from: u8) {
    for spec in site {
        for number in from..from + 3 {
            let mut columns = "\"id\", \"created\", \"updated\", \"version\"".to_owned();
            let mut values = vec![Value::Id(id(number)), Value::Int(i64::from(number))];
            let mut places = "$1, $2, $2, 1".to_owned();
            for declared in spec.fields.iter().filter(|field| field.many.is_none()) {
                let value = match &declared.holds {
                    Holds::Relation(_) if number % 2 == 0 => Value::Id(id(from)),
                    holds if number % 3 == 0 && !declared.required => {
                        if *holds == Holds::Bool {
                            false.into()
                        } else {
                            Value::Null
                        }
                    }
                    holds => cell(holds, number),
                };
                let mut add = |column: String, value: Value| {
                    values.push(value);
                    columns.push_str(&format!(", \"{column}\""));
                    places.push_str(&format!(", ${}", values.len()));
                };
                let name = &declared.name;
                match (value, &declared.holds) {
                    (Value::Money(money), Holds::Money(None)) => {
                        add(name.clone(), money.amount.into());
                        add(format!("{name}__currency"), money.currency.as_str().into());
                    }
                    (Value::Money(money), _) => add(name.clone(), money.amount.into()),
                    (Value::Text(text), Holds::Folded(_) | Holds::Email) => {
                        add(format!("{name}__folded"), fold(&text).into());
                        add(name.clone(), text.into());
                    }
                    (value, _) => add(name.clone(), value),
                }
            }
            let sql = format!("INSERT INTO \"{}\" ({columns}) VALUES ({places})", spec.name);
            drop(run(db, &sql, &values).await);
            for declared in spec.fields.iter().filter(|field| field.many.is_some()) {
                let value = cell(&declared.holds, number);
                let folds = matches!(declared.holds, Holds::Folded(_) | Holds::Email);
                let twin = if folds { (", target__folded", ", 'f'") } else { ("", "") };
                let sql = format!(
                    "INSERT INTO \"{}__{}\" (record, target, position{}) VALUES ($1, $2, 0{})",
                    spec.name, declared.name, twin.0, twin.1
                );
                drop(run(db, &sql, &[id(number).into(), value]).await);
            }
        }
    }
}

/// Everything that is stored and not null.
async fn stored(db: &TestDb, site: &[CollectionSpec]) -> Stored {
    let mut found = Stored::new();
    for spec in site {
        let ids = format!("SELECT \"id\" FROM \"{}\"", spec.name);
        let ids = rows(db, &ids).await.into_iter().map(|row| (format!("{:?}", row.id(0)), String::new()));
        found.insert((spec.name.clone(), String::new()), ids.collect());
        for declared in &spec.fields {
            let sql = if declared.many.is_some() {
                format!(
                    "SELECT \"record\", \"target\" FROM \"{}__{}\" ORDER BY \"position\"",
                    spec.name, declared.name
                )
            } else {
                let name = &declared.name;
                format!("SELECT \"id\", \"{name}\" FROM \"{}\" WHERE \"{name}\" IS NOT NULL", spec.name)
            };
            let mut values: BTreeMap<String, String> = BTreeMap::new();
            for row in rows(db, &sql).await {
                values
                    .entry(format!("{:?}", row.id(0)))
                    .or_default()
                    .push_str(&format!("{:?} ", row.value(1)));
            }
            found.insert((spec.name.clone(), declared.name.clone()), values);
        }
    }
    found
}

/// What was stored, under the names and values that the plan says.
fn expected(before: &Stored, said: &str) -> Stored {
    let renames = |start: &str| -> HashMap<String, String> {
        let lines = said.lines().filter_map(|line| line.strip_prefix(start)?.split_once(" → "));
        lines.map(|(old, new)| (old.to_owned(), new.to_owned())).collect()
    };
    let (collections, fields) = (renames("~ collection "), renames("~ field "));
    let mut after = Stored::new();
    for ((collection, field), values) in before {
        let collection = collections.get(collection).unwrap_or(collection);
        let path = format!("{collection}.{field}");
        let path = fields.get(&path).cloned().unwrap_or(path);
        let mut values = values.clone();
        let mut turned = renames(&format!("~ field {path}: value "));
        for value in values.values_mut() {
            for (old, new) in &mut turned {
                *value = value.replace(&format!("Text(\"{old}\")"), &format!("TEXT(\"{new}\")"));
            }
            *value = value.replace("TEXT(", "Text(");
        }
        let (collection, field) = path.split_once('.').unwrap();
        if !values.is_empty() {
            after.insert((collection.to_owned(), field.to_owned()), values);
        }
    }
    after
}

/// A small change of what is held, towards something random: most fields stay, some go, change or get another name.
fn blend(
    held: &[CollectionSpec],
    random: &[CollectionSpec],
    dice: &mut impl Iterator<Item = u8>,
) -> Vec<CollectionSpec> {
    let mut roll = |sides: u8| dice.next().unwrap_or_default() % sides;
    let mut site = random.to_vec();
    if held.is_empty() || roll(100) == 0 {
        return site;
    }
    for spec in held {
        let at = site.iter().position(|other| other.name == spec.name);
        let Some(target) = at.map(|at| &mut site[at]) else {
            site.push(spec.clone());
            continue;
        };
        let fresh = std::mem::take(&mut target.fields);
        target.was = None;
        for kept in &spec.fields {
            let mut kept = kept.clone();
            let free = format!("{}{}", kept.name, kept.name);
            // No loader lets two fields have one name.
            let is_free = spec.fields.iter().all(|other| other.name != free);
            match roll(50) {
                0 => continue,
                1 if is_free => {
                    kept.was = Some(std::mem::replace(&mut kept.name, free));
                    if roll(2) == 0 {
                        kept.holds = fresh.first().map_or(kept.holds, |field| field.holds.clone());
                    }
                }
                2 => kept.required = !kept.required || kept.holds == Holds::Bool,
                3 => kept.holds = fresh.first().map_or(kept.holds, |field| field.holds.clone()),
                _ => {}
            }
            target.fields.push(kept);
        }
        for mut field in fresh.into_iter().take(1) {
            if target.fields.iter().all(|other| other.name != field.name) {
                field.was = None;
                target.fields.push(field);
            }
        }
        let single =
            |name: &String| target.fields.iter().find(|field| field.name == *name && field.many.is_none());
        let whole =
            |name: &String| single(name).is_some_and(|field| matches!(field.holds, Holds::Integer(..)));
        target.indexes.retain(|index| spec.indexes.iter().all(|kept| kept.fields != index.fields));
        target.indexes.extend(spec.indexes.clone());
        target
            .indexes
            .retain(|index| index.fields.iter().all(|name| name == "created" || single(name).is_some()));
        target.checks.retain(|(_, name, _)| whole(name));
    }
    for spec in &mut site {
        for field in &mut spec.fields {
            let plain =
                matches!(field.holds, Holds::Text(_) | Holds::Folded(_) | Holds::Enum(_) | Holds::Email);
            field.many = field.many.filter(|_| plain);
            field.default =
                if field.many.is_some() { None } else { field.default.take().map(|_| cell(&field.holds, 1)) };
            field.default = field.default.take().filter(|value| !value.is_null());
        }
    }
    site
}

/// One walk over several schemas. Answers how many were applied over stored records.
async fn walk(db: &TestDb, sites: &[(Vec<CollectionSpec>, Vec<u8>)]) -> usize {
    let mut held: Vec<CollectionSpec> = Vec::new();
    let mut applied = 0;
    for ((random, dice), turn) in sites.iter().zip(0_u8..) {
        let wanted = &blend(&held, random, &mut dice.iter().copied());
        let schema = site(wanted);
        let before = stored(db, &held).await;
        let planned = plan(&db.engine, &schema).await.unwrap();
        let said = planned.to_string();
        if !planned.refusals().is_empty() {
            assert!(apply(&db.engine, &schema, &planned).await.is_err());
            assert_eq!(stored(db, &held).await, before);
            continue;
        }
        let done = apply(&db.engine, &schema, &planned).await;
        assert!(done.is_ok(), "{said}\n{:?}\n{held:?}\n{wanted:?}", done.unwrap_err());
        let second = plan(&db.engine, &schema).await.unwrap();
        assert!(second.is_empty(), "after\n{said}\na second plan says\n{second}");
        let after = stored(db, wanted).await;
        for (path, values) in expected(&before, &said) {
            let now = after.get(&path).cloned().unwrap_or_default();
            for (record, value) in values {
                assert_eq!(now.get(&record), Some(&value), "{path:?} after\n{said}");
            }
        }
        applied += usize::from(before.values().any(|values| !values.is_empty()));
        held.clone_from(wanted);
        add(db, &held, 1 + turn * 3).await;
    }
    applied
}

#[test]
fn whatever_comes_is_refused_or_keeps_what_is_stored() {
    on_both_empty(async |db| {
        let mut runner = TestRunner::new(Config::default());
        let dice = prop::collection::vec(any::<u8>(), 40);
        let sites = prop::collection::vec((a_site(), dice), STEPS);
        let applied = walk(&db, &sites.new_tree(&mut runner).unwrap().current()).await;
        assert!(applied > 2, "only {applied} of {STEPS} schemas were applied over stored records");
    });
}
