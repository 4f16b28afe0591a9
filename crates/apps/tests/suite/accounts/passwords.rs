//! Passwords forgotten, reset and changed; addresses are in their own module.

use mains_database::write::Changes;
use serde_json::json;

use super::on_both;

#[test]
fn a_forgotten_password_is_reset_by_mail() {
    on_both(async |world| {
        let mut ines = world.account("ines@corner.example").await;
        let mut lost = world.browser();
        assert_eq!(
            lost.post("/api/accounts/forgot", json!({"email": "ines@corner.example"})).await.status,
            202
        );
        let letter = world.letter("ines@corner.example").await;
        assert_eq!(letter.template, "reset");
        let reset = lost
            .post("/api/accounts/reset", json!({"token": letter.token(), "password": "other dry words"}))
            .await;
        assert_eq!(reset.status, 200);
        assert_eq!(lost.get("/api/accounts/me").await.status, 200, "signed in");
        assert_eq!(ines.get("/api/accounts/me").await.status, 404, "everybody else is out");
        assert_eq!(world.letter("ines@corner.example").await.template, "password_changed");
        let again = lost
            .post("/api/accounts/reset", json!({"token": letter.token(), "password": "third set of words"}))
            .await;
        assert_eq!(again.code(), "accounts.dead_link");
        assert_eq!(ines.sign_in("ines@corner.example", "four wet words").await.status, 401);
        assert_eq!(ines.sign_in("ines@corner.example", "other dry words").await.status, 200);
    });
}

#[test]
fn a_password_is_changed_by_who_knows_it() {
    on_both(async |world| {
        let mut ines = world.account("ines@corner.example").await;
        let mut phone = world.browser();
        assert_eq!(phone.sign_in("ines@corner.example", "four wet words").await.status, 200);
        world.pass_hours(1);
        let path = "/api/accounts/me/change-password";
        let unproven = ines.post(path, json!({"password": "other dry words"})).await;
        assert_eq!((unproven.status, unproven.code()), (403, "accounts.unproven"));
        let wrong = ines.post(path, json!({"current": "not my words", "password": "other dry words"})).await;
        assert_eq!((wrong.status, wrong.code()), (403, "accounts.wrong_password"));
        let before = ines.cookie.clone();
        let done = ines.post(path, json!({"current": "four wet words", "password": "other dry words"})).await;
        assert_eq!(done.status, 204);
        assert_ne!(ines.cookie, before, "the session is a new one");
        assert_eq!(ines.get("/api/accounts/me").await.status, 200);
        assert_eq!(phone.get("/api/accounts/me").await.status, 404, "the other one is out");
        assert_eq!(phone.sign_in("ines@corner.example", "four wet words").await.status, 401);
        // Fresh from a password, the next delicate thing needs none.
        assert_eq!(ines.post(path, json!({"password": "third set of words"})).await.status, 204);
    });
}

#[test]
fn proving_the_password_renews_the_session() {
    on_both(async |world| {
        let mut ines = world.account("ines@corner.example").await;
        world.pass_hours(1);
        let wrong = ines.post("/api/accounts/prove", json!({"password": "not my words"})).await;
        assert_eq!(wrong.code(), "accounts.wrong_password");
        let before = ines.cookie.clone();
        assert_eq!(ines.post("/api/accounts/prove", json!({"password": "four wet words"})).await.status, 204);
        assert_ne!(ines.cookie, before);
        let path = "/api/accounts/me/change-password";
        assert_eq!(ines.post(path, json!({"password": "other dry words"})).await.status, 204);
        assert_eq!(world.browser().post("/api/accounts/prove", json!({"password": "x"})).await.status, 401);
    });
}

#[test]
fn links_die_with_the_password() {
    on_both(async |world| {
        let mut ines = world.account("ines@corner.example").await;
        ines.post("/api/accounts/forgot", json!({"email": "ines@corner.example"})).await;
        let link = world.letter("ines@corner.example").await.token();
        let path = "/api/accounts/me/change-password";
        assert_eq!(ines.post(path, json!({"password": "other dry words"})).await.status, 204);
        let dead =
            ines.post("/api/accounts/reset", json!({"token": link, "password": "third set of words"})).await;
        assert_eq!(dead.code(), "accounts.dead_link");
    });
}

/// argon2id of "four wet words" with 64 KiB and one pass.
const OLD: &str =
    "$argon2id$v=19$m=64,t=1,p=1$c2l4dGVlbiBieXRlcyBvaw$wKXgdQetmlNWCrnQw9LL4enwkZaIUevZhnM//98MkYc";

/// A hash with other parameters (an older release, another program) is replaced at the next sign-in.
#[test]
fn an_older_hash_is_replaced_when_somebody_signs_in() {
    on_both(async |world| {
        let mut ines = world.account("ines@corner.example").await;
        let store = world.db.write(&[], move |tx| {
            tx.execute_later("UPDATE account_secrets SET password = $1", &[OLD.into()])
        });
        store.await.unwrap();
        let forget = world.db.write(&[], |tx| {
            let schema = tx.schema();
            let accounts = schema.find("accounts").unwrap();
            let (id, has) =
                (tx.images(accounts.id, "", &[])?[0].id(), accounts.find("has_password").unwrap().id);
            tx.update(accounts.id, id, &Changes::of([(has, mains_base::Value::Null)])).map(drop)
        });
        forget.await.unwrap();
        assert_eq!(ines.sign_in("ines@corner.example", "not my words").await.status, 401);
        assert!(world.rows("account_secrets").await.contains(OLD), "a wrong password changes nothing");
        let back = ines.sign_in("ines@corner.example", "four wet words").await;
        assert_eq!((back.status, &back.json["has_password"]), (200, &json!(true)));
        let rows = world.rows("account_secrets").await;
        assert!(!rows.contains(OLD) && rows.contains("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_eq!(ines.sign_in("ines@corner.example", "four wet words").await.status, 200);
    });
}
