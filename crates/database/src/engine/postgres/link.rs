//! One connection that a thread of its own drives: statements are sent together, with one answer for all.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use mains_base::{Error, Result};
use postgres_protocol::message::frontend;
use tokio_postgres::types::Type;

use super::failure::{Failure, Trouble};
use super::session::Life;
use super::wire::{Batch, Body, Found, Line, Plain, Prepared, Told};
use crate::engine::text;

/// Prepared statements kept per connection; when there are more, all are prepared anew.
const PREPARED: usize = 512;
/// A line that was still for longer is looked at before it is used.
const STILL: Duration = Duration::from_millis(100);

/// A connection and what is prepared on it.
pub(super) struct Link {
    line: Line,
    prepared: HashMap<Box<str>, Arc<Prepared>>,
    /// So many names were given.
    named: u64,
    /// Prepared statements that the server may forget.
    forgotten: Vec<Arc<Prepared>>,
    /// Whether the server has a transaction open, a failed one included.
    pub(super) in_transaction: bool,
    pub(super) life: Arc<Life>,
    used: Instant,
}

/// What came back for a statement.
#[derive(Debug)]
pub(super) enum Done {
    Count(u64),
    Rows(Found),
    /// The server says ROLLBACK: after COMMIT that nothing was stored.
    RolledBack,
}

impl Done {
    pub(super) fn count(&self) -> u64 {
        if let Self::Count(count) = self { *count } else { 0 }
    }
}

impl Link {
    /// Over a line that was let in.
    pub(super) fn over(line: Line) -> Self {
        Self {
            line,
            prepared: HashMap::new(),
            named: 0,
            forgotten: Vec::new(),
            in_transaction: false,
            life: Arc::default(),
            used: Instant::now(),
        }
    }

    /// Prepares what every connection needs, in one round trip.
    pub(super) fn prepare_plain(&mut self) -> Result<(), Failure> {
        let mut out = BytesMut::new();
        for plain in Plain::ALL {
            frontend::parse(plain.name(), plain.text(), [], &mut out).map_err(|cause| Failure::lost(&cause))?;
        }
        frontend::sync(&mut out);
        self.say(&out)?;
        self.until_ready(|_, _| Some(()))
    }

    /// The rows of a statement without parameters.
    pub(super) fn ask(&mut self, sql: &str) -> Result<Found, Failure> {
        let (mut batch, mut done) = (Batch::default(), Vec::new());
        let statement = self.prepare(sql)?;
        batch.push(&statement, &[], true).map_err(Failure::Refused)?;
        self.send(&mut batch, &mut done)?;
        match done.pop() {
            Some(Done::Rows(found)) => Ok(found),
            _ => Err(Failure::lost(&"an answer without rows")),
        }
    }

