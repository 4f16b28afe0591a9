//! The bounded queue of writes, with lanes.
//!
//! Invariant: a task is ready when it stands first in all its lanes. It takes its place in all of them at once, under
//! one lock, so the order is the same in each and nobody waits in a circle.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::job::{Lane, Task, Work};

type Number = u64;

/// The queue. Threads take from it, async callers push.
pub(super) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
    bound: usize,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Task>,
    lanes: HashMap<Lane, VecDeque<Number>>,
    blocked: HashMap<Number, Blocked>,
    next: Number,
    sleeping: usize,
    /// Of those that sleep: called, but not up yet. Calling again would cost a system call for each push meanwhile.
    called: usize,
    closed: bool,
}

struct Blocked {
    task: Task,
    lanes_ahead: usize,
}

impl Queue {
    pub(super) fn new(bound: usize) -> Self {
        Self { state: Mutex::default(), arrived: Condvar::new(), bound }
    }

    /// Puts a task in, unless the queue is full or closed: then it comes back.
    pub(super) fn push(&self, task: Task) -> Result<(), Task> {
        let mut state = self.lock();
        if state.closed || state.ready.len() + state.blocked.len() >= self.bound {
            return Err(task);
        }
        state.enter(task);
        if state.sleeping > state.called {
            state.called += 1;
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// The next task that may start, with its lanes until [`Queue::done`]; waits for one. `None` when the queue is closed and empty.
    pub(super) fn take(&self) -> Option<Task> {
        let mut state = self.lock();
        loop {
            if let Some(task) = state.ready.pop_front() {
                return Some(task);
            }
            if state.closed && state.blocked.is_empty() {
                return None;
            }
            state.sleeping += 1;
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.sleeping -= 1;
            state.called = state.called.saturating_sub(1);
        }
    }

    /// How many tasks may start now.
    pub(super) fn len(&self) -> usize {
        self.lock().ready.len()
    }

    /// The next task if there is one now and it is `wanted`.
    pub(super) fn take_if(&self, wanted: impl FnOnce(&Task) -> bool) -> Option<Task> {
        let mut state = self.lock();
        let fits = state.ready.front().is_some_and(wanted);
        if fits { state.ready.pop_front() } else { None }
    }

    /// The next task that waits for just these lanes behind the one that has them, and that may share its transaction.
    /// It takes over the places of the one before it, so that [`Queue::done`] is said once, behind the last.
    pub(super) fn take_behind(&self, lanes: &[Lane]) -> Option<Task> {
        self.lock().take_behind(lanes)
    }

    /// Leaves the lanes of a task that has ended, so that the next ones may start.
    pub(super) fn done(&self, lanes: &[Lane]) {
        if lanes.is_empty() {
            return;
        }
        let mut state = self.lock();
        let freed = state.leave(lanes);
        if state.closed {
            self.arrived.notify_all();
        } else {
            (0..freed.min(state.sleeping)).for_each(|_| self.arrived.notify_one());
        }
    }

    /// Takes no more tasks; those inside still run.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enter(&mut self, task: Task) {
        let number = self.next;
        self.next += 1;
        let mut lanes_ahead = 0;
        for lane in &task.lanes {
            let line = self.lanes.entry(*lane).or_default();
            lanes_ahead += usize::from(!line.is_empty());
            line.push_back(number);
        }
        if lanes_ahead == 0 {
            self.ready.push_back(task);
        } else {
            self.blocked.insert(number, Blocked { task, lanes_ahead });
        }
    }

    fn take_behind(&mut self, lanes: &[Lane]) -> Option<Task> {
        let mut next = lanes.iter().map(|lane| self.lanes.get(lane).and_then(|line| line.get(1)).copied());
        let number = next.next()??;
        let fits = |task: &Task| task.lanes == lanes && matches!(task.work, Work::Shared(_));
        // Were another first in one of the lanes, it would be overtaken.
        if next.any(|other| other != Some(number))
            || !self.blocked.get(&number).is_some_and(|it| fits(&it.task))
        {
            return None;
        }
        for lane in lanes {
            self.lanes.get_mut(lane)?.pop_front();
        }
        self.blocked.remove(&number).map(|blocked| blocked.task)
    }

    fn leave(&mut self, lanes: &[Lane]) -> usize {
        let ready = self.ready.len();
        for lane in lanes {
            let Some(line) = self.lanes.get_mut(lane) else { continue };
            line.pop_front();
            let first = line.front().copied();
            if line.is_empty() {
                self.lanes.remove(lane);
            }
            if let Some(number) = first {
                self.advance(number);
            }
        }
        self.ready.len() - ready
    }

    fn advance(&mut self, number: Number) {
        let Some(blocked) = self.blocked.get_mut(&number) else { return };
        blocked.lanes_ahead -= 1;
        if blocked.lanes_ahead == 0
            && let Some(blocked) = self.blocked.remove(&number)
        {
            self.ready.push_back(blocked.task);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn task(lanes: &[&str]) -> Task {
        let lanes: Vec<_> = lanes.iter().map(|name| Lane::named(name)).collect();
        Task::new(Work::Shared(Arc::new(|_| Ok(Box::new(())))), &lanes).0
    }

    fn ready(queue: &Queue) -> Option<Task> {
        queue.take_if(|_| true)
    }

    #[test]
    fn a_common_lane_makes_tasks_wait_and_others_pass() {
        let queue = Queue::new(10);
        for lanes in [&["a", "b"][..], &["b", "c"], &["c"], &["d"]] {
            assert!(queue.push(task(lanes)).is_ok());
        }
        let first = ready(&queue).unwrap();
        let fourth = ready(&queue).unwrap();
        assert_eq!(fourth.lanes, [Lane::named("d")]);
        assert!(ready(&queue).is_none());
        queue.done(&first.lanes);
        let second = ready(&queue).unwrap();
        assert_eq!(second.lanes.len(), 2);
        assert!(ready(&queue).is_none());
        queue.done(&second.lanes);
        assert_eq!(ready(&queue).unwrap().lanes, [Lane::named("c")]);
    }

    #[test]
    fn those_behind_in_the_same_lanes_take_over_their_places() {
        let queue = Queue::new(10);
        for lanes in [&["a", "b"][..], &["b", "a"], &["c"], &["a", "b"], &["b"], &["a", "b"]] {
            assert!(queue.push(task(lanes)).is_ok());
        }
        let first = ready(&queue).unwrap();
        let second = queue.take_behind(&first.lanes).unwrap();
        assert_eq!(second.lanes, first.lanes);
        assert!(queue.take_behind(&first.lanes).is_some());
        // One that wants less stands between, in one of them.
        assert!(queue.take_behind(&first.lanes).is_none());
        let other = ready(&queue).unwrap();
        assert_eq!(other.lanes, [Lane::named("c")]);
        assert!(queue.take_behind(&other.lanes).is_none());
        queue.done(&first.lanes);
        assert_eq!(ready(&queue).unwrap().lanes, [Lane::named("b")]);
        assert!(ready(&queue).is_none());
        queue.done(&[Lane::named("b")]);
        assert_eq!(ready(&queue).unwrap().lanes, first.lanes);
    }

    #[test]
    fn a_full_queue_gives_the_task_back() {
        let queue = Queue::new(2);
        assert!(queue.push(task(&["a"])).is_ok());
        assert!(queue.push(task(&["a"])).is_ok());
        assert!(queue.push(task(&[])).is_err());
    }

    #[test]
    fn a_closed_queue_is_emptied_first() {
        let queue = Queue::new(2);
        assert!(queue.push(task(&[])).is_ok());
        queue.close();
        assert!(queue.push(task(&[])).is_err());
        assert!(queue.take().is_some());
        assert!(queue.take().is_none());
    }
}
