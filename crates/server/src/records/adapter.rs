//! The writes as the doors call them, until those of the database are there: each is refused with 501.

use std::sync::{Arc, PoisonError, RwLock};

use mains_base::{Caller, Clock, Result, Uuid, Value};
use mains_database::Epoch;
use mains_database::engine::{Engine, Lane};
use mains_database::records::Key;
use mains_language::schema::{CollectionId, FieldId, Schema};

use super::query::not_yet;

/// An open database with the schema it serves.
#[derive(Clone)]
pub struct Db {
    engine: Engine,
    clock: Arc<dyn Clock>,
    epoch: Arc<RwLock<Arc<Epoch>>>,
}

impl Db {
    /// Serves from an engine that is already open.
    pub fn over(engine: Engine, clock: Arc<dyn Clock>) -> Self {
        let epoch = Arc::new(RwLock::new(Arc::new(Epoch::new(0, Arc::default(), engine.dialect()))));
        Self { engine, clock, epoch }
    }

    /// The schema as it is served now.
    pub fn epoch(&self) -> Arc<Epoch> {
        Arc::clone(&self.epoch.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Serves another schema from now on.
    pub fn install(&self, schema: Arc<Schema>) {
        let mut epoch = self.epoch.write().unwrap_or_else(PoisonError::into_inner);
        *epoch = Arc::new(Epoch::new(epoch.number + 1, schema, self.engine.dialect()));
    }

    /// The engine below.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Refuses.
    #[expect(clippy::unused_async, reason = "the real one waits")]
    pub(super) async fn write<T: Send + 'static>(
        &self,
        _: &[Lane],
        _: impl Fn(&mut Tx) -> Result<T> + Send + Sync + 'static,
    ) -> Result<T> {
        Err(not_yet("Writing"))
    }
}

pub(super) struct Tx(Arc<Epoch>);

impl Tx {
    pub(super) fn act_as(&mut self, _: &Caller) {}
    pub(super) fn name_request(&mut self, _: &str) {}
    pub(super) fn epoch(&self) -> &Arc<Epoch> {
        &self.0
    }
}

pub(super) struct Input {
    pub(super) id: Option<Uuid>,
    pub(super) values: Vec<(FieldId, Sent)>,
}

#[expect(dead_code, reason = "read by the writes")]
pub(super) enum Sent {
    Set(Value),
    AddNumber(Value),
    List { add: Vec<Value>, remove: Vec<Value> },
}

pub(super) struct Written {
    pub(super) id: Uuid,
    pub(super) created: bool,
}

pub(super) fn create(_: &mut Tx, _: &Caller, _: CollectionId, _: &Input) -> Result<Written> {
    Err(not_yet("Writing"))
}

/// Which record, and on condition of which version.
pub(super) struct Target {
    pub(super) collection: CollectionId,
    pub(super) key: Key,
    pub(super) if_match: Option<i64>,
}

pub(super) fn update(_: &mut Tx, _: &Caller, _: &Target, _: &Input) -> Result<Written> {
    Err(not_yet("Writing"))
}

pub(super) fn put(_: &mut Tx, _: &Caller, _: &Target, _: &Input) -> Result<Written> {
    Err(not_yet("Writing"))
}

pub(super) fn delete(_: &mut Tx, _: &Caller, _: &Target) -> Result<()> {
    Err(not_yet("Writing"))
}
