//! Statements that travel together, written as the server reads them.

use std::sync::Arc;

use bytes::BytesMut;
use mains_base::{Error, Result, Value};
use postgres_protocol::message::frontend::{self, BindError};
use tokio_postgres::types::{ToSql as _, Type};

use super::line::Body;
use super::rows::Columns;
use crate::engine::postgres::values::{self, Bound};

/// In the binary format: all that we say and all that we are told.
const BINARY: i16 = 1;
/// A Sync's length on the line.
const SYNC: usize = 5;

/// A statement that the server has prepared.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) name: String,
    pub(crate) parameters: Box<[Type]>,
    pub(crate) columns: Columns,
}

/// Statements without parameters that every connection has prepared from its beginning, under their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plain {
    Serializable,
    ReadCommitted,
    Snapshot,
    Commit,
    RollBack,
    Savepoint,
    Release,
    Undo,
    Hurry,
}

/// Statements that wait to be sent.
#[derive(Default)]
pub(crate) struct Batch {
    bytes: BytesMut,
    steps: Vec<Asked>,
}

/// What is wanted of a statement.
pub(crate) enum Asked {
    Count,
    /// Its rows, of these columns.
    Rows(Columns),
}

/// A place in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    bytes: usize,
    steps: usize,
}

impl Plain {
    pub(crate) const ALL: [Self; 9] = [
        Self::Serializable,
        Self::ReadCommitted,
        Self::Snapshot,
        Self::Commit,
        Self::RollBack,
        Self::Savepoint,
        Self::Release,
        Self::Undo,
        Self::Hurry,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Serializable => "serializable",
            Self::ReadCommitted => "read_committed",
            Self::Snapshot => "snapshot",
            Self::Commit => "commit",
            Self::RollBack => "rollback",
            Self::Savepoint => "savepoint",
            Self::Release => "release",
            Self::Undo => "undo",
            Self::Hurry => "hurry",
        }
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Serializable => "BEGIN ISOLATION LEVEL SERIALIZABLE",
            Self::ReadCommitted => "BEGIN ISOLATION LEVEL READ COMMITTED",
            Self::Snapshot => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Self::Commit => "COMMIT",
            Self::RollBack => "ROLLBACK",
            Self::Savepoint => "SAVEPOINT mains_inner",
            Self::Release => "RELEASE SAVEPOINT mains_inner",
            Self::Undo => "ROLLBACK TO SAVEPOINT mains_inner",
            // Several closures of one transaction hold what each of them touched: whoever waits for one while it
            // waits for another must not have to wait for the server's look for deadlocks.
            Self::Hurry => "SET LOCAL lock_timeout = '50ms'",
        }
    }
}

impl Batch {
    /// How many statements there are.
    pub(crate) fn len(&self) -> usize {
        self.steps.len()
    }

    /// How many bytes they take.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// What is wanted of the statement in this place.
    pub(crate) fn step(&self, place: usize) -> Option<&Asked> {
        self.steps.get(place)
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark { bytes: self.bytes.len(), steps: self.steps.len() }
    }

    /// Forgets what came behind the mark.
    pub(crate) fn truncate(&mut self, mark: Mark) {
        self.bytes.truncate(mark.bytes);
        self.steps.truncate(mark.steps);
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.steps.clear();
    }

    /// Adds a statement. Its parameters are checked first: nothing that does not fit is ever sent.
    pub(crate) fn push(&mut self, statement: &Prepared, parameters: &[Value], rows: bool) -> Result<()> {
        values::check(&statement.parameters, parameters)?;
        let mark = self.mark();
        let bound = self.bind(statement, parameters);
        if let Err(BindError::Conversion(cause)) = bound {
            self.truncate(mark);
            return Err(Error::internal(cause));
        } else if let Err(BindError::Serialization(cause)) = bound {
            self.truncate(mark);
            return Err(Error::internal(cause));
        }
        self.execute(if rows { Asked::Rows(Arc::clone(&statement.columns)) } else { Asked::Count });
        Ok(())
    }

    fn bind(&mut self, statement: &Prepared, parameters: &[Value]) -> std::result::Result<(), BindError> {
        frontend::bind(
            "",
            &statement.name,
            [BINARY],
            parameters.iter().zip(&statement.parameters),
            |(value, wanted), out| {
                let is_null = Bound(value).to_sql(wanted, out)?;
                Ok(match is_null {
                    tokio_postgres::types::IsNull::Yes => postgres_protocol::IsNull::Yes,
                    tokio_postgres::types::IsNull::No => postgres_protocol::IsNull::No,
                })
            },
            [BINARY],
            &mut self.bytes,
        )
    }

    /// Adds a statement that has no parameters and no rows.
    pub(crate) fn plain(&mut self, plain: Plain) {
        let bound = frontend::bind(
            "",
            plain.name(),
            [],
            std::iter::empty::<()>(),
            |(), _| Ok(postgres_protocol::IsNull::Yes),
            [],
            &mut self.bytes,
        );
        debug_assert!(bound.is_ok(), "a name without zeros fits");
        self.execute(Asked::Count);
    }

    fn execute(&mut self, asked: Asked) {
        let written = frontend::execute("", 0, &mut self.bytes);
        debug_assert!(written.is_ok(), "an empty name fits");
        self.steps.push(asked);
    }

    /// Has the server answer what stands before, without waiting for the rest.
    pub(crate) fn answer_so_far(&mut self) {
        frontend::flush(&mut self.bytes);
    }

    /// Ends the batch; what is to be sent.
    pub(crate) fn sealed(&mut self) -> &[u8] {
        frontend::sync(&mut self.bytes);
        &self.bytes
    }

    /// Whether all statements may be with the server when so many bytes of the sealed batch are.
    pub(crate) fn may_be_run(&self, sent: usize) -> bool {
        sent + SYNC >= self.bytes.len()
    }
}

/// The types in a `ParameterDescription`.
pub(crate) fn parameters(body: Body<'_>) -> Option<Vec<Type>> {
    types(body, Body::long)
}

/// The types in a `RowDescription`.
pub(crate) fn columns(body: Body<'_>) -> Option<Vec<Type>> {
    types(body, |body| {
        // Its name; its table and its place there.
        body.text()?;
        body.bytes(6)?;
        let number = body.long();
        // Length, modifier and format.
        body.bytes(8)?;
        number
    })
}

/// As many types as the message says, each read by `one`.
fn types<'b>(mut body: Body<'b>, one: impl Fn(&mut Body<'b>) -> Option<u32>) -> Option<Vec<Type>> {
    let count = body.short()?;
    (0..count).map(|_| one(&mut body).map(|number| Type::from_oid(number).unwrap_or(Type::UNKNOWN))).collect()
}
