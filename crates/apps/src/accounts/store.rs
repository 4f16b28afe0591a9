//! Every statement on the tables of accounts.

use mains_base::{Error, Result, Time, Uuid, Value, fold};
use mains_database::engine::{Engine, Row};
use mains_database::write::Tx;

use super::model::{Purpose, Verify};

const OF_ADDRESS: &str = r#"SELECT a."id", s."password", a."verified", a."status", a."kind" FROM "accounts" AS a
    LEFT JOIN "account_secrets" AS s ON s."account" = a."id" WHERE a."email__folded" = $1"#;
const OF_ACCOUNT: &str = r#"SELECT "password" FROM "account_secrets" WHERE "account" = $1"#;
const GENERATION: &str = r#"SELECT "generation" FROM "account_secrets" WHERE "account" = $1"#;
const ADD: &str = r#"INSERT INTO "account_secrets" ("account", "password", "generation") VALUES ($1, $2, 0)
    ON CONFLICT ("account") DO UPDATE SET "password" = excluded."password",
    "generation" = "account_secrets"."generation" + 1"#;
const RAISE: &str = r#"UPDATE "account_secrets" SET "generation" = "generation" + 1 WHERE "account" = $1"#;
const DROP: &str = r#"DELETE FROM "account_secrets" WHERE "account" = $1"#;
const DROP_TOKENS: &str = r#"DELETE FROM "account_tokens" WHERE "account" = $1"#;
const ADD_TOKEN: &str = r#"INSERT INTO "account_tokens" ("hash", "account", "purpose", "email", "email__folded",
    "generation", "expires") VALUES ($1, $2, $3, $4, $5, $6, $7)"#;
const TAKE_TOKEN: &str = r#"DELETE FROM "account_tokens" WHERE "hash" = $1 AND "purpose" = $2 AND "expires" > $3
    AND "generation" = (SELECT s."generation" FROM "account_secrets" AS s WHERE s."account" = "account_tokens"."account")
    RETURNING "account", "email""#;
const SWEEP_TOKENS: &str = r#"DELETE FROM "account_tokens" WHERE "expires" <= $1"#;
const OTHER_OWNER: &str = r#"SELECT 1 FROM "accounts" AS a JOIN "accounts__roles" AS r ON r."record" = a."id"
    WHERE r."target" = 'staff' AND a."status" = 'active' AND a."id" <> $1 LIMIT 1"#;
const LIST: &str = r#"SELECT a."id", a."email", a."name", a."verified", a."status", a."created" FROM "accounts" AS a
    WHERE a."kind" = 'person' AND a."id" > $1 ORDER BY a."id" LIMIT $2"#;

/// What a sign-in is compared with.
#[derive(Clone, Debug)]
pub(super) struct Secret {
    pub(super) account: Uuid,
    /// Absent: there is no password to sign in with.
    pub(super) password: Option<String>,
    verified: bool,
    active: bool,
}

/// A link that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) account: Uuid,
    pub(super) email: String,
}

/// A link to be sent.
pub(super) struct NewToken<'t> {
    pub(super) hash: [u8; 32],
    pub(super) account: Uuid,
    pub(super) purpose: Purpose,
    pub(super) email: &'t str,
}

/// The account of an address with its password, before any transaction.
pub(super) async fn of_address(engine: &Engine, email: &str) -> Result<Option<Secret>> {
    let folded = Value::from(fold(email));
    let rows = engine.snapshot(move |tx| tx.query(OF_ADDRESS, &[folded])).await?;
    rows.0.first().map(secret).transpose()
}

/// The password of an account.
pub(super) async fn of_account(engine: &Engine, account: Uuid) -> Result<Option<String>> {
    let rows = engine.snapshot(move |tx| tx.query(OF_ACCOUNT, &[account.into()])).await?;
    rows.0.first().map_or(Ok(None), |row| Ok(row.text(0)?.map(str::to_owned)))
}

fn secret(row: &Row) -> Result<Secret> {
    let account = row.id(0)?.ok_or_else(|| Error::internal("an account has no id"))?;
    Ok(Secret {
        account,
        password: row.text(1)?.map(str::to_owned),
        verified: row.bool(2)?.unwrap_or_default(),
        active: row.text(3)? == Some("active") && row.text(4)? == Some("person"),
    })
}

impl Secret {
    /// Whether a right password opens the account.
    pub(super) fn opens(&self, verify: Verify) -> bool {
        self.active && (self.verified || verify == Verify::Later)
    }
}

