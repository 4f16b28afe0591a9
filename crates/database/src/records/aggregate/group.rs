//! What groups are made of: values of paths, elements of a list, and days, weeks and months of an instant.

use bytes::BytesMut;
use mains_base::{Date, Result};
use mains_language::expression::{Aggregate, List, ListKind, Node, TextKind, Tree, Type};
use mains_language::schema::{Collection, Schema};

use crate::dialect::{Column, Dialect, quote};
use crate::engine::RowView;
use crate::records::callers::Callers;
use crate::records::columns::of_type;
use crate::records::encode::{self, Kind};
use crate::records::json;
use crate::records::refusal::{GROUP, malformed, no_path};
use crate::sql::{Select, column_of};

/// Days from 0001-01-01, a Monday, to 1970-01-01.
const TO_EPOCH: i64 = 719_162;

/// One grouping.
pub(super) struct Group {
    /// As it was written.
    pub(super) name: String,
    target: Target,
    span: Option<Span>,
    ty: Type,
    written: Written,
}

enum Target {
    Value(Tree),
    /// The elements of an own list.
    Elements(List),
}

/// A span of the calendar, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Span {
    Day,
    Week,
    Month,
}

/// How a group's value is written.
#[derive(Clone, Debug)]
pub(super) enum Written {
    Cell(Kind),
    /// Weeks since 0001-01-01.
    Week,
    /// Months since the year 0.
    Month,
}

/// A grouping as SQL: what is compared, and what is shown of it where that is another column.
pub(super) struct GroupSql {
    pub(super) key: String,
    pub(super) shown: Option<String>,
    pub(super) column: Column,
}

impl Group {
    /// Types a grouping as this caller sees it.
    pub(super) fn typed(
        schema: &Schema,
        callers: &Callers<'_>,
        collection: &Collection,
        name: &str,
    ) -> Result<Self> {
        let (span, path) = spanned(name)?;
        no_path(GROUP, path)?;
        let (target, ty) = match callers.value(path) {
            Ok(tree) => (Target::Value(tree.clone()), tree.ty),
            Err(complaint) => {
                let list = elements(callers, path).ok_or_else(|| {
                    let hint = complaint.hint.map(|hint| format!(" {hint}")).unwrap_or_default();
                    malformed(GROUP, format!("Group {name:?}: {}{hint}", complaint.message))
                })?;
                if !matches!(list.kind, ListKind::Field(_))
                    || list.row.start != collection.id
                    || !list.row.hops.is_empty()
                {
                    let detail =
                        format!("Group {name:?}: name a list that stands in {} itself.", collection.name);
                    return Err(malformed(GROUP, detail));
                }
                let element = list.element.clone();
                (Target::Elements(list), element)
            }
        };
        let written = written(schema, span, &ty).ok_or_else(|| wrong(name, span, &ty))?;
        Ok(Self { name: name.to_owned(), target, span, ty, written })
    }

    /// How its value is written.
    pub(super) fn written(&self) -> &Written {
        &self.written
    }

    /// Whether it goes through the elements of a list.
    pub(super) fn is_list(&self) -> bool {
        matches!(self.target, Target::Elements(_))
    }

    /// Its SQL; a list is joined in `joins`, with its conditions.
    pub(super) fn sql(
        &self,
        select: &mut Select<'_>,
        (schema, dialect, collection): (&Schema, Dialect, &Collection),
        (joins, conditions): (&mut Vec<String>, &mut Vec<String>),
    ) -> Result<GroupSql> {
        let folds = self.ty == Type::Text(TextKind::Folded);
        let (value, shown) = match &self.target {
            Target::Value(tree) => {
                let shown = if folds { Some(select.value(tree)?) } else { None };
                (select.compared_value(tree)?, shown)
            }
            Target::Elements(list) => {
                let ListKind::Field(field) = list.kind else { return Err(wrong(&self.name, None, &self.ty)) };
                let table = quote(&format!("{}__{}", collection.name, collection.field(field).name));
                joins.push(format!("{table} AS g"));
                conditions.push("g.\"record\" = r.\"id\"".to_owned());
                if let Some(rule) = &list.field_guard {
                    conditions.push(select.truth(rule)?);
                }
                if let (Some(rule), Type::Record(to)) = (&list.guard, &list.element) {
                    let (truth, joins) = select.beside((*to, "s"), |select| select.truth(rule))?;
                    let target = quote(&schema.collection(*to).name);
                    conditions.push(format!(
                        "EXISTS (SELECT 1 FROM {target} AS s{joins} WHERE s.\"id\" = g.\"target\" AND ({truth}))"
                    ));
                }
                let plain = "g.\"target\"".to_owned();
                if folds { ("g.\"target__folded\"".to_owned(), Some(plain)) } else { (plain, None) }
            }
        };
        let key = self.span.map_or_else(|| value.clone(), |span| span.sql(dialect, &value, &self.ty));
        let column = if self.span.is_some() { Column::Int } else { column_of(&self.ty) };
        Ok(GroupSql { key, shown, column })
    }
}

