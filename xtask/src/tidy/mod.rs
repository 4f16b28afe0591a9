//! `cargo xtask tidy`: what no compiler checks and every reader minds.

mod codes;
mod functions;
mod imports;
mod links;
mod sizes;
mod sql;

use std::process::ExitCode;

use crate::tree;

/// Looks at the tree and says what is to be mended, a line each.
type Check = fn(&[tree::File]) -> Vec<String>;

/// Checks everything and prints what it found, a line each.
pub(crate) fn run() -> ExitCode {
    let files = match tree::files() {
        Ok(files) => files,
        Err(problem) => {
            eprintln!("tidy: {problem}");
            return ExitCode::from(1);
        }
    };
    let checks: [Check; 6] =
        [sizes::check, functions::check, sql::check, imports::check, links::check, codes::check];
    let found: Vec<String> = checks.iter().flat_map(|check| check(&files)).collect();
    for line in &found {
        println!("{line}");
    }
    if found.is_empty() {
        println!("tidy: {} files, nothing to mend", files.len());
        return ExitCode::SUCCESS;
    }
    println!("tidy: {} things to mend", found.len());
    ExitCode::from(1)
}
