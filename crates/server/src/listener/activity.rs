//! What a connection is doing, booked where it happens and read where deadlines are kept.
//!
//! Invariant: whenever anything happens that a deadline hangs on, `turns` changes, so one who has seen a turn knows
//! that nothing has happened since.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

/// The book of one connection.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    handlers: AtomicU32,
    answers: AtomicU32,
    reading: AtomicBool,
    blocked: AtomicBool,
    served: AtomicBool,
    framed: AtomicBool,
    turns: AtomicU32,
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The first byte.
    First,
    /// The rest of a request's head.
    Head,
    /// A handler, which has its own deadline.
    Handler,
    /// The client, to take bytes of an answer.
    Answer,
    /// The next request.
    Idle,
}

impl Activity {
    pub(super) fn phase(&self) -> Phase {
        if self.blocked.load(Relaxed) {
            Phase::Answer
        } else if self.handlers.load(Relaxed) > 0 {
            Phase::Handler
        } else if self.answers.load(Relaxed) > 0 {
            Phase::Answer
        } else if self.reading.load(Relaxed) {
            Phase::Head
        } else if self.served.load(Relaxed) {
            Phase::Idle
        } else {
            Phase::First
        }
    }

    pub(super) fn turns(&self) -> u32 {
        self.turns.load(Relaxed)
    }

    /// In HTTP/2 bytes may come that belong to no request, so they begin none; and the preface counts as the first.
    pub(super) fn is_framed(&self) {
        self.framed.store(true, Relaxed);
        self.reading.store(false, Relaxed);
        self.served.store(true, Relaxed);
        self.turn();
    }

    /// Bytes came. Only the first ones of a head count: dripping wins no time.
    pub(super) fn bytes_come(&self) {
        if !self.reading.load(Relaxed) && !self.framed.load(Relaxed) && self.is_waiting() {
            self.reading.store(true, Relaxed);
            self.turn();
        }
    }

    /// Whether no request is open.
    fn is_waiting(&self) -> bool {
        self.handlers.load(Relaxed) == 0 && self.answers.load(Relaxed) == 0
    }

    /// The socket took bytes.
    pub(super) fn bytes_go(&self) {
        self.blocked.store(false, Relaxed);
        self.turn();
    }

    /// The socket takes no bytes now. Asking again wins no time.
    pub(super) fn is_blocked(&self) {
        if !self.blocked.swap(true, Relaxed) {
            self.turn();
        }
    }

    pub(super) fn handler_begins(&self) {
        self.handlers.fetch_add(1, Relaxed);
        self.reading.store(false, Relaxed);
        self.served.store(true, Relaxed);
        self.turn();
    }

    /// The handler gave its answer, which is on its way from now.
    pub(super) fn answer_begins(&self) {
        self.answers.fetch_add(1, Relaxed);
        self.handlers.fetch_sub(1, Relaxed);
        self.turn();
    }

    /// The last byte of an answer was handed over, or its connection is gone.
    pub(crate) fn answer_ends(&self) {
        self.answers.fetch_sub(1, Relaxed);
        self.turn();
    }

    fn turn(&self) {
        self.turns.fetch_add(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dripping_wins_no_time() {
        let activity = Activity::default();
        assert_eq!(activity.phase(), Phase::First);
        activity.bytes_come();
        let seen = activity.turns();
        activity.bytes_come();
        assert_eq!((activity.phase(), activity.turns()), (Phase::Head, seen));
    }

    #[test]
    fn frames_begin_no_request() {
        let activity = Activity::default();
        activity.bytes_come();
        activity.is_framed();
        activity.bytes_come();
        assert_eq!(activity.phase(), Phase::Idle);
    }

    #[test]
    fn a_request_from_head_to_idle() {
        let activity = Activity::default();
        activity.bytes_come();
        activity.handler_begins();
        assert_eq!(activity.phase(), Phase::Handler);
        activity.answer_begins();
        activity.is_blocked();
        activity.answer_ends();
        assert_eq!(activity.phase(), Phase::Answer, "bytes are still on their way");
        activity.bytes_go();
        assert_eq!(activity.phase(), Phase::Idle);
    }
}
