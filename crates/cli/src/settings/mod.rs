//! Settings: one commented TOML file compiled in as the defaults, a site's `mains.toml` over it, variables over both.
//!
//! Read once, here; every part of the program gets its own piece.

mod merge;

use std::path::Path;

use serde::Deserialize;

pub(crate) use merge::Problem;

/// The defaults, with a comment for every key.
pub(crate) const DEFAULTS: &str = include_str!("default.toml");

/// The name of the file in a site's folder.
pub(crate) const FILE: &str = "mains.toml";

/// Everything a site may set.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Settings {
    pub(crate) site: Site,
    pub(crate) apps: Apps,
    pub(crate) database: Database,
    pub(crate) server: Server,
    pub(crate) accounts: Accounts,
    pub(crate) records: Records,
    pub(crate) changes: Changes,
    pub(crate) mail: Mail,
    pub(crate) log: Log,
}

/// `[site]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Site {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) locale: String,
    pub(crate) zone: String,
    pub(crate) spa: bool,
    pub(crate) policy: String,
}

/// `[apps]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Apps {
    pub(crate) enabled: Vec<String>,
}

/// `[database]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Database {
    pub(crate) url: String,
    pub(crate) sync: String,
    pub(crate) queue: usize,
    pub(crate) writers: usize,
}

/// `[server]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Server {
    pub(crate) listen: String,
    pub(crate) trusted_proxies: Vec<String>,
    pub(crate) connections: usize,
    pub(crate) body_limit: usize,
    pub(crate) drain: u64,
}

/// `[accounts]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Accounts {
    pub(crate) sign_up: bool,
    pub(crate) verify: String,
    pub(crate) owner: String,
}

/// `[records]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Records {
    pub(crate) limit: u32,
}

/// `[changes]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Changes {
    pub(crate) keep_days: u32,
    pub(crate) keep_mb: u32,
}

/// `[mail]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Mail {
    pub(crate) url: String,
    pub(crate) from: String,
    pub(crate) ca: String,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Log {
    pub(crate) level: String,
    pub(crate) format: String,
}

/// Reads the settings of the site in `folder`.
pub(crate) fn read(folder: &Path) -> Result<Settings, Problem> {
    let path = folder.join(FILE);
    let source = match std::fs::read_to_string(&path) {
        Ok(source) => source,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Problem::plain(format!(
                "There is no {FILE} in {}. Make a site with `mains new NAME`, or name its folder with --site.",
                folder.display()
            )));
        }
        Err(error) => return Err(Problem::plain(format!("{} cannot be read: {error}.", path.display()))),
    };
    merge::known(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))?;
    let settings = merge::merged(&source, variable)?;
    check(&settings)?;
    Ok(settings)
}

#[expect(clippy::disallowed_methods, reason = "the one place where settings are read")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The defaults alone.
#[cfg(test)]
pub(crate) fn read_defaults() -> Settings {
    merge::merged("", |_| None).unwrap_or_else(|problem| unreachable!("{}", problem.message))
}

/// What may not be so.
pub(crate) fn check(settings: &Settings) -> Result<(), Problem> {
    let wrong = |message: String| Err(Problem::plain(message));
    if !(1..=500).contains(&settings.records.limit) {
        return wrong(format!("[records] limit is {}; it may be 1 to 500.", settings.records.limit));
    }
    if settings.changes.keep_days == 0 || settings.changes.keep_mb == 0 {
        return wrong("[changes] keep_days and keep_mb are at least 1.".to_owned());
    }
    if !["required", "later"].contains(&settings.accounts.verify.as_str()) {
        return wrong(format!(
            "[accounts] verify is {:?}; it may be required or later.",
            settings.accounts.verify
        ));
    }
    let address: &str = &settings.server.listen;
    if !address.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok()) {
        return wrong(format!(
            "[server] listen is {address:?}; write HOST:PORT, such as \"127.0.0.1:8080\"."
        ));
    }
    if !["error", "warn", "info", "debug"].contains(&settings.log.level.as_str()) {
        return wrong(format!(
            "[log] level is {:?}; it may be error, warn, info or debug.",
            settings.log.level
        ));
    }
    if !["text", "json"].contains(&settings.log.format.as_str()) {
        return wrong(format!("[log] format is {:?}; it may be text or json.", settings.log.format));
    }
    if !["full", "normal"].contains(&settings.database.sync.as_str()) {
        return wrong(format!("[database] sync is {:?}; it may be full or normal.", settings.database.sync));
    }
    if !mains_server::pages::is_zone(&settings.site.zone) {
        return wrong(format!(
            "[site] zone is {:?}; write one such as \"Europe/Berlin\".",
            settings.site.zone
        ));
    }
    let url = &settings.database.url;
    if !(url.is_empty() || url.starts_with("postgres://") || url.starts_with("postgresql://")) {
        return wrong(
            "[database] url is neither empty (SQLite in data/) nor a postgres:// address.".to_owned(),
        );
    }
    Ok(())
}

/// The text of `mains.toml` for a new site: all defaults as comments, the name set.
pub(crate) fn template(name: &str) -> String {
    let line = |line: &str| match line {
        _ if line.is_empty() || line.starts_with('#') || line.starts_with('[') => line.to_owned(),
        _ if line.starts_with("name = ") => format!("name = {name:?}"),
        _ => format!("#{line}"),
    };
    let lines: Vec<String> = DEFAULTS.lines().map(line).collect();
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_hold_and_the_template_says_the_same() {
        let defaults = merge::merged("", |_| None).unwrap();
        assert_eq!(defaults.server.listen, "127.0.0.1:8080");
        let site = merge::merged(&template("Tea & more"), |_| None).unwrap();
        assert_eq!((site.site.name.as_str(), site.records.limit), ("Tea & more", defaults.records.limit));
        assert!(check(&defaults).is_ok());
    }

    #[test]
    fn values_are_checked() {
        for (source, part) in [
            ("[records]\nlimit = 0", "1 to 500"),
            ("[server]\nlisten = \"here\"", "HOST:PORT"),
            ("[changes]\nkeep_mb = 0", "at least 1"),
            ("[log]\nlevel = \"loud\"", "error, warn"),
            ("[site]\nzone = \"Nowhere/There\"", "Europe/Berlin"),
            ("[database]\nurl = \"mysql://x\"", "postgres://"),
        ] {
            let settings = merge::merged(source, |_| None).unwrap();
            assert!(check(&settings).unwrap_err().message.contains(part), "{source}");
        }
    }
}
