//! Who waits for the thread of passwords, and who is next.
//!
//! Always true: no more wait than there is room for; networks take turns, so who comes from a quiet one waits for at
//! most one password of each other network; where there is no room, the network with the most waiting gives one up for
//! who has fewer.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use mains_server::Network;

/// For whom something waits; nobody's network: what the site itself asks for.
pub(super) type Whose = Option<Network>;

/// What waits.
#[derive(Debug)]
pub(super) struct Waiting<T> {
    room: usize,
    lines: Mutex<Lines<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct Lines<T> {
    /// The next in turn first; none is empty.
    turns: VecDeque<(Whose, VecDeque<T>)>,
    count: usize,
    closed: bool,
}

impl<T> Waiting<T> {
    pub(super) fn new(room: usize) -> Self {
        let lines = Lines { turns: VecDeque::new(), count: 0, closed: false };
        Self { room, lines: Mutex::new(lines), changed: Condvar::new() }
    }

    /// Lets something wait; gives back what had to go for it, itself perhaps.
    pub(super) fn push(&self, whose: Whose, one: T) -> Option<T> {
        let mut lines = self.lock();
        let gone = if lines.count < self.room { None } else { Some(lines.give_up(whose)) };
        if gone.as_ref().is_some_and(Option::is_none) {
            return Some(one);
        }
        lines.add(whose, one);
        self.changed.notify_one();
        gone.flatten()
    }

    /// Waits for the next; `None` once it is closed.
    pub(super) fn pop(&self) -> Option<T> {
        let mut lines = self.lock();
        loop {
            if lines.closed {
                return None;
            }
            if let Some(one) = lines.take() {
                return Some(one);
            }
            lines = self.changed.wait(lines).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Who waits now or later waits in vain.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Lines<T>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Lines<T> {
    fn add(&mut self, whose: Whose, one: T) {
        self.count += 1;
        match self.turns.iter_mut().find(|(other, _)| *other == whose) {
            Some((_, line)) => line.push_back(one),
            None => self.turns.push_back((whose, VecDeque::from([one]))),
        }
    }

    fn take(&mut self) -> Option<T> {
        let (whose, mut line) = self.turns.pop_front()?;
        let one = line.pop_front()?;
        self.count -= 1;
        if !line.is_empty() {
            self.turns.push_back((whose, line));
        }
        Some(one)
    }

    /// The last of the longest line, unless that of `whose` would then be as long.
    fn give_up(&mut self, whose: Whose) -> Option<T> {
        let own = self.turns.iter().find(|(other, _)| *other == whose).map_or(0, |(_, line)| line.len());
        let (_, longest) = self.turns.iter_mut().max_by_key(|(_, line)| line.len())?;
        if longest.len() < own + 2 {
            return None;
        }
        self.count -= 1;
        longest.pop_back()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(last: u8) -> Network {
        Network::of_one([192, 0, 2, last].into())
    }

    #[test]
    fn networks_take_turns() {
        let waiting = Waiting::new(8);
        for name in ["a1", "a2", "a3"] {
            assert_eq!(waiting.push(Some(network(1)), name), None);
        }
        assert_eq!(waiting.push(Some(network(2)), "b1"), None);
        assert_eq!(waiting.push(None, "site"), None);
        let order: Vec<&str> = (0..5).filter_map(|_| waiting.pop()).collect();
        assert_eq!(order, ["a1", "b1", "site", "a2", "a3"]);
        waiting.close();
        assert_eq!(waiting.pop(), None);
    }

    #[test]
    fn a_flood_gives_way_to_who_has_fewer() {
        let waiting = Waiting::new(4);
        for name in ["a1", "a2", "a3", "a4"] {
            assert_eq!(waiting.push(Some(network(1)), name), None);
        }
        assert_eq!(waiting.push(Some(network(1)), "a5"), Some("a5"), "its own share is full");
        assert_eq!(waiting.push(Some(network(2)), "b1"), Some("a4"));
        assert_eq!(waiting.push(Some(network(2)), "b2"), Some("a3"));
        assert_eq!(waiting.push(Some(network(2)), "b3"), Some("b3"), "as many as the others is enough");
        assert_eq!(waiting.push(Some(network(3)), "c1"), Some("b2"), "the longest line, the later of two");
        let order: Vec<&str> = (0..4).filter_map(|_| waiting.pop()).collect();
        assert_eq!(order, ["a1", "b1", "c1", "a2"]);
    }
}
