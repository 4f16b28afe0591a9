//! A site with accounts, and browsers that talk to it.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use mains_apps::accounts::{self, Accounts, Verify};
use mains_base::{Clock, ManualClock};
use mains_database::Db;
use mains_database::dialect::Dialect;
use mains_database::jobs::{Job, Jobs, drain};
use mains_language::schema::Owner;
use mains_language::site::{File, Layer, load};
use mains_server::mail::{self, Kept, MailSettings, Mailer, Templates};
use mains_server::{
    App, Body, Facts, PageFile, Pages, Records, Request, Response, Router, Settings, Site, Stop,
};
use mains_testkit::TestDb;
use serde_json::{Value, json};

/// Everybody may sign up, and proves the address first.
pub(crate) fn settings() -> accounts::Settings {
    accounts::Settings { sign_up: true, verify: Verify::Required, guest_days: 30, unproven_days: 7 }
}

/// A site with accounts.
pub(crate) struct World {
    pub(crate) app: Accounts,
    pub(crate) db: Db,
    pub(crate) clock: ManualClock,
    pub(crate) records: Records,
    router: Router,
    jobs: Jobs,
    /// Letters that were looked at.
    seen: Mutex<HashSet<String>>,
    _test: TestDb,
}

/// What a site brings.
#[derive(Default)]
pub(crate) struct Parts<'p> {
    /// Collections, by name.
    pub(crate) files: &'p [(&'p str, &'p str)],
    /// Another app beside the accounts.
    pub(crate) other: Option<App>,
    /// Pages, by path.
    pub(crate) pages: &'p [(&'p str, &'p str)],
    /// Whether only staff makes accounts.
    pub(crate) closed: bool,
    /// What is done to the accounts app before it serves.
    pub(crate) changed: Option<fn(&mut App)>,
}

/// Somebody with a cookie of their own.
pub(crate) struct Browser<'w> {
    world: &'w World,
    /// The cookie of its session.
    pub(crate) cookie: Option<String>,
    /// The cookie by which it is known to have signed up.
    pub(crate) mark: Option<String>,
    pub(crate) bearer: Option<String>,
    pub(crate) agent: &'static str,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    /// Where it is, if it matters.
    pub(crate) network: Option<String>,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) body: String,
    pub(crate) json: Value,
    /// The id of the request.
    pub(crate) request: String,
    /// Its `Cache-Control`.
    pub(crate) caching: Option<String>,
    /// The names of its headers.
    pub(crate) names: Vec<String>,
}

/// A letter that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) template: String,
    pub(crate) text: String,
    pub(crate) html: Option<String>,
}

impl Letter {
    /// The link's token.
    pub(crate) fn token(&self) -> String {
        token_in(&self.text)
    }
}

/// The token of the first link in a text.
pub(crate) fn token_in(text: &str) -> String {
    let (_, rest) = text.split_once("token=").expect("a link");
    rest.chars().take_while(char::is_ascii_alphanumeric).collect()
}

impl Answer {
    pub(crate) fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or_default()
    }
}

impl World {
    pub(crate) async fn begin(dialect: Dialect, settings: accounts::Settings) -> Self {
        Self::with(dialect, settings, &[]).await
    }

    /// With collections and, named `….html`, pages of a site.
    pub(crate) async fn with(dialect: Dialect, settings: accounts::Settings, files: &[(&str, &str)]) -> Self {
        Self::with_app(dialect, settings, files, None).await
    }

    /// With another app beside the accounts.
    pub(crate) async fn with_app(
        dialect: Dialect,
        settings: accounts::Settings,
        files: &[(&str, &str)],
        other: Option<App>,
    ) -> Self {
        let closed = !settings.sign_up;
        let app = Accounts::new(settings);
        Self::made(dialect, app, Parts { files, other, closed, ..Parts::default() }).await
    }

