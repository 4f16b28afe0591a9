//! One attempt at a job: the handler within its time, then what came of it is stored.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use mains_base::{Error, Kind, Result, Time, Value};
use tokio::time::{sleep, timeout};

use super::context::GAVE_UP;
use super::runner::later;
use super::{Handler, JobContext, store};

/// Letters of an error that are kept.
const ERROR: usize = 2_000;
/// Between two attempts to store what came of a job; as long as the database does not answer, the job stays held.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is known of an attempt when it is over.
pub(super) struct Ended {
    pub(super) name: Arc<str>,
    pub(super) key: String,
    /// When the next attempt is due.
    pub(super) again: Option<Time>,
}

/// What is to be stored.
enum Outcome {
    Done,
    Again(Time, String),
    Dead(String),
}

/// Runs the handler and stores the outcome.
pub(super) async fn attempt(
    handler: Handler,
    context: JobContext,
    payload: String,
    secret: Option<Vec<u8>>,
) -> Ended {
    let done = match opened(context.clone(), &payload, secret.as_deref()) {
        Ok(context) => run(&handler, context).await,
        Err(error) => Err(error),
    };
    let outcome = outcome(&handler, &context, done);
    let again = if let Outcome::Again(due, _) = &outcome { Some(*due) } else { None };
    while let Err(error) = keep(&context, &outcome).await {
        tracing::warn!(
            ?error,
            job = context.name(),
            key = context.key(),
            "the end of a job is not stored yet"
        );
        sleep(PATIENCE).await;
    }
    Ended { name: handler.name, key: context.key().to_owned(), again }
}

fn opened(mut context: JobContext, payload: &str, secret: Option<&[u8]>) -> Result<JobContext> {
    let job = (context.name().to_owned(), context.key().to_owned());
    context.payload = serde_json::from_str(payload).map_err(Error::internal)?;
    context.secret = secret.map(|secret| context.db.seal()?.open(secret, (&job.0, &job.1))).transpose()?;
    Ok(context)
}

async fn run(handler: &Handler, context: JobContext) -> Result<()> {
    // A handler that panics before it gives its future is caught as well.
    let running = AssertUnwindSafe(async move { (handler.run)(context).await }).catch_unwind();
    match timeout(handler.limit, running).await {
        Ok(Ok(done)) => done,
        Ok(Err(panic)) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            Err(Error::internal(format!("panic: {}", text.unwrap_or_default())))
        }
        Err(_) => {
            let detail = format!("It took longer than {} seconds.", handler.limit.as_secs());
            Err(Error::new(Kind::TimedOut, "jobs.too_slow", detail))
        }
    }
}

fn outcome(handler: &Handler, context: &JobContext, done: Result<()>) -> Outcome {
    let Err(error) = done else { return Outcome::Done };
    let (job, key, attempt) = (context.name(), context.key(), context.attempt);
    let said = said(&error);
    if error.code() == GAVE_UP || attempt >= handler.attempts {
        tracing::error!(
            job,
            key,
            attempt,
            error = said,
            "a job is given up; `mains jobs retry` begins it again"
        );
        return Outcome::Dead(said);
    }
    tracing::warn!(job, key, attempt, error = said, "a job failed and is tried again later");
    let mut random = [0; 4];
    if getrandom::fill(&mut random).is_err() {
        // Those that failed together only come back together.
        tracing::debug!("no randomness for a wait");
    }
    let wait = handler.backoff.wait(attempt, u32::from_ne_bytes(random));
    let wait = wait.max(error.retry_wait().unwrap_or_default());
    Outcome::Again(later(context.db.clock().now(), wait), said)
}

/// The sentence, and its cause for who runs the site.
fn said(error: &Error) -> String {
    let cause = error.cause().map(|cause| format!(" ({cause})")).unwrap_or_default();
    format!("{}{cause}", error.detail()).chars().filter(|letter| *letter != '\0').take(ERROR).collect()
}

async fn keep(context: &JobContext, outcome: &Outcome) -> Result<()> {
    let (engine, held) = (context.db.engine(), &context.held);
    let now = Value::from(context.db.clock().now().micros());
    match outcome {
        Outcome::Done => {
            let finishing = context.finishing.load(Ordering::SeqCst);
            if finishing && !store::is_held(engine, held.and(&[])).await? {
                return Ok(());
            }
            store::finish(engine, held.and(&[now])).await
        }
        Outcome::Again(due, said) => {
            store::postpone(engine, held.and(&[due.micros().into(), said.as_str().into()])).await
        }
        Outcome::Dead(said) => store::bury(engine, held.and(&[now, said.as_str().into()])).await,
    }
}
