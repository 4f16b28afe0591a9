//! `mains jobs list|schedules|retry|drop`.

use mains_base::Result;
use serde_json::Value;

use super::{minute, text};
use crate::arguments::Jobs;
use crate::backend::Backend;
use crate::operations::Operation;
use crate::talk::Talk;

/// Does it.
pub(crate) fn run(backend: &mut Backend, command: &Jobs, talk: Talk) -> Result<()> {
    match command {
        Jobs::List { state, name } => {
            let asked = Operation::JobsList { state: state.clone(), name: name.clone() };
            let jobs = backend.ask(asked)?;
            let rows: Vec<Vec<String>> = jobs.as_array().into_iter().flatten().map(row).collect();
            if rows.is_empty() {
                talk.say("There are no such jobs.");
            }
            talk.print_table(&["NAME", "KEY", "STATE", "TRIES", "MADE (UTC)", "DUE (UTC)", "ERROR"], &rows)?;
        }
        Jobs::Schedules => {
            let schedules = backend.ask(Operation::JobsSchedules)?;
            let row = |one: &Value| vec![text(one, "name").to_owned(), minute(text(one, "next")).to_owned()];
            let rows: Vec<Vec<String>> = schedules.as_array().into_iter().flatten().map(row).collect();
            if rows.is_empty() {
                talk.say("This site has no schedules.");
            }
            talk.print_table(&["NAME", "NEXT (UTC)"], &rows)?;
        }
        Jobs::Retry { name, key } => {
            backend.ask(Operation::JobsRetry { name: name.clone(), key: key.clone() })?;
            talk.say(&format!("{name} {key} begins again."));
        }
        Jobs::Drop { name, key } => {
            backend.ask(Operation::JobsDrop { name: name.clone(), key: key.clone() })?;
            talk.say(&format!("{name} {key} will not be done."));
        }
    }
    Ok(())
}

fn row(job: &Value) -> Vec<String> {
    let tries = job.get("attempts").and_then(Value::as_i64).unwrap_or_default();
    vec![
        text(job, "name").to_owned(),
        text(job, "key").to_owned(),
        text(job, "state").to_owned(),
        tries.to_string(),
        minute(text(job, "made")).to_owned(),
        minute(text(job, "due")).to_owned(),
        text(job, "error").to_owned(),
    ]
}
