//! Many accounts that listen to what only members may read, in this process.

use std::io::{Error, Result};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mains_base::{Caller, SystemClock, Uuid, Value};
use mains_database::engine::EngineSettings;
use mains_database::log;
use mains_database::records::live::{Subscribers, topics, wishes};
use mains_database::records::{Cursors, Source};
use mains_database::write::New;
use mains_database::{Db, schema as physical};
use mains_language::schema::{FieldId, Owner};
use mains_language::site::{File, Layer, load};

const FILES: [(&str, &str); 4] = [
    ("accounts", "prefix = \"account\"\n[fields.name]\ntype = \"text\"\n[rules]\nread = 'true'\n"),
    ("rooms", "prefix = \"room\"\n[fields.name]\ntype = \"text\"\n[rules]\nread = 'true'\n"),
    (
        "members",
        "prefix = \"member\"\n[fields.room]\ntype = \"relation\"\nto = \"rooms\"\ninverse = \"members\"\nrequired = true\n\
         [fields.account]\ntype = \"relation\"\nto = \"accounts\"\nrequired = true\n[[indexes]]\nfields = [\"room\", \"account\"]\n\
         unique = true\n[rules]\nread = 'account == auth.id'\n",
    ),
    (
        "lines",
        "prefix = \"line\"\n[fields.room]\ntype = \"relation\"\nto = \"rooms\"\nrequired = true\n[fields.text]\n\
         type = \"text\"\n[rules]\nread = 'room.members.exists(m, m.account == auth.id)'\n",
    ),
];

/// A room with its members, all of whom listen.
pub(crate) struct Members {
    db: Db,
    cursors: Cursors,
    subscribers: Subscribers<usize>,
    room: Uuid,
    count: usize,
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn failed(error: mains_base::Error) -> Error {
    Error::other(format!("{error:?}"))
}

impl Members {
    /// Opens a database with a room of so many members.
    pub(crate) async fn open(settings: EngineSettings, count: usize) -> Result<Self> {
        let file = |(name, source): (&str, &str)| File {
            path: format!("collections/{name}.toml"),
            source: source.to_owned(),
        };
        let layer = Layer { owner: Owner::Site, files: FILES.into_iter().map(file).collect() };
        let schema = Arc::new(load(&[layer]).map_err(|found| Error::other(format!("{found:?}")))?);
        let db = Db::open(&settings, Arc::new(SystemClock)).await.map_err(failed)?;
        physical::bootstrap(db.engine()).await.map_err(failed)?;
        let plan = physical::plan(db.engine(), &schema).await.map_err(failed)?;
        physical::apply(db.engine(), &schema, &plan).await.map_err(failed)?;
        db.install(schema);
        let mut members = Self {
            db,
            cursors: Cursors::new(&[7; 32]).map_err(failed)?,
            subscribers: Subscribers::default(),
            room: Uuid::NIL,
            count,
        };
        let accounts = members.fill().await?;
        members.listen(&accounts).await?;
        Ok(members)
    }

    fn field(&self, collection: &str, name: &str) -> Result<FieldId> {
        let epoch = self.db.epoch();
        let found = epoch.schema.find(collection).and_then(|collection| collection.find(name));
        found.map(|field| field.id).ok_or_else(|| Error::other("no such field"))
    }

    async fn fill(&mut self) -> Result<Vec<Uuid>> {
        let epoch = self.db.epoch();
        let id = |name: &str| {
            epoch.schema.find(name).map(|found| found.id).ok_or_else(|| Error::other("no collection"))
        };
        let (accounts, rooms, of) = (id("accounts")?, id("rooms")?, id("members")?);
        let (room_of, account_of) = (self.field("members", "room")?, self.field("members", "account")?);
        let count = self.count;
        let filled = self.db.write_alone(&[], move |tx| {
            let room = tx.insert(rooms, &New::of([]))?.id();
            let mut ids = Vec::with_capacity(count);
            for _ in 0..count {
                let account = tx.insert(accounts, &New::of([]))?.id();
                tx.insert(of, &New::of([(room_of, Value::Id(room)), (account_of, Value::Id(account))]))?;
                ids.push(account);
            }
            Ok((room, ids))
        });
        let (room, ids) = filled.await.map_err(failed)?;
        self.room = room;
        Ok(ids)
    }

    async fn listen(&self, accounts: &[Uuid]) -> Result<()> {
        let epoch = self.db.epoch();
        let source = Source { engine: self.db.engine(), epoch: &epoch, cursors: &self.cursors };
        self.subscribers.begin_at(log::last(self.db.engine()).await.map_err(failed)?);
        for (place, account) in accounts.iter().enumerate() {
            let caller = Arc::new(Caller::account(*account));
            let topics = topics(&epoch.schema, &caller, "lines").map_err(failed)?;
            let wishes = wishes(&source, &caller, &topics).map_err(failed)?;
            self.subscribers.join(place as u64, &place, &wishes);
        }
        Ok(())
    }

    /// Writes a line; how long it took from its commit until it was known who sees it.
    pub(crate) async fn hear(&self, number: usize) -> Result<Duration> {
        let epoch = self.db.epoch();
        let lines =
            epoch.schema.find("lines").map(|found| found.id).ok_or_else(|| Error::other("no lines"))?;
        let (room_of, text_of, room) =
            (self.field("lines", "room")?, self.field("lines", "text")?, self.room);
        let written = self.db.write(&[], move |tx| {
            let text = Value::Text(format!("line {number}"));
            tx.insert(lines, &New::of([(room_of, Value::Id(room)), (text_of, text)])).map(drop)
        });
        written.await.map_err(failed)?;
        let committed = Instant::now();
        let source = Source { engine: self.db.engine(), epoch: &epoch, cursors: &self.cursors };
        let changes = log::read(self.db.engine(), self.subscribers.position(), 10).await.map_err(failed)?;
        let mut told = 0;
        for change in &changes {
            let outcomes = self.subscribers.told(&source, change).await.map_err(failed)?;
            told += outcomes.iter().map(|outcome| outcome.to.len()).sum::<usize>();
        }
        if told == self.count {
            Ok(committed.elapsed())
        } else {
            Err(Error::other(format!("{told} hear a line")))
        }
    }
}
