//! Streams of changes over the router: what they begin with, carry and end with, on both databases.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use mains_base::Caller;
use mains_database::dialect::Dialect;
use mains_database::write::records;
use mains_database::write::{Input, Sent};
use mains_database::{Db, log};
use mains_server::keys::NewKey;
use mains_server::{Body, Limits, Records, Request, Router, Settings, Site, Stop};
use mains_testkit::TestDb;
use mains_testkit::database::on;
use serde_json::{Value as Json, json};

use crate::talk::schema;

/// A served site.
struct Served {
    test: TestDb,
    db: Db,
    records: Records,
    router: Router,
    stop: Stop,
    editor: String,
    editor_id: String,
}

/// An event as it came.
#[derive(Debug)]
struct Event {
    name: String,
    cursor: Option<String>,
    data: Json,
}

/// An open stream.
struct Listening {
    body: Body,
    text: String,
    cursor: String,
}

fn on_both(test: impl AsyncFn(Served) + Sync) {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        on(dialect, async || test(Served::begin(dialect, Limits::default()).await).await);
    }
}

impl Served {
    async fn begin(dialect: Dialect, limits: Limits) -> Self {
        let test = TestDb::with_schema(dialect, schema()).await;
        let db = Db::over(test.engine.clone(), Arc::new(test.clock.clone()));
        db.install(Arc::clone(&test.schema));
        let records = Records::open(db.clone()).await.unwrap();
        let new = NewKey { roles: vec!["editor".into()], ..NewKey::default() };
        let (key, secret) = records.callers().create_key(new).await.unwrap();
        let stop = Stop::new();
        records.feed(stop.clone(), limits.heartbeat);
        let site = Site { records: Some(records.clone()), ..Site::empty() };
        let router = Router::new(Settings { limits, ..Settings::default() }, &site).unwrap();
        let editor = secret.expose().to_owned();
        Self { test, db, records, router, stop, editor, editor_id: key.id }
    }

    async fn say(&self, line: &str, body: &str, headers: &[(&str, &str)]) -> http::Response<Body> {
        let (method, address) = line.split_once(' ').unwrap();
        let mut request = http::Request::builder().method(method).uri(address);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        self.router.handle(Request::whole(request.body(Bytes::from(body.to_owned())).unwrap())).await
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.editor)
    }

    /// Writes as the editor; the record.
    async fn write(&self, line: &str, body: &Json) -> Json {
        let body = if line.starts_with("DELETE") { String::new() } else { body.to_string() };
        let answer = self.say(line, &body, &[("authorization", &self.bearer())]).await;
        let status = answer.status();
        let bytes = answer.into_body().collect().await.unwrap();
        assert!(status.is_success(), "{line}: {}", String::from_utf8_lossy(&bytes));
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    async fn note(&self, title: &str, private: bool) -> String {
        let note = self.write("POST /api/notes", &json!({ "title": title, "private": private })).await;
        note["id"].as_str().unwrap().to_owned()
    }

    /// Listens as a visitor or the editor, from a cursor on.
    async fn listen(&self, topics: &str, editor: bool, cursor: &str) -> Listening {
        let bearer = self.bearer();
        let mut headers = vec![("last-event-id", cursor)];
        if editor {
            headers.push(("authorization", bearer.as_str()));
        }
        let answer = self.say(&format!("GET /api/changes?topics={topics}"), "", &headers).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers().get("content-type").unwrap(), "text/event-stream");
        let mut listening =
            Listening { body: answer.into_body(), text: String::new(), cursor: String::new() };
        assert_eq!(listening.next().await.unwrap().name, "ready");
        listening
    }

    async fn refused(&self, line: &str) -> (u16, String) {
        let answer = self.say(line, "", &[]).await;
        let status = answer.status().as_u16();
        let body: Json =
            serde_json::from_slice(&answer.into_body().collect().await.unwrap()).unwrap_or_default();
        (status, body["code"].as_str().unwrap_or_default().to_owned())
    }
}

impl Listening {
    /// The next event; `None` at the end of the stream. Comments and bare cursors are taken in silence.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let Some((whole, rest)) = self.text.split_once("\n\n") else {
                let frame = self.body.frame().await?.unwrap().into_data().unwrap();
                self.text.push_str(std::str::from_utf8(&frame).unwrap());
                continue;
            };
            let find = |name: &str| whole.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            let (name, cursor, data) = (find("event: "), find("id: "), find("data: "));
            let rest = rest.to_owned();
            self.text = rest;
            if let Some(cursor) = &cursor {
                self.cursor.clone_from(cursor);
            }
            if let (Some(name), Some(data)) = (name, data) {
                return Some(Event { name, cursor, data: serde_json::from_str(&data).unwrap() });
            }
        }
    }

    /// The next change, in words.
    async fn change(&mut self) -> String {
        let Event { name, data, .. } = self.next().await.unwrap();
        assert_eq!(name, "change", "{data}");
        let title = data["record"]["title"].as_str().unwrap_or("-");
        format!("{} {} {title}", data["topic"].as_str().unwrap(), data["op"].as_str().unwrap())
    }

    /// The reason of the farewell that must come now.
    async fn farewell(&mut self) -> String {
        let Event { name, data, .. } = self.next().await.unwrap();
        assert_eq!(name, "bye", "{data}");
        assert!(self.next().await.is_none(), "a stream ends after its farewell");
        data["reason"].as_str().unwrap().to_owned()
    }

    /// Waits for a heartbeat: the next cursor that comes with no event.
    async fn heartbeat(&mut self) {
        while !self.text.contains(":\nid: ") {
            let frame = self.body.frame().await.unwrap().unwrap().into_data().unwrap();
            self.text.push_str(std::str::from_utf8(&frame).unwrap());
        }
    }
}

