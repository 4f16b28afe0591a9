//! `mains doctor`: looks at settings, files, database, disk, clock and ports, and says what to do.
//!
//! Invariant: it changes nothing and makes nothing; what is not there yet stays so.

use std::fs::File;
use std::io::ErrorKind;
use std::net::{TcpListener, ToSocketAddrs};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use mains_base::{Clock, Error, Result, SystemClock, Time};
use mains_language::site::{self as language, Diagnostic};
use rustix::fs::Access;
use rustix::process::{Resource, getrlimit};
use serde_json::Value;

use crate::backend;
use crate::control::Client;
use crate::files;
use crate::operations::{Operation, changes, migrate};
use crate::settings::{self, Settings};
use crate::site::{self, Trouble};
use crate::talk::{Hue, Talk};

/// Bytes below which the disk is too full to go on quietly.
const LITTLE: u64 = 1 << 30;
/// File systems that are somewhere else, where SQLite's locks and syncs cannot be relied on: NFS, SMB, CIFS, 9P.
const REMOTE: [u32; 4] = [0x6969, 0xFE53_4D42, 0xFF53_4D42, 0x0102_1997];
/// Descriptors that the program needs besides those of connections.
const OWN_DESCRIPTORS: u64 = 128;

/// Microseconds of a commit on PostgreSQL from which on more connections should write, and how many.
const SLOW: u64 = 1000;
const MANY: usize = 32;

/// What was found: well, or wrong and what to do.
type Found = Result<String, String>;

/// Prints a line for each thing; true when all are well.
pub(crate) fn run(folder: &Path, talk: Talk) -> Result<bool> {
    let settings = settings::read(folder);
    let mut found = vec![
        ("settings", settings.as_ref().map(|_| "read".to_owned()).map_err(placed)),
        ("clock", clock(SystemClock.now())),
    ];
    if folder.join(settings::FILE).exists() {
        found.push(("files", declared(folder)));
        found.push(("data", data(&folder.join("data"))));
        found.push(("disk", disk(folder)));
    }
    if let Ok(settings) = &settings {
        let mut client = Client::find(&folder.join("data"));
        let is_served = matches!(client, Ok(Some(_)));
        found.push(("port", port(&settings.server.listen, is_served)));
        found.push(("descriptors", descriptors(settings)));
        found.extend(database(folder, settings, &mut client));
    }
    let width = found.iter().map(|(subject, _)| subject.len()).max().unwrap_or_default();
    for (subject, found) in &found {
        let (mark, said) = match found {
            Ok(said) => (talk.hue(Hue::Good, "well "), said),
            Err(said) => (talk.hue(Hue::Bad, "WRONG"), said),
        };
        talk.print(&format!("{mark}  {subject:width$}  {said}"))?;
    }
    let wrong = found.iter().filter(|(_, found)| found.is_err()).count();
    if wrong > 0 {
        talk.say(&format!("{wrong} of {} are wrong.", found.len()));
    }
    Ok(wrong == 0)
}

fn placed(problem: &settings::Problem) -> String {
    let hint = problem.hint.as_ref().map_or(String::new(), |hint| format!(" {hint}"));
    match problem.diagnostic() {
        Some(diagnostic) => format!("{}: {}{hint}", place(&diagnostic), problem.message),
        None => format!("{}{hint}", problem.message),
    }
}

/// `mains.toml:3`
fn place(diagnostic: &Diagnostic) -> String {
    let before = diagnostic.source.get(..diagnostic.span.start).unwrap_or_default();
    format!("{}:{}", diagnostic.path, before.matches('\n').count() + 1)
}

fn clock(now: Time) -> Found {
    let built = Time::parse("2026-01-01T00:00:00Z").unwrap_or(Time::MIN);
    if now < built {
        return Err(format!(
            "it says {now}, which is before this program was made. Set it, for instance with NTP."
        ));
    }
    Ok(now.to_string())
}

fn declared(folder: &Path) -> Found {
    let schema = site::declared(folder).map_err(|trouble| match trouble {
        Trouble::Written(found) => format!("{}; `mains check` shows where.", count(found.len(), "mistake")),
        other => other.into_error().detail().to_owned(),
    })?;
    let layers = files::layers(folder).map_err(|error| error.detail().to_owned())?;
    let collections = schema.collections.iter().filter(|collection| !collection.is_table()).count();
    let said = count(collections, "collection");
    Ok(match language::warnings(&layers, &schema).len() {
        0 => format!("{said}, nothing wrong"),
        warnings => format!("{said}; {} that `mains check` shows", count(warnings, "warning")),
    })
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// The folder of the database, the keys and the socket.
fn data(data: &Path) -> Found {
    let name = data.display();
    let metadata = match std::fs::metadata(data) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok("not there yet; the first start makes it".to_owned());
        }
        Err(error) => return Err(format!("{name} cannot be looked at: {error}.")),
        Ok(metadata) => metadata,
    };
    if !metadata.is_dir() {
        return Err(format!("{name} is no folder; move it away."));
    }
    if rustix::fs::access(data, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let owner = metadata.uid();
        return Err(format!("{name} cannot be written by this user; run as its owner (user {owner})."));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(format!("{name} is open to other users of this machine; run `chmod 700 {name}`."));
    }
    Ok("this user's alone".to_owned())
}

