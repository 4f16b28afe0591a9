//! Signing up, and proving the address.
//!
//! Always true, where addresses are verified first: signing up with a known address and with an unknown one gives the
//! same answer, trips the same constraints before it, and enqueues the same letter. What differs is in that letter.

use std::sync::Arc;

use mains_base::{Caller, Result, Uuid, Value};
use mains_database::write::{Changes, New, Tx};
use mains_server::commands::{Answer, Invocation};

use super::super::model::{self, Account, Fields, Purpose, Status, Verify};
use super::super::passwords::Password;
use super::super::{store, token};
use super::mail::{Letter, enqueue};
use super::{Accounts, enter, find, get};

/// What somebody signs up with, besides the password and the fields that a site added.
#[derive(Clone, Debug)]
pub(crate) struct SignUp {
    /// The address, which will name the account.
    pub(crate) email: String,
    /// What people call them.
    pub(crate) name: Option<String>,
}

/// What is known before the transaction.
struct Known {
    hash: String,
    /// The password is the one that is stored for this address.
    same: bool,
    verify: Verify,
}

/// Makes an account, or, for an address that has one, only a letter that says so.
pub(crate) async fn sign_up(
    app: &Accounts,
    call: Arc<Invocation>,
    new: SignUp,
    password: Password,
) -> Result<Answer> {
    let open = app.settings.sign_up;
    let words = [new.email.as_str(), new.name.as_deref().unwrap_or_default()];
    let weak = model::weakness(&password, &words);
    // The same two computations for every address.
    let stored = store::of_address(call.db().engine(), &new.email).await?.and_then(|known| known.password);
    let same = app.passwords.matches(password.clone(), stored).await?;
    let known = Known { hash: app.hash(password).await?, same, verify: app.settings.verify };
    call.write(&[], move |tx, call, _| {
        if !open {
            return Err(model::closed());
        }
        model::expect_strong(weak)?;
        make(tx, call, &new, &known)
    })
    .await
}

fn make(tx: &mut Tx<'_>, call: &Invocation, new: &SignUp, known: &Known) -> Result<Answer> {
    let made = tx.savepoint(|tx| {
        let id = without_address(tx, call, new)?;
        claim(tx, id, &new.email)?;
        store::put_password(tx, id, Some(&known.hash))?;
        Ok(id)
    });
    enqueue(tx, Letter::SignUp, &new.email)?;
    match (made, known.verify) {
        (Ok(_), Verify::Required) => Ok(Answer::later()),
        (Ok(id), Verify::Later) => {
            let account = get(tx, id)?;
            Ok(enter::enter(tx, &account, call)?.with(Answer::later()))
        }
        (Err(error), Verify::Required) if error.code() == model::taken().code() => {
            contest(tx, &new.email, known.same)?;
            Ok(Answer::later())
        }
        (Err(error), _) => Err(error),
    }
}

/// The record without its address: every constraint but the one on addresses speaks here, so what a client is told
/// does not depend on whether the address is known. A guest keeps its record, with all that points at it.
fn without_address(tx: &mut Tx<'_>, call: &Invocation, new: &SignUp) -> Result<Uuid> {
    let fields = Fields::of(&tx.schema())?;
    let name = Value::from(new.name.clone());
    let id = if let Some(guest) = enter::guest_of(call) {
        tx.update(fields.collection, guest, &Changes::of([(fields.name, name)]))?;
        guest
    } else {
        let guest = New::of([(fields.kind, "guest".into()), (fields.name, name)]);
        tx.insert(fields.collection, &guest)?.id()
    };
    // The site's rules judge its fields with the new account as `auth`.
    call.take(tx, &Caller::account(id), id)?;
    tx.flush()?;
    Ok(id)
}

/// Gives the record its address, or says that another has it.
fn claim(tx: &mut Tx<'_>, id: Uuid, email: &str) -> Result<()> {
    let fields = Fields::of(&tx.schema())?;
    let person = [(fields.kind, Value::from("person")), (fields.email, email.into())];
    tx.update(fields.collection, id, &Changes::of(person).on_unique("email_unique", model::taken))?;
    tx.flush()
}

/// Somebody signed up with an address that nobody has proven yet. Who of them reads it nobody knows, so of two
/// different passwords neither stays: the link signs in whoever reads the mail, and a new password is chosen then.
fn contest(tx: &mut Tx<'_>, email: &str, same: bool) -> Result<()> {
    let known = find(tx, email)?.filter(|known| !known.verified && known.status == Status::Active);
    match known {
        Some(known) if !same => store::put_password(tx, known.id, None),
        _ => Ok(()),
    }
}

/// Sends the link again, if there is something to verify.
pub(crate) async fn resend(call: Arc<Invocation>, email: String) -> Result<Answer> {
    call.write(&[], move |tx, _, _| {
        enqueue(tx, Letter::Resend, &email)?;
        Ok(Answer::later())
    })
    .await
}

/// The mailed link: the address is proven and a session begins.
pub(crate) async fn verify(call: Arc<Invocation>, link: &str) -> Result<Answer> {
    let hash = token::hash(link);
    call.write(&[], move |tx, call, _| {
        let account = open(tx, hash, Purpose::Verify)?;
        let account = prove(tx, account)?;
        Ok(enter::enter(tx, &account, call)?.with(Answer::record(account.id)))
    })
    .await
}

/// Uses up a link and gives the account that it opens.
pub(super) fn open(tx: &mut Tx<'_>, hash: [u8; 32], purpose: Purpose) -> Result<Account> {
    let taken = store::take_token(tx, hash, purpose)?.ok_or_else(model::dead_link)?;
    let account = get(tx, taken.account)?;
    let same = account.email.as_deref() == Some(taken.email.as_str());
    let alive = account.status == Status::Active && same;
    if alive { Ok(account) } else { Err(model::dead_link()) }
}

/// The address is proven: every other link dies.
pub(super) fn prove(tx: &mut Tx<'_>, account: Account) -> Result<Account> {
    let fields = Fields::of(&tx.schema())?;
    tx.update(fields.collection, account.id, &Changes::of([(fields.verified, true.into())]))?;
    store::raise_generation(tx, account.id)?;
    Ok(Account { verified: true, ..account })
}
