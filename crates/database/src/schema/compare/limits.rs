//! Limits of values. Widening one asks nothing; narrowing asks the stored values first.

use mains_base::{Error, Result};
use serde_json::Value as Json;

use super::{Comparison, Pair};
use crate::dialect::{Dialect, quote};
use crate::schema::matching::{Matching, Name};
use crate::schema::names;
use crate::schema::plan::Mark;
use crate::schema::proof::records;
use crate::schema::shape::{CurrencyShape, FieldShape, KindShape, SequenceShape};

/// A limit that became narrower: what breaks it, in SQL and in words.
struct Narrowing {
    condition: String,
    words: String,
}

impl Comparison<'_> {
    /// Refuses limits and values of enums that stored values break.
    pub(super) fn limits(&mut self, pair: &mut Pair<'_>, old: &FieldShape, new: &FieldShape) -> Result<()> {
        if let KindShape::Enum { values } = &new.kind {
            self.enum_values(pair, old, new, values)?;
        }
        let list = old.many.is_some();
        let (table, column) = if list {
            (names::join_table(&pair.old.name, &old.name), quote("target"))
        } else {
            (pair.old.name.clone(), quote(&old.name))
        };
        let counted = if list { "DISTINCT \"record\"" } else { "*" };
        for narrowing in narrowings(self.dialect, &old.kind, &new.kind, &column) {
            let sql = format!("SELECT count({counted}) FROM {} WHERE {}", quote(&table), narrowing.condition);
            let count = self.count(&sql)?;
            self.refuse_narrowing(pair, new, count, &narrowing.words);
        }
        if let (Some(before), Some(most)) = (old.many, new.many)
            && most < before
        {
            let sql = format!(
                "SELECT count(*) FROM (SELECT \"record\" FROM {} GROUP BY \"record\" HAVING count(*) > {most}) AS longer",
                quote(&table)
            );
            let count = self.count(&sql)?;
            self.refuse_narrowing(pair, new, count, &format!("more than {most} elements"));
        }
        Ok(())
    }

    fn refuse_narrowing(&mut self, pair: &Pair<'_>, field: &FieldShape, count: i64, words: &str) {
        if count > 0 {
            let has = if count == 1 { "has" } else { "have" };
            let sentence = format!(
                "Its limit becomes narrower, and {} {has} {words}. Change the values first, or keep the limit.",
                records(count)
            );
            self.plan.refuse(pair.field(&field.name), sentence);
        }
    }

    fn enum_values(
        &mut self,
        pair: &mut Pair<'_>,
        old: &FieldShape,
        new: &FieldShape,
        values: &[String],
    ) -> Result<()> {
        let stored: &[String] = if let KindShape::Enum { values } = &old.kind { values } else { &[] };
        let was =
            |value: &str| new.values_were.iter().find(|(name, _)| name == value).map(|(_, was)| was.as_str());
        let declared = values.iter().map(|value| Name { name: value, was: was(value) });
        let matching = Matching::of(declared, stored.iter().map(String::as_str));
        self.rename_values(pair, new, &matching.renames);
        let known: Vec<String> =
            if stored.is_empty() { values.to_vec() } else { matching.pairs.values().cloned().collect() };
        let mut known: Vec<String> =
            known.iter().map(|value| format!("'{}'", value.replace('\'', "''"))).collect();
        known.sort();
        let (table, column) = if old.many.is_some() {
            (names::join_table(&pair.old.name, &old.name), quote("target"))
        } else {
            (pair.old.name.clone(), quote(&old.name))
        };
        let going = matching.left.is_empty() && !stored.is_empty();
        if !going {
            let other = if known.is_empty() {
                format!("{column} IS NOT NULL")
            } else {
                format!("{column} NOT IN ({})", known.join(", "))
            };
            let sql = format!(
                "SELECT {column}, count(*) FROM {} WHERE {other} GROUP BY {column} ORDER BY 1 LIMIT 3",
                quote(&table)
            );
            self.refuse_values(pair, new, &sql)?;
        }
        for value in values.iter().filter(|value| !matching.pairs.contains_key(*value)) {
            self.plan.step(Mark::Add, format!("{}: value {value}", pair.field(&new.name)));
        }
        for value in &matching.left {
            self.plan.step(Mark::Drop, format!("{}: value {value}", pair.field(&new.name)));
        }
        Ok(())
    }

    fn refuse_values(&mut self, pair: &Pair<'_>, field: &FieldShape, sql: &str) -> Result<()> {
        let rows = self.statements.query(sql, &[])?.0;
        let held: Vec<String> = rows
            .iter()
            .map(|row| {
                let count = row.int(1).ok().flatten().unwrap_or_default();
                let holds = if count == 1 { "holds" } else { "hold" };
                format!("{} {holds} {:?}", records(count), row.text(0).ok().flatten().unwrap_or_default())
            })
            .collect();
        if !held.is_empty() {
            let sentence = format!(
                "Its values would no longer cover what is stored: {}. Keep the value, say `was` at the one that \
                 replaces it, or change the records first.",
                held.join(", ")
            );
            self.plan.refuse(pair.field(&field.name), sentence);
        }
        Ok(())
    }

    /// Says what else is declared differently, so that the catalogue is brought up to date.
    pub(super) fn other_differences(
        &mut self,
        pair: &Pair<'_>,
        old: &FieldShape,
        new: &FieldShape,
    ) -> Result<()> {
        let renamed = FieldShape { kind: self.under_new_names(pair, &old.kind), ..old.clone() };
        let (before, after) = (serde_json::to_value(renamed), serde_json::to_value(new));
        let (before, after) = (before.map_err(Error::internal)?, after.map_err(Error::internal)?);
        if before != after {
            let text = format!("{}: {}", pair.field(&new.name), changes(&before, &after));
            self.plan.step(Mark::Change, text);
        } else if old.owner != new.owner {
            let text = format!("{}: owner {} → {}", pair.field(&new.name), old.owner, new.owner);
            self.plan.step(Mark::Change, text);
        }
        Ok(())
    }
}