fn disk(folder: &Path) -> Found {
    let data = folder.join("data");
    let place = if data.is_dir() { data.as_path() } else { folder };
    let unknown = |error: rustix::io::Errno| format!("{} cannot be looked at: {error}.", place.display());
    let room = rustix::fs::statvfs(place).map_err(unknown)?;
    let kind = rustix::fs::statfs(place).map_err(unknown)?.f_type;
    if REMOTE
        .iter()
        .any(|remote| u64::try_from(kind).is_ok_and(|kind| kind & 0xFFFF_FFFF == u64::from(*remote)))
    {
        return Err(
            "data/ is on a network file system, where an embedded database is not safe; put the site on a \
                    local disk or use PostgreSQL."
                .to_owned(),
        );
    }
    let free = room.f_bavail.saturating_mul(room.f_frsize);
    if free < LITTLE {
        return Err(format!("{} MB are free; make room, writes will fail soon.", free >> 20));
    }
    if room.f_files > 0 && room.f_favail < 1000 {
        return Err("hardly any file can be made any more (no inodes); remove files.".to_owned());
    }
    Ok(format!("{} GB are free", free >> 30))
}

fn port(listen: &str, is_served: bool) -> Found {
    let Ok(mut addresses) = listen.to_socket_addrs() else {
        let host = listen.rsplit_once(':').map_or(listen, |(host, _)| host);
        return Err(format!(
            "{host} is no address of a machine; set [server] listen, such as \"127.0.0.1:8080\"."
        ));
    };
    let Some(address) = addresses.next() else { return Err(format!("{listen} leads nowhere.")) };
    let error = match TcpListener::bind(address) {
        Ok(_) if is_served => return Ok(format!("{listen} is free; the site is served elsewhere")),
        Ok(_) => return Ok(format!("{listen} is free")),
        Err(_) if is_served => return Ok(format!("{listen} is being listened on by this site")),
        Err(error) => error,
    };
    Err(match error.kind() {
        ErrorKind::AddrInUse => {
            format!(
                "{listen} is taken by another program; stop that, or choose another with [server] listen."
            )
        }
        ErrorKind::PermissionDenied => format!(
            "{listen} may not be listened on by this user; choose a port above 1023, or allow it to the program."
        ),
        ErrorKind::AddrNotAvailable => {
            format!("{listen} is no address of this machine; set [server] listen to one of its own.")
        }
        _ => format!("{listen} cannot be listened on: {error}."),
    })
}

/// Whether as many connections may be open as the settings say.
fn descriptors(settings: &Settings) -> Found {
    let wanted = settings.server.connections as u64 + OWN_DESCRIPTORS;
    match getrlimit(Resource::Nofile).maximum {
        Some(most) if most < wanted => Err(format!(
            "{most} files may be open at once, and [server] connections = {} wants {wanted}; run `ulimit -Hn {wanted}` \
             before, or set LimitNOFILE={wanted} in the unit, or fewer connections.",
            settings.server.connections
        )),
        Some(most) => Ok(format!("{most} files may be open at once")),
        None => Ok("any number of files may be open at once".to_owned()),
    }
}

/// What was asked of the database.
struct Looked {
    plan: Result<Value>,
    /// There is nothing in it yet.
    begins: bool,
    changes: Option<Result<Value>>,
}

/// The database, and where there is one the changes that it keeps.
fn database(
    folder: &Path,
    settings: &Settings,
    client: &mut Result<Option<Client>>,
) -> Vec<(&'static str, Found)> {
    let is_missing = || {
        let opened = File::open(folder.join("data/site.db"));
        settings.database.url.is_empty() && opened.is_err_and(|error| error.kind() == ErrorKind::NotFound)
    };
    let looked = match client {
        Err(error) => return vec![("database", Err(error.detail().to_owned()))],
        Ok(Some(client)) => Looked {
            plan: client.ask(&Operation::Plan { drops: Vec::new() }),
            begins: false,
            changes: Some(client.ask(&Operation::Changes)),
        },
        Ok(None) if is_missing() => {
            return vec![("database", Ok("not there yet; the first start makes it".to_owned()))];
        }
        Ok(None) => looked_at(folder, settings).unwrap_or_else(|error| Looked {
            plan: Err(error),
            begins: false,
            changes: None,
        }),
    };
    let mut found = vec![("database", planned(looked.plan, looked.begins))];
    if let Some(changes) = looked.changes {
        let commit = changes.as_ref().ok().and_then(|changes| changes.get("commit_us")?.as_u64());
        found.extend(commit.map(|micros| ("commits", Ok(commits(micros, settings.database.writers)))));
        found.push((
            "changes",
            changes.map_err(|error| told(&error)).and_then(|changes| kept(&changes, settings)),
        ));
    }
    found
}

