//! Settings: one commented TOML file compiled in as the defaults, a site's `mains.toml` over it, variables over both.
//!
//! Read once, here; every part of the program gets its own piece.

mod check;
mod merge;

use std::path::Path;

use serde::Deserialize;

pub(crate) use check::check;
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
    pub(crate) guest_days: u32,
    pub(crate) unproven_days: u32,
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
    pub(crate) heartbeat: u64,
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

impl Settings {
    /// Listens there instead, if that is said.
    pub(crate) fn listen(&mut self, listen: Option<&str>) -> Result<(), Problem> {
        let Some(listen) = listen else { return Ok(()) };
        listen.clone_into(&mut self.server.listen);
        check(self)
    }
}

/// The text of `mains.toml` for a new site: all defaults as comments, the name set.
pub(crate) fn template(name: &str, accounts: bool) -> String {
    let line = |line: &str| match line {
        _ if line.is_empty() || line.starts_with('#') || line.starts_with('[') => line.to_owned(),
        _ if line.starts_with("name = ") => format!("name = {name:?}"),
        // An example of what may stand there, or just that.
        "enabled = []" => format!("{}enabled = [\"accounts\"]", if accounts { "" } else { "#" }),
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
        let site = merge::merged(&template("Tea & more", false), |_| None).unwrap();
        assert_eq!((site.site.name.as_str(), site.records.limit), ("Tea & more", defaults.records.limit));
        assert!(site.apps.enabled.is_empty() && template("Tea", false).contains("#enabled = [\"accounts\"]"));
        let people = merge::merged(&template("Tea", true), |_| None).unwrap();
        assert_eq!(people.apps.enabled, ["accounts"]);
        assert!(check(&defaults).is_ok());
    }

    #[test]
    fn addresses_of_a_site_are_taken() {
        for url in ["https://shop.example", "http://localhost:8080/", "https://[::1]:8443", ""] {
            let settings = merge::merged(&format!("[site]\nurl = {url:?}"), |_| None).unwrap();
            assert!(check(&settings).is_ok(), "{url}");
        }
    }

    #[test]
    fn values_are_checked() {
        for (source, part) in [
            ("[records]\nlimit = 0", "1 to 500"),
            ("[server]\nlisten = \"here\"", "HOST:PORT"),
            ("[changes]\nkeep_mb = 0", "at least 1"),
            ("[changes]\nheartbeat = 0", "1 to 3600"),
            ("[changes]\nheartbeat = 3601", "1 to 3600"),
            ("[server]\ntrusted_proxies = [\"proxy\"]", "10.0.0.0/8"),
            ("[server]\ntrusted_proxies = [\"10.0.0.0/33\"]", "10.0.0.0/8"),
            ("[log]\nlevel = \"loud\"", "error, warn"),
            ("[site]\nzone = \"Nowhere/There\"", "Europe/Berlin"),
            ("[database]\nurl = \"mysql://x\"", "postgres://"),
            ("[database]\nqueue = 0", "[database] queue is 0; it may be 1 to 1000000."),
            ("[database]\nwriters = 0", "[database] writers is 0; it may be 1 to 512."),
            ("[server]\nconnections = 0", "[server] connections is 0; it may be 1 to 1000000."),
            ("[server]\nbody_limit = 0", "[server] body_limit is 0; it may be 1024 to 1073741824."),
            ("[server]\ndrain = 100000", "[server] drain is 100000; it may be 0 to 3600."),
            ("[site]\nurl = \"shop.example\"", "[site] url is \"shop.example\"; write"),
            ("[site]\nurl = \"https://\"", "[site] url is"),
            ("[site]\nurl = \"https://shop.example/shop\"", "[site] url is"),
            ("[site]\nurl = \"https://ada@shop.example\"", "[site] url is"),
            ("[site]\nurl = \"https://shop.example:port\"", "[site] url is"),
        ] {
            let settings = merge::merged(source, |_| None).unwrap();
            assert!(check(&settings).unwrap_err().message.contains(part), "{source}");
        }
    }
}
