//! `PgBouncer` between us and the server.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio_postgres::config::Host;

use super::*;

/// A running `PgBouncer`, ended and removed at the end.
struct Pooler {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Pooler {
    fn start(mode: &str) -> Self {
        let server: tokio_postgres::Config = server_url().parse().unwrap();
        let host = match &server.get_hosts()[0] {
            Host::Tcp(host) => host.clone(),
            Host::Unix(folder) => folder.display().to_string(),
        };
        let port = server.get_ports().first().copied().unwrap_or(5432);
        let user = server.get_user().unwrap_or("mains");
        let password =
            server.get_password().map(|word| format!("password={}", String::from_utf8_lossy(word)));
        let password = password.unwrap_or_default();
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let settings = format!(
            "[databases]\n* = host={host} port={port} user={user} {password}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {free}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = {mode}\nmax_client_conn = 200\ndefault_pool_size = 40\nserver_login_retry = 0\n"
        );
        let file = folder.path().join("pgbouncer.ini");
        std::fs::write(&file, settings).unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = Command::new("pgbouncer");
        // It refuses to run as root.
        if std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
            command.args(["-u", "postgres"]);
        }
        command.arg("-q").arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("PgBouncer is not installed: `apt-get install pgbouncer`");
        let pooler = Self { child, port: free, _folder: folder };
        let listens = || std::net::TcpStream::connect(("127.0.0.1", free)).is_ok();
        for _ in 0..500 {
            if listens() {
                return pooler;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("PgBouncer does not listen");
    }

    fn settings(&self, database: &Database) -> EngineSettings {
        let name = database.url.rsplit_once('/').unwrap().1;
        let mut settings =
            EngineSettings::postgres(format!("postgres://mains@127.0.0.1:{}/{name}", self.port));
        settings.write_threads = 2;
        settings
    }
}

#[test]
fn a_pooler_that_changes_sessions_is_refused_and_one_that_keeps_them_serves() {
    wait(async {
        let database = Database::create().await;
        for mode in ["transaction", "statement"] {
            let pooler = Pooler::start(mode);
            let refused = Engine::open(&pooler.settings(&database), Arc::new(SystemClock)).await;
            assert_eq!(refused.err().unwrap().code(), "database.pooled", "{mode}");
        }
        let pooler = Pooler::start("session");
        let engine = Engine::open(&pooler.settings(&database), Arc::new(SystemClock)).await.unwrap();
        counters(&engine).await;
        for count in 1..=20 {
            assert_eq!(run(&engine, |statements| count_up(statements, 1)).await.unwrap(), count);
        }
        engine.close().await;
        drop(pooler);
    });
}
