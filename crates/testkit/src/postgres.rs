//! A private PostgreSQL server: made in a temporary folder, reached by a socket in it, gone with it.
//!
//! Invariant: it never runs as root, which PostgreSQL refuses; as root it runs as the user `postgres`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How the server treats its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// As one that may be lost: quick, for tests.
    Volatile,
    /// As a real one: an acknowledged commit is on it.
    Durable,
}

/// How a server is reached besides the socket in its folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Network {
    /// Not at all.
    None,
    /// On this port of the loopback, with the password `secret`, in clear.
    Clear(u16),
    /// The same, encrypted where a client wants that, with what these files of PEM hold.
    Encrypted {
        /// The port.
        port: u16,
        /// The certificate.
        certificate: PathBuf,
        /// Its key.
        key: PathBuf,
    },
}

/// A running server. Dropping it stops it and removes everything.
pub struct Server {
    child: Child,
    folder: TempDir,
    programs: PathBuf,
    user: Option<User>,
    disk: Disk,
    network: Network,
}

#[derive(Clone, Copy)]
struct User {
    uid: u32,
    gid: u32,
}

const START_WITHIN: Duration = Duration::from_mins(1);
const INSTALL: &str = "Install it, on Debian by `apt-get install postgresql`.";

impl Network {
    /// The number in the socket's name, too.
    fn port(&self) -> u16 {
        match self {
            Self::None => 5432,
            Self::Clear(port) | Self::Encrypted { port, .. } => *port,
        }
    }
}

impl Server {
    /// Makes and starts one. The error is a sentence for who runs the tests.
    pub fn start(disk: Disk) -> Result<Self, String> {
        Self::start_on(disk, Network::None)
    }

    /// The same, reached over a network, too.
    pub fn start_on(disk: Disk, network: Network) -> Result<Self, String> {
        let programs = programs()?;
        let user = if rustix::process::geteuid().is_root() { Some(postgres_user()?) } else { None };
        let folder = tempfile::Builder::new()
            .prefix("mains-pg-")
            .tempdir()
            .map_err(|error| format!("There is no temporary folder for PostgreSQL: {error}"))?;
        own(folder.path(), user)?;
        let mut initdb = command(&programs, "initdb", user);
        initdb.args(["--username=mains", "--encoding=UTF8", "--locale=C", "--no-sync", "--auth-local=trust"]);
        initdb.arg("--auth-host=scram-sha-256").arg("--pwfile").arg(private(
            folder.path(),
            "password",
            b"secret",
            user,
        )?);
        // Orders text otherwise than by code point, as most servers do.
        initdb.args(["--locale-provider=icu", "--icu-locale=en-US"]);
        initdb.arg("--pgdata").arg(folder.path().join("data")).stdin(Stdio::null());
        let made = initdb.output().map_err(|error| format!("initdb does not start: {error}"))?;
        if !made.status.success() {
            return Err(format!("initdb failed: {}", String::from_utf8_lossy(&made.stderr)));
        }
        let network = owned(folder.path(), network, user)?;
        let child = launch((&programs, folder.path()), user, disk, &network)?;
        let mut server = Self { child, folder, programs, user, disk, network };
        server.wait()?;
        Ok(server)
    }

    /// `postgres://…`, of its database `postgres`.
    pub fn url(&self) -> String {
        let folder = self.folder.path().to_string_lossy().replace('/', "%2F");
        format!("postgres://mains@{folder}:{}/postgres", self.network.port())
    }

    /// The process, for tests that kill it.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills all its processes without any warning and starts it again over what is on the disk.
    pub fn crash(&mut self) -> Result<(), String> {
        self.kill();
        self.restart()
    }

