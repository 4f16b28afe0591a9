//! Random numbers that a seed repeats, and hostile values of every kind.

use mains_base::{Currency, Date, MAX_INTEGER, Money, Point, Time, Value};
use mains_language::schema::{Field, FieldKind, Schema};
use mains_testkit::vectors::Record;

/// `SplitMix64` (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end as u64)).unwrap()
    }

    /// True once in so many times.
    pub(super) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(super) fn pick<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }
}

pub(super) const TEXTS: [&str; 20] = [
    "a",
    "b",
    "Red",
    "red",
    "RED",
    "Straße",
    "STRASSE",
    "ß",
    "ss",
    "i̇",
    "İ",
    "ΟΔΟΣ",
    "οδος",
    "é",
    "e\u{301}x",
    "\u{fffd}",
    "😀",
    "👩‍👩‍👧",
    "a%b_c\\'\"",
    "'; --",
];
pub(super) const NUMBERS: [i64; 16] = [
    0,
    1,
    -1,
    2,
    3,
    -7,
    7,
    10,
    100,
    94_906_267,
    2_147_483_648,
    -2_147_483_649,
    4_503_599_627_370_497,
    MAX_INTEGER,
    -MAX_INTEGER,
    MAX_INTEGER - 1,
];
pub(super) const DOUBLES: [f64; 18] = [
    0.0,
    0.1,
    0.5,
    -0.5,
    2.5,
    -2.5,
    0.499_999_999_999_999_94,
    1e-308,
    5e-324,
    -5e-324,
    1e308,
    f64::MAX,
    f64::MIN,
    1e154,
    1.340_780_792_994_259_7e154,
    1e16,
    9_007_199_254_740_993.0,
    -1e-160,
];
pub(super) const DAYS: [i64; 8] = [-719_162, -719_161, -1, 0, 11_016, 19_782, 2_932_895, 2_932_896];

/// The records of another world with the same keys: every value drawn anew.
pub(super) fn records(random: &mut Random, schema: &Schema, like: &[Record]) -> Vec<Record> {
    let redrawn = |record: &Record| {
        let fields = &schema.collection(record.collection).fields;
        let value = |field: &Field| match &field.kind {
            FieldKind::Id => Value::Id(record.id()),
            _ if !field.is_stored() => Value::Null,
            _ if field.many.is_some() => list(random, field, like),
            _ if !field.required && !matches!(field.kind, FieldKind::Bool) && random.once_in(4) => {
                Value::Null
            }
            _ => one(random, field, like),
        };
        let values = fields.iter().map(value).collect();
        Record { values, ..record.clone() }
    };
    like.iter().map(redrawn).collect()
}

fn list(random: &mut Random, field: &Field, like: &[Record]) -> Value {
    let mut items: Vec<Value> = Vec::new();
    for _ in 0..random.below(5) {
        let item = one(random, field, like);
        if !items.contains(&item) {
            items.push(item);
        }
    }
    Value::List(items)
}

fn one(random: &mut Random, field: &Field, like: &[Record]) -> Value {
    match &field.kind {
        FieldKind::Integer { .. } | FieldKind::Decimal { .. } => Value::Int(*random.pick(&NUMBERS)),
        FieldKind::Number { .. } => Value::Double(*random.pick(&DOUBLES)),
        FieldKind::Bool => Value::Bool(random.once_in(2)),
        FieldKind::Date { .. } => Value::Int(*random.pick(&DAYS)),
        FieldKind::Datetime { .. } => Value::Int(instant(random)),
        FieldKind::Enum { .. } => Value::from(*random.pick(&["todo", "done"])),
        FieldKind::Json { .. } => Value::from(*random.pick(&["null", "{}"])),
        FieldKind::Money { .. } => {
            let currency = Currency::new(random.pick::<&str>(&["EUR", "USD"])).unwrap();
            Value::Money(Money { amount: *random.pick(&NUMBERS), currency })
        }
        FieldKind::Point => {
            let latitude = *random.pick(&[0.0, 52.52, -90.0]);
            Value::Point(Point { latitude, longitude: *random.pick(&[0.0, 13.405, 180.0]) })
        }
        FieldKind::File => {
            let size = Value::Int(NUMBERS[random.below(9)].abs());
            Value::List(vec![Value::from(*random.pick(&TEXTS)), Value::from("image/png"), size])
        }
        FieldKind::Relation { to, .. } => {
            let of: Vec<&Record> = like.iter().filter(|record| record.collection == *to).collect();
            Value::Id(random.pick(&of).id())
        }
        _ => Value::from(*random.pick(&TEXTS)),
    }
}

fn instant(random: &mut Random) -> i64 {
    let near = Date::from_days(*random.pick(&DAYS)).unwrap().days() * 86_400_000_000;
    let of = [Time::MIN.micros(), Time::MAX.micros(), -1, 0, near, near + 84_600_000_001];
    (*random.pick(&of)).clamp(Time::MIN.micros(), Time::MAX.micros())
}
