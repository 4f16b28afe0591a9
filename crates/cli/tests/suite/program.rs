//! Starts the binary and looks at what it says.

use std::path::Path;
use std::process::{Command, Output};

/// The program, on the site in `folder`.
pub(crate) fn mains(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mains"));
    command.arg("--site").arg(folder).args(arguments).env("MAINS_LOG_LEVEL", "error");
    command.output().unwrap()
}

/// What it printed on stdout, when it went well.
pub(crate) fn out(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A port that is free now.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
