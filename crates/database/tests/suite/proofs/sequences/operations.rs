//! Random operations. A record is named by its collection and a small number, so that leaving one operation out leaves
//! the meaning of the others.

use serde_json::{Map, Value as Json, json};

use super::draw::Draw;
use super::site::{Collection, Field, Kind, Site};

/// Records of a collection that operations name.
pub(super) const RECORDS: usize = 5;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Visitor,
    Ada,
    Eve,
    Editor,
    Staff,
    System,
}

/// Which record.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Which {
    Number(usize),
    /// A field of a unique index.
    Unique(&'static str, Json),
}

/// What is done. Ids stand as `@number` in values.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    Create(Who, &'static str, Option<usize>, Json),
    Patch(Who, &'static str, Which, Option<i64>, Json),
    Put(Who, &'static str, Which, Json),
    Delete(Who, &'static str, Which),
    PatchMany(Who, &'static str, Vec<usize>, Json),
    DeleteMany(Who, &'static str, Vec<usize>),
    Get(Who, &'static str, Which),
    List(Who, &'static str, String, u32),
    Wait,
}

impl Operation {
    pub(super) fn drawn(draw: &mut Draw, site: &Site) -> Self {
        let of = &site.collections[draw.below(site.collections.len())];
        let who = who(draw);
        match draw.below(20) {
            0..=5 => {
                let number = (!draw.once_in(3)).then(|| draw.below(RECORDS));
                let body = if draw.once_in(3) { json!({}) } else { body(draw, of, false) };
                Self::Create(who, of.name, number, body)
            }
            6..=9 => {
                let version = draw.once_in(5).then(|| draw.below(3) as i64 + 1);
                Self::Patch(who, of.name, which(draw, of), version, body(draw, of, true))
            }
            10 => Self::Put(who, of.name, which(draw, of), body(draw, of, false)),
            11 => Self::Delete(who, of.name, which(draw, of)),
            12 => Self::PatchMany(who, of.name, numbers(draw), body(draw, of, true)),
            13 if draw.once_in(2) => Self::DeleteMany(who, of.name, numbers(draw)),
            14 => Self::Get(who, of.name, which(draw, of)),
            15 => Self::Wait,
            _ => Self::List(who, of.name, query(draw, of), u32::try_from(draw.below(4)).unwrap() + 1),
        }
    }
}

/// A few records to begin with.
pub(super) fn first(site: &Site) -> Vec<Operation> {
    let numbers = site.collections.iter().flat_map(|of| (0..3).map(move |number| (of, number)));
    let each = numbers.map(|(of, number)| {
        let needs = of.fields.iter().any(|field| field.kind == Kind::Relation("ants") && of.name != "ants");
        let parent = if needs { json!(format!("@{number}")) } else { Json::Null };
        let body = json!({ "n": number, "parent": parent, "owner": "@ada" });
        Operation::Create(Who::System, of.name, Some(number), body)
    });
    each.collect()
}

fn who(draw: &mut Draw) -> Who {
    draw.of(&[
        Who::Visitor,
        Who::Ada,
        Who::Ada,
        Who::Ada,
        Who::Eve,
        Who::Editor,
        Who::Staff,
        Who::System,
        Who::System,
    ])
}

fn numbers(draw: &mut Draw) -> Vec<usize> {
    (0..=draw.below(3)).map(|_| draw.below(RECORDS)).collect()
}

fn which(draw: &mut Draw, of: &Collection) -> Which {
    let unique: Vec<&Field> = of.fields.iter().filter(|field| field.unique).collect();
    if unique.is_empty() || !draw.once_in(4) {
        return Which::Number(draw.below(RECORDS));
    }
    let field = unique[draw.below(unique.len())];
    Which::Unique(field.name, one(draw, field.kind))
}

fn body(draw: &mut Draw, of: &Collection, changes: bool) -> Json {
    let mut members = Map::new();
    for field in &of.fields {
        let often = if changes { 5 } else { 3 };
        let server = matches!(field.kind, Kind::Sequence | Kind::Slug | Kind::Time);
        if !draw.once_in(if server { 8 } else { often }) {
            continue;
        }
        let value =
            if changes && draw.once_in(4) { difference(draw, field.kind) } else { value(draw, field.kind) };
        members.insert(field.name.to_owned(), value);
    }
    Json::Object(members)
}

/// `{"add": …}` where it makes sense, else a value.
fn difference(draw: &mut Draw, kind: Kind) -> Json {
    match kind {
        Kind::Integer => json!({ "add": draw.of(&[1, -2, 100]) }),
        Kind::Decimal => json!({ "add": "0.25" }),
        Kind::Number => json!({ "add": 0.5 }),
        Kind::Tags | Kind::Friends(_) => json!({ "add": [one(draw, kind)], "remove": [one(draw, kind)] }),
        other => value(draw, other),
    }
}

fn value(draw: &mut Draw, kind: Kind) -> Json {
    if draw.once_in(9) {
        return Json::Null;
    }
    match kind {
        Kind::Tags | Kind::Friends(_) => (0..draw.below(4)).map(|_| one(draw, kind)).collect(),
        other => one(draw, other),
    }
}

/// One value: mostly a small one that meets others, sometimes one at the limits or beyond.
fn one(draw: &mut Draw, kind: Kind) -> Json {
    let choices = if draw.once_in(10) { hostile(kind) } else { plain(kind) };
    if let Some(choices) = choices {
        return draw.of(&choices);
    }
    match kind {
        Kind::Relation("accounts") => json!(draw.of(&["@ada", "@eve"])),
        _ => json!(format!("@{}", draw.below(RECORDS))),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "an arm of a match whose other arms are none")]
fn list(values: &[&str]) -> Option<Vec<Json>> {
    Some(values.iter().map(|value| json!(value)).collect())
}

fn plain(kind: Kind) -> Option<Vec<Json>> {
    match kind {
        Kind::Text | Kind::Tags => list(&["a", "A", "ab", "b c", "SS", "ss", "x"]),
        Kind::Slug => list(&["a", "ab", "a-2"]),
        Kind::Integer | Kind::Sequence => Some([0, 1, 2, 3, 3, 4, 7, 19].map(|number| json!(number)).into()),
        Kind::Decimal => list(&["0.00", "1.5", "-0.75", "1.25"]),
        Kind::Number => Some([0.1, -0.0, 2.5, 3.0].map(|number| json!(number)).into()),
        Kind::Bool => Some(vec![json!(true), json!(false)]),
        Kind::Date => list(&["2026-01-02", "2026-01-05"]),
        Kind::Time => list(&["2026-01-02T03:04:05Z", "2026-01-03T00:00:00.5Z"]),
        Kind::Enum => list(&["todo", "todo", "doing", "done"]),
        Kind::Json => Some(vec![json!({"b": [1, 2.5, null], "a": "é"}), json!([]), json!("x")]),
        Kind::Money => {
            Some(vec![json!({"amount": 5, "currency": "EUR"}), json!({"amount": -7, "currency": "EUR"})])
        }
        Kind::Relation(_) | Kind::Friends(_) => None,
    }
}

fn hostile(kind: Kind) -> Option<Vec<Json>> {
    match kind {
        Kind::Text | Kind::Tags => {
            list(&["ß", "", "é", "e\u{301}", "😀", "\u{fffd}", "long one", "x\u{0}", "12"])
        }
        Kind::Slug => list(&["Not A Slug"]),
        Kind::Integer | Kind::Sequence => Some(
            [29, 41, -4, 9_007_199_254_740_991_i64, 9_007_199_254_740_992].map(|number| json!(number)).into(),
        ),
        Kind::Decimal => list(&["-2.75", "90071992547409.91", "1.234", "x"]),
        Kind::Number => Some(vec![json!(1e308), json!(5e-324), json!(3), json!("x")]),
        Kind::Bool => Some(vec![json!(null), json!(1)]),
        Kind::Date => list(&["0001-01-01", "9999-12-31", "2026-02-30"]),
        Kind::Time => list(&["1969-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"]),
        Kind::Enum => list(&["gone"]),
        Kind::Json => Some(vec![json!(1e300), json!({"a": "\u{0}"})]),
        Kind::Money => Some(vec![json!({"amount": -7, "currency": "USD"}), json!(3)]),
        Kind::Relation("accounts") => list(&["@nobody"]),
        Kind::Relation(_) | Kind::Friends(_) => Some(vec![json!(format!("@{}", RECORDS + 1))]),
    }
}

fn query(draw: &mut Draw, of: &Collection) -> String {
    let mut parts = Vec::new();
    if draw.once_in(2) {
        parts.push(format!("filter={}", filter(draw, of, 2)));
    }
    let single: Vec<&str> = of
        .fields
        .iter()
        .filter(|field| !matches!(field.kind, Kind::Tags | Kind::Friends(_) | Kind::Json | Kind::Money))
        .map(|field| field.name)
        .collect();
    if draw.once_in(2) {
        let mut keys: Vec<String> = Vec::new();
        for _ in 0..=draw.below(3) {
            let key = if draw.once_in(6) { "version" } else { draw.of(&single) };
            if !keys.iter().any(|other| other.trim_start_matches('-') == key) {
                keys.push(format!("{}{key}", draw.of(&["", "-"])));
            }
        }
        parts.push(format!("sort={}", keys.join(",")));
    }
    if draw.once_in(4) {
        let condition = draw.of(&[
            "n=3",
            "flag=true",
            "owner=me",
            "parent.n=3",
            "parent.flag=false",
            "parent.parent.n=1",
            "n=x",
        ]);
        parts.push(format!("where.{condition}"));
    }
    if draw.once_in(3) {
        parts.push("total=true".into());
    }
    if draw.once_in(5) {
        parts.push(draw.of(&["fields=n,flag", "fields=-parent", "fields=nothing"]).to_owned());
    }
    parts.join("&")
}

#[expect(clippy::too_many_lines, reason = "one table of forms")]
fn filter(draw: &mut Draw, of: &Collection, depth: usize) -> String {
    if depth > 0 && draw.once_in(2) {
        let one = filter(draw, of, depth - 1);
        let other = filter(draw, of, depth - 1);
        return match draw.below(4) {
            0 => format!("({one} && {other})"),
            1 => format!("({one} || {other})"),
            2 => format!("!({one})"),
            _ => format!("({one} ? {other} : !({one}))"),
        };
    }
    let has = |name: &str| of.fields.iter().any(|field| field.name == name);
    let mut leaves = vec![
        "n == 3",
        "n != null",
        "n > 2",
        "n in [1, 2, 3]",
        "n * n > 8",
        "10 / n > 2",
        "n % 2 == 1",
        "flag",
        "!flag",
        "owner == auth.id",
        "owner.karma > 2",
        "parent == null",
        "parent.n == n",
        "parent.n == null",
        "parent.flag",
        "parent.parent.n < 5",
        "parent.owner == owner",
        "string(n) == \"3\"",
        "math.abs(n) < 4",
        "created <= now",
        "version > 1",
        "parent.owner.karma == 5",
    ];
    let more: [(&str, &[&str]); 8] = [
        (
            "title",
            &[
                "title == \"SS\"",
                "title < \"b\"",
                "title.size() > 1",
                "title in [\"a\", \"é\"]",
                "title + \"x\" == \"ax\"",
                "title == null",
                "title.startsWith(\"a\")",
            ],
        ),
        ("amount", &["amount > 1.2", "amount * 2 == 3.0", "amount in [1.5, 0.0]"]),
        ("ratio", &["ratio > 0.05", "ratio * ratio > 1.0", "ratio == 0.0", "math.round(ratio) == 3.0"]),
        (
            "day",
            &[
                "day > date(\"2026-01-03\")",
                "day.getFullYear() == 2026",
                "day + days(3) > date(\"2026-01-05\")",
            ],
        ),
        ("state", &["state == \"done\"", "state in [\"todo\", \"doing\"]"]),
        (
            "tags",
            &["tags.size() > 1", "\"ss\" in tags", "tags.exists(t, t == \"a\")", "tags.all(t, t.size() < 3)"],
        ),
        (
            "friends",
            &[
                "friends.exists(f, f.n > 1)",
                "friends.all(f, f.flag)",
                "friends.map(f, f.n).sum() > 3",
                "friends.filter(f, f.flag).size() == 1",
            ],
        ),
        ("number", &["number == 1", "number > 1"]),
    ];
    for (name, of_field) in more {
        if has(name) {
            leaves.extend(of_field);
        }
    }
    draw.of(&leaves).to_owned()
}
