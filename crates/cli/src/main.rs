//! The one binary: `mains [--site DIR] COMMAND`. Exit codes: 0 well, 1 failed, 2 wrong usage.

mod arguments;
mod settings;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let _arguments = arguments::Arguments::parse();
    ExitCode::SUCCESS
}
