//! What one would write by hand for one job over tokio-postgres: statements prepared once, everything that can travel
//! together in one round trip, nothing else. The physical limit of PostgreSQL in these figures.

use std::io::{Error, Result};

use mains_base::{Clock as _, SystemClock, Uuid};
use mains_testkit::postgres::{Disk, Server};
use serde_json::json;
use tokio::sync::Mutex;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, NoTls, Row, Statement, error::SqlState};

use crate::ours::{content, spread_bytes};

type Told<T> = std::result::Result<T, tokio_postgres::Error>;
type Wrong = Box<dyn std::error::Error + Sync + Send>;

const GET: &str = "SELECT id, created, updated, version, title, body, views, public FROM posts WHERE id = $1";
const INSERT: &str = "INSERT INTO posts (id, created, updated, version, title, body, views, public) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const UPDATE: &str = "UPDATE posts SET views = $2, version = $3, updated = $4 WHERE id = $1";
/// As the log of Mains is written.
const LOG: &str = "INSERT INTO mains_changes (seq, tx, at, collection, record, op, version, data) \
     VALUES (CASE WHEN pg_current_xact_id() IS NOT NULL THEN nextval('mains_changes_seq') END, $1, $2, $3, $4, $5, $6, $7)";
const BEGIN: &str = "BEGIN ISOLATION LEVEL SERIALIZABLE";

/// A durable server of its own with two databases that hold the same.
pub(crate) struct Twins {
    /// Ends when it is dropped.
    _server: Server,
    /// Mains' database.
    pub(crate) ours: String,
    /// The loop's.
    pub(crate) theirs: String,
}

impl Twins {
    /// Starts the server.
    pub(crate) async fn start() -> Result<Self> {
        let server = Server::start(Disk::Durable).map_err(Error::other)?;
        let (url, _) = server
            .url()
            .rsplit_once('/')
            .map(|(url, name)| (url.to_owned(), name.to_owned()))
            .unwrap_or_default();
        let client = connect(&server.url()).await.map_err(Error::other)?;
        for name in ["ours", "theirs"] {
            client.batch_execute(&format!("CREATE DATABASE {name}")).await.map_err(Error::other)?;
        }
        Ok(Self { ours: format!("{url}/ours"), theirs: format!("{url}/theirs"), _server: server })
    }
}

#[expect(clippy::disallowed_methods, reason = "a bench has no tasks to look after")]
async fn connect(url: &str) -> Told<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::task::spawn(connection);
    Ok(client)
}

/// Reads: connections that all callers share.
pub(crate) struct Shared(Vec<(Client, Statement)>);

impl Shared {
    /// Two connections.
    pub(crate) async fn open(url: &str) -> Result<Self> {
        let mut open = Vec::new();
        for _ in 0..2 {
            let client = connect(url).await.map_err(Error::other)?;
            let statement = client.prepare(GET).await.map_err(Error::other)?;
            open.push((client, statement));
        }
        Ok(Self(open))
    }

    /// One record, its columns taken.
    pub(crate) async fn get(&self, caller: usize, id: Uuid) -> Result<()> {
        let (client, statement) = self.0.get(caller % 2).ok_or_else(|| Error::other("no connection"))?;
        let row = client.query_one(statement, &[&Id(id)]).await.map_err(Error::other)?;
        std::hint::black_box(post(&row).map_err(Error::other)?);
        Ok(())
    }
}

/// Writes: 16 connections, a caller at a time on each.
pub(crate) struct Writers(Vec<Mutex<Writer>>);

struct Writer {
    client: Client,
    get: Statement,
    insert: Statement,
    update: Statement,
    log: Statement,
}

impl Writers {
    /// Opens them, with the settings that Mains writes with.
    pub(crate) async fn open(url: &str) -> Result<Self> {
        let mut open = Vec::new();
        for _ in 0..16 {
            open.push(Mutex::new(Writer::open(url).await.map_err(Error::other)?));
        }
        Ok(Self(open))
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// One record with its log row: BEGIN, INSERT, INSERT, COMMIT in one round trip.
    pub(crate) async fn create(&self, caller: usize, number: u64) -> Result<()> {
        let writer = self.0.get(caller).ok_or_else(|| Error::other("no connection"))?.lock().await;
        while !writer.created(number).await.map_err(Error::other)? {}
        Ok(())
    }

    /// One more view with its log row: BEGIN and SELECT, then UPDATE, INSERT and COMMIT.
    pub(crate) async fn view(&self, caller: usize, id: Uuid) -> Result<()> {
        let writer = self.0.get(caller).ok_or_else(|| Error::other("no connection"))?.lock().await;
        while !writer.viewed(id).await.map_err(Error::other)? {}
        Ok(())
    }
}

impl Writer {
    async fn open(url: &str) -> Told<Self> {
        let client = connect(url).await?;
        client.batch_execute("SET enable_seqscan = off").await?;
        let (get, insert) = (client.prepare(GET).await?, client.prepare(INSERT).await?);
        let (update, log) = (client.prepare(UPDATE).await?, client.prepare(LOG).await?);
        Ok(Self { client, get, insert, update, log })
    }

