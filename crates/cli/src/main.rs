//! The one binary: `mains [--site DIR] COMMAND`. Exit codes: 0 well, 1 failed, 2 wrong usage.

mod apps;
mod archive;
mod arguments;
mod backend;
mod commands;
mod control;
mod files;
mod jobs;
mod logs;
mod operations;
mod pages;
mod settings;
mod site;
mod talk;

use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use mains_base::Result;

use arguments::{Arguments, Command};
use backend::Backend;
use settings::Settings;
use site::Trouble;
use talk::Talk;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    keep_pages_small();
    let arguments = Arguments::parse();
    let talk = Talk::new(arguments.color);
    match run(arguments, talk) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(trouble) if talk::is_enough(&trouble) => ExitCode::SUCCESS,
        Err(trouble) => {
            talk.trouble(&trouble);
            ExitCode::FAILURE
        }
    }
}

/// Takes memory in pages of 4 kB. A buffer that waits for a client is hardly ever full, and in huge pages its empty part
/// is resident too: an idle stream took 30 kB instead of 17. Requests took no more CPU without them.
fn keep_pages_small() {
    // Where the system does not let us, more is resident and all else the same.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

/// Runs the command; false when it found something wrong and has said so.
fn run(arguments: Arguments, talk: Talk) -> Result<bool, Trouble> {
    let folder = arguments.site;
    match arguments.command {
        Command::New(new) => commands::new::run(&new.name, new.accounts, talk)?,
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "mains", &mut std::io::stdout());
        }
        Command::Check => {
            let settings = settings::read(&folder).map_err(Trouble::Settings)?;
            commands::check::run(&folder, &settings, talk)?;
        }
        Command::Doctor => return Ok(commands::doctor::run(&folder, talk)?),
        Command::Serve(serve) => {
            let settings = production(&folder, serve.listen.as_deref())?;
            commands::serve::run(&folder, settings, talk)?;
        }
        Command::Dev(serve) => {
            let settings = listening(&folder, serve.listen.as_deref())?;
            logs::start_short(&settings.log, talk.is_colored());
            commands::dev::run(&folder, &settings, serve.listen.as_deref(), talk)?;
        }
        Command::Migrate(migrate) => {
            let settings = settings::read(&folder).map_err(Trouble::Settings)?;
            commands::migrate::run(&folder, &settings, migrate, talk)?;
        }
        Command::Import(import) => on_site(&folder, |backend| commands::import::run(backend, &import, talk))?,
        Command::Export(export) => on_site(&folder, |backend| commands::export::run(backend, &export, talk))?,
        Command::Followers(followers) => {
            on_site(&folder, |backend| commands::followers::run(backend, &followers, talk))?;
        }
        Command::Backup(backup) => on_site(&folder, |backend| commands::backup::run(backend, &backup, talk))?,
        Command::Restore(restore) => {
            let settings = settings::read(&folder).map_err(Trouble::Settings)?;
            commands::restore::run(&folder, &settings, &restore, talk)?;
        }
        Command::Jobs(jobs) => on_site(&folder, |backend| commands::jobs::run(backend, &jobs, talk))?,
        Command::Mails { id } => {
            on_site(&folder, |backend| commands::mails::run(backend, id.as_deref(), talk))?;
        }
        Command::Accounts(accounts) => {
            on_site(&folder, |backend| commands::accounts::run(backend, accounts, talk))?;
        }
        Command::Keys(keys) => on_site(&folder, |backend| commands::keys::run(backend, &keys, talk))?,
    }
    Ok(true)
}

/// The settings of a site that is about to be served, with its log begun.
fn production(folder: &Path, listen: Option<&str>) -> Result<Settings, Trouble> {
    let settings = listening(folder, listen)?;
    logs::start(&settings.log);
    Ok(settings)
}

/// The settings of a site that is about to be served.
fn listening(folder: &Path, listen: Option<&str>) -> Result<Settings, Trouble> {
    let mut settings = settings::read(folder).map_err(Trouble::Settings)?;
    settings.listen(listen).map_err(Trouble::Settings)?;
    Ok(settings)
}

/// Runs a command on the site, served or not.
fn on_site(folder: &Path, act: impl FnOnce(&mut Backend) -> Result<()>) -> Result<(), Trouble> {
    let settings = settings::read(folder).map_err(Trouble::Settings)?;
    let mut backend = Backend::open(folder, settings)?;
    let done = act(&mut backend);
    backend.close();
    Ok(done?)
}