impl Written {
    /// Writes a group's value from its column.
    pub(super) fn write(&self, out: &mut BytesMut, row: &dyn RowView, column: usize) -> Result<()> {
        let kind = match self {
            Self::Cell(kind) => return encode::cell(out, row, column, kind),
            other => other,
        };
        let Some(number) = row.int(column)? else {
            json::null(out);
            return Ok(());
        };
        json::text(
            out,
            &match kind {
                Self::Week => week(number),
                _ => format!("{:04}-{:02}", number.div_euclid(12), number.rem_euclid(12) + 1),
            },
        );
        Ok(())
    }
}

/// A week by ISO 8601, as `2026-W47`: it belongs to the year of its Thursday.
fn week(number: i64) -> String {
    let thursday = Date::from_days(number * 7 - TO_EPOCH + 3);
    let (year, ordinal) = thursday.map_or((0, 0), |thursday| {
        let (year, ..) = thursday.year_month_day();
        let first = Date::from_year_month_day(year, 1, 1).map_or(0, Date::days);
        (year, thursday.days() - first)
    });
    format!("{year:04}-W{:02}", ordinal / 7 + 1)
}

impl Span {
    /// The number of the span, of a value that is an instant or a day.
    fn sql(self, dialect: Dialect, value: &str, ty: &Type) -> String {
        let days = match (ty, dialect) {
            (Type::Date, Dialect::Sqlite) => format!("({value} + {TO_EPOCH})"),
            (Type::Date, Dialect::Postgres) => format!("({value}::bigint + {TO_EPOCH})"),
            _ => format!("(({value} + 62135596800000000) / 86400000000)"),
        };
        match (self, dialect) {
            (Self::Day, _) => format!("({days} - {TO_EPOCH})"),
            (Self::Week, _) => format!("({days} / 7)"),
            (Self::Month, Dialect::Sqlite) => {
                let seconds = format!("{days} * 86400 - 62135596800");
                let part =
                    |part: &str| format!("CAST(strftime('{part}', {seconds}, 'unixepoch') AS INTEGER)");
                format!("({} * 12 + {} - 1)", part("%Y"), part("%m"))
            }
            (Self::Month, Dialect::Postgres) => {
                let part = |part: &str| {
                    format!("EXTRACT({part} FROM (date '0001-01-01' + {days}::integer))::bigint")
                };
                format!("({} * 12 + {} - 1)", part("YEAR"), part("MONTH"))
            }
        }
    }
}

/// `month(created)` as its span and path.
fn spanned(name: &str) -> Result<(Option<Span>, &str)> {
    let Some((function, rest)) = name.split_once('(') else { return Ok((None, name)) };
    let span = match function {
        "day" => Span::Day,
        "week" => Span::Week,
        "month" => Span::Month,
        _ => {
            let detail =
                format!("Group {name:?}: only day(…), week(…) and month(…) can stand around a field.");
            return Err(malformed(GROUP, detail));
        }
    };
    let path = rest.strip_suffix(')');
    let path =
        path.ok_or_else(|| malformed(GROUP, format!("Group {name:?}: close the parenthesis at the end.")))?;
    Ok((Some(span), path))
}

fn elements(callers: &Callers<'_>, path: &str) -> Option<List> {
    match callers.value(&format!("{path}.size()")).ok()?.node {
        Node::Aggregate { aggregate: Aggregate::Size, list, .. } => Some(list),
        _ => None,
    }
}

fn written(schema: &Schema, span: Option<Span>, ty: &Type) -> Option<Written> {
    match (span, ty) {
        (None, _) => of_type(schema, ty).map(Written::Cell),
        (Some(Span::Day), Type::Timestamp | Type::Date) => Some(Written::Cell(Kind::Date)),
        (Some(Span::Week), Type::Timestamp | Type::Date) => Some(Written::Week),
        (Some(Span::Month), Type::Timestamp | Type::Date) => Some(Written::Month),
        _ => None,
    }
}

fn wrong(name: &str, span: Option<Span>, ty: &Type) -> mains_base::Error {
    let detail = match (span, ty) {
        (Some(_), _) => format!("Group {name:?}: day, week and month stand around instants and days."),
        (None, Type::Money) => format!("Group {name:?}: group by {name}.currency or {name}.amount."),
        _ => format!("Group {name:?}: values of this type are not compared, so they make no groups."),
    };
    malformed(GROUP, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_belong_to_the_year_of_their_thursday() {
        let of = |year, month, day| {
            week((Date::from_year_month_day(year, month, day).unwrap().days() + TO_EPOCH) / 7)
        };
        assert_eq!(of(2026, 11, 21), "2026-W47");
        assert_eq!(of(2024, 12, 30), "2025-W01");
        assert_eq!(of(2021, 1, 3), "2020-W53");
        assert_eq!(of(2021, 1, 4), "2021-W01");
        assert_eq!(of(1970, 1, 1), "1970-W01");
        assert_eq!(of(1, 1, 1), "0001-W01");
    }
}
