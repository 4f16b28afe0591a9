//! Fields of a table that goes on: new, renamed, changed, gone.

use mains_base::Result;

use super::{Comparison, Pair, losing};
use crate::dialect::quote;
use crate::schema::columns::{self, columns as columns_of};
use crate::schema::matching::{Matching, Name};
use crate::schema::names;
use crate::schema::plan::Mark;
use crate::schema::proof::{records, them};
use crate::schema::shape::{CurrencyShape, FieldShape, Fill, KindShape, TableShape};
use crate::schema::work::Phase;

/// How a field goes on.
enum Change {
    /// In the same columns.
    Same,
    /// As an amount whose currency each value says from now on.
    FreeCurrency(String),
    /// In other columns: only where no value is stored.
    Retype,
}

impl Comparison<'_> {
    pub(super) fn fields(&mut self, pair: &mut Pair<'_>) -> Result<()> {
        let (old, new) = (pair.old, pair.new);
        let names = new.fields.iter().map(|field| Name { name: &field.name, was: field.was.as_deref() });
        let matching = Matching::of(names, old.fields.iter().map(|field| field.name.as_str()));
        pair.names = matching.pairs.iter().map(|(new, old)| (old.clone(), new.clone())).collect();
        let renamed = matching.renames.iter().filter_map(|(_, name)| new.field(name));
        let is_renamed = |name: &str| matching.renames.iter().any(|(_, new)| new == name);
        let others = new.fields.iter().filter(|field| !is_renamed(&field.name));
        for field in &new.fields {
            let before = matching.pairs.get(&field.name).and_then(|name| old.field(name));
            if let Some(before) =
                before.filter(|before| !matches!(self.change(before, field), Change::Retype))
            {
                Self::go_on(pair, before, field);
            }
        }
        for field in renamed.chain(others) {
            match matching.pairs.get(&field.name).and_then(|name| old.field(name)) {
                Some(before) => self.field_pair(pair, before, field)?,
                None => self.add_field(pair, field)?,
            }
        }
        for name in &matching.left {
            if let Some(field) = old.field(name) {
                self.drop_field(pair, field)?;
            }
        }
        Ok(())
    }

    fn add_field(&mut self, pair: &mut Pair<'_>, field: &FieldShape) -> Result<()> {
        let subject = pair.field(&field.name);
        let filled = !matches!(field.fill, Fill::Nothing) || field.kind.sequence().is_some();
        if field.required {
            let rows = match field.kind.sequence() {
                Some(sequence) => self.without_scope(pair, None, sequence)?,
                None if filled => 0,
                None => self.rows(&pair.old.name)?,
            };
            if rows > 0 {
                let sentence = format!(
                    "It is required, and {} {} here already. Give it a `default`, or add it without `required`, \
                     fill it, and require it then.",
                    records(rows),
                    if rows == 1 { "is" } else { "are" },
                );
                self.plan.refuse(subject, sentence);
                return Ok(());
            }
        }
        self.plan.step(Mark::Add, format!("{subject}: {}", field.summary()));
        self.add_columns(pair, field);
        if let Some(sequence) = field.kind.sequence() {
            self.number_rows(pair.new, field, sequence);
        }
        self.fill(pair, field);
        Ok(())
    }

    /// Columns or join table, and the counter; NOT NULL once they are filled.
    pub(super) fn add_columns(&mut self, pair: &mut Pair<'_>, field: &FieldShape) {
        let table = pair.new;
        if field.many.is_some() {
            self.create_join(table, field);
        }
        for column in columns_of(field) {
            self.add_column(&table.name, &column);
            if field.required && !column.truth {
                self.require_column(&table.name, &column.name);
            }
        }
        self.add_counter(table, field);
    }

    pub(super) fn add_column(&mut self, table: &str, column: &columns::FieldColumn) {
        let definition = columns::definition(self.dialect, column, false);
        let sql = format!("ALTER TABLE {} ADD COLUMN {definition}", quote(table));
        self.plan.work.run(Phase::AddFields, sql);
        self.link(table, column);
    }

    pub(super) fn create_join(&mut self, table: &TableShape, field: &FieldShape) {
        let [create, index] = columns::create_join(self.dialect, &table.name, field);
        self.plan.work.run(Phase::CreateTables, create);
        self.plan.work.run(Phase::Tighten, index);
        if self.dialect == crate::dialect::Dialect::Postgres {
            let join = names::join_table(&table.name, &field.name);
            self.plan.work.run(Phase::Link, columns::link(&join, "record", &table.name));
            if let Some(target) = field.kind.target() {
                self.plan.work.run(Phase::Link, columns::link(&join, "target", target));
            }
        }
    }

    pub(super) fn require_column(&mut self, table: &str, column: &str) {
        let sql = format!("ALTER TABLE {} ALTER COLUMN {} SET NOT NULL", quote(table), quote(column));
        self.plan.work.run(Phase::Require, sql);
    }

    fn drop_field(&mut self, pair: &Pair<'_>, field: &FieldShape) -> Result<()> {
        let subject = pair.field(&field.name);
        let path = format!("{}.{}", pair.new.name, field.name);
        let held = self.held(pair.old, field)?;
        if held > 0 && !self.may_drop(&path) {
            let (name, hold) = (&field.name, if held == 1 { "holds" } else { "hold" });
            self.plan.refuse(
                subject,
                format!(
                    "It is no longer declared, and {} {hold} a value. Declare it again; or, if it goes on under \
                     another name, say `was = \"{name}\"` there; or lose the values with `mains migrate --drop {path}`.",
                    records(held)
                ),
            );
            return Ok(());
        }
        let losing = if held > 0 { format!(", with the values of {}", records(held)) } else { losing(0) };
        self.plan.step(Mark::Drop, format!("{subject}{losing}"));
        self.remove(pair, field);
        Ok(())
    }

    /// How many records hold a value.
    fn held(&mut self, table: &TableShape, field: &FieldShape) -> Result<i64> {
        if field.many.is_some() {
            let join = quote(&names::join_table(&table.name, &field.name));
            return self.count(&format!("SELECT count(DISTINCT \"record\") FROM {join}"));
        }
        let column = column_names(field).first().map(|name| quote(name)).unwrap_or_default();
        self.count(&format!("SELECT count({column}) FROM {}", quote(&table.name)))
    }

    /// Removes columns, join table and counter of a stored field.
    fn remove(&mut self, pair: &Pair<'_>, field: &FieldShape) {
        let table = quote(&pair.old.name);
        if field.many.is_some() {
            let join = quote(&names::join_table(&pair.old.name, &field.name));
            self.plan.work.run(Phase::DropFields, format!("DROP TABLE {join}"));
        }
        for column in columns_of(field) {
            let sql = format!("ALTER TABLE {table} DROP COLUMN {}", quote(&column.name));
            self.plan.work.run(Phase::DropFields, sql);
        }
        self.drop_counter(pair.old, field);
    }

    fn field_pair(&mut self, pair: &mut Pair<'_>, old: &FieldShape, new: &FieldShape) -> Result<()> {
        let change = self.change(old, new);
        if matches!(change, Change::Retype) {
            return self.retype(pair, old, new);
        }
        if old.name != new.name {
            let (table, from, to) = (&pair.new.name, &old.name, &new.name);
            self.plan.step(Mark::Rename, format!("field {table}.{from} → {table}.{to}"));
        }
        let said = self.plan.steps.len() + self.plan.refusals.len();
        if let Change::FreeCurrency(currency) = change {
            self.free_currency(pair, new, &currency);
        }
        self.rename_columns(pair, old, new);
        self.fold_or_not(pair, old, new);
        self.sequence(pair, old, new);
        self.limits(pair, old, new)?;
        self.require(pair, old, new)?;
        if said == self.plan.steps.len() + self.plan.refusals.len() {
            self.other_differences(pair, old, new)?;
        }
        Ok(())
    }

    fn change(&self, old: &FieldShape, new: &FieldShape) -> Change {
        use KindShape::{Decimal, Email, Enum, Json, Money, Relation, Slug, Text, Url};
        if old.many.is_some() != new.many.is_some() {
            return Change::Retype;
        }
        match (&old.kind, &new.kind) {
            (Relation { to: before }, Relation { to }) if self.new_name(before) == Some(to) => Change::Same,
            (Decimal { scale: before, .. }, Decimal { scale, .. }) if before == scale => Change::Same,
            (Money { currency: CurrencyShape::Fixed(fixed) }, Money { currency: CurrencyShape::Free }) => {
                Change::FreeCurrency(fixed.clone())
            }
            (Money { currency: before }, Money { currency }) => match (before, currency) {
                (CurrencyShape::Fixed(_) | CurrencyShape::Free, _) if before == currency => Change::Same,
                (CurrencyShape::Field(_), CurrencyShape::Field(_)) => Change::Same,
                _ => Change::Retype,
            },
            (Relation { .. } | Decimal { .. }, _) | (Json { .. }, Text { .. } | Enum { .. }) => {
                Change::Retype
            }
            (
                Text { .. } | Email { .. } | Url { .. } | Slug { .. } | Enum { .. },
                Text { .. } | Enum { .. },
            ) => Change::Same,
            (before, kind) if before.word() == kind.word() => Change::Same,
            _ => Change::Retype,
        }
    }

    fn free_currency(&mut self, pair: &Pair<'_>, new: &FieldShape, currency: &str) {
        let table = &pair.new.name;
        self.plan.step(Mark::Change, format!("{}: each value says its currency", pair.field(&new.name)));
        if let Some(column) = columns_of(new).get(1) {
            self.add_column(table, column);
            let sql = format!(
                "UPDATE {} SET {} = $1 WHERE {} IS NOT NULL",
                quote(table),
                quote(&column.name),
                quote(&new.name)
            );
            self.plan.work.run_with(Phase::Fill, sql, vec![currency.into()]);
            if new.required {
                self.require_column(table, &column.name);
            }
        }
    }

    fn retype(&mut self, pair: &mut Pair<'_>, old: &FieldShape, new: &FieldShape) -> Result<()> {
        let held = self.held(pair.old, old)?;
        let subject = pair.field(&new.name);
        if held > 0 {
            let sentence = format!(
                "It changes from {} to {}, and {} {} a value. Add a field under a new name, copy the values with \
                 `mains export` and `mains import`, and drop this one then.",
                old.summary(),
                new.summary(),
                records(held),
                if held == 1 { "holds" } else { "hold" },
            );
            self.plan.refuse(subject, sentence);
            return Ok(());
        }
        self.plan.step(Mark::Change, format!("{subject}: {} → {}", old.summary(), new.summary()));
        self.remove(pair, old);
        // The name may be the same, so nothing may be known of the new column from the old one.
        let steps = self.plan.steps.len();
        let added = self.add_field(pair, new);
        self.plan.steps.truncate(steps);
        added
    }

    fn rename_columns(&mut self, pair: &Pair<'_>, old: &FieldShape, new: &FieldShape) {
        let table = quote(&pair.new.name);
        if old.many.is_some() {
            let [from, to] = [(pair.old, old), (pair.new, new)]
                .map(|(table, field)| names::join_table(&table.name, &field.name));
            if from != to {
                self.rename_table(&from, &to);
                let index = quote(&names::reverse_index(&from));
                self.plan.work.run(Phase::Loosen, format!("DROP INDEX {index}"));
                self.plan.work.run(Phase::Tighten, columns::reverse(&to, new.kind.folds_case()));
            }
        } else if old.name != new.name {
            // A twin that goes is gone by then.
            let keeps = old.kind.folds_case() == new.kind.folds_case();
            let renamed = FieldShape { name: new.name.clone(), ..old.clone() };
            let columns = column_names(old).into_iter().zip(column_names(&renamed));
            for (from, to) in columns.filter(|(from, _)| keeps || *from == old.name) {
                let sql = format!("ALTER TABLE {table} RENAME COLUMN {} TO {}", quote(&from), quote(&to));
                self.plan.work.run(Phase::RenameColumns, sql);
            }
        }
    }

    /// Remembers which column goes on as which, and how its values will look.
    fn go_on(pair: &mut Pair<'_>, old: &FieldShape, new: &FieldShape) {
        let before = column_names(&FieldShape { kind: old.kind.clone(), ..old.clone() });
        let renamed = FieldShape { name: new.name.clone(), ..old.clone() };
        for (from, to) in before.iter().zip(column_names(&renamed)) {
            pair.view.columns.insert(to.clone(), Some(quote(from)));
            pair.columns.insert(from.clone(), to);
        }
        for column in column_names(new) {
            pair.view.columns.entry(column).or_insert(None);
        }
    }

    fn require(&mut self, pair: &Pair<'_>, old: &FieldShape, new: &FieldShape) -> Result<()> {
        let subject = pair.field(&new.name);
        if old.required == new.required {
            return Ok(());
        }
        if old.required {
            self.plan.step(Mark::Change, format!("{subject}: no longer required"));
            for column in column_names(old) {
                let sql = format!(
                    "ALTER TABLE {} ALTER COLUMN {} DROP NOT NULL",
                    quote(&pair.old.name),
                    quote(&column)
                );
                self.plan.work.run(Phase::Loosen, sql);
            }
            return Ok(());
        }
        let mut missing = self.rows(&pair.old.name)? - self.held(pair.old, old)?;
        if let Some(sequence) = new.kind.sequence().filter(|_| missing > 0 && new.many.is_none()) {
            missing = self.without_scope(pair, Some(new), sequence)?;
            self.number_rows(pair.new, new, sequence);
        }
        if missing > 0 {
            let sentence = format!(
                "It becomes required, and {} {} no value. Give {} one first.",
                records(missing),
                if missing == 1 { "has" } else { "have" },
                them(missing),
            );
            self.plan.refuse(subject, sentence);
            return Ok(());
        }
        self.plan.step(Mark::Change, format!("{subject}: required"));
        for column in columns_of(new) {
            self.require_column(&pair.new.name, &column.name);
        }
        Ok(())
    }

    fn sequence(&mut self, pair: &Pair<'_>, old: &FieldShape, new: &FieldShape) {
        let scope = |sequence: &crate::schema::shape::SequenceShape| {
            let (relation, to) = sequence.scope.as_ref()?;
            Some((pair.names.get(relation).cloned(), self.new_name(to).map(str::to_owned)))
        };
        let before = old.kind.sequence().map(scope);
        let after = new.kind.sequence();
        let named = after
            .map(|one| one.scope.as_ref().map(|(relation, to)| (Some(relation.clone()), Some(to.clone()))));
        match (before, named, after) {
            (None, None, _) => {}
            (Some(before), Some(named), Some(sequence)) if before == named => {
                let [from, to] = [(pair.old, old), (pair.new, new)];
                self.rename_counter(sequence, [&from.0.name, &from.1.name], [&to.0.name, &to.1.name]);
            }
            (before, _, after) => {
                if before.is_some() {
                    self.drop_counter(pair.old, old);
                }
                if let Some(sequence) = after {
                    self.add_counter(pair.new, new);
                    self.number_rows(pair.new, new, sequence);
                }
                let text =
                    if after.is_some() { "counts anew, after its greatest" } else { "no longer counts" };
                self.plan.step(Mark::Change, format!("{}: {text}", pair.field(&new.name)));
            }
        }
    }
}

/// The names of the columns of a single field.
fn column_names(field: &FieldShape) -> Vec<String> {
    columns_of(field).into_iter().map(|column| column.name).collect()
}
