//! Mains in this process, without HTTP: an open database with the bench's collection, and what callers do to it.

use std::io::{Error, Result};
use std::sync::Arc;

use mains_base::{Caller, CallerKind, SystemClock, Uuid, Value};
use mains_database::Db;
use mains_database::engine::{EngineSettings, Lane};
use mains_database::records::{Cursors, Key, ListRequest, Source};
use mains_database::schema as physical;
use mains_database::write::{Changes, Input, New, Sent, records};
use mains_language::schema::{CollectionId, FieldId, Owner, Schema};
use mains_language::site::{File, Layer, load};

use crate::ours::{COLLECTION, content, uuid_of};

/// Records in one transaction of the filling.
const BATCH: u64 = 1000;

/// An open database. Rules bind whom it is asked for.
pub(crate) struct Inside {
    db: Db,
    cursors: Cursors,
    caller: Arc<Caller>,
    collection: CollectionId,
    fields: [FieldId; 4],
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn failed(error: mains_base::Error) -> Error {
    Error::other(format!("{error:?}"))
}

fn schema() -> Result<Schema> {
    let file = File { path: "collections/posts.toml".to_owned(), source: COLLECTION.to_owned() };
    let layer = Layer { owner: Owner::Site, files: vec![file] };
    load(&[layer]).map_err(|found| Error::other(format!("{found:?}")))
}

impl Inside {
    /// Opens a database and gives it the collection.
    pub(crate) async fn open(settings: EngineSettings) -> Result<Self> {
        let db = Db::open(&settings, Arc::new(SystemClock)).await.map_err(failed)?;
        let schema = Arc::new(schema()?);
        physical::bootstrap(db.engine()).await.map_err(failed)?;
        let plan = physical::plan(db.engine(), &schema).await.map_err(failed)?;
        physical::apply(db.engine(), &schema, &plan).await.map_err(failed)?;
        let posts = schema.find("posts").ok_or_else(|| Error::other("no posts"))?;
        let field =
            |name| posts.find(name).map(|field| field.id).ok_or_else(|| Error::other("no such field"));
        let fields = [field("title")?, field("body")?, field("views")?, field("public")?];
        let collection = posts.id;
        db.install(Arc::clone(&schema));
        let member = Caller { kind: CallerKind::Key, roles: vec!["member".to_owned()], ..Caller::visitor() };
        let cursors = Cursors::new(&[7; 32]).map_err(failed)?;
        Ok(Self { db, cursors, caller: Arc::new(member), collection, fields })
    }

    /// The same with `records` posts, as Mains itself imports them.
    pub(crate) async fn filled(settings: EngineSettings, records: u64) -> Result<Self> {
        let inside = Self::open(settings).await?;
        let (collection, fields) = (inside.collection, inside.fields);
        for first in (0..records).step_by(usize::try_from(BATCH).unwrap_or(1)) {
            let batch = inside.db.write_alone(&[], move |tx| {
                for number in first..(first + BATCH).min(records) {
                    tx.insert(collection, &New::of(values(fields, number)).id(uuid_of(number)))?;
                }
                Ok(())
            });
            batch.await.map_err(failed)?;
        }
        Ok(inside)
    }

    /// A record by its id, as JSON.
    pub(crate) async fn get(&self, id: Uuid) -> Result<()> {
        let epoch = self.db.epoch();
        let source = Source { engine: self.db.engine(), epoch: &epoch, cursors: &self.cursors };
        let found = source.get(&self.caller, self.collection, &Key::Id(id), None).await.map_err(failed)?;
        std::hint::black_box(found);
        Ok(())
    }

    /// The 30 newest records, as JSON.
    pub(crate) async fn list(&self) -> Result<()> {
        let epoch = self.db.epoch();
        let source = Source { engine: self.db.engine(), epoch: &epoch, cursors: &self.cursors };
        let request = ListRequest {
            sort: Some("-created".to_owned()),
            limit: Some(30),
            ..ListRequest::of(self.collection)
        };
        std::hint::black_box(source.list(&self.caller, &request).await.map_err(failed)?);
        Ok(())
    }

    /// Makes a record.
    pub(crate) async fn create(&self, number: u64) -> Result<()> {
        let (collection, caller) = (self.collection, Arc::clone(&self.caller));
        let values = values(self.fields, number).into_iter();
        let values = values.map(|(field, value)| (field, Sent::Set(value))).collect();
        let input = Input { values, ..Input::default() };
        let made = self.db.write(&[], move |tx| records::create(tx, &caller, collection, &input));
        std::hint::black_box(made.await.map_err(failed)?);
        Ok(())
    }

    /// Loads a record, decides, saves: its views rise by one.
    pub(crate) async fn view(&self, id: Uuid, lanes: &[Lane]) -> Result<()> {
        let (collection, [_, _, views, _]) = (self.collection, self.fields);
        let seen = self.db.write(lanes, move |tx| {
            let post = tx.get(collection, id)?;
            let seen = post.value(views).as_int().unwrap_or(0) + 1;
            tx.update(collection, id, &Changes::of([(views, Value::Int(seen))]))
        });
        std::hint::black_box(seen.await.map_err(failed)?);
        Ok(())
    }

    /// How often a record was seen.
    pub(crate) async fn views(&self, id: Uuid) -> Result<i64> {
        let (collection, [_, _, views, _]) = (self.collection, self.fields);
        let read =
            self.db.write(&[], move |tx| Ok(tx.get(collection, id)?.value(views).as_int().unwrap_or(0)));
        read.await.map_err(failed)
    }

    /// Ends its threads and connections.
    pub(crate) async fn close(&self) {
        self.db.engine().close().await;
    }
}

fn values(fields: [FieldId; 4], number: u64) -> [(FieldId, Value); 4] {
    let (text, content) = content(number);
    let [title, body, views, public] = fields;
    let seen = i64::try_from(number % 1000).unwrap_or(0);
    [
        (title, text.into()),
        (body, content.into()),
        (views, seen.into()),
        (public, number.is_multiple_of(2).into()),
    ]
}
