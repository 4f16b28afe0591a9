//! Values for rows that are there already, where only Rust can make them: folded twins, slugs, calculated defaults.
//!
//! Rows are walked in pages by their key, so a large table never stands in memory.

use mains_base::{Result, Value, fold};

use super::calculate::{Calculation, Taken, parts};
use super::columns::columns;
use super::names;
use super::shape::FieldShape;
use crate::dialect::quote;
use crate::engine::{Row, Statements};

/// Rows of one page.
const PAGE: usize = 500;

/// Makes of a row's cells the statement that fills it, without the key that follows its values.
type Maker<'m> = &'m mut dyn FnMut(&mut dyn Statements, &Row) -> Result<Option<(String, Vec<Value>)>>;

/// A walk over a table.
#[derive(Debug)]
pub(super) struct Filling {
    /// The table, by its new name.
    pub(super) table: String,
    /// Columns of its key.
    pub(super) key: Vec<String>,
    /// What is made.
    pub(super) make: Make,
}

/// What is made of a row.
#[derive(Debug)]
pub(super) enum Make {
    /// The folded twin `to` of the text `from`.
    Folded { from: String, to: String },
    /// The columns of a single field.
    Single(Box<Calculation>),
    /// The elements of a list, of a collection.
    List(Box<Calculation>),
}

impl Filling {
    /// Walks the table.
    pub(super) fn carry_out(&self, statements: &mut dyn Statements) -> Result<()> {
        match &self.make {
            Make::Folded { from, to } => {
                let update = self.update(std::slice::from_ref(to));
                self.walk(statements, std::slice::from_ref(from), &mut |_, row| {
                    Ok(row.text(0)?.map(|text| (update.clone(), vec![fold(text).into()])))
                })
            }
            Make::Single(calculation) => {
                let field = &calculation.field;
                let names: Vec<String> = columns(field).into_iter().map(|column| column.name).collect();
                let (update, mut taken) = (self.update(&names), Taken::new());
                self.walk(statements, &calculation.reads(), &mut |statements, row| {
                    let value = calculation.value(statements, row, &mut taken)?;
                    let mut values = parts(&field.kind, &value);
                    values.resize(names.len(), Value::Null);
                    Ok(Some((update.clone(), values)))
                })
            }
            Make::List(calculation) => self.walk(statements, &calculation.reads(), &mut |statements, row| {
                let value = calculation.value(statements, row, &mut Taken::new())?;
                self.insert(statements, &calculation.field, row, value.as_list().unwrap_or_default())?;
                Ok(None)
            }),
        }
    }

    /// Puts the elements of one record's list where they belong.
    fn insert(
        &self,
        statements: &mut dyn Statements,
        field: &FieldShape,
        row: &Row,
        items: &[Value],
    ) -> Result<()> {
        let join = quote(&names::join_table(&self.table, &field.name));
        for (position, item) in (0_i64..).zip(items) {
            let mut values = vec![row.id(0)?.into(), item.clone(), position.into()];
            let mut twin = ["", ""];
            if let (true, Some(text)) = (field.kind.folds_case(), item.as_text()) {
                values.push(fold(text).into());
                twin = [", \"target__folded\"", ", $4"];
            }
            let [column, place] = twin;
            let sql = format!(
                "INSERT INTO {join} (\"record\", \"target\", \"position\"{column}) VALUES ($1, $2, $3{place}) \
                 ON CONFLICT DO NOTHING"
            );
            statements.execute_later(&sql, &values, None)?;
        }
        Ok(())
    }

    /// `UPDATE … SET a = $1 WHERE key = $2`.
    fn update(&self, columns: &[String]) -> String {
        let set: Vec<String> = columns
            .iter()
            .zip(1..)
            .map(|(column, number)| format!("{} = ${number}", quote(column)))
            .collect();
        let key = self.key.iter().zip(columns.len() + 1..);
        let key: Vec<String> = key.map(|(column, number)| format!("{} = ${number}", quote(column))).collect();
        format!("UPDATE {} SET {} WHERE {}", quote(&self.table), set.join(", "), key.join(" AND "))
    }

    /// Gives every row's `columns` to `make`, and runs the statement that it answers, with the key after its values.
    fn walk(&self, statements: &mut dyn Statements, columns: &[String], make: Maker<'_>) -> Result<()> {
        let mut after: Option<Vec<Value>> = None;
        loop {
            let sql = self.page(columns, after.is_some());
            let rows = statements.query(&sql, after.as_deref().unwrap_or_default())?.0;
            for row in &rows {
                let (cells, key) = row.0.split_at_checked(columns.len()).unwrap_or((&row.0, &[]));
                if let Some((update, mut values)) = make(statements, &Row(cells.to_vec()))? {
                    values.extend_from_slice(key);
                    statements.execute_later(&update, &values, None)?;
                }
                after = Some(key.to_vec());
            }
            if rows.len() < PAGE {
                return statements.flush();
            }
        }
    }

    fn page(&self, columns: &[String], later: bool) -> String {
        let key: Vec<String> = self.key.iter().map(|column| quote(column)).collect();
        let key = key.join(", ");
        let cells: Vec<String> = columns.iter().map(|column| format!("{}, ", quote(column))).collect();
        let cells = cells.concat();
        let numbers: Vec<String> = (1..=self.key.len()).map(|number| format!("${number}")).collect();
        let after = if later { format!(" WHERE ({key}) > ({})", numbers.join(", ")) } else { String::new() };
        format!("SELECT {cells}{key} FROM {}{after} ORDER BY {key} LIMIT {PAGE}", quote(&self.table))
    }
}
