//! An app: what a ready-made part of a site is made of, as one plain list.

use std::fmt;
use std::sync::Arc;

use mains_base::{Caller, Result};
use mains_database::Db;
use mains_database::jobs::Jobs;
use mains_database::write::{Tx, Within};
use mains_language::schema::Owner;
use mains_language::site::{File, Layer};

use crate::commands::Handled;
use crate::listener::Stop;
use crate::mail::MailTemplate;
use crate::sessions::{Origin, Token};

/// Makes an account of a visitor who writes something for the first time, with a session: the caller that it is now,
/// and its token.
pub type Guests = Arc<dyn Fn(&mut Tx<'_>, &Origin) -> Result<(Caller, Token)> + Send + Sync>;

/// Starts what an app does beside requests: followers of the log. It ends when `Stop` is asked.
pub type After = Arc<dyn Fn(&Db, &Stop) -> Result<()> + Send + Sync>;

/// What an app adds to the jobs of a process.
pub type Adds = Arc<dyn Fn(Jobs) -> Jobs + Send + Sync>;

/// An app.
#[derive(Clone)]
pub struct App {
    /// As `[apps] enabled` names it.
    pub name: &'static str,
    /// Its collections and private tables, compiled in.
    pub files: Vec<File>,
    /// Who does its commands.
    pub handlers: Vec<Handled>,
    /// Its jobs and schedules.
    pub jobs: Option<Adds>,
    /// What it does in the transaction of other apps' changes.
    pub within: Vec<Within>,
    /// What it hears from the log.
    pub after: Option<After>,
    /// Its built-in pages, by file name; a site's own of the same address take their place.
    pub pages: Vec<(&'static str, &'static str)>,
    /// Its mails.
    pub mails: Vec<MailTemplate>,
    /// Makes guests; of one app alone.
    pub guests: Option<Guests>,
}

impl App {
    /// An app with nothing in it.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            files: Vec::new(),
            handlers: Vec::new(),
            jobs: None,
            within: Vec::new(),
            after: None,
            pages: Vec::new(),
            mails: Vec::new(),
            guests: None,
        }
    }

    /// What it declares. It stands before the site's own layer and after those of the apps left of it.
    pub fn layer(&self) -> Layer {
        Layer { owner: Owner::App(self.name.to_owned()), files: self.files.clone() }
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("name", &self.name).finish_non_exhaustive()
    }
}