    async fn created(&self, number: u64) -> Told<bool> {
        let now = SystemClock.now();
        let id = Id(Uuid::v7(now, spread_bytes(number)));
        let (title, body) = content(number);
        let (now, views, public) = (now.micros(), (number % 1000) as i64, number.is_multiple_of(2));
        let data =
            json!({"record": said(&(Id(id.0), now, now, 1, title.clone(), body.clone(), views, public))});
        let data = data.to_string();
        let row: [&(dyn ToSql + Sync); 8] = [&id, &now, &now, &1_i64, &title, &body, &views, &public];
        let log: [&(dyn ToSql + Sync); 7] = [&now, &now, &"posts", &id, &1_i64, &1_i64, &data];
        let (begun, row, log, done) = tokio::join!(
            self.client.batch_execute(BEGIN),
            self.client.execute(&self.insert, &row),
            self.client.execute(&self.log, &log),
            self.client.batch_execute("COMMIT"),
        );
        ended([begun.err(), row.err(), log.err(), done.err()])
    }

    async fn viewed(&self, id: Uuid) -> Told<bool> {
        let id = Id(id);
        let key: [&(dyn ToSql + Sync); 1] = [&id];
        let (begun, row) =
            tokio::join!(self.client.batch_execute(BEGIN), self.client.query_one(&self.get, &key));
        begun?;
        let mut post = post(&row?)?;
        let old = json!({"views": post.6, "version": post.3, "updated": post.2});
        let (now, views, version) = (SystemClock.now().micros(), post.6 + 1, post.3 + 1);
        (post.2, post.3, post.6) = (now, version, views);
        let data = json!({"record": said(&post), "old": old}).to_string();
        let changed: [&(dyn ToSql + Sync); 4] = [&id, &views, &version, &now];
        let log: [&(dyn ToSql + Sync); 7] = [&now, &now, &"posts", &id, &2_i64, &version, &data];
        let (changed, log, done) = tokio::join!(
            self.client.execute(&self.update, &changed),
            self.client.execute(&self.log, &log),
            self.client.batch_execute("COMMIT"),
        );
        ended([None, changed.err(), log.err(), done.err()])
    }
}

/// Whether it is stored; false: others were in its way, run it again.
fn ended(failures: [Option<tokio_postgres::Error>; 4]) -> Told<bool> {
    match failures.into_iter().flatten().next() {
        None => Ok(true),
        Some(failure) if failure.code() == Some(&SqlState::T_R_SERIALIZATION_FAILURE) => Ok(false),
        Some(failure) => Err(failure),
    }
}

type Post = (Id, i64, i64, i64, String, String, i64, bool);

fn post(row: &Row) -> Told<Post> {
    Ok((
        row.try_get(0)?,
        row.try_get(1)?,
        row.try_get(2)?,
        row.try_get(3)?,
        row.try_get(4)?,
        row.try_get(5)?,
        row.try_get(6)?,
        row.try_get(7)?,
    ))
}

/// The record as the log says it.
fn said((id, created, updated, version, title, body, views, public): &Post) -> serde_json::Value {
    let id = id.0.suffix();
    json!({
        "id": format!("post_{}", String::from_utf8_lossy(&id)), "created": created, "updated": updated,
        "version": version, "title": title, "body": body, "views": views, "public": public,
    })
}

/// An id on the wire.
#[derive(Debug)]
struct Id(Uuid);

impl ToSql for Id {
    fn to_sql(&self, _: &Type, out: &mut bytes::BytesMut) -> std::result::Result<IsNull, Wrong> {
        out.extend_from_slice(&self.0.0);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::UUID
    }

    to_sql_checked!();
}

impl FromSql<'_> for Id {
    fn from_sql(_: &Type, raw: &[u8]) -> std::result::Result<Self, Wrong> {
        Ok(Self(Uuid(raw.try_into()?)))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::UUID
    }
}
