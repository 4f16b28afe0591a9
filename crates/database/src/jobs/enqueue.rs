//! Writing a job, in the transaction of what it is for.

use mains_base::{Error, Result, Time, Value};
use serde_json::Value as Json;

use super::store;
use crate::write::Tx;

/// Bytes of a payload; a large document belongs into a record that the payload names.
const PAYLOAD: usize = 256 * 1024;
/// Bytes of a secret.
const SECRET: usize = 60 * 1024;
const NAME: usize = 100;
const KEY: usize = 300;

/// Work to be done later.
#[derive(Clone, Debug)]
pub struct Job {
    /// Which handler does it, such as `mail.send`.
    pub name: String,
    /// What it is about: a second job of this name and key is the same one.
    pub key: String,
    /// What the handler needs to know.
    pub payload: Json,
    /// Not before this moment; absent: at once.
    pub not_before: Option<Time>,
    /// What the handler needs to know and nobody else may: stored sealed, removed when it is done.
    pub secret: Option<Json>,
}

impl Job {
    /// A job to be done at once, with nothing to know.
    pub fn new(name: impl Into<String>, key: impl Into<String>) -> Self {
        Self { name: name.into(), key: key.into(), payload: Json::Null, not_before: None, secret: None }
    }

    /// With this to know.
    #[must_use]
    pub fn payload(mut self, payload: Json) -> Self {
        self.payload = payload;
        self
    }

    /// Not before this moment.
    #[must_use]
    pub fn not_before(mut self, moment: Time) -> Self {
        self.not_before = Some(moment);
        self
    }

    /// With this to know that nobody else may.
    #[must_use]
    pub fn secret(mut self, secret: Json) -> Self {
        self.secret = Some(secret);
        self
    }
}

impl Tx<'_> {
    /// Writes a job that is done once this transaction is committed, soon after or not before its moment. One whose
    /// name and key are known already, done ones of the last days too, is that one: nothing is written.
    pub fn enqueue(&mut self, job: Job) -> Result<()> {
        let Job { name, key, payload, not_before, secret } = job;
        let payload = serde_json::to_string(&payload).map_err(Error::internal)?;
        if name.len() > NAME || key.len() > KEY || payload.len() > PAYLOAD {
            return Err(Error::internal(format!("the job {name} {key} is larger than a job may be")));
        }
        let secret = secret.map(|secret| self.sealed(&secret, (&name, &key))).transpose()?;
        let made = self.now();
        let values = [
            Value::from(name),
            Value::from(key),
            Value::from(payload),
            secret.map_or(Value::Null, Value::Bytes),
            Value::Int(not_before.map_or(store::AT_ONCE, Time::micros)),
            Value::Int(made.micros()),
        ];
        self.execute_later(store::ENQUEUE, &values)?;
        self.wake_jobs();
        Ok(())
    }

    /// The same, where one that has ended stands in nobody's way.
    pub(crate) fn enqueue_anew(&mut self, job: Job) -> Result<()> {
        let ended = [Value::from(job.name.as_str()), Value::from(job.key.as_str())];
        self.execute_later(store::FORGET_ENDED, &ended)?;
        self.enqueue(job)
    }

    fn sealed(&mut self, secret: &Json, job: (&str, &str)) -> Result<Vec<u8>> {
        let random = self.token()?;
        let seal = self.seal()?;
        let sealed = seal.seal(secret, job, &random)?;
        if sealed.len() > SECRET {
            return Err(Error::internal(format!("the secret of the job {} {} is too large", job.0, job.1)));
        }
        Ok(sealed)
    }
}
