//! Callers in this process: tasks that each ask, wait for the answer, and ask again.

use std::io::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::load::{Outcome, outcome};

/// How many ask at once.
pub(crate) const CALLERS: usize = 64;

/// A runtime like the server's on this machine.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

/// Lets `count` callers ask for this time; the n-th question of all is `ask(caller, n)`. A refusal spoils the round.
pub(crate) async fn run<Asked>(
    count: usize,
    time: Duration,
    ask: impl Fn(usize, u64) -> Asked + Clone + Send + 'static,
) -> Result<Outcome>
where
    Asked: Future<Output = Result<()>> + Send,
{
    let begun = Instant::now();
    let number = Arc::new(AtomicU64::new(0));
    let mut callers = JoinSet::new();
    for caller in 0..count {
        let (ask, number) = (ask.clone(), Arc::clone(&number));
        callers.spawn(async move {
            let mut latencies = Vec::with_capacity(1 << 16);
            while begun.elapsed() < time {
                let asked = Instant::now();
                ask(caller, number.fetch_add(1, Ordering::Relaxed)).await?;
                latencies.push(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX));
            }
            Ok::<_, Error>(latencies)
        });
    }
    let mut latencies = Vec::new();
    while let Some(caller) = callers.join_next().await {
        latencies.extend(caller.map_err(Error::other)??);
    }
    Ok(outcome(latencies, 0, begun.elapsed()))
}
