//! The program's own log: structured lines on stderr.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::settings::Log;

/// Begins to log. Levels of single modules can be written as in `info,mains_database=debug`.
pub(crate) fn start(log: &Log) {
    let filter = EnvFilter::new(&log.level);
    let lines =
        fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let begun =
        if log.format == "json" { lines.json().try_init() } else { lines.with_target(false).try_init() };
    drop(begun);
}
