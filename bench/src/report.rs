//! A figure: ours, the other's, their ratio, the goal, met or short; printed as a line and kept as JSON.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::path::Path;

use serde_json::{Value, json};

/// One comparison.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    /// `get`, `list` …
    pub(crate) name: &'static str,
    /// Against whom.
    pub(crate) peer: String,
    /// Unit of `ours` and `theirs`.
    pub(crate) unit: &'static str,
    pub(crate) ours: f64,
    pub(crate) theirs: f64,
    /// Ours over theirs must be at least this (or at most, when `at_most`).
    pub(crate) goal: f64,
    pub(crate) at_most: bool,
    /// What else is worth knowing: percentiles, CPU.
    pub(crate) notes: String,
}

impl Figure {
    /// Ours over theirs.
    pub(crate) fn ratio(&self) -> f64 {
        self.ours / self.theirs
    }

    /// Whether the goal is met.
    pub(crate) fn met(&self) -> bool {
        if self.at_most { self.ratio() <= self.goal } else { self.ratio() >= self.goal }
    }

    /// Prints the line.
    pub(crate) fn print(&self) {
        let Self { name, peer, unit, ours, theirs, goal, notes, .. } = self;
        let sign = if self.at_most { "≤" } else { "≥" };
        let verdict = if self.met() { "met" } else { "SHORT" };
        println!(
            "{name:8} {ours:>10.1} {unit} | {peer}: {theirs:.1} | ratio {:.2} (goal {sign} {goal}) {verdict} | {notes}",
            self.ratio()
        );
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name, "peer": self.peer, "unit": self.unit, "ours": self.ours, "theirs": self.theirs,
            "ratio": self.ratio(), "goal": self.goal, "at_most": self.at_most, "met": self.met(), "notes": self.notes,
        })
    }
}

/// Keeps the figures of a run, with what it ran on.
pub(crate) fn keep(folder: &Path, stamp: &str, about: &Value, figures: &[Figure]) -> std::io::Result<()> {
    let run = json!({"about": about, "figures": figures.iter().map(Figure::json).collect::<Vec<_>>()});
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join(format!("{stamp}.json")), format!("{run:#}\n"))
}

/// The middle of three or more.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
