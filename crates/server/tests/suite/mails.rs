//! Mails to a real server, aiosmtpd: once, over TLS and with an account, refused, busy, down and up again.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use mains_database::Db;
use mains_database::dialect::Dialect;
use mains_database::jobs::{self, Filter, Jobs, Listed, State, drain};
use mains_language::site::load;
use mains_server::Records;
use mains_server::mail::{self, Mail, MailSettings, MailTemplate, Mailer, Templates};
use mains_testkit::{TestDb, database};
use serde_json::{Value, json};

const VERIFY: MailTemplate = MailTemplate {
    name: "verify",
    text: "Subject: Confirm {{ name }}\n\nOpen {{ site.url }}/verify?token={{ token }}\n",
    html: "<p>Hello {{ name }}</p>",
};

/// How long anything may take before the test gives up.
const DEADLINE: Duration = Duration::from_secs(30);

/// A site with its jobs.
struct Site {
    db: Db,
    test: TestDb,
}

impl Site {
    async fn open(dialect: Dialect) -> Self {
        let schema = load(&[mains_server::tables()]).map_err(|found| found.first().unwrap().to_string());
        let test = TestDb::with_schema(dialect, Arc::new(schema.unwrap())).await;
        let db = Db::over(test.engine.clone(), Arc::new(test.clock.clone()));
        db.install(Arc::clone(&test.schema));
        Records::open(db.clone()).await.unwrap();
        Self { db, test }
    }

    async fn enqueue(&self, key: &str, to: &str) {
        let mail = Mail {
            template: "verify".to_owned(),
            to: to.to_owned(),
            context: json!({"name": "Ann", "token": "abc123"}),
            key: key.to_owned(),
        };
        self.db.write(&[], move |tx| mail::enqueue(tx, mail.clone())).await.unwrap();
    }

    /// Sends all that is due to this address, hours after the last time.
    async fn send(&self, url: &str, ca: Option<PathBuf>) -> usize {
        self.test.clock.advance_micros(7_200_000_000);
        let settings = MailSettings {
            url: url.to_owned(),
            from: "Shop <shop@corner.example>".to_owned(),
            ca,
            site_name: "Corner".to_owned(),
            site_url: "https://corner.example/".to_owned(),
        };
        let mailer = Mailer::open(&settings, Templates::new(&[VERIFY], None)).unwrap();
        drain(&self.db, &Jobs::new().with(mailer.handler())).await.unwrap()
    }

    async fn jobs(&self, state: State) -> Vec<Listed> {
        jobs::list(&self.test.engine, Filter { state: Some(state), name: None }).await.unwrap()
    }
}

/// aiosmtpd as a process.
struct Mailbox {
    child: Child,
    lines: Receiver<String>,
    port: u16,
}

impl Mailbox {
    fn start(options: &[&str]) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/mail");
        let python = folder.join(".venv/bin/python3");
        assert!(python.exists(), "aiosmtpd is not installed; `scripts/setup test` does it");
        let mut command = Command::new(python);
        command.arg(folder.join("receive.py")).args(options).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let port = lines.recv_timeout(DEADLINE).unwrap().parse().unwrap();
        Self { child, lines, port }
    }

    fn next(&self) -> Value {
        serde_json::from_str(&self.lines.recv_timeout(DEADLINE).unwrap()).unwrap()
    }

    /// Ends it: how much more it took.
    fn end(mut self) -> usize {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.lines.iter().count()
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A certificate for localhost, and the one that signed it.
struct Certificates(tempfile::TempDir);

impl Certificates {
    fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let openssl = |arguments: &str| {
            let mut command = Command::new("openssl");
            command.args(arguments.split(' ')).current_dir(folder.path()).stderr(Stdio::null());
            assert!(command.status().unwrap().success(), "openssl {arguments}");
        };
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
        openssl(&format!("req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=tests"));
        openssl(&format!(
            "req -x509 {key} -CA ca.pem -CAkey ca.key -keyout key.pem -out cert.pem -subj /CN=localhost \
             -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE"
        ));
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn options(&self, how: &str) -> [String; 3] {
        let path = |name: &str| self.path(name).display().to_string();
        [how.to_owned(), path("cert.pem"), path("key.pem")]
    }
}

#[test]
fn a_mail_arrives_once_with_both_its_parts() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        database::on(dialect, async || {
            let (site, mailbox) = (Site::open(dialect).await, Mailbox::start(&[]));
            let url = format!("smtp://127.0.0.1:{}", mailbox.port);
            site.enqueue("verify:1", "ann@mail.example").await;
            site.enqueue("verify:1", "ann@mail.example").await;
            assert_eq!(site.send(&url, None).await, 1);
            assert_eq!(site.send(&url, None).await, 0);
            let mail = mailbox.next();
            let content = mail["content"].as_str().unwrap();
            assert_eq!(
                (mail["from"].as_str(), mail["to"][0].as_str()),
                (Some("shop@corner.example"), Some("ann@mail.example"))
            );
            for part in [
                "Subject: Confirm Ann\r\n",
                "https://corner.example/verify?token=",
                "<p>Hello Ann</p>",
                "Message-ID: <",
            ] {
                assert!(content.contains(part), "{part} in {content}");
            }
            assert_eq!(mailbox.end(), 0);
            assert_eq!(site.jobs(State::Done).await.len(), 1);
        });
    }
}

