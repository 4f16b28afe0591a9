//! Accounts: who somebody is. It owns the collections `accounts`, `account_sessions` and `account_consents`, what proves who somebody is
//! (`account_secrets`, `account_tokens`), and the words in which sessions of the server speak of an account.
//!
//! Always true: nothing that others may see tells whether an address has an account, where addresses are verified first;
//! an account that somebody prepared is theirs alone who prove its address; a password is
//! stored as argon2id and a mailed link as a hash; a link opens once and dies with the next password or address; what an
//! account may do stands the same in its record and in its sessions.

mod device;
mod http;
mod jobs;
mod mailbox;
mod model;
pub mod passwords;
mod service;
mod store;
mod token;
mod waiting;
mod weak;

use std::sync::Arc;

use mains_language::schema::Owner;
use mains_language::site::{File, Layer};
use mains_server::App;
use mains_server::mail::MailTemplate;

pub use model::Verify;
pub use service::{Accounts, Listed, Settings};

/// The name of the app, as `[apps] enabled` says it.
pub const NAME: &str = "accounts";

/// The tables of what opens an account without its password, and of what its owner is told of that: mailed links, and the
/// list of sessions.
pub const WAYS_IN: [&str; 2] = ["account_tokens", "account_sessions"];

/// The app: everything that it brings.
pub fn app(accounts: &Accounts) -> App {
    let settings = accounts.settings;
    App {
        files: files(),
        handlers: http::handlers(accounts),
        jobs: Some(Arc::new(move |jobs| jobs::add(jobs, settings))),
        mails: MAILS.to_vec(),
        pages: PAGES.to_vec(),
        guests: Some(Arc::new(service::make_guest)),
        ..App::new(NAME)
    }
}

/// What the app declares, for who only reads declarations.
pub fn layer() -> Layer {
    Layer { owner: Owner::App(NAME.to_owned()), files: files() }
}

fn files() -> Vec<File> {
    let file = |path: &str, source: &str| File { path: path.to_owned(), source: source.to_owned() };
    vec![
        file("collections/accounts.toml", include_str!("collections/accounts.toml")),
        file("collections/account_consents.toml", include_str!("collections/account_consents.toml")),
        file("collections/account_sessions.toml", include_str!("collections/account_sessions.toml")),
        file("tables/account_secrets.toml", include_str!("tables/account_secrets.toml")),
        file("tables/account_tokens.toml", include_str!("tables/account_tokens.toml")),
    ]
}

/// The built-in pages, which a site may replace by its own of the same address.
const PAGES: [(&str, &str); 12] = [
    ("sign-in.html", include_str!("pages/sign-in.html")),
    ("sign-up.html", include_str!("pages/sign-up.html")),
    ("reset.html", include_str!("pages/reset.html")),
    ("verify.html", include_str!("pages/verify.html")),
    ("account/_here.html", include_str!("pages/account/_here.html")),
    ("account/_rail.html", include_str!("pages/account/_rail.html")),
    ("account/index.html", include_str!("pages/account/index.html")),
    ("account/close.html", include_str!("pages/account/close.html")),
    ("account/email.html", include_str!("pages/account/email.html")),
    ("account/email-back.html", include_str!("pages/account/email-back.html")),
    ("account/preferences.html", include_str!("pages/account/preferences.html")),
    ("account/sessions.html", include_str!("pages/account/sessions.html")),
];

/// The letters, which a site may replace by its own of the same name.
const MAILS: [MailTemplate; 8] = jobs::MAILS;
