//! `mains backup PATH`: one state of the database in a file, while the site is served or not.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use mains_base::{Clock, Result, SystemClock};
use serde_json::Value;

use super::text;
use crate::arguments;
use crate::backend::Backend;
use crate::operations::Operation;
use crate::talk::Talk;

/// Between two looks at how far it is.
const STEP: Duration = Duration::from_millis(50);

/// Makes it, and says what is in it.
pub(crate) fn run(backend: &mut Backend, arguments: &arguments::Backup, talk: Talk) -> Result<()> {
    let to = target(&arguments.path)?;
    advise(backend, talk)?;
    backend.ask(Operation::BackupBegin { to: to.clone(), rows: arguments.rows })?;
    let bar = bar();
    let made = loop {
        let looked = backend.ask(Operation::BackupLook);
        let looked = looked.inspect_err(|_| bar.finish_and_clear())?;
        let number = |name: &str| looked.get(name).and_then(Value::as_u64).unwrap_or_default();
        bar.set_length(number("total"));
        bar.set_position(number("done"));
        match looked.get("made") {
            Some(made) if !made.is_null() => break made.clone(),
            _ => std::thread::sleep(STEP),
        }
    };
    bar.finish_and_clear();
    let number = |name: &str| made.get(name).and_then(Value::as_u64).unwrap_or_default();
    let rows = match number("tables") {
        0 => "the database as SQLite's own file".to_owned(),
        tables => format!("{} rows of {tables} tables", number("rows")),
    };
    talk.say(&format!(
        "{rows}, up to position {} of the log, {} bytes, read back and whole.",
        number("position"),
        number("bytes")
    ));
    talk.print(&to.display().to_string())
}

/// The file; in a folder one is named after the time.
fn target(path: &Path) -> Result<PathBuf> {
    // The server has another folder of its own, so the path is said in full.
    let path = std::path::absolute(path)?;
    if !path.is_dir() {
        return Ok(path);
    }
    let now = SystemClock.now().to_string();
    let time: String = now.chars().filter(char::is_ascii_digit).take(14).collect();
    Ok(path.join(format!("mains-{time}.tar")))
}

/// On PostgreSQL: what its own tools do better, and whether they are set up.
fn advise(backend: &mut Backend, talk: Talk) -> Result<()> {
    let found = backend.ask(Operation::BackupPostgres)?;
    if found.is_null() {
        return Ok(());
    }
    let version = text(&found, "version");
    let dump = Command::new("pg_dump").arg("--version").output().ok().filter(|done| done.status.success());
    let dump = dump.map(|done| String::from_utf8_lossy(&done.stdout).trim().to_owned());
    talk.say(
        "This writes rows that restore on either database. For large databases, PostgreSQL's own tools:",
    );
    talk.say(&match dump {
        Some(dump) => format!("  pg_dump, one database: here is {dump}, for the server's {version}."),
        None => {
            format!("  pg_dump, one database: not installed here; take that of version {version} or later.")
        }
    });
    talk.say(&match text(&found, "archive_mode") {
        "off" => "  pg_basebackup with archived WAL, back to any moment: archive_mode is off on this server."
            .to_owned(),
        mode => format!("  pg_basebackup with archived WAL, back to any moment: archive_mode is {mode}."),
    });
    Ok(())
}

fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {human_pos} of {human_len} rows");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}
