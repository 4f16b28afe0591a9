//! The statements of a list, drafted from what was asked: one for each segment of a page, and one for the total.

use std::sync::Arc;

use mains_base::{Result, Value};
use mains_language::expression::Tree;
use mains_language::schema::{Collection, FieldId, Schema};

use super::columns::{Columns, ListColumn};
use super::encode::Member;
use super::expand::{Gate, Way};
use super::keyset::{Direction, Test};
use super::sort::{SortKey, is_nullable};
use super::standing::{Conditions, Rule, Standing};
use super::wheres::{Asked, Path, lift};
use crate::dialect::{Column, Dialect};
use crate::sql::{Bind, Select, Statement, column_of_field};

/// Totals are counted so far.
pub(super) const COUNTED: u32 = 10_000;

/// What a list asks, resolved.
pub(super) struct Draft<'a> {
    pub(super) schema: &'a Schema,
    pub(super) dialect: Dialect,
    pub(super) collection: &'a Collection,
    pub(super) conditions: &'a Conditions,
    pub(super) standing: Standing,
    /// The fields of an answer.
    pub(super) fields: Vec<FieldId>,
    pub(super) order: Vec<OrderKey>,
    pub(super) paths: Vec<Path>,
    pub(super) asked: &'a [Asked],
    pub(super) filter: Option<Tree>,
    /// What the records of a page are asked to lead to.
    pub(super) gates: &'a [Way],
    /// Records of a page.
    pub(super) page: u32,
}

/// A key of the order, as it is for one standing.
pub(super) struct OrderKey {
    pub(super) key: SortKey,
    /// Where it is true the value counts, elsewhere NULL.
    visible: Option<Tree>,
    nullable: bool,
}

/// How the rows of a statement are read.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    pub(super) members: Vec<Member>,
    pub(super) lists: Vec<ListColumn>,
    /// What the records lead to.
    pub(super) gates: Vec<Gate>,
    /// Where the keys of the order stand, and what they are.
    pub(super) keys: Vec<(usize, Column)>,
}

/// The keys of an order for one standing. A field that nobody of it may read is NULL everywhere, so it orders nothing.
pub(super) fn order(
    collection: &Collection,
    conditions: &Conditions,
    standing: Standing,
    keys: &[SortKey],
) -> Vec<OrderKey> {
    let each = keys.iter().filter_map(|&key| {
        let field = collection.field(key.field);
        let visible = match conditions.field(field, standing) {
            Rule::Always => None,
            Rule::Never => return None,
            Rule::Where(rule) => Some(rule),
        };
        let nullable = visible.is_some() || is_nullable(collection, field);
        Some(OrderKey { key, visible, nullable })
    });
    each.collect()
}

impl OrderKey {
    /// What segments depend on.
    pub(super) fn direction(&self) -> Direction {
        Direction { descending: self.key.descending, nullable: self.nullable }
    }

    /// The key in a statement about its record.
    pub(super) fn sql(&self, select: &mut Select<'_>) -> Result<String> {
        let column = select.folded_column(self.key.field);
        match &self.visible {
            None => Ok(column),
            Some(rule) => Ok(format!("CASE WHEN {} THEN {column} END", select.truth(rule)?)),
        }
    }
}

