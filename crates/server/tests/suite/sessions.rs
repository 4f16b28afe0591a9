//! Sessions: begun, found by cookie and by bearer, ended, renewed; and what is no session.

use std::sync::Arc;

use mains_base::{Caller, CallerKind, Kind, ManualClock, Result, Uuid};
use mains_database::Db;
use mains_database::dialect::Dialect;
use mains_language::site::load;
use mains_server::sessions::{self, Facts, Origin, Token};
use mains_server::{Callers, Settings};
use mains_testkit::TestDb;
use mains_testkit::database::on;

const DAY: i64 = 86_400 * 1_000_000;

struct Node {
    db: Db,
    callers: Arc<Callers>,
    settings: Settings,
}

impl Node {
    async fn over(db: &TestDb) -> Self {
        let db = Db::over(db.engine.clone(), Arc::new(db.clock.clone()));
        let callers = Callers::open(&db).await.unwrap();
        Self { db, callers, settings: Settings::default() }
    }

    async fn begin(&self, account: Uuid, facts: &Facts) -> Token {
        let (facts, origin) = (facts.clone(), Origin { agent: Some("Browser".into()), network: None });
        self.db.write(&[], move |tx| sessions::insert(tx, account, &facts, &origin)).await.unwrap()
    }

    async fn with(&self, name: &str, value: &str) -> Result<Arc<Caller>> {
        let request = http::Request::get("/").header(name, value).body(()).unwrap();
        self.callers.find(&request.into_parts().0, &self.settings).await
    }

    async fn cookie(&self, token: &Token) -> Arc<Caller> {
        self.with("cookie", &format!("theme=dark; mains={}", token.expose())).await.unwrap()
    }

    async fn bearer(&self, token: &Token) -> Result<Arc<Caller>> {
        self.with("authorization", &format!("Bearer {}", token.expose())).await
    }

    async fn list(&self, account: Uuid) -> Vec<sessions::Session> {
        self.db.write(&[], move |tx| sessions::list(tx, account)).await.unwrap()
    }
}

/// Runs a test with two nodes over one database, on both databases.
fn on_both(test: impl AsyncFn(Node, Node, ManualClock) + Sync) {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        on(dialect, async || {
            let schema = load(&[mains_server::tables()]).unwrap();
            let db = TestDb::with_schema(dialect, Arc::new(schema)).await;
            test(Node::over(&db).await, Node::over(&db).await, db.clock.clone()).await;
        });
    }
}

fn account(number: u8) -> Uuid {
    Uuid::v4([number; 16])
}

fn editor() -> Facts {
    Facts { verified: true, roles: vec!["editor".into()], rights: vec!["orders".into()], ..Facts::account() }
}

#[test]
fn a_session_is_found_by_cookie_and_by_bearer() {
    on_both(async |node, _, _| {
        let token = node.begin(account(1), &editor()).await;
        let caller = node.cookie(&token).await;
        assert_eq!(*caller, *node.bearer(&token).await.unwrap());
        assert_eq!((caller.kind, caller.id, caller.level), (CallerKind::Account, account(1), 1));
        assert!(caller.signed_in() && caller.verified && !caller.staff);
        assert_eq!((&caller.roles[..], &caller.rights[..]), (&["editor".into()][..], &["orders".into()][..]));
        let guest = node.begin(account(2), &Facts::guest()).await;
        let guest = node.cookie(&guest).await;
        assert!(guest.kind == CallerKind::Guest && guest.id == account(2) && !guest.signed_in());
        let listed = node.list(account(1)).await;
        assert_eq!((listed.len(), listed[0].origin.agent.as_deref()), (1, Some("Browser")));
        assert!(!format!("{listed:?}{token:?}").contains(&token.expose()[14..]));
    });
}

#[test]
fn a_revoked_session_is_refused_at_once_and_elsewhere_when_the_node_looks() {
    on_both(async |node, other, _| {
        let (one, two) = (node.begin(account(1), &editor()).await, node.begin(account(1), &editor()).await);
        for node in [&node, &other] {
            assert!(node.cookie(&one).await.signed_in() && node.cookie(&two).await.signed_in());
        }
        let mut heard = other.callers.revoked();
        let id = node.list(account(1)).await[1].id.clone();
        let gone = id.clone();
        node.db.write(&[], move |tx| sessions::delete(tx, account(1), &gone)).await.unwrap();
        let left = node.list(account(1)).await;
        assert!(left.len() == 1 && left[0].id != id);
        let signed = [node.cookie(&one).await.signed_in(), node.cookie(&two).await.signed_in()];
        assert_eq!(signed.iter().filter(|signed| **signed).count(), 1, "one ended, the other goes on");
        assert!(other.cookie(&one).await.signed_in() && other.cookie(&two).await.signed_in());

        other.callers.refresh().await.unwrap();
        assert!(heard.try_recv().unwrap().is_about(account(1), &id), "streams hear of it");
        let there = [other.cookie(&one).await.signed_in(), other.cookie(&two).await.signed_in()];
        assert_eq!(signed, there);
        other.callers.refresh().await.unwrap();
        assert!(heard.try_recv().is_err(), "told once");
        let ended = if signed[0] { &two } else { &one };
        let refused = node.bearer(ended).await.unwrap_err();
        assert_eq!((refused.kind(), refused.code()), (Kind::Unauthenticated, "callers.session_ended"));
        assert_eq!(node.cookie(ended).await.kind, CallerKind::Visitor);
    });
}

