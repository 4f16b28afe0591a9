//! What happened to others with what opens an account: links, sessions, rights, first passwords.

use futures_util::future::join_all;
use mains_database::dialect::Dialect;
use mains_server::keys::NewKey;
use mains_testkit::database::on;
use serde_json::json;

use super::guests::LINES;
use super::world::{Answer, Browser, World, settings};
use super::{on_both, on_both_in};

/// Sends one link from many browsers at once; how many it opened for. All others are told that it is dead.
async fn race(browsers: Vec<Browser<'_>>, path: &str, body: &serde_json::Value) -> usize {
    let sent = browsers.into_iter().map(|mut browser| {
        let body = body.clone();
        async move { browser.post(path, body).await }
    });
    let answers: Vec<Answer> = join_all(sent).await;
    let opened = answers.iter().filter(|answer| matches!(answer.status, 200 | 204)).count();
    let dead = answers.iter().filter(|answer| answer.code() == "accounts.dead_link").count();
    assert_eq!(opened + dead, answers.len(), "{answers:?}");
    opened
}

/// Supabase auth #2612: one code, exchanged by two at the same moment.
#[test]
fn a_link_opened_by_many_at_once() {
    on_both(async |world| {
        let crowd = || (0..6).map(|_| world.browser()).collect::<Vec<_>>();
        let mut new = world.browser();
        world.sign_up(&mut new, "new@corner.example").await;
        let token = world.letter("new@corner.example").await.token();
        assert_eq!(race(crowd(), "/api/accounts/verify", &json!({"token": token})).await, 1);

        let mut ines = world.account("ines@corner.example").await;
        ines.post("/api/accounts/forgot", json!({"email": "ines@corner.example"})).await;
        let token = world.letter("ines@corner.example").await.token();
        let body = json!({"token": token, "password": "other dry words"});
        assert_eq!(race(crowd(), "/api/accounts/reset", &body).await, 1);
        assert_eq!(ines.sign_in("ines@corner.example", "other dry words").await.status, 200);
        world.letters("ines@corner.example").await;

        ines.post("/api/accounts/me/change-email", json!({"email": "other@corner.example"})).await;
        let token = world.letter("other@corner.example").await.token();
        assert_eq!(race(crowd(), "/api/accounts/confirm-email", &json!({"token": token})).await, 1);
        assert_eq!(world.browser().sign_in("other@corner.example", "other dry words").await.status, 200);
    });
}

/// Supabase auth #2565: something delicate done with a session that was left open.
#[test]
fn a_session_left_open_changes_nothing_delicate() {
    on_both(async |world| {
        let mut ines = world.account("ines@corner.example").await;
        let mut thief = world.browser();
        thief.cookie.clone_from(&ines.cookie);
        world.pass_hours(1);
        for (command, sent) in [
            ("change-password", json!({"password": "thief knows this"})),
            ("change-email", json!({"email": "thief@corner.example"})),
            ("erase", json!({})),
        ] {
            let path = format!("/api/accounts/me/{command}");
            let without = thief.post(&path, sent.clone()).await;
            assert_eq!((without.status, without.code()), (403, "accounts.unproven"), "{command}");
            let mut guessed = sent.clone();
            guessed["current"] = json!("thief guesses this");
            let wrong = thief.post(&path, guessed).await;
            assert_eq!((wrong.status, wrong.code()), (403, "accounts.wrong_password"), "{command}");
        }
        assert!(world.letters("thief@corner.example").await.is_empty());
        let known = json!({"password": "other dry words", "current": "four wet words"});
        assert_eq!(ines.post("/api/accounts/me/change-password", known).await.status, 204);
    });
}

/// What is typed has to be right, however fresh the session is; a browser that fills it in says so by it.
#[test]
fn a_wrong_password_is_refused_right_after_signing_in() {
    on_both(async |world| {
        let mut ines = world.account("ines@corner.example").await;
        for (command, sent) in [
            ("change-password", json!({"password": "other dry words"})),
            ("change-email", json!({"email": "new@corner.example"})),
            ("erase", json!({})),
        ] {
            let mut wrong = sent.clone();
            wrong["current"] = json!("not my password");
            let refused = ines.post(&format!("/api/accounts/me/{command}"), wrong).await;
            assert_eq!((refused.status, refused.code()), (403, "accounts.wrong_password"), "{command}");
        }
        assert_eq!(ines.get("/api/accounts/me").await.json["status"], json!("active"));
        let empty = json!({"email": "new@corner.example", "current": ""});
        assert_eq!(ines.post("/api/accounts/me/change-email", empty).await.status, 202, "none is fine");
    });
}

