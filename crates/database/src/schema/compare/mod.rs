//! Declared against stored: collections and tables.
//!
//! Invariant: comparing only asks. Questions are about the rows as they are, under the names of now.

mod counters;
mod fields;
mod fills;
mod indexes;
mod limits;

use std::collections::HashMap;
use std::sync::Arc;

use mains_base::{Result, Time};

use super::columns::{self, columns as columns_of};
use super::matching::{Matching, Name};
use super::names;
use super::plan::{Mark, SchemaPlan, Step};
use super::proof::{Proof, View, number, records};
use super::shape::TableShape;
use super::work::Phase;
use crate::dialect::{Dialect, quote};
use crate::engine::Statements;

/// A comparison in progress.
pub(super) struct Comparison<'a> {
    dialect: Dialect,
    statements: &'a mut dyn Statements,
    plan: SchemaPlan,
    declared: Arc<Vec<TableShape>>,
    now: Time,
    /// New table name → old one.
    tables: Matching,
    /// What is asked of tables as declared: now, where the plan leaves all tables as they are.
    later: Vec<Proof>,
}

/// What is declared, and when it is compared.
pub(crate) struct Declared {
    pub(super) tables: Arc<Vec<TableShape>>,
    pub(super) now: Time,
}

/// A table that goes on, and what is known of it so far.
struct Pair<'a> {
    old: &'a TableShape,
    new: &'a TableShape,
    /// Old field → new field, of what goes on.
    names: HashMap<String, String>,
    /// Old column → new column, of what goes on.
    columns: HashMap<String, String>,
    /// The rows as they would be.
    view: View,
}

impl Pair<'_> {
    /// `field posts.title`
    fn field(&self, name: &str) -> String {
        format!("field {}.{name}", self.new.name)
    }
}

/// Compares everything. `present` are the tables that are there, `drops` the names whose values may be lost.
pub(super) fn compare(
    statements: &mut dyn Statements,
    stored: &[TableShape],
    declared: &Declared,
    present: &[String],
    drops: &[String],
) -> Result<SchemaPlan> {
    let names = declared.tables.iter().map(|table| Name { name: &table.name, was: table.was.as_deref() });
    let tables = Matching::of(names, stored.iter().map(|table| table.name.as_str()));
    let plan = SchemaPlan { drops: drops.to_vec(), fresh: stored.is_empty(), ..SchemaPlan::default() };
    let mut comparison = Comparison {
        dialect: statements.dialect(),
        statements,
        plan,
        declared: Arc::clone(&declared.tables),
        now: declared.now,
        tables,
        later: Vec::new(),
    };
    comparison.all(stored, &declared.tables, present)?;
    comparison.ask_later()?;
    Ok(comparison.plan)
}

