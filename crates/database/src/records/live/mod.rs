//! Records as they change: who of those who listen sees a change, and what of it.
//!
//! Always true: whoever listens gets what a read would show, judged on the record as it is after the change, and of a
//! record that leaves its sight by its own change the id alone. What cannot be judged is not shown. A listener gets
//! each change at most once, in the order of the log.
//!
//! Listeners are found by a look-up: topics and rules say by equality which records they are about (`owner ==
//! auth.id`), so a change costs what its listeners cost, however many others there are. What is left of rules is
//! evaluated in memory, once for all where the caller does not matter; what follows relations is asked of the database
//! once for all callers that are left.

mod changed;
mod condition;
mod cursor;
mod gap;
mod judge;
mod subscribers;
mod topic;
mod view;

pub use cursor::Place;
pub use gap::{Missed, gap};
pub use subscribers::{Outcome, Seen, Subscribers, Wish, wishes};
pub use topic::{Topic, topics};
