//! Signing up, and proving the address.
//!
//! Always true, where addresses are verified first: signing up with a known address and with an unknown one gives the
//! same answer, trips the same constraints before it, and enqueues the same letter. What differs is in that letter.

use mains_base::{Caller, Result, Uuid, Value};
use mains_database::write::records::{self, Target};
use mains_database::write::{Changes, Input, New, Tx};
use mains_server::sessions::Token;

use super::super::model::{self, Account, Fields, Purpose, Status, Verify};
use super::super::passwords::Password;
use super::super::{store, token};
use super::mail::{Letter, enqueue};
use super::{Accounts, Visit, enter, find, load};

/// What somebody signs up with.
#[derive(Clone, Debug)]
pub(crate) struct SignUp {
    /// The address, which will name the account.
    pub(crate) email: String,
    /// What people call them.
    pub(crate) name: Option<String>,
    /// The fields that a site added.
    pub(crate) extra: Input,
}

/// What is known before the transaction.
struct Known {
    hash: String,
    /// The password is the one that is stored for this address.
    same: bool,
}

/// Makes an account, or, for an address that has one, only a letter that says so.
pub(crate) async fn sign_up(
    app: &Accounts,
    visit: Visit,
    new: SignUp,
    password: Password,
) -> Result<Option<Token>> {
    if !app.settings.sign_up {
        return Err(model::closed());
    }
    let words = [new.email.as_str(), new.name.as_deref().unwrap_or_default()];
    model::check_password(&password, &words)?;
    // The same two computations for every address.
    let stored = store::of_address(app.db.engine(), &new.email).await?.and_then(|known| known.password);
    let same = app.passwords.matches(password.clone(), stored).await?;
    let known = Known { hash: app.passwords.hash(password).await?, same };
    let verify = app.settings.verify;
    app.db.write(&[], move |tx| make(tx, &visit, &new, (&known, verify))).await
}

fn make(
    tx: &mut Tx<'_>,
    visit: &Visit,
    new: &SignUp,
    (known, verify): (&Known, Verify),
) -> Result<Option<Token>> {
    tx.act_as(&visit.caller);
    let made = tx.savepoint(|tx| {
        let id = without_address(tx, visit, new)?;
        claim(tx, id, &new.email)?;
        store::put_password(tx, id, Some(&known.hash))?;
        Ok(id)
    });
    enqueue(tx, Letter::SignUp, &new.email)?;
    match (made, verify) {
        (Ok(_), Verify::Required) => Ok(None),
        (Ok(id), Verify::Later) => {
            let (_, account) = load(tx, id)?;
            enter::enter(tx, &account, visit).map(Some)
        }
        (Err(error), Verify::Required) if error.code() == model::taken().code() => {
            contest(tx, &new.email, known.same)?;
            Ok(None)
        }
        (Err(error), _) => Err(error),
    }
}

/// The record without its address: every constraint but the one on addresses speaks here, so what a client is told
/// does not depend on whether the address is known. A guest keeps its record, with all that points at it.
fn without_address(tx: &mut Tx<'_>, visit: &Visit, new: &SignUp) -> Result<Uuid> {
    let fields = Fields::of(&tx.schema())?;
    let name = Value::from(new.name.clone());
    let id = match visit.guest() {
        Some(guest) => {
            tx.update(fields.collection, guest, &Changes::of([(fields.name, name)]))?;
            guest
        }
        None => {
            let guest = New::of([(fields.kind, "guest".into()), (fields.name, name)]);
            tx.insert(fields.collection, &guest)?.id()
        }
    };
    if !(new.extra.values.is_empty() && new.extra.problems.is_empty()) {
        // The site's rules judge its fields with the new account as `auth`.
        let target = Target::id(fields.collection, id);
        records::update(tx, &Caller::account(id), &target, &new.extra)?;
        tx.act_as(&visit.caller);
    }
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
pub(crate) async fn resend(app: &Accounts, email: String) -> Result<()> {
    app.db.write(&[], move |tx| enqueue(tx, Letter::Resend, &email)).await
}

/// The mailed link: the address is proven and a session begins.
pub(crate) async fn verify(app: &Accounts, visit: Visit, link: Password) -> Result<(Uuid, Token)> {
    let hash = token::hash(&link);
    app.db
        .write(&[], move |tx| {
            tx.act_as(&visit.caller);
            let account = open(tx, hash, Purpose::Verify)?;
            let account = prove(tx, account)?;
            Ok((account.id, enter::enter(tx, &account, &visit)?))
        })
        .await
}

/// Uses up a link and gives the account that it opens.
pub(super) fn open(tx: &mut Tx<'_>, hash: [u8; 32], purpose: Purpose) -> Result<Account> {
    let taken = store::take_token(tx, hash, purpose)?.ok_or_else(model::dead_link)?;
    let (_, account) = load(tx, taken.account)?;
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

