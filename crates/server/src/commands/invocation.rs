//! One run of a command: who asks for what, with which values, and the write that does it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mains_base::{Caller, Error, FieldError, Result, Time, Uuid, Value};
use mains_database::engine::Lane;
use mains_database::write::records::{Target, Written};
use mains_database::write::{Image, Input, Tx};
use mains_database::{Db, Epoch};
use mains_language::schema::{Answers, Collection, CollectionId, Command, FieldId};

use super::answer::{Answer, Content};
use crate::callers::Asker;
use crate::idempotency::{Kept, Keyed};
use crate::listener::Network;
use crate::records::Records;
use crate::request::RequestId;
use crate::sessions::Origin;

/// One run of a command.
pub struct Invocation {
    /// Who asks.
    pub asker: Asker,
    /// The schema that it is answered with.
    pub epoch: Arc<Epoch>,
    /// The other end, behind proxies that are trusted.
    pub address: IpAddr,
    /// The `User-Agent`.
    pub agent: Option<String>,
    /// What is stored of the mark that the browser carries, as [`crate::sessions::mark`] says.
    pub mark: Option<[u8; 32]>,
    /// The fields that the site added, where the command takes them.
    pub extra: Input,
    pub(super) records: Records,
    pub(super) collection: CollectionId,
    /// Its place among the collection's commands.
    pub(super) command: usize,
    pub(super) target: Option<Target>,
    pub(super) values: Vec<Value>,
    pub(super) problems: Vec<FieldError>,
    pub(super) request: RequestId,
    pub(super) keyed: Option<Keyed>,
    /// Whether `allow` was asked.
    pub(super) entered: AtomicBool,
}

/// What a command stands on in its transaction.
#[derive(Clone, Debug)]
pub struct Entered {
    /// The record that it is about; of a command on the collection none.
    pub target: Option<Arc<Image>>,
}

impl Invocation {
    /// Who asks.
    pub fn caller(&self) -> &Arc<Caller> {
        &self.asker.caller
    }

    /// The data, for reads before the write. A write of its own asks nobody: see [`Invocation::enter`].
    pub fn db(&self) -> &Db {
        self.records.db()
    }

    /// The time.
    pub fn now(&self) -> Time {
        self.db().clock().now()
    }

    /// The collection.
    pub fn collection(&self) -> &Collection {
        self.epoch.schema.collection(self.collection)
    }

    /// From where it was asked, for a session that begins.
    pub fn origin(&self) -> Origin {
        Origin { agent: self.agent.clone(), network: Some(self.address.to_canonical().to_string()) }
    }

    /// The network that asks, by which it is counted.
    pub fn network(&self) -> Network {
        Network::of_one(self.address)
    }

    /// Asks whether the caller may, before work that costs much; the write asks again. Where visitors may, nothing is
    /// read for it.
    pub async fn expect_allowed(self: &Arc<Self>) -> Result<()> {
        if self.declared().is_some_and(|command| command.is_allowed(self.caller(), self.now())) {
            return Ok(());
        }
        let invocation = Arc::clone(self);
        self.db().write(&[], move |tx| invocation.enter(tx).map(drop)).await
    }

    /// The value that was sent for an input, or its default; null where there is none.
    pub fn value(&self, name: &str) -> &Value {
        let place = self.declared().and_then(|command| command.place(name));
        place.and_then(|place| self.values.get(usize::from(place.0))).unwrap_or(&Value::Null)
    }

    /// A text that was sent; `""` where there is none.
    pub fn text(&self, name: &str) -> &str {
        self.value(name).as_text().unwrap_or("")
    }

    /// Whether a flag was sent and is set.
    pub fn flag(&self, name: &str) -> bool {
        self.value(name).as_bool() == Some(true)
    }

    pub(super) fn declared(&self) -> Option<&Command> {
        self.collection().commands.get(self.command)
    }

