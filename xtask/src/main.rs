//! The project's chores, `cargo xtask CHORE`: what keeps the tree tidy, and the starters of tests, benches and torture.
//!
//! Without dependencies, so that it compiles in a second. Exit codes: 0 well, 1 found something, 2 wrong usage.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to the terminal")]

mod starters;
mod tidy;
mod tree;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask CHORE

  tidy                         sizes, SQL and imports in their rooms, links in Markdown
  test [ARGUMENT…]             the Rust tests, on SQLite and on a PostgreSQL started for them
  packages [ARGUMENT…]         Debian's catalog in and out, on both databases; without arguments its committed slice,
                               with --whole all of it, fetched now
  bench [--quick] [--only …]   figures as ratios against peers, into bench/results/
  torture kill9|cut|crash|migrate|jobs|streams [ARGUMENT…]  crashes and power cuts under load";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((chore, rest)) = arguments.split_first() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match chore.as_str() {
        "tidy" => tidy::run(),
        "test" => starters::test(rest),
        "packages" => starters::packages(rest),
        "bench" => starters::bench(rest),
        "torture" => starters::torture(rest),
        _ => {
            eprintln!("xtask: there is no chore {chore:?}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}
