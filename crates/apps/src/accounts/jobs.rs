//! Work that can wait: letters, and erasing what an account left.

use std::sync::Arc;

use mains_base::{Error, Result, Uuid};
use mains_database::jobs::{Handler, JobContext};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::service::{self, Accounts, Letter, Recipient};

/// Writes and sends a letter.
pub(super) const LETTER: &str = "account.letter";
/// Erases what an account left.
pub(super) const ERASE: &str = "account.erase";
