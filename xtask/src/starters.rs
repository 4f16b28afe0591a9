//! Starts what lives in crates of its own: the test command with its PostgreSQL, benches, torture.

use std::process::{Command, ExitCode};

use crate::tree;

/// All Rust tests, inside a PostgreSQL server that lives as long as they do.
pub(crate) fn test(arguments: &[String]) -> ExitCode {
    let mut command = Command::new("target/debug/with-postgres");
    command.args(["cargo", "test"]).args(arguments);
    built(command)
}

/// The bench crate, optimized.
pub(crate) fn bench(arguments: &[String]) -> ExitCode {
    let mut command = Command::new("cargo");
    command.args(["run", "--quiet", "--profile", "dist", "--package", "mains-bench", "--"]).args(arguments);
    run(command)
}

/// The torture crate, on the program as it is built for tests.
pub(crate) fn torture(arguments: &[String]) -> ExitCode {
    let mut command = Command::new("target/debug/mains-torture");
    command.args(arguments);
    built(command)
}

/// The packages example on both databases: over its committed slice, or with `--whole` over all that Debian has, in an
/// optimized program, since that looks at the rate, too.
pub(crate) fn packages(arguments: &[String]) -> ExitCode {
    let whole = arguments.iter().any(|argument| argument == "--whole");
    let program = if whole { "target/release/mains" } else { "target/debug/mains" };
    let mut command = Command::new("target/debug/with-postgres");
    command.args(["python3", "examples/packages/check.py", "--mains", program, "--postgres", "env"]);
    if arguments.is_empty() {
        command.args(["--catalog", "examples/packages/slice.txt.gz"]);
    }
    command.args(arguments);
    if whole {
        let mut build = Command::new("cargo");
        build.args(["build", "--quiet", "--release", "--package", "mains"]);
        let done = run(build);
        if done != ExitCode::SUCCESS {
            return done;
        }
    }
    built(command)
}

/// Runs a program of the workspace after building all of it at once, so that everything is compiled with the same features.
fn built(command: Command) -> ExitCode {
    let mut build = Command::new("cargo");
    build.args(["build", "--quiet"]);
    match run(build) {
        ExitCode::SUCCESS => run(command),
        failed => failed,
    }
}

fn run(mut command: Command) -> ExitCode {
    match command.current_dir(tree::root()).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(status) => ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)),
        Err(error) => {
            eprintln!("xtask: cannot start {command:?}: {error}");
            ExitCode::from(1)
        }
    }
}
