//! A small app inside the tests: accounts that sign up and in without a password check worth the name, on both
//! databases, with a site that adds to it.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::HeaderMap;
use mains_base::{Caller, Error, ManualClock, Uuid, Value};
use mains_database::Db;
use mains_database::dialect::Dialect;
use mains_database::write::{Changes, New, Within};
use mains_language::schema::{Owner, Schema};
use mains_language::site::{File, Layer, load};
use mains_server::commands::{Answer, Handled};
use mains_server::sessions::{self, Facts, Origin};
use mains_server::{App, Records, Request, Router, Settings, Site};
use mains_testkit::TestDb;
use mains_testkit::database::on;

const ACCOUNTS: &str = r#"
prefix = "account"
area = "accounts"
replaceable = ["read"]
[fields.name]
type = "text"
max = 40
unique = true
[fields.renamed]
type = "integer"
default = 0
[rules]
read = 'id == auth.id'

[commands.sign_up]
on = "collection"
allow = '!auth.signed_in'
takes = true
answers = "accounts"
replay = false
limits = "5/1h"
[commands.sign_up.input.name]
type = "text"
required = true
max = 40
[commands.sign_up.input.password]
type = "text"
required = true
min = 8
secret = true

[commands.sign_in]
on = "collection"
allow = 'true'
answers = "accounts"
replay = false
[commands.sign_in.input.name]
type = "text"
required = true

[commands.sign_out]
on = "collection"
allow = 'auth.signed_in'

[commands.rename]
allow = 'id == auth.id'
staff = "accounts"
answers = "accounts"
[commands.rename.input.name]
type = "text"
required = true
max = 40

[commands.pay]
allow = 'id == auth.id'
replay = "required"

[commands.lose]
on = "collection"
allow = 'true'
"#;

const SITE: &str = r#"
extends = "accounts"
[fields.nick]
type = "text"
required = true
max = 10
read = 'true'
write = 'id == auth.id'
[fields.closed]
type = "text"
"#;

const NOTES: &str = r#"
prefix = "note"
guests = true
[fields.title]
type = "text"
required = true
max = 40
[fields.author]
type = "relation"
to = "accounts"
on_create = 'auth.id'
[rules]
read = 'author == auth.id'
create = 'true'
delete = 'author == auth.id'
"#;

/// What the handlers saw, for the tests.
pub(crate) type Seen = Arc<Mutex<Vec<String>>>;

fn file(path: &str, source: &str) -> File {
    File { path: path.into(), source: source.into() }
}

fn accounts(schema: &Schema) -> &mains_language::schema::Collection {
    schema.find("accounts").unwrap()
}

/// The app.
pub(crate) fn app(seen: &Seen) -> App {
    let noted = Arc::clone(seen);
    let sign_up = Handled::new("accounts", "sign_up", async |invocation| {
        invocation
            .write(&[], |tx, invocation, _| {
                let of = accounts(&invocation.epoch.schema);
                let id = tx.id(of.id)?;
                let name = of.find("name").unwrap().id;
                let new = New::of([(name, invocation.value("name").clone())]).id(id);
                tx.insert(
                    of.id,
                    &new.on_unique("name_unique", || Error::conflict("accounts.taken", "Taken.")),
                )?;
                invocation.take(tx, &Caller::account(id), id)?;
                let token = sessions::insert(tx, id, &Facts::account(), &invocation.origin())?;
                Ok(Answer::created(id).signed_in(token, Caller::account(id)))
            })
            .await
    });
    let sign_in = Handled::new("accounts", "sign_in", async |invocation| {
        invocation
            .write(&[], |tx, invocation, _| {
                let rows =
                    tx.query("SELECT id FROM accounts WHERE name = $1", &[invocation.value("name").clone()])?;
                let row = rows.0.first().ok_or_else(|| Error::conflict("accounts.unknown", "Who?"))?;
                let id = row.id(0)?.unwrap();
                if let Some(old) = invocation.asker.session_id() {
                    sessions::delete(tx, invocation.caller().id, old)?;
                }
                let token = sessions::insert(tx, id, &Facts::account(), &invocation.origin())?;
                Ok(Answer::record(id).signed_in(token, Caller::account(id)))
            })
            .await
    });
    let sign_out = Handled::new("accounts", "sign_out", async |invocation| {
        invocation
            .write(&[], |tx, invocation, _| {
                let session = invocation.asker.session_id().unwrap_or_default();
                sessions::delete(tx, invocation.caller().id, session)?;
                Ok(Answer::nothing().signed_out())
            })
            .await
    });
    App {
        files: vec![file("collections/accounts.toml", ACCOUNTS)],
        handlers: [sign_up, sign_in, sign_out].into_iter().chain(of_records()).collect(),
        within: vec![Within::new("accounts", move |tx, changed| {
            let of = accounts(&tx.schema()).find("name").unwrap().id;
            let name = |image: &Option<Arc<mains_database::write::Image>>| {
                image.as_ref().and_then(|image| image.value(of).as_text().map(str::to_owned))
            };
            noted.lock().unwrap().push(format!("{:?} -> {:?}", name(&changed.before), name(&changed.now)));
            Ok(())
        })],
        guests: Some(Arc::new(|tx, origin: &Origin| {
            let of = accounts(&tx.schema()).id;
            let id = tx.id(of)?;
            tx.insert(of, &New::default().id(id))?;
            let token = sessions::insert(tx, id, &Facts::guest(), origin)?;
            Ok((Facts::guest().caller(id), token))
        })),
        ..App::new("lab")
    }
}

