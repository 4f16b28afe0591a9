//! Conversations with the records API: the same one on SQLite and on PostgreSQL, which must not differ.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use mains_base::ManualClock;
use mains_database::Db;
use mains_database::dialect::Dialect;
use mains_language::schema::{Owner, Schema};
use mains_language::site::{File, Layer, load};
use mains_server::keys::NewKey;
use mains_server::{Callers, Facts, PageFile, Pages, Records, Request, Router, Settings, Site};
use mains_testkit::TestDb;
use mains_testkit::database::on;

const ACCOUNTS: &str = r#"
prefix = "account"
[fields.name]
type = "text"
required = true
unique = true
[rules]
read = 'true'
create = 'true'
"#;

const NOTES: &str = r#"
prefix = "note"
[fields.title]
type = "text"
required = true
max = 40
[fields.slug]
type = "slug"
from = "title"
[fields.stars]
type = "integer"
min = 0
max = 10
default = 0
[fields.price]
type = "decimal"
scale = 2
[fields.tags]
type = "text"
many = true
[fields.status]
type = "enum"
values = ["draft", "done"]
default = "draft"
[fields.status.transitions]
"draft -> done" = 'true'
[fields.author]
type = "relation"
to = "accounts"
[fields.private]
type = "bool"
[fields.secret]
type = "text"
read = '"editor" in auth.roles'
[rules]
read = '!private || "editor" in auth.roles'
create = 'auth.kind == "key"'
update = '"editor" in auth.roles'
delete = '"editor" in auth.roles'
"#;

const VOTES: &str = r#"
prefix = "vote"
[fields.note]
type = "relation"
to = "notes"
required = true
[fields.account]
type = "relation"
to = "accounts"
required = true
[fields.up]
type = "bool"
default = true
[[indexes]]
fields = ["note", "account"]
unique = true
message = "You have voted already."
[rules]
read = 'true'
create = 'true'
update = 'true'
delete = 'true'
"#;

/// What the conversations are about.
pub(crate) fn schema() -> Arc<Schema> {
    let file = |(path, source): &(&str, &str)| File { path: (*path).into(), source: (*source).into() };
    let files = [
        ("collections/accounts.toml", ACCOUNTS),
        ("collections/notes.toml", NOTES),
        ("collections/votes.toml", VOTES),
    ];
    let site = Layer { owner: Owner::Site, files: files.iter().map(file).collect() };
    Arc::new(load(&[mains_server::tables(), site]).unwrap())
}

/// Somebody who talks to a server, and what was said so far.
pub(crate) struct Talk {
    pub(crate) router: Router,
    pub(crate) clock: ManualClock,
    pub(crate) callers: Arc<Callers>,
    editor: String,
    reader: String,
    said: Mutex<String>,
    ids: Mutex<Vec<String>>,
}

/// One request, as a conversation writes it.
pub(crate) struct Say<'s> {
    line: &'s str,
    body: String,
    headers: Vec<(&'static str, String)>,
}

/// `GET /api/notes`
pub(crate) fn say(line: &str) -> Say<'_> {
    Say { line, body: String::new(), headers: Vec::new() }
}

