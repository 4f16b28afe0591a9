//! Starts what lives in crates of its own: the test command with its PostgreSQL, benches, torture.

use std::process::{Command, ExitCode};

use crate::tree;

/// All Rust tests, inside a PostgreSQL server that lives as long as they do.
pub(crate) fn test(arguments: &[String]) -> ExitCode {
    let mut command =
        cargo(&["run", "--quiet", "--package", "mains-testkit", "--bin", "with-postgres", "--"]);
    command.args(["cargo", "test"]).args(arguments);
    run(command)
}

/// The bench crate, optimized.
pub(crate) fn bench(arguments: &[String]) -> ExitCode {
    let mut command = cargo(&["run", "--quiet", "--profile", "dist", "--package", "mains-bench", "--"]);
    command.args(arguments);
    run(command)
}

/// The torture crate.
pub(crate) fn torture(arguments: &[String]) -> ExitCode {
    let mut command = cargo(&["run", "--quiet", "--package", "mains-torture", "--"]);
    command.args(arguments);
    run(command)
}

/// The packages example over its committed slice, on both databases.
pub(crate) fn packages(arguments: &[String]) -> ExitCode {
    let mut command =
        cargo(&["run", "--quiet", "--package", "mains-testkit", "--bin", "with-postgres", "--"]);
    command.args([
        "python3",
        "examples/packages/check.py",
        "--mains",
        "target/debug/mains",
        "--postgres",
        "env",
    ]);
    if arguments.is_empty() {
        command.args(["--catalog", "examples/packages/slice.txt.gz"]);
    }
    command.args(arguments);
    run(command)
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(tree::root()).args(arguments);
    command
}

fn run(mut command: Command) -> ExitCode {
    match command.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(status) => ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)),
        Err(error) => {
            eprintln!("xtask: cannot start {command:?}: {error}");
            ExitCode::from(1)
        }
    }
}
