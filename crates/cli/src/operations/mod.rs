//! What commands ask of a site, whether it is being served (through the control socket) or not.
//!
//! Invariant: a command does nothing to a database but by one of these, so it works the same both ways.

mod accounts;
pub(crate) mod backup;
pub(crate) mod changes;
pub(crate) mod export;
pub(crate) mod import;
mod jobs;
mod keys;
mod mails;
pub(crate) mod migrate;
mod row;
pub(crate) mod seeds;
mod store;

use std::path::PathBuf;
use std::sync::Arc;

use mains_base::{Error, Kind, Result, nearest};
use mains_language::schema::Schema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::site::Site;

/// One thing to do. Answers are JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "operation", rename_all = "snake_case")]
pub(crate) enum Operation {
    /// Answers a page of accounts.
    AccountsList { after: Option<String> },
    /// Makes an account; answers its password.
    AccountsCreate { email: String, roles: Vec<String> },
    /// Sets roles and rights of an account.
    AccountsRoles { email: String, roles: Vec<String>, rights: Vec<String> },
    /// Answers a link by which a new password is chosen.
    AccountsReset { email: String },
    /// Closes an account, or opens it again.
    AccountsActive { email: String, active: bool },
    /// Makes a key; answers its secret.
    KeysCreate { roles: Vec<String>, note: String, expires: Option<String> },
    /// Answers the keys.
    KeysList,
    /// Revokes a key.
    KeysRevoke { id: String },
    /// Answers how the log stands: `{rows, bytes, held_by, followers: [{name, behind}]}`.
    Changes,
    /// Drops a named follower.
    FollowersDrop { name: String },
    /// Begins a backup into a new file.
    BackupBegin { to: PathBuf, rows: bool },
    /// Answers how far it is.
    BackupLook,
    /// Answers what PostgreSQL itself is set to; null on SQLite.
    BackupPostgres,
    /// Answers jobs in this state, of this name.
    JobsList { state: Option<String>, name: Option<String> },
    /// Answers the schedules: `[{name, next}]`.
    JobsSchedules,
    /// Begins a job again.
    JobsRetry { name: String, key: String },
    /// Lets go of a job.
    JobsDrop { name: String, key: String },
    /// Answers the mails that were kept.
    MailsList,
    /// Answers one of them.
    MailsFind { id: String },
    /// Answers what `migrate` would do, as text; `null` when nothing.
    Plan { drops: Vec<String> },
    /// Does it; answers the plan as text.
    Migrate { drops: Vec<String> },
    /// Answers how far an import into this collection came before: `{line, hash}` or `null`.
    ImportFind { collection: String },
    /// Writes rows in one transaction, with how far that is.
    ImportChunk(import::Chunk),
    /// The import that is so far is complete; without that, whichever it was is given up.
    ImportEnd { collection: String, at: Option<import::Progress> },
    /// Answers a page of records: `{items, next}`.
    Export { collection: String, fields: Option<String>, cursor: Option<String> },
    /// Answers the stored fields of a collection, in order: `[{name, cell}]`.
    Fields { collection: String, fields: Option<String> },
}

/// Does it.
pub(crate) async fn perform(site: &Arc<Site>, operation: Operation) -> Result<Value> {
    match operation {
        Operation::AccountsList { after } => accounts::list(site, after).await,
        Operation::AccountsCreate { email, roles } => accounts::create(site, &email, roles).await,
        Operation::AccountsRoles { email, roles, rights } => {
            accounts::set_roles(site, &email, roles, rights).await
        }
        Operation::AccountsReset { email } => accounts::reset(site, &email).await,
        Operation::AccountsActive { email, active } => accounts::set_active(site, &email, active).await,
        Operation::KeysCreate { roles, note, expires } => keys::create(site, roles, note, expires).await,
        Operation::KeysList => keys::list(site).await,
        Operation::KeysRevoke { id } => keys::revoke(site, &id).await,
        Operation::Changes => changes::standing(site.db().engine(), &site.settings).await,
        Operation::FollowersDrop { name } => changes::drop_follower(site.db().engine(), &name).await,
        Operation::BackupBegin { to, rows } => backup::begin(site, to, rows),
        Operation::BackupLook => backup::look(site),
        Operation::BackupPostgres => backup::postgres(site).await,
        Operation::JobsList { state, name } => jobs::list(site, state.as_deref(), name).await,
        Operation::JobsSchedules => Ok(jobs::schedules(site)),
        Operation::JobsRetry { name, key } => jobs::retry(site, &name, &key).await,
        Operation::JobsDrop { name, key } => jobs::discard(site, &name, &key).await,
        Operation::MailsList => mails::list(site).await,
        Operation::MailsFind { id } => mails::find(site, &id).await,
        Operation::Plan { drops } => migrate::plan(site.db(), &site.folder, &drops).await,
        Operation::Migrate { drops } => migrate::apply(site.db(), &site.folder, &drops).await,
        Operation::ImportFind { collection } => import::find(site, &collection).await,
        Operation::ImportChunk(chunk) => import::write(site, chunk).await,
        Operation::ImportEnd { collection, at } => import::end(site, &collection, at).await,
        Operation::Export { collection, fields, cursor } => {
            export::page(site, &collection, fields, cursor).await
        }
        Operation::Fields { collection, fields } => export::fields(site, &collection, fields.as_deref()),
    }
}

/// A name that is no collection of the site.
fn unknown_collection(schema: &Schema, name: &str) -> Error {
    let names = schema.collections.iter().filter(|collection| !collection.is_table());
    let near = nearest(name, names.map(|collection| collection.name.as_str()));
    let hint = near.map_or(String::new(), |near| format!(" Did you mean {near}?"));
    Error::new(Kind::NotFound, "cli.unknown_collection", format!("There is no collection {name}.{hint}"))
}
