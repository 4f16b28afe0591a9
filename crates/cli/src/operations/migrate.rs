//! From what is declared to what is stored, with its plan; then the seeds.

use std::path::Path;
use std::sync::Arc;

use mains_base::{Error, Kind, Result, nearest};
use mains_database::Db;
use mains_database::schema::{self, Mark, SchemaPlan};
use mains_language::schema::Schema;
use serde_json::Value;

use super::seeds;
use crate::site::{Trouble, declared};

/// Answers the plan as text, null when there is nothing to do. What `drops` names may go with all it holds.
pub(crate) async fn plan(db: &Db, folder: &Path, drops: &[String]) -> Result<Value> {
    let declared = declared(folder).map_err(Trouble::into_error)?;
    Ok(told(&made(db, &declared, drops).await?))
}

/// Whether the database holds nothing yet, so that the first start fills it by itself.
pub(crate) async fn begins(db: &Db, folder: &Path) -> Result<bool> {
    let declared = declared(folder).map_err(Trouble::into_error)?;
    Ok(schema::plan(db.engine(), &declared).await?.is_fresh())
}

/// Applies the plan, installs the schema and puts the seeds; answers the plan as text.
pub(crate) async fn apply(db: &Db, folder: &Path, drops: &[String]) -> Result<Value> {
    let declared = Arc::new(declared(folder).map_err(Trouble::into_error)?);
    let plan = made(db, &declared, drops).await?;
    if !plan.refusals().is_empty() {
        return Err(Error::new(Kind::Conflict, "schema.refused", format!("This cannot be done.\n\n{plan}")));
    }
    let seeds = seeds::read(&declared, folder)?;
    schema::apply(db.engine(), &declared, &plan).await?;
    db.install(declared);
    seeds.put(db).await?;
    Ok(told(&plan))
}

fn told(plan: &SchemaPlan) -> Value {
    if plan.is_empty() { Value::Null } else { Value::String(plan.to_string()) }
}

async fn made(db: &Db, declared: &Schema, drops: &[String]) -> Result<SchemaPlan> {
    let plan = schema::plan_dropping(db.engine(), declared, drops).await?;
    drops.iter().try_for_each(|name| goes(&plan, declared, name))?;
    Ok(plan)
}

/// Refuses a name that the plan does not let go of: a slip of the pen must not pass for a drop that was done.
fn goes(plan: &SchemaPlan, declared: &Schema, name: &str) -> Result<()> {
    let dropped = |text: &str| {
        let mut words = text.split_whitespace().skip(1);
        words.next().map(|word| word.trim_end_matches([':', ',']).to_owned())
    };
    let gone = plan.steps().iter().filter(|step| step.mark == Mark::Drop && !is_rule(&step.text));
    let gone: Vec<String> = gone.filter_map(|step| dropped(&step.text)).collect();
    if gone.iter().any(|gone| gone == name) {
        return Ok(());
    }
    let is_declared = match name.split_once('.') {
        Some((collection, field)) => {
            declared.find(collection).is_some_and(|found| found.find(field).is_some())
        }
        None => declared.find(name).is_some(),
    };
    let refused = plan.refusals().iter().filter_map(|refusal| dropped(&refusal.subject));
    let names: Vec<String> = gone.iter().cloned().chain(refused).collect();
    let detail = if is_declared {
        format!("{name} is still declared; take it out of the files first, then drop it.")
    } else {
        let near = nearest(name, names.iter().map(String::as_str));
        let hint = near.map_or(String::new(), |near| format!(" Did you mean {near}?"));
        format!("The database holds no {name} that could be dropped.{hint}")
    };
    Err(Error::new(Kind::Invalid, "cli.nothing_to_drop", detail))
}

/// An index or a check, which goes by itself.
fn is_rule(text: &str) -> bool {
    text.starts_with("index ") || text.starts_with("check ")
}
