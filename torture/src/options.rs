//! What to torture, how often, and what came of it.

use std::fmt;
use std::path::PathBuf;

/// Which torture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// `kill -9` of the server.
    Kill9,
    /// Power cut.
    Cut,
    /// `kill -9` of PostgreSQL under the server.
    Crash,
    /// `kill -9` of `mains migrate`.
    Migrate,
    /// `kill -9` of who does jobs.
    Jobs,
    /// `kill -9` beside streams of changes.
    Streams,
    /// `kill -9` of `mains backup` and `mains restore`.
    Backup,
}

/// How.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The server's program.
    pub(crate) mains: PathBuf,
    /// How many crashes.
    pub(crate) rounds: u32,
    /// On PostgreSQL instead of SQLite.
    pub(crate) postgres: bool,
    /// `synchronous=NORMAL` instead of FULL.
    pub(crate) normal: bool,
}

impl Options {
    /// The database's name.
    pub(crate) fn database(&self) -> &'static str {
        if self.postgres { "PostgreSQL" } else { "SQLite" }
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) title: String,
    pub(crate) rounds: u32,
    /// What was counted, with its name behind the number.
    pub(crate) counted: Vec<(usize, &'static str)>,
    pub(crate) is_good: bool,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} rounds", self.title, self.rounds)?;
        for (count, name) in &self.counted {
            write!(f, ", {count} {name}")?;
        }
        write!(f, ": {}", if self.is_good { "good" } else { "BAD" })
    }
}

/// Reads the command line; `None` when it cannot be read.
pub(crate) fn parse(arguments: &[String]) -> Option<(Which, Options)> {
    let (which, mut rest) = arguments.split_first()?;
    let which = match which.as_str() {
        "kill9" => Which::Kill9,
        "cut" => Which::Cut,
        "crash" => Which::Crash,
        "migrate" => Which::Migrate,
        "jobs" => Which::Jobs,
        "streams" => Which::Streams,
        "backup" => Which::Backup,
        _ => return None,
    };
    let mut options =
        Options { mains: PathBuf::from("target/debug/mains"), rounds: 20, postgres: false, normal: false };
    while let [name, value, after @ ..] = rest {
        match (name.as_str(), value.as_str()) {
            ("--mains", program) => options.mains = PathBuf::from(program),
            ("--rounds", rounds) => options.rounds = rounds.parse().ok()?,
            ("--database", "sqlite") => options.postgres = false,
            ("--database", "postgres") => options.postgres = true,
            ("--sync", "full") => options.normal = false,
            ("--sync", "normal") => options.normal = true,
            _ => return None,
        }
        rest = after;
    }
    (rest.is_empty() && !(matches!(which, Which::Cut | Which::Backup) && options.postgres))
        .then_some((which, options))
}