/// A password that says the address again is refused wherever one is chosen.
#[test]
fn a_password_of_ones_own_address_is_refused() {
    on_both(async |world| {
        let mut ines = world.account("ines.maria@corner.example").await;
        let path = "/api/accounts/me/change-password";
        for weak in [
            "ines.maria@x.example",
            "Ines.Maria@corner.example",
            "ines.maria77",
            "Passw0rd!",
            "ｐａｓｓｗｏｒｄ",
        ] {
            let refused = ines.post(path, json!({"password": weak})).await;
            assert_eq!((refused.status, &refused.json["errors"][0]["code"]), (422, &json!("weak")), "{weak}");
        }
        ines.post("/api/accounts/forgot", json!({"email": "ines.maria@corner.example"})).await;
        let token = world.letter("ines.maria@corner.example").await.token();
        let weak = json!({"token": token, "password": "ines.maria@x.example"});
        assert_eq!(ines.post("/api/accounts/reset", weak).await.json["errors"][0]["code"], json!("weak"));
    });
}

/// Appwrite 1.9.10: a credential that makes one that is stronger or lasts longer.
#[test]
fn a_credential_that_makes_a_stronger_one() {
    on_both_in(&[("lines", LINES)], async |world| {
        let mut owner = world.owner().await;
        let mut ines = world.account("ines@corner.example").await;
        let mut jon = world.account("jon@corner.example").await;
        let (owners, mine, jons) = (owner.id().await, ines.id().await, jon.id().await);
        let give = |id: &str| format!("/api/accounts/{id}/set-roles");
        assert_eq!(owner.post(&give(&mine), json!({"rights": ["accounts"]})).await.status, 200);
        assert_eq!(ines.sign_in("ines@corner.example", "four wet words").await.status, 200);
        for (id, wish) in [
            (&mine, json!({"roles": ["staff"]})),
            (&mine, json!({"rights": ["accounts", "records"]})),
            (&jons, json!({"roles": ["staff"]})),
            (&jons, json!({"rights": ["records"]})),
            (&jons, json!({"roles": ["editor"]})),
            (&owners, json!({"roles": []})),
        ] {
            let refused = ines.post(&give(id), wish.clone()).await;
            assert_eq!(refused.status, 403, "{wish}: {}", refused.body);
        }
        // The same for a key of the site: it lends what it has, and nobody signs in by it.
        let new = NewKey { roles: vec!["editor".into()], ..NewKey::default() };
        let (_, key) = world.records.callers().create_key(new).await.unwrap();
        let mut program = world.browser();
        program.bearer = Some(key.expose().to_owned());
        let refused = program.post(&give(&jons), json!({"roles": ["staff"]})).await;
        assert!(matches!(refused.status, 403 | 404), "{}", refused.body);
        for path in ["/api/accounts/prove", "/api/account_sessions/revoke-others"] {
            let refused = program.post(path, json!({"password": "four wet words"})).await;
            assert!(refused.status >= 400 && program.cookie.is_none(), "{path}: {}", refused.body);
        }
        // A session lasts as long as it was given: proving it anew ends the one before, and makes none beside it.
        let before = jon.cookie.clone();
        assert_eq!(jon.post("/api/accounts/prove", json!({"password": "four wet words"})).await.status, 204);
        let mut old = world.browser();
        old.cookie = before;
        assert_eq!(old.get("/api/accounts/me").await.status, 404);
    });
}

/// Supabase self-hosted: secrets that are the same in every installation.
#[test]
fn two_fresh_sites_have_no_secret_in_common() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        on(dialect, async || {
            let mut told = Vec::new();
            for _ in 0..2 {
                let world = World::begin(dialect, settings()).await;
                let first = world.app.first_owner(&world.db, "owner@corner.example").await.unwrap();
                let password = first.expect("a password is drawn for the first owner").to_string();
                assert!(password.len() >= 20, "as long as nobody guesses");
                let mut owner = world.browser();
                assert_eq!(owner.sign_in("owner@corner.example", &password).await.status, 200);
                told.push((password, owner.cookie.unwrap(), world.rows("mains_secrets").await));
            }
            let (one, other) = (&told[0], &told[1]);
            assert!(one.0 != other.0 && one.1 != other.1);
            let words = |rows: &str| {
                rows.split('|').map(str::to_owned).filter(|cell| cell.len() > 12).collect::<Vec<_>>()
            };
            let secrets = words(&one.2);
            assert!(!secrets.is_empty(), "{}", one.2);
            assert!(secrets.iter().all(|secret| !words(&other.2).contains(secret)));
        });
    }
}
