//! The statement of totals: the rows that the caller may read, their groups, and one page of these.

use std::sync::Arc;

use mains_base::{Result, nearest};
use mains_language::expression::Tree;
use mains_language::schema::{Collection, Schema};

use super::group::Group;
use super::measure::Measure;
use super::request::Function;
use crate::dialect::{Column, Dialect};
use crate::records::draft::where_clause;
use crate::records::keyset::{Direction, Test, segments};
use crate::records::refusal::{SORT, malformed};
use crate::records::standing::Rule;
use crate::records::wheres::{Asked, Path, lift};
use crate::sql::{Bind, Select, Statement};

/// What totals ask, resolved.
pub(super) struct Draft<'a> {
    pub(super) schema: &'a Schema,
    pub(super) dialect: Dialect,
    pub(super) collection: &'a Collection,
    pub(super) rule: Rule,
    pub(super) groups: Vec<Group>,
    pub(super) counts: bool,
    pub(super) measures: Vec<Measure>,
    pub(super) paths: Vec<Path>,
    pub(super) asked: &'a [Asked],
    pub(super) filter: Option<Tree>,
    /// `sort=`
    pub(super) sort: Option<&'a str>,
    /// The page begins behind a position; bit *i* says that its value *i* is NULL.
    pub(super) after: Option<u32>,
    pub(super) page: u32,
}

/// Where the columns of a group's row stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    pub(super) groups: Vec<usize>,
    pub(super) count: Option<usize>,
    pub(super) measures: Vec<usize>,
    /// The keys of the order: where they stand, and what they are.
    pub(super) keys: Vec<(usize, Column)>,
    pub(super) directions: Vec<Direction>,
}

/// The two inner levels of the statement, under construction.
#[derive(Default)]
struct Levels {
    /// `expression AS name`, of each record.
    rows: Vec<String>,
    /// The names that records are grouped by.
    by: Vec<String>,
    /// `expression AS name`, of each group.
    groups: Vec<String>,
    /// Each group's column, by its place.
    columns: Vec<(String, Column)>,
}

impl Levels {
    fn group(&mut self, sql: &str, column: Column) -> usize {
        let name = format!("c{}", self.columns.len());
        self.groups.push(format!("{sql} AS {name}"));
        self.columns.push((name, column));
        self.columns.len() - 1
    }

    /// The place of a calculated value; of money, its least and greatest currency stand behind it.
    fn measure(&mut self, select: &mut Select<'_>, (number, measure): (usize, &Measure)) -> Result<usize> {
        let (value, currency) = measure.sql(select)?;
        let name = format!("m{number}");
        self.rows.push(format!("{value} AS {name}"));
        let result = match measure.function {
            Function::Sum => select.sum_of(&name),
            Function::Min => format!("min({name})"),
            Function::Max => format!("max({name})"),
        };
        let place = self.group(&result, measure.column());
        if let Some(currency) = currency {
            self.rows.push(format!("{currency} AS u{number}"));
            self.group(&format!("min(u{number})"), Column::Text);
            self.group(&format!("max(u{number})"), Column::Text);
        }
        Ok(place)
    }
}