    /// Does the work of the command in one durable transaction, after it asked whether the caller may. The closure may
    /// be run again, from its beginning; the answer is given once it is stored.
    pub async fn write<F>(self: &Arc<Self>, lanes: &[Lane], work: F) -> Result<Answer>
    where
        F: Fn(&mut Tx<'_>, &Self, &Entered) -> Result<Answer> + Send + Sync + 'static,
    {
        let invocation = Arc::clone(self);
        self.db()
            .write(lanes, move |tx| {
                let entered = invocation.enter(tx)?;
                let answer = work(tx, &invocation, &entered)?;
                invocation.keep(tx, &answer)?;
                Ok(answer)
            })
            .await
    }

    /// The first step of the write, for handlers that need another sort than [`Invocation::write`]: the target by the
    /// read rule (404), the command's `allow` or the right of its `staff` (403, of a visitor 401), `If-Match` (412),
    /// and only then what is wrong with the values (422). The transaction acts for the caller from here on.
    pub fn enter(&self, tx: &mut Tx<'_>) -> Result<Entered> {
        if tx.epoch().number != self.epoch.number {
            return Err(moved());
        }
        tx.name_request(self.request.as_str());
        let command = self.declared().ok_or_else(|| Error::internal("a command is not there"))?;
        let target = match &self.target {
            Some(target) => Some(tx.allow_on(self.caller(), target, command)?),
            None => tx.allow(self.caller(), self.collection, command).map(|()| None)?,
        };
        if !self.problems.is_empty() {
            return Err(Error::invalid(self.problems.clone()));
        }
        self.entered.store(true, Ordering::Relaxed);
        Ok(Entered { target })
    }

    /// The last step of the write, for the same: keeps the answer for the request's `Idempotency-Key`.
    pub fn keep(&self, tx: &mut Tx<'_>, answer: &Answer) -> Result<()> {
        let Some(keyed) = &self.keyed else { return Ok(()) };
        let of = self.declared().map(|command| command.answers);
        let (status, record) = match (answer.content, of) {
            (Content::Record { id, created }, Some(Answers::Record(of))) => {
                let name = self.epoch.schema.collection(of).name.clone();
                let version = tx.find(of, id)?.map_or(0, |image| image.version());
                (if created { 201 } else { 200 }, Some((name, id, version)))
            }
            (Content::Later, _) => (202, None),
            _ => (204, None),
        };
        keyed.keep(tx, Kept { status, record, body: None })
    }

    /// Whether something is wrong with the values.
    pub(super) fn is_refused(&self) -> bool {
        !self.problems.is_empty()
    }

    /// Why the command cannot be done: who may not do it is told so, and nothing of the values.
    pub(super) async fn refusal(self: &Arc<Self>) -> Error {
        let invocation = Arc::clone(self);
        let entered = self.db().write(&[], move |tx| invocation.enter(tx).map(drop)).await;
        entered.err().unwrap_or_else(|| Error::invalid(self.problems.clone()))
    }

    /// Puts the site's own fields, as they were sent, into a record of this transaction, judged with `caller` as
    /// `auth`: of a sign-up the new account.
    pub fn take(&self, tx: &mut Tx<'_>, caller: &Caller, id: Uuid) -> Result<Option<Written>> {
        if self.extra.values.is_empty() && self.extra.problems.is_empty() {
            return Ok(None);
        }
        tx.take(caller, (self.collection, id), &self.extra).map(Some)
    }

    /// The id of a field of the command's collection, by its name.
    pub fn field(&self, name: &str) -> Result<FieldId> {
        let found = self.collection().find(name).map(|field| field.id);
        found.ok_or_else(|| Error::internal(format!("there is no field {name}")))
    }
}

impl Entered {
    /// The record that the command is about.
    pub fn target(&self) -> Result<&Arc<Image>> {
        self.target.as_ref().ok_or_else(|| Error::internal("a command on a collection has no target"))
    }
}

fn moved() -> Error {
    let detail = "The site changed while this was read; send it again.";
    Error::new(mains_base::Kind::Unavailable, "server.schema_changed", detail)
        .retry_after(std::time::Duration::from_secs(1))
}

impl fmt::Debug for Invocation {
    /// Without values: some are secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let command = self.declared().map(|command| command.name.as_str());
        f.debug_struct("Invocation").field("command", &command).finish_non_exhaustive()
    }
}
