//! An encrypted connection to a server of its own: who is believed, and that nothing goes in clear.

use std::path::PathBuf;
use std::process::Command;

use mains_base::Error;
use mains_testkit::postgres::{Disk, Network, Server};

use super::*;

/// An authority that nobody else knows, and a server's certificate for `localhost`.
struct Papers {
    folder: tempfile::TempDir,
}

impl Papers {
    fn new() -> Self {
        let papers = Self { folder: tempfile::tempdir().unwrap() };
        papers.make(&["-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=authority"]);
        let server = ["-keyout", "server.key", "-out", "server.pem", "-subj", "/CN=server"];
        let signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"];
        papers.make(&[&server[..], &signed, &["-addext", "subjectAltName=DNS:localhost"]].concat());
        papers
    }

    fn make(&self, arguments: &[&str]) {
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
        let made = openssl.args(["-days", "2"]).args(arguments).current_dir(self.folder.path()).output();
        let made = made.expect("openssl starts; on Debian it comes with PostgreSQL");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn encrypted(papers: &Papers) -> (Server, u16) {
    let port = free_port();
    let network =
        Network::Encrypted { port, certificate: papers.file("server.pem"), key: papers.file("server.key") };
    (Server::start_on(Disk::Volatile, network).unwrap(), port)
}

async fn open(host: &str, port: u16, options: &str) -> Result<Engine> {
    let url = format!("postgres://mains:secret@{host}:{port}/postgres?{options}");
    let mut settings = EngineSettings::postgres(url);
    settings.write_threads = 2;
    Engine::open(&settings, Arc::new(SystemClock)).await
}

fn trusting(papers: &Papers, mode: &str) -> String {
    format!("sslmode={mode}&sslrootcert={}", papers.file("ca.pem").display())
}

/// Asks the server over its own socket.
fn ask(server: &Server, sql: &str) -> Vec<usize> {
    std::thread::scope(|scope| scope.spawn(|| server.ask(sql)).join()).unwrap().unwrap()
}

fn said(refused: Result<Engine>) -> (&'static str, String) {
    let error: Error = refused.err().expect("it is refused");
    (error.code(), error.detail().to_owned())
}

const CLEAR: &str = "SELECT count(*) FILTER (WHERE NOT ssl) * 1000 + count(*) FILTER (WHERE ssl) FROM pg_stat_ssl \
    JOIN pg_stat_activity USING (pid) WHERE application_name = 'mains'";

#[test]
fn everything_goes_encrypted_to_a_server_that_proves_its_name() {
    wait(async {
        let papers = Papers::new();
        let (server, port) = encrypted(&papers);
        // Passwords are bound to the certificate, so nobody between could have passed the proof along.
        let options = format!("{}&channel_binding=require", trusting(&papers, "verify-full"));
        let engine = open("localhost", port, &options).await.unwrap();
        counters(&engine).await;
        for expected in 1..=20 {
            assert_eq!(run(&engine, |statements| count_up(statements, 1)).await.unwrap(), expected);
        }
        // More than one record of TLS holds, both ways.
        let long = "é".repeat(500_000);
        let sent = long.clone();
        let length = run(&engine, move |statements| {
            let rows =
                statements.query("SELECT length($1::text), $1::text", &[Value::from(sent.as_str())])?;
            assert_eq!(rows.0[0].text(1)?, Some(sent.as_str()));
            Ok(rows.0[0].int(0)?.unwrap())
        });
        assert_eq!(length.await.unwrap(), 500_000);
        drop(long);
        // Writers, readers, the sequencer and the news.
        let connections = ask(&server, CLEAR)[0];
        assert!((4..1000).contains(&connections), "{connections}");
        // A connection that died while it was idle costs nothing.
        ask(
            &server,
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'mains'",
        );
        // So long that a connection is looked at before it is used.
        let idle = std::time::Instant::now();
        while idle.elapsed() < std::time::Duration::from_millis(150) {
            tokio::task::yield_now().await;
        }
        assert_eq!(run(&engine, |statements| count_up(statements, 1)).await.unwrap(), 21);
        engine.close().await;
    });
}

#[test]
fn a_server_of_another_name_or_of_an_unknown_authority_is_told_nothing() {
    wait(async {
        let papers = Papers::new();
        let (server, port) = encrypted(&papers);
        let (code, sentence) = said(open("127.0.0.1", port, &trusting(&papers, "verify-full")).await);
        assert_eq!(code, "database.encryption");
        assert!(sentence.contains("not valid for name") && !sentence.contains("secret"), "{sentence}");
        let (code, sentence) = said(open("localhost", port, "sslmode=verify-full").await);
        assert_eq!(code, "database.encryption");
        assert!(sentence.contains("sslrootcert=") && sentence.contains("UnknownIssuer"), "{sentence}");
        let other = Papers::new();
        assert_eq!(
            said(open("localhost", port, &trusting(&other, "verify-ca")).await).0,
            "database.encryption"
        );
        // As libpq has it: with somebody to trust, `require` looks.
        assert_eq!(
            said(open("localhost", port, &trusting(&other, "require")).await).0,
            "database.encryption"
        );
        assert_eq!(
            ask(&server, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mains'"),
            [0]
        );
        for (host, options) in [
            ("127.0.0.1", trusting(&papers, "verify-ca")),
            ("127.0.0.1", "sslmode=require".to_owned()),
            ("127.0.0.1", "sslmode=prefer".to_owned()),
        ] {
            let engine = open(host, port, &options).await.unwrap();
            assert_eq!(
                run(&engine, |tx| Ok(tx.query("SELECT 7", &[])?.0[0].int(0)?.unwrap())).await.unwrap(),
                7
            );
            let connections = ask(&server, CLEAR)[0];
            assert!((1..1000).contains(&connections), "{options}: {connections}");
            engine.close().await;
        }
    });
}

#[test]
fn a_server_that_does_not_encrypt_is_refused_where_that_was_asked_for() {
    wait(async {
        let port = free_port();
        let server = Server::start_on(Disk::Volatile, Network::Clear(port)).unwrap();
        for mode in ["require", "verify-full"] {
            let (code, sentence) = said(open("localhost", port, &format!("sslmode={mode}")).await);
            assert_eq!(code, "database.encryption");
            assert!(
                sentence.contains("does not encrypt") && sentence.contains("sslmode=disable"),
                "{sentence}"
            );
        }
        // On this machine nothing is asked for, unless the address does.
        for options in ["", "sslmode=prefer", "sslmode=disable"] {
            let engine = open("localhost", port, options).await.unwrap();
            assert_eq!(
                run(&engine, |tx| Ok(tx.query("SELECT 7", &[])?.0[0].int(0)?.unwrap())).await.unwrap(),
                7
            );
            assert!(ask(&server, CLEAR)[0] >= 1000);
            engine.close().await;
        }
        // Whoever asks for a binding says nothing to a server that has none.
        assert_eq!(said(open("localhost", port, "channel_binding=require").await).0, "database.unavailable");
    });
}
