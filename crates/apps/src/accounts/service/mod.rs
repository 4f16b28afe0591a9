//! What one can do with accounts: each function is one transaction, load, decide, save.
//!
//! Always true: passwords are hashed and compared before a transaction begins; whatever depends on whether an address
//! is known ends in the same answer, and what differs is told by mail alone, to whoever reads that address.

mod address;
mod end;
mod enter;
mod guest;
mod mail;
mod password;
mod sign_in;
mod sign_up;
mod staff;

use std::sync::Arc;

use mains_base::{Caller, Result, Time, Uuid};
use mains_database::Db;
use mains_database::write::Tx;

use super::model::{self, Account, Fields, Verify};
use super::passwords::{Password, Passwords};
use super::store;

pub(super) use address::{change_email, confirm_email};
pub(super) use end::{erase, erase_rest};
pub(super) use enter::Visit;
pub(super) use guest::make_guest;
pub(super) use mail::{Letter, Recipient, write_letter};
pub(super) use password::{change_password, forgot, reset};
pub(super) use sign_in::{prove, sign_in, sign_out};
pub(super) use sign_up::{SignUp, resend, sign_up, verify};
pub(super) use staff::{NewAccount, create, first_owner, set_active, set_roles};

/// What the services work with.
#[derive(Clone, Debug)]
pub struct Accounts {
    pub(super) db: Db,
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
}

impl Accounts {
    /// Over an open database; starts the thread that knows passwords.
    pub fn open(db: Db, settings: Settings) -> Result<Self> {
        Ok(Self { db, passwords: Passwords::start()?, settings })
    }

    /// Refuses something delicate to who neither typed the password a short while ago nor types it now.
    async fn expect_proof(&self, caller: &Caller, current: Option<Password>) -> Result<()> {
        if model::is_fresh(caller, self.now()) {
            return Ok(());
        }
        let Some(current) = current else { return Err(model::unproven()) };
        let stored = store::of_account(self.db.engine(), caller.id).await?;
        match self.passwords.matches(current, stored).await? {
            true => Ok(()),
            false => Err(model::wrong_password("current")),
        }
    }

    fn now(&self) -> Time {
        self.db.clock().now()
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
