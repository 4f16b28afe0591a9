//! Databases of the PostgreSQL server that tests share: each test makes one and drops it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use tokio_postgres::{NoTls, SimpleQueryMessage, SimpleQueryRow};

/// The variable that names the server.
pub const VARIABLE: &str = "MAINS_TEST_POSTGRES";

static MADE: AtomicU32 = AtomicU32::new(0);

/// What `CREATE DATABASE` is told: a locale that orders text otherwise than by code point (`a` before `B`), so that a
/// text that is not declared `COLLATE "C"` shows.
pub const LOCALE: &str = "TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US'";

/// A database of its own, dropped at the end.
pub struct Database {
    server: String,
    name: String,
}

impl Database {
    /// Makes an empty database. The error is a sentence for who runs the tests.
    pub async fn create() -> Result<Self, String> {
        let server = url()?;
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let random: u32 = std::process::id();
        let name = format!("mains_test_{random}_{number}");
        let database = Self { server, name };
        run(&database.server, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", database.name)).await?;
        run(&database.server, &format!("CREATE DATABASE {} {LOCALE}", database.name)).await?;
        Ok(database)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address of this database.
    pub fn url(&self) -> String {
        let (address, options) =
            self.server.split_once('?').map_or((self.server.as_str(), None), |(url, rest)| (url, Some(rest)));
        let base = match address.split_once("://") {
            Some((scheme, rest)) => format!("{scheme}://{}", rest.split('/').next().unwrap_or_default()),
            None => address.to_owned(),
        };
        let options = options.map(|options| format!("?{options}")).unwrap_or_default();
        format!("{base}/{}{options}", self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, sql) =
            (self.server.clone(), format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        // A thread of its own, as this may run inside a runtime or while a test panics.
        let dropping = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map(|runtime| runtime.block_on(run(&server, &sql)))
        });
        drop(dropping.join());
    }
}

#[expect(clippy::disallowed_methods, reason = "tests have no settings but this variable")]
fn url() -> Result<String, String> {
    std::env::var(VARIABLE).map_err(|_| {
        format!(
            "{VARIABLE} names no PostgreSQL server. Run the tests by `make test`, which starts one, or by \
             `cargo run -p mains-testkit --bin with-postgres -- cargo test …`."
        )
    })
}

/// Runs one statement on a connection of its own.
async fn run(server: &str, sql: &str) -> Result<(), String> {
    ask(server, sql).await.map(drop)
}

/// The same; gives the cells of its first row.
pub async fn ask(server: &str, sql: &str) -> Result<Vec<String>, String> {
    let failed = |error: tokio_postgres::Error| {
        let reason = error.as_db_error().map_or_else(|| error.to_string(), |db| db.message().to_owned());
        format!("The PostgreSQL server does not do `{sql}`: {reason}")
    };
    let (client, connection) = tokio_postgres::connect(server, NoTls).await.map_err(failed)?;
    let work = async move {
        let outcome = client.simple_query(sql).await;
        drop(client);
        outcome
    };
    let (outcome, ended) = tokio::join!(work, connection);
    ended.map_err(failed)?;
    let row = outcome.map_err(failed)?.into_iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let cells = |row: SimpleQueryRow| {
        (0..row.len()).map(|cell| row.get(cell).unwrap_or_default().to_owned()).collect()
    };
    Ok(row.map_or_else(Vec::new, cells))
}
