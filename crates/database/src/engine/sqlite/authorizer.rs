//! Debug builds and tests: sees that rows of collections are written by the choke point alone.
//!
//! SQLite's authorizer names the tables that a text writes to when it is compiled, however the text is put and whatever
//! view or trigger stands between. What it said is kept per text, because a prepared statement is compiled once and run
//! by many.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use mains_base::{Error, Result};
use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use crate::engine::text;

/// Names of the collections whose rows nobody else may write.
#[derive(Debug, Default)]
pub(super) struct Protected(RwLock<HashSet<String>>);

impl Protected {
    /// Protects these from now on, and no others.
    pub(super) fn set(&self, collections: HashSet<String>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = collections;
    }

    /// Whether it is the table of a protected collection, or of a list of one.
    fn holds(&self, table: &str) -> bool {
        let collection = table.split_once("__").map_or(table, |(collection, _)| collection);
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(collection)
    }
}

/// What watches one connection.
pub(super) struct Authorizer {
    protected: Arc<Protected>,
    /// Tables written to by what is being compiled.
    seen: Arc<Mutex<Vec<String>>>,
    texts: RefCell<HashMap<Box<str>, Vec<String>>>,
}

impl Authorizer {
    /// Begins to watch a connection; not in release builds.
    pub(super) fn watch(
        connection: &mut Connection,
        protected: &Arc<Protected>,
    ) -> Result<Option<Self>, rusqlite::Error> {
        if !cfg!(debug_assertions) {
            return Ok(None);
        }
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noting = Arc::clone(&seen);
        connection.authorizer(Some(move |context: AuthContext<'_>| {
            if let AuthAction::Insert { table_name }
            | AuthAction::Update { table_name, .. }
            | AuthAction::Delete { table_name } = context.action
            {
                noting.lock().unwrap_or_else(PoisonError::into_inner).push(table_name.to_owned());
            }
            Authorization::Allow
        }))?;
        Ok(Some(Self { protected: Arc::clone(protected), seen, texts: RefCell::default() }))
    }

    /// Refuses a text that writes to a protected table. One that does not compile is left to whoever runs it.
    pub(super) fn check(&self, connection: &Connection, sql: &str) -> Result<()> {
        let mut texts = self.texts.borrow_mut();
        if !texts.contains_key(sql) {
            texts.insert(sql.into(), self.compiled(connection, sql));
        }
        let written =
            texts.get(sql).and_then(|tables| tables.iter().find(|table| self.protected.holds(table)));
        match written {
            None => Ok(()),
            Some(table) => {
                Err(Error::internal(format!("{table} was about to be changed past the choke point")))
            }
        }
    }

    fn compiled(&self, connection: &Connection, sql: &str) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clear();
        drop(connection.prepare(&text::for_sqlite(sql)));
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
