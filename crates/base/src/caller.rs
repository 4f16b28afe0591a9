//! The caller: one type says who asks, whatever door was used.

use crate::{Time, Uuid};

/// What sort of caller it is; `auth.kind` in expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallerKind {
    /// Nobody yet.
    Visitor,
    /// An account made at a visitor's first write; has an id, is not signed in.
    Guest,
    /// Somebody who signed in.
    Account,
    /// An API key.
    Key,
    /// An own application.
    App,
    /// Mains itself: effects, import, seeds. Rules do not bind it.
    System,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq)]
pub struct Caller {
    /// What sort.
    pub kind: CallerKind,
    /// The account; the nil id of visitors and of keys without an account.
    pub id: Uuid,
    /// Whether the account's address is verified.
    pub verified: bool,
    /// Whether it is staff: every right, and rules do not bind it.
    pub staff: bool,
    /// Roles given by the owner.
    pub roles: Vec<String>,
    /// Scopes of the key or token.
    pub scopes: Vec<String>,
    /// Areas where the caller is staff (`records`, `orders`).
    pub rights: Vec<String>,
    /// How strongly the caller proved who it is; 0 for a visitor.
    pub level: i64,
    /// When it was last proved.
    pub proven_at: Option<Time>,
}

impl CallerKind {
    /// The word of `auth.kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Visitor => "visitor",
            Self::Guest => "guest",
            Self::Account => "account",
            Self::Key => "key",
            Self::App => "app",
            Self::System => "system",
        }
    }
}

impl Caller {
    /// Nobody yet.
    pub fn visitor() -> Self {
        Self {
            kind: CallerKind::Visitor,
            id: Uuid::NIL,
            verified: false,
            staff: false,
            roles: Vec::new(),
            scopes: Vec::new(),
            rights: Vec::new(),
            level: 0,
            proven_at: None,
        }
    }

    /// Mains itself.
    pub fn system() -> Self {
        Self { kind: CallerKind::System, ..Self::visitor() }
    }

    /// A signed-in account.
    pub fn account(id: Uuid) -> Self {
        Self { kind: CallerKind::Account, id, level: 1, ..Self::visitor() }
    }

    /// `auth.signed_in`: an account, or a key or own application acting for one.
    pub fn signed_in(&self) -> bool {
        let acts = matches!(self.kind, CallerKind::Account | CallerKind::Key | CallerKind::App);
        acts && self.id != Uuid::NIL
    }

    /// Whether rules bind this caller in `area`: not the system, nor staff, nor whoever has the right `area`.
    pub fn is_bound(&self, area: &str) -> bool {
        !(self.kind == CallerKind::System || self.staff || self.rights.iter().any(|right| right == area))
    }
}
