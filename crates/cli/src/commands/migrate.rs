//! `mains migrate [--plan]`.

use std::path::Path;

use mains_base::Result;
use serde_json::Value;

use crate::backend;
use crate::control::Client;
use crate::operations::{Operation, migrate};
use crate::settings::Settings;
use crate::site;
use crate::talk::Talk;

/// Prints the plan on stdout; applies it unless only the plan is wanted.
pub(crate) fn run(folder: &Path, settings: &Settings, only_plan: bool, talk: Talk) -> Result<()> {
    let plan = match Client::find(&folder.join("data"))? {
        Some(mut client) => client.ask(&if only_plan { Operation::Plan } else { Operation::Migrate })?,
        None => alone(folder, settings, only_plan)?,
    };
    match plan.as_str() {
        None => talk.say("The database is as the files declare it; nothing to do."),
        Some(plan) => {
            talk.print(plan.trim_end())?;
            talk.say(if only_plan { "Nothing was changed; `mains migrate` does it." } else { "Done." });
        }
    }
    Ok(())
}

fn alone(folder: &Path, settings: &Settings, only_plan: bool) -> Result<Value> {
    backend::runtime()?.block_on(async {
        let db = site::open_database(folder, settings).await?;
        let plan =
            if only_plan { migrate::plan(&db, folder).await } else { migrate::apply(&db, folder).await };
        db.engine().close().await;
        plan
    })
}
