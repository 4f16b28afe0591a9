//! From what is declared to what is stored, with its plan; then the seeds.

use std::path::Path;
use std::sync::Arc;

use mains_base::{Error, Kind, Result};
use mains_database::{Db, schema};
use serde_json::Value;

use super::seeds;
use crate::site::{Trouble, declared};

/// Answers the plan as text, null when there is nothing to do.
pub(crate) async fn plan(db: &Db, folder: &Path) -> Result<Value> {
    let declared = declared(folder).map_err(Trouble::into_error)?;
    let plan = schema::plan(db.engine(), &declared).await?;
    Ok(if plan.is_empty() { Value::Null } else { Value::String(plan.to_string()) })
}

/// Applies the plan, installs the schema and puts the seeds; answers the plan as text.
pub(crate) async fn apply(db: &Db, folder: &Path) -> Result<Value> {
    let declared = Arc::new(declared(folder).map_err(Trouble::into_error)?);
    let plan = schema::plan(db.engine(), &declared).await?;
    if !plan.refusals().is_empty() {
        return Err(Error::new(Kind::Conflict, "schema.refused", format!("This cannot be done.\n\n{plan}")));
    }
    schema::apply(db.engine(), &declared, &plan).await?;
    db.install(declared);
    seeds::put(db, folder).await?;
    Ok(if plan.is_empty() { Value::Null } else { Value::String(plan.to_string()) })
}
