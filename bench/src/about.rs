//! What figures were measured on: the machine, the versions, the commit, the disk's latency.

use std::io::{Error, Result, Write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use crate::figures::Setting;
use crate::report::median;

/// The machine and the versions; of the programs, too, when figures start them.
pub(crate) fn machine(setting: &Setting, programs: bool) -> Result<Value> {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let mut about = json!({
        "cpu": model.trim_start_matches([' ', '\t', ':']),
        "cores": std::thread::available_parallelism()?.get(),
        "connections": 64,
        "postgresql": mains_testkit::postgres::version().map_err(Error::other)?,
    });
    if let (Value::Object(entries), true) = (&mut about, programs) {
        for (name, program) in [("mains", &setting.mains), ("pocketbase", &setting.pocketbase)] {
            entries.insert(name.to_owned(), Value::from(said(program, &["--version"])?));
        }
    }
    Ok(about)
}

/// The commit that is checked out, `-dirty` when the tree holds more than it. Kept results do not count.
pub(crate) fn commit(root: &Path) -> Result<String> {
    let root = root.to_string_lossy();
    let hash = said(Path::new("git"), &["-C", &root, "rev-parse", "--short=10", "HEAD"])?;
    let changed =
        said(Path::new("git"), &["-C", &root, "status", "--porcelain", "--", ".", ":!bench/results"])?;
    Ok(if changed.is_empty() { hash } else { format!("{hash}-dirty") })
}

/// What a program prints.
fn said(program: &Path, arguments: &[&str]) -> Result<String> {
    let done = Command::new(program).args(arguments).output()?;
    if !done.status.success() {
        let why = String::from_utf8_lossy(&done.stderr).trim().to_owned();
        return Err(Error::other(format!("{} {}: {why}", program.display(), arguments.join(" "))));
    }
    Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned())
}

/// Median latency of appending a page and `fdatasync`, in microseconds.
pub(crate) fn fdatasync(folder: &Path) -> Result<f64> {
    let mut file = tempfile::tempfile_in(folder)?;
    let mut times = Vec::new();
    for _ in 0..200 {
        file.write_all(&[7; 4096])?;
        let begun = Instant::now();
        file.sync_data()?;
        times.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    Ok(median(times).round())
}
