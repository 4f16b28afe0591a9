//! What to torture, how often, and what came of it.

use std::fmt;
use std::path::PathBuf;

/// Which torture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// `kill -9`
    Kill9,
    /// Power cut.
    Cut,
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

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) title: String,
    pub(crate) rounds: u32,
    pub(crate) acknowledged: usize,
    pub(crate) lost: usize,
    /// Records that are there twice or were changed.
    pub(crate) wrong: usize,
    /// Losing is what proves the test.
    pub(crate) must_lose: bool,
}

impl Report {
    /// Nothing lost, or something where it must.
    pub(crate) fn is_good(&self) -> bool {
        self.acknowledged > 0 && self.wrong == 0 && (self.lost > 0) == self.must_lose
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { title, rounds, acknowledged, lost, wrong, must_lose } = self;
        let wanted = if *must_lose { "must lose" } else { "must lose none" };
        let verdict = if self.is_good() { "good" } else { "BAD" };
        write!(
            f,
            "{title}: {rounds} rounds, {acknowledged} acknowledged, {lost} lost ({wanted}), {wrong} wrong: {verdict}"
        )
    }
}

/// Reads the command line; `None` when it cannot be read.
pub(crate) fn parse(arguments: &[String]) -> Option<(Which, Options)> {
    let (which, mut rest) = arguments.split_first()?;
    let which = match which.as_str() {
        "kill9" => Which::Kill9,
        "cut" => Which::Cut,
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
    (rest.is_empty() && !(which == Which::Cut && options.postgres)).then_some((which, options))
}
