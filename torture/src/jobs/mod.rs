//! `kill -9` of a process that enqueues and does jobs, in a loop, while its clock is set forward and back.
//!
//! What was acknowledged must have had its effect once by its key, and each slot that the clock stepped on as well.

mod worker;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Error, Result};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mains_testkit::postgres::{Disk, Server as Postgres};

use crate::options::{Options, Report};

pub(crate) use worker::work;

/// Where the clock stands at first: 2026-01-02T03:04:00Z.
const START: i64 = 1_767_323_040;

/// What the lives of the worker said.
#[derive(Default)]
struct Heard {
    /// Keys of jobs whose enqueueing was acknowledged.
    acknowledged: BTreeSet<String>,
    /// Seconds at which the clock stood in order.
    steps: BTreeSet<i64>,
    /// The last of them.
    clock: i64,
}

/// Kills, restarts and counts.
pub(crate) fn run(options: &Options) -> Result<Report> {
    let folder = tempfile::tempdir()?;
    let postgres =
        options.postgres.then(|| Postgres::start(Disk::Durable)).transpose().map_err(Error::other)?;
    let place = postgres.as_ref().map_or_else(|| folder.path().display().to_string(), Postgres::url);
    let mut heard = Heard { clock: START, ..Heard::default() };
    for round in 0..options.rounds {
        let child = start(&place, heard.clock, &round.to_string())?;
        let life = Duration::from_millis(400 + u64::from(round * 97 % 600));
        listen(child, Some(life), &mut heard)?;
    }
    // The last life enqueues nothing and ends by itself when everything is done.
    let effects = listen(start(&place, heard.clock, "last")?, None, &mut heard)?;
    let had = |key: &String| effects.iter().any(|(name, _)| name == key);
    let slots: BTreeSet<String> = heard.steps.iter().map(|seconds| worker::slot(*seconds)).collect();
    let wanted = heard.acknowledged.len() + slots.len();
    let lost = heard.acknowledged.iter().chain(&slots).filter(|key| !had(key)).count();
    let doubled = effects.iter().filter(|(_, times)| *times != 1).count();
    Ok(Report {
        title: format!("jobs on {}", options.database()),
        rounds: options.rounds,
        counted: vec![
            (heard.acknowledged.len(), "jobs"),
            (slots.len(), "slots"),
            (lost, "lost"),
            (doubled, "doubled"),
        ],
        is_good: wanted > 0 && lost == 0 && doubled == 0,
    })
}

fn start(place: &str, clock: i64, round: &str) -> Result<Child> {
    let program = std::env::current_exe()?;
    let arguments = ["jobs-worker", place, &clock.to_string(), round];
    Command::new(&program as &Path).args(arguments).stdout(Stdio::piped()).spawn()
}

/// Hears a worker until it ends, or is killed after `life`; the effects that it counted.
fn listen(mut child: Child, life: Option<Duration>, heard: &mut Heard) -> Result<Vec<(String, i64)>> {
    let out = child.stdout.take().ok_or_else(|| Error::other("no stdout"))?;
    let lines =
        std::thread::spawn(move || BufReader::new(out).lines().map_while(Result::ok).collect::<Vec<_>>());
    if let Some(life) = life {
        std::thread::sleep(life);
        child.kill()?;
    }
    let ended = child.wait()?;
    if life.is_none() && !ended.success() {
        return Err(Error::other("the last worker failed"));
    }
    let mut effects = Vec::new();
    for line in lines.join().map_err(|_| Error::other("no lines"))? {
        let mut words = line.split(' ');
        match (words.next(), words.next(), words.next()) {
            (Some("enqueued"), Some(key), Some("end")) => {
                heard.acknowledged.insert(key.to_owned());
            }
            (Some("at"), Some(seconds), Some("end")) => {
                heard.clock = seconds.parse().map_err(Error::other)?;
                heard.steps.insert(heard.clock);
            }
            (Some("effect"), Some(key), Some(times)) => {
                effects.push((key.to_owned(), times.parse().map_err(Error::other)?));
            }
            // A line that the kill cut off.
            _ => {}
        }
    }
    Ok(effects)
}
