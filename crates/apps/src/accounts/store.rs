//! Every statement on the tables of accounts.

use mains_base::{Error, Result, Time, Uuid, Value, fold};
use mains_database::engine::{Engine, ReadQuery, Route, Row, RowView};
use mains_database::write::Tx;

use super::mailbox;
use super::model::{self, Purpose, Verify};

/// The account of an address, or the next one in the order of addresses, or the first: where nobody has it as much is
/// read.
const AT_ADDRESS: &str = r#"SELECT a."email__folded", a."id", s."password", a."verified", a."status", a."kind"
    FROM "accounts" AS a LEFT JOIN "account_secrets" AS s ON s."account" = a."id" WHERE a."id" = COALESCE(
    (SELECT "id" FROM "accounts" WHERE "email__folded" >= $1 ORDER BY "email__folded" LIMIT 1),
    (SELECT "id" FROM "accounts" WHERE "email__folded" IS NOT NULL ORDER BY "email__folded" LIMIT 1))"#;
const OF_ADDRESS: &str = r#"SELECT "id" FROM "accounts" WHERE "email__folded" = $1"#;
const OF_ACCOUNT: &str = r#"SELECT "password" FROM "account_secrets" WHERE "account" = $1"#;
const GENERATION: &str = r#"SELECT "generation" FROM "account_secrets" WHERE "account" = $1"#;
const ADD: &str = r#"INSERT INTO "account_secrets" ("account", "password", "generation") VALUES ($1, $2, 0)
    ON CONFLICT ("account") DO UPDATE SET "password" = excluded."password",
    "generation" = "account_secrets"."generation" + 1"#;
const PREPARE: &str = r#"INSERT INTO "account_secrets" ("account", "password", "generation", "claim", "claim__folded",
    "claimed", "mark") VALUES ($1, $2, 0, $3, $4, $5, $6) ON CONFLICT ("account") DO UPDATE SET
    "password" = excluded."password", "generation" = "account_secrets"."generation" + $7, "claim" = excluded."claim",
    "claim__folded" = excluded."claim__folded", "claimed" = excluded."claimed", "mark" = excluded."mark""#;
const LAST_CLAIM: &str = r#"SELECT "account" FROM "account_secrets" WHERE "claim__folded" = $1
    ORDER BY "claimed" DESC, "account" DESC LIMIT 1"#;
const CLAIM_OF: &str = r#"SELECT "account" FROM "account_secrets" WHERE "claim__folded" = $1 AND "mark" = $2
    ORDER BY "claimed" DESC, "account" DESC LIMIT 1"#;
const CLAIM: &str = r#"SELECT "claim" FROM "account_secrets" WHERE "account" = $1"#;
const CLAIMS: &str = r#"SELECT 1 FROM "account_secrets" WHERE "claim__folded" = $1 LIMIT 2"#;
const RENEW: &str = r#"UPDATE "account_secrets" SET "claimed" = $2 WHERE "claim__folded" = $1"#;
const RENEW_ONE: &str =
    r#"UPDATE "account_secrets" SET "claimed" = $2 WHERE "account" = $1 AND "claimed" IS NOT NULL"#;
const MARK: &str = r#"SELECT "mark" FROM "account_secrets" WHERE "account" = $1"#;
const SETTLE: &str = r#"UPDATE "account_secrets" SET "generation" = "generation" + 1, "claim" = NULL,
    "claim__folded" = NULL, "claimed" = NULL, "mark" = NULL WHERE "account" = $1"#;
const NO_PASSWORD: &str = r#"UPDATE "account_secrets" SET "password" = NULL WHERE "account" = $1"#;
const WAIT: &str = r#"UPDATE "account_secrets" SET "claimed" = $2 WHERE "account" = $1"#;
const LAPSED: &str =
    r#"SELECT "account" FROM "account_secrets" WHERE "claimed" <= $1 ORDER BY "claimed" LIMIT $2"#;
const BEGIN: &str = r#"INSERT INTO "account_secrets" ("account", "generation") VALUES ($1, 0)
    ON CONFLICT ("account") DO NOTHING"#;
const REHASH: &str =
    r#"UPDATE "account_secrets" SET "password" = $3 WHERE "account" = $1 AND "password" = $2"#;
const RAISE: &str = r#"UPDATE "account_secrets" SET "generation" = "generation" + 1 WHERE "account" = $1"#;
const DROP: &str = r#"DELETE FROM "account_secrets" WHERE "account" = $1"#;
const DROP_TOKENS: &str =
    r#"DELETE FROM "account_tokens" WHERE "account" = $1 AND "purpose" <> 'restore_email'"#;
const DROP_ALL_TOKENS: &str = r#"DELETE FROM "account_tokens" WHERE "account" = $1"#;
const TAKE_BACK: &str = r#"DELETE FROM "account_tokens" WHERE "hash" = $1 AND "purpose" = 'restore_email'
    AND "expires" > $2 RETURNING "account", "email", "expires""#;
