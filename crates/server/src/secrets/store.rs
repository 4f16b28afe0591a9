//! Every statement on the table of secrets.

use std::sync::Arc;

use mains_base::{Error, Result, Value};
use mains_database::engine::{Answer, Engine, Statements};
use zeroize::Zeroizing;

use crate::request::random;

const INSERT: &str = "INSERT INTO mains_secrets (name, secret) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
const FIND: &str = "SELECT secret FROM mains_secrets WHERE name = $1";

/// The secret of this name, made now if there is none.
pub(crate) async fn get(engine: &Engine, name: &'static str) -> Result<Zeroizing<[u8; 32]>> {
    let fresh: [u8; 32] = random()?;
    let job = move |tx: &mut dyn Statements| {
        let name = Value::from(name);
        tx.execute_later(INSERT, &[name.clone(), Value::Bytes(fresh.to_vec())], None)?;
        let rows = tx.query(FIND, &[name])?;
        let stored = rows.0.first().map_or(Ok(None), |row| row.bytes(0))?;
        let secret: Option<[u8; 32]> = stored.and_then(|bytes| bytes.try_into().ok());
        let secret = secret.ok_or_else(|| Error::internal("a stored secret is not whole"))?;
        Ok(Box::new(Zeroizing::new(secret)) as Answer)
    };
    let answer = engine.run(&[], Arc::new(job)).await?;
    answer.downcast().map(|secret| *secret).map_err(|_| Error::internal("a write gave another type"))
}
