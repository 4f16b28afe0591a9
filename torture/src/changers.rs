//! Writers that change, empty and delete what they made, and count in one hot record beside each other; the check that
//! all of it is as it was acknowledged.
//!
//! Each of them knows what its records hold. Of the one change that was under way when the server died nobody knows, so
//! both are right then: as it was before, and as it would be.

use std::collections::BTreeMap;
use std::io::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use mains_testkit::wire::Wire;
use serde_json::{Value, json};

use crate::log::records;

/// What is changed.
pub(crate) const THINGS: &str = r#"prefix = "thing"

[fields.name]
type = "text"
required = true
unique = true

[fields.count]
type = "integer"
default = 0

[fields.tags]
type = "text"
many = true

[rules]
read = 'true'
"#;

/// How many change at the same time.
const CHANGERS: u32 = 4;
/// Records that each of them has.
const KEPT: usize = 5;
const HOT: &str = "hot";

/// What a record may hold, without its version; `None` where it may be gone.
type Held = Option<Value>;

/// What must be there, by the names of the records.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    things: BTreeMap<String, Vec<Held>>,
    /// How often the hot record was counted up, and how often nobody knows.
    hot: (u64, u64),
    /// Acknowledged changes.
    pub(crate) changes: usize,
}

/// Threads that change until they are told to stop or the server is gone.
pub(crate) struct Changers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Expected>>,
}

struct Changer {
    wire: Wire,
    /// What sets its names apart from all others'.
    title: String,
    ids: BTreeMap<String, String>,
    hot: String,
    noted: Expected,
}

/// Makes the record that all count in; its id.
pub(crate) fn make_hot(port: u16, key: &str) -> Result<String> {
    let made = Wire::open(port, key)?.call("POST", "/api/things", Some(&json!({"name": HOT})))?;
    let id = made.json().get("id").and_then(Value::as_str).map(str::to_owned);
    id.ok_or_else(|| Error::other(format!("no hot record: {}", made.status)))
}

impl Changers {
    /// Begins.
    pub(crate) fn start(port: u16, key: &str, hot: &str, round: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let begin = |number| {
            let (stop, key, hot) = (Arc::clone(&stop), key.to_owned(), hot.to_owned());
            let title = format!("{number} of round {round}");
            std::thread::spawn(move || match Wire::open(port, &key) {
                Ok(wire) => {
                    Changer { wire, title, ids: BTreeMap::new(), hot, noted: Expected::default() }.work(&stop)
                }
                Err(_) => Expected::default(),
            })
        };
        let threads = (0..CHANGERS).map(begin).collect();
        Self { stop, threads }
    }

    /// Stops, and adds what was acknowledged.
    pub(crate) fn stop(self, expected: &mut Expected) {
        self.stop.store(true, Ordering::SeqCst);
        for mut noted in self.threads.into_iter().filter_map(|thread| thread.join().ok()) {
            expected.things.append(&mut noted.things);
            expected.hot.0 += noted.hot.0;
            expected.hot.1 += noted.hot.1;
            expected.changes += noted.changes;
        }
    }
}

impl Changer {
    fn work(mut self, stop: &AtomicBool) -> Expected {
        for number in 0_u64.. {
            if stop.load(Ordering::SeqCst) || self.step(number).is_none() || self.count_up().is_none() {
                break;
            }
        }
        self.noted
    }

    /// One change. `None` when nobody knows what became of it.
    fn step(&mut self, number: u64) -> Option<()> {
        let turn = usize::try_from(number).unwrap_or(0) % KEPT;
        let name = match self.ids.keys().nth(turn) {
            Some(name) if self.ids.len() == KEPT => name.clone(),
            _ => return self.create(number),
        };
        if number % 7 == 6 { self.delete(&name) } else { self.change(&name, number) }
    }

    fn create(&mut self, number: u64) -> Option<()> {
        let name = format!("{number} by {}", self.title);
        let sent = json!({"name": name, "count": number, "tags": tags(number)});
        let made = self.call(("POST", "/api/things"), Some(&sent), &name, Some(sent.clone()))?;
        self.ids.insert(name, made.get("id")?.as_str()?.to_owned());
        Some(())
    }

    fn change(&mut self, name: &str, number: u64) -> Option<()> {
        let sent = json!({"count": number, "tags": tags(number)});
        let then = json!({"name": name, "count": number, "tags": tags(number)});
        let path = format!("/api/things/{}", self.ids.get(name)?);
        self.call(("PATCH", &path), Some(&sent), name, Some(then)).map(drop)
    }

    fn delete(&mut self, name: &str) -> Option<()> {
        let path = format!("/api/things/{}", self.ids.remove(name)?);
        self.call(("DELETE", &path), None, name, None).map(drop)
    }

    /// Sends a change of the record of this name, which holds `then` if it is done.
    fn call(
        &mut self,
        (method, path): (&str, &str),
        body: Option<&Value>,
        name: &str,
        then: Held,
    ) -> Option<Value> {
        let held = self.noted.things.entry(name.to_owned()).or_insert_with(|| vec![None]);
        match self.wire.call(method, path, body) {
            Ok(answer) if (200..300).contains(&answer.status) => {
                *held = vec![then];
                self.noted.changes += 1;
                Some(answer.json())
            }
            _ => {
                held.push(then);
                None
            }
        }
    }

    fn count_up(&mut self) -> Option<()> {
        let path = format!("/api/things/{}", self.hot);
        match self.wire.call("PATCH", &path, Some(&json!({"count": {"add": 1}}))) {
            Ok(answer) if answer.status == 200 => {
                self.noted.hot.0 += 1;
                self.noted.changes += 1;
                Some(())
            }
            _ => {
                self.noted.hot.1 += 1;
                None
            }
        }
    }
}

/// None, one or several: a list that grows, shrinks and changes its order.
fn tags(number: u64) -> Vec<String> {
    (0..number % 4).map(|place| format!("tag {}", (number + place * 5) % 9)).collect()
}

/// How many changes are lost, and how many records are there that nobody made.
pub(crate) fn missing(port: u16, expected: &Expected) -> Result<(usize, usize)> {
    let mut found: BTreeMap<String, Value> = BTreeMap::new();
    for mut record in records(port, "things")? {
        if let Some(fields) = record.as_object_mut() {
            fields.remove("version");
        }
        let name = record.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        found.insert(name, record);
    }
    let hot = found.remove(HOT).and_then(|hot| hot.get("count")?.as_u64()).unwrap_or(0);
    let (known, unknown) = expected.hot;
    let is_right = |(name, may): &(&String, &Vec<Held>)| may.contains(&found.get(*name).cloned());
    let lost = expected.things.iter().filter(|thing| !is_right(thing)).count();
    let lost = lost + usize::try_from(known.saturating_sub(hot)).unwrap_or(usize::MAX);
    let strange = found.keys().filter(|name| !expected.things.contains_key(*name)).count();
    let strange = strange + usize::try_from(hot.saturating_sub(known + unknown)).unwrap_or(usize::MAX);
    Ok((lost, strange))
}
