//! The HTTP chassis: connections, limits, callers, errors, the records API and static files.
//!
//! A connection comes in through [`listener`], a request through [`Router::handle`], and an answer leaves through
//! `router::finish`, whatever door made it. There is one layer, written by hand (docs/decisions/0001).

pub mod body;
mod callers;
pub mod files;
pub mod keys;
pub mod listener;
mod percent;
mod problem;
pub mod records;
pub mod request;
mod route;
pub mod router;
mod secrets;
pub mod settings;
mod site;
pub mod tasks;

pub use body::Body;
pub use callers::Callers;
pub use listener::{Server, Stop};
pub use records::Records;
pub use request::Request;
pub use router::{Call, Door, Response, Router};
pub use settings::{Limits, Settings};
pub use site::Site;

/// The server's own tables, as the layer that stands before all apps: path and text of each file.
pub const TABLES: &[(&str, &str)] = &[
    ("tables/mains_keys.toml", include_str!("../tables/keys.toml")),
    ("tables/mains_secrets.toml", include_str!("../tables/secrets.toml")),
];
