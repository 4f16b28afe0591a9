//! A site to listen to, and those who listen.

use std::collections::BTreeMap;
use std::sync::Arc;

use mains_base::{Caller, ManualClock, Uuid};
use mains_database::log::{self, Change, Position};
use mains_database::records::live::{Seen, Subscribers, gap, topics, wishes};
use mains_database::records::{Cursors, Source};
use mains_language::schema::Schema;
use mains_testkit::TestDb;
use serde_json::{Value as Json, json};

use crate::writes::site::Site;

pub(super) const FILES: &[(&str, &str)] = &[
    (
        "accounts",
        r#"
prefix = "account"
[fields.name]
type = "text"
[rules]
read = 'true'
"#,
    ),
    (
        "notes",
        r#"
prefix = "note"
[fields.owner]
type = "relation"
to = "accounts"
on_delete = "clear"
[fields.text]
type = "text"
[fields.status]
type = "enum"
values = ["todo", "done"]
default = "todo"
[fields.public]
type = "bool"
[rules]
read = 'public || owner == auth.id'
"#,
    ),
    (
        "posts",
        r#"
prefix = "post"
[fields.author]
type = "relation"
to = "accounts"
required = true
[fields.title]
type = "text"
[fields.body]
type = "text"
[fields.draft]
type = "text"
read = 'author == auth.id'
[fields.secret]
type = "text"
hidden = true
[fields.score]
type = "number"
[fields.tags]
type = "text"
many = true
[fields.shout]
computed = 'title + "!"'
[fields.mine]
computed = 'author == auth.id'
[fields.name]
computed = 'author.name'
[rules]
read = 'true'
"#,
    ),
    (
        "boards",
        r#"
prefix = "board"
[fields.title]
type = "text"
[fields.level]
type = "integer"
[rules]
read = 'members.exists(m, m.account == auth.id)'
"#,
    ),
    (
        "members",
        r#"
prefix = "member"
[fields.board]
type = "relation"
to = "boards"
inverse = "members"
required = true
[fields.account]
type = "relation"
to = "accounts"
required = true
[rules]
read = 'account == auth.id'
"#,
    ),
    (
        "cards",
        r#"
prefix = "card"
[fields.board]
type = "relation"
to = "boards"
required = true
[fields.title]
type = "text"
[rules]
read = 'board.members.exists(m, m.account == auth.id)'
"#,
    ),
    (
        "levels",
        r#"
prefix = "level"
[fields.board]
type = "relation"
to = "boards"
required = true
[fields.title]
type = "text"
[rules]
read = 'board.level <= auth.level'
"#,
    ),
    (
        "entries",
        r#"
prefix = "entry"
append_only = true
[fields.text]
type = "text"
[rules]
read = 'auth.signed_in'
"#,
    ),
    (
        "unsure",
        r#"
prefix = "unsure"
[fields.text]
type = "text"
[fields.number]
type = "integer"
[rules]
read = '!(number > 5)'
"#,
    ),
    (
        "timed",
        r#"
prefix = "timed"
[fields.text]
type = "text"
[fields.from]
type = "datetime"
[rules]
read = 'now >= from'
"#,
    ),
    (
        "closed",
        r#"
prefix = "closed"
[fields.text]
type = "text"
"#,
    ),
];

/// Those who listen to a site.
pub(super) struct Heard {
    site: Site,
    subscribers: Subscribers<String>,
    cursors: Cursors,
    streams: u64,
}

impl Heard {
    pub(super) async fn new(db: TestDb) -> Self {
        let site = Site::new(db);
        let subscribers = Subscribers::default();
        subscribers.begin_at(log::last(&site.test.engine).await.unwrap());
        Self { site, subscribers, cursors: Cursors::new(&[3; 32]).unwrap(), streams: 0 }
    }

    pub(super) fn schema(&self) -> Arc<Schema> {
        Arc::clone(&self.site.test.schema)
    }

    pub(super) fn clock(&self) -> &ManualClock {
        &self.site.test.clock
    }

    pub(super) fn site(&self) -> &Site {
        &self.site
    }

    pub(super) fn position(&self) -> Position {
        self.subscribers.position()
    }

    /// A new account, of which nobody is told.
    pub(super) async fn account(&mut self, name: &str) -> Caller {
        let caller = self.site.account(name).await;
        self.skip(1).await;
        caller
    }

