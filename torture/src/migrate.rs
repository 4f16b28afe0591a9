//! `kill -9` of `mains migrate` at many moments.
//!
//! What holds: the plan afterwards is the one before or none, so the schema is the old one or the new one; a second run
//! finishes; no record is lost or changed; the seeds are there once.

use std::fmt::Write as _;
use std::io::{Error, Result};
use std::process::Stdio;
use std::time::{Duration, Instant};

use mains_testkit::postgres::{Disk, Server as Postgres};
use serde_json::Value;

use crate::options::{Options, Report};
use crate::site::Site;
use crate::writers::entry;

/// Records that are carried along.
const RECORDS: u64 = 2_000;
/// Records that come with the new schema.
const SEEDS: usize = 600;

/// The other schema: a renamed field, one with a value for all, one made of another, an index, a check, and a new collection.
const NEW: &str = r#"prefix = "entry"

[fields.writer]
type = "integer"
required = true

[fields.place]
type = "integer"
required = true
was = "number"

[fields.body]
type = "text"
required = true

[fields.state]
type = "enum"
values = ["open", "closed"]
default = "open"
required = true

[fields.address]
type = "slug"
from = "body"

[[indexes]]
fields = ["writer", "place"]
unique = true

[[indexes]]
fields = ["state", "place"]

[[checks]]
expr = 'place >= 0'
message = "A place is not negative."

[rules]
read = 'true'
"#;

const MARKS: &str = r#"prefix = "mark"

[fields.name]
type = "text"
required = true
unique = true

[rules]
read = 'true'
"#;

/// Both ways, and what has happened on them.
struct Ways<'s> {
    site: &'s Site,
    /// The old schema as it comes back: the renamed field has its old name again.
    old: String,
    /// How long an undisturbed run takes.
    there: Duration,
    back: Duration,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    /// Runs that the kill met.
    killed: usize,
    /// Schemas found after that.
    old: usize,
    new: usize,
    /// Neither, a second run that failed, records or seeds that are not as they were.
    wrong: Vec<String>,
}

/// Goes there and back, killed each time.
pub(crate) fn run(options: &Options) -> Result<Report> {
    let folder = tempfile::tempdir()?;
    let postgres =
        options.postgres.then(|| Postgres::start(Disk::Durable)).transpose().map_err(Error::other)?;
    let environment = postgres.iter().map(|postgres| ("MAINS_DATABASE_URL", postgres.url())).collect();
    let site = Site::make(folder.path(), &options.mains, environment)?;
    let old = std::fs::read_to_string(folder.path().join("collections/entries.toml"))?;
    let old = old.replace("[fields.number]\n", "[fields.number]\nwas = \"place\"\n");
    site.run(&["migrate"])?;
    site.write("rows.jsonl", &rows())?;
    site.run(&["import", "entries", &folder.path().join("rows.jsonl").to_string_lossy()])?;
    let before = content(&site)?;
    let mut ways =
        Ways { site: &site, old, there: Duration::ZERO, back: Duration::ZERO, counts: Counts::default() };
    for there in [true, false] {
        ways.go(there)?;
        let started = Instant::now();
        site.run(&arguments(there))?;
        *(if there { &mut ways.there } else { &mut ways.back }) = started.elapsed();
    }
    for round in 0..options.rounds {
        ways.round(round)?;
        if content(&site)? != before {
            ways.counts.wrong.push(format!("round {round}: the records are not what they were"));
        }
    }
    Ok(report(options, &ways.counts))
}

fn report(options: &Options, counts: &Counts) -> Report {
    for wrong in counts.wrong.iter().take(5) {
        eprintln!("torture: {wrong}");
    }
    let counted = vec![
        (counts.killed, "killed before their end"),
        (counts.old, "left the old schema"),
        (counts.new, "left the new one"),
        (counts.wrong.len(), "wrong"),
    ];
    let title = format!("migrate on {}", options.database());
    let is_good = counts.wrong.is_empty() && counts.killed > 0;
    Report { title, rounds: options.rounds, counted, is_good }
}

