//! The figures of Mains as ratios against peers and limits, in one run on one machine: `cargo xtask bench`.
//! Exit 1 when one is short.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench reports to the terminal")]

mod about;
mod callers;
mod figures;
mod inside;
mod load;
mod ours;
mod peers;
mod process;
mod report;

use std::io::{Error, Result};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use figures::{Entry, Setting};
use mains_base::{Clock, SystemClock};
use report::{Figure, Taken};
use serde_json::json;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "usage: cargo xtask bench [--quick] [--only NAME,NAME…]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["peer-hyper", port] => return peer(port),
        [] => run(false, None),
        ["--quick"] => run(true, None),
        ["--only", names] => run(false, Some(names)),
        ["--quick", "--only", names] | ["--only", names, "--quick"] => run(true, Some(names)),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::from(1)
        }
    }
}

fn peer(port: &str) -> ExitCode {
    let (title, body) = ours::content(4711);
    let id = ours::id_of(4711);
    let when = "2026-01-01T00:00:00.000000Z";
    let record = json!({
        "id": id, "created": when, "updated": when, "version": 1, "title": title, "body": body, "views": 711, "public": false,
    });
    let served = peers::hyper::serve(port.parse().unwrap_or(0), record.to_string());
    if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

/// Measures what is asked for; whether all goals are met.
fn run(quick: bool, only: Option<&str>) -> Result<bool> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned();
    let wanted = wanted(only)?;
    let setting = prepare(&root, quick)?;
    let programs = wanted.iter().any(|entry| entry.programs);
    if programs {
        get_programs(&root, &setting)?;
    }
    let about = about::machine(&setting, programs)?;
    println!("{about}");
    let commit = about::commit(&root)?;
    let mut all = Vec::new();
    for entry in wanted {
        for taken in take(entry, &setting, &commit)? {
            taken.print();
            all.push(taken);
        }
    }
    let stamp = if quick { "quick" } else { "latest" };
    report::keep(&root.join("bench/results"), stamp, &about, &all)?;
    Ok(all.iter().all(|taken| taken.figure.met()))
}

/// Measures one entry, with the disk's latency beside what is durable.
fn take(entry: &Entry, setting: &Setting, commit: &str) -> Result<Vec<Taken>> {
    let before = about::fdatasync(&setting.folder)?;
    let figures = (entry.measure)(setting)?;
    let after = about::fdatasync(&setting.folder)?;
    let taken = |figure: Figure| {
        let syncs = figure.is_durable().then_some([before, after]);
        Taken { figure, commit: commit.to_owned(), at: SystemClock.now().to_string(), syncs }
    };
    Ok(figures.into_iter().map(taken).collect())
}

fn wanted(only: Option<&str>) -> Result<Vec<&'static Entry>> {
    let Some(names) = only else { return Ok(figures::ALL.iter().collect()) };
    let find = |name: &str| {
        figures::ALL.iter().find(|entry| entry.name == name).ok_or_else(|| {
            let known: Vec<&str> = figures::ALL.iter().map(|entry| entry.name).collect();
            Error::other(format!("there is no figure {name:?}, but {}; {USAGE}", known.join(", ")))
        })
    };
    names.split(',').map(find).collect()
}

fn prepare(root: &Path, quick: bool) -> Result<Setting> {
    let folder = root.join("target/bench");
    std::fs::create_dir_all(&folder)?;
    Ok(Setting {
        root: root.to_owned(),
        mains: root.join("target/dist/mains"),
        pocketbase: root.join("target/pocketbase/bin/pocketbase"),
        folder,
        round: Duration::from_secs(if quick { 2 } else { 8 }),
        rounds: 3,
        many: if quick { 100_000 } else { 1_000_000 },
    })
}

/// Builds and installs what figures over HTTP start.
fn get_programs(root: &Path, setting: &Setting) -> Result<()> {
    let built = Command::new("cargo")
        .args(["build", "--quiet", "--profile", "dist", "--package", "mains"])
        .current_dir(root)
        .status()?;
    if !built.success() {
        return Err(Error::other("mains does not build"));
    }
    peers::pocketbase::install(&setting.pocketbase)
}