/// The account of an address, within a transaction.
pub(super) fn find(tx: &mut Tx<'_>, email: &str) -> Result<Option<Uuid>> {
    let rows = tx.query(OF_ADDRESS, &[fold(email).into()])?;
    rows.0.first().map_or(Ok(None), |row| row.id(0))
}

/// The password as it stands in this transaction.
pub(super) fn password(tx: &mut Tx<'_>, account: Uuid) -> Result<Option<String>> {
    let rows = tx.query(OF_ACCOUNT, &[account.into()])?;
    rows.0.first().map_or(Ok(None), |row| Ok(row.text(0)?.map(str::to_owned)))
}

/// Sets the password, or takes it away; links that are on their way die.
pub(super) fn put_password(tx: &mut Tx<'_>, account: Uuid, password: Option<&str>) -> Result<()> {
    tx.execute_later(ADD, &[account.into(), password.into()])?;
    tx.execute_later(DROP_TOKENS, &[account.into()])
}

/// Kills the links that are on their way.
pub(super) fn raise_generation(tx: &mut Tx<'_>, account: Uuid) -> Result<()> {
    tx.execute_later(RAISE, &[account.into()])?;
    tx.execute_later(DROP_TOKENS, &[account.into()])
}

/// Lets go of everything that opens an account.
pub(super) fn drop_secrets(tx: &mut Tx<'_>, account: Uuid) -> Result<()> {
    tx.execute_later(DROP, &[account.into()])?;
    tx.execute_later(DROP_TOKENS, &[account.into()])
}

/// Stores a link.
pub(super) fn add_token(tx: &mut Tx<'_>, token: &NewToken<'_>) -> Result<()> {
    let rows = tx.query(GENERATION, &[token.account.into()])?;
    let generation = rows.0.first().map_or(Ok(None), |row| row.int(0))?;
    let Some(generation) = generation else { return Err(Error::internal("an account has no secrets")) };
    let lasts = i64::try_from(token.purpose.lasts().as_micros()).unwrap_or(i64::MAX);
    let expires = Time::from_micros(tx.now().micros().saturating_add(lasts));
    let values = [
        Value::Bytes(token.hash.to_vec()),
        token.account.into(),
        token.purpose.as_str().into(),
        token.email.into(),
        fold(token.email).into(),
        generation.into(),
        expires.micros().into(),
    ];
    tx.execute_later(ADD_TOKEN, &values)
}

/// Uses up a link: of two that come at once, one finds it.
pub(super) fn take_token(tx: &mut Tx<'_>, hash: [u8; 32], purpose: Purpose) -> Result<Option<Taken>> {
    let values = [Value::Bytes(hash.to_vec()), purpose.as_str().into(), tx.now().micros().into()];
    let rows = tx.query(TAKE_TOKEN, &values)?;
    let Some(row) = rows.0.first() else { return Ok(None) };
    let (Some(account), Some(email)) = (row.id(0)?, row.text(1)?) else {
        return Err(Error::internal("a stored link is not whole"));
    };
    Ok(Some(Taken { account, email: email.to_owned() }))
}

/// Forgets links that were never opened.
pub(super) fn sweep_tokens(tx: &mut Tx<'_>) -> Result<()> {
    let now = tx.now().micros();
    tx.execute_later(SWEEP_TOKENS, &[now.into()])
}

/// Whether somebody else may do everything, too.
pub(super) fn has_other_owner(tx: &mut Tx<'_>, account: Uuid) -> Result<bool> {
    Ok(!tx.query(OTHER_OWNER, &[account.into()])?.0.is_empty())
}

/// One line of `mains accounts list`.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) id: Uuid,
    pub(super) email: Option<String>,
    pub(super) name: Option<String>,
    pub(super) verified: bool,
    pub(super) status: String,
    pub(super) made: Time,
}

/// Accounts behind an id, in the order of ids.
pub(super) fn list(tx: &mut Tx<'_>, after: Uuid, limit: i64) -> Result<Vec<Line>> {
    let rows = tx.query(LIST, &[after.into(), limit.into()])?;
    rows.0.iter().map(line).collect()
}

fn line(row: &Row) -> Result<Line> {
    Ok(Line {
        id: row.id(0)?.unwrap_or(Uuid::NIL),
        email: row.text(1)?.map(str::to_owned),
        name: row.text(2)?.map(str::to_owned),
        verified: row.bool(3)?.unwrap_or_default(),
        status: row.text(4)?.unwrap_or_default().to_owned(),
        made: Time::from_micros(row.int(5)?.unwrap_or_default()),
    })
}
