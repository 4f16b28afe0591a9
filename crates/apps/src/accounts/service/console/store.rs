//! The statements behind `mains accounts list`.

use mains_base::{Result, Time, Uuid, Value};
use mains_database::engine::{Engine, Row};

const ROLES: &str =
    r#"SELECT "record", "target" FROM "accounts__roles" WHERE "record" IN $1 ORDER BY "record", "position""#;
const RIGHTS: &str =
    r#"SELECT "record", "target" FROM "accounts__rights" WHERE "record" IN $1 ORDER BY "record", "position""#;
const LIST: &str = r#"SELECT a."id", a."email", a."name", a."verified", a."status", a."created" FROM "accounts" AS a
    WHERE a."kind" = 'person' AND a."id" > $1 ORDER BY a."id" LIMIT $2"#;

/// One line of `mains accounts list`.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) id: Uuid,
    pub(super) email: Option<String>,
    pub(super) name: Option<String>,
    pub(super) verified: bool,
    pub(super) status: String,
    pub(super) made: Time,
    pub(super) roles: Vec<String>,
    pub(super) rights: Vec<String>,
}

/// Accounts behind an id, in the order of ids, with their roles and rights: one state, read beside all writers.
pub(super) async fn list(engine: &Engine, after: Uuid, limit: i64) -> Result<Vec<Line>> {
    engine
        .snapshot(move |tx| {
            let rows = tx.query(LIST, &[after.into(), limit.into()])?;
            let mut lines = rows.0.iter().map(line).collect::<Result<Vec<_>>>()?;
            let ids = Value::List(lines.iter().map(|line| line.id.into()).collect());
            for (text, is_right) in [(ROLES, false), (RIGHTS, true)] {
                for row in tx.query(text, std::slice::from_ref(&ids))?.0 {
                    let (id, word) = (row.id(0)?, row.text(1)?.unwrap_or_default().to_owned());
                    if let Some(line) = lines.iter_mut().find(|line| Some(line.id) == id) {
                        if is_right { line.rights.push(word) } else { line.roles.push(word) }
                    }
                }
            }
            Ok(lines)
        })
        .await
}

fn line(row: &Row) -> Result<Line> {
    Ok(Line {
        id: row.id(0)?.unwrap_or(Uuid::NIL),
        email: row.text(1)?.map(str::to_owned),
        name: row.text(2)?.map(str::to_owned),
        verified: row.bool(3)?.unwrap_or_default(),
        status: row.text(4)?.unwrap_or_default().to_owned(),
        made: Time::from_micros(row.int(5)?.unwrap_or_default()),
        roles: Vec::new(),
        rights: Vec::new(),
    })
}
