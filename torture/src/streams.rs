//! Streams of changes while the server, PostgreSQL under it and connections are killed: what was acknowledged is heard by
//! everybody, in order, and but once.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Error, ErrorKind, Result, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mains_testkit::postgres::{Disk, Server as Postgres};
use mains_testkit::wire::Wire;
use serde_json::{Value, json};

use crate::options::{Options, Report};
use crate::site::Site;
use crate::writers::{Acknowledged, Writers};

/// How many listen.
const LISTENERS: u32 = 50;
/// How long they may need at the end.
const PATIENCE: Duration = Duration::from_mins(1);

const COUNTERS: &str = r#"prefix = "counter"

[fields.count]
type = "integer"
default = 0

[rules]
read = 'true'
"#;

/// Kills, restarts and compares.
pub(crate) fn run(options: &Options) -> Result<Report> {
    let folder = tempfile::tempdir()?;
    let mut postgres =
        options.postgres.then(|| Postgres::start(Disk::Durable)).transpose().map_err(Error::other)?;
    let mut environment = Vec::new();
    if let Some(postgres) = &postgres {
        environment.push(("MAINS_DATABASE_URL", postgres.url()));
    }
    let site = Site::make(folder.path(), &options.mains, environment)?;
    std::fs::write(folder.path().join("collections/counters.toml"), COUNTERS)?;
    site.run(&["migrate"])?;
    let key = site.run(&["keys", "create", "--role", "staff"])?;
    let port = Arc::new(AtomicU16::new(0));
    let (stop, aim) = (Arc::new(AtomicBool::new(false)), Arc::new(OnceLock::new()));
    let mut listeners: Vec<JoinHandle<Heard>> = Vec::new();
    let mut acknowledged = Acknowledged::new();
    let mut counted = Counted::default();
    for round in 0..options.rounds {
        let server = site.serve()?;
        port.store(server.port, Ordering::SeqCst);
        if round == 0 {
            counted.counter = Counted::make(server.port, &key)?;
            listeners =
                (0..LISTENERS).map(|number| Listener::start(number, &port, &key, &stop, &aim)).collect();
            wait(|| READY.load(Ordering::SeqCst) >= u64::from(LISTENERS))?;
        }
        let counting = counted.count(server.port, &key);
        let writers = Writers::start(server.port, &key, u64::from(round) * 1_000_000);
        std::thread::sleep(Duration::from_millis(600 + u64::from(round * 37 % 300)));
        if let Some(postgres) = &mut postgres {
            crash(postgres, round)?;
            comes_back(server.port, &key, &counted.counter)?;
        }
        server.kill()?;
        acknowledged.append(&mut writers.stop());
        counted.last = counting.join().unwrap_or_default().max(counted.last);
    }
    let server = site.serve()?;
    port.store(server.port, Ordering::SeqCst);
    let wanted = Aim { entries: acknowledged.values().cloned().collect(), version: counted.last };
    let wanted = aim.get_or_init(|| wanted);
    let begun = Instant::now();
    while !listeners.iter().all(JoinHandle::is_finished) && begun.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(100));
    }
    stop.store(true, Ordering::SeqCst);
    let heard: Vec<Heard> = listeners.into_iter().filter_map(|listener| listener.join().ok()).collect();
    let sum = |count: &dyn Fn(&Heard) -> usize| heard.iter().map(count).sum::<usize>();
    let deaf = LISTENERS as usize - heard.len();
    let missing = sum(&|heard| heard.missing(wanted)) + deaf;
    let (reordered, doubled) = (sum(&|heard| heard.reordered), sum(&|heard| heard.doubled));
    let title = format!("streams on {}", if options.postgres { "PostgreSQL" } else { "SQLite" });
    let crashes = if options.postgres { options.rounds as usize } else { 0 };
    let counted = vec![
        (acknowledged.len(), "acknowledged"),
        (crashes, "crashes of the database"),
        (missing, "missing"),
        (reordered, "reordered"),
        (doubled, "double"),
    ];
    let is_good = !acknowledged.is_empty() && missing + reordered + doubled == 0;
    Ok(Report { title, rounds: options.rounds, counted, is_good })
}

/// PostgreSQL goes, by `kill -9` or an immediate shutdown in turn, and comes back under a server that stays.
fn crash(postgres: &mut Postgres, round: u32) -> Result<()> {
    if round.is_multiple_of(2) {
        postgres.kill();
    } else {
        postgres.stop_at_once();
    }
    // Sometimes it is away for longer than a write waits for a connection.
    std::thread::sleep(Duration::from_millis(if round % 3 == 2 { 1_500 } else { 50 }));
    postgres.restart().map_err(Error::other)
}

