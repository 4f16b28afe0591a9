//! Reads beside a flood of sign-ins from many networks.

use std::io::{Error, Read, Result, Write};
use std::net::TcpStream;
use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};
use std::time::{Duration, Instant};

use super::{Setting, spread};
use crate::load::{get, post};
use crate::ours::{COLLECTION, SETTINGS, Site, id_of};
use crate::process::Server;
use crate::report::Figure;

const RECORDS: u64 = 1_000;
/// Who tries passwords at once, more than may wait for a comparison, and how long each takes at least for a try.
const INTRUDERS: u64 = 128;
const PAUSE: Duration = Duration::from_millis(250);
const STEP: Duration = Duration::from_millis(5);

/// What the intruders were told.
#[derive(Default)]
struct Told {
    compared: AtomicU64,
    shed: AtomicU64,
    /// How many of them wait for an answer.
    waiting: AtomicU64,
}

impl Told {
    /// Waits until every intruder has its answer, so that no comparison runs beside the reads alone.
    fn run_dry(&self) {
        while self.waiting.load(SeqCst) > 0 {
            std::thread::sleep(STEP);
        }
    }
}

/// The rate of reads beside the flood against the rate without, by turns.
pub(crate) fn measure(setting: &Setting) -> Result<Vec<Figure>> {
    let folder = tempfile::tempdir_in(&setting.folder)?;
    let settings = format!("{SETTINGS}trusted_proxies = [\"127.0.0.1\"]\n[apps]\nenabled = [\"accounts\"]\n");
    let files = [("mains.toml", settings.as_str()), ("collections/posts.toml", COLLECTION)];
    let site = Site::of(&setting.mains, folder.path(), &files)?;
    site.fill(RECORDS)?;
    let server = site.serve()?;
    let header = site.header();
    let reads = |number| get(&format!("/api/posts/{}", id_of(spread(number, RECORDS))), &header);
    let (told, flooding, done) = (Told::default(), AtomicBool::new(false), AtomicBool::new(false));
    let (alone, beside) = std::thread::scope(|scope| {
        let intruders: Vec<_> = (0..INTRUDERS)
            .map(|number| {
                let (server, told, flooding, done) = (&server, &told, &flooding, &done);
                scope.spawn(move || flood(server, number, told, (flooding, done)))
            })
            .collect();
        let measured = setting.by_halves(&server, &reads, |on| {
            flooding.store(on, SeqCst);
            if !on {
                told.run_dry();
            }
        });
        done.store(true, SeqCst);
        for intruder in intruders {
            intruder.join().map_err(|_| Error::other("an intruder failed"))??;
        }
        measured
    })?;
    let seconds = setting.round.as_secs_f64() * setting.rounds as f64;
    let rate = |count: &AtomicU64| count.load(Relaxed) as f64 / seconds;
    Ok(vec![Figure {
        name: "flood",
        peer: "reads alone".to_owned(),
        unit: "/s",
        ours: beside.per_second,
        theirs: alone.per_second,
        goal: 0.6,
        at_most: false,
        notes: format!(
            "reads {}; alone {}; sign-ins beside them: {:.0}/s compared, {:.0}/s turned away with 429 or 503",
            beside.words(),
            alone.words(),
            rate(&told.compared),
            rate(&told.shed)
        ),
    }])
}

/// Tries passwords while the flood is on.
fn flood(
    server: &Server,
    intruder: u64,
    told: &Told,
    (flooding, done): (&AtomicBool, &AtomicBool),
) -> Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port))?;
    stream.set_nodelay(true)?;
    let mut tries = 0;
    while !done.load(SeqCst) {
        let begun = Instant::now();
        told.waiting.fetch_add(1, SeqCst);
        let answer = flooding.load(SeqCst).then(|| {
            tries += 1;
            try_password(&mut stream, spread(intruder * 1_000_000 + tries, 1 << 22))
        });
        told.waiting.fetch_sub(1, SeqCst);
        match answer.transpose()? {
            None => {}
            Some(422 | 401 | 403) => {
                told.compared.fetch_add(1, Relaxed);
            }
            Some(429 | 503) => {
                told.shed.fetch_add(1, Relaxed);
            }
            Some(other) => return Err(Error::other(format!("a sign-in was answered {other}"))),
        }
        std::thread::sleep(PAUSE.saturating_sub(begun.elapsed()));
    }
    Ok(())
}

/// The status of a sign-in that fails.
fn try_password(stream: &mut TcpStream, network: u64) -> Result<u16> {
    let header =
        format!("x-forwarded-for: 11.{}.{}.{}\r\n", network >> 16, network >> 8 & 255, network & 255);
    let body = format!(r#"{{"email":"somebody{network}@example.org","password":"guess number {network}"}}"#);
    stream.write_all(&post("/api/accounts/sign-in", &header, &body))?;
    let mut answer = [0; 8192];
    let length = stream.read(&mut answer)?;
    let status = answer.get(9..12).filter(|_| length > 12).map(String::from_utf8_lossy);
    status.and_then(|status| status.parse().ok()).ok_or_else(|| Error::other("an intruder was cut off"))
}
