//! `mains migrate [--plan] [--drop NAME]`.

use std::path::Path;

use mains_base::Result;
use serde_json::Value;

use crate::arguments;
use crate::backend;
use crate::control::Client;
use crate::operations::{Operation, migrate};
use crate::settings::Settings;
use crate::site;
use crate::talk::Talk;

/// Prints the plan on stdout; applies it unless only the plan is wanted.
pub(crate) fn run(folder: &Path, settings: &Settings, asked: arguments::Migrate, talk: Talk) -> Result<()> {
    let arguments::Migrate { plan: only_plan, drops } = asked;
    let plan = match Client::find(&folder.join("data"))? {
        Some(mut client) if only_plan => client.ask(&Operation::Plan { drops })?,
        Some(mut client) => client.ask(&Operation::Migrate { drops })?,
        None => alone(folder, settings, only_plan, &drops)?,
    };
    match plan.as_str() {
        None => talk.say("The database is as the files declare it; nothing to do."),
        Some(plan) => {
            talk.print_plan(plan)?;
            match (only_plan, plan.lines().any(|line| line.starts_with("! "))) {
                (false, _) => talk.say("Done."),
                (true, false) => talk.say("Nothing was changed; the same command without --plan does it."),
                // The plan says how to go on.
                (true, true) => {}
            }
        }
    }
    Ok(())
}

fn alone(folder: &Path, settings: &Settings, only_plan: bool, drops: &[String]) -> Result<Value> {
    backend::runtime()?.block_on(async {
        let db = site::open_database(folder, settings).await?;
        let plan = if only_plan {
            migrate::plan(&db, folder, drops).await
        } else {
            migrate::apply(&db, folder, drops).await
        };
        db.engine().close().await;
        plan
    })
}