/// Waits until writes are acknowledged again, and a little longer.
fn comes_back(port: u16, key: &str, counter: &str) -> Result<()> {
    let mut wire = Wire::open(port, key)?;
    let begun = Instant::now();
    let up = json!({"count": {"add": 1}});
    while wire.call("PATCH", &format!("/api/counters/{counter}"), Some(&up))?.status != 200 {
        if begun.elapsed() > PATIENCE {
            return Err(Error::other("the database is back, and the server does not come back to it"));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    // What is written from here on goes through streams that this server began anew.
    std::thread::sleep(Duration::from_millis(300));
    Ok(())
}

/// Listeners that have begun.
static READY: AtomicU64 = AtomicU64::new(0);

fn wait(done: impl Fn() -> bool) -> Result<()> {
    let begun = Instant::now();
    while !done() {
        if begun.elapsed() > PATIENCE {
            return Err(Error::other("the streams do not begin"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// A record that one writer counts up.
#[derive(Default)]
struct Counted {
    counter: String,
    last: u64,
}

impl Counted {
    fn make(port: u16, key: &str) -> Result<String> {
        let answer = Wire::open(port, key)?.call("POST", "/api/counters", Some(&json!({})))?;
        Ok(answer.json().get("id").and_then(Value::as_str).unwrap_or_default().to_owned())
    }

    /// Counts until the server is gone; gives the last version that was acknowledged.
    fn count(&self, port: u16, key: &str) -> JoinHandle<u64> {
        let (path, key) = (format!("/api/counters/{}", self.counter), key.to_owned());
        std::thread::spawn(move || {
            let mut last = 0;
            let Ok(mut wire) = Wire::open(port, &key) else { return last };
            while let Ok(answer) = wire.call("PATCH", &path, Some(&json!({"count": {"add": 1}}))) {
                last = answer.json().get("version").and_then(Value::as_u64).unwrap_or(last);
            }
            last
        })
    }
}

/// What each must have heard in the end: the entries, and a version of the counter.
struct Aim {
    entries: Vec<String>,
    version: u64,
}

/// What one listener heard.
#[derive(Default)]
struct Heard {
    /// Ids of entries, with how often each came.
    entries: HashMap<String, u32>,
    /// The last number of each writer.
    numbers: BTreeMap<u64, u64>,
    version: u64,
    /// Events that come after later ones.
    reordered: usize,
    /// Versions that come twice on one connection.
    doubled: usize,
}

impl Heard {
    fn missing(&self, wanted: &Aim) -> usize {
        let lost = wanted.entries.iter().filter(|id| !self.entries.contains_key(*id)).count();
        lost + usize::from(self.version < wanted.version)
    }

    /// Notes an event; `new` are the ids of this connection.
    fn take(&mut self, event: &Value, new: &mut HashMap<String, u64>) {
        let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
        let record = event.get("record").unwrap_or(&Value::Null);
        let number = |name: &str| record.get(name).and_then(Value::as_u64).unwrap_or_default();
        let (id, version) = (text("id").to_owned(), number("version"));
        let before = new.insert(id.clone(), version);
        self.doubled += usize::from(before == Some(version));
        self.reordered += usize::from(before.is_some_and(|before| before > version));
        if text("topic") == "counters" {
            self.reordered += usize::from(version < self.version);
            self.version = version;
            return;
        }
        let known = self.entries.entry(id).or_default();
        *known += 1;
        if *known == 1 {
            let last = self.numbers.insert(number("writer"), number("number"));
            self.reordered += usize::from(last.is_some_and(|last| last >= number("number")));
        }
    }
}

/// An event as far as it came.
#[derive(Default)]
struct Event {
    name: String,
    cursor: Option<String>,
    data: Option<String>,
}

impl Event {
    fn line(&mut self, line: &str) {
        match line.split_once(": ") {
            Some(("event", name)) => name.clone_into(&mut self.name),
            Some(("id", cursor)) => self.cursor = Some(cursor.to_owned()),
            Some(("data", data)) => self.data = Some(data.to_owned()),
            _ => {}
        }
    }
}

/// Somebody who listens, is cut off now and then, and comes back with the cursor it has.
struct Listener {
    number: u32,
    port: Arc<AtomicU16>,
    key: String,
    stop: Arc<AtomicBool>,
    aim: Arc<OnceLock<Aim>>,
    cursor: String,
    heard: Heard,
}

impl Listener {
    fn start(
        number: u32,
        port: &Arc<AtomicU16>,
        key: &str,
        stop: &Arc<AtomicBool>,
        aim: &Arc<OnceLock<Aim>>,
    ) -> JoinHandle<Heard> {
        let mut listener = Self {
            number,
            port: Arc::clone(port),
            key: key.to_owned(),
            stop: Arc::clone(stop),
            aim: Arc::clone(aim),
            cursor: String::new(),
            heard: Heard::default(),
        };
        std::thread::spawn(move || {
            let mut connections = 0;
            while !listener.is_done() {
                connections += 1;
                // Whatever ends a connection, the next one goes on from the cursor.
                if listener.listen(connections).is_err() {
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
            listener.heard
        })
    }

    fn is_done(&self) -> bool {
        self.stop.load(Ordering::SeqCst) || self.aim.get().is_some_and(|aim| self.heard.missing(aim) == 0)
    }

    fn listen(&mut self, connections: u32) -> Result<()> {
        let stream = TcpStream::connect(("127.0.0.1", self.port.load(Ordering::SeqCst)))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let (key, cursor) = (&self.key, &self.cursor);
        let last = if cursor.is_empty() { String::new() } else { format!("last-event-id: {cursor}\r\n") };
        let request = format!(
            "GET /api/changes?topics=entries,counters HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n{last}\r\n"
        );
        (&stream).write_all(request.as_bytes())?;
        // Some connections live long, most are cut amid the events.
        let cut =
            (self.number + connections).is_multiple_of(3).then_some(40 + self.number * 7 + connections * 13);
        let (mut events, mut new, mut event) = (0, HashMap::new(), Event::default());
        let mut lines = BufReader::new(&stream);
        let mut line = String::new();
        lines.read_line(&mut line)?;
        if !std::mem::take(&mut line).starts_with("HTTP/1.1 200 ") {
            return Err(Error::other("no stream"));
        }
        stream.set_read_timeout(Some(Duration::from_millis(500)))?;
        loop {
            match lines.read_line(&mut line) {
                Ok(0) => return Ok(()),
                Ok(_) if line.ends_with('\n') => {}
                Ok(_) => continue,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if self.is_done() {
                        return Ok(());
                    }
                    continue;
                }
                Err(error) => return Err(error),
            }
            let read = std::mem::take(&mut line);
            // Only the lines of the chunked encoding end in CR.
            let Some(read) = read.strip_suffix('\n').filter(|read| !read.ends_with('\r')) else { continue };
            if !read.is_empty() {
                event.line(read);
                continue;
            }
            // An event counts when it is whole, and so does its cursor.
            let whole = std::mem::take(&mut event);
            if let Some(data) = &whole.data {
                self.take(&whole.name, data, &mut new)?;
                events += 1;
            }
            if let Some(cursor) = whole.cursor {
                self.cursor = cursor;
            }
            if cut.is_some_and(|cut| events >= cut) {
                return stream.shutdown(Shutdown::Both);
            }
            if self.is_done() {
                return Ok(());
            }
        }
    }

    fn take(&mut self, event: &str, data: &str, new: &mut HashMap<String, u64>) -> Result<()> {
        match event {
            "ready" if self.heard.entries.is_empty() && new.is_empty() => {
                READY.fetch_add(1, Ordering::SeqCst);
                Ok(())
            }
            "change" => {
                self.heard.take(&serde_json::from_str(data)?, new);
                Ok(())
            }
            "resync" => self.read_all(),
            _ => Ok(()),
        }
    }

    /// Too much was missed: the lists say it. They are sorted by when a record was made, which is not when it was
    /// committed, so the order of what comes is looked at anew.
    fn read_all(&mut self) -> Result<()> {
        self.heard.numbers.clear();
        let mut wire = Wire::open(self.port.load(Ordering::SeqCst), &self.key)?;
        let counters = wire.call("GET", "/api/counters", None)?.json();
        let version = counters.pointer("/items/0/version").and_then(Value::as_u64);
        self.heard.version = version.ok_or_else(|| Error::other("the counter is not answered"))?;
        let (mut address, first) = (String::new(), "/api/entries?limit=500&fields=writer,number");
        loop {
            let page = wire.call("GET", &format!("{first}{address}"), None)?;
            if page.status != 200 {
                return Err(Error::other("the lists are not answered"));
            }
            let page = page.json();
            for record in page.get("items").and_then(Value::as_array).into_iter().flatten() {
                let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
                // What is told of it after this is told again.
                self.heard.entries.entry(text("id").to_owned()).or_insert(1);
            }
            match page.get("next").and_then(Value::as_str) {
                Some(next) => address = format!("&cursor={next}"),
                None => return Ok(()),
            }
        }
    }
}
