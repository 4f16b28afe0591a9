//! Counters of sequences: a hidden column of the scope's table, or a row of their own.

use mains_base::Result;

use super::{Comparison, Pair};
use crate::dialect::{Column, quote};
use crate::schema::names;
use crate::schema::shape::{FieldShape, SequenceShape, TableShape};
use crate::schema::work::Phase;

impl Comparison<'_> {
    /// Makes the counter of a field that has a sequence.
    pub(super) fn add_counter(&mut self, table: &TableShape, field: &FieldShape) {
        let Some(sequence) = field.kind.sequence() else { return };
        if let Some((_, to)) = &sequence.scope {
            let counter = names::counter_column(&table.name, &field.name);
            let int = self.dialect.column_type(Column::Int);
            let sql =
                format!("ALTER TABLE {} ADD COLUMN {} {int} NOT NULL DEFAULT 1", quote(to), quote(&counter));
            self.plan.work.run(Phase::Count, sql);
        } else {
            let sql = format!("INSERT INTO {} (name, next) VALUES ($1, 1)", names::SEQUENCES);
            let name = names::counter_row(&table.name, &field.name);
            self.plan.work.run_with(Phase::Count, sql, vec![name.into()]);
        }
    }

    /// How many rows get no number, because nothing says whose: those without a scope, and without a number so far.
    pub(super) fn without_scope(
        &mut self,
        pair: &Pair<'_>,
        stored: Option<&FieldShape>,
        sequence: &SequenceShape,
    ) -> Result<i64> {
        let Some((relation, _)) = &sequence.scope else { return Ok(0) };
        let Some(Some(scope)) = pair.view.columns.get(relation) else { return Ok(0) };
        let number = stored.and_then(|field| pair.view.columns.get(&field.name).cloned().flatten());
        let number = number.map(|number| format!(" AND {number} IS NULL")).unwrap_or_default();
        self.count(&format!("SELECT count(*) FROM {} WHERE {scope} IS NULL{number}", quote(&pair.old.name)))
    }

    /// Numbers the rows that have none, oldest first, and lets the counter go on after the greatest.
    pub(super) fn number_rows(&mut self, table: &TableShape, field: &FieldShape, sequence: &SequenceShape) {
        let (name, number) = (quote(&table.name), quote(&field.name));
        let scope = sequence.scope.as_ref().map(|(relation, _)| quote(relation));
        let (of_scope, of_group, scoped) = match &scope {
            Some(scope) => (
                format!("PARTITION BY {scope}"),
                format!("PARTITION BY {scope}, {number} IS NULL"),
                format!(" AND {name}.{scope} IS NOT NULL"),
            ),
            None => (String::new(), format!("PARTITION BY {number} IS NULL"), String::new()),
        };
        self.plan.work.run(
            Phase::Derive,
            format!(
                "UPDATE {name} SET {number} = numbered.number FROM (SELECT \"id\" AS record, \
                 COALESCE(max({number}) OVER ({of_scope}), 0) + row_number() OVER ({of_group} ORDER BY \"created\", \"id\") \
                 AS number FROM {name}) AS numbered WHERE numbered.record = {name}.\"id\" AND {name}.{number} IS NULL{scoped}"
            ),
        );
        let greatest = format!("SELECT max(counted.{number}) FROM {name} AS counted");
        if let (Some((_, to)), Some(scope)) = (&sequence.scope, scope) {
            let counter = quote(&names::counter_column(&table.name, &field.name));
            let sql = format!(
                "UPDATE {} AS home SET {counter} = 1 + COALESCE(({greatest} WHERE counted.{scope} = home.\"id\"), 0)",
                quote(to)
            );
            self.plan.work.run(Phase::Derive, sql);
        } else {
            let sql = format!(
                "UPDATE {} SET next = 1 + COALESCE(({greatest}), 0) WHERE name = $1",
                names::SEQUENCES
            );
            let name = names::counter_row(&table.name, &field.name);
            self.plan.work.run_with(Phase::Derive, sql, vec![name.into()]);
        }
    }

    /// Removes the counter of a stored field.
    pub(super) fn drop_counter(&mut self, table: &TableShape, field: &FieldShape) {
        let Some(sequence) = field.kind.sequence() else { return };
        if let Some((_, to)) = &sequence.scope {
            let counter = quote(&names::counter_column(&table.name, &field.name));
            let sql = format!("ALTER TABLE {} DROP COLUMN {counter}", quote(to));
            self.plan.work.run(Phase::DropFields, sql);
        } else {
            let sql = format!("DELETE FROM {} WHERE name = $1", names::SEQUENCES);
            let name = names::counter_row(&table.name, &field.name);
            self.plan.work.run_with(Phase::DropFields, sql, vec![name.into()]);
        }
    }

    /// Gives a counter that goes on its new name.
    pub(super) fn rename_counter(&mut self, sequence: &SequenceShape, old: [&str; 2], new: [&str; 2]) {
        if old == new {
            return;
        }
        if let Some((_, to)) = &sequence.scope {
            let [from, into] = [old, new].map(|[table, field]| quote(&names::counter_column(table, field)));
            let sql = format!("ALTER TABLE {} RENAME COLUMN {from} TO {into}", quote(to));
            self.plan.work.run(Phase::RenameColumns, sql);
        } else {
            let [from, into] = [old, new].map(|[table, field]| names::counter_row(table, field).into());
            let sql = format!("UPDATE {} SET name = $1 WHERE name = $2", names::SEQUENCES);
            self.plan.work.run_with(Phase::RenameColumns, sql, vec![into, from]);
        }
    }
}