    /// Kills the server and every process of it, as a power cut would; [`Server::restart`] brings it back.
    pub fn kill(&mut self) {
        use rustix::process::{Pid, Signal, kill_process};
        let signal = |id: u32, signal| {
            let id = i32::try_from(id).ok().and_then(Pid::from_raw);
            // It may have ended by itself.
            let _ = id.map(|id| kill_process(id, signal));
        };
        // Held first, so that it starts no others while they are listed.
        signal(self.child.id(), Signal::STOP);
        let children = children(self.child.id());
        for child in &children {
            signal(*child, Signal::KILL);
        }
        drop(self.child.kill());
        drop(self.child.wait());
        // None of them may still write when the next server begins.
        while children.iter().any(|child| is_alive(*child)) {
            std::thread::yield_now();
        }
    }

    /// An immediate shutdown: every process ends without finishing anything; [`Server::restart`] brings it back.
    pub fn stop_at_once(&mut self) {
        let id = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let _ = id.map(|id| rustix::process::kill_process(id, rustix::process::Signal::QUIT));
        drop(self.child.wait());
    }

    /// The whole numbers in the first row that a statement gives.
    pub fn ask(&self, sql: &str) -> Result<Vec<usize>, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("There is no runtime: {error}"))?;
        let rows = runtime.block_on(crate::server::ask(&self.url(), sql))?;
        rows.into_iter().map(|cell| cell.parse().map_err(|_| format!("{cell} is no number"))).collect()
    }

    /// Starts a server that was killed, over what is on the disk.
    pub fn restart(&mut self) -> Result<(), String> {
        drop(fs::remove_file(self.folder.path().join("data/postmaster.pid")));
        self.child = launch((&self.programs, self.folder.path()), self.user, self.disk, &self.network)?;
        self.wait()
    }

    /// Waits until it answers.
    fn wait(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + START_WITHIN;
        loop {
            let mut ready = command(&self.programs, "pg_isready", self.user);
            ready.arg("--quiet").arg("--host").arg(self.folder.path());
            ready.arg("--port").arg(self.network.port().to_string());
            if ready.status().is_ok_and(|status| status.success()) {
                return Ok(());
            }
            let ended = self.child.try_wait().is_ok_and(|status| status.is_some());
            if ended || Instant::now() > deadline {
                let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                return Err(format!("PostgreSQL does not start:\n{log}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let id = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        // An immediate shutdown: nothing of it is needed any more.
        let asked =
            id.is_some_and(|id| rustix::process::kill_process(id, rustix::process::Signal::QUIT).is_ok());
        if !asked {
            drop(self.child.kill());
        }
        drop(self.child.wait());
    }
}

/// What the server's program says of itself: `postgres (PostgreSQL) 15.…`.
pub fn version() -> Result<String, String> {
    let said = command(&programs()?, "postgres", None).arg("--version").output();
    let said = said.map_err(|error| format!("postgres does not start: {error}"))?;
    Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned())
}

/// The processes that this one started.
fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id| status(*id).is_some_and(|(_, its)| its == parent)).collect()
}

fn is_alive(id: u32) -> bool {
    status(id).is_some_and(|(state, _)| state != 'Z')
}

/// State and parent of a process, by proc(5).
fn status(id: u32) -> Option<(char, u32)> {
    let line = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, rest) = line.rsplit_once(')')?;
    let mut words = rest.split_whitespace();
    Some((words.next()?.chars().next()?, words.next()?.parse().ok()?))
}

/// A file in the server's folder that its user alone may read.
fn private(folder: &Path, name: &str, bytes: &[u8], user: Option<User>) -> Result<PathBuf, String> {
    let path = folder.join(name);
    let written = fs::write(&path, bytes);
    let closed = written.and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o600)));
    let given =
        closed.and_then(|()| user.map_or(Ok(()), |user| chown(&path, Some(user.uid), Some(user.gid))));
    given.map_err(|error| format!("{} cannot be given to PostgreSQL: {error}", path.display()))?;
    Ok(path)
}

/// The same network, with files that the server may read.
fn owned(folder: &Path, network: Network, user: Option<User>) -> Result<Network, String> {
    let Network::Encrypted { port, certificate, key } = network else { return Ok(network) };
    let copied = |name: &str, from: &Path| {
        let bytes = fs::read(from).map_err(|error| format!("{} cannot be read: {error}", from.display()))?;
        private(folder, name, &bytes, user)
    };
    Ok(Network::Encrypted {
        port,
        certificate: copied("server.pem", &certificate)?,
        key: copied("server.key", &key)?,
    })
}

