//! What one can do with accounts: each function is one transaction, load, decide, save.
//!
//! Always true: passwords are hashed and compared before a transaction begins; whatever depends on whether an address
//! is known ends in the same answer, and what differs is told by mail alone, to whoever reads that address.

mod address;
mod console;
mod end;
mod enter;
mod guest;
mod lapse;
mod mail;
mod password;
mod sign_in;
mod sign_up;
mod staff;
mod sweep;

use std::sync::Arc;

use mains_base::{Result, Uuid};
use mains_database::write::Tx;
use mains_server::commands::Invocation;

use super::model::{self, Account, Fields, Verify};
use super::passwords::{Password, Passwords};
use super::store;

pub(super) use address::{change_email, confirm_email, restore_email};
pub use console::Listed;
pub(super) use end::{erase, erase_rest};
pub(super) use enter::{end_one, end_others};
pub(super) use guest::{make_guest, merge_rest};
pub(super) use lapse::lapse;
pub(super) use mail::{Letter, Recipient, write_letter};
pub(super) use password::{change_password, forgot, reset};
pub(super) use sign_in::{prove, sign_in, sign_out};
pub(super) use sign_up::{SignUp, resend, sign_up, verify};
pub(super) use staff::{set_active, set_roles};
pub(super) use sweep::sweep;

/// What the services work with.
#[derive(Clone, Debug)]
pub struct Accounts {
    pub(super) passwords: Passwords,
    pub(super) settings: Settings,
}

/// `[accounts]` of a site's settings.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Whether everybody may sign up; else staff makes the accounts.
    pub sign_up: bool,
    /// Whether an address is proven before the first sign-in.
    pub verify: Verify,
    /// After so many days a guest who does not come back is forgotten, unless something of theirs is kept.
    pub guest_days: u32,
    /// After so many days a sign-up whose address nobody proved is forgotten; where it is used before that, once nobody is
    /// signed in to it and nothing of it is kept.
    pub unproven_days: u32,
}

impl Accounts {
    /// With these settings; nothing runs before the first password comes.
    pub fn new(settings: Settings) -> Self {
        Self::with_passwords(settings, Passwords::default())
    }

    /// The same, with passwords hashed and compared here.
    pub fn with_passwords(settings: Settings, passwords: Passwords) -> Self {
        Self { passwords, settings }
    }

    /// The text to be stored for a password; of none none, since the command is refused for it anyway.
    async fn hash(&self, call: &Invocation, password: Password) -> Result<String> {
        if password.is_empty() {
            return Ok(String::new());
        }
        self.passwords.hash(Some(call.network()), password).await
    }

    /// Whether this is a stored password.
    async fn matches(&self, call: &Invocation, password: Password, stored: Option<String>) -> Result<bool> {
        self.passwords.matches(Some(call.network()), password, stored).await
    }

    /// Whether a caller who may do something delicate proved it: the password was typed a short while ago, or now. What
    /// is typed now has to be right, whatever was before.
    async fn proof(&self, call: &Arc<Invocation>, current: Password) -> Result<Proof> {
        call.expect_allowed().await?;
        let caller = call.caller();
        if current.is_empty() && model::is_fresh(caller, call.now()) {
            return Ok(Proof::Given);
        }
        let stored = store::of_account(call.db().engine(), caller.id).await?;
        if stored.is_none() {
            return Ok(Proof::Missing);
        }
        if current.is_empty() {
            return Ok(Proof::Needed);
        }
        let same = self.matches(call, current, stored).await?;
        Ok(if same { Proof::Given } else { Proof::Wrong })
    }
}

/// What somebody showed before something delicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    Given,
    Needed,
    /// There is no password to show.
    Missing,
    Wrong,
}

impl Proof {
    fn check(self) -> Result<()> {
        match self {
            Self::Given => Ok(()),
            Self::Needed => Err(model::unproven()),
            Self::Missing => Err(model::passwordless()),
            Self::Wrong => Err(model::wrong_password("current")),
        }
    }
}

/// An account as this transaction sees it.
fn get(tx: &mut Tx<'_>, id: Uuid) -> Result<Account> {
    let fields = Fields::of(&tx.schema())?;
    let image = tx.get(fields.collection, id)?;
    Ok(Account::of(&fields, &image))
}

/// The account of an address, if there is one.
fn find(tx: &mut Tx<'_>, email: &str) -> Result<Option<Account>> {
    store::find(tx, email)?.map(|id| get(tx, id)).transpose()
}

/// Where the fields stand, and the account: what most services begin with.
fn load(tx: &mut Tx<'_>, id: Uuid) -> Result<(Fields, Account)> {
    let fields = Fields::of(&tx.schema())?;
    let image = tx.get(fields.collection, id)?;
    Ok((fields, Account::of(&fields, &image)))
}

/// The names of the areas that rights may be over.
fn areas(tx: &Tx<'_>) -> Vec<String> {
    let schema = Arc::clone(&tx.epoch().schema);
    let all = schema.collections.iter().filter(|one| !one.is_table()).map(|one| one.area.clone());
    let mut areas: Vec<String> = all.collect();
    areas.sort();
    areas.dedup();
    areas
}
