//! The figures, a file each.

mod create;
mod get;
mod list;
mod scale;

use std::io::Result;
use std::path::PathBuf;
use std::time::Duration;

use crate::load::{self, Load, Outcome, Requests};
use crate::process::Server;
use crate::report::{Figure, median};

/// What every figure needs.
pub(crate) struct Setting {
    /// The optimized program.
    pub(crate) mains: PathBuf,
    /// PocketBase.
    pub(crate) pocketbase: PathBuf,
    /// A folder on a real disk.
    pub(crate) folder: PathBuf,
    /// Time of one round.
    pub(crate) round: Duration,
    /// How many rounds.
    pub(crate) rounds: usize,
    /// Records of the large collection in `scale`.
    pub(crate) many: u64,
}

/// Measures one thing.
pub(crate) type Measure = fn(&Setting) -> Result<Vec<Figure>>;

/// All figures by name.
pub(crate) const ALL: [(&str, Measure); 4] =
    [("get", get::measure), ("list", list::measure), ("create", create::measure), ("scale", scale::measure)];

/// Medians of several rounds.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) per_second: f64,
    /// CPU of the server alone.
    pub(crate) micros_of_cpu: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

impl Measured {
    /// In words, for the notes of a figure.
    pub(crate) fn words(&self) -> String {
        let Self { per_second, micros_of_cpu, p50, p99 } = self;
        format!("{per_second:.0}/s, p50 {p50:?}, p99 {p99:?}, {micros_of_cpu:.1} µs of CPU")
    }
}

impl Setting {
    /// Runs the rounds against a server with 64 connections; an answer that is not 2xx spoils the figure.
    pub(crate) fn measure(&self, server: &Server, requests: Requests<'_>) -> Result<Measured> {
        let load = Load { port: server.port, connections: 64, time: self.round };
        load::run(Load { time: self.round / 4, ..load }, requests)?;
        let mut rounds: Vec<(Outcome, f64)> = Vec::new();
        for _ in 0..self.rounds {
            let before = server.cpu();
            let outcome = load::run(load, requests)?;
            if outcome.refused > 0 {
                return Err(std::io::Error::other(format!("{} answers were refused", outcome.refused)));
            }
            let cpu = (server.cpu() - before).as_secs_f64() * 1e6 / outcome.answers as f64;
            rounds.push((outcome, cpu));
        }
        let middle = |value: fn(&(Outcome, f64)) -> f64| median(rounds.iter().map(value).collect());
        Ok(Measured {
            per_second: middle(|(outcome, _)| outcome.per_second),
            micros_of_cpu: middle(|(_, cpu)| *cpu),
            p50: Duration::from_secs_f64(middle(|(outcome, _)| outcome.p50.as_secs_f64())),
            p99: Duration::from_secs_f64(middle(|(outcome, _)| outcome.p99.as_secs_f64())),
        })
    }
}

/// Spreads request numbers over `count` records (Knuth's multiplicative hash).
pub(crate) fn spread(number: u64, count: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % count
}
