//! The end of an account: what is personal goes, here and in the log; a record without a name stays where others
//! point at it.

use std::sync::Arc;

use mains_base::{Caller, Result, Uuid, Value};
use mains_database::Db;
use mains_database::jobs::Job;
use mains_database::log::{Forget, Position, scrub};
use mains_database::write::{Changes, Tx};
use mains_language::schema::{Field, Schema};
use mains_server::commands::{Answer, Invocation};
use mains_server::forget_answers;
use mains_server::mail;
use serde_json::json;

use super::super::jobs::ERASE;
use super::super::model::{self, Fields, STAFF, Status};
use super::super::passwords::Password;
use super::super::store;
use super::mail::{Letter, enqueue};
use super::{Accounts, enter, load};

/// Erases an account: its own, or of another as staff.
pub(crate) async fn erase(app: &Accounts, call: Arc<Invocation>, current: Password) -> Result<Answer> {
    let proof = app.proof(&call, current).await?;
    call.write(&[], move |tx, call, entered| {
        let id = entered.target()?.id();
        if call.caller().id == id {
            proof.check()?;
        }
        begin(tx, call.caller(), id)?;
        Ok(if call.caller().id == id { Answer::nothing().signed_out() } else { Answer::nothing() })
    })
    .await
}

/// From here on nobody signs in to it. The rest is a job.
fn begin(tx: &mut Tx<'_>, caller: &Caller, id: Uuid) -> Result<()> {
    let (fields, account) = load(tx, id)?;
    if matches!(account.status, Status::Erasing | Status::Erased) {
        return Ok(());
    }
    if caller.id != id {
        model::check_above(caller, &account)?;
    }
    if account.roles.iter().any(|role| role == STAFF) && !store::has_other_owner(tx, id)? {
        return Err(model::last_owner());
    }
    if let Some(email) = &account.email {
        // Where letters are kept instead of sent, those with links go; the last one says what happened.
        mail::forget(tx, email)?;
        enqueue(tx, Letter::Erased, email)?;
    }
    let nothing = || Value::List(Vec::new());
    let changes = [
        (fields.status, Status::Erasing.as_str().into()),
        (fields.has_password, false.into()),
        (fields.roles, nothing()),
        (fields.rights, nothing()),
    ];
    tx.update(fields.collection, id, &Changes::of(changes))?;
    tx.event(fields.collection, id, "account.erasing");
    enter::end_all(tx, id)?;
    store::drop_secrets(tx, id)?;
    tx.enqueue(Job::new(ERASE, text(&tx.schema(), id)).payload(json!({ "account": text(&tx.schema(), id) })))
}

/// Erases what came to an account after it was erased, with the guest that it came from.
pub(super) fn erase_again(tx: &mut Tx<'_>, id: Uuid, guest: Uuid) -> Result<()> {
    let schema = tx.schema();
    let key = format!("{}-{}", text(&schema, id), text(&schema, guest));
    tx.enqueue(Job::new(ERASE, key).payload(json!({ "account": text(&schema, id) })))
}

/// The job: part by part, each a transaction of its own, so that nobody waits for it. It may be run again.
pub(crate) async fn erase_rest(db: &Db, id: Uuid) -> Result<()> {
    let fields = Fields::of(&db.epoch().schema)?;
    while db.write_alone(&[], move |tx| tx.erase_account(fields.collection, id)).await? {}
    let mut after = Some(Position(0));
    while let Some(from) = after {
        after = db.write_alone(&[], move |tx| forget(tx, id, from)).await?;
    }
    let personal = with_personal(&db.epoch().schema);
    loop {
        let personal = personal.clone();
        if !db.write_alone(&[], move |tx| forget_answers(tx, id, &personal)).await? {
            break;
        }
    }
    db.write(&[], move |tx| {
        let (fields, account) = load(tx, id)?;
        if account.status == Status::Erased {
            return Ok(());
        }
        let erased = [(fields.status, Status::Erased.as_str().into()), (fields.verified, false.into())];
        tx.update(fields.collection, id, &Changes::of(erased))?;
        tx.event(fields.collection, id, "account.erased");
        Ok(())
    })
    .await
}

fn forget(tx: &mut Tx<'_>, id: Uuid, after: Position) -> Result<Option<Position>> {
    let schema = tx.schema();
    let collections = with_personal(&schema);
    let account = text(&schema, id);
    scrub(tx, Forget { account: &account, collections: &collections }, after)
}

/// Collections whose changes may tell of an account.
fn with_personal(schema: &Schema) -> Vec<String> {
    let accounts = schema.find("accounts").map(|accounts| accounts.id);
    let tells = |field: &Field| field.personal.is_some() || field.relation() == accounts;
    let all = schema.collections.iter().filter(|one| one.fields.iter().any(tells));
    all.map(|one| one.name.clone()).collect()
}

fn text(schema: &Schema, id: Uuid) -> String {
    let prefix = schema.find("accounts").and_then(|accounts| accounts.prefix.as_ref());
    prefix.map_or_else(String::new, |prefix| id.text(prefix))
}
