//! Promises about stored rows: asked when a plan is made, over the rows as they would be, and again when it is done.

use std::collections::HashMap;

use mains_base::{Caller, Date, Error, Result, Time, Uuid, Value};

use super::shape::{IndexShape, KindShape};
use crate::dialect::quote;
use crate::engine::{Row, Statements};
use crate::sql::{Environment, Statement};

/// How many examples a sentence names.
const EXAMPLES: usize = 3;

/// The rows of a table as they would be: each column as an expression over the columns that are there.
#[derive(Clone, Debug)]
pub(super) struct View {
    /// The table as it is named now.
    pub(super) table: String,
    /// Column → expression; `None` where only doing it tells.
    pub(super) columns: HashMap<String, Option<String>>,
}

impl View {
    /// The rows as they are.
    pub(super) fn plain(table: &str) -> Self {
        Self { table: table.to_owned(), columns: HashMap::new() }
    }

    /// Whether every column that this SQL names is known.
    fn knows(&self, sql: &str) -> bool {
        // Identifiers stand between double quotes; what stands between single ones may only make this answer no.
        let mut named = sql.split('"').skip(1).step_by(2);
        self.columns.is_empty() || named.all(|column| matches!(self.columns.get(column), Some(Some(_))))
    }

    fn from(&self) -> String {
        if self.columns.is_empty() {
            return quote(&self.table);
        }
        let known = self.columns.iter().filter_map(|(column, expression)| {
            Some(format!("{} AS {}", expression.as_ref()?, quote(column)))
        });
        let mut known: Vec<String> = known.collect();
        known.sort();
        format!("(SELECT {} FROM {}) AS rows_then", known.join(", "), quote(&self.table))
    }
}

/// Something that no row may break.
#[derive(Clone, Debug)]
pub(super) struct Proof {
    /// `index posts (slug)`
    pub(super) subject: String,
    /// The table by its new name.
    pub(super) table: String,
    /// What is promised.
    pub(super) promise: Promise,
}

/// What is promised.
#[derive(Clone, Debug)]
pub(super) enum Promise {
    /// This is true of every row.
    Check(String),
    /// No two rows are equal there.
    Unique(IndexShape, Vec<KindShape>),
    /// This statement counts none at this moment; it may look at other tables, so only tables as declared answer it.
    None(Box<Statement>, Time),
}

impl Proof {
    /// The sentence of a refusal, if rows break it. `None` as well where the view cannot tell.
    pub(super) fn broken(&self, statements: &mut dyn Statements, view: &View) -> Result<Option<String>> {
        match &self.promise {
            Promise::Check(sql) if view.knows(sql) => broken_check(statements, view, sql),
            Promise::Unique(index, kinds) => {
                let columns: Vec<String> = index.columns.iter().map(|column| quote(column)).collect();
                let condition = index.condition.as_deref().unwrap_or_default();
                if !view.knows(condition) || !view.knows(&columns.join(" ")) {
                    return Ok(None);
                }
                let sql = duplicates(view, &columns, condition);
                let rows = statements.query(&sql, &[])?;
                Ok((!rows.0.is_empty()).then(|| shared(&rows.0, kinds)))
            }
            Promise::Check(_) => Ok(None),
            Promise::None(statement, now) => {
                let system = Caller::system();
                let environment = Environment { caller: &system, now: *now };
                let parameters = statement.parameters(&environment, &[])?;
                let count = number(&statements.query(&statement.text, &parameters)?.0)?;
                Ok((count > 0).then(|| broken(count)))
            }
        }
    }

    /// Fails where rows break it now.
    pub(super) fn hold(&self, statements: &mut dyn Statements) -> Result<()> {
        match self.broken(statements, &View::plain(&self.table))? {
            None => Ok(()),
            Some(sentence) => Err(Error::conflict("schema.refused", format!("{}: {sentence}", self.subject))),
        }
    }
}