impl Say<'_> {
    /// With a JSON body.
    pub(crate) fn json(self, body: impl Into<String>) -> Self {
        Self { body: body.into(), ..self }.with("content-type", "application/json")
    }

    /// With this body.
    pub(crate) fn body(self, body: impl Into<String>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// With the body of a plain HTML form.
    pub(crate) fn form(self, body: impl Into<String>) -> Self {
        Self { body: body.into(), ..self }.with("content-type", "application/x-www-form-urlencoded")
    }

    /// With a header.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl Talk {
    async fn begin(dialect: Dialect, files: Vec<PageFile>) -> (TestDb, Self) {
        let test = TestDb::with_schema(dialect, schema()).await;
        let db = Db::over(test.engine.clone(), Arc::new(test.clock.clone()));
        db.install(Arc::clone(&test.schema));
        let records = Records::open(db).await.unwrap();
        let callers = Arc::clone(records.callers());
        let key = async |role: &str| {
            let new = NewKey { roles: vec![role.into()], ..NewKey::default() };
            callers.create_key(new).await.unwrap().1.expose().to_owned()
        };
        let (editor, reader) = (key("editor").await, key("reader").await);
        let facts = Facts {
            name: "Notes & more".into(),
            locale: "en".into(),
            zone: "UTC".into(),
            ..Facts::default()
        };
        let pages = Pages::open(records.clone(), facts, &[files]);
        let pages = pages.unwrap_or_else(|wrong| panic!("{}", wrong[0]));
        let site = Site { records: Some(records), pages: Some(pages), ..Site::empty() };
        let router = Router::new(Settings::default(), &site).unwrap();
        let talk = Self {
            router,
            clock: test.clock.clone(),
            callers,
            editor,
            reader,
            said: Mutex::default(),
            ids: Mutex::default(),
        };
        (test, talk)
    }

    /// The headers of an answer to a GET, to an editor or to a visitor.
    pub(crate) async fn head(&self, address: &str, editor: bool, say: Say<'_>) -> http::HeaderMap {
        let say = if editor { say.with("authorization", format!("Bearer {}", self.editor)) } else { say };
        let request = http::Request::get(address);
        let request = say.headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        let request = request.body(Bytes::new()).unwrap();
        self.router.handle(Request::whole(request)).await.headers().clone()
    }

    /// Sends as an editor.
    pub(crate) async fn editor(&self, say: Say<'_>) -> String {
        let key = format!("Bearer {}", self.editor);
        self.send(say.with("authorization", key)).await
    }

    /// Sends as a key without the editor's role.
    pub(crate) async fn reader(&self, say: Say<'_>) -> String {
        let key = format!("Bearer {}", self.reader);
        self.send(say.with("authorization", key)).await
    }

    /// Sends as a visitor. Notes down what was asked and answered, ids by number; gives the body as it came.
    pub(crate) async fn send(&self, say: Say<'_>) -> String {
        let (method, address) = say.line.split_once(' ').unwrap();
        let mut request = http::Request::builder().method(method).uri(address);
        for (name, value) in &say.headers {
            request = request.header(*name, value);
        }
        let request = request.body(Bytes::from(say.body.clone())).unwrap();
        let (head, body) = self.router.handle(Request::whole(request)).await.into_parts();
        let body = String::from_utf8(body.collect().await.unwrap().to_vec()).unwrap();
        let mut text = format!("> {} {}\n{}", say.line, say.body, head.status.as_u16());
        for name in ["location", "etag", "allow", "content-length", "retry-after"] {
            if let Some(value) = head.headers.get(name) {
                write!(text, " {name}: {}", value.to_str().unwrap()).unwrap();
            }
        }
        writeln!(text, "\n{body}\n").unwrap();
        let id = head.headers.get("x-request-id").unwrap().to_str().unwrap();
        let text = self.numbered(&without_cursors(&text.replace(id, "req_1")));
        self.said.lock().unwrap().push_str(&text);
        body
    }

    /// Ids by the order in which they appear, so that two conversations can be compared.
    fn numbered(&self, text: &str) -> String {
        let mut ids = self.ids.lock().unwrap();
        let mut shown = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('_') {
            let (before, after) = rest.split_at(at + 1);
            shown.push_str(before);
            rest = after;
            let is_id = |id: &&str| id.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
            if let Some(id) = after.get(..26).filter(is_id) {
                let known = ids.iter().position(|other| other == id);
                let place = known.unwrap_or_else(|| {
                    ids.push(id.to_owned());
                    ids.len() - 1
                });
                write!(shown, "{}", place + 1).unwrap();
                rest = &after[26..];
            }
        }
        shown + rest
    }
}

/// Cursors are sealed with a fresh nonce, so no two are equal.
fn without_cursors(text: &str) -> String {
    let is_sealed = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    let mut text = text.to_owned();
    for before in ["\"next\":\"", "cursor="] {
        if let Some((start, rest)) = text.split_once(before) {
            text = format!("{start}{before}…{}", rest.trim_start_matches(is_sealed));
        }
    }
    text
}

/// Has the same conversation on both databases, and gives what was said if it is the same.
pub(crate) fn on_both(talk: impl AsyncFn(&Talk) + Sync) -> String {
    on_both_with(crate::pages::files, talk)
}

/// The same in a site with these pages.
pub(crate) fn on_both_with(
    files: impl Fn() -> Vec<PageFile> + Sync,
    talk: impl AsyncFn(&Talk) + Sync,
) -> String {
    let said = [Dialect::Sqlite, Dialect::Postgres].map(|dialect| {
        let said = Mutex::new(String::new());
        on(dialect, async || {
            let (_test, one) = Talk::begin(dialect, files()).await;
            talk(&one).await;
            *said.lock().unwrap() = one.said.into_inner().unwrap();
        });
        said.into_inner().unwrap()
    });
    let [sqlite, postgres] = said;
    assert_eq!(sqlite, postgres, "the databases answer differently");
    sqlite
}

/// The id in an answer.
pub(crate) fn id_of(body: &str) -> String {
    let json: serde_json::Value = serde_json::from_str(body).unwrap();
    json.get("id").and_then(serde_json::Value::as_str).unwrap().to_owned()
}