const DROP_LATER: &str = r#"DELETE FROM "account_tokens" WHERE "account" = $1 AND "purpose" = 'restore_email'
    AND "expires" >= $2"#;
const ADD_TOKEN: &str = r#"INSERT INTO "account_tokens" ("hash", "account", "purpose", "email", "email__folded",
    "generation", "expires") VALUES ($1, $2, $3, $4, $5, $6, $7)"#;
const TAKE_TOKEN: &str = r#"DELETE FROM "account_tokens" WHERE "hash" = $1 AND "purpose" = $2 AND "expires" > $3
    AND "generation" = (SELECT s."generation" FROM "account_secrets" AS s WHERE s."account" = "account_tokens"."account")
    RETURNING "account", "email""#;
const WHOSE_LINK: &str =
    r#"SELECT "account" FROM "account_tokens" WHERE "hash" = $1 AND "purpose" = $2 AND "expires" > $3"#;
const NAMES_OF: &str = r#"SELECT "email", "name" FROM "accounts" WHERE "id" = $1"#;
const SWEEP_TOKENS: &str = r#"DELETE FROM "account_tokens" WHERE "hash" IN
    (SELECT "hash" FROM "account_tokens" WHERE "expires" <= $1 LIMIT 500) RETURNING "purpose""#;
const WALK: &str =
    r#"SELECT "id", "kind", "status", "created" FROM "accounts" WHERE "id" > $1 ORDER BY "id" LIMIT 1000"#;
const OTHER_OWNER: &str = r#"SELECT 1 FROM "accounts" AS a JOIN "accounts__roles" AS r ON r."record" = a."id"
    WHERE r."target" = 'staff' AND a."status" = 'active' AND a."id" <> $1 LIMIT 1"#;

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

impl Taken {
    /// Refuses a link that was sent to another address than the page named, where it named one.
    pub(super) fn expect_to(&self, named: &str) -> Result<()> {
        let same = named.is_empty() || mailbox::are_one(named, &self.email);
        if same { Ok(()) } else { Err(model::dead_link()) }
    }
}

/// What comes with a sign-up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prepared<'p> {
    /// The password's hash.
    pub(super) password: &'p str,
    /// The address, where it is to be proven first.
    pub(super) claim: Option<&'p str>,
    /// What is stored of the mark that the browser keeps.
    pub(super) mark: [u8; 32],
}

/// A link to be sent.
pub(super) struct NewToken<'t> {
    pub(super) hash: [u8; 32],
    pub(super) account: Uuid,
    pub(super) purpose: Purpose,
    pub(super) email: &'t str,
}

/// The account of an address with its password, before any transaction. Where there is none the work is the same.
pub(super) async fn of_address(engine: &Engine, email: &str) -> Result<Option<Secret>> {
    let folded = fold(email);
    let at = |row: &dyn RowView| Ok((row.text(0)?.map(str::to_owned), secret(row)?));
    let found = first(engine, (AT_ADDRESS, vec![folded.as_str().into()]), at).await?;
    Ok(found.filter(|(other, _)| other.as_ref() == Some(&folded)).map(|(_, secret)| secret))
}

/// The password of an account.
pub(super) async fn of_account(engine: &Engine, account: Uuid) -> Result<Option<String>> {
    let text = |row: &dyn RowView| Ok(row.text(0)?.map(str::to_owned));
    Ok(first(engine, (OF_ACCOUNT, vec![account.into()]), text).await?.flatten())
}

/// The first row of a small read, which waits for no place among large ones: a flood of them takes none from others.
async fn first<T: Send + 'static>(
    engine: &Engine,
    (text, parameters): (&str, Vec<Value>),
    read: fn(&dyn RowView) -> Result<T>,
) -> Result<Option<T>> {
    let query = ReadQuery { text: text.into(), parameters, route: Route::Inline };
    engine.read(query, move |rows| rows.next()?.map(read).transpose()).await
}

