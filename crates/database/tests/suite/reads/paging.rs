//! Pages: whatever the data and the order, no record comes twice and none is missing, and both databases agree.

use std::sync::Mutex;

use mains_base::{Caller, Uuid, Value};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::{Site, on_both, statements};

/// A thing: a, b, c, d, e, f, created.
type Thing = (Option<i64>, Option<u8>, bool, Option<u8>, Option<i8>, i64, i64);

#[derive(Clone, Debug)]
struct Case {
    things: Vec<Thing>,
    late: Vec<Thing>,
    sort: String,
    limit: u32,
}

const TEXTS: [&str; 5] = ["a", "A", "ß", "SS", "\u{fffd}"];

fn thing() -> impl Strategy<Value = Thing> {
    let small = || prop::option::of(0..3_i64);
    (
        small(),
        prop::option::of(0..5_u8),
        any::<bool>(),
        prop::option::of(0..5_u8),
        prop::option::of(-1..2_i8),
        0..3_i64,
        0..3_i64,
    )
}

fn cases() -> impl Strategy<Value = Case> {
    let names =
        prop::sample::subsequence(vec!["a", "b", "c", "d", "e", "f", "created"], 0..=3).prop_shuffle();
    let sort = (names, any::<[bool; 3]>()).prop_map(|(names, down)| {
        let each =
            names.iter().zip(down).map(|(name, down)| format!("{}{name}", if down { "-" } else { "" }));
        each.collect::<Vec<_>>().join(",")
    });
    let things = prop::collection::vec(thing(), 0..25);
    (things, prop::collection::vec(thing(), 0..6), sort, 1..6_u32)
        .prop_map(|(things, late, sort, limit)| Case { things, late, sort, limit })
}

fn stored(site: &Site, things: &[Thing], from: u8) -> Vec<(String, Vec<Value>)> {
    let text = |place: Option<u8>| place.map_or(Value::Null, |place| TEXTS[usize::from(place)].into());
    let each = things.iter().zip(from..).flat_map(|((a, b, c, d, e, f, created), number)| {
        // Ids in no order of time, so that they decide only among equals.
        let mut bytes = [number.wrapping_mul(151); 16];
        bytes[15] = number;
        let cells = [
            ("a", (*a).into()),
            ("b", text(*b)),
            ("c", (*c).into()),
            ("d", text(*d)),
            ("e", e.map_or(Value::Null, |e| Value::Double(f64::from(e) / 2.0))),
            ("f", (*f).into()),
        ];
        statements(&site.db.schema, "things", (Uuid(bytes), *created), &cells)
    });
    each.collect()
}

async fn run(site: &Site, statements: Vec<(String, Vec<Value>)>) {
    let body = move |tx: &mut dyn mains_database::engine::Statements| {
        statements.iter().try_for_each(|(sql, values)| tx.execute(sql, values, None).map(drop))
    };
    site.db.engine.alter(body).await.unwrap();
}

/// A list whole, and page by page.
type Outcome = (Vec<u8>, Vec<u8>);

async fn walk(site: &Site, case: &Case) -> Outcome {
    let caller = Caller::visitor();
    run(site, vec![("DELETE FROM \"things\"".to_owned(), vec![])]).await;
    run(site, stored(site, &case.things, 1)).await;
    let whole = site.numbers(&caller, &format!("things?sort={}&limit=500", case.sort)).await;
    let mut paged = Vec::new();
    let mut cursor = String::new();
    for step in 0_u32.. {
        let address = format!("things?sort={}&limit={}&cursor={cursor}", case.sort, case.limit);
        let page = site.page(&caller, &address).await;
        let numbers = super::numbers(&page);
        assert!(numbers.len() <= case.limit as usize);
        paged.extend(numbers);
        match page["next"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
        assert!(step < 100, "pages without an end: {case:?}");
        if step == 1 {
            run(site, stored(site, &case.late, 200)).await;
        }
    }
    (whole, paged)
}

#[test]
fn none_twice_and_none_missing() {
    let runs: Mutex<Vec<Vec<Outcome>>> = Mutex::default();
    let mut runner = TestRunner::deterministic();
    let strategy = cases();
    let all: Vec<Case> = (0..60).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect();
    on_both(async |site| {
        let mut outcomes = Vec::new();
        for case in &all {
            let (whole, paged) = walk(&site, case).await;
            assert_eq!(whole.len(), case.things.len(), "{case:?}");
            let kept: Vec<u8> = paged.iter().copied().filter(|&number| number < 200).collect();
            assert_eq!(kept, whole, "{case:?}");
            let mut once = paged.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), paged.len(), "twice: {case:?}");
            outcomes.push((whole, paged));
        }
        runs.lock().unwrap().push(outcomes);
    });
    let runs = runs.into_inner().unwrap();
    assert_eq!(runs[0], runs[1], "the databases disagree");
}
