//! `with-postgres COMMAND…`: runs a command beside a PostgreSQL server of its own, named by `MAINS_TEST_POSTGRES`.
//! Ends as the command does.

#![expect(clippy::print_stderr, reason = "it talks to the terminal")]

use std::process::{Command, ExitCode};

use mains_testkit::postgres::{Disk, Server};
use mains_testkit::server::VARIABLE;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(program) = arguments.next() else {
        eprintln!("usage: with-postgres COMMAND [ARGUMENT…]");
        return ExitCode::from(2);
    };
    if std::env::var_os(VARIABLE).is_some() {
        return run(Command::new(program).args(arguments));
    }
    match Server::start(Disk::Volatile) {
        Ok(server) => run(Command::new(program).args(arguments).env(VARIABLE, server.url())),
        Err(sentence) => {
            eprintln!("with-postgres: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &mut Command) -> ExitCode {
    match command.status() {
        Ok(status) => ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
        Err(error) => {
            eprintln!("with-postgres: cannot start the command: {error}");
            ExitCode::from(127)
        }
    }
}
