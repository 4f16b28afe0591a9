//! The log of changes: how it stands, and letting go of who keeps it from being trimmed.

use mains_base::{Error, Kind, Result, nearest};
use mains_database::engine::Engine;
use mains_database::log::{self, Retention};
use serde_json::{Value, json};

use crate::settings::Settings;

/// What the settings keep.
pub(crate) fn retention(settings: &Settings) -> Retention {
    Retention::of(settings.changes.keep_days, settings.changes.keep_mb)
}

/// Answers `{rows, bytes, held_by, followers: [{name, behind}], commit_us}`; the last, how long a commit takes, on
/// PostgreSQL alone.
pub(crate) async fn standing(engine: &Engine, settings: &Settings) -> Result<Value> {
    let standing = log::standing(engine, retention(settings)).await?;
    let followers = standing.followers.iter();
    let followers: Vec<Value> =
        followers.map(|waiting| json!({"name": waiting.name, "behind": waiting.behind})).collect();
    let commit = engine.commit_time().await?.map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    Ok(json!({
        "commit_us": commit, "rows": standing.rows, "bytes": standing.bytes, "held_by": standing.held_by, "followers": followers,
    }))
}

/// Forgets a follower by its name.
pub(super) async fn drop_follower(engine: &Engine, name: &str) -> Result<Value> {
    if log::drop_follower(engine, name).await? {
        return Ok(Value::Null);
    }
    let followers = log::standing(engine, Retention::usual()).await?.followers;
    let near = nearest(name, followers.iter().map(|waiting| waiting.name.as_str()));
    let hint = near.map_or(String::new(), |near| format!(" Did you mean {near}?"));
    Err(Error::new(Kind::NotFound, "cli.unknown_follower", format!("There is no follower {name}.{hint}")))
}
