//! One connection that a thread of its own drives: statements are sent together, with one answer for all.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use mains_base::{Error, Result};
use postgres_protocol::message::frontend;

use super::done::{Done, ended};
use super::failure::{Failure, Trouble};
use super::plans::Plans;
use super::session::Life;
use super::wire::{self, Asked, Batch, Body, Found, Line, Plain, Prepared, Told};
use crate::engine::text;

/// A line that was still for longer is looked at before it is used.
const STILL: Duration = Duration::from_millis(100);

/// A connection and what is prepared on it.
pub(super) struct Link {
    line: Line,
    plans: Plans,
    /// The line broke behind a failure that was told.
    broken: bool,
    /// Whether the server has a transaction open, a failed one included.
    pub(super) in_transaction: bool,
    pub(super) life: Arc<Life>,
    used: Instant,
}

impl Link {
    /// Over a line that was let in.
    pub(super) fn over(line: Line) -> Self {
        Self {
            line,
            plans: Plans::default(),
            broken: false,
            in_transaction: false,
            life: Arc::default(),
            used: Instant::now(),
        }
    }

    /// Prepares what every connection needs, in one round trip.
    pub(super) fn prepare_plain(&mut self) -> Result<(), Failure> {
        let mut out = BytesMut::new();
        for plain in Plain::ALL {
            frontend::parse(plain.name(), plain.text(), [], &mut out)
                .map_err(|cause| Failure::lost(&cause))?;
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
        if let Some(statement) = self.plans.find(sql) { Ok(statement) } else { self.prepare_anew(sql) }
    }

    /// Whether it is prepared.
    pub(super) fn knows(&self, sql: &str) -> bool {
        self.plans.knows(sql)
    }

    /// The same, prepared now in any case.
    pub(super) fn prepare_anew(&mut self, sql: &str) -> Result<Arc<Prepared>, Failure> {
        let name = self.plans.name();
        let statement = Arc::new(self.parse(name, &text::for_postgres(sql))?);
        self.plans.keep(sql, &statement);
        Ok(statement)
    }

    fn parse(&mut self, name: String, text: &str) -> Result<Prepared, Failure> {
        let mut out = BytesMut::new();
        let told = |cause: std::io::Error| Failure::Refused(Error::internal(cause));
        for statement in self.plans.closable() {
            frontend::close(b'S', &statement.name, &mut out).map_err(told)?;
        }
        frontend::parse(&name, text, [], &mut out).map_err(told)?;
        frontend::describe(b'S', &name, &mut out).map_err(told)?;
        frontend::sync(&mut out);
        self.say(&out)?;
        let (mut parameters, mut columns) = (Vec::new(), Vec::new());
        self.until_ready(|tag, body| match tag {
            b't' => wire::parameters(body).map(|types| parameters = types),
            b'T' => wire::columns(body).map(|types| columns = types),
            _ => Some(()),
        })?;
        Ok(Prepared { name, parameters: parameters.into(), columns: columns.into() })
    }

    /// Forgets what is prepared.
    pub(super) fn forget(&mut self) {
        self.plans.forget();
    }

    /// Sends a batch and waits for its end. What was answered before the first failure is in `done`.
    pub(super) fn send(&mut self, batch: &mut Batch, done: &mut Vec<Done>) -> Result<(), Failure> {
        let outcome = self.exchange(batch, done);
        self.plans.are_out();
        match outcome {
            Err(Failure::Statement(told)) if self.plans.may_be_blamed(&told) => {
                Err(Failure::Trouble(Trouble::StalePlan))
            }
            outcome => outcome,
        }
    }

    fn exchange(&mut self, batch: &mut Batch, done: &mut Vec<Done>) -> Result<(), Failure> {
        let sent = self.line.send(batch.sealed());
        if let Err(unsent) = sent {
            let may_be_run = batch.may_be_run(unsent.sent);
            let cause = unsent.cause.to_string();
            return Err(Failure::Trouble(if may_be_run {
                Trouble::Lost(cause)
            } else {
                Trouble::Unsent(cause)
            }));
        }
        let mut found = None;
        self.until_ready(|tag, body| {
            match (tag, batch.step(done.len())?) {
                (b'D', Asked::Rows(columns)) => {
                    return found.get_or_insert_with(|| Found::new(columns)).push(body);
                }
                (b'C' | b'I', Asked::Rows(columns)) => {
                    done.push(Done::Rows(found.take().unwrap_or_else(|| Found::new(columns))));
                }
                (b'C' | b'I', Asked::Count) => done.push(ended(body)),
                _ => {}
            }
            Some(())
        })?;
        if done.len() == batch.len() {
            Ok(())
        } else {
            Err(Failure::lost(&"not every statement was answered"))
        }
    }

    /// Runs commands of one text, and counts the rows of the last.
    pub(super) fn script(&mut self, text: &str) -> Result<u64, Failure> {
        self.tell(text).map(|(count, _)| count)
    }

    /// The same, with the first cell of the last row; nothing is prepared.
    pub(super) fn tell(&mut self, text: &str) -> Result<(u64, Option<String>), Failure> {
        let mut out = BytesMut::new();
        frontend::query(text, &mut out).map_err(|cause| Failure::Refused(Error::internal(cause)))?;
        self.say(&out)?;
        let (mut count, mut cell) = (0, None);
        self.until_ready(|tag, body| {
            match tag {
                b'C' => count = ended(body).count(),
                b'D' => cell = wire::first_text(body),
                _ => {}
            }
            Some(())
        })?;
        Ok((count, cell))
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
                Err(cause) => {
                    self.broken = true;
                    return Err(failure.unwrap_or_else(|| Failure::lost(&cause)));
                }
            };
            match message.tag {
                b'Z' => break self.in_transaction = message.body.rest() != b"I",
                b'E' => {
                    let told = Told::read(message.body);
                    let ends = told.ends;
                    failure.get_or_insert_with(|| Failure::from(told));
                    if ends {
                        self.broken = true;
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

    /// Whether the line ended, though what was told last is the failure of a statement.
    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether the line was seen to be dead. Asked where nothing depends on its being the same one.
    pub(super) fn is_dead(&mut self) -> bool {
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

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    use mains_base::Value;
    use proptest::prelude::*;
    use tokio_postgres::types::Type;

    use super::*;
    use crate::engine::postgres::wire::{Socket, message};

    /// A link to a server that says this and hangs up, whatever it is told.
    fn hearing(answer: &[u8]) -> Link {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(answer).unwrap();
        std::thread::spawn(move || {
            // Its own half is closed at once; what we say is read to the end.
            theirs.shutdown(std::net::Shutdown::Write).unwrap();
            drop(theirs.read_to_end(&mut Vec::new()));
        });
        Link::over(Line::new(Socket::Unix(ours), Duration::from_secs(20)).unwrap())
    }

    /// BEGIN, a statement with a row, COMMIT.
    fn batch() -> Batch {
        let mut batch = Batch::default();
        let statement = Prepared {
            name: "s1".to_owned(),
            parameters: Box::from([Type::INT8]),
            columns: Arc::from([Type::INT8]),
        };
        batch.plain(Plain::Serializable);
        batch.push(&statement, &[Value::Int(7)], true).unwrap();
        batch.answer_so_far();
        batch.plain(Plain::Commit);
        batch
    }

    fn answer(pieces: &[(u8, &[u8])]) -> Vec<u8> {
        pieces.iter().flat_map(|(tag, body)| message(*tag, body)).collect()
    }

    const BEGIN: [(u8, &[u8]); 2] = [(b'2', b""), (b'C', b"BEGIN\0")];
    const ROW: (u8, &[u8]) = (b'D', b"\0\x01\0\0\0\x08\0\0\0\0\0\0\0\x07");
    const ERROR: (u8, &[u8]) = (b'E', b"SERROR\0VERROR\0C23505\0Mdouble\0\0");

    fn whole() -> Vec<u8> {
        let notice: (u8, &[u8]) = (b'N', b"VNOTICE\0\0");
        let rest: [(u8, &[u8]); 6] =
            [(b'2', b""), (b'C', b"INSERT 0 1\0"), notice, (b'2', b""), (b'C', b"COMMIT\0"), (b'Z', b"I")];
        answer(&[&BEGIN[..], &rest[..1], &[ROW], &rest[1..]].concat())
    }

    fn sent(answer: &[u8]) -> (Result<(), Failure>, Vec<Done>, bool) {
        let mut link = hearing(answer);
        let mut done = Vec::new();
        let outcome = link.send(&mut batch(), &mut done);
        (outcome, done, link.in_transaction)
    }

    #[test]
    fn a_batch_is_answered_statement_by_statement() {
        let (outcome, done, open) = sent(&whole());
        outcome.unwrap();
        let Done::Rows(found) = &done[1] else { panic!("{done:?}") };
        assert_eq!((done.len(), found.cell(0, 0).unwrap().int().unwrap(), open), (3, Some(7), false));
    }

    #[test]
    fn an_answer_that_ends_anywhere_is_a_lost_connection() {
        let whole = whole();
        for length in 0..whole.len() {
            let (outcome, done, _) = sent(&whole[..length]);
            assert!(matches!(outcome, Err(Failure::Trouble(Trouble::Lost(_)))), "{length}: {outcome:?}");
            assert!(done.len() <= 3);
        }
    }

    #[test]
    fn a_failure_in_the_middle_is_told_with_its_place_and_leaves_the_line_clean() {
        let (outcome, done, open) = sent(&answer(&[&BEGIN[..], &[ERROR, (b'Z', b"E")]].concat()));
        assert!(matches!(outcome, Err(Failure::Statement(told)) if told.code == "23505"));
        assert_eq!((done.len(), open), (1, true));
    }

    #[test]
    fn the_first_failure_counts_and_nothing_behind_it() {
        let behind: [(u8, &[u8]); 3] = [(b'C', b"COMMIT\0"), (b'E', b"VERROR\0C25P02\0\0"), (b'Z', b"E")];
        let (outcome, done, _) = sent(&answer(&[&BEGIN[..], &[ERROR], &behind[1..]].concat()));
        assert!(matches!(outcome, Err(Failure::Statement(told)) if told.code == "23505"));
        assert_eq!(done.len(), 1);
        // No server goes on behind a failure: this is none.
        let (outcome, ..) = sent(&answer(&[&BEGIN[..], &[ERROR], &behind].concat()));
        assert!(outcome.unwrap_err().is_of_connection());
    }

    #[test]
    fn a_server_that_goes_says_so_and_where() {
        let fatal: (u8, &[u8]) = (b'E', b"SFATAL\0VFATAL\0C57P01\0Mgoing\0\0");
        let (outcome, done, _) = sent(&answer(&[&BEGIN[..], &[fatal]].concat()));
        assert!(matches!(outcome, Err(Failure::Trouble(Trouble::Ended(cause))) if cause == "going"));
        assert_eq!(done.len(), 1);
    }

    #[test]
    fn a_line_that_ends_behind_a_failure_is_of_no_use_any_more() {
        let fatal: (u8, &[u8]) = (b'E', b"SFATAL\0VFATAL\0C57P01\0Mgoing\0\0");
        let ready: (u8, &[u8]) = (b'Z', b"E");
        for (behind, is_broken) in [(vec![], true), (vec![fatal], true), (vec![ready], false)] {
            let mut link = hearing(&answer(&[&BEGIN[..], &[ERROR], &behind].concat()));
            let outcome = link.send(&mut batch(), &mut Vec::new());
            assert!(matches!(outcome, Err(Failure::Statement(told)) if told.code == "23505"));
            assert_eq!(link.is_broken(), is_broken);
        }
    }

    #[test]
    fn answers_that_nobody_asked_for_end_the_connection() {
        let row_of_two: (u8, &[u8]) = (b'D', b"\0\x02\xff\xff\xff\xff\xff\xff\xff\xff");
        let too_many = [whole()[..whole().len() - 6].to_vec(), answer(&[BEGIN[1], (b'Z', b"I")])].concat();
        let too_few = answer(&[BEGIN[0], BEGIN[1], (b'Z', b"T")]);
        let other_row = answer(&[BEGIN[0], BEGIN[1], row_of_two, (b'Z', b"T")]);
        let copies = answer(&[(b'G', b"\0\0\0"), (b'Z', b"I")]);
        for answer in [too_many, too_few, other_row, copies] {
            let (outcome, ..) = sent(&answer);
            assert!(matches!(outcome, Err(Failure::Trouble(Trouble::Lost(_)))), "{outcome:?}");
        }
    }

    #[test]
    fn what_never_went_out_whole_was_not_run() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        let mut link = Link::over(Line::new(Socket::Unix(ours), Duration::from_secs(20)).unwrap());
        let outcome = link.send(&mut batch(), &mut Vec::new());
        assert!(matches!(outcome, Err(Failure::Trouble(Trouble::Unsent(_)))), "{outcome:?}");
    }

    proptest! {
        #[test]
        fn no_answer_is_more_than_a_failure(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(sent(&bytes).0.is_err());
        }

        #[test]
        fn nor_is_a_real_one_with_a_changed_byte(place in 0..whole().len(), byte in any::<u8>()) {
            let mut answer = whole();
            answer[place] = byte;
            let (outcome, done, _) = sent(&answer);
            prop_assert!(outcome.is_err() || done.len() == 3);
        }
    }
}
