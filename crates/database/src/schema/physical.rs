//! The tables as they stand in the database, column by column: what a backup copies.
//!
//! Invariant: every column that the schema plan makes is here, hidden counters too; `_row` of SQLite is not, because
//! nothing refers to it.

use mains_base::Result;

use super::columns::{columns, compared, element};
use super::shape::TableShape;
use super::{catalogue, names};
use crate::dialect::Column;
use crate::engine::Statements;

/// One table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Physical {
    pub(crate) name: String,
    /// A collection of the site or of an app, or a list of one.
    pub(crate) is_collection: bool,
    pub(crate) columns: Vec<(String, Column)>,
    /// The columns that name a row.
    pub(crate) key: Vec<String>,
}

/// What the catalogue of an open database knows, and the counters; in the order of declaration.
pub(crate) fn stored(statements: &mut dyn Statements) -> Result<Vec<Physical>> {
    let shapes = catalogue::read(statements)?;
    let mut tables: Vec<Physical> = Vec::new();
    for shape in &shapes {
        tables.push(main(shape, &shapes));
        let lists = shape.fields.iter().filter(|field| field.many.is_some());
        tables.extend(lists.map(|field| {
            let kind = element(&field.kind);
            let mut columns =
                vec![named("record", Column::Id), named("target", kind), named("position", Column::Int)];
            if field.kind.folds_case() {
                columns.push(named("target__folded", Column::Text));
            }
            let key = ["record", "target"].map(str::to_owned).to_vec();
            Physical { name: names::join_table(&shape.name, &field.name), is_collection: true, columns, key }
        }));
    }
    tables.push(Physical {
        name: names::SEQUENCES.to_owned(),
        is_collection: false,
        columns: vec![named("name", Column::Text), named("next", Column::Int)],
        key: vec!["name".to_owned()],
    });
    Ok(tables)
}

fn main(shape: &TableShape, all: &[TableShape]) -> Physical {
    let is_collection = !shape.is_private();
    let mut of_table = if is_collection {
        let times = ["created", "updated", "version"].map(|name| named(name, Column::Int));
        [named("id", Column::Id)].into_iter().chain(times).collect()
    } else {
        Vec::new()
    };
    for field in &shape.fields {
        of_table.extend(columns(field).into_iter().map(|column| (column.name, column.column)));
    }
    of_table.extend(counters(shape, all).map(|name| (name, Column::Int)));
    let key = if is_collection {
        vec!["id".to_owned()]
    } else {
        shape.key.iter().filter_map(|name| shape.field(name)).flat_map(compared).collect()
    };
    Physical { name: shape.name.clone(), is_collection, columns: of_table, key }
}

/// The hidden counters in a table that is the scope of sequences.
fn counters<'s>(scope: &'s TableShape, all: &'s [TableShape]) -> impl Iterator<Item = String> + 's {
    all.iter().flat_map(move |table| {
        table.fields.iter().filter_map(move |field| {
            let (_, to) = field.kind.sequence()?.scope.as_ref()?;
            (*to == scope.name).then(|| names::counter_column(&table.name, &field.name))
        })
    })
}

fn named(name: &str, column: Column) -> (String, Column) {
    (name.to_owned(), column)
}
