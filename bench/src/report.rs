//! A figure: ours, the other's, their ratio, the goal, met or short; printed as a line and kept as JSON.
//!
//! Invariant: a run keeps what it did not measure; each kept figure says of which commit it is and when it was taken.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::io::{Error, ErrorKind, Result};
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

    /// Whether what it counts is on the disk when it is answered.
    pub(crate) fn is_durable(&self) -> bool {
        ["create", "update", "hot-row"].iter().any(|word| self.name.contains(word))
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name, "peer": self.peer, "unit": self.unit, "ours": self.ours, "theirs": self.theirs,
            "ratio": self.ratio(), "goal": self.goal, "at_most": self.at_most, "met": self.met(), "notes": self.notes,
        })
    }
}

/// A figure with where it comes from.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) figure: Figure,
    /// Short hash, with `-dirty` when the tree held more than it.
    pub(crate) commit: String,
    /// RFC 3339.
    pub(crate) at: String,
    /// Microseconds of a `fdatasync` right before and right after, of a durable one.
    pub(crate) syncs: Option<[f64; 2]>,
}

impl Taken {
    /// Prints the line.
    pub(crate) fn print(&self) {
        let Figure { name, peer, unit, ours, theirs, goal, notes, .. } = &self.figure;
        let sign = if self.figure.at_most { "≤" } else { "≥" };
        let verdict = if self.figure.met() { "met" } else { "SHORT" };
        let syncs = self.syncs.map(|[before, after]| format!(" | fdatasync {before:.0} and {after:.0} µs"));
        println!(
            "{name:8} {ours:>10.1} {unit} | {peer}: {theirs:.1} | ratio {:.2} (goal {sign} {goal}) {verdict} | {notes}{}",
            self.figure.ratio(),
            syncs.unwrap_or_default()
        );
    }

    fn json(&self) -> Value {
        let mut figure = self.figure.json();
        if let Value::Object(entries) = &mut figure {
            entries.insert("commit".to_owned(), Value::from(self.commit.as_str()));
            entries.insert("at".to_owned(), Value::from(self.at.as_str()));
            entries.extend(self.syncs.map(|syncs| ("fdatasync_us".to_owned(), json!(syncs))));
        }
        figure
    }
}

/// Keeps the figures of a run, with what it ran on. Those that it did not measure stay as they are.
pub(crate) fn keep(folder: &Path, stamp: &str, about: &Value, figures: &[Taken]) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let file = folder.join(format!("{stamp}.json"));
    let before = match std::fs::read(&file) {
        Ok(text) => serde_json::from_slice(&text)
            .map_err(|error| Error::other(format!("{} cannot be read: {error}", file.display())))?,
        Err(error) if error.kind() == ErrorKind::NotFound => json!({}),
        Err(error) => return Err(error),
    };
    let figures = figures.iter().map(Taken::json).collect();
    std::fs::write(&file, format!("{:#}\n", merged(&before, about, figures)))
}

/// What was kept, with each new figure in the place of the one of its name and peer.
fn merged(before: &Value, about: &Value, new: Vec<Value>) -> Value {
    let mut old_about = before.get("about").cloned().unwrap_or_else(|| json!({}));
    let mut all = before.get("figures").and_then(Value::as_array).cloned().unwrap_or_default();
    if let (Value::Object(entries), Value::Object(about)) = (&mut old_about, about) {
        // A file of the time when only the whole run had a commit.
        if let Some(commit) = entries.remove("commit") {
            for figure in all.iter_mut().filter_map(Value::as_object_mut) {
                figure.entry("commit").or_insert_with(|| commit.clone());
            }
        }
        entries.extend(about.clone());
    }
    for figure in new {
        let same =
            |old: &&mut Value| old.get("name") == figure.get("name") && old.get("peer") == figure.get("peer");
        match all.iter_mut().find(same) {
            Some(place) => *place = figure,
            None => all.push(figure),
        }
    }
    json!({"about": old_about, "figures": all})
}

/// The middle of three or more.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn figure(name: &str, ours: u32, commit: &str) -> Value {
        json!({"name": name, "peer": "a peer", "ours": ours, "commit": commit})
    }

    #[test]
    fn a_run_of_one_figure_keeps_the_others_with_their_commits() {
        let before = json!({"about": {"cores": 2, "mains": "1"}, "figures": [figure("get", 1, "a"), figure("list", 2, "a")]});
        let after =
            merged(&before, &json!({"cores": 4}), vec![figure("list", 3, "b"), figure("create", 4, "b")]);
        let figures = [figure("get", 1, "a"), figure("list", 3, "b"), figure("create", 4, "b")];
        assert_eq!(after, json!({"about": {"cores": 4, "mains": "1"}, "figures": figures}));
    }

    #[test]
    fn the_commit_of_a_whole_run_goes_to_its_figures() {
        let before = json!({"about": {"commit": "a"}, "figures": [{"name": "get"}]});
        let after = merged(&before, &json!({}), vec![]);
        assert_eq!(after, json!({"about": {}, "figures": [{"name": "get", "commit": "a"}]}));
    }
}
