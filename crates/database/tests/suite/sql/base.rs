//! A database of its own for one test: a plain connection, without the engine.

use std::sync::atomic::{AtomicU32, Ordering};

use mains_base::{Uuid, Value};
use mains_database::dialect::Dialect;
use mains_database::sql::functions;
use mains_testkit::server::LOCALE;
use tokio::runtime::Runtime;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, Kind, ToSql, Type};

pub(super) enum Base {
    Sqlite(rusqlite::Connection),
    Postgres(Postgres),
}

pub(super) struct Postgres {
    runtime: Runtime,
    client: tokio_postgres::Client,
    name: String,
}

static NEXT: AtomicU32 = AtomicU32::new(0);

impl Base {
    /// One of each, empty, with the functions that generated SQL calls.
    pub(super) fn both() -> [Self; 2] {
        [Self::sqlite(), Self::postgres()]
    }

    pub(super) fn sqlite() -> Self {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        connection.set_prepared_statement_cache_capacity(0);
        functions::register(&connection).unwrap();
        Self::Sqlite(connection)
    }

    pub(super) fn postgres() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("mains_sql_{}_{number}", std::process::id());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let admin = connect(&runtime, None);
        let create = format!("CREATE DATABASE {name} {LOCALE}");
        runtime.block_on(admin.batch_execute(&create)).unwrap();
        let client = connect(&runtime, Some(&name));
        let base = Self::Postgres(Postgres { runtime, client, name });
        // As the engine does: compiling costs more than it gains where plans look dearer than they are.
        base.run("SET jit = off");
        for statement in functions::postgres() {
            base.run(&statement);
        }
        base
    }

    pub(super) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    pub(super) fn run(&self, sql: &str) {
        match self {
            Self::Sqlite(connection) => connection.execute_batch(sql).unwrap(),
            Self::Postgres(base) => base.runtime.block_on(base.client.batch_execute(sql)).unwrap(),
        }
    }

    pub(super) fn query(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Vec<Value>>, String> {
        match self {
            Self::Sqlite(connection) => {
                sqlite(connection, sql, parameters).map_err(|error| error.to_string())
            }
            Self::Postgres(base) => base.query(sql, parameters).map_err(|error| format!("{error:?}")),
        }
    }
}

impl Postgres {
    fn query(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Vec<Value>>, tokio_postgres::Error> {
        let bound: Vec<Bound<'_>> = parameters.iter().map(Bound).collect();
        let bound: Vec<&(dyn ToSql + Sync)> = bound.iter().map(|bound| bound as _).collect();
        let rows = self.runtime.block_on(self.client.query(sql, &bound))?;
        let cells =
            |row: &tokio_postgres::Row| (0..row.len()).map(|place| row.get::<_, Cell>(place).0).collect();
        Ok(rows.iter().map(cells).collect())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let admin = connect(&self.runtime, None);
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        self.runtime.block_on(admin.batch_execute(&drop)).unwrap();
    }
}

#[expect(clippy::disallowed_methods, reason = "where the tests' PostgreSQL is said")]
fn connect(runtime: &Runtime, database: Option<&str>) -> tokio_postgres::Client {
    let address = std::env::var("MAINS_TEST_POSTGRES")
        .expect("MAINS_TEST_POSTGRES names no PostgreSQL. Run the tests with `make test`.");
    let mut config: tokio_postgres::Config = address.parse().unwrap();
    if let Some(database) = database {
        config.dbname(database);
    }
    runtime.block_on(async {
        let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
        tokio::task::spawn(connection);
        client
    })
}

fn sqlite(
    connection: &rusqlite::Connection,
    sql: &str,
    parameters: &[Value],
) -> rusqlite::Result<Vec<Vec<Value>>> {
    use rusqlite::types::{ToSqlOutput, Value as Owned};
    fn plain(value: &Value) -> Owned {
        match value {
            Value::Null => Owned::Null,
            Value::Bool(truth) => Owned::Integer(i64::from(*truth)),
            Value::Int(number) => Owned::Integer(*number),
            Value::Double(number) => Owned::Real(*number),
            Value::Text(text) => Owned::Text(text.clone()),
            Value::Id(id) => Owned::Blob(id.0.to_vec()),
            other => panic!("{other:?} takes more than one column"),
        }
    }
    let mut statement = connection.prepare(&sql.replace('$', "?"))?;
    for (place, value) in parameters.iter().enumerate() {
        let bound = match value {
            Value::List(items) => {
                let items: Vec<Owned> = items.iter().map(plain).collect();
                ToSqlOutput::from_rc(std::rc::Rc::new(items), c"rarray")
            }
            value => ToSqlOutput::Owned(plain(value)),
        };
        statement.raw_bind_parameter(place + 1, bound)?;
    }
    let columns = statement.column_count();
    let mut rows = statement.raw_query();
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let cell = |place| {
            Ok(match row.get::<_, Owned>(place)? {
                Owned::Null => Value::Null,
                Owned::Integer(number) => Value::Int(number),
                Owned::Real(number) => Value::Double(number),
                Owned::Text(text) => Value::Text(text),
                Owned::Blob(bytes) => Value::Id(Uuid(bytes.try_into().unwrap())),
            })
        };
        all.push((0..columns).map(cell).collect::<rusqlite::Result<Vec<Value>>>()?);
    }
    Ok(all)
}

#[derive(Debug)]
struct Bound<'v>(&'v Value);

type Failure = Box<dyn std::error::Error + Sync + Send>;

impl ToSql for Bound<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        match self.0 {
            Value::Null => return Ok(IsNull::Yes),
            Value::Bool(truth) => truth.to_sql(ty, out)?,
            Value::Int(number) if *ty == Type::INT4 => i32::try_from(*number)?.to_sql(ty, out)?,
            Value::Int(number) => number.to_sql(ty, out)?,
            Value::Double(number) => number.to_sql(ty, out)?,
            Value::Text(text) => text.to_sql(ty, out)?,
            Value::Id(id) => {
                out.extend_from_slice(&id.0);
                IsNull::No
            }
            Value::List(items) => items.iter().map(Bound).collect::<Vec<_>>().to_sql(ty, out)?,
            other => panic!("{other:?} takes more than one column"),
        };
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}

struct Cell(Value);

impl<'a> FromSql<'a> for Cell {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Failure> {
        Ok(Self(match *ty {
            Type::BOOL => Value::Int(i64::from(bool::from_sql(ty, raw)?)),
            Type::INT8 => Value::Int(i64::from_sql(ty, raw)?),
            Type::INT4 => Value::Int(i32::from_sql(ty, raw)?.into()),
            Type::FLOAT8 => Value::Double(f64::from_sql(ty, raw)?),
            Type::TEXT => Value::Text(String::from_sql(ty, raw)?),
            Type::UUID => Value::Id(Uuid(raw.try_into()?)),
            _ => return Err(format!("no column of generated SQL is a {ty}").into()),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Failure> {
        Ok(Self(Value::Null))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(ty.kind(), Kind::Simple)
    }
}
