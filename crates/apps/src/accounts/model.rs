//! What an account is and what may become of it. No I/O.

use std::time::Duration;

use mains_base::{Caller, CallerKind, Error, FieldError, Kind, Result, Time, Uuid, Value};
use mains_database::write::Image;
use mains_language::schema::{Collection, CollectionId, FieldId, Schema};

/// The role that is every right.
pub(super) const STAFF: &str = "staff";
/// For how long after a password was typed delicate things may be done without it.
const FRESH: Duration = Duration::from_mins(15);

/// Whether one has to prove the address before the first sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// A session starts from the mailed link, so no answer tells whose addresses are known.
    Required,
    /// One is signed in at once. Who signs up with an address that is known is told so.
    Later,
}

/// What a mailed link opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Verify,
    Reset,
    ChangeEmail,
    /// The way back to an address that was replaced.
    RestoreEmail,
}

/// Where the fields of accounts stand in one schema.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    pub(super) collection: CollectionId,
    pub(super) kind: FieldId,
    pub(super) email: FieldId,
    pub(super) verified: FieldId,
    pub(super) has_password: FieldId,
    pub(super) name: FieldId,
    pub(super) roles: FieldId,
    pub(super) rights: FieldId,
    pub(super) status: FieldId,
    pub(super) merged_into: FieldId,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) id: Uuid,
    pub(super) is_guest: bool,
    pub(super) email: Option<String>,
    pub(super) verified: bool,
    pub(super) has_password: bool,
    pub(super) name: Option<String>,
    pub(super) roles: Vec<String>,
    pub(super) rights: Vec<String>,
    pub(super) status: Status,
}

/// Where an account stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Active,
    Deactivated,
    Merged,
    Erasing,
    Erased,
}

impl Purpose {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Reset => "reset",
            Self::ChangeEmail => "change_email",
            Self::RestoreEmail => "restore_email",
        }
    }

    /// For how long a link opens it. A reset is a key to the account, so it lasts least.
    pub(super) fn lasts(self) -> Duration {
        match self {
            Self::Verify => Duration::from_hours(48),
            Self::Reset => Duration::from_hours(1),
            Self::ChangeEmail => Duration::from_hours(24),
            Self::RestoreEmail => Duration::from_hours(72),
        }
    }
}

impl Status {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deactivated => "deactivated",
            Self::Merged => "merged",
            Self::Erasing => "erasing",
            Self::Erased => "erased",
        }
    }

    fn of(word: &str) -> Option<Self> {
        let all = [Self::Active, Self::Deactivated, Self::Merged, Self::Erasing, Self::Erased];
        all.into_iter().find(|status| status.as_str() == word)
    }

    /// The change of status that staff asks for.
    pub(super) fn changed(self, active: bool) -> Result<Self> {
        match (self, active) {
            (Self::Active | Self::Deactivated, true) => Ok(Self::Active),
            (Self::Active | Self::Deactivated, false) => Ok(Self::Deactivated),
            (Self::Merged | Self::Erasing | Self::Erased, _) => Err(gone()),
        }
    }
}

impl Fields {
    pub(super) fn of(schema: &Schema) -> Result<Self> {
        let accounts = collection(schema, "accounts")?;
        Ok(Self {
            collection: accounts.id,
            kind: field(accounts, "kind")?,
            email: field(accounts, "email")?,
            verified: field(accounts, "verified")?,
            has_password: field(accounts, "has_password")?,
            name: field(accounts, "name")?,
            roles: field(accounts, "roles")?,
            rights: field(accounts, "rights")?,
            status: field(accounts, "status")?,
            merged_into: field(accounts, "merged_into")?,
        })
    }
}

/// A collection of the app.
pub(super) fn collection<'s>(schema: &'s Schema, name: &str) -> Result<&'s Collection> {
    schema.find(name).ok_or_else(|| Error::internal(format!("there is no collection {name} here")))
}

/// A field of one of them.
pub(super) fn field(collection: &Collection, name: &str) -> Result<FieldId> {
    let found = collection.find(name).map(|field| field.id);
    found.ok_or_else(|| Error::internal(format!("{} have no field {name}", collection.name)))
}

impl Account {
    pub(super) fn of(fields: &Fields, image: &Image) -> Self {
        let text = |id: FieldId| image.value(id).as_text().map(str::to_owned);
        Self {
            id: image.id(),
            is_guest: image.value(fields.kind).as_text() == Some("guest"),
            email: text(fields.email),
            verified: image.value(fields.verified).as_bool() == Some(true),
            has_password: image.value(fields.has_password).as_bool() == Some(true),
            name: text(fields.name),
            roles: texts(image.value(fields.roles)),
            rights: texts(image.value(fields.rights)),
            status: text(fields.status).and_then(|word| Status::of(&word)).unwrap_or(Status::Deactivated),
        }
    }

