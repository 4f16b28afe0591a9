//! Sign-ups that nobody proves.

use mains_apps::accounts::{Settings, Verify};
use mains_database::dialect::Dialect;
use mains_database::write::New;
use mains_testkit::database::on;
use serde_json::json;

use super::guests::LINES;
use super::world::{World, settings};

const UP: &str = "/api/accounts/sign-up";

/// Runs a test on both databases with these settings.
fn with(settings: Settings, test: impl AsyncFn(World) + Sync) {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        on(dialect, async || test(World::with(dialect, settings, &[("lines", LINES)]).await).await);
    }
}

/// Whether somebody may sign up with it, where an answer tells.
async fn is_free(world: &World, email: &str) -> bool {
    let up = world.browser().post(UP, json!({"email": email, "password": "four wet words"})).await;
    assert!(matches!(up.status, 202 | 409), "{}", up.body);
    up.status == 202
}

#[test]
fn a_claim_is_kept_as_long_as_the_site_says() {
    with(Settings { unproven_days: 3, ..settings() }, async |world| {
        world.sign_up(&mut world.browser(), "ines@corner.example").await;
        world.pass_hours(71);
        world.lapse().await;
        assert!(world.rows("account_secrets").await.contains("ines@"), "not yet");
        world.pass_hours(1);
        world.lapse().await;
        assert_eq!(world.rows("account_secrets").await, "");
    });
}

#[test]
fn an_account_used_at_once_and_never_proved_is_forgotten() {
    with(Settings { verify: Verify::Later, ..settings() }, async |world| {
        let mut ines = world.browser();
        world.sign_up(&mut ines, "ines@corner.example").await;
        world.pass_hours(29 * 24);
        world.lapse().await;
        assert_eq!(ines.get("/api/accounts/me").await.status, 200, "somebody is signed in to it");
        world.pass_hours(31 * 24);
        world.lapse().await;
        assert_eq!(world.rows("accounts").await, "");
        assert_eq!(world.rows("account_secrets").await, "");
        assert!(is_free(&world, "ines@corner.example").await);
    });
}

#[test]
fn what_is_proved_used_or_came_otherwise_stays() {
    with(Settings { verify: Verify::Later, ..settings() }, async |world| {
        let (mut writes, mut proves, mut helps) = (world.browser(), world.browser(), world.browser());
        for (browser, name) in [(&mut writes, "writes"), (&mut proves, "proves"), (&mut helps, "helps")] {
            world.sign_up(browser, &format!("{name}@corner.example")).await;
        }
        assert_eq!(writes.post("/api/lines", json!({"thing": "bread"})).await.status, 201);
        let token = world.letter("proves@corner.example").await.token();
        assert_eq!(proves.post("/api/accounts/verify", json!({"token": token})).await.status, 200);
        let roles = (vec!["editor".to_owned()], Vec::new());
        world.app.set_roles(&world.db, "helps@corner.example", roles).await.unwrap();
        let import = world.db.write(&[], |tx| {
            let schema = tx.schema();
            let accounts = schema.find("accounts").unwrap();
            let email = accounts.find("email").unwrap().id;
            tx.insert(accounts.id, &New::of([(email, "import@corner.example".into())])).map(drop)
        });
        import.await.unwrap();
        for _ in 0..3 {
            world.pass_hours(40 * 24);
            world.lapse().await;
        }
        for name in ["writes", "proves", "helps", "import"] {
            assert!(!is_free(&world, &format!("{name}@corner.example")).await, "{name}");
        }
    });
}

/// Who asked for the link a moment ago finds what it proves.
#[test]
fn a_link_that_was_sent_again_is_waited_for() {
    with(Settings { verify: Verify::Later, unproven_days: 2, ..settings() }, async |world| {
        let mut ines = world.browser();
        world.sign_up(&mut ines, "ines@corner.example").await;
        assert_eq!(ines.post("/api/accounts/sign-out", json!({})).await.status, 204);
        world.letter("ines@corner.example").await;
        world.pass_hours(47);
        world.browser().post("/api/accounts/resend", json!({"email": "ines@corner.example"})).await;
        let token = world.letter("ines@corner.example").await.token();
        world.pass_hours(47);
        world.lapse().await;
        assert_eq!(world.browser().post("/api/accounts/verify", json!({"token": token})).await.status, 200);
    });
}
