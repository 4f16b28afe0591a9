//! Crashes and power cuts under load: `cargo xtask torture kill9|cut|crash|migrate|…`. Exit 1 when an acknowledged write
//! is lost (or, for `cut --sync normal`, when none is: then the test proves nothing).

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it reports to the terminal")]

mod backup;
mod changers;
mod clients;
mod crash;
mod cut;
mod jobs;
mod kill9;
mod log;
mod migrate;
mod options;
mod site;
mod streams;
mod writers;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask torture kill9|cut|crash|migrate|jobs|streams|backup [--mains PROGRAM] [--rounds N] [--database sqlite|postgres] [--sync full|normal]

  kill9    kill -9 of the server under load, again and again; then all it acknowledged must be there, and the log say
           the same as the tables
  streams  the same while 50 listen, whose connections are killed too, and PostgreSQL under the server; they must hear
           all, in order, once
  cut      kill9 with a disk (FUSE) that drops or tears what was not synced; with --sync normal it must lose
  crash    PostgreSQL killed or stopped at once, again and again, while the server goes on: nothing lost or doubled, 503
           in the meantime, and it comes back by itself
  migrate  kill -9 of `mains migrate` at many moments: the old schema or the new one, and a second run finishes
  backup   kill -9 of `mains backup` and `mains restore`, served and not: a backup that has its name is whole, a site is
           the old one or the restored one
  jobs     kill -9 of a process that does jobs, while its clock is set forward and back; each effect once by its key";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [disk, place] = arguments.as_slice()
        && disk == "disk"
    {
        // For tests: see `cut::remote`.
        return match cut::remote::serve(place.as_ref()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("torture: {error}");
                ExitCode::from(1)
            }
        };
    }
    if let [worker, place, clock, round] = arguments.as_slice()
        && worker == "jobs-worker"
    {
        // The process that `jobs` kills.
        return match jobs::work(place, clock.parse().unwrap_or_default(), round) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("torture: {error}");
                ExitCode::from(1)
            }
        };
    }
    let Some((which, options)) = options::parse(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let done = match which {
        options::Which::Kill9 => kill9::run(&options),
        options::Which::Cut => cut::run(&options),
        options::Which::Crash => crash::run(&options),
        options::Which::Migrate => migrate::run(&options),
        options::Which::Jobs => jobs::run(&options),
        options::Which::Streams => streams::run(&options),
        options::Which::Backup => backup::run(&options),
    };
    match done {
        Ok(report) => {
            println!("{report}");
            if report.is_good { ExitCode::SUCCESS } else { ExitCode::from(1) }
        }
        Err(error) => {
            eprintln!("torture: {error}");
            ExitCode::from(1)
        }
    }
}
