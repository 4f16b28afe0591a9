//! The commands, a file each.

pub(crate) mod accounts;
pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod dev;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod followers;
pub(crate) mod import;
pub(crate) mod jobs;
pub(crate) mod keys;
pub(crate) mod mails;
pub(crate) mod migrate;
pub(crate) mod new;
pub(crate) mod restore;
pub(crate) mod serve;

use serde_json::Value;

/// A text of an answer; empty when it is not there.
fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A time without its seconds: `2026-11-21T13:51`.
fn minute(time: &str) -> &str {
    time.get(..16).unwrap_or(time)
}