fn launch(
    (programs, folder): (&Path, &Path),
    user: Option<User>,
    disk: Disk,
    network: &Network,
) -> Result<Child, String> {
    let log =
        fs::File::create(folder.join("log")).map_err(|error| format!("no log for PostgreSQL: {error}"))?;
    let errors = log.try_clone().map_err(|error| format!("no log for PostgreSQL: {error}"))?;
    let mut postgres = command(programs, "postgres", user);
    postgres.arg("-D").arg(folder.join("data")).arg("-k").arg(folder);
    let mut settings = ["max_connections=400", "shared_buffers=128MB"].map(str::to_owned).to_vec();
    if disk == Disk::Volatile {
        settings.extend(["fsync=off", "synchronous_commit=off", "full_page_writes=off"].map(str::to_owned));
    }
    match network {
        Network::None => settings.push("listen_addresses=".to_owned()),
        Network::Clear(port) | Network::Encrypted { port, .. } => {
            settings.extend(["listen_addresses=localhost".to_owned(), format!("port={port}")]);
        }
    }
    if let Network::Encrypted { certificate, key, .. } = network {
        let (certificate, key) = (certificate.display(), key.display());
        settings.extend([
            "ssl=on".to_owned(),
            format!("ssl_cert_file={certificate}"),
            format!("ssl_key_file={key}"),
        ]);
    }
    for setting in settings {
        postgres.arg("-c").arg(setting);
    }
    // In our process group, so that Ctrl-C in the terminal ends it too.
    postgres.stdin(Stdio::null()).stdout(log).stderr(errors);
    postgres.spawn().map_err(|error| format!("PostgreSQL does not start: {error}"))
}

/// The folder of the newest server's programs.
fn programs() -> Result<PathBuf, String> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let number = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let mut found: Vec<(u32, PathBuf)> =
        versions.filter_map(|entry| Some((number(&entry.path())?, entry.path().join("bin")))).collect();
    found.retain(|(_, programs)| programs.join("initdb").exists());
    found.sort();
    let elsewhere = ["/usr/bin", "/usr/local/bin", "/usr/local/pgsql/bin", "/opt/homebrew/bin"];
    let elsewhere = elsewhere.into_iter().map(PathBuf::from).find(|folder| folder.join("initdb").exists());
    match found.pop() {
        Some((version, _)) if version < 15 => {
            Err(format!("PostgreSQL {version} is too old, 15 or later is needed. {INSTALL}"))
        }
        Some((_, programs)) => Ok(programs),
        None => elsewhere.ok_or_else(|| format!("There is no PostgreSQL server on this machine. {INSTALL}")),
    }
}

fn postgres_user() -> Result<User, String> {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let line = users.lines().find(|line| line.starts_with("postgres:"));
    let mut parts = line.into_iter().flat_map(|line| line.split(':').skip(2));
    let mut next = || parts.next().and_then(|part| part.parse().ok());
    match (next(), next()) {
        (Some(uid), Some(gid)) => Ok(User { uid, gid }),
        _ => Err(format!("PostgreSQL does not run as root, and there is no user `postgres`. {INSTALL}")),
    }
}

/// The folder belongs to whom the server runs as, and to nobody else.
fn own(folder: &Path, user: Option<User>) -> Result<(), String> {
    let private = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
    let given = user.map_or(Ok(()), |user| chown(folder, Some(user.uid), Some(user.gid)));
    private
        .and(given)
        .map_err(|error| format!("The folder of PostgreSQL cannot be given to its user: {error}"))
}

fn command(programs: &Path, program: &str, user: Option<User>) -> Command {
    let mut command = Command::new(programs.join(program));
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    // A folder that its user may enter, wherever the tests run.
    command.current_dir("/").env("LC_ALL", "C");
    command
}
