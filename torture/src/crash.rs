//! PostgreSQL killed under a server that goes on: `kill -9` of all its processes and immediate shutdowns, in turn.
//!
//! What holds: nothing acknowledged is lost, nothing refused is stored, nothing is done twice, every change is in the
//! log once, clients are told 503 in the meantime, and the server comes back by itself.

use std::io::{Error, Result};
use std::time::{Duration, Instant};

use mains_testkit::postgres::{Disk, Server as Postgres};
use mains_testkit::wire::Wire;
use serde_json::{Value, json};

use crate::clients::{CLIENTS, Clients, Noted};
use crate::options::{Options, Report};
use crate::site::Site;
use crate::writers::stored;

const TALLIES: &str = r#"prefix = "tally"

[fields.count]
type = "integer"
default = 0

[rules]
read = 'true'
"#;

/// Longer than any write is tried; an answer that takes more hangs.
const HANGS: Duration = Duration::from_secs(12);
/// The database is back: so long may the server take to notice.
const COMES_BACK: Duration = Duration::from_secs(10);

/// Kills, restarts and counts.
pub(crate) fn run(options: &Options) -> Result<Report> {
    let folder = tempfile::tempdir()?;
    let mut postgres = Postgres::start(Disk::Durable).map_err(Error::other)?;
    let site = Site::make(folder.path(), &options.mains, vec![("MAINS_DATABASE_URL", postgres.url())])?;
    site.write("collections/tallies.toml", TALLIES)?;
    site.run(&["migrate"])?;
    let key = site.run(&["keys", "create", "--role", "staff"])?;
    let mut server = site.serve()?;
    let tallies = tallies(server.port, &key)?;
    let clients = Clients::start(server.port, &key, &tallies);
    let mut back = Duration::ZERO;
    for round in 0..options.rounds {
        std::thread::sleep(Duration::from_millis(250 + u64::from(round * 37 % 200)));
        if round.is_multiple_of(2) {
            postgres.kill();
        } else {
            postgres.stop_at_once();
        }
        // Sometimes it is away for longer than a write waits for a connection.
        std::thread::sleep(Duration::from_millis(if round % 3 == 2 { 1_500 } else { 50 }));
        postgres.restart().map_err(Error::other)?;
        back = back.max(comes_back(server.port, &key)?);
    }
    std::thread::sleep(Duration::from_millis(300));
    let noted = clients.stop();
    if !server.is_running()? {
        return Err(Error::other("the server ended"));
    }
    let counts = Counts::take(server.port, &noted)?;
    let unlogged = unlogged(&postgres, &counts)?;
    Ok(report(options, &noted, &counts, (unlogged, back)))
}

fn report(options: &Options, noted: &Noted, counts: &Counts, (unlogged, back): (usize, Duration)) -> Report {
    let counted = vec![
        (noted.entries.len() + counts.counted, "acknowledged"),
        (counts.lost, "lost"),
        (counts.doubled, "doubled or stored though refused"),
        (unlogged, "not once in the log"),
        (noted.unknown.len() + counts.unknown, "unknown"),
        (noted.refused, "answered 503"),
        (noted.odd.len(), "answered otherwise"),
        (milliseconds(noted.slowest), "ms the slowest answer"),
        (milliseconds(back), "ms the slowest return"),
    ];
    for odd in noted.odd.iter().take(5) {
        eprintln!("torture: {odd}");
    }
    let nothing_wrong = counts.lost + counts.doubled + unlogged + noted.odd.len() == 0;
    let is_good = nothing_wrong && !noted.entries.is_empty() && noted.refused > 0 && noted.slowest < HANGS;
    let title = "crash of PostgreSQL".to_owned();
    Report { title, rounds: options.rounds, counted, is_good }
}

fn milliseconds(time: Duration) -> usize {
    usize::try_from(time.as_millis()).unwrap_or(usize::MAX)
}

/// A record for each client to count in.
fn tallies(port: u16, key: &str) -> Result<Vec<String>> {
    let mut wire = Wire::open(port, key)?;
    let mut ids = Vec::new();
    for _ in 0..CLIENTS {
        let made = wire.call("POST", "/api/tallies", Some(&json!({})))?;
        let id = made.json().get("id").and_then(Value::as_str).map(str::to_owned);
        ids.push(id.ok_or_else(|| Error::other(format!("no tally: {}", made.status)))?);
    }
    Ok(ids)
}

/// How long until a write is acknowledged again.
fn comes_back(port: u16, key: &str) -> Result<Duration> {
    let started = Instant::now();
    let mut wire = Wire::open(port, key)?;
    while started.elapsed() < COMES_BACK {
        if wire.call("POST", "/api/tallies", Some(&json!({})))?.status == 201 {
            return Ok(started.elapsed());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Err(Error::other("the database is back, and the server does not come back to it"))
}

/// What is stored, against what was promised.
#[derive(Default)]
struct Counts {
    lost: usize,
    doubled: usize,
    /// Records, and how often all tallies were counted up.
    entries: usize,
    counted: usize,
    /// Of the tallies, whose outcome nobody could say.
    unknown: usize,
}

impl Counts {
    fn take(port: u16, noted: &Noted) -> Result<Self> {
        let (found, wrong) = stored(port)?;
        let lost = noted.entries.iter().filter(|(key, id)| found.get(key) != Some(id)).count();
        let unasked =
            found.keys().filter(|key| !noted.entries.contains_key(key) && !noted.unknown.contains(key));
        let mut counts =
            Self { lost, doubled: wrong + unasked.count(), entries: found.len(), ..Self::default() };
        let mut wire = Wire::open(port, "")?;
        for (tally, (known, unknown)) in &noted.tallies {
            let answer = wire.call("GET", &format!("/api/tallies/{tally}"), None)?.json();
            let count = answer.get("count").and_then(Value::as_u64);
            let count = count.ok_or_else(|| Error::other(format!("no tally: {answer}")))?;
            counts.lost += usize::try_from(known.saturating_sub(count)).unwrap_or(usize::MAX);
            counts.doubled += usize::try_from(count.saturating_sub(known + unknown)).unwrap_or(usize::MAX);
            counts.counted += usize::try_from(count).unwrap_or(usize::MAX);
            counts.unknown += usize::try_from(*unknown).unwrap_or(usize::MAX);
        }
        Ok(counts)
    }
}

/// How many changes are not in the log exactly once, with a position; the sequencer gets some time to catch up.
fn unlogged(postgres: &Postgres, counts: &Counts) -> Result<usize> {
    let logged = "SELECT count(*) FILTER (WHERE collection = 'entries'), count(*) FILTER (WHERE collection = 'tallies' AND op = 2), \
        count(*) FILTER (WHERE position IS NULL OR tx IS NULL), coalesce(max(position), 0) - count(position) \
        FROM mains_changes FULL JOIN mains_changes_positions USING (seq)";
    let started = Instant::now();
    loop {
        let numbers = postgres.ask(logged).map_err(Error::other)?;
        let wanted = [counts.entries, counts.counted, 0, 0];
        let wrong: usize = numbers.iter().zip(wanted).map(|(number, wanted)| wanted.abs_diff(*number)).sum();
        if wrong == 0 || started.elapsed() > COMES_BACK {
            return Ok(wrong);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
