//! Signing somebody in, in whatever way they proved who they are; and the list of where they are signed in.
//!
//! Always true: a session begins with a token of its own, and the one that was there before ends; what an account may
//! do stands in its sessions, and is rewritten with it.

use std::sync::Arc;

use mains_base::{Caller, CallerKind, Result, Uuid, Value};
use mains_database::write::{Changes, Image, New, Tx};
use mains_language::schema::{CollectionId, FieldId};
use mains_server::commands::{Answer, Invocation};
use mains_server::sessions::{self, Facts, Session, Token};

use super::super::device;
use super::super::model::{self, Account, Fields, STAFF, Status};
use super::guest;

/// A session that began, and who its caller is.
#[derive(Debug)]
pub(super) struct Entry {
    token: Token,
    caller: Caller,
}

impl Entry {
    /// The answer that carries it.
    pub(super) fn with(self, answer: Answer) -> Answer {
        answer.signed_in(self.token, self.caller)
    }
}

/// The guest that asks, if it still is one: a session of another node may be a second behind.
pub(super) fn guest_of(tx: &mut Tx<'_>, call: &Invocation) -> Result<Option<Uuid>> {
    let caller = call.caller();
    if caller.kind != CallerKind::Guest {
        return Ok(None);
    }
    let fields = Fields::of(&tx.schema())?;
    let account = tx.find(fields.collection, caller.id)?.map(|image| Account::of(&fields, &image));
    let still = account.filter(|account| account.is_guest && account.status == Status::Active);
    Ok(still.map(|account| account.id))
}

/// Begins a session. Who was here as a guest is the account from now on, with all they left.
pub(super) fn enter(tx: &mut Tx<'_>, account: &Account, call: &Invocation) -> Result<Entry> {
    leave(tx, call)?;
    if let Some(guest) = guest_of(tx, call)?.filter(|guest| *guest != account.id) {
        guest::merge(tx, guest, account.id)?;
    }
    let facts = Facts { proven_at: Some(tx.now()), ..facts(account) };
    let token = sessions::insert(tx, account.id, &facts, &call.origin())?;
    tell(tx, account.id)?;
    Ok(Entry { token, caller: facts.caller(account.id) })
}

/// Ends the session that asks, if it is one.
pub(super) fn leave(tx: &mut Tx<'_>, call: &Invocation) -> Result<()> {
    let Some(session) = call.asker.session_id() else { return Ok(()) };
    let caller = call.caller();
    sessions::delete(tx, caller.id, session)?;
    if caller.kind == CallerKind::Account { tell(tx, caller.id) } else { Ok(()) }
}

/// Ends every session of an account.
pub(super) fn end_all(tx: &mut Tx<'_>, account: Uuid) -> Result<()> {
    sessions::delete_of(tx, account, None)?;
    tell(tx, account)
}

/// Ends every session but the one that asks.
pub(crate) async fn end_others(call: Arc<Invocation>) -> Result<Answer> {
    call.write(&[], |tx, call, _| {
        let account = call.caller().id;
        sessions::delete_of(tx, account, call.asker.session_id())?;
        tell(tx, account)?;
        Ok(Answer::nothing())
    })
    .await
}

/// Ends the session that a record of the list stands for.
pub(crate) async fn end_one(call: Arc<Invocation>) -> Result<Answer> {
    call.write(&[], |tx, call, entered| {
        let list = List::of(tx)?;
        let image = entered.target()?;
        let (account, session) = (image.value(list.account).as_id(), image.value(list.session).as_text());
        if let (Some(account), Some(session)) = (account, session) {
            if call.caller().id != account {
                model::check_above(call.caller(), &super::get(tx, account)?)?;
            }
            sessions::delete(tx, account, session)?;
            tell(tx, account)?;
        }
        Ok(Answer::nothing())
    })
    .await
}

/// Writes what an account may do into its sessions.
pub(super) fn rewrite(tx: &mut Tx<'_>, account: &Account) -> Result<()> {
    sessions::rewrite(tx, account.id, &facts(account))
}

fn facts(account: &Account) -> Facts {
    Facts {
        guest: account.is_guest,
        verified: account.verified,
        staff: account.roles.iter().any(|role| role == STAFF),
        roles: account.roles.clone(),
        rights: account.rights.clone(),
        ..Facts::account()
    }
}

/// Where the fields of the list stand.
#[derive(Clone, Copy)]
struct List {
    collection: CollectionId,
    account: FieldId,
    session: FieldId,
    agent: FieldId,
    network: FieldId,
    seen: FieldId,
    expires: FieldId,
}

impl List {
    fn of(tx: &Tx<'_>) -> Result<Self> {
        let schema = tx.schema();
        let list = model::collection(&schema, "account_sessions")?;
        Ok(Self {
            collection: list.id,
            account: model::field(list, "account")?,
            session: model::field(list, "session")?,
            agent: model::field(list, "agent")?,
            network: model::field(list, "network")?,
            seen: model::field(list, "seen")?,
            expires: model::field(list, "expires")?,
        })
    }

    fn values(&self, session: &Session) -> Vec<(FieldId, Value)> {
        vec![
            (self.account, session.account.into()),
            (self.session, session.id.as_str().into()),
            (self.agent, session.origin.agent.as_deref().map(device::described).into()),
            (self.network, session.origin.network.clone().into()),
            (self.seen, session.seen.micros().into()),
            (self.expires, session.expires.micros().into()),
        ]
    }
}

/// Brings the list of some accounts up to date whose sessions seem to have run out; whether there may be more.
pub(super) fn sweep(tx: &mut Tx<'_>) -> Result<bool> {
    let list = List::of(tx)?;
    let now = tx.now().micros();
    let ended = tx.images(
        list.collection,
        "WHERE r.\"expires\" <= $1 ORDER BY r.\"expires\" LIMIT 50",
        &[now.into()],
    )?;
    let mut accounts: Vec<Uuid> =
        ended.iter().filter_map(|image| image.value(list.account).as_id()).collect();
    accounts.sort_unstable();
    accounts.dedup();
    for account in &accounts {
        tell(tx, *account)?;
    }
    Ok(!accounts.is_empty())
}

/// Brings the list that the owner sees to what is so.
pub(super) fn tell(tx: &mut Tx<'_>, account: Uuid) -> Result<()> {
    let list = List::of(tx)?;
    let open = sessions::list(tx, account)?;
    let told = tx.images(list.collection, "WHERE r.\"account\" = $1", &[account.into()])?;
    let named = |image: &Image| image.value(list.session).as_text().unwrap_or_default().to_owned();
    for image in &told {
        match open.iter().find(|session| session.id == named(image)) {
            None => tx.delete(list.collection, image.id())?,
            Some(session) => {
                let moved = [
                    (list.seen, session.seen.micros().into()),
                    (list.expires, session.expires.micros().into()),
                ];
                tx.update(list.collection, image.id(), &Changes::of(moved))?;
            }
        }
    }
    for session in open.iter().filter(|session| !told.iter().any(|image| named(image) == session.id)) {
        let new = New::of(list.values(session));
        // Under the session's own name, so that a page can tell which of them it is shown in.
        let new = match sessions::listed(&session.id) {
            Some(id) => new.id(id),
            None => new,
        };
        tx.insert(list.collection, &new)?;
    }
    Ok(())
}