/// The command that goes there, or back, where what came has to be named to go.
fn arguments(there: bool) -> Vec<&'static str> {
    if there {
        vec!["migrate"]
    } else {
        vec!["migrate", "--drop", "marks", "--drop", "entries.state", "--drop", "entries.address"]
    }
}

impl Ways<'_> {
    /// Declares the schema of that way.
    fn go(&self, there: bool) -> Result<()> {
        let marks = self.site.folder.join("collections/marks.toml");
        let seeds = self.site.folder.join("seeds/marks.jsonl");
        if there {
            std::fs::create_dir_all(self.site.folder.join("seeds"))?;
            self.site.write("collections/entries.toml", NEW)?;
            self.site.write("collections/marks.toml", MARKS)?;
            return std::fs::write(seeds, marked());
        }
        self.site.write("collections/entries.toml", &self.old)?;
        std::fs::remove_file(marks)?;
        std::fs::remove_file(seeds)
    }

    /// One run that is killed, a look, a second run.
    fn round(&mut self, round: u32) -> Result<()> {
        let there = round.is_multiple_of(2);
        self.go(there)?;
        let planned = self.plan(there)?;
        // Spread evenly over the time of a whole run, whatever the number of rounds is.
        let part = (f64::from(round) * 0.618_034).fract() * 1.05;
        let takes = if there { self.there } else { self.back };
        let was_killed = self.kill_after(there, takes.mul_f64(part))?;
        let left = self.plan(there)?;
        if was_killed {
            self.counts.killed += 1;
            self.counts.old += usize::from(left == planned);
            self.counts.new += usize::from(left.is_empty());
        }
        if !left.is_empty() && left != planned {
            self.counts.wrong.push(format!("round {round}: neither the old schema nor the new one:\n{left}"));
        }
        let again = if left.is_empty() { vec!["migrate"] } else { arguments(there) };
        if let Err(error) = self.site.run(&again) {
            self.counts.wrong.push(format!("round {round}: the second run: {error}"));
            self.site.run(&again)?;
        }
        if there && self.site.run(&["export", "marks"])?.lines().count() != SEEDS {
            self.counts.wrong.push(format!("round {round}: the seeds are not there once"));
        }
        Ok(())
    }

    /// What is still to be done, as text; empty when nothing is. What has gone already cannot be named to go.
    fn plan(&self, there: bool) -> Result<String> {
        let mut arguments = arguments(there);
        arguments.push("--plan");
        let planned = self.site.run(&arguments);
        if there || planned.is_ok() { planned } else { self.site.run(&["migrate", "--plan"]) }
    }

    /// Whether the run was still going on when it was killed.
    fn kill_after(&self, there: bool, wait: Duration) -> Result<bool> {
        let mut command = self.site.command(&arguments(there));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        std::thread::sleep(wait);
        child.kill()?;
        Ok(child.wait()?.code().is_none())
    }
}

fn rows() -> String {
    (0..RECORDS).fold(String::new(), |mut rows, number| {
        // Writing to a text does not fail.
        let _ = writeln!(rows, "{}", entry(1, number));
        rows
    })
}

fn marked() -> String {
    (0..SEEDS).fold(String::new(), |mut rows, number| {
        let _ = writeln!(rows, r#"{{"key": ["name"], "name": "mark {number}"}}"#);
        rows
    })
}

/// What the records hold in both schemas, in order.
fn content(site: &Site) -> Result<Vec<String>> {
    let exported = site.run(&["export", "entries"])?;
    let line = |line: &str| {
        let record: Value = serde_json::from_str(line).map_err(Error::other)?;
        let field = |name| record.get(name).cloned().unwrap_or_default();
        let place = if record.get("place").is_some() { field("place") } else { field("number") };
        Ok(format!("{} {} {} {}", field("id"), field("writer"), place, field("body")))
    };
    let mut lines = exported.lines().map(line).collect::<Result<Vec<_>>>()?;
    lines.sort_unstable();
    Ok(lines)
}
