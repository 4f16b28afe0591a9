//! Jobs: work that can wait, as a row written in the transaction of what caused it.
//!
//! Invariants: a job that was committed is done once by its key, whatever ends in between, or stands in the list of
//! the dead with its last error; a handler that finishes its job in the transaction of its effect has had that effect
//! once. Who holds a job is decided by beats counted with a monotonic clock, never by the time of day.

mod attempt;
mod clock;
mod context;
mod cron;
mod enqueue;
mod handler;
mod held;
mod list;
mod runner;
mod schedule;
mod seal;
mod store;
mod watch;

use mains_language::site::File;

pub use context::JobContext;
pub use cron::Cron;
pub use enqueue::Job;
pub use handler::{Backoff, Handler, Jobs};
pub use list::{Filter, Listed, State, discard, list, retry};
pub use runner::{Runner, RunnerSettings, drain};
pub use schedule::Schedule;

pub(crate) use seal::Seal;

/// The tables of jobs and schedules, for the layer that stands before all others.
pub fn tables() -> Vec<File> {
    let file =
        |name: &str, source: &str| File { path: format!("tables/{name}.toml"), source: source.to_owned() };
    vec![
        file("mains_jobs", include_str!("../../tables/mains_jobs.toml")),
        file("mains_slots", include_str!("../../tables/mains_slots.toml")),
        file("mains_workers", include_str!("../../tables/mains_workers.toml")),
    ]
}
