//! Small reads: threads with a connection each that send all that waits at once.
//!
//! Invariant: a read fails alone. The server runs nothing behind a failed statement, so those that stood there are sent
//! again; reads change nothing, so that does no harm.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::done::Done;
use super::failure::Failure;
use super::session::Session;
use super::wire::Found;
use crate::engine::failure;
use crate::engine::read::ReadQuery;

/// Reads in one batch.
const MANY: usize = 32;
/// Bytes in one batch of several reads: so much goes out while the server answers and nobody listens. More, and both
/// sides could wait for each other with full buffers.
const LONG: usize = 48 * 1024;
/// Reads that may wait.
const BOUND: usize = 4096;
/// How often a read is sent whose connection breaks.
const TRIES: u8 = 2;

/// What a read gave; a failure comes with the query, which may be run elsewhere.
pub(super) type Answered = Result<Found, (Failure, Option<ReadQuery>)>;

/// Reads that wait for one of the threads.
#[derive(Default)]
pub(super) struct Small {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Request>,
    sleeping: usize,
    closed: bool,
}

struct Request {
    query: ReadQuery,
    reply: oneshot::Sender<Answered>,
    asked: Instant,
    tries: u8,
}

impl Small {
    /// Runs a read beside others.
    pub(super) async fn read(&self, query: ReadQuery) -> Answered {
        let (reply, answer) = oneshot::channel();
        if let Err(refused) = self.push(Request { query, reply, asked: Instant::now(), tries: 0 }) {
            return Err((Failure::Refused(failure::busy()), Some(refused.query)));
        }
        answer.await.unwrap_or_else(|_| Err((Failure::lost(&"the readers have ended"), None)))
    }

    fn push(&self, request: Request) -> Result<(), Request> {
        let mut state = self.lock();
        if state.closed || state.waiting.len() >= BOUND {
            return Err(request);
        }
        state.waiting.push_back(request);
        if state.sleeping > 0 {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Works until it is closed and nobody waits.
    pub(super) fn serve(&self, mut session: Session, patience: Duration) {
        let mut taken = VecDeque::with_capacity(MANY);
        while self.take(&mut taken) {
            while !taken.is_empty() {
                taken = run(&mut session, taken, patience);
            }
        }
    }

    /// Waits for reads; false when there will be no more.
    fn take(&self, taken: &mut VecDeque<Request>) -> bool {
        let mut state = self.lock();
        while state.waiting.is_empty() {
            if state.closed {
                return false;
            }
            state.sleeping += 1;
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.sleeping -= 1;
        }
        let count = state.waiting.len().min(MANY);
        taken.extend(state.waiting.drain(..count));
        true
    }

    /// Takes no more; what waits is still read.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends reads together and answers them; gives back those that have to be sent again, or did not fit in.
fn run(session: &mut Session, mut taken: VecDeque<Request>, patience: Duration) -> VecDeque<Request> {
    let mut batch = VecDeque::with_capacity(taken.len());
    session.batch.clear();
    let mut connected = session.reconnect();
    while let Some(request) = taken.pop_front() {
        if request.reply.is_closed() {
            continue;
        }
        if request.asked.elapsed() > patience {
            request.refuse(Failure::lost(&"the database did not answer in time"));
        } else if let Err(failure) = &connected {
            request.refuse(Failure::lost(failure.cause()));
        } else {
            let mark = session.batch.mark();
            match session.queue(&request.query.text, &request.query.parameters, true) {
                Ok(()) if !batch.is_empty() && session.batch.size() > LONG => {
                    session.batch.truncate(mark);
                    taken.push_front(request);
                    break;
                }
                Ok(()) => batch.push_back(request),
                Err(failure) if failure.is_of_connection() => {
                    connected = Err(Failure::lost(failure.cause()));
                    batch.push_back(request);
                }
                Err(failure) => request.refuse(failure),
            }
        }
    }
    if !batch.is_empty() {
        batch = answer(session, batch);
    }
    batch.append(&mut taken);
    batch
}

fn answer(session: &mut Session, mut batch: VecDeque<Request>) -> VecDeque<Request> {
    let mut done = Vec::with_capacity(batch.len());
    let outcome = session.send(&mut done);
    for done in done {
        if let (Some(request), Done::Rows(found)) = (batch.pop_front(), done) {
            drop(request.reply.send(Ok(found)));
        }
    }
    let Err(failure) = outcome else { return VecDeque::new() };
    if failure.is_of_connection() {
        return again(batch, &failure);
    }
    if failure.is_trouble()
        && let Some(first) = batch.pop_front()
    {
        // Those behind it are innocent.
        let mut rest = again(VecDeque::from([first]), &failure);
        rest.append(&mut batch);
        return rest;
    }
    if let Some(request) = batch.pop_front() {
        request.refuse(failure);
    }
    batch
}

/// Those of the reads that may be tried once more.
fn again(batch: VecDeque<Request>, failure: &Failure) -> VecDeque<Request> {
    let mut rest = VecDeque::with_capacity(batch.len());
    for mut request in batch {
        request.tries += 1;
        if request.tries < TRIES {
            rest.push_back(request);
        } else {
            request.refuse(Failure::lost(failure.cause()));
        }
    }
    rest
}

impl Request {
    fn refuse(self, failure: Failure) {
        drop(self.reply.send(Err((failure, Some(self.query)))));
    }
}
