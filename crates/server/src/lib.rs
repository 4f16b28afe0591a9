//! The HTTP chassis: connections, limits, callers, errors, the records API and static files.
//!
//! A connection comes in through [`listener`], a request through [`Router::handle`], and an answer leaves through
//! `router::finish`, whatever door made it. There is one layer, written by hand (docs/decisions/0001).

mod app;
pub mod body;
mod callers;
mod changes;
mod client;
pub mod commands;
mod compress;
mod docs;
pub mod files;
mod idempotency;
pub mod keys;
pub mod listener;
pub mod mail;
mod multipart;
pub mod pages;
mod percent;
mod problem;
mod proxies;
mod rates;
pub mod records;
pub mod request;
mod room;
mod route;
pub mod router;
mod secrets;
pub mod sessions;
pub mod settings;
mod site;
pub mod tasks;
mod unread;

use mains_language::schema::Owner;
use mains_language::site::{File, Layer};

pub use app::{Adds, After, App, Guests};
pub use body::Body;
pub use callers::{Asker, Callers};
pub use files::Assets;
pub use idempotency::forget as forget_answers;
pub use listener::{Network, Server, Stop};
pub use pages::{Facts, PageFile, Pages};
pub use percent::encode as percent_encoded;
pub use proxies::{NoProxy, Proxy};
pub use records::{Records, deleting};
pub use request::Request;
pub use router::{Call, Door, Response, Router};
pub use settings::{Limits, Settings};
pub use site::Site;

/// The server's own tables: the layer that stands before all apps and the site.
pub fn tables() -> Layer {
    let file =
        |name: &str, source: &str| File { path: format!("tables/{name}.toml"), source: source.to_owned() };
    let mut files = vec![
        file("mains_idempotency", include_str!("../tables/idempotency.toml")),
        file("mains_keys", include_str!("../tables/keys.toml")),
        file("mains_revocations", include_str!("../tables/revocations.toml")),
        file("mains_secrets", include_str!("../tables/secrets.toml")),
        file("mains_sessions", include_str!("../tables/sessions.toml")),
        file("mains_mails", include_str!("../tables/mails.toml")),
    ];
    files.extend(mains_database::jobs::tables());
    Layer { owner: Owner::Server, files }
}
