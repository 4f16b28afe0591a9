//! How soon the Corner Shop answers after its start, and what it takes while nobody asks.

use std::io::{Error, Read, Result, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::Setting;
use super::pages::shop;
use crate::process::Server;
use crate::report::{Figure, median};

/// Starts that are measured.
const STARTS: usize = 9;
/// How long nobody asks before memory is read.
const QUIET: Duration = Duration::from_secs(2);
/// The bars.
const MILLISECONDS: f64 = 200.0;
const MEGABYTES: f64 = 40.0;

/// Both.
pub(crate) fn measure(setting: &Setting) -> Result<Vec<Figure>> {
    let folder = tempfile::tempdir_in(&setting.folder)?;
    let site = shop(&setting.root, folder.path())?;
    // The first start makes the tables and the seeds.
    drop(started(setting, &site)?);
    let (mut times, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let (server, took) = started(setting, &site)?;
        times.push(took.as_secs_f64() * 1e3);
        std::thread::sleep(QUIET);
        memory.push(server.memory() as f64 / 1e6);
    }
    let figure = |name, unit, ours, theirs, notes: &str| Figure {
        name,
        peer: "bar".to_owned(),
        unit,
        ours,
        theirs,
        goal: 1.0,
        at_most: true,
        notes: notes.to_owned(),
    };
    Ok(vec![
        figure(
            "start",
            "ms",
            median(times),
            MILLISECONDS,
            "from the start to the whole front page, accounts enabled",
        ),
        figure("at-rest", "MB", median(memory), MEGABYTES, "resident, two seconds after that answer"),
    ])
}

/// A server, and how long it took to its first answer.
fn started(setting: &Setting, site: &Path) -> Result<(Server, Duration)> {
    let begun = Instant::now();
    let mut command = Command::new(&setting.mains);
    command.arg("--site").arg(site).args(["serve", "--listen", "127.0.0.1:0"]).env("MAINS_LOG_LEVEL", "warn");
    let server = Server::start_told(command)?;
    let mut stream = TcpStream::connect(("127.0.0.1", server.port))?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    if !answer.starts_with(b"HTTP/1.1 200") || !answer.trim_ascii_end().ends_with(b"</html>") {
        return Err(Error::other("the front page is not whole"));
    }
    Ok((server, begun.elapsed()))
}