    /// With this app and with parts of a site.
    pub(crate) async fn made(dialect: Dialect, app: Accounts, parts: Parts<'_>) -> Self {
        let Parts { files, other, pages, closed, changed } = parts;
        let file = |(name, source): &(&str, &str)| File {
            path: format!("collections/{name}.toml"),
            source: (*source).to_owned(),
        };
        let (mut own, files): (Vec<_>, Vec<_>) = files.iter().partition(|(name, _)| is_page(name));
        let site = Layer { owner: Owner::Site, files: files.into_iter().map(file).collect() };
        let schema = load(&[mains_server::tables(), accounts::layer(), site]).unwrap_or_else(|found| {
            let said: Vec<String> = found.iter().map(ToString::to_string).collect();
            panic!("{}", said.join("\n"))
        });
        let test = TestDb::with_schema(dialect, Arc::new(schema)).await;
        let db = Db::over(test.engine.clone(), Arc::new(test.clock.clone()));
        db.install(Arc::clone(&test.schema));
        let mut own_app = accounts::app(&app);
        if let Some(change) = changed {
            change(&mut own_app);
        }
        let apps: Vec<App> = std::iter::once(own_app).chain(other).collect();
        let records = Records::open(db.clone()).await.unwrap().with_apps(&apps).unwrap();
        own.extend(pages);
        let router = router(&records, &apps, &own, !closed);
        let mail = MailSettings {
            from: "Corner <shop@corner.example>".to_owned(),
            site_name: "Corner".to_owned(),
            site_url: "https://corner.example".to_owned(),
            ..MailSettings::default()
        };
        let mailer = Mailer::open(&mail, Templates::new(&apps[0].mails, None)).unwrap();
        let adding = apps.into_iter().filter_map(|app| app.jobs);
        let jobs = adding.fold(Jobs::new().with(mailer.handler()), |jobs, add| add(jobs));
        Self {
            app,
            db,
            clock: test.clock.clone(),
            records,
            router,
            jobs,
            seen: Mutex::default(),
            _test: test,
        }
    }

    /// From now on streams are told of changes.
    pub(crate) fn feed(&self) -> Stop {
        let stop = Stop::new();
        // So that what is not told is known not to be: no test waits for a heartbeat of its own.
        self.records.feed(stop.clone(), Duration::from_hours(1));
        stop
    }

    pub(crate) fn browser(&self) -> Browser<'_> {
        Browser {
            world: self,
            cookie: None,
            mark: None,
            bearer: None,
            agent: "Test/1.0",
            headers: Vec::new(),
            network: None,
        }
    }

    /// Signs up, and nothing more.
    pub(crate) async fn sign_up(&self, browser: &mut Browser<'_>, email: &str) {
        let body = json!({"email": email, "password": "four wet words"});
        assert_eq!(browser.post("/api/accounts/sign-up", body).await.status, 202);
    }

    /// Somebody who signed up, proved the address and is signed in.
    pub(crate) async fn account(&self, email: &str) -> Browser<'_> {
        let mut browser = self.browser();
        self.sign_up(&mut browser, email).await;
        let token = self.letter(email).await.token();
        assert_eq!(browser.post("/api/accounts/verify", json!({"token": token})).await.status, 200);
        browser
    }

    /// Somebody with the role staff, signed in.
    pub(crate) async fn owner(&self) -> Browser<'_> {
        let password = self.app.create(&self.db, "owner@corner.example", vec!["staff".into()]).await.unwrap();
        let mut browser = self.browser();
        assert_eq!(browser.sign_in("owner@corner.example", &password).await.status, 200);
        browser
    }

    /// Does all jobs that are due.
    pub(crate) async fn work(&self) {
        while drain(&self.db, &self.jobs).await.unwrap() > 0 {}
    }

    /// The letters to an address since the last look, the oldest first.
    pub(crate) async fn letters(&self, email: &str) -> Vec<Letter> {
        self.work().await;
        let mut kept: Vec<Kept> = mail::list(self.db.engine()).await.unwrap();
        kept.retain(|kept| kept.to == email);
        let mut seen = self.seen.lock().unwrap();
        kept.retain(|kept| seen.insert(kept.id.clone()));
        kept.reverse();
        kept.into_iter()
            .map(|kept| Letter { template: kept.template, text: kept.text, html: kept.html })
            .collect()
    }

    /// The one letter to an address since the last look.
    pub(crate) async fn letter(&self, email: &str) -> Letter {
        let mut letters = self.letters(email).await;
        let last = letters.pop().unwrap_or_else(|| panic!("no letter to {email}"));
        assert!(letters.is_empty(), "more than one letter to {email}: {letters:?}");
        last
    }

    /// Lets go of sign-ups that nobody proved, as every hour does.
    pub(crate) async fn lapse(&self) {
        let slot = self.clock.now().to_string();
        let lapse = Job::new("account.lapse", slot);
        self.db.write(&[], move |tx| tx.enqueue(lapse.clone())).await.unwrap();
        self.work().await;
    }

    /// Forgets what is over, as every night does.
    pub(crate) async fn sweep(&self) {
        let slot = self.clock.now().to_string();
        let sweep = Job::new("account.sweep", slot);
        self.db.write(&[], move |tx| tx.enqueue(sweep.clone())).await.unwrap();
        self.work().await;
    }

    pub(crate) fn pass_hours(&self, hours: i64) {
        self.clock.advance_micros(hours * 3_600_000_000);
    }

    /// All rows of a table as text, to look for what should not be there.
    pub(crate) async fn rows(&self, table: &'static str) -> String {
        let rows = self.db.write(&[], move |tx| tx.query(&format!("SELECT * FROM {table}"), &[]));
        let mut text = String::new();
        for row in &rows.await.unwrap().0 {
            for value in &row.0 {
                match value {
                    mains_base::Value::Text(cell) => text.push_str(cell),
                    mains_base::Value::Bytes(cell) => text.push_str(&String::from_utf8_lossy(cell)),
                    other => write!(text, "{other:?}").unwrap(),
                }
                text.push('|');
            }
        }
        text
    }
}