fn planned(plan: Result<Value>, begins: bool) -> Found {
    match plan {
        Ok(_) if begins => Ok("empty yet; the first start fills it".to_owned()),
        Ok(Value::Null) => Ok("as the files declare it".to_owned()),
        Ok(_) => Err("differs from the files; `mains migrate --plan` shows how.".to_owned()),
        Err(error) if error.code() == "cli.mistakes" => {
            Ok("reached; what it should be, the files do not say".to_owned())
        }
        Err(error) => Err(told(&error)),
    }
}

/// How long a commit takes, and whether so many writers are enough for it.
fn commits(micros: u64, writers: usize) -> String {
    let time = format!("one takes {}.{:02} ms", micros / 1000, micros % 1000 / 10);
    if micros > SLOW && writers < MANY {
        return format!("{time}; more are done at once with [database] writers = {MANY}, now {writers}");
    }
    format!("{time}, [database] writers = {writers} are enough")
}

/// How much of the log is kept, and who keeps it.
fn kept(standing: &Value, settings: &Settings) -> Found {
    let number = |value: &Value, name| value.get(name).and_then(Value::as_i64).unwrap_or_default();
    let text = |value: &Value, name| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let (changes, megabytes) = (number(standing, "rows"), number(standing, "bytes") >> 20);
    let Some(holder) = text(standing, "held_by") else {
        return Ok(format!("{changes} are kept, {megabytes} MB of {}", settings.changes.keep_mb));
    };
    let followers = standing.get("followers").and_then(Value::as_array);
    let found = followers.into_iter().flatten().find(|one| text(one, "name").as_ref() == Some(&holder));
    let behind = found.map_or(0, |one| number(one, "behind"));
    Err(format!(
        "{changes} are kept, {megabytes} MB instead of [changes] keep_mb = {}, because {holder} has {behind} of them yet \
         to read. See that it runs; if nobody needs it any more, run `mains followers drop {holder}`.",
        settings.changes.keep_mb
    ))
}

fn looked_at(folder: &Path, settings: &Settings) -> Result<Looked> {
    backend::runtime()?.block_on(async {
        let db = site::open_database(folder, settings).await?;
        let plan = migrate::plan(&db, folder, &[]).await;
        let begins = plan.is_ok() && migrate::begins(&db, folder).await?;
        let changes = changes::standing(db.engine(), settings).await;
        db.engine().close().await;
        Ok(Looked { plan, begins, changes: Some(changes) })
    })
}

/// The sentence, and what lies behind it.
fn told(error: &Error) -> String {
    match error.cause() {
        Some(cause) => format!("{} ({cause})", error.detail()),
        None => error.detail().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_never_set_is_wrong() {
        assert!(clock(Time::parse("1970-01-01T00:01:00Z").unwrap()).unwrap_err().contains("NTP"));
        assert!(clock(Time::parse("2026-05-01T00:00:00Z").unwrap()).is_ok());
    }

    #[test]
    fn a_port_that_cannot_be_had_is_told_apart() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = taken.local_addr().unwrap().to_string();
        assert!(port(&listen, false).unwrap_err().contains("taken by another program"));
        assert!(port(&listen, true).unwrap().contains("by this site"));
        assert!(port("192.0.2.1:8080", false).unwrap_err().contains("no address of this machine"));
        assert!(port("nowhere.invalid:8080", false).unwrap_err().contains("no address of a machine"));
    }

    #[test]
    fn slow_commits_want_more_writers() {
        assert_eq!(commits(340, 16), "one takes 0.34 ms, [database] writers = 16 are enough");
        assert_eq!(
            commits(2_050, 16),
            "one takes 2.05 ms; more are done at once with [database] writers = 32, now 16"
        );
        assert_eq!(commits(2_050, 32), "one takes 2.05 ms, [database] writers = 32 are enough");
    }

    #[test]
    fn who_holds_the_changes_is_told_by_name() {
        let settings = settings::read_defaults();
        let standing = |holder| {
            let followers =
                serde_json::json!([{"name": "mail", "behind": 2}, {"name": "search", "behind": 900_000}]);
            serde_json::json!({"rows": 950_000, "bytes": 1_300_i64 << 20, "held_by": holder, "followers": followers})
        };
        assert_eq!(kept(&standing(None), &settings).unwrap(), "950000 are kept, 1300 MB of 1024");
        let wrong = kept(&standing(Some("search")), &settings).unwrap_err();
        for part in ["keep_mb = 1024", "search has 900000", "`mains followers drop search`"] {
            assert!(wrong.contains(part), "{wrong}");
        }
    }

    #[test]
    fn data_that_others_may_read_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        assert!(data(&path).unwrap().contains("not there yet"));
        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o750)).unwrap();
        assert!(data(&path).unwrap_err().contains("chmod 700"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        assert!(data(&path).is_ok());
        std::fs::write(folder.path().join("file"), "").unwrap();
        assert!(data(&folder.path().join("file")).unwrap_err().contains("no folder"));
    }
}