    /// Whether a right password opens it.
    pub(super) fn opens(&self, verify: Verify) -> bool {
        self.status == Status::Active && !self.is_guest && (self.verified || verify == Verify::Later)
    }

    /// Whether it stands above others by a role or a right of staff.
    fn is_staff(&self) -> bool {
        self.roles.iter().any(|role| role == STAFF)
    }
}

fn texts(value: &Value) -> Vec<String> {
    let items = value.as_list().unwrap_or_default().iter();
    items.filter_map(Value::as_text).map(str::to_owned).collect()
}

/// Whether who asks typed the password (or opened a mailed link) a short while ago.
pub(super) fn is_fresh(caller: &Caller, now: Time) -> bool {
    let since = |proven: Time| now.micros().saturating_sub(proven.micros());
    let window = i64::try_from(FRESH.as_micros()).unwrap_or(i64::MAX);
    caller.proven_at.is_some_and(|proven| (0..=window).contains(&since(proven)))
}

/// Staff may act upon an account only with all rights that the account itself has, and give only the roles and rights
/// that they have; what their own account may do is for others to say. Who has every right may do all of it.
pub(super) fn check_grant(
    staff: &Caller,
    account: &Account,
    (roles, rights): (&[String], &[String]),
    areas: &[String],
) -> Result<()> {
    let unknown: Vec<&String> = rights.iter().filter(|right| !areas.contains(right)).collect();
    if let Some(unknown) = unknown.first() {
        let known = areas.join(", ");
        let sentence = format!("There is no area {unknown}. Rights are over {known}.");
        return Err(Error::invalid(vec![FieldError::new("rights", "unknown", sentence)]));
    }
    check_above(staff, account)?;
    let gives = |right: &String| account.rights.contains(right) || staff.rights.contains(right);
    let lends = |role: &String| account.roles.contains(role) || staff.roles.contains(role);
    let within = staff.id != account.id && roles.iter().all(lends) && rights.iter().all(gives);
    if has_all(staff) || within { Ok(()) } else { Err(beyond_own()) }
}

/// Refuses to touch an account that may do more than who touches it.
pub(super) fn check_above(staff: &Caller, account: &Account) -> Result<()> {
    let covered = account.rights.iter().all(|right| staff.rights.contains(right));
    if has_all(staff) || (covered && !account.is_staff()) { Ok(()) } else { Err(beyond_own()) }
}

fn has_all(staff: &Caller) -> bool {
    staff.staff || staff.kind == CallerKind::System
}

/// One sentence for everything that may be wrong with a sign-in, so that nobody learns which.
pub(super) fn mismatch() -> Error {
    let sentence =
        "Address and password do not match, or the address is not confirmed yet: look into your mail.";
    Error::new(Kind::Unauthenticated, "accounts.mismatch", sentence)
}

/// A link that opens nothing.
pub(super) fn dead_link() -> Error {
    let sentence =
        "This link was used already, is too old, or was replaced by a newer one. Ask for a new one.";
    Error::new(Kind::NotFound, "accounts.dead_link", sentence)
}

/// A delicate thing a while after the sign-in, without the password.
pub(super) fn unproven() -> Error {
    let sentence = "Type your password once more to do this.";
    let fields = vec![FieldError::new("current", "required", sentence)];
    Error::new(Kind::Forbidden, "accounts.unproven", sentence).with_fields(fields)
}

/// A password of who is signed in that is not theirs.
pub(super) fn wrong_password(field: &str) -> Error {
    let sentence = "This is not your password. Type the one you sign in with.";
    let fields = vec![FieldError::new(field, "wrong_password", sentence)];
    Error::new(Kind::Forbidden, "accounts.wrong_password", sentence).with_fields(fields)
}

/// A delicate thing a while after the sign-in, of an account that has no password to type.
pub(super) fn passwordless() -> Error {
    let sentence = "This account has no password yet. Have a link sent to choose one, then do this again.";
    let fields = vec![FieldError::new("current", "no_password", sentence)];
    Error::new(Kind::Forbidden, "accounts.no_password", sentence).with_fields(fields)
}

/// 409 of the address of another account, where that is told at all.
pub(super) fn taken() -> Error {
    let sentence = "This address cannot be used. Sign in, or take another.";
    let fields = vec![FieldError::new("email", "not_unique", sentence)];
    Error::conflict("accounts.email_taken", sentence).with_fields(fields)
}

