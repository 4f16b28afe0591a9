//! Clients that stay when the database goes: they note what each answer promised, and which answers must not be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mains_testkit::wire::{Answer, Wire};
use serde_json::{Value, json};

use crate::writers::{Acknowledged, entry};

/// How many write at the same time; each has a tally of its own.
pub(crate) const CLIENTS: u32 = 8;
/// After a 503 a client waits this long, as a polite one does.
const REFUSED: Duration = Duration::from_millis(10);

/// What one or all clients were told.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    /// Records that are said to be stored.
    pub(crate) entries: Acknowledged,
    /// Records of which nobody could say.
    pub(crate) unknown: BTreeSet<(u32, u64)>,
    /// Per tally: how often it was counted up, and how often nobody could say.
    pub(crate) tallies: BTreeMap<String, (u64, u64)>,
    /// Answers with 503 that say that nothing was stored.
    pub(crate) refused: usize,
    /// What must not be: other answers, no answer.
    pub(crate) odd: Vec<String>,
    /// The longest wait for an answer.
    pub(crate) slowest: Duration,
}

/// Threads that read and write until they are told to stop.
pub(crate) struct Clients {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Noted>>,
}

/// One of them.
struct Client {
    port: u16,
    key: String,
    wire: Option<Wire>,
    noted: Noted,
}

/// What an answer says about a write.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Stored,
    Refused,
    Unknown,
}

impl Clients {
    /// Begins: one writer per tally, and a reader.
    pub(crate) fn start(port: u16, key: &str, tallies: &[String]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let client = || Client { port, key: key.to_owned(), wire: None, noted: Noted::default() };
        let mut threads = Vec::new();
        for (writer, tally) in (0..CLIENTS).zip(tallies) {
            let (stop, client, tally) = (Arc::clone(&stop), client(), tally.clone());
            threads.push(std::thread::spawn(move || client.write(writer, &tally, &stop)));
        }
        let (seen, reader) = (Arc::clone(&stop), client());
        threads.push(std::thread::spawn(move || reader.read(&seen)));
        Self { stop, threads }
    }

    /// Stops, and gives what all of them noted.
    pub(crate) fn stop(self) -> Noted {
        self.stop.store(true, Ordering::SeqCst);
        let mut all = Noted::default();
        for mut noted in self.threads.into_iter().filter_map(|thread| thread.join().ok()) {
            all.entries.append(&mut noted.entries);
            all.unknown.append(&mut noted.unknown);
            all.tallies.append(&mut noted.tallies);
            all.odd.append(&mut noted.odd);
            all.refused += noted.refused;
            all.slowest = all.slowest.max(noted.slowest);
        }
        all
    }
}

impl Client {
    /// Makes records and counts its tally up, in turn. What was refused is sent again as it was: if it had been stored
    /// all the same, the second one breaks the unique index, which is an odd answer.
    fn write(mut self, writer: u32, tally: &str, stop: &AtomicBool) -> Noted {
        let (mut number, mut counted) = (0, (0, 0));
        while !stop.load(Ordering::SeqCst) {
            let body = entry(writer, number);
            let Some((outcome, answer)) = self.ask("POST", "/api/entries", Some(&body)) else { continue };
            match outcome {
                Outcome::Stored => {
                    let id = answer.json().get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
                    self.noted.entries.insert((writer, number), id);
                }
                Outcome::Unknown => drop(self.noted.unknown.insert((writer, number))),
                Outcome::Refused => continue,
            }
            number += 1;
            let up = json!({"count": {"add": 1}});
            match self.ask("PATCH", &format!("/api/tallies/{tally}"), Some(&up)) {
                Some((Outcome::Stored, _)) => counted.0 += 1,
                Some((Outcome::Unknown, _)) => counted.1 += 1,
                Some((Outcome::Refused, _)) | None => {}
            }
        }
        self.noted.tallies.insert(tally.to_owned(), counted);
        self.noted
    }

    fn read(mut self, stop: &AtomicBool) -> Noted {
        while !stop.load(Ordering::SeqCst) {
            self.ask("GET", "/api/entries?limit=3", None);
        }
        self.noted
    }

    fn ask(&mut self, method: &str, path: &str, body: Option<&Value>) -> Option<(Outcome, Answer)> {
        let started = Instant::now();
        let answer = self.call(method, path, body);
        self.noted.slowest = self.noted.slowest.max(started.elapsed());
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                self.wire = None;
                self.noted.odd.push(format!("{method} {path}: {error}"));
                std::thread::sleep(REFUSED);
                return None;
            }
        };
        let told = answer.json();
        let code = told.get("code").and_then(Value::as_str).unwrap_or_default();
        let outcome = match (answer.status, code) {
            (200 | 201, _) => Outcome::Stored,
            (503, "outcome_unknown") => Outcome::Unknown,
            (503, _) => {
                self.noted.refused += 1;
                std::thread::sleep(REFUSED);
                Outcome::Refused
            }
            (status, _) => {
                self.noted.odd.push(format!("{method} {path}: {status} {told}"));
                return None;
            }
        };
        Some((outcome, answer))
    }

    fn call(&mut self, method: &str, path: &str, body: Option<&Value>) -> std::io::Result<Answer> {
        let mut wire = match self.wire.take() {
            Some(wire) => wire,
            None => Wire::open(self.port, &self.key)?,
        };
        let answer = wire.call(method, path, body)?;
        self.wire = Some(wire);
        Ok(answer)
    }
}
