//! What whoever runs the site does from the command line, as the system: nobody stands above them.

mod store;

use mains_base::{Caller, Error, FieldError, Kind, Result, Uuid};
use mains_database::Db;
use mains_database::write::Tx;
use mains_language::schema::{Field, FieldId, FieldKind};
use mains_language::values;
use serde::{Deserialize, Serialize};

use super::super::mailbox;
use super::super::model::{self, Purpose, STAFF, Status};
use super::super::passwords::Password;
use super::super::store::{self as tables, NewToken};
use super::super::token;
use super::{Accounts, find, staff};

/// Accounts in one answer.
const PAGE: i64 = 500;

/// An account as `mains accounts list` shows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// Its address.
    pub email: Option<String>,
    /// What people call it.
    pub name: Option<String>,
    /// Roles, then areas of rights.
    pub roles: Vec<String>,
    /// Areas where it is staff.
    pub rights: Vec<String>,
    /// `active` and the like; `unverified` where the address is not proven.
    pub status: String,
    /// When it was made, RFC 3339.
    pub made: String,
}

impl Accounts {
    /// A page of accounts behind an id, and the id of its last; `None` when there are no more.
    pub async fn list(&self, db: &Db, after: Option<String>) -> Result<(Vec<Listed>, Option<String>)> {
        let prefix = db.epoch().schema.find("accounts").and_then(|accounts| accounts.prefix.clone());
        let prefix = prefix.ok_or_else(|| Error::internal("there are no accounts here"))?;
        let after = after.as_deref().and_then(|text| Uuid::parse(text, &prefix).ok()).unwrap_or(Uuid::NIL);
        let lines = store::list(db.engine(), after, PAGE).await?;
        let full = i64::try_from(lines.len()).unwrap_or(PAGE) == PAGE;
        let last = lines.last().map(|line| line.id.text(&prefix)).filter(|_| full);
        let listed = lines.into_iter().map(|line| {
            let proven = line.status != Status::Active.as_str() || line.verified;
            Listed {
                id: line.id.text(&prefix),
                email: line.email,
                name: line.name,
                roles: line.roles,
                rights: line.rights,
                status: if proven { line.status } else { "unverified".to_owned() },
                made: line.made.to_string(),
            }
        });
        Ok((listed.collect(), last))
    }

    /// Makes an account with roles; answers its password, which is told this once.
    pub async fn create(&self, db: &Db, email: &str, roles: Vec<String>) -> Result<Password> {
        let email = address(email)?;
        check_words(&roles)?;
        let password = draw()?;
        staff::create(self, db, staff::NewAccount { email, roles }, password.clone()).await?;
        Ok(password)
    }

    /// Makes the first account that may do everything, unless there is one; answers its password.
    pub async fn first_owner(&self, db: &Db, email: &str) -> Result<Option<Password>> {
        let email = address(email)?;
        let password = draw()?;
        let made = staff::first_owner(self, db, &email, password.clone()).await?;
        Ok(made.then_some(password))
    }

    /// Sets the roles and rights of an account.
    pub async fn set_roles(
        &self,
        db: &Db,
        email: &str,
        (roles, rights): (Vec<String>, Vec<String>),
    ) -> Result<()> {
        check_words(&roles)?;
        let email = mailbox::of(email)?;
        let write = move |tx: &mut Tx<'_>| {
            let account = known(tx, &email)?;
            staff::put_roles(tx, &Caller::system(), account, (&roles, &rights))
        };
        db.write(&[], write).await
    }

    /// Closes an account, or opens it again.
    pub async fn set_active(&self, db: &Db, email: &str, active: bool) -> Result<()> {
        let email = mailbox::of(email)?;
        let write = move |tx: &mut Tx<'_>| {
            let account = known(tx, &email)?;
            staff::put_active(tx, &Caller::system(), account, active)
        };
        db.write(&[], write).await
    }

    /// A link by which a new password is chosen, as a path of the site: for who cannot get mail.
    pub async fn reset_link(&self, db: &Db, email: &str) -> Result<Password> {
        let email = mailbox::of(email)?;
        let write = move |tx: &mut Tx<'_>| {
            let (account, purpose, page, stored) = match (find(tx, &email)?, tables::last_claim(tx, &email)?)
            {
                (Some(account), _) if account.status == Status::Active => {
                    (account.id, Purpose::Reset, "/reset", account.email)
                }
                (Some(_), _) => return Err(model::gone()),
                // Who signed up and gets no mail proves the address by this, and chooses a password then.
                (None, Some(claim)) => (claim, Purpose::Verify, "/verify", tables::claim(tx, claim)?),
                (None, None) => return known(tx, &email).map(|_| Password::default()),
            };
            let email = stored.as_deref().unwrap_or(&email);
            let link = token::draw(tx)?;
            tables::add_token(tx, &NewToken { hash: token::hash(&link), account, purpose, email })?;
            Ok(Password::new(mailbox::link(page, link.as_str(), email)))
        };
        db.write(&[], write).await
    }
}

fn known(tx: &mut Tx<'_>, email: &str) -> Result<Uuid> {
    let found = find(tx, email)?.map(|account| account.id);
    found.ok_or_else(|| {
        let detail = format!("There is no account {email}; `mains accounts list` shows them.");
        Error::new(Kind::NotFound, "accounts.unknown", detail)
    })
}

/// A password that nobody chose: 100 random bits.
fn draw() -> Result<Password> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Error::internal(error.to_string()))?;
    let mut text = Password::new(String::with_capacity(24));
    for (place, byte) in Uuid(bytes).suffix().iter().skip(6).enumerate() {
        if place > 0 && place % 5 == 0 {
            text.push('-');
        }
        text.push(char::from(*byte));
    }
    Ok(text)
}

/// An address as the collection would take it.
fn address(text: &str) -> Result<String> {
    let field = Field::new(FieldId::FIRST, "email", FieldKind::Email { max: 254 });
    let schema = mains_language::schema::Schema::default();
    let value = values::from_text(&field, &schema, text);
    let value = value.map_err(|problem| Error::invalid(vec![problem.at("email")]))?;
    let missing = || Error::invalid(vec![FieldError::new("email", "required", "Name an address.")]);
    mailbox::of(value.as_text().ok_or_else(missing)?)
}

fn check_words(roles: &[String]) -> Result<()> {
    let plain = |role: &String| {
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        (1..=40).contains(&role.len()) && role.bytes().all(letter)
    };
    if roles.len() <= 20 && roles.iter().all(plain) {
        return Ok(());
    }
    let detail = format!("Roles are at most 20 names of a-z, 0-9 and _, such as {STAFF}.");
    Err(Error::invalid(vec![FieldError::new("roles", "pattern", detail)]))
}