/// 409 of an account that is no more.
pub(super) fn gone() -> Error {
    Error::conflict(
        "accounts.gone",
        "This account is erased or became another one. Nothing is done to it any more.",
    )
}

/// 409 of what would leave nobody in charge.
pub(super) fn last_owner() -> Error {
    let sentence =
        "This is the last account that may do everything here. Give the role staff to another one first.";
    Error::conflict("accounts.last_owner", sentence)
}

fn beyond_own() -> Error {
    let sentence =
        "Nobody gives more than they have, or changes their own roles. Ask somebody who has the role staff.";
    Error::new(Kind::Forbidden, "accounts.beyond_own", sentence)
}

/// 403 where the owner makes all accounts.
pub(super) fn closed() -> Error {
    let sentence = "Accounts are made by whoever runs this site. Ask them for one.";
    Error::new(Kind::Forbidden, "accounts.closed", sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(roles: &[&str], rights: &[&str]) -> Account {
        let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Account {
            id: Uuid::v4([7; 16]),
            is_guest: false,
            email: Some("ines@corner.example".into()),
            verified: true,
            has_password: true,
            name: None,
            roles: own(roles),
            rights: own(rights),
            status: Status::Active,
        }
    }

    fn staff(rights: &[&str]) -> Caller {
        Caller {
            rights: rights.iter().map(|right| (*right).to_owned()).collect(),
            ..Caller::account(Uuid::NIL)
        }
    }

    #[test]
    fn nobody_gives_more_than_they_have() {
        let areas = ["accounts", "records", "orders"].map(str::to_owned);
        let grant = |who: &Caller, to: &Account, roles: &[&str], rights: &[&str]| {
            let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
            check_grant(who, to, (&own(roles), &own(rights)), &areas).map_err(|error| error.code())
        };
        let clerk = Caller { roles: vec!["editor".into()], ..staff(&["accounts", "orders"]) };
        assert_eq!(grant(&clerk, &account(&[], &[]), &["editor"], &["orders"]), Ok(()));
        assert_eq!(grant(&clerk, &account(&[], &[]), &["moderator"], &[]), Err("accounts.beyond_own"));
        assert_eq!(grant(&clerk, &account(&["moderator"], &[]), &["moderator", "editor"], &[]), Ok(()));
        let own = Account { id: clerk.id, ..account(&[], &[]) };
        assert_eq!(grant(&clerk, &own, &["editor"], &[]), Err("accounts.beyond_own"), "not to oneself");
        assert_eq!(grant(&clerk, &account(&[], &[]), &["staff"], &[]), Err("accounts.beyond_own"));
        assert_eq!(grant(&clerk, &account(&[], &[]), &[], &["records"]), Err("accounts.beyond_own"));
        assert_eq!(grant(&clerk, &account(&["staff"], &[]), &[], &[]), Err("accounts.beyond_own"));
        assert_eq!(grant(&clerk, &account(&[], &["records"]), &[], &["records"]), Err("accounts.beyond_own"));
        let owner = Caller { staff: true, ..staff(&[]) };
        assert_eq!(grant(&owner, &account(&["staff"], &[]), &[], &["records"]), Ok(()));
        assert_eq!(grant(&owner, &account(&[], &[]), &[], &["everything"]), Err("records.invalid"));
    }

    #[test]
    fn a_password_is_fresh_for_a_quarter_of_an_hour() {
        let now = Time::from_micros(1_800_000_000_000_000);
        let proven = |ago: i64| Caller {
            proven_at: Some(Time::from_micros(now.micros() - ago * 1_000_000)),
            ..Caller::account(Uuid::NIL)
        };
        assert!(is_fresh(&proven(0), now) && is_fresh(&proven(15 * 60), now));
        assert!(!is_fresh(&proven(15 * 60 + 1), now));
        assert!(!is_fresh(&proven(-1), now), "a clock that was set back proves nothing");
        assert!(!is_fresh(&Caller::account(Uuid::NIL), now));
    }

    #[test]
    fn who_is_let_in() {
        let person = account(&[], &[]);
        let unverified = Account { verified: false, ..person.clone() };
        assert!(person.opens(Verify::Required) && unverified.opens(Verify::Later));
        assert!(!unverified.opens(Verify::Required));
        for status in [Status::Deactivated, Status::Merged, Status::Erasing, Status::Erased] {
            assert!(!Account { status, ..person.clone() }.opens(Verify::Later), "{status:?}");
        }
        assert!(!Account { is_guest: true, ..person }.opens(Verify::Later));
    }
}
