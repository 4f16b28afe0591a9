//! Whatever is written is refused or evaluated: nothing panics, and results keep what the tree says of them.

use std::sync::OnceLock;

use mains_base::Value;
use mains_language::expression::{Cell, Place, Scope, Type, check, evaluate};
use mains_testkit::vectors::{Expect, World};
use proptest::prelude::*;

use crate::vectors::View;

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(World::new)
}

/// Sources of the vectors about items that are let through, with their types.
fn sources() -> &'static [(&'static str, &'static Type)] {
    static SOURCES: OnceLock<Vec<(&str, &Type)>> = OnceLock::new();
    SOURCES.get_or_init(|| {
        let items = world().schema.find("items").unwrap().id;
        let of = world().cases.iter().filter(|case| case.collection == items && case.source.len() < 120);
        of.filter_map(|case| match &case.expect {
            Expect::Values(ty, _) => Some((case.source.as_str(), ty)),
            Expect::Refused(_) => None,
        })
        .collect()
    })
}

fn of_type(ty: &Type) -> impl Strategy<Value = String> + use<> {
    let of: Vec<String> =
        sources().iter().filter(|(_, other)| *other == ty).map(|(source, _)| format!("({source})")).collect();
    prop::sample::select(of)
}

/// Conditions put together from the vectors.
fn condition() -> impl Strategy<Value = String> {
    let numbers =
        (of_type(&Type::Int), prop::sample::select(vec!["<", "==", "!=", ">="]), of_type(&Type::Int));
    let sums =
        (of_type(&Type::Int), prop::sample::select(vec!["+", "-", "*", "/", "%"]), of_type(&Type::Int));
    let leaf = prop_oneof![
        4 => of_type(&Type::Bool),
        1 => numbers.prop_map(|(one, sign, other)| format!("({one} {sign} {other})")),
        1 => sums.prop_map(|(one, sign, other)| format!("(({one} {sign} {other}) > 0)")),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|one| format!("!{one}")),
            (inner.clone(), prop::sample::select(vec!["&&", "||", "==", "!="]), inner.clone())
                .prop_map(|(one, sign, other)| format!("({one} {sign} {other})")),
            (inner.clone(), inner.clone(), inner)
                .prop_map(|(one, two, three)| format!("({one} ? {two} : {three})")),
        ]
    })
}

/// Evaluates for every record and caller, and checks the flags.
fn holds(source: &str, place: Place) -> Result<(), TestCaseError> {
    let world = world();
    let items = world.schema.find("items").unwrap().id;
    let scope = Scope::new(&world.schema, items).with_old().at(place);
    let tree = match check(source, &scope) {
        Ok(tree) => tree,
        Err(complaint) => {
            prop_assert!(source.get(complaint.span.clone()).is_some(), "{source}: {complaint:?}");
            return Ok(());
        }
    };
    for record in world.records_of(items) {
        for caller in world.callers.values() {
            for old in [None, Some(record)] {
                match evaluate(&tree, &View { world, record, old, caller }) {
                    Cell::Unknown => prop_assert!(tree.unknown, "{source} of {} is unknown", record.key),
                    Cell::Known(Value::Null) => prop_assert!(tree.null, "{source} of {} is null", record.key),
                    Cell::Known(Value::Double(number)) => prop_assert!(number.is_finite(), "{source}"),
                    Cell::Known(_) => {}
                }
            }
        }
    }
    Ok(())
}

/// Tokens in any order; now and then they make sense.
fn soup() -> impl Strategy<Value = String> {
    let words = [
        "n",
        "x",
        "price",
        "title",
        "note",
        "nick",
        "tags",
        "scores",
        "friends",
        "owner",
        "parent",
        "day",
        "starts",
        "flag",
        "cost",
        "old",
        "auth",
        "now",
        ".",
        ".",
        "(",
        ")",
        "(",
        ")",
        "+",
        "-",
        "*",
        "/",
        "%",
        "==",
        "<",
        "&&",
        "||",
        "!",
        "?",
        ":",
        "in",
        "[",
        "]",
        ",",
        "1",
        "2.5",
        "\"a\"",
        "null",
        "true",
        "size()",
        "id",
        "name",
        "exists(e, e",
        "map(e, e",
        "sum()",
        "max()",
        "days(1)",
        "math.abs(",
        "string(",
        "int(",
        "double(",
        "matches(\"a\")",
        "getHours(\"Europe/Berlin\")",
        "random(8)",
        "uuid()",
        "slugify(",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 1..12).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn conditions_are_total(source in condition()) {
        let items = world().schema.find("items").unwrap().id;
        if let Err(complaint) = check(&source, &Scope::new(&world().schema, items).with_old()) {
            prop_assert!(complaint.message.contains("at most"), "{source}: {complaint}");
        }
        holds(&source, Place::Read)?;
    }

    #[test]
    fn soups_are_refused_or_total(source in soup()) {
        holds(&source, Place::Draw)?;
    }

    #[test]
    fn cut_vectors_are_refused_or_total(
        place in any::<prop::sample::Index>(), from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>()
    ) {
        let source: Vec<char> = sources()[place.index(sources().len())].0.chars().collect();
        let (from, to) = (from.index(source.len() + 1), to.index(source.len() + 1));
        let cut: String = source[from.min(to)..from.max(to)].iter().collect();
        holds(&cut, Place::Write)?;
    }
}
