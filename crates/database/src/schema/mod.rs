//! The schema plan: from what the database holds to what is declared, shown before it is done.
//!
//! Invariants: a plan is carried out whole, in one transaction, or not at all; nothing stored is lost unless an
//! operator named it; where the database is as declared, nothing is done.

mod calculate;
mod catalogue;
mod columns;
mod compare;
mod declared;
mod fill;
mod matching;
pub mod names;
pub(crate) mod physical;
mod plan;
mod proof;
mod shape;
pub(crate) mod standing;
mod work;

use std::sync::Arc;

use mains_base::{Error, Kind, Result};
use mains_language::schema::Schema;

pub use plan::{Mark, Refusal, SchemaPlan, Step};

use crate::dialect::{Dialect, quote};
use crate::engine::{Engine, Statements};

use crate::{log, sql};
pub(crate) use compare::Declared;
use shape::TableShape;

/// Creates what Mains itself needs in a database: settings, catalogue, counters, the log, and PostgreSQL's functions.
/// Does nothing where it is there. Refuses a database that a newer program has changed.
pub async fn bootstrap(engine: &Engine) -> Result<()> {
    engine.alter(|statements| prepare(statements)).await
}

/// Compares what the schema declares with what the database holds. Changes nothing.
pub async fn plan(engine: &Engine, schema: &Schema) -> Result<SchemaPlan> {
    plan_dropping(engine, schema, &[]).await
}

/// As [`plan()`], and what `drops` names (`posts`, `posts.subtitle`) may go with all its values.
pub async fn plan_dropping(engine: &Engine, schema: &Schema, drops: &[String]) -> Result<SchemaPlan> {
    let declared = Arc::new(declared(engine, schema)?);
    // A pooled connection of PostgreSQL may know a question from before the schema changed, and says so once.
    let mut again = 3;
    loop {
        let (declared, drops) = (Arc::clone(&declared), drops.to_vec());
        let asked = engine
            .snapshot(move |statements| compared(statements, &declared, &drops).map(|(plan, _)| plan))
            .await;
        match asked {
            Err(error)
                if error.kind() == Kind::Unavailable && error.code() == "database.busy" && again > 0 =>
            {
                again -= 1;
            }
            asked => return asked,
        }
    }
}

/// Carries a plan out: everything in one transaction, while nothing else writes. What changed since the plan was
/// made is an error, and so is a refusal.
pub async fn apply(engine: &Engine, schema: &Schema, plan: &SchemaPlan) -> Result<()> {
    if let Some(refusal) = plan.refusals.first() {
        let sentence = format!("{}: {}", refusal.subject, refusal.sentence);
        return Err(Error::conflict("schema.refused", sentence));
    }
    let declared = declared(engine, schema)?;
    let expected =
        SchemaPlan { steps: plan.steps.clone(), drops: plan.drops.clone(), ..SchemaPlan::default() };
    engine.alter(move |statements| carry_out(statements, &declared, &expected)).await
}

/// What a schema declares, for [`make_anew`].
pub(crate) fn declared_of(engine: &Engine, schema: &Schema) -> Result<Declared> {
    declared(engine, schema)
}

/// Lets go of everything that Mains has in the database, and makes what is declared: empty.
pub(crate) fn make_anew(statements: &mut dyn Statements, declared: &Declared) -> Result<()> {
    let present = catalogue::present(statements)?;
    if present.iter().any(|name| name == catalogue::TABLE) {
        catalogue::check_format(statements)?;
        let known = physical::stored(statements)?;
        let is_ours =
            |name: &&String| name.starts_with("mains_") || known.iter().any(|table| table.name == **name);
        let behind = if statements.dialect() == Dialect::Postgres { " CASCADE" } else { "" };
        for name in present.iter().filter(is_ours) {
            statements.execute_later(&format!("DROP TABLE {}{behind}", quote(name)), &[], None)?;
        }
        statements.flush()?;
    }
    prepare(statements)?;
    let (plan, _) = compared(statements, declared, &[])?;
    plan.work.carry_out(statements)?;
    catalogue::write(statements, &remembered(declared.tables.to_vec(), Vec::new()))
}

fn declared(engine: &Engine, schema: &Schema) -> Result<Declared> {
    let tables = declared::shapes(engine.dialect(), schema)?;
    Ok(Declared { tables: Arc::new(tables), now: engine.clock().now() })
}

fn carry_out(statements: &mut dyn Statements, declared: &Declared, expected: &SchemaPlan) -> Result<()> {
    prepare(statements)?;
    let (plan, stored) = compared(statements, declared, &expected.drops)?;
    if !plan.says_the_same(expected) {
        return Err(Error::conflict(
            "schema.moved",
            "The database changed since the plan was made. Make the plan again and look at it.",
        ));
    }
    if plan.is_empty() && !stored.is_empty() {
        return Ok(());
    }
    plan.work.carry_out(statements)?;
    catalogue::write(statements, &remembered(declared.tables.to_vec(), stored))
}

/// What the catalogue says afterwards: the releases stay those that brought things, and what is not declared but kept
/// stays known.
fn remembered(mut declared: Vec<TableShape>, stored: Vec<TableShape>) -> Vec<TableShape> {
    for table in &mut declared {
        let was = table.was.as_ref().filter(|_| stored.iter().all(|old| old.name != table.name));
        let name = was.unwrap_or(&table.name);
        if let Some(old) = stored.iter().find(|old| old.name == *name) {
            table.keep_releases(old);
        }
    }
    let is_kept = |old: &TableShape| {
        old.owner != "site" && declared.iter().all(|table| table.name != old.name && !table.goes_on_from(old))
    };
    let kept: Vec<TableShape> = stored.into_iter().filter(is_kept).collect();
    declared.extend(kept);
    declared
}

/// Compares, and gives what is stored besides.
fn compared(
    statements: &mut dyn Statements,
    declared: &Declared,
    drops: &[String],
) -> Result<(SchemaPlan, Vec<TableShape>)> {
    let present = catalogue::present(statements)?;
    let stored = if present.iter().any(|name| name == catalogue::TABLE) {
        catalogue::check_format(statements)?;
        catalogue::read(statements)?
    } else {
        Vec::new()
    };
    Ok((compare::compare(statements, &stored, declared, &present, drops)?, stored))
}

/// Mains' own tables.
fn prepare(statements: &mut dyn Statements) -> Result<()> {
    let dialect = statements.dialect();
    let present = catalogue::present(statements)?;
    if present.iter().any(|name| name == catalogue::TABLE) {
        catalogue::check_format(statements)?;
    }
    if dialect == Dialect::Postgres {
        for sql in sql::functions::postgres() {
            statements.execute_later(&sql, &[], None)?;
        }
    }
    for sql in catalogue::tables(dialect).into_iter().chain(log::tables(dialect)) {
        statements.execute_later(&sql, &[], None)?;
    }
    statements.flush()
}