impl Comparison<'_> {
    fn all(&mut self, stored: &[TableShape], declared: &[TableShape], present: &[String]) -> Result<()> {
        let old = |name: &str| stored.iter().find(|table| table.name == name);
        // Renames first and in their order, so that a name is free when the next one takes it.
        let renames = self.tables.renames.clone();
        let renamed = renames.iter().filter_map(|(_, new)| declared.iter().find(|table| table.name == *new));
        let others = declared.iter().filter(|table| renames.iter().all(|(_, new)| *new != table.name));
        for table in renamed.chain(others) {
            match self.tables.pairs.get(&table.name).and_then(|name| old(name)) {
                Some(old) => self.pair(old, table)?,
                None if present.contains(&table.name) && old(&table.name).is_none() => self.plan.refuse(
                    format!("{} {}", table.noun(), table.name),
                    "A table of this name that Mains did not make is in the database. Rename or drop it there, or use another database.",
                ),
                None => self.create(table),
            }
        }
        for name in self.tables.left.clone() {
            if let Some(table) = old(&name) {
                self.drop_table(table)?;
            }
        }
        Ok(())
    }

    /// Asks over tables as declared, where they are so already; elsewhere doing it asks.
    fn ask_later(&mut self) -> Result<()> {
        let stays = |step: &Step| step.text.starts_with("index ") || step.text.starts_with("check ");
        if !self.plan.steps().iter().all(stays) {
            return Ok(());
        }
        for proof in std::mem::take(&mut self.later) {
            if let Some(sentence) = proof.broken(self.statements, &View::plain(&proof.table))? {
                self.plan.refuse(proof.subject, sentence);
            }
        }
        Ok(())
    }

    /// A number from a question.
    fn count(&mut self, sql: &str) -> Result<i64> {
        number(&self.statements.query(sql, &[])?.0)
    }

    fn rows(&mut self, table: &str) -> Result<i64> {
        self.count(&format!("SELECT count(*) FROM {}", quote(table)))
    }

    /// Whether an operator allowed to lose this.
    fn may_drop(&self, name: &str) -> bool {
        self.plan.drops.iter().any(|drop| drop == name)
    }

    /// The name that a stored table goes on under.
    fn new_name(&self, stored: &str) -> Option<&str> {
        let mut pairs = self.tables.pairs.iter();
        pairs.find(|(_, old)| *old == stored).map(|(new, _)| new.as_str())
    }

    fn create(&mut self, table: &TableShape) {
        let fields: Vec<&str> = table.fields.iter().map(|field| field.name.as_str()).collect();
        let text = format!("{} {}: {}", table.noun(), table.name, fields.join(", "));
        self.plan.step(Mark::Add, text);
        self.create_silently(table);
    }

    fn create_silently(&mut self, table: &TableShape) {
        self.plan.work.run(Phase::CreateTables, columns::create_table(self.dialect, table));
        for field in &table.fields {
            if field.many.is_some() {
                self.create_join(table, field);
            }
            for column in columns_of(field) {
                self.link(&table.name, &column);
            }
            self.add_counter(table, field);
        }
        for index in &table.indexes {
            let sql = columns::create_index(self.dialect, table, index);
            self.plan.work.run(Phase::Tighten, sql);
        }
        for check in &table.checks {
            self.create_check(table, check);
        }
    }

    /// PostgreSQL: the foreign key of a column. SQLite has it in the column's definition.
    fn link(&mut self, table: &str, column: &columns::FieldColumn) {
        if let (Dialect::Postgres, Some(target)) = (self.dialect, &column.target) {
            self.plan.work.run(Phase::Link, columns::link(table, &column.name, target));
        }
    }

    fn drop_table(&mut self, table: &TableShape) -> Result<()> {
        // The tables of an app that is not enabled stay, and so does whatever it may still be asked for.
        if table.owner != "site" {
            return Ok(());
        }
        let subject = format!("{} {}", table.noun(), table.name);
        let rows = self.rows(&table.name)?;
        if rows > 0 && !self.may_drop(&table.name) {
            let (holds, name) = (records(rows), &table.name);
            self.plan.refuse(
                subject,
                format!(
                    "It is no longer declared and holds {holds}. Declare it again; or, if it goes on under \
                     another name, say `was = \"{name}\"` there; or lose it with `mains migrate --drop {name}`."
                ),
            );
            return Ok(());
        }
        self.plan.step(Mark::Drop, format!("{subject}{}", losing(rows)));
        self.drop_silently(table);
        Ok(())
    }

    fn drop_silently(&mut self, table: &TableShape) {
        for field in &table.fields {
            if field.many.is_some() {
                let join = names::join_table(&table.name, &field.name);
                self.plan.work.run(Phase::DropFields, format!("DROP TABLE {}", quote(&join)));
            }
            self.drop_counter(table, field);
        }
        let cascade = if self.dialect == Dialect::Postgres { " CASCADE" } else { "" };
        self.plan.work.run(Phase::DropTables, format!("DROP TABLE {}{cascade}", quote(&table.name)));
    }

    fn pair(&mut self, old: &TableShape, new: &TableShape) -> Result<()> {
        if !self.same_nature(old, new)? {
            return Ok(());
        }
        if old.name != new.name {
            self.plan.step(Mark::Rename, format!("{} {} → {}", new.noun(), old.name, new.name));
            self.rename_table(&old.name, &new.name);
            // Whoever follows the log asks by the name of today.
            let sql = "UPDATE mains_changes SET collection = $1 WHERE collection = $2";
            let values = vec![new.name.as_str().into(), old.name.as_str().into()];
            self.plan.work.run_with(Phase::RenameTables, sql, values);
        }
        if old.owner != new.owner {
            self.plan.step(
                Mark::Change,
                format!("{} {}: owner {} → {}", new.noun(), new.name, old.owner, new.owner),
            );
        }
        let columns = ["id", "created", "updated", "version"].map(|name| (name.to_owned(), name.to_owned()));
        let known = if new.is_private() { HashMap::new() } else { HashMap::from(columns) };
        let same = known.keys().map(|name| (name.clone(), Some(quote(name)))).collect();
        let view = View { table: old.name.clone(), columns: same };
        let mut pair = Pair { old, new, names: HashMap::new(), columns: known, view };
        self.fields(&mut pair)?;
        self.indexes(&pair)?;
        self.checks(&pair)
    }

    fn rename_table(&mut self, old: &str, new: &str) {
        let sql = format!("ALTER TABLE {} RENAME TO {}", quote(old), quote(new));
        self.plan.work.run(Phase::RenameTables, sql);
    }

    /// Whether it can go on as what it is. What cannot is made anew if it is empty, else refused.
    fn same_nature(&mut self, old: &TableShape, new: &TableShape) -> Result<bool> {
        let subject = format!("{} {}", new.noun(), new.name);
        if old.owner != new.owner && old.owner != "site" && new.owner == "site" {
            let app = old.owner.trim_start_matches("app:");
            let sentence = format!(
                "The name belongs to the app {app}, whose tables stay while it is not enabled. Take another name."
            );
            self.plan.refuse(subject, sentence);
            return Ok(false);
        }
        if old.prefix == new.prefix && old.key == new.key {
            return Ok(true);
        }
        let rows = self.rows(&old.name)?;
        if rows == 0 && old.name == new.name {
            if old.is_private() == new.is_private() && old.key == new.key {
                self.plan.step(Mark::Change, format!("{subject}: other prefix"));
                return Ok(true);
            }
            self.plan.step(Mark::Change, format!("{subject}: made anew, it is empty"));
            self.drop_silently(old);
            self.create_silently(new);
            return Ok(false);
        }
        let sentence = match &old.prefix {
            Some(prefix) => format!(
                "Its ids begin with `{prefix}` and {} so. Write `prefix = \"{prefix}\"` again.",
                if rows == 1 { "1 record is known".to_owned() } else { format!("{rows} records are known") }
            ),
            None => format!(
                "Its key cannot change while it holds {}. Add a table under a new name.",
                records(rows)
            ),
        };
        self.plan.refuse(subject, sentence);
        Ok(false)
    }
}

/// What a drop that was allowed loses.
fn losing(count: i64) -> String {
    if count == 0 { String::new() } else { format!(", with {}", records(count)) }
}
