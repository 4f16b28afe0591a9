//! Writers that note what was acknowledged, and the check that it is there.

use std::collections::BTreeMap;
use std::io::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use mains_testkit::wire::Wire;
use serde_json::{Value, json};

/// How many write at the same time.
const WRITERS: u32 = 8;

/// (writer, number) → id, of everything acknowledged.
pub(crate) type Acknowledged = BTreeMap<(u32, u64), String>;

/// Threads that write until they are told to stop or the server is gone.
pub(crate) struct Writers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Acknowledged>>,
}

impl Writers {
    /// Begins; `first` keeps numbers of later rounds apart.
    pub(crate) fn start(port: u16, key: &str, first: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let begin = |writer| {
            let (stop, key) = (stop.clone(), key.to_owned());
            std::thread::spawn(move || write(port, &key, writer, first, &stop))
        };
        let threads = (0..WRITERS).map(begin).collect();
        Self { stop, threads }
    }

    /// Stops, and gives what was acknowledged.
    pub(crate) fn stop(self) -> Acknowledged {
        self.stop.store(true, Ordering::SeqCst);
        self.threads.into_iter().filter_map(|thread| thread.join().ok()).flatten().collect()
    }
}

fn write(port: u16, key: &str, writer: u32, first: u64, stop: &AtomicBool) -> Acknowledged {
    let mut acknowledged = Acknowledged::new();
    let Ok(mut wire) = Wire::open(port, key) else { return acknowledged };
    for number in first.. {
        let Ok(answer) = wire.call("POST", "/api/entries", Some(&entry(writer, number))) else {
            return acknowledged;
        };
        if answer.status == 201 {
            let id = answer.json().get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
            acknowledged.insert((writer, number), id);
        }
        if stop.load(Ordering::SeqCst) {
            break;
        }
    }
    acknowledged
}

/// What a record holds.
pub(crate) fn entry(writer: u32, number: u64) -> Value {
    json!({"writer": writer, "number": number, "body": body_of(writer, number)})
}

fn body_of(writer: u32, number: u64) -> String {
    format!("entry {number} of writer {writer}. ").repeat(1 + usize::try_from(number % 7).unwrap_or(0))
}

/// How many of `wanted` are lost, and how many records are wrong.
pub(crate) fn missing(port: u16, wanted: &Acknowledged) -> Result<(usize, usize)> {
    let (found, wrong) = stored(port)?;
    let lost = wanted.iter().filter(|(key, id)| found.get(key) != Some(id)).count();
    Ok((lost, wrong))
}

/// All records, and how many of them are wrong.
pub(crate) fn stored(port: u16) -> Result<(Acknowledged, usize)> {
    let mut wire = Wire::open(port, "")?;
    let mut found = Acknowledged::new();
    let (mut wrong, mut cursor) = (0, String::new());
    loop {
        let answer = wire.call("GET", &format!("/api/entries?limit=500{cursor}"), None)?;
        if answer.status != 200 {
            return Err(Error::other(format!("the list answers {}", answer.status)));
        }
        let page = answer.json();
        for record in page.get("items").and_then(Value::as_array).into_iter().flatten() {
            wrong += usize::from(!take(record, &mut found));
        }
        match page.get("next").and_then(Value::as_str) {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok((found, wrong)),
        }
    }
}

/// Notes a record; false when it is not what was written, or there twice.
fn take(record: &Value, found: &mut Acknowledged) -> bool {
    let number = |name| record.get(name).and_then(Value::as_u64).unwrap_or(u64::MAX);
    let (writer, number) = (u32::try_from(number("writer")).unwrap_or(u32::MAX), number("number"));
    let text = |name| record.get(name).and_then(Value::as_str).unwrap_or_default();
    let new = found.insert((writer, number), text("id").to_owned()).is_none();
    new && text("body") == body_of(writer, number)
}
