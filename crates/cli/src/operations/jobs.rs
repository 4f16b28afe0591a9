//! Jobs as who runs the site sees them.

use mains_base::{Error, Kind, Result};
use mains_database::jobs::{self, Filter, Jobs, Listed, Schedule, State};
use serde_json::{Value, json};

use crate::site::Site;

/// Answers a list of `{name, key, state, attempts, due, made, ended, error}`.
pub(super) async fn list(site: &Site, state: Option<&str>, name: Option<String>) -> Result<Value> {
    let state = state.map(|name| State::find(name).ok_or_else(|| unknown_state(name))).transpose()?;
    let found = jobs::list(site.db().engine(), Filter { state, name }).await?;
    Ok(found.into_iter().map(shown).collect())
}

fn shown(job: Listed) -> Value {
    let Listed { name, key, state, attempts, due, made, ended, error } = job;
    json!({
        "name": name,
        "key": key,
        "state": state.as_str(),
        "attempts": attempts,
        "due": due.map(|due| due.to_string()),
        "made": made.to_string(),
        "ended": ended.map(|ended| ended.to_string()),
        "error": error,
    })
}

/// Answers each schedule of the site with its next slot.
pub(super) fn schedules(site: &Site) -> Value {
    let adds = site.apps.iter().filter_map(|app| app.jobs.as_ref());
    let jobs = adds.fold(Jobs::new(), |jobs, adds| adds(jobs));
    let now = site.db().clock().now();
    let shown = |schedule: &Schedule| json!({"name": schedule.name(), "next": schedule.after(now).map(|next| next.to_string())});
    jobs.schedules().iter().map(shown).collect()
}

/// Begins a job again.
pub(super) async fn retry(site: &Site, name: &str, key: &str) -> Result<Value> {
    jobs::retry(site.db(), name, key).await?;
    Ok(Value::Null)
}

/// Lets go of a job.
pub(super) async fn discard(site: &Site, name: &str, key: &str) -> Result<Value> {
    jobs::discard(site.db(), name, key).await?;
    Ok(Value::Null)
}

fn unknown_state(name: &str) -> Error {
    let detail = format!("There is no state {name}; it may be waiting, running, done or dead.");
    Error::new(Kind::Invalid, "cli.unknown_state", detail)
}