/// What can be done with one account.
fn of_records() -> [Handled; 3] {
    let rename = Handled::new("accounts", "rename", async |invocation| {
        invocation
            .write(&[], |tx, invocation, entered| {
                let target = entered.target()?;
                let name = invocation.field("name")?;
                let changes = Changes::of([(name, invocation.value("name").clone())]);
                tx.update(target.collection, target.id(), &changes)?;
                Ok(Answer::record(target.id()))
            })
            .await
    });
    let pay = Handled::new("accounts", "pay", async |invocation| {
        invocation
            .write(&[], |tx, invocation, entered| {
                let target = entered.target()?;
                let changes = Changes::default().add(invocation.field("renamed")?, Value::Int(1));
                tx.update(target.collection, target.id(), &changes)?;
                Ok(Answer::nothing())
            })
            .await
    });
    let lose = Handled::new("accounts", "lose", async |_| Ok(Answer::nothing()));
    [rename, pay, lose]
}

/// The site's layers.
pub(crate) fn layers(app: &App) -> Vec<Layer> {
    let site = vec![file("collections/accounts.toml", SITE), file("collections/notes.toml", NOTES)];
    vec![mains_server::tables(), app.layer(), Layer { owner: Owner::Site, files: site }]
}

/// A served site.
pub(crate) struct Lab {
    pub(crate) router: Router,
    pub(crate) records: Records,
    pub(crate) clock: ManualClock,
    pub(crate) seen: Seen,
    _test: TestDb,
}

/// An answer.
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// The pointers of what is wrong with fields.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let json = self.json();
        let errors = json["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect()
    }

    /// `name=token` of the cookie that it sets.
    pub(crate) fn cookie(&self) -> String {
        self.header("set-cookie").split(';').next().unwrap_or_default().to_owned()
    }

    pub(crate) fn id(&self) -> String {
        self.json()["id"].as_str().unwrap_or_default().to_owned()
    }
}

impl Lab {
    pub(crate) async fn over(test: TestDb, settings: Settings) -> Self {
        let seen = Seen::default();
        let app = app(&seen);
        let db = Db::over(test.engine.clone(), Arc::new(test.clock.clone()));
        db.install(Arc::clone(&test.schema));
        let records = Records::open(db).await.unwrap().with_apps(&[app]).unwrap();
        let site = Site { records: Some(records.clone()), ..Site::empty() };
        let router = Router::new(settings, &site).unwrap();
        Self { router, records, clock: test.clock.clone(), seen, _test: test }
    }

    /// Sends a request: headers, then a body.
    pub(crate) async fn send(&self, line: &str, headers: &[(&str, &str)], body: &str) -> Got {
        let (method, address) = line.split_once(' ').unwrap();
        let request = http::Request::builder().method(method).uri(address);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request.body(Bytes::copy_from_slice(body.as_bytes())).unwrap();
        let (head, body) = self.router.handle(Request::whole(request)).await.into_parts();
        let body = String::from_utf8(body.collect().await.unwrap().to_vec()).unwrap();
        Got { status: head.status.as_u16(), headers: head.headers, body }
    }

    /// Sends JSON with a cookie (`""`: none).
    pub(crate) async fn json(&self, line: &str, cookie: &str, body: &str) -> Got {
        self.send(line, &[("content-type", "application/json"), ("cookie", cookie)], body).await
    }

    /// Signs up and gives the cookie and the id.
    pub(crate) async fn sign_up(&self, name: &str) -> (String, String) {
        let body = format!(r#"{{"name":"{name}","password":"12345678","nick":"{name}"}}"#);
        let got = self.json("POST /api/accounts/sign-up", "", &body).await;
        assert_eq!(got.status, 201, "{}", got.body);
        (got.cookie(), got.id())
    }
}

/// Runs a test on both databases.
pub(crate) fn on_both(test: impl AsyncFn(Lab) + Sync) {
    on_both_with(&Settings::default(), test);
}

/// The same, with settings of the server.
pub(crate) fn on_both_with(settings: &Settings, test: impl AsyncFn(Lab) + Sync) {
    let schema = load(&layers(&app(&Seen::default()))).unwrap_or_else(|found| panic!("{}", found[0]));
    let schema = Arc::new(schema);
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        on(dialect, async || {
            let db = TestDb::with_schema(dialect, Arc::clone(&schema)).await;
            test(Lab::over(db, settings.clone()).await).await;
        });
    }
}

/// An id of nobody.
pub(crate) fn nobody() -> String {
    Uuid::v4([9; 16]).text(&mains_base::Prefix::new("account").unwrap())
}
