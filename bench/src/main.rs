//! The figures of Mains as ratios against peers and limits, in one run on one machine: `cargo xtask bench`.
//! Exit 1 when one is short.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench reports to the terminal")]

mod callers;
mod figures;
mod inside;
mod listeners;
mod load;
mod ours;
mod peers;
mod process;
mod report;

use std::io::{Error, Result, Write};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use figures::{Entry, Setting};
use serde_json::{Value, json};

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
    let Value::Object(mut about) = about(&setting)? else { return Err(Error::other("nothing to say")) };
    if wanted.iter().any(|entry| entry.programs) {
        get_programs(&root, &setting)?;
        let versions = [("mains", version(&setting.mains)?), ("pocketbase", version(&setting.pocketbase)?)];
        let versions = versions.map(|(name, version)| (name.to_owned(), Value::from(version)));
        about.extend(versions);
    }
    let about = Value::Object(about);
    println!("{about}");
    let mut all = Vec::new();
    for entry in wanted {
        for figure in (entry.measure)(&setting)? {
            figure.print();
            all.push(figure);
        }
    }
    let stamp = if quick { "quick" } else { "latest" };
    report::keep(&root.join("bench/results"), stamp, &about, &all)?;
    Ok(all.iter().all(report::Figure::met))
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

fn version(program: &Path) -> Result<String> {
    let done = Command::new(program).arg("--version").output()?;
    Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned())
}

/// What the figures were measured on.
fn about(setting: &Setting) -> Result<Value> {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    Ok(json!({
        "cpu": model.trim_start_matches([' ', '\t', ':']),
        "cores": std::thread::available_parallelism()?.get(),
        "connections": 64,
        "fdatasync_us": fdatasync(&setting.folder)?,
    }))
}

/// Median latency of appending a page and `fdatasync`, in microseconds.
fn fdatasync(folder: &Path) -> Result<f64> {
    let mut file = tempfile::tempfile_in(folder)?;
    let mut times = Vec::new();
    for _ in 0..200 {
        file.write_all(&[7; 4096])?;
        let begun = Instant::now();
        file.sync_data()?;
        times.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    Ok(report::median(times).round())
}