#[test]
fn changes_come_in_order_as_a_read_shows_them() {
    on_both(async |served: Served| {
        // One who listens from now on hears what gets its position from now on: the first is known to have its own.
        let mut early = served.listen("notes", true, "").await;
        served.note("before", false).await;
        assert_eq!(early.change().await, "notes create before");
        let mut all = served.listen("notes,votes", true, "").await;
        let mut public = served.listen("notes(status=draft)", false, "").await;
        let one = served.note("one", false).await;
        let two = served.note("two", true).await;
        served.write(&format!("PATCH /api/notes/{one}"), &json!({ "stars": 3 })).await;
        served.write(&format!("PATCH /api/notes/{one}"), &json!({ "status": "done" })).await;
        served.write(&format!("DELETE /api/notes/{two}"), &json!({})).await;
        for want in ["create one", "create two", "update one", "update one", "gone -"] {
            assert_eq!(all.change().await, format!("notes {want}"));
        }
        for want in ["create one", "update one", "gone -"] {
            assert_eq!(public.change().await, format!("notes {want}"));
        }
        let seen = served.write("POST /api/notes", &json!({ "title": "last", "secret": "s" })).await;
        let event = all.next().await.unwrap();
        assert_eq!(event.data["record"], seen, "the frame is what a GET shows");
        assert_eq!(event.data["id"], seen["id"]);
        assert!(event.cursor.is_some());
        let event = public.next().await.unwrap();
        assert_eq!(event.data["record"].get("secret"), None);
    });
}

#[test]
fn who_comes_back_with_a_cursor_misses_nothing() {
    on_both(async |served: Served| {
        let mut first = served.listen("notes", false, "").await;
        let one = served.note("one", false).await;
        assert_eq!(first.change().await, "notes create one");
        let cursor = first.cursor.clone();
        drop(first);
        let mut watching = served.listen("notes", false, "").await;
        served.write(&format!("PATCH /api/notes/{one}"), &json!({ "title": "uno" })).await;
        served.write(&format!("PATCH /api/notes/{one}"), &json!({ "title": "eins" })).await;
        let two = served.note("two", false).await;
        served.write(&format!("PATCH /api/notes/{two}"), &json!({ "private": true })).await;
        served.note("three", false).await;
        while watching.change().await != "notes create three" {}
        let mut again = served.listen("notes", false, &cursor).await;
        assert_eq!(again.change().await, "notes update eins");
        assert_eq!(again.change().await, "notes create three");
        served.note("four", false).await;
        assert_eq!(again.change().await, "notes create four");
        // Between what was missed and what comes there is a cursor for all of it.
        let cursor = again.cursor.clone();
        drop(again);
        let mut third = served.listen("notes", false, &cursor).await;
        served.write(&format!("DELETE /api/notes/{one}"), &json!({})).await;
        assert_eq!(third.change().await, "notes gone -");
    });
}

#[test]
fn a_cursor_of_nowhere_asks_to_read_again() {
    on_both(async |served: Served| {
        let mut listening = served.listen("notes", false, "nothing-of-the-kind").await;
        let event = listening.next().await.unwrap();
        assert_eq!(event.name, "resync");
        assert_eq!(event.data["cursor"], listening.cursor);
        served.note("after", false).await;
        assert_eq!(listening.change().await, "notes create after");
    });
}