    /// The statement of this text, prepared now or before.
    pub(super) fn prepare(&mut self, sql: &str) -> Result<Arc<Prepared>, Failure> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(Arc::clone(statement));
        }
        if self.prepared.len() >= PREPARED {
            self.forget();
        }
        self.named += 1;
        let name = format!("s{}", self.named);
        let statement = Arc::new(self.parse(name, &text::for_postgres(sql))?);
        self.prepared.insert(sql.into(), Arc::clone(&statement));
        Ok(statement)
    }

    fn parse(&mut self, name: String, text: &str) -> Result<Prepared, Failure> {
        let mut out = BytesMut::new();
        let told = |cause: std::io::Error| Failure::Refused(Error::internal(cause));
        for statement in self.forgotten.drain(..) {
            frontend::close(b'S', &statement.name, &mut out).map_err(told)?;
        }
        frontend::parse(&name, text, [], &mut out).map_err(told)?;
        frontend::describe(b'S', &name, &mut out).map_err(told)?;
        frontend::sync(&mut out);
        self.say(&out)?;
        let (mut parameters, mut columns) = (Vec::new(), Vec::new());
        self.until_ready(|tag, body| match tag {
            b't' => types(body, |body| body.long()).map(|types| parameters = types),
            b'T' => types(body, column).map(|types| columns = types),
            _ => Some(()),
        })?;
        Ok(Prepared { name, parameters: parameters.into(), columns: columns.into() })
    }

    /// Forgets what is prepared.
    pub(super) fn forget(&mut self) {
        self.forgotten.extend(self.prepared.drain().map(|(_, statement)| statement));
    }

    /// Sends a batch and waits for its end. What was answered before the first failure is in `done`.
    pub(super) fn send(&mut self, batch: &mut Batch, done: &mut Vec<Done>) -> Result<(), Failure> {
        let sent = self.line.send(batch.sealed());
        if let Err(unsent) = sent {
            let may_be_run = batch.may_be_run(unsent.sent);
            let cause = unsent.cause.to_string();
            return Err(Failure::Trouble(if may_be_run { Trouble::Lost(cause) } else { Trouble::Unsent(cause) }));
        }
        let mut found = None;
        self.until_ready(|tag, body| {
            let wanted = batch.step(done.len());
            match tag {
                b'D' => match wanted? {
                    Some(columns) => found.get_or_insert_with(|| Found::new(columns)).push(body),
                    None => Some(()),
                },
                b'C' | b'I' => {
                    let rows = wanted?.map(|columns| found.take().unwrap_or_else(|| Found::new(columns)));
                    done.push(rows.map_or_else(|| ended(body), Done::Rows));
                    Some(())
                }
                _ => Some(()),
            }
        })?;
        if done.len() == batch.len() { Ok(()) } else { Err(Failure::lost(&"not every statement was answered")) }
    }

    /// Runs commands of one text, and counts the rows of the last.
    pub(super) fn script(&mut self, text: &str) -> Result<u64, Failure> {
        let mut out = BytesMut::new();
        frontend::query(text, &mut out).map_err(|cause| Failure::Refused(Error::internal(cause)))?;
        self.say(&out)?;
        let mut count = 0;
        self.until_ready(|tag, body| {
            if tag == b'C' {
                count = ended(body).count();
            }
            Some(())
        })?;
        Ok(count)
    }

    fn say(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.line.send(bytes).map_err(|unsent| Failure::lost(&unsent.cause))
    }

    /// Hands over every message until the server is ready for more, or ends the connection; the first failure is told.
    /// `None` says that a message makes no sense.
    fn until_ready(&mut self, mut take: impl FnMut(u8, Body<'_>) -> Option<()>) -> Result<(), Failure> {
        let mut failure = None;
        loop {
            let message = match self.line.next() {
                Ok(message) => message,
                Err(cause) => return Err(failure.unwrap_or_else(|| Failure::lost(&cause))),
            };
            match message.tag {
                b'Z' => break self.in_transaction = message.body.rest() != b"I",
                b'E' => {
                    let told = Told::read(message.body);
                    let ends = told.ends;
                    failure.get_or_insert_with(|| Failure::from(told));
                    if ends {
                        break;
                    }
                }
                b'1' | b'2' | b'3' | b't' | b'T' | b'n' | b'D' | b'C' | b'I' if failure.is_none() => {
                    if take(message.tag, message.body).is_none() {
                        return Err(Failure::lost(&"the server answered what nobody asked"));
                    }
                }
                // Notices, changed settings, notifications.
                b'N' | b'S' | b'A' => {}
                tag => {
                    let text = format!("a message {:?} that does not belong there", char::from(tag));
                    return Err(Failure::lost(&text));
                }
            }
        }
        self.used = Instant::now();
        failure.map_or(Ok(()), Err)
    }

    /// Whether the line was seen to be dead. Asked where nothing depends on its being the same one.
    pub(super) fn is_dead(&self) -> bool {
        self.used.elapsed() > STILL && !self.line.is_alive()
    }

    /// How long the server may be silent from now on.
    pub(super) fn set_timeout(&self, timeout: Duration) -> Result<(), Failure> {
        self.line.set_timeout(timeout).map_err(|cause| Failure::lost(&cause))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let mut out = BytesMut::new();
        frontend::terminate(&mut out);
        // The server may be gone already; it learns of the end in any case.
        drop(self.line.send(&out));
    }
}

/// What a `CommandComplete` says: `INSERT 0 5`, `UPDATE 3`, `COMMIT`.
fn ended(mut body: Body<'_>) -> Done {
    let text = body.text().unwrap_or_default();
    if text == "ROLLBACK" {
        return Done::RolledBack;
    }
    Done::Count(text.rsplit(' ').next().and_then(|count| count.parse().ok()).unwrap_or_default())
}

/// As many types as the message says, each read by `one`.
fn types<'b>(mut body: Body<'b>, one: impl Fn(&mut Body<'b>) -> Option<u32>) -> Option<Vec<Type>> {
    let count = body.short()?;
    (0..count).map(|_| one(&mut body).map(|number| Type::from_oid(number).unwrap_or(Type::UNKNOWN))).collect()
}

/// The type of a column in a `RowDescription`.
fn column(body: &mut Body<'_>) -> Option<u32> {
    // Its name; its table and its place there.
    body.text()?;
    body.bytes(6)?;
    let number = body.long();
    // Length, modifier and format.
    body.bytes(8)?;
    number
}