fn broken_check(statements: &mut dyn Statements, view: &View, sql: &str) -> Result<Option<String>> {
    let count = format!("SELECT count(*) FROM {} WHERE NOT ({sql})", view.from());
    let count = number(&statements.query(&count, &[])?.0)?;
    Ok((count > 0).then(|| broken(count)))
}

fn broken(count: i64) -> String {
    format!("{} it. Change {} first, or loosen the check.", break_words(count), them(count))
}

fn duplicates(view: &View, columns: &[String], condition: &str) -> String {
    let mut wheres: Vec<String> = columns.iter().map(|column| format!("{column} IS NOT NULL")).collect();
    if !condition.is_empty() {
        wheres.push(format!("({condition})"));
    }
    let columns = columns.join(", ");
    format!(
        "SELECT {columns}, count(*) FROM {} WHERE {} GROUP BY {columns} HAVING count(*) > 1 \
         ORDER BY count(*) DESC, {columns} LIMIT {}",
        view.from(),
        wheres.join(" AND "),
        EXAMPLES + 1,
    )
}

fn shared(rows: &[Row], kinds: &[KindShape]) -> String {
    let examples = rows.iter().take(EXAMPLES).map(|row| {
        let cells: Vec<String> =
            kinds.iter().enumerate().map(|(place, kind)| shown(row.value(place), kind)).collect();
        let count = row.int(kinds.len()).ok().flatten().unwrap_or_default();
        let cells = if cells.len() == 1 { cells.concat() } else { format!("({})", cells.join(", ")) };
        format!("{count} records share {cells}")
    });
    let examples: Vec<String> = examples.collect();
    let more = if rows.len() > EXAMPLES { " and there are more" } else { "" };
    format!("It is to be unique, but {}{more}. Change all but one of them first.", examples.join(", "))
}

fn shown(value: &Value, kind: &KindShape) -> String {
    match (value, kind) {
        (Value::Int(days), KindShape::Date { .. }) => {
            Date::from_days(*days).map_or_else(|| days.to_string(), |date| date.to_string())
        }
        (Value::Int(micros), KindShape::Datetime { .. }) => Time::from_micros(*micros).to_string(),
        (Value::Int(number), KindShape::Bool {}) => (*number != 0).to_string(),
        (Value::Int(number), KindShape::Decimal { scale, .. }) => {
            let whole = format!("{:0width$}", number.unsigned_abs(), width = usize::from(*scale) + 1);
            let (before, after) = whole.split_at(whole.len() - usize::from(*scale));
            let sign = if *number < 0 { "-" } else { "" };
            if after.is_empty() { format!("{sign}{before}") } else { format!("{sign}{before}.{after}") }
        }
        (Value::Int(number), _) => number.to_string(),
        (Value::Double(number), _) => number.to_string(),
        (Value::Bool(truth), _) => truth.to_string(),
        (Value::Text(text), _) => format!("{text:?}"),
        (Value::Id(id), _) => format!("…_{id:?}"),
        (Value::Bytes(bytes), KindShape::Relation { .. }) => match bytes.as_slice().try_into() {
            Ok(id) => format!("…_{:?}", Uuid(id)),
            Err(_) => "an id".to_owned(),
        },
        _ => "a value".to_owned(),
    }
}

/// The number in the first cell.
pub(super) fn number(rows: &[Row]) -> Result<i64> {
    Ok(rows.first().map(|row| row.int(0)).transpose()?.flatten().unwrap_or_default())
}

/// `1 record`, `3 records`.
pub(super) fn records(count: i64) -> String {
    if count == 1 { "1 record".to_owned() } else { format!("{count} records") }
}

fn break_words(count: i64) -> String {
    if count == 1 { "1 record breaks".to_owned() } else { format!("{count} records break") }
}

/// `it`, `them`.
pub(super) fn them(count: i64) -> &'static str {
    if count == 1 { "it" } else { "them" }
}