fn secret(row: &dyn RowView) -> Result<Secret> {
    let account = row.id(1)?.ok_or_else(|| Error::internal("an account has no id"))?;
    Ok(Secret {
        account,
        password: row.text(2)?.map(str::to_owned),
        verified: row.bool(3)?.unwrap_or_default(),
        active: row.text(4)? == Some("active") && row.text(5)? == Some("person"),
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

/// Sets the password; links that are on their way die.
pub(super) fn put_password(tx: &mut Tx<'_>, account: Uuid, password: &str) -> Result<()> {
    tx.execute_later(ADD, &[account.into(), password.into()])?;
    tx.execute_later(DROP_TOKENS, &[account.into()])
}

/// Stores what came with a sign-up, in the place of an earlier one of the same record. Links that are on their way
/// die, unless they prove the very address that is claimed again.
pub(super) fn put_prepared(tx: &mut Tx<'_>, account: Uuid, prepared: &Prepared<'_>) -> Result<()> {
    let again = claim(tx, account)?.zip(prepared.claim).is_some_and(|(one, other)| fold(&one) == fold(other));
    let now = tx.now().micros();
    let values = [
        account.into(),
        prepared.password.into(),
        prepared.claim.into(),
        prepared.claim.map(fold).into(),
        now.into(),
        Value::Bytes(prepared.mark.to_vec()),
        i64::from(!again).into(),
    ];
    tx.execute_later(PREPARE, &values)?;
    if again { Ok(()) } else { tx.execute_later(DROP_TOKENS, &[account.into()]) }
}

/// The address that a record claims.
pub(super) fn claim(tx: &mut Tx<'_>, account: Uuid) -> Result<Option<String>> {
    let rows = tx.query(CLAIM, &[account.into()])?;
    rows.0.first().map_or(Ok(None), |row| Ok(row.text(0)?.map(str::to_owned)))
}

/// Whether more than one record claims an address.
pub(super) fn is_disputed(tx: &mut Tx<'_>, email: &str) -> Result<bool> {
    Ok(tx.query(CLAIMS, &[fold(email).into()])?.0.len() > 1)
}

/// The record that claimed an address last.
pub(super) fn last_claim(tx: &mut Tx<'_>, email: &str) -> Result<Option<Uuid>> {
    let rows = tx.query(LAST_CLAIM, &[fold(email).into()])?;
    rows.0.first().map_or(Ok(None), |row| row.id(0))
}

/// The record that claims an address and was made by the browser with this mark.
pub(super) fn claim_of(tx: &mut Tx<'_>, email: &str, mark: [u8; 32]) -> Result<Option<Uuid>> {
    let rows = tx.query(CLAIM_OF, &[fold(email).into(), Value::Bytes(mark.to_vec())])?;
    rows.0.first().map_or(Ok(None), |row| row.id(0))
}

/// Lets claims of an address last as long as a link that is sent now.
pub(super) fn renew_claims(tx: &mut Tx<'_>, email: &str) -> Result<()> {
    let now = tx.now().micros();
    tx.execute_later(RENEW, &[fold(email).into(), now.into()])
}

/// The same of an account that was used at once.
pub(super) fn renew(tx: &mut Tx<'_>, account: Uuid) -> Result<()> {
    let now = tx.now().micros();
    tx.execute_later(RENEW_ONE, &[account.into(), now.into()])
}

/// What is stored of the mark of the browser that made the account.
pub(super) fn mark(tx: &mut Tx<'_>, account: Uuid) -> Result<Option<[u8; 32]>> {
    let rows = tx.query(MARK, &[account.into()])?;
    let Some(row) = rows.0.first() else { return Ok(None) };
    Ok(row.bytes(0)?.and_then(|mark| mark.try_into().ok()))
}

/// The address is proven: nothing is claimed any more, every link dies, and the password stays or goes.
pub(super) fn settle(tx: &mut Tx<'_>, account: Uuid, keeps: bool) -> Result<()> {
    tx.execute_later(SETTLE, &[account.into()])?;
    if !keeps {
        tx.execute_later(NO_PASSWORD, &[account.into()])?;
    }
    tx.execute_later(DROP_TOKENS, &[account.into()])
}

/// Lets a sign-up wait to be proven from this moment on; without one it waits for nothing.
pub(super) fn wait(tx: &mut Tx<'_>, account: Uuid, from: Option<Time>) -> Result<()> {
    tx.execute_later(WAIT, &[account.into(), from.map(Time::micros).into()])
}

/// Records whose sign-up is older than this and not proven, the oldest first.
pub(super) fn lapsed(tx: &mut Tx<'_>, before: Time, limit: i64) -> Result<Vec<Uuid>> {
    let rows = tx.query(LAPSED, &[before.micros().into(), limit.into()])?;
    Ok(rows.0.iter().map(|row| row.id(0)).collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// Stores the same password in another form, unless it was replaced meanwhile.
pub(super) fn put_same(tx: &mut Tx<'_>, account: Uuid, (old, new): (&str, &str)) -> Result<()> {
    tx.execute_later(REHASH, &[account.into(), old.into(), new.into()])
}

/// The generation that links of an account are bound to now.
pub(super) fn generation(tx: &mut Tx<'_>, account: Uuid) -> Result<i64> {
    let rows = tx.query(GENERATION, &[account.into()])?;
    Ok(rows.0.first().map_or(Ok(None), |row| row.int(0))?.unwrap_or_default())
}

/// Whether anything opens the account, or somebody claimed an address with it.
pub(super) fn has_secrets(tx: &mut Tx<'_>, account: Uuid) -> Result<bool> {
    Ok(!tx.query(GENERATION, &[account.into()])?.0.is_empty())
}

/// Kills the links that are on their way.
pub(super) fn raise_generation(tx: &mut Tx<'_>, account: Uuid) -> Result<()> {
    tx.execute_later(BEGIN, &[account.into()])?;
    tx.execute_later(RAISE, &[account.into()])?;
    tx.execute_later(DROP_TOKENS, &[account.into()])
}

/// Lets go of everything that opens an account.
pub(super) fn drop_secrets(tx: &mut Tx<'_>, account: Uuid) -> Result<()> {
    tx.execute_later(DROP, &[account.into()])?;
    tx.execute_later(DROP_ALL_TOKENS, &[account.into()])
}

/// Stores a link.
pub(super) fn add_token(tx: &mut Tx<'_>, token: &NewToken<'_>) -> Result<()> {
    // Accounts that came by an import have nothing to prove who they are yet.
    tx.execute_later(BEGIN, &[token.account.into()])?;
    let generation = generation(tx, token.account)?;
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

/// The address and the name of an account, as far as it has them, before any transaction.
pub(super) async fn names_of(engine: &Engine, account: Uuid) -> Result<Vec<String>> {
    let rows = engine.snapshot(move |tx| tx.query(NAMES_OF, &[account.into()])).await?;
    let Some(row) = rows.0.first() else { return Ok(Vec::new()) };
    Ok([row.text(0)?, row.text(1)?].into_iter().flatten().map(str::to_owned).collect())
}

/// Whose link it is, if it is one that opens, as far as one can see before it is used up.
pub(super) async fn whose_link(
    engine: &Engine,
    (hash, purpose): ([u8; 32], Purpose),
    now: Time,
) -> Result<Option<Uuid>> {
    let values = vec![Value::Bytes(hash.to_vec()), purpose.as_str().into(), now.micros().into()];
    Ok(first(engine, (WHOSE_LINK, values), |row| row.id(0)).await?.flatten())
}

/// Uses up a link: of two that come at once, one finds it.
pub(super) fn take_token(tx: &mut Tx<'_>, hash: [u8; 32], purpose: Purpose) -> Result<Option<Taken>> {
    let values = [Value::Bytes(hash.to_vec()), purpose.as_str().into(), tx.now().micros().into()];
    let rows = tx.query(TAKE_TOKEN, &values)?;
    rows.0.first().map(taken).transpose()
}

/// Uses up a way back to an address, and those that were given since: who has a later one came after.
pub(super) fn take_back(tx: &mut Tx<'_>, hash: [u8; 32]) -> Result<Option<Taken>> {
    let rows = tx.query(TAKE_BACK, &[Value::Bytes(hash.to_vec()), tx.now().micros().into()])?;
    let Some(row) = rows.0.first() else { return Ok(None) };
    let taken = taken(row)?;
    tx.execute_later(DROP_LATER, &[taken.account.into(), row.int(2)?.into()])?;
    Ok(Some(taken))
}

fn taken(row: &Row) -> Result<Taken> {
    let (Some(account), Some(email)) = (row.id(0)?, row.text(1)?) else {
        return Err(Error::internal("a stored link is not whole"));
    };
    Ok(Taken { account, email: email.to_owned() })
}

/// Forgets links that were never opened, up to some hundred; whether there may be more.
pub(super) fn sweep_tokens(tx: &mut Tx<'_>) -> Result<bool> {
    let now = tx.now().micros();
    Ok(tx.query(SWEEP_TOKENS, &[now.into()])?.0.len() == 500)
}

/// Whether somebody else may do everything, too.
pub(super) fn has_other_owner(tx: &mut Tx<'_>, account: Uuid) -> Result<bool> {
    Ok(!tx.query(OTHER_OWNER, &[account.into()])?.0.is_empty())
}

/// A part of all accounts.
pub(super) struct Part {
    /// Guests among them that were made before the moment.
    pub(super) guests: Vec<Uuid>,
    /// Where the next part begins; absent: this was the last.
    pub(super) next: Option<Uuid>,
}

/// The next thousand accounts behind an id, of which guests made before a moment are given.
pub(super) async fn guests(engine: &Engine, after: Uuid, before: Time) -> Result<Part> {
    let rows = engine.snapshot(move |tx| tx.query(WALK, &[after.into()])).await?.0;
    let mut part = Part { guests: Vec::new(), next: None };
    for row in &rows {
        let id = row.id(0)?;
        part.next = id;
        let old = row.int(3)?.is_some_and(|made| made < before.micros());
        if old && row.text(1)? == Some("guest") && row.text(2)? == Some("active") {
            part.guests.extend(id);
        }
    }
    part.next = part.next.filter(|_| rows.len() == 1_000);
    Ok(part)
}
