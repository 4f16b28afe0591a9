//! The command line, `mains [--site DIR] COMMAND`, as types.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// The whole backend of a web site or an app in one program.
#[derive(Debug, Parser)]
#[command(name = "mains", version, arg_required_else_help = true, disable_help_subcommand = true)]
#[command(
    after_help = "A new site in two commands: mains new my-site, then mains --site my-site dev.\nExit codes: 0 well, 1 failed, 2 wrong usage."
)]
pub(crate) struct Arguments {
    /// Folder of the site.
    #[arg(long, value_name = "DIR", default_value = ".", global = true)]
    pub(crate) site: PathBuf,

    /// Colors: auto (on a terminal), always or never.
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto, global = true, hide_possible_values = true)]
    pub(crate) color: Color,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// When messages are colored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a new site in a folder of its own.
    New(New),
    /// Serve the site and follow every change of its files.
    Dev(Serve),
    /// Serve the site in production.
    Serve(Serve),
    /// Check the site's files without starting it.
    Check,
    /// Bring the database to what the files declare.
    Migrate(Migrate),
    /// Import records from JSON Lines or CSV.
    Import(Import),
    /// Export records as JSON Lines or CSV.
    Export(Export),
    /// Accounts: list, create, roles, reset, deactivate.
    #[command(subcommand)]
    Accounts(Accounts),
    /// API keys: create, list, revoke.
    #[command(subcommand)]
    Keys(Keys),
    /// Named readers of the changes: list them, drop one.
    #[command(subcommand)]
    Followers(Followers),
    /// Copy the database into a file, also while the site is served.
    Backup(Backup),
    /// Make a backup the site's database.
    Restore(Restore),
    /// Jobs: list, schedules, retry, drop.
    #[command(subcommand)]
    Jobs(Jobs),
    /// List the mails that `mains dev` kept instead of sending them, or print one.
    Mails {
        /// The id, as the list shows it.
        id: Option<String>,
    },
    /// Look at settings, database, disk, clock and ports; say what is wrong and what to do.
    Doctor,
    /// Print completions for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// `mains new`
#[derive(Debug, Args)]
pub(crate) struct New {
    /// Name of the folder to make.
    #[arg(value_name = "NAME")]
    pub(crate) name: PathBuf,
    /// With people: sign-up, sign-in, profile, sessions.
    #[arg(long)]
    pub(crate) accounts: bool,
}

/// `mains serve`, `mains dev`
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) listen: Option<String>,
}

/// `mains migrate`
#[derive(Debug, Args)]
pub(crate) struct Migrate {
    /// Print the plan and change nothing.
    #[arg(long)]
    pub(crate) plan: bool,
    /// Let go of a collection or field that is no longer declared, with all it holds. May be given several times.
    #[arg(long = "drop", value_name = "NAME")]
    pub(crate) drops: Vec<String>,
}

/// `mains import`
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Collection to import into.
    pub(crate) collection: String,
    /// A .jsonl or .csv file, or - for JSON Lines from a pipe.
    #[arg(value_name = "FILE")]
    pub(crate) file: String,
    /// Give up an import that was stopped, and begin at the first line.
    #[arg(long)]
    pub(crate) fresh: bool,
}

/// `mains export`
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Collection to export.
    pub(crate) collection: String,
    /// Write to this file; .csv makes CSV. Absent: print JSON Lines.
    #[arg(long, value_name = "FILE")]
    pub(crate) to: Option<PathBuf>,
    /// Only these fields, as a,b or all but -a,-b.
    #[arg(long, value_name = "FIELDS", allow_hyphen_values = true)]
    pub(crate) fields: Option<String>,
}

/// `mains keys`
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make a key; it is printed once, alone.
    Create {
        /// Role of whoever uses it; `staff` has every right. May be given several times.
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<String>,
        /// What it is for, to be seen in the list.
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
        /// When it ends: a day (its first moment, UTC) or an instant, such as 2027-01-31 or 2027-01-31T09:30:00Z.
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// List the keys; the secrets are not stored and cannot be shown.
    List,
    /// Revoke a key by its id.
    Revoke {
        /// The id, as `keys list` shows it.
        id: String,
    },
}

/// `mains followers`
#[derive(Debug, Subcommand)]
pub(crate) enum Followers {
    /// List them, with how many changes each has yet to read.
    List,
    /// Drop one that nobody runs any more, so that the changes kept for it may go.
    Drop {
        /// Its name, as `followers list` shows it.
        name: String,
    },
}

/// `mains backup`
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The file to make; in a folder one is named after the time.
    #[arg(value_name = "FILE|DIR")]
    pub(crate) path: PathBuf,
    /// Write rows that restore on either database, also where the database is one file.
    #[arg(long)]
    pub(crate) rows: bool,
}

/// `mains restore`
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// A file that `mains backup` made.
    pub(crate) file: PathBuf,
    /// Lose the records that the site has now.
    #[arg(long)]
    pub(crate) replace: bool,
}

/// `mains jobs`
#[derive(Debug, Subcommand)]
pub(crate) enum Jobs {
    /// List jobs, the newest first: those that wait, run or were given up.
    List {
        /// Only those that are waiting, running, done or dead.
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
        /// Only those of this name.
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
    /// List the schedules with their next slots.
    Schedules,
    /// Begin a job again that was given up, or that waits after a failure.
    Retry {
        /// Its name, such as mail.send.
        name: String,
        /// Its key.
        key: String,
    },
    /// Let go of a job: it will not be done, and its key stays known for a week.
    Drop {
        /// Its name, such as mail.send.
        name: String,
        /// Its key.
        key: String,
    },
}

/// `mains accounts`
#[derive(Debug, Subcommand)]
pub(crate) enum Accounts {
    /// List the accounts; guests are left out.
    List,
    /// Make an account; its password is printed once, alone.
    Create {
        /// Its address.
        email: String,
        /// A role that it has; `staff` is every right. May be given several times.
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
    },
    /// Set all roles and rights of an account; what is not named is taken away.
    Roles {
        /// Its address.
        email: String,
        /// A role that it has from now on; `staff` is every right. May be given several times.
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// An area where it is staff from now on, such as records. May be given several times.
        #[arg(long = "right", value_name = "AREA")]
        rights: Vec<String>,
    },
    /// Print a link by which a new password is chosen.
    Reset {
        /// The address of the account.
        email: String,
    },
    /// Close an account: it is signed out everywhere and nobody signs in to it.
    Deactivate {
        /// Its address.
        email: String,
    },
    /// Open an account again.
    Reactivate {
        /// Its address.
        email: String,
    },
}
