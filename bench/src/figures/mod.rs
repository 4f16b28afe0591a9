//! The figures, a file each.

mod create;
mod flood;
mod get;
mod hot_row;
mod list;
mod members;
mod pages;
mod postgres;
mod scale;
mod sqlite;
mod start;
mod streams;

use std::io::Result;
use std::path::PathBuf;
use std::time::Duration;

use crate::load::{self, Load, Outcome, Requests};
use crate::process::{Server, own_cpu};
use crate::report::{Figure, median};

/// What every figure needs.
pub(crate) struct Setting {
    /// The project.
    pub(crate) root: PathBuf,
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

/// Into so many turns a round in this process is cut.
const TURNS: u32 = 3;

/// What can be asked for by name.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    /// Whether it starts the optimized program and PocketBase; else all of it happens in this process.
    pub(crate) programs: bool,
    pub(crate) measure: fn(&Setting) -> Result<Vec<Figure>>,
}

/// All figures.
pub(crate) const ALL: [Entry; 13] = [
    Entry { name: "get", programs: true, measure: get::measure },
    Entry { name: "list", programs: true, measure: list::measure },
    Entry { name: "create", programs: true, measure: create::measure },
    Entry { name: "pages", programs: true, measure: pages::measure },
    Entry { name: "scale", programs: true, measure: scale::measure },
    Entry { name: "postgres-get", programs: false, measure: postgres::get },
    Entry { name: "postgres-create", programs: false, measure: postgres::create },
    Entry { name: "postgres-update", programs: false, measure: postgres::update },
    Entry { name: "hot-row", programs: false, measure: hot_row::measure },
    Entry { name: "start", programs: true, measure: start::measure },
    Entry { name: "flood", programs: true, measure: flood::measure },
    Entry { name: "streams", programs: true, measure: streams::measure },
    Entry { name: "sqlite", programs: false, measure: sqlite::measure },
];

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
    /// The medians of rounds, each with the CPU of an answer.
    fn of(rounds: &[(Outcome, f64)]) -> Self {
        let middle = |value: fn(&(Outcome, f64)) -> f64| median(rounds.iter().map(value).collect());
        Self {
            per_second: middle(|(outcome, _)| outcome.per_second),
            micros_of_cpu: middle(|(_, cpu)| *cpu),
            p50: Duration::from_secs_f64(middle(|(outcome, _)| outcome.p50.as_secs_f64())),
            p99: Duration::from_secs_f64(middle(|(outcome, _)| outcome.p99.as_secs_f64())),
        }
    }

    /// In words, for the notes of a figure.
    pub(crate) fn words(&self) -> String {
        let Self { per_second, micros_of_cpu, p50, p99 } = self;
        format!("{per_second:.0}/s, p50 {p50:?}, p99 {p99:?}, {micros_of_cpu:.1} µs of CPU")
    }
}

impl Setting {
    /// Runs the rounds against a server with 64 connections; an answer that is not 2xx spoils the figure.
    pub(crate) fn measure(&self, server: &Server, requests: Requests<'_>) -> Result<Measured> {
        let [measured] = self.servers_by_turns([(server, requests)])?;
        Ok(measured)
    }

    /// Runs the rounds against several servers by turns, short ones, so that a drift of the machine meets all of them.
    pub(crate) fn servers_by_turns<const N: usize>(
        &self,
        contenders: [(&Server, Requests<'_>); N],
    ) -> Result<[Measured; N]> {
        for (server, requests) in contenders {
            self.turn(server, requests)?;
        }
        let mut turns: [Vec<(Outcome, f64)>; N] = [const { Vec::new() }; N];
        for _ in 0..self.rounds * TURNS as usize {
            for ((server, requests), turns) in contenders.iter().zip(&mut turns) {
                turns.push(self.turn(server, *requests)?);
            }
        }
        Ok(turns.map(|turns| Measured::of(&turns)))
    }

    /// Runs the rounds against one server by turns without and with what `switch` turns on beside it.
    pub(crate) fn by_halves(
        &self,
        server: &Server,
        requests: Requests<'_>,
        switch: impl Fn(bool),
    ) -> Result<(Measured, Measured)> {
        self.turn(server, requests)?;
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds * TURNS as usize {
            without.push(self.turn(server, requests)?);
            switch(true);
            let turn = self.turn(server, requests);
            switch(false);
            with.push(turn?);
        }
        Ok((Measured::of(&without), Measured::of(&with)))
    }

    /// A turn of one server.
    fn turn(&self, server: &Server, requests: Requests<'_>) -> Result<(Outcome, f64)> {
        let load = Load { port: server.port, connections: 64, time: self.round / TURNS };
        let before = server.cpu();
        let outcome = load::run(load, requests).map_err(|error| server.blame(&error))?;
        if outcome.refused > 0 {
            return Err(std::io::Error::other(format!("{} answers were refused", outcome.refused)));
        }
        let cpu = server.cpu().saturating_sub(before).as_secs_f64() * 1e6 / outcome.answers as f64;
        Ok((outcome, cpu))
    }

    /// Runs the rounds of one contender in this process.
    pub(crate) async fn one(&self, ours: impl AsyncFn(Duration) -> Result<Outcome>) -> Result<Measured> {
        ours(self.round / 4).await?;
        let mut rounds = Vec::new();
        for _ in 0..self.rounds {
            rounds.push(measured(self.round, &ours).await?);
        }
        Ok(Measured::of(&rounds))
    }

    /// Runs the rounds of two contenders in this process by turns, short ones, so that a drift of the machine meets both.
    pub(crate) async fn by_turns(
        &self,
        ours: impl AsyncFn(Duration) -> Result<Outcome>,
        theirs: impl AsyncFn(Duration) -> Result<Outcome>,
    ) -> Result<(Measured, Measured)> {
        ours(self.round / 4).await?;
        theirs(self.round / 4).await?;
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds * TURNS as usize {
            first.push(measured(self.round / TURNS, &ours).await?);
            second.push(measured(self.round / TURNS, &theirs).await?);
        }
        Ok((Measured::of(&first), Measured::of(&second)))
    }
}

/// One round in this process, with the CPU of each answer.
async fn measured(
    time: Duration,
    round: &impl AsyncFn(Duration) -> Result<Outcome>,
) -> Result<(Outcome, f64)> {
    let before = own_cpu();
    let outcome = round(time).await?;
    let cpu = own_cpu().saturating_sub(before).as_secs_f64() * 1e6 / outcome.answers as f64;
    Ok((outcome, cpu))
}

/// Spreads request numbers over `count` records (Knuth's multiplicative hash).
pub(crate) fn spread(number: u64, count: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % count
}
