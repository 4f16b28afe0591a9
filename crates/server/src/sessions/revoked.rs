//! What others hear when sessions end or change.

use mains_base::{Result, Uuid};
use mains_database::Notice;
use mains_database::write::Tx;

use super::store;

/// The topic of its notices.
pub(crate) const TOPIC: &str = "sessions";

/// Sessions that ended or whose account changed. Whoever holds a caller of theirs (a stream) finds it again, or ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Whose sessions.
    pub account: Uuid,
    /// Which one, by its public id; `None`: all of them.
    pub session: Option<String>,
}

/// Has this node hear of it at the commit, and the others when they look.
pub(super) fn tell(tx: &mut Tx<'_>, revoked: &Revoked) -> Result<()> {
    store::insert_revoked(tx, revoked)?;
    let mut key = revoked.account.0.to_vec();
    key.extend(revoked.session.iter().flat_map(|session| session.bytes()));
    tx.notify(Notice { topic: TOPIC, key });
    Ok(())
}

impl Revoked {
    /// What a notice says.
    pub(crate) fn read(notice: &Notice) -> Option<Self> {
        let (account, session) = notice.key.split_first_chunk::<16>().filter(|_| notice.topic == TOPIC)?;
        let session = std::str::from_utf8(session).ok()?;
        let session = (!session.is_empty()).then(|| session.to_owned());
        Some(Self { account: Uuid(*account), session })
    }

    /// Whether it is about this session.
    pub fn is_about(&self, account: Uuid, session: &str) -> bool {
        self.account == account && self.session.as_deref().is_none_or(|id| id == session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_says_what_was_revoked() {
        let account = Uuid::v4([7; 16]);
        let key = |rest: &str| [&account.0[..], rest.as_bytes()].concat();
        let read = |topic, rest| Revoked::read(&Notice { topic, key: key(rest) });
        let one = Revoked { account, session: Some("session_1".into()) };
        assert_eq!(read(TOPIC, "session_1").as_ref(), Some(&one));
        assert!(one.is_about(account, "session_1") && !one.is_about(account, "session_2"));
        let all = read(TOPIC, "").unwrap();
        assert!(all.is_about(account, "session_2") && !all.is_about(Uuid::NIL, "session_2"));
        assert_eq!(read("jobs", ""), None);
        assert_eq!(Revoked::read(&Notice { topic: TOPIC, key: vec![1] }), None);
    }
}
