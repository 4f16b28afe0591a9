//! Floods of passwords: what they leave to others, and what they cost.

use std::collections::BTreeSet;

use futures_util::future::{join, join_all};
use mains_apps::accounts::passwords::{Cost, Passwords};
use mains_apps::accounts::{self, Accounts};
use mains_base::Uuid;
use mains_database::dialect::Dialect;
use mains_server::sessions::{self, Facts, Origin};
use mains_testkit::database::on;
use serde_json::json;

use super::on_both;
use super::world::{Answer, Parts, World, settings};

/// A site where so many passwords may wait.
fn on_both_with_room(queue: usize, settings: accounts::Settings, test: impl AsyncFn(World) + Sync) {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        on(dialect, async || {
            let passwords = Passwords::costing(Cost { queue, ..Cost::default() });
            let app = Accounts::with_passwords(settings, passwords);
            test(World::made(dialect, app, Parts::default()).await).await;
        });
    }
}

#[test]
fn a_flood_from_one_network_leaves_others_able_to_sign_in() {
    on_both_with_room(4, settings(), async |world| {
        let password = world.app.create(&world.db, "ines@corner.example", Vec::new()).await.unwrap();
        let flood = join_all((0..50).map(async |number| {
            let mut attacker = world.browser();
            attacker.network = Some("203.0.113.7".to_owned());
            attacker.sign_in(&format!("person{number}@corner.example"), "not my words").await
        }));
        let mut ines = world.browser();
        ines.network = Some("198.51.100.1".to_owned());
        let (flood, signed_in) = join(flood, ines.sign_in("ines@corner.example", &password)).await;
        assert_eq!(signed_in.status, 200, "{}", signed_in.body);
        let busy: Vec<_> = flood.iter().filter(|answer| answer.status == 503).collect();
        assert!(!busy.is_empty(), "more came than may wait");
        assert!(busy.iter().all(|answer| answer.code() == "accounts.busy"));
        assert!(busy.iter().all(|answer| answer.names.iter().any(|name| name == "retry-after")));
        assert!(flood.iter().all(|answer| matches!(answer.status, 401 | 503)));
        assert!(flood.iter().any(|answer| answer.status == 401), "who has a place is answered");
    });
}

#[test]
fn a_flood_from_many_networks_leaves_reads_alone() {
    on_both(async |world| {
        let ines = world.account("ines@corner.example").await;
        let flood = join_all((0..300).map(async |number: u32| {
            let mut attacker = world.browser();
            attacker.network = Some(format!("10.{}.{}.7", number / 250, number % 250));
            attacker.sign_in(&format!("person{number}@corner.example"), "not my words").await.status
        }));
        let paths = ["/api/accounts/me", "/health", "/sign-in", "/api/account_sessions"];
        let reads = join_all(paths.map(async |path| {
            let mut reader = world.browser();
            reader.cookie.clone_from(&ines.cookie);
            let mut refused = Vec::new();
            for _ in 0..60 {
                let answer = reader.get(path).await;
                if answer.status != 200 {
                    refused.push(answer.body);
                }
            }
            refused
        }));
        let (flood, reads) = join(flood, reads).await;
        assert!(flood.iter().all(|status| matches!(status, 200 | 401 | 422 | 429 | 503)), "{flood:?}");
        assert!(
            flood.contains(&401) && flood.contains(&503),
            "some are compared and some refused: {flood:?}"
        );
        assert_eq!(reads.concat(), Vec::<String>::new(), "every read is answered");
    });
}

/// Reads that come all at once wait their turn, as many as there are: it is passwords that are refused.
#[test]
fn reads_that_come_at_once_beside_a_flood_are_all_answered() {
    on_both(async |world| {
        let ines = world.account("ines@corner.example").await;
        let flood = join_all((0..400).map(async |number: u32| {
            let mut attacker = world.browser();
            attacker.network = Some(format!("10.{}.{}.7", number / 250, number % 250));
            attacker.sign_in(&format!("person{number}@corner.example"), "not my words").await
        }));
        let paths =
            ["/account/sessions", "/api/account_sessions?expand=account", "/account", "/api/accounts/me"];
        let reads = join_all((0..400).map(async |number: usize| {
            let mut reader = world.browser();
            reader.cookie.clone_from(&ines.cookie);
            reader.get(paths[number % paths.len()]).await
        }));
        let (flood, reads) = join(flood, reads).await;
        let refused = |answers: &[Answer]| {
            let codes = answers.iter().filter(|answer| answer.status == 503);
            codes.map(|answer| answer.code().to_owned()).collect::<BTreeSet<_>>()
        };
        assert_eq!(refused(&reads), BTreeSet::new(), "every read is answered");
        assert!(reads.iter().all(|answer| answer.status == 200));
        assert_eq!(refused(&flood), BTreeSet::from(["accounts.busy".to_owned()]), "only passwords are");
    });
}

/// Where no password may wait, whatever comes to be hashed or compared is 503. So no answer here was hashed for.
#[test]
fn what_is_refused_anyway_is_not_hashed() {
    let closed = accounts::Settings { sign_up: false, ..settings() };
    on_both_with_room(0, closed, async |world| {
        let up = json!({"email": "new@corner.example", "password": "four wet words"});
        let mut visitor = world.browser();
        let refused = visitor.post("/api/accounts/sign-up", up.clone()).await;
        assert_eq!((refused.status, refused.code()), (403, "accounts.closed"));
        let prove = json!({"password": "four wet words"});
        assert_eq!(visitor.post("/api/accounts/prove", prove.clone()).await.status, 401);
        let reset = json!({"token": "0", "password": "four wet words"});
        assert_eq!(visitor.post("/api/accounts/reset", reset).await.code(), "accounts.dead_link");
        assert_eq!(visitor.sign_in("ines@corner.example", "four wet words").await.code(), "accounts.busy");

        // Made by another program of the site, whose passwords may wait.
        Accounts::new(settings()).create(&world.db, "ines@corner.example", Vec::new()).await.unwrap();
        let mut ines = world.browser();
        ines.cookie = Some(session(&world).await);
        world.pass_hours(1);
        let change = json!({"password": "other dry words"});
        let path = "/api/accounts/me/change-password";
        assert_eq!(ines.post(path, change).await.code(), "accounts.unproven");
        let wrong = json!({"current": "not my words", "password": "other dry words"});
        assert_eq!(ines.post(path, wrong).await.code(), "accounts.busy", "this one is compared");
        assert_eq!(ines.post("/api/accounts/prove", prove).await.code(), "accounts.busy");
        assert_eq!(
            ines.post("/api/accounts/sign-up", up).await.status,
            403,
            "who is signed in signs up nobody"
        );
        let others = format!(
            "/api/accounts/{}/change-password",
            Uuid::v4([9; 16]).text(&mains_base::Prefix::new("account").unwrap())
        );
        let body = json!({"current": "not my words", "password": "other dry words"});
        assert_eq!(ines.post(&others, body).await.status, 404);
    });
    on_both_with_room(0, settings(), async |world| {
        let weak = json!({"email": "new@corner.example", "password": "password"});
        assert_eq!(world.browser().post("/api/accounts/sign-up", weak).await.status, 422);
    });
}

/// The cookie of a session of the one account there is.
async fn session(world: &World) -> String {
    let begun = world.db.write(&[], |tx| {
        let rows = tx.query(r#"SELECT "id" FROM "accounts""#, &[])?;
        let id = rows.0[0].id(0)?.unwrap();
        sessions::insert(tx, id, &Facts::account(), &Origin::default())
    });
    format!("mains={}", begun.await.unwrap().expose())
}
