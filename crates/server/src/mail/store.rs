//! Every statement on the table of kept mails.

use mains_base::{Result, Time, Value};
use mains_database::engine::{Engine, Row};
use mains_database::write::Tx;

use super::kept::Kept;
use super::message::Rendered;

/// How many are kept.
const MOST: i64 = 200;

const INSERT: &str = "INSERT INTO mains_mails (id, made, recipient, template, subject, body, html) \
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
const FORGET: &str =
    "DELETE FROM mains_mails WHERE id NOT IN (SELECT id FROM mains_mails ORDER BY id DESC LIMIT $1)";
const FORGET_OF: &str = "DELETE FROM mains_mails WHERE recipient = $1";
const LIST: &str = "SELECT id, made, recipient, template, subject, body, html FROM mains_mails \
    ORDER BY id DESC LIMIT $1";

/// Keeps a mail, and forgets those that are too many.
pub(super) fn insert(tx: &mut Tx<'_>, template: &str, to: &str, rendered: &Rendered) -> Result<()> {
    let now = tx.now();
    let random = tx.token()?;
    let behind = random.first_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes));
    let values = [
        Value::from(format!("{:016x}{behind:08x}", now.micros())),
        now.micros().into(),
        to.into(),
        template.into(),
        rendered.subject.as_str().into(),
        rendered.text.as_str().into(),
        Value::from(rendered.html.clone()),
    ];
    tx.execute_later(INSERT, &values)?;
    tx.execute_later(FORGET, &[Value::Int(MOST)])
}

/// Forgets all mails to an address.
pub(super) fn forget(tx: &mut Tx<'_>, to: &str) -> Result<()> {
    tx.execute_later(FORGET_OF, &[to.into()])
}

pub(super) async fn list(engine: &Engine) -> Result<Vec<Kept>> {
    let rows = engine.snapshot(|statements| statements.query(LIST, &[Value::Int(MOST)])).await?;
    rows.0.iter().map(kept).collect()
}

fn kept(row: &Row) -> Result<Kept> {
    let text = |column| row.text(column).map(|text| text.unwrap_or_default().to_owned());
    Ok(Kept {
        id: text(0)?,
        at: Time::from_micros(row.int(1)?.unwrap_or_default()),
        to: text(2)?,
        template: text(3)?,
        subject: text(4)?,
        text: text(5)?,
        html: row.text(6)?.map(str::to_owned),
    })
}