impl Draft<'_> {
    /// The statement, and how its rows are read.
    pub(super) fn statement(&self) -> Result<(Statement, Places)> {
        let mut select = Select::stored(self.schema, self.dialect, self.collection.id);
        let (mut levels, mut places) = (Levels::default(), Places::default());
        let (mut lists, mut conditions) = (Vec::new(), self.conditions(&mut select)?);
        for (number, group) in self.groups.iter().enumerate() {
            let about = (self.schema, self.dialect, self.collection);
            let sql = group.sql(&mut select, about, (&mut lists, &mut conditions))?;
            let name = format!("k{number}");
            levels.rows.push(format!("{} AS {name}", sql.key));
            let key = levels.group(&name, sql.column);
            places.keys.push((key, sql.column));
            places.groups.push(match sql.shown {
                None => key,
                Some(shown) => {
                    levels.rows.push(format!("{shown} AS w{number}"));
                    levels.group(&format!("min(w{number})"), sql.column)
                }
            });
            levels.by.push(name);
        }
        let count = levels.group("count(*)", Column::Int);
        places.count = self.counts.then_some(count);
        for (number, measure) in self.measures.iter().enumerate() {
            places.measures.push(levels.measure(&mut select, (number, measure))?);
        }
        self.order(&mut places, count)?;
        let text = self.text(&mut select, &levels, (&lists, &conditions), &places);
        let mut statement = select.finish(Arc::<str>::from(text)).kept(self.dialect);
        lift(&mut statement, &self.paths);
        Ok((statement, places))
    }

    /// The rule, `where.` and `filter=`.
    fn conditions(&self, select: &mut Select<'_>) -> Result<Vec<String>> {
        let mut conditions = match &self.rule {
            Rule::Always => Vec::new(),
            Rule::Never => vec!["FALSE".to_owned()],
            Rule::Where(rule) => vec![select.truth(rule)?],
        };
        let mut slot = 0;
        for (path, asked) in self.paths.iter().zip(self.asked) {
            conditions.push(select.truth(&path.condition(slot, asked))?);
            slot += path.count();
        }
        if let Some(filter) = &self.filter {
            conditions.push(select.truth(filter)?);
        }
        Ok(conditions)
    }

    /// Puts the keys into the order that `sort=` says; all groups are among them, so no two groups stand at one place.
    fn order(&self, places: &mut Places, count: usize) -> Result<()> {
        let groups = std::mem::take(&mut places.keys);
        let text = self.sort.filter(|text| !text.is_empty());
        for part in text.into_iter().flat_map(|text| text.split(',')) {
            let (name, descending) = part.strip_prefix('-').map_or((part, false), |name| (name, true));
            let key = self.key(name, (&groups, count), places).ok_or_else(|| self.unknown_key(name))?;
            if places.keys.contains(&key) {
                return Err(malformed(SORT, format!("Sort names {name:?} twice.")));
            }
            places.keys.push(key);
            places.directions.push(Direction { descending, nullable: true });
        }
        for key in groups {
            if !places.keys.contains(&key) {
                places.keys.push(key);
                places.directions.push(Direction { descending: false, nullable: true });
            }
        }
        Ok(())
    }

    fn key(
        &self,
        name: &str,
        (groups, count): (&[(usize, Column)], usize),
        places: &Places,
    ) -> Option<(usize, Column)> {
        if name == "count" {
            return Some((count, Column::Int));
        }
        if let Some(place) = self.groups.iter().position(|group| group.name == name) {
            return groups.get(place).copied();
        }
        let place = self.measures.iter().position(|measure| measure.label() == name)?;
        Some((*places.measures.get(place)?, self.measures.get(place)?.column()))
    }

    fn unknown_key(&self, name: &str) -> mains_base::Error {
        let labels: Vec<String> = self.measures.iter().map(Measure::label).collect();
        let groups = self.groups.iter().map(|group| group.name.as_str());
        let near = nearest(name, groups.chain(labels.iter().map(String::as_str)).chain(["count"]));
        let near = near.map(|near| format!(" Did you mean {near}?")).unwrap_or_default();
        let detail = format!(
            "Totals are sorted by count, by their groups, or by what is asked of them, not by {name:?}.{near}"
        );
        malformed(SORT, detail)
    }

    fn text(
        &self,
        select: &mut Select<'_>,
        levels: &Levels,
        (lists, conditions): (&[String], &[String]),
        places: &Places,
    ) -> String {
        let rows = if levels.rows.is_empty() { "1 AS one".to_owned() } else { levels.rows.join(", ") };
        let after = self.after.map(|nulls| self.beyond(select, levels, places, nulls));
        let lists = lists.iter().fold(String::new(), |text, list| text + " CROSS JOIN " + list);
        let from = select.from();
        let by =
            if levels.by.is_empty() { String::new() } else { format!(" GROUP BY {}", levels.by.join(", ")) };
        let names: Vec<&str> = levels.columns.iter().map(|(name, _)| name.as_str()).collect();
        let order = places.keys.iter().zip(&places.directions).map(|(&(place, _), direction)| {
            self.dialect.ordered(names.get(place).copied().unwrap_or("NULL"), direction.descending)
        });
        let order: Vec<String> = order.collect();
        let order = if order.is_empty() { String::new() } else { format!(" ORDER BY {}", order.join(", ")) };
        format!(
            "SELECT {} FROM (SELECT {} FROM (SELECT {rows} {from}{lists}{}) AS q{by}) AS t{}{order} LIMIT {}",
            names.join(", "),
            levels.groups.join(", "),
            where_clause(conditions),
            after.map(|after| format!(" WHERE {after}")).unwrap_or_default(),
            self.page + 1,
        )
    }

    /// What stands behind the position of a cursor.
    fn beyond(&self, select: &mut Select<'_>, levels: &Levels, places: &Places, nulls: u32) -> String {
        let first: usize = self.paths.iter().map(Path::count).sum();
        let name = |key: usize| {
            let place = places.keys.get(key).map_or(usize::MAX, |(place, _)| *place);
            levels.columns.get(place).map_or("NULL", |(name, _)| name.as_str())
        };
        let mut bound = |key: usize| {
            let column = places.keys.get(key).map_or(Column::Int, |(_, column)| *column);
            select.bind(Bind::Slot(u16::try_from(first + key).unwrap_or(u16::MAX)), column)
        };
        let sign = |key: usize| match places.directions.get(key) {
            Some(direction) if direction.descending => "<",
            _ => ">",
        };
        let mut test = |test: &Test| match *test {
            Test::Equal(key) => format!("{} = {}", name(key), bound(key)),
            Test::Null(key) => format!("{} IS NULL", name(key)),
            Test::NotNull(key) => format!("{} IS NOT NULL", name(key)),
            Test::Beyond(key) => format!("{} {} {}", name(key), sign(key), bound(key)),
            Test::RowBeyond(key) => {
                let keys: Vec<&str> = (key..places.keys.len()).map(name).collect();
                let values: Vec<String> = (key..places.keys.len()).map(&mut bound).collect();
                format!("({}) {} ({})", keys.join(", "), sign(key), values.join(", "))
            }
        };
        let segments = segments(&places.directions, nulls);
        let each =
            segments.iter().map(|segment| segment.iter().map(&mut test).collect::<Vec<_>>().join(" AND "));
        let each: Vec<String> = each.map(|segment| format!("({segment})")).collect();
        if each.is_empty() { "FALSE".to_owned() } else { each.join(" OR ") }
    }
}