    pub(super) fn text(&self, collection: &str, id: Uuid) -> String {
        self.site.text(collection, id)
    }

    pub(super) fn id(&self, caller: &Caller) -> String {
        self.text("accounts", caller.id)
    }

    pub(super) async fn create(&self, collection: &str, json: Json) -> Uuid {
        self.site.create(&Caller::system(), collection, json).await.unwrap().id
    }

    pub(super) async fn update(&self, collection: &str, id: Uuid, json: Json) {
        let target = self.site.target(collection, id);
        self.site.update(&Caller::system(), target, json).await.unwrap();
    }

    pub(super) async fn delete(&self, collection: &str, id: Uuid) {
        self.site.delete(&Caller::system(), self.site.target(collection, id)).await.unwrap();
    }

    /// Lets somebody listen from now on.
    pub(super) fn listen(&mut self, name: &str, caller: &Caller, text: &str) {
        let epoch = self.site.db.epoch();
        let source = Source { engine: self.site.db.engine(), epoch: &epoch, cursors: &self.cursors };
        let topics = topics(&epoch.schema, caller, text).unwrap();
        let wishes = wishes(&source, &Arc::new(caller.clone()), &topics).unwrap();
        self.streams += 1;
        self.subscribers.join(self.streams, &name.to_owned(), &wishes);
    }

    /// The next changes of the log, once they are there.
    async fn changes(&self, count: usize) -> Vec<Change> {
        let mut advanced = self.site.db.engine().log_advanced();
        loop {
            advanced.mark_unchanged();
            let changes = log::read(self.site.db.engine(), self.position(), count).await.unwrap();
            if changes.len() == count {
                return changes;
            }
            advanced.changed().await.unwrap();
        }
    }

    /// What so many changes were to each who listens.
    pub(super) async fn seen(&mut self, count: usize) -> Vec<(String, Change, Seen)> {
        let epoch = self.site.db.epoch();
        let mut told = Vec::new();
        for change in self.changes(count).await {
            let source = Source { engine: self.site.db.engine(), epoch: &epoch, cursors: &self.cursors };
            let outcomes = self.subscribers.told(&source, &change).await.unwrap();
            for mut outcome in outcomes {
                outcome.to.sort();
                told.push((outcome.to.join("+"), change.clone(), outcome.seen));
            }
        }
        assert_eq!(
            log::last(self.site.db.engine()).await.unwrap(),
            self.position(),
            "changes were not expected"
        );
        told
    }

    /// The same in words.
    pub(super) async fn told(&mut self, count: usize) -> String {
        let told = self.seen(count).await;
        told.iter().map(|(to, _, seen)| format!("{to}: {}", words(seen))).collect::<Vec<_>>().join("\n")
    }

    /// The records that were told.
    pub(super) async fn frames(&mut self, count: usize) -> Vec<(String, Json)> {
        let told = self.seen(count).await;
        let each = told.into_iter().map(|(to, _, seen)| match seen {
            Seen::Record { json, .. } => (to, serde_json::from_slice(&json).unwrap()),
            Seen::Gone => (to, json!(null)),
        });
        each.collect::<BTreeMap<_, _>>().into_iter().collect()
    }

    /// Lets changes pass.
    pub(super) async fn skip(&mut self, count: usize) {
        self.seen(count).await;
    }

    /// What somebody missed since a position.
    pub(super) async fn missed(&self, caller: &Caller, text: &str, from: Position) -> String {
        let epoch = self.site.db.epoch();
        let source = Source { engine: self.site.db.engine(), epoch: &epoch, cursors: &self.cursors };
        let topics = topics(&epoch.schema, caller, text).unwrap();
        let wishes = wishes(&source, &Arc::new(caller.clone()), &topics).unwrap();
        let missed = gap(&source, &wishes, (from, self.position())).await.unwrap().unwrap();
        missed.iter().map(|one| words(&one.seen)).collect::<Vec<_>>().join(", ")
    }
}

fn words(seen: &Seen) -> String {
    match seen {
        Seen::Gone => "gone".to_owned(),
        Seen::Record { created, json } => {
            let json: Json = serde_json::from_slice(json).unwrap();
            let text = ["text", "title"].iter().find_map(|name| json[name].as_str()).unwrap_or("?");
            format!("{} {text}", if *created { "create" } else { "update" })
        }
    }
}