impl Draft<'_> {
    /// The rule of the records for this standing.
    pub(super) fn rule(&self) -> Rule {
        self.conditions.records(self.collection, self.standing)
    }

    /// The statement of one segment: one record more than the page holds.
    pub(super) fn segment(&self, tests: &[Test]) -> Result<(Statement, Layout)> {
        let mut select = Select::stored(self.schema, self.dialect, self.collection.id);
        let mut columns = Columns::of(
            &mut select,
            self.schema,
            (self.collection, &self.fields),
            (self.conditions, self.standing),
        )?;
        let gates = columns.gates(&mut select, self.gates)?;
        let keys: Vec<String> = self.order.iter().map(|key| key.sql(&mut select)).collect::<Result<_>>()?;
        let mut conditions = self.asked_for(&mut select)?;
        for test in tests {
            conditions.push(self.test(&mut select, *test, &keys));
        }
        let columns_of = |id: FieldId| column_of_field(self.collection.field(id));
        let order: Vec<String> =
            keys.iter().zip(&self.order).map(|(sql, key)| ordered(self.dialect, sql, key.key)).collect();
        let places = keys.into_iter().zip(&self.order);
        let keys = places.map(|(sql, key)| (columns.place(sql), columns_of(key.key.field))).collect();
        let text = format!(
            "SELECT {} {}{} ORDER BY {} LIMIT {}",
            columns.sql.join(", "),
            select.from(),
            where_clause(&conditions),
            order.join(", "),
            self.page + 1,
        );
        let layout = Layout { members: columns.members, lists: columns.lists, gates, keys };
        Ok((self.finished(select, text), layout))
    }

    /// The statement that counts, up to one more than is told exactly.
    pub(super) fn total(&self) -> Result<Statement> {
        let mut select = Select::stored(self.schema, self.dialect, self.collection.id);
        let conditions = self.asked_for(&mut select)?;
        let text = format!(
            "SELECT count(*) FROM (SELECT 1 {}{} LIMIT {}) AS found",
            select.from(),
            where_clause(&conditions),
            COUNTED + 1,
        );
        Ok(self.finished(select, text))
    }

    /// The statement that counts those of some records for which it holds; their ids come in the slot behind those of
    /// `where.` `None`: the rule shows this caller nothing.
    pub(super) fn holding(&self) -> Result<Option<Statement>> {
        if self.rule() == Rule::Never {
            return Ok(None);
        }
        let mut select = Select::stored(self.schema, self.dialect, self.collection.id);
        let mut conditions = self.asked_for(&mut select)?;
        let slot = self.paths.iter().map(Path::count).sum::<usize>();
        let ids = select.bind_list(Bind::Slot(u16::try_from(slot).unwrap_or(u16::MAX)), Column::Id);
        conditions.push(format!("{} IN (SELECT * FROM {ids})", select.column(FieldId::ID)));
        let text = format!("SELECT count(*) {}{}", select.from(), where_clause(&conditions));
        Ok(Some(self.finished(select, text)))
    }

    fn finished(&self, select: Select<'_>, text: String) -> Statement {
        let mut statement = select.finish(Arc::<str>::from(text)).kept(self.dialect);
        lift(&mut statement, &self.paths);
        statement
    }

    /// The rule, `where.` and `filter=`.
    fn asked_for(&self, select: &mut Select<'_>) -> Result<Vec<String>> {
        let mut conditions = Vec::new();
        if let Rule::Where(rule) = self.rule() {
            conditions.push(select.truth(&rule)?);
        }
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

    fn test(&self, select: &mut Select<'_>, test: Test, keys: &[String]) -> String {
        let first: usize = self.paths.iter().map(Path::count).sum();
        let mut bound = |place: usize| {
            let field = self.order.get(place).map(|key| self.collection.field(key.key.field));
            let column = field.map_or(Column::Id, column_of_field);
            select.bind(Bind::Slot(u16::try_from(first + place).unwrap_or(u16::MAX)), column)
        };
        let sql = |place: usize| keys.get(place).map_or("NULL", String::as_str);
        let sign = |place: usize| match self.order.get(place) {
            Some(key) if key.key.descending => "<",
            _ => ">",
        };
        match test {
            Test::Equal(place) => format!("{} = {}", sql(place), bound(place)),
            Test::Null(place) => format!("{} IS NULL", sql(place)),
            Test::NotNull(place) => format!("{} IS NOT NULL", sql(place)),
            Test::Beyond(place) => format!("{} {} {}", sql(place), sign(place), bound(place)),
            Test::RowBeyond(place) => {
                let rest: Vec<&str> = (place..keys.len()).map(sql).collect();
                let values: Vec<String> = (place..keys.len()).map(&mut bound).collect();
                format!("({}) {} ({})", rest.join(", "), sign(place), values.join(", "))
            }
        }
    }

    /// The index that would serve this list, for whoever runs the site.
    pub(super) fn advice(&self) -> String {
        let mut names: Vec<&str> =
            self.paths.iter().filter_map(|path| path.own_field(self.collection)).collect();
        let keys = self.order.iter().filter(|key| key.key.field != FieldId::ID);
        let keys = keys.map(|key| self.collection.field(key.key.field).name.as_str());
        for key in keys {
            if !names.contains(&key) {
                names.push(key);
            }
        }
        names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
    }
}

/// A key of `ORDER BY`. Ids are never NULL, and no index says where NULL ids would stand.
pub(super) fn ordered(dialect: Dialect, sql: &str, key: SortKey) -> String {
    match (key.field, key.descending) {
        (FieldId::ID, false) => sql.to_owned(),
        (FieldId::ID, true) => format!("{sql} DESC"),
        (_, descending) => dialect.ordered(sql, descending),
    }
}

/// `WHERE …`, or nothing.
pub(super) fn where_clause(conditions: &[String]) -> String {
    if conditions.is_empty() {
        return String::new();
    }
    let each: Vec<String> = conditions.iter().map(|condition| format!("({condition})")).collect();
    format!(" WHERE {}", each.join(" AND "))
}

/// Whether a value can stand in a column of this kind.
pub(super) fn fits(value: &Value, column: Column) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(_) => column == Column::Bool,
        Value::Int(_) => matches!(column, Column::Int | Column::Date),
        Value::Double(_) => column == Column::Double,
        Value::Text(_) => column == Column::Text,
        Value::Id(_) => column == Column::Id,
        _ => false,
    }
}