impl Comparison<'_> {
    /// A stored kind as a declaration of the same would say it now.
    fn under_new_names(&self, pair: &Pair<'_>, kind: &KindShape) -> KindShape {
        let field = |name: &String| pair.names.get(name).unwrap_or(name).clone();
        let table = |name: &String| self.new_name(name).unwrap_or(name).to_owned();
        match kind.clone() {
            KindShape::Relation { to } => KindShape::Relation { to: table(&to) },
            KindShape::Slug { scope } => KindShape::Slug { scope: scope.as_ref().map(field) },
            KindShape::Integer { min, max, sequence } => KindShape::Integer {
                min,
                max,
                sequence: sequence.map(|sequence| SequenceShape {
                    scope: sequence.scope.map(|(relation, to)| (field(&relation), table(&to))),
                }),
            },
            KindShape::Money { currency: CurrencyShape::Field(name) } => {
                KindShape::Money { currency: CurrencyShape::Field(field(&name)) }
            }
            other => other,
        }
    }
}

/// What is narrower now than before.
fn narrowings(dialect: Dialect, old: &KindShape, new: &KindShape, column: &str) -> Vec<Narrowing> {
    use KindShape::{Bytes, Date, Datetime, Decimal, Email, Integer, Json, Number, Text, Url};
    match (old, new) {
        (_, Text { min, max, .. }) => {
            let (least, most) = lengths(old);
            let size = format!("length({column})");
            let long = (most.is_none_or(|most| *max < most)).then(|| at_most(&size, *max, "characters"));
            let least = least.unwrap_or_default();
            let short = min.filter(|min| *min > least).map(|min| Narrowing {
                condition: format!("{size} < {min}"),
                words: format!("fewer than {min} characters"),
            });
            long.into_iter().chain(short).collect()
        }
        (Email { max: most } | Url { max: most }, Email { max } | Url { max }) if max < most => {
            vec![at_most(&format!("length({column})"), *max, "characters")]
        }
        (Json { max_bytes: most }, Json { max_bytes }) if max_bytes < most => {
            vec![at_most(&format!("octet_length({column})"), *max_bytes, "bytes")]
        }
        (Bytes { max_bytes: most }, Bytes { max_bytes }) if max_bytes < most => {
            vec![at_most(&format!("length({column})"), *max_bytes, "bytes")]
        }
        (Number { min: low, max: high }, Number { min, max }) => {
            let text = |limit: &Option<f64>| limit.map(|limit| format!("({limit:?})"));
            ordered(dialect, column, [text(low), text(high)], [text(min), text(max)])
        }
        (Integer { min: low, max: high, .. }, Integer { min, max, .. })
        | (Decimal { min: low, max: high, .. }, Decimal { min, max, .. })
        | (Date { min: low, max: high }, Date { min, max })
        | (Datetime { min: low, max: high }, Datetime { min, max }) => {
            let text = |limit: &Option<i64>| limit.map(|limit| format!("({limit})"));
            ordered(dialect, column, [text(low), text(high)], [text(min), text(max)])
        }
        _ => Vec::new(),
    }
}

/// The least and greatest length of what was allowed.
fn lengths(kind: &KindShape) -> (Option<usize>, Option<usize>) {
    match kind {
        KindShape::Text { min, max, .. } => (*min, Some(*max)),
        KindShape::Email { max } | KindShape::Url { max } => (None, Some(*max)),
        _ => (None, None),
    }
}

fn at_most(size: &str, limit: usize, unit: &str) -> Narrowing {
    Narrowing { condition: format!("{size} > {limit}"), words: format!("more than {limit} {unit}") }
}

/// Limits that are new or other than before are asked for; counting is right whichever way they moved.
fn ordered(
    dialect: Dialect,
    column: &str,
    [low, high]: [Option<String>; 2],
    [min, max]: [Option<String>; 2],
) -> Vec<Narrowing> {
    let kind = if dialect == Dialect::Postgres { "::float8" } else { "" };
    let below = min.filter(|min| low.as_ref() != Some(min)).map(|min| Narrowing {
        condition: format!("{column}{kind} < {min}"),
        words: "a smaller value".to_owned(),
    });
    let above = max.filter(|max| high.as_ref() != Some(max)).map(|max| Narrowing {
        condition: format!("{column}{kind} > {max}"),
        words: "a greater value".to_owned(),
    });
    below.into_iter().chain(above).collect()
}

/// `max 200 → 500, min none → 3`: the leaves in which two declarations differ.
fn changes(old: &Json, new: &Json) -> String {
    let mut found = Vec::new();
    differ("", old, new, &mut found);
    found.join(", ")
}

fn differ(name: &str, old: &Json, new: &Json, found: &mut Vec<String>) {
    match (old, new) {
        _ if old == new => {}
        (Json::Object(before), Json::Object(after)) if before.keys().eq(after.keys()) => {
            for (key, value) in before {
                differ(key, value, after.get(key).unwrap_or(&Json::Null), found);
            }
        }
        _ => {
            let word = |value: &Json| match value {
                Json::Null => "none".to_owned(),
                Json::String(text) => text.clone(),
                Json::Object(parts) => parts.keys().next().cloned().unwrap_or_default(),
                other => other.to_string(),
            };
            found.push(format!("{name} {} → {}", word(old), word(new)));
        }
    }
}