#[test]
fn a_cursor_that_the_log_has_forgotten_is_sent_to_the_lists() {
    on_both(async |served: Served| {
        let topic = "notes(status=draft)";
        let mut early = served.listen(topic, false, "").await;
        served.note("heard", false).await;
        assert_eq!(early.change().await, "notes create heard");
        let cursor = early.cursor.clone();
        drop(early);
        let mut watching = served.listen("notes", false, "").await;
        for title in ["missed", "missed too"] {
            served.note(title, false).await;
            assert_eq!(watching.change().await, format!("notes create {title}"));
        }
        served.test.clock.advance_micros(1_000_000);
        let nothing = log::Retention { age: mains_base::Duration::from_micros(0).unwrap(), bytes: i64::MAX };
        assert_eq!(log::trim(served.db.engine(), nothing).await.unwrap(), 2);

        let mut back = served.listen(topic, false, &cursor).await;
        assert_eq!(back.cursor, "", "only what says to read brings the cursor");
        let event = back.next().await.unwrap();
        assert_eq!(
            (event.name.as_str(), &event.data["lists"]),
            ("resync", &json!(["/api/notes?where.status=draft"]))
        );
        assert_eq!(event.cursor.as_deref(), event.data["cursor"].as_str());
        served.note("after", false).await;
        let list = served.say(&format!("GET {}", event.data["lists"][0].as_str().unwrap()), "", &[]).await;
        let list = list.into_body().collect().await.unwrap();
        let list: Json = serde_json::from_slice(&list).unwrap();
        let titles: Vec<&str> =
            list["items"].as_array().unwrap().iter().map(|note| note["title"].as_str().unwrap()).collect();
        assert_eq!(titles, ["heard", "missed", "missed too", "after"]);
        assert_eq!(back.change().await, "notes create after");
        // The cursor that it brought is good.
        served.note("later", false).await;
        let mut again = served.listen(topic, false, &event.cursor.unwrap()).await;
        for title in ["after", "later"] {
            assert_eq!(again.change().await, format!("notes create {title}"));
        }
    });
}

#[test]
fn streams_end_when_their_key_the_site_or_the_server_ends() {
    on_both(async |served: Served| {
        let (mut mine, mut open) =
            (served.listen("notes", true, "").await, served.listen("notes", false, "").await);
        served.records.callers().revoke_key(&served.editor_id).await.unwrap();
        assert_eq!(mine.farewell().await, "caller");
        served.db.install(Arc::clone(&served.db.epoch().schema));
        assert_eq!(open.farewell().await, "changed");
        let mut last = served.listen("notes", false, "").await;
        served.stop.ask();
        assert_eq!(last.farewell().await, "draining");
        let mut late = served.listen("notes", false, "").await;
        assert_eq!(late.farewell().await, "draining");
    });
}

#[test]
fn one_who_does_not_read_is_told_to_come_back() {
    on_both(async |served: Served| {
        let mut listening = served.listen("notes", false, "").await;
        served.note("first", false).await;
        assert_eq!(listening.change().await, "notes create first");
        let cursor = listening.cursor.clone();
        let notes = served.db.epoch().schema.find("notes").unwrap().id;
        let title = served.db.epoch().schema.collection(notes).find("title").unwrap().id;
        for half in 0..2 {
            let make = served.db.write_alone(&[], move |tx| {
                for number in 0..600 {
                    let title = (title, Sent::Set(format!("{half} {number}").into()));
                    let input = Input { values: vec![title], ..Input::default() };
                    records::create(tx, &Caller::system(), notes, &input)?;
                }
                Ok(())
            });
            make.await.unwrap();
        }
        // A second listener shows when all of it was told.
        let mut watching = served.listen("notes", false, "").await;
        served.note("last", false).await;
        while watching.change().await != "notes create last" {}
        assert_eq!(listening.farewell().await, "slow");
        let mut again = served.listen("notes", false, &cursor).await;
        assert_eq!(again.next().await.unwrap().name, "resync", "so much is read faster from the lists");
    });
}

#[test]
fn streams_are_counted() {
    on(Dialect::Sqlite, async || {
        let limits = Limits { live: 3, live_of_caller: 1, live_of_network: 2, ..Limits::default() };
        let served = Served::begin(Dialect::Sqlite, limits).await;
        let _one = served.listen("notes", false, "").await;
        let two = served.listen("notes", false, "").await;
        assert_eq!(
            served.refused("GET /api/changes?topics=notes").await,
            (429, "changes.too_many".to_owned())
        );
        let key = served.listen("notes", true, "").await;
        drop(two);
        let _three = served.listen("notes", false, "").await;
        drop(key);
        let _key = served.listen("notes", true, "").await;
        assert_eq!(served.refused("GET /api/changes?topics=notes").await, (503, "changes.full".to_owned()));
    });
}

#[test]
fn an_idle_stream_has_a_heartbeat() {
    on(Dialect::Sqlite, async || {
        let limits = Limits { heartbeat: Duration::from_millis(30), ..Limits::default() };
        let served = Served::begin(Dialect::Sqlite, limits).await;
        let mut listening = served.listen("notes", false, "").await;
        listening.heartbeat().await;
    });
}

#[test]
fn what_cannot_be_listened_to_is_refused() {
    on(Dialect::Sqlite, async || {
        let served = Served::begin(Dialect::Sqlite, Limits::default()).await;
        let refused = |code: &str| (400, code.to_owned());
        assert_eq!(served.refused("GET /api/changes").await, refused("changes.topics"));
        assert_eq!(served.refused("GET /api/changes?topics=nothing").await, refused("changes.topics"));
        assert_eq!(served.refused("GET /api/changes?topic=notes").await, refused("query.unknown"));
        assert_eq!(served.refused("POST /api/changes?topics=notes").await.0, 405);
        let head = served.say("HEAD /api/changes?topics=notes", "", &[]).await;
        assert_eq!(head.status(), 200);
        assert!(head.into_body().collect().await.unwrap().is_empty());
    });
}