fn is_page(name: &str) -> bool {
    name.strip_suffix(".html").is_some()
}

fn router(records: &Records, apps: &[App], own: &[&(&str, &str)], sign_up: bool) -> Router {
    let page = |(path, source): &(&str, &str)| PageFile { path: (*path).into(), source: (*source).into() };
    let mut layers: Vec<Vec<PageFile>> =
        apps.iter().map(|app| app.pages.iter().map(page).collect()).collect();
    layers.push(own.iter().copied().map(page).collect());
    let (name, locale, zone) = ("Corner".into(), "en".into(), "UTC".into());
    let facts = Facts { name, locale, zone, sign_up, ..Facts::default() };
    let pages = Pages::open(records.clone(), facts, &layers).unwrap_or_else(|found| {
        let said: Vec<String> = found.iter().map(ToString::to_string).collect();
        panic!("{}", said.join("\n"))
    });
    let site = Site { records: Some(records.clone()), pages: Some(pages), ..Site::empty() };
    Router::new(Settings::default(), &site).unwrap()
}

impl Browser<'_> {
    /// The same browser once more: what it holds now.
    pub(crate) fn twin(&self) -> Self {
        Self { cookie: self.cookie.clone(), mark: self.mark.clone(), ..self.world.browser() }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, ("", String::new())).await
    }

    pub(crate) async fn post(&mut self, path: &str, body: Value) -> Answer {
        self.send("POST", path, ("application/json", body.to_string())).await
    }

    pub(crate) async fn patch(&mut self, path: &str, body: Value) -> Answer {
        self.send("PATCH", path, ("application/json", body.to_string())).await
    }

    pub(crate) async fn form(&mut self, path: &str, body: &str) -> Answer {
        self.send("POST", path, ("application/x-www-form-urlencoded", body.to_owned())).await
    }

    pub(crate) async fn sign_in(&mut self, email: &str, password: &str) -> Answer {
        self.post("/api/accounts/sign-in", json!({"email": email, "password": password})).await
    }

    /// The id of the account that is signed in.
    pub(crate) async fn id(&mut self) -> String {
        self.get("/api/accounts/me").await.json["id"].as_str().expect("signed in").to_owned()
    }

    /// The body of an answer that may have no end.
    pub(crate) async fn open(&self, path: &str) -> Body {
        let response = self.ask("GET", path, ("", String::new())).await;
        assert_eq!(response.status(), 200);
        response.into_body()
    }

    async fn send(&mut self, method: &str, path: &str, what: (&str, String)) -> Answer {
        let (head, body) = self.ask(method, path, what).await.into_parts();
        let body = String::from_utf8(body.collect().await.unwrap().to_vec()).unwrap();
        for set in head.headers.get_all("set-cookie") {
            let pair = set.to_str().unwrap().split(';').next().unwrap().to_owned();
            let slot = if pair.starts_with("mains-mark=") { &mut self.mark } else { &mut self.cookie };
            *slot = (!pair.ends_with('=')).then_some(pair);
        }
        let header = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        Answer {
            status: head.status.as_u16(),
            location: header("location"),
            caching: header("cache-control"),
            json: serde_json::from_str(&body).unwrap_or_default(),
            body,
            request: header("x-request-id").unwrap(),
            names: head.headers.keys().map(|name| name.as_str().to_owned()).collect(),
        }
    }

    async fn ask(&self, method: &str, path: &str, (media, body): (&str, String)) -> Response {
        let mut request = http::Request::builder().method(method).uri(path).header("user-agent", self.agent);
        if !media.is_empty() {
            request = request.header("content-type", media);
        }
        for cookie in [&self.cookie, &self.mark].into_iter().flatten() {
            request = request.header("cookie", cookie);
        }
        if let Some(bearer) = &self.bearer {
            request = request.header("authorization", format!("Bearer {bearer}"));
        }
        for (name, value) in &self.headers {
            request = request.header(*name, *value);
        }
        let mut request = Request::whole(request.body(Bytes::from(body)).unwrap());
        if let Some(network) = &self.network {
            request.peer = network.parse::<IpAddr>().unwrap();
        }
        let answering: Pin<Box<dyn Future<Output = Response> + '_>> =
            Box::pin(self.world.router.handle(request));
        answering.await
    }
}
