//! Indexes and checks of a table that goes on.

use mains_base::Result;

use super::{Comparison, Pair};
use crate::dialect::{Dialect, quote};
use crate::schema::columns;
use crate::schema::names;
use crate::schema::plan::Mark;
use crate::schema::proof::{Promise, Proof};
use crate::schema::shape::{CheckShape, IndexShape, KindShape, TableShape};
use crate::schema::work::{Action, Phase};

impl Comparison<'_> {
    pub(super) fn indexes(&mut self, pair: &Pair<'_>) -> Result<()> {
        let mut left: Vec<&IndexShape> = pair.old.indexes.iter().collect();
        let mut added = Vec::new();
        for index in &pair.new.indexes {
            // The very same under the same name, if there are two alike.
            let alike: Vec<usize> = (0..left.len())
                .filter(|&place| left.get(place).is_some_and(|old| pair.same_index(old, index)))
                .collect();
            let named =
                alike.iter().find(|&&place| left.get(place).is_some_and(|old| old.name == index.name));
            match named.or(alike.first()) {
                None => added.push(index),
                Some(&place) => self.keep_index(pair, left.remove(place), index),
            }
        }
        for index in left {
            self.plan.work.run(Phase::Loosen, format!("DROP INDEX {}", quote(&index.name)));
            self.plan.step(Mark::Drop, index_text(&pair.new.name, index));
        }
        for index in added {
            self.add_index(pair, index)?;
        }
        Ok(())
    }

    fn keep_index(&mut self, pair: &Pair<'_>, old: &IndexShape, new: &IndexShape) {
        if old.name == new.name {
            return;
        }
        if self.dialect == Dialect::Postgres {
            let sql = format!("ALTER INDEX {} RENAME TO {}", quote(&old.name), quote(&new.name));
            self.plan.work.run(Phase::RenameColumns, sql);
        } else {
            self.plan.work.run(Phase::Loosen, format!("DROP INDEX {}", quote(&old.name)));
            self.plan.work.run(Phase::Tighten, columns::create_index(self.dialect, pair.new, new));
        }
    }

    fn add_index(&mut self, pair: &Pair<'_>, index: &IndexShape) -> Result<()> {
        let subject = index_text(&pair.new.name, index);
        if index.unique {
            let kinds = index.columns.iter().map(|column| kind(pair.new, column)).collect();
            let promise = Promise::Unique(index.clone(), kinds);
            let proof = Proof { subject: subject.clone(), table: pair.new.name.clone(), promise };
            if let Some(sentence) = proof.broken(self.statements, &pair.view)? {
                self.plan.refuse(subject, sentence);
                return Ok(());
            }
            self.plan.work.act(Phase::Tighten, Action::Prove(proof));
        }
        self.plan.work.run(Phase::Tighten, columns::create_index(self.dialect, pair.new, index));
        self.plan.step(Mark::Add, subject);
        Ok(())
    }

    pub(super) fn checks(&mut self, pair: &Pair<'_>) -> Result<()> {
        for old in &pair.old.checks {
            if pair.new.checks.iter().all(|new| new.name != old.name) {
                self.drop_check(pair, old);
                self.plan.step(Mark::Drop, check_text(pair, old));
            }
        }
        for new in &pair.new.checks {
            let old = pair.old.checks.iter().find(|old| old.name == new.name);
            let mark = if old.is_some() { Mark::Change } else { Mark::Add };
            match old {
                Some(old) if pair.same_sql(old.sql.as_deref(), new.sql.as_deref()) => continue,
                Some(old) => self.drop_check(pair, old),
                None => {}
            }
            self.add_check(pair, new, mark)?;
        }
        Ok(())
    }

    fn add_check(&mut self, pair: &Pair<'_>, check: &CheckShape, mark: Mark) -> Result<()> {
        let subject = check_text(pair, check);
        if let Some(sql) = &check.sql {
            let promise = Promise::Check(sql.clone());
            let proof = Proof { subject: subject.clone(), table: pair.new.name.clone(), promise };
            if let Some(sentence) = proof.broken(self.statements, &pair.view)? {
                self.plan.refuse(subject, sentence);
                return Ok(());
            }
            self.plan.work.act(Phase::Tighten, Action::Prove(proof));
        }
        if let Some(breaks) = &check.breaks {
            let promise = Promise::None(Box::new(breaks.clone()), self.now);
            let proof = Proof { subject: subject.clone(), table: pair.new.name.clone(), promise };
            self.later.push(proof.clone());
            self.plan.work.act(Phase::Tighten, Action::Prove(proof));
        }
        self.create_check(pair.new, check);
        self.plan.step(mark, subject);
        Ok(())
    }

    pub(super) fn create_check(&mut self, table: &TableShape, check: &CheckShape) {
        if let Some(sql) = &check.sql {
            let (table, name) = (quote(&table.name), quote(&names::check(&check.name)));
            let sql = format!("ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({sql})");
            self.plan.work.run(Phase::Tighten, sql);
        }
    }

    fn drop_check(&mut self, pair: &Pair<'_>, check: &CheckShape) {
        if check.sql.is_some() {
            let (table, name) = (quote(&pair.old.name), quote(&names::check(&check.name)));
            self.plan.work.run(Phase::Loosen, format!("ALTER TABLE {table} DROP CONSTRAINT {name}"));
        }
    }
}

impl Pair<'_> {
    fn same_index(&self, old: &IndexShape, new: &IndexShape) -> bool {
        let columns: Option<Vec<&String>> =
            old.columns.iter().map(|column| self.columns.get(column)).collect();
        columns.is_some_and(|columns| columns.into_iter().eq(&new.columns))
            && old.unique == new.unique
            && self.same_sql(old.condition.as_deref(), new.condition.as_deref())
    }

    /// Whether SQL over old columns says the same as SQL over new ones. "No" where in doubt: then it is made anew.
    fn same_sql(&self, old: Option<&str>, new: Option<&str>) -> bool {
        let (Some(old), Some(new)) = (old, new) else { return old == new };
        let mut parts = old.split('"');
        let mut renamed = parts.next().unwrap_or_default().to_owned();
        // Every second part stands between quotes: a column, as texts stand between other quotes.
        for (place, part) in parts.enumerate() {
            match (place % 2, self.columns.get(part)) {
                (0, Some(column)) => renamed.push_str(&quote(column)),
                // The order of texts on PostgreSQL has a quoted name as well.
                (0, None) if part == "C" && renamed.ends_with("COLLATE ") => renamed.push_str("\"C\""),
                (0, None) => return false,
                _ => renamed.push_str(part),
            }
        }
        renamed == new
    }
}

fn index_text(table: &str, index: &IndexShape) -> String {
    let columns: Vec<&str> =
        index.columns.iter().map(|column| column.split("__").next().unwrap_or(column)).collect();
    let unique = if index.unique { ", unique" } else { "" };
    let partial = if index.condition.is_some() { ", where …" } else { "" };
    format!("index {table} ({}){unique}{partial}", columns.join(", "))
}

fn check_text(pair: &Pair<'_>, check: &CheckShape) -> String {
    format!("check {}.{}", pair.new.name, check.name)
}

fn kind(table: &TableShape, column: &str) -> KindShape {
    let system = KindShape::Datetime { min: None, max: None };
    table.field(column).map_or(system, |field| field.kind.clone())
}