#[test]
fn what_the_accounts_say_reaches_every_session() {
    on_both(async |node, _, _| {
        let (one, two) = (node.begin(account(1), &editor()).await, node.begin(account(1), &editor()).await);
        let stranger = node.begin(account(2), &editor()).await;
        assert!(!node.cookie(&one).await.staff && !node.cookie(&two).await.staff);
        let staff = Facts { staff: true, roles: Vec::new(), level: 9, ..editor() };
        node.db.write(&[], move |tx| sessions::rewrite(tx, account(1), &staff)).await.unwrap();
        for token in [&one, &two] {
            let caller = node.cookie(token).await;
            assert!(caller.staff && caller.roles.is_empty() && caller.level == 1);
        }
        assert!(!node.cookie(&stranger).await.staff);
        let id = node.list(account(2)).await[0].id.clone();
        node.db.write(&[], move |tx| sessions::prove(tx, account(2), &id, 2)).await.unwrap();
        let proven = node.cookie(&stranger).await;
        assert!(proven.level == 2 && proven.proven_at.is_some());
    });
}

#[test]
fn signing_out_everywhere_leaves_the_session_that_says_so() {
    on_both(async |node, _, _| {
        let tokens = [node.begin(account(1), &editor()).await, node.begin(account(1), &editor()).await];
        let stranger = node.begin(account(2), &editor()).await;
        let kept = node.list(account(1)).await[0].id.clone();
        let except = kept.clone();
        let ended = node.db.write(&[], move |tx| sessions::delete_of(tx, account(1), Some(&except))).await;
        assert_eq!(ended.unwrap(), 1);
        let left = node.list(account(1)).await;
        assert!(left.len() == 1 && left[0].id == kept);
        node.db.write(&[], move |tx| sessions::delete_of(tx, account(1), None)).await.unwrap();
        for token in &tokens {
            assert!(!node.cookie(token).await.signed_in());
        }
        assert!(node.cookie(&stranger).await.signed_in());
    });
}

#[test]
fn a_write_that_came_to_nothing_ends_no_session() {
    on_both(async |node, _, _| {
        let token = node.begin(account(1), &editor()).await;
        assert!(node.cookie(&token).await.signed_in());
        let failed: Result<()> = node
            .db
            .write(&[], |tx| {
                sessions::delete_of(tx, account(1), None)?;
                Err(mains_base::Error::conflict("test", "No."))
            })
            .await;
        assert!(failed.is_err() && node.cookie(&token).await.signed_in());
    });
}

#[test]
fn a_session_ends_unless_it_is_used() {
    on_both(async |node, other, clock| {
        let (used, unused) =
            (node.begin(account(1), &editor()).await, node.begin(account(1), &editor()).await);
        for _ in 0..3 {
            clock.advance_micros(20 * DAY);
            assert!(node.cookie(&used).await.signed_in());
            // The note is written beside the request: wait until it is there.
            while node
                .list(account(1))
                .await
                .iter()
                .all(|session| session.seen < mains_base::Clock::now(&clock))
            {
                tokio::task::yield_now().await;
            }
        }
        assert!(!node.cookie(&unused).await.signed_in());
        assert!(other.cookie(&used).await.signed_in(), "the other node reads how long it lasts");
        clock.advance_micros(30 * DAY);
        assert!(!node.cookie(&used).await.signed_in());
        assert_eq!(node.bearer(&used).await.unwrap_err().code(), "callers.session_ended");
    });
}

#[test]
fn what_is_forged_is_nobody() {
    on_both(async |node, _, _| {
        let token = node.begin(account(1), &editor()).await;
        let real = token.expose();
        let forged = [
            "mains_session_".to_owned(),
            format!("mains_session_{}", "0".repeat(52)),
            real[..real.len() - 1].to_owned(),
            format!("{real}0"),
            real.to_uppercase(),
            "mains_session_' OR 1=1".to_owned(),
        ];
        for forged in &forged {
            let caller = node.with("cookie", &format!("mains={forged}")).await.unwrap();
            assert_eq!(caller.kind, CallerKind::Visitor, "{forged}");
            let refused = node.with("authorization", &format!("Bearer {forged}")).await.unwrap_err();
            assert_eq!(refused.kind(), Kind::Unauthenticated, "{forged}");
        }
        let planted = format!("mains={real}; mains={}", forged[1]);
        assert_eq!(node.with("cookie", &planted).await.unwrap().kind, CallerKind::Visitor);
        let request = http::Request::get("/")
            .header("cookie", format!("mains={real}"))
            .header("authorization", "Bearer mains_key_0");
        let both = node.callers.find(&request.body(()).unwrap().into_parts().0, &node.settings).await;
        assert!(both.is_err(), "a bearer that is unknown is not saved by a cookie");
    });
}

#[test]
fn an_account_has_so_many_sessions_and_no_more() {
    on_both(async |node, _, clock| {
        let first = node.begin(account(1), &editor()).await;
        assert!(node.cookie(&first).await.signed_in());
        for _ in 0..sessions::MOST {
            clock.advance_micros(1);
            node.begin(account(1), &editor()).await;
        }
        assert_eq!(node.list(account(1)).await.len(), 100);
        assert!(!node.cookie(&first).await.signed_in(), "the least recently used made room");
    });
}
