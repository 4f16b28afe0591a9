//! One stream: the events that wait for its client, and how it ends.
//!
//! Invariant: events wait in the order in which they were pushed; a client that lets too many wait is told so and cut
//! off, it never misses one of them silently.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::Stream;
use mains_base::Uuid;
use mains_database::log::{Change, Op, Position};

use super::event::Bye;
use super::hub::Hub;
use super::seats::Seat;
use crate::callers::Asker;

/// Events, and their bytes, that may wait for a client.
const MOST_EVENTS: usize = 1_024;
const MOST_BYTES: usize = 1024 * 1024;
/// After so many heartbeats nothing older than what was told at the beginning can come.
const SETTLED: u8 = 4;

/// One stream.
pub(crate) struct Line {
    pub(super) number: u64,
    pub(super) asker: Asker,
    _seat: Seat,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Bytes>,
    bytes: usize,
    /// What comes before the beginning is known.
    early: Vec<(Told, Bytes)>,
    open: bool,
    ended: bool,
    waker: Option<Waker>,
    /// Changes up to here are told.
    from: Position,
    /// Versions of records that were told at the beginning.
    known: HashMap<Uuid, i64>,
    heartbeats: u8,
}

/// What decides whether a change is news.
#[derive(Clone, Copy)]
struct Told {
    position: Position,
    record: Uuid,
    version: i64,
    updates: bool,
}

impl Told {
    fn of(change: &Change) -> Self {
        let updates = change.op == Op::Update;
        Self { position: change.position, record: change.record, version: change.version, updates }
    }
}

impl Line {
    pub(super) fn new(number: u64, asker: Asker, seat: Seat) -> Self {
        Self { number, asker, _seat: seat, waiting: Mutex::default() }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the stream begin with these events; what waits already comes after them.
    pub(super) fn open(&self, events: Vec<Bytes>, from: Position, known: Vec<(Uuid, i64)>) {
        let mut waiting = self.waiting();
        waiting.bytes += events.iter().map(Bytes::len).sum::<usize>();
        for event in events.into_iter().rev() {
            waiting.events.push_front(event);
        }
        waiting.open = true;
        waiting.from = from;
        waiting.known = known.into_iter().collect();
        for (told, event) in std::mem::take(&mut waiting.early) {
            waiting.tell(&told, &event);
        }
        waiting.wake();
    }

    /// Adds a change, unless its client knows it already.
    pub(super) fn push(&self, change: &Change, event: &Bytes) {
        let told = Told::of(change);
        let mut waiting = self.waiting();
        if waiting.open {
            waiting.tell(&told, event);
        } else if waiting.early.len() < MOST_EVENTS {
            waiting.early.push((told, event.clone()));
        } else {
            waiting.end(Bye::Slow);
        }
    }

    /// Adds a heartbeat.
    pub(super) fn beat(&self, event: &Bytes) {
        let mut waiting = self.waiting();
        if !waiting.open {
            return;
        }
        waiting.heartbeats = waiting.heartbeats.saturating_add(1);
        if waiting.heartbeats == SETTLED {
            waiting.known = HashMap::new();
        }
        waiting.add(event);
    }

    /// Ends the stream once its client has what waits.
    pub(super) fn end(&self, bye: Bye) {
        self.waiting().end(bye);
    }

    fn poll(&self, context: &Context<'_>) -> Poll<Option<Bytes>> {
        let mut waiting = self.waiting();
        if waiting.open {
            if let Some(event) = waiting.events.pop_front() {
                waiting.bytes -= event.len();
                if waiting.events.is_empty() {
                    // An idle stream holds no memory for events.
                    waiting.events = VecDeque::new();
                }
                return Poll::Ready(Some(event));
            }
            if waiting.ended {
                return Poll::Ready(None);
            }
        }
        if !waiting.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            waiting.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

impl Waiting {
    /// Adds what its client does not know yet.
    fn tell(&mut self, told: &Told, event: &Bytes) {
        if told.position <= self.from {
            return;
        }
        if !told.updates {
            self.known.remove(&told.record);
        } else if self.known.get(&told.record).is_some_and(|version| told.version <= *version) {
            return;
        }
        self.add(event);
    }

    fn add(&mut self, event: &Bytes) {
        if self.ended {
            return;
        }
        if self.events.len() >= MOST_EVENTS || self.bytes + event.len() > MOST_BYTES {
            self.events.clear();
            self.bytes = 0;
            self.end(Bye::Slow);
            return;
        }
        self.bytes += event.len();
        self.events.push_back(event.clone());
        self.wake();
    }

    fn end(&mut self, bye: Bye) {
        if !self.ended {
            self.ended = true;
            let event = bye.event();
            self.bytes += event.len();
            self.events.push_back(event);
            self.wake();
        }
    }

    fn wake(&mut self) {
        if self.open
            && let Some(waker) = self.waker.take()
        {
            waker.wake();
        }
    }
}

/// Somebody who listens; leaves when dropped.
pub(crate) struct Listening {
    hub: Arc<Hub>,
    line: Arc<Line>,
}

impl Listening {
    pub(super) fn new(hub: Arc<Hub>, line: Arc<Line>) -> Self {
        Self { hub, line }
    }
}

impl Stream for Listening {
    type Item = Bytes;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.line.poll(context)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.hub.leave(&self.line);
    }
}