#[test]
fn a_server_that_is_down_or_busy_gets_it_later() {
    database::on(Dialect::Sqlite, async || {
        let site = Site::open(Dialect::Sqlite).await;
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let url = format!("smtp://localhost:{free}");
        site.enqueue("verify:1", "ann@mail.example").await;
        assert_eq!(site.send(&url, None).await, 1);
        let waiting = site.jobs(State::Waiting).await;
        assert!(
            waiting[0].error.as_deref().unwrap().starts_with("The mail server could not be used"),
            "{waiting:?}"
        );

        let mailbox = Mailbox::start(&["--port", &free.to_string(), "--busy", "1"]);
        assert_eq!(site.send(&url, None).await, 1);
        assert_eq!(mailbox.next(), json!({"busy": true}));
        let waiting = site.jobs(State::Waiting).await;
        assert!(waiting[0].error.as_deref().unwrap().contains("Come back later"), "{waiting:?}");
        assert_eq!(site.send(&url, None).await, 1);
        assert_eq!(mailbox.next()["to"][0], "ann@mail.example");
        assert_eq!((mailbox.end(), site.jobs(State::Done).await.len()), (0, 1));
    });
}

#[test]
fn an_address_that_is_refused_is_given_up_with_the_reason() {
    database::on(Dialect::Sqlite, async || {
        let site = Site::open(Dialect::Sqlite).await;
        let mailbox = Mailbox::start(&["--refuse", "nobody@mail.example"]);
        let url = format!("smtp://localhost:{}", mailbox.port);
        site.enqueue("verify:1", "nobody@mail.example").await;
        site.enqueue("verify:2", "no address").await;
        assert_eq!(site.send(&url, None).await, 2);
        assert_eq!(site.send(&url, None).await, 0);
        let mut dead = site.jobs(State::Dead).await;
        dead.sort_by(|one, other| one.key.cmp(&other.key));
        assert!(dead[0].error.as_deref().unwrap().contains("There is no such mailbox"), "{dead:?}");
        assert_eq!(dead[1].error.as_deref(), Some("The address it goes to is none."));
    });
}

#[test]
fn tls_and_the_account_are_used_and_insisted_on() {
    database::on(Dialect::Sqlite, async || {
        let (site, certificates) = (Site::open(Dialect::Sqlite).await, Certificates::make());
        for (how, scheme, query) in [("--starttls", "smtp", "?tls=required"), ("--tls", "smtps", "")] {
            let tls = certificates.options(how);
            let mut options: Vec<&str> = tls.iter().map(String::as_str).collect();
            options.extend(["--auth", "shop:p@ss"]);
            let mailbox = Mailbox::start(&options);
            let url =
                |password: &str| format!("{scheme}://shop:{password}@localhost:{}{query}", mailbox.port);
            site.enqueue(&format!("verify:{how}"), "ann@mail.example").await;
            // A certificate that nobody vouches for is not believed.
            assert_eq!(site.send(&url("p%40ss"), None).await, 1);
            assert_eq!(site.jobs(State::Waiting).await.len(), 1);
            assert_eq!(site.send(&url("p%40ss"), Some(certificates.path("ca.pem"))).await, 1);
            let mail = mailbox.next();
            assert_eq!((&mail["tls"], mail["user"].as_str()), (&json!(true), Some("shop")));

            site.enqueue(&format!("wrong:{how}"), "ann@mail.example").await;
            site.send(&url("guess"), Some(certificates.path("ca.pem"))).await;
            assert_eq!(mailbox.end(), 0);
            assert_eq!(site.jobs(State::Dead).await.len(), if how == "--tls" { 2 } else { 1 });
        }
    });
}

#[test]
fn without_tls_nothing_is_said_where_it_is_required() {
    database::on(Dialect::Sqlite, async || {
        let (site, mailbox) = (Site::open(Dialect::Sqlite).await, Mailbox::start(&[]));
        site.enqueue("verify:1", "ann@mail.example").await;
        let url = format!("smtp://shop:secret@localhost:{}?tls=required", mailbox.port);
        assert_eq!(site.send(&url, None).await, 1);
        assert_eq!(mailbox.end(), 0);
        assert_eq!(site.jobs(State::Done).await.len(), 0);
    });
}

#[test]
fn without_a_server_mails_are_kept_to_be_looked_at() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        database::on(dialect, async || {
            let site = Site::open(dialect).await;
            for number in 0..3 {
                site.enqueue(&format!("verify:{number}"), "ann@mail.example").await;
                assert_eq!(site.send("", None).await, 1);
            }
            let kept = mail::list(&site.test.engine).await.unwrap();
            assert_eq!(kept.len(), 3);
            assert!(kept[0].id > kept[1].id);
            let one = mail::find(&site.test.engine, &kept[1].id).await.unwrap();
            assert_eq!((one.subject.as_str(), one.to.as_str()), ("Confirm Ann", "ann@mail.example"));
            assert!(one.text.contains("https://corner.example/verify?token=abc123"));
        });
    }
}
