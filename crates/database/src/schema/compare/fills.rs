//! What rows that are there already get: defaults, folded twins, renamed values.

use std::sync::Arc;

use mains_base::{Value, fold};

use super::{Comparison, Pair};
use crate::dialect::{Column, Dialect, quote};
use crate::schema::calculate::{By, Calculation, parts};
use crate::schema::columns::{columns as columns_of, literal};
use crate::schema::fill::{Filling, Make};
use crate::schema::names;
use crate::schema::plan::Mark;
use crate::schema::shape::{FieldShape, Fill, KindShape, TableShape};
use crate::schema::work::{Action, Phase};

impl Comparison<'_> {
    /// Gives existing rows the values of a field that is added.
    pub(super) fn fill(&mut self, pair: &mut Pair<'_>, field: &FieldShape) {
        for column in columns_of(field) {
            let expression = match (&field.fill, field.kind.sequence()) {
                (Fill::Nothing, None) => Some(literal(self.dialect, column.column, &Value::Null)),
                (Fill::Literal(value), _) => {
                    let place = usize::from(column.name != field.name);
                    let parts = parts(&field.kind, value);
                    parts.get(place).map(|part| literal(self.dialect, column.column, part))
                }
                _ => None,
            };
            pair.view.columns.insert(column.name, expression);
        }
        match &field.fill {
            Fill::Literal(Value::List(items)) if field.many.is_some() => {
                self.fill_list(pair.new, field, items);
            }
            Fill::Literal(value) => self.fill_constant(pair.new, field, value),
            Fill::Expr(tree) => self.calculate(pair.new, field, By::Expr(Arc::clone(tree))),
            Fill::Slug(from) => {
                let scope = if let KindShape::Slug { scope } = &field.kind { scope.clone() } else { None };
                self.calculate(pair.new, field, By::Slug { from: from.clone(), scope });
            }
            Fill::Nothing => {}
        }
    }

    fn calculate(&mut self, table: &TableShape, field: &FieldShape, by: By) {
        let Some(place) = self.declared.iter().position(|declared| declared.name == table.name) else {
            return;
        };
        let tables = Arc::clone(&self.declared);
        let calculation =
            Box::new(Calculation { tables, table: place, field: field.clone(), by, now: self.now });
        let make = if field.many.is_some() { Make::List(calculation) } else { Make::Single(calculation) };
        let filling = Filling { table: table.name.clone(), key: key(table), make };
        self.plan.work.act(Phase::Derive, Action::Fill(filling));
    }

    fn fill_constant(&mut self, table: &TableShape, field: &FieldShape, value: &Value) {
        if value.is_null() {
            return;
        }
        let (columns, values) = (columns_of(field), parts(&field.kind, value));
        let set =
            columns.iter().zip(1..).map(|(column, number)| format!("{} = ${number}", quote(&column.name)));
        let set: Vec<String> = set.collect();
        let sql = format!("UPDATE {} SET {}", quote(&table.name), set.join(", "));
        self.plan.work.run_with(Phase::Fill, sql, values.into_iter().take(columns.len()).collect());
    }

    fn fill_list(&mut self, table: &TableShape, field: &FieldShape, items: &[Value]) {
        let join = quote(&names::join_table(&table.name, &field.name));
        for (position, item) in (0_i64..).zip(items) {
            let mut values = vec![item.clone(), position.into()];
            let (mut columns, mut selected) = (String::new(), String::new());
            if let (true, Some(text)) = (field.kind.folds_case(), item.as_text()) {
                values.push(fold(text).into());
                columns.push_str(", \"target__folded\"");
                selected.push_str(", $3");
            }
            let target = cast(self.dialect, crate::schema::columns::element(&field.kind), "$1");
            let sql = format!(
                "INSERT INTO {join} (\"record\", \"target\", \"position\"{columns}) \
                 SELECT \"id\", {target}, {}{selected} FROM {}",
                cast(self.dialect, Column::Int, "$2"),
                quote(&table.name),
            );
            self.plan.work.run_with(Phase::Fill, sql, values);
        }
    }

    /// Adds the folded twin where comparing begins to ignore case, removes it where it ends.
    pub(super) fn fold_or_not(&mut self, pair: &Pair<'_>, old: &FieldShape, new: &FieldShape) {
        let (before, after) = (old.kind.folds_case(), new.kind.folds_case());
        if before == after {
            return;
        }
        let list = new.many.is_some();
        let [stored, table] = [(pair.old, old), (pair.new, new)].map(|(table, field)| {
            if list { names::join_table(&table.name, &field.name) } else { table.name.clone() }
        });
        if list {
            let index = quote(&names::reverse_index(&stored));
            self.plan.work.run(Phase::Loosen, format!("DROP INDEX IF EXISTS {index}"));
            if stored == table {
                self.plan.work.run(Phase::Tighten, crate::schema::columns::reverse(&table, after));
            }
        }
        let from = if list { "target".to_owned() } else { new.name.clone() };
        if before {
            self.plan.step(Mark::Change, format!("{}: case counts", pair.field(&new.name)));
            let twin = if list { names::folded("target") } else { names::folded(&old.name) };
            let sql = format!("ALTER TABLE {} DROP COLUMN {}", quote(&stored), quote(&twin));
            self.plan.work.run(Phase::DropFields, sql);
            return;
        }
        self.plan.step(Mark::Change, format!("{}: case no longer counts", pair.field(&new.name)));
        let to = names::folded(&from);
        let text = self.dialect.column_type(Column::Text);
        let sql = format!("ALTER TABLE {} ADD COLUMN {} {text}", quote(&table), quote(&to));
        self.plan.work.run(Phase::AddFields, sql);
        let key = if list { vec!["record".to_owned(), "target".to_owned()] } else { key(pair.new) };
        let filling = Filling { table: table.clone(), key, make: Make::Folded { from, to: to.clone() } };
        self.plan.work.act(Phase::Derive, Action::Fill(filling));
        if list || (new.required && old.required) {
            self.require_column(&table, &to);
        }
    }

    /// Renames stored values of an enum.
    pub(super) fn rename_values(
        &mut self,
        pair: &mut Pair<'_>,
        field: &FieldShape,
        renames: &[(String, String)],
    ) {
        if renames.is_empty() {
            return;
        }
        let list = field.many.is_some();
        let (table, column) = if list {
            (names::join_table(&pair.new.name, &field.name), quote("target"))
        } else {
            (pair.new.name.clone(), quote(&field.name))
        };
        let quoted = |text: &str| literal(Dialect::Sqlite, Column::Text, &text.into());
        let cases: Vec<String> =
            renames.iter().map(|(old, new)| format!(" WHEN {} THEN {}", quoted(old), quoted(new))).collect();
        let cases = cases.concat();
        let olds: Vec<String> = renames.iter().map(|(old, _)| quoted(old)).collect();
        let case = |column: &str| format!("CASE {column}{cases} ELSE {column} END");
        let sql = format!(
            "UPDATE {} SET {column} = {} WHERE {column} IN ({})",
            quote(&table),
            case(&column),
            olds.join(", ")
        );
        self.plan.work.run(Phase::Fill, sql);
        if let Some(Some(expression)) = pair.view.columns.get_mut(&field.name) {
            *expression = case(expression);
        }
        for (old, new) in renames {
            self.plan.step(Mark::Rename, format!("{}: value {old} → {new}", pair.field(&field.name)));
        }
    }
}

/// The columns that name a row.
pub(super) fn key(table: &TableShape) -> Vec<String> {
    if table.is_private() {
        let fields = table.key.iter().filter_map(|name| table.field(name));
        return fields.flat_map(crate::schema::columns::compared).collect();
    }
    vec!["id".to_owned()]
}

/// A parameter in a SELECT list, where PostgreSQL would take it for text.
fn cast(dialect: Dialect, column: Column, parameter: &str) -> String {
    match (dialect, column) {
        (Dialect::Sqlite, _) => parameter.to_owned(),
        (Dialect::Postgres, Column::Text) => format!("{parameter}::text"),
        (Dialect::Postgres, column) => format!("{parameter}::{}", dialect.column_type(column)),
    }
}
