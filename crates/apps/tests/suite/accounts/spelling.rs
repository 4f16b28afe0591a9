//! Two spellings of one address, and addresses that merely look alike.

use mains_base::Value;
use mains_database::dialect::Dialect;
use mains_database::write::New;
use mains_testkit::database::on;
use serde_json::json;

use super::guests::LINES;
use super::world::{World, settings, token_in};
use super::{Verify, on_both, on_both_in};

const UP: &str = "/api/accounts/sign-up";

/// `ß` folds to `ss`, and is another domain: whoever reads it is a stranger.
#[test]
fn a_look_alike_domain_gets_nothing_of_a_sign_up() {
    on_both_in(&[("lines", LINES)], async |world| {
        let (mut victim, mut stranger) = (world.browser(), world.browser());
        victim.post("/api/lines", json!({"thing": "secret"})).await;
        world.sign_up(&mut victim, "vic@boss.example").await;
        let own = world.letter("vic@boss.example").await.token();
        for path in ["/api/accounts/resend", "/api/accounts/forgot"] {
            assert_eq!(stranger.post(path, json!({"email": "vic@boß.example"})).await.status, 202);
        }
        for spelled in ["vic@boß.example", "vic@xn--bo-hia.example", "vic@boss.example"] {
            assert!(world.letters(spelled).await.is_empty(), "{spelled}");
        }
        assert_eq!(victim.post("/api/accounts/verify", json!({"token": own})).await.status, 200);
        world.pass_hours(1);
        stranger.post("/api/accounts/forgot", json!({"email": "vic@boß.example"})).await;
        for spelled in ["vic@boß.example", "vic@xn--bo-hia.example", "vic@boss.example"] {
            assert!(world.letters(spelled).await.is_empty(), "nobody learns that there is an account");
        }
    });
}

#[test]
fn a_look_alike_domain_gets_nothing_where_addresses_are_verified_later() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        on(dialect, async || {
            let world = World::begin(dialect, super::Settings { verify: Verify::Later, ..settings() }).await;
            let (mut victim, mut stranger) = (world.browser(), world.browser());
            world.sign_up(&mut victim, "vic@boss.example").await;
            world.letter("vic@boss.example").await;
            world.pass_hours(1);
            stranger.post("/api/accounts/resend", json!({"email": "vic@boß.example"})).await;
            assert!(world.letters("vic@xn--bo-hia.example").await.is_empty());
            let up = json!({"email": "VIC@boss.example", "password": "four wet words"});
            assert_eq!(stranger.post(UP, up).await.code(), "accounts.email_taken");
            let up = json!({"email": "vic@boß.example", "password": "four wet words"});
            assert_eq!(stranger.post(UP, up).await.status, 202, "an address of its own");
            assert_eq!(stranger.get("/api/accounts/me").await.json["email"], json!("vic@xn--bo-hia.example"));
        });
    }
}

/// In front of the @ letters that are not ASCII are refused, in words; the Kelvin sign, which folds to `k`, in a row too.
#[test]
fn letters_that_mail_does_not_carry_are_refused() {
    on_both(async |world| {
        let mut kim = world.browser();
        for path in ["sign-up", "sign-in", "resend", "forgot"] {
            let body = json!({"email": "\u{FB01}n@corner.example", "password": "four wet words"});
            let body = if path.starts_with("sign") { body } else { json!({"email": body["email"]}) };
            let refused = kim.post(&format!("/api/accounts/{path}"), body).await;
            assert_eq!(refused.status, 422, "{path}");
            assert_eq!(refused.json["errors"][0]["pointer"], json!("/email"), "{path}: {}", refused.body);
        }
        let put = world.db.write(&[], |tx| {
            let schema = tx.schema();
            let accounts = schema.find("accounts").unwrap();
            let email = accounts.find("email").unwrap().id;
            let new = New::of([(email, Value::from("\u{212A}im@corner.example"))]);
            tx.insert(accounts.id, &new).map(drop)
        });
        let put = put.await;
        assert_eq!(put.unwrap_err().fields()[0].pointer, "/email", "whoever writes it");
    });
}

#[test]
fn a_domain_of_another_alphabet_is_written_as_mail_has_it() {
    on_both(async |world| {
        let mut ines = world.browser();
        world.sign_up(&mut ines, "ines@bücher.example").await;
        let token = world.letter("ines@xn--bcher-kva.example").await.token();
        assert_eq!(ines.post("/api/accounts/verify", json!({"token": token})).await.status, 200);
        for spelled in ["ines@BÜCHER.example", "Ines@xn--bcher-kva.example"] {
            assert_eq!(world.browser().sign_in(spelled, "four wet words").await.status, 200, "{spelled}");
        }
    });
}

/// Who types the address in other cases is the same; letters go to the spelling that is stored.
#[test]
fn a_link_opens_whatever_case_was_typed() {
    on_both(async |world| {
        let mut ines = world.account("Ines@Corner.example").await;
        let mut lost = world.browser();
        lost.post("/api/accounts/forgot", json!({"email": "ines@corner.example"})).await;
        assert!(world.letters("ines@corner.example").await.is_empty());
        let token = world.letter("Ines@Corner.example").await.token();
        let reset =
            lost.post("/api/accounts/reset", json!({"token": token, "password": "other dry words"})).await;
        assert_eq!((reset.status, &reset.json["email"]), (200, &json!("Ines@Corner.example")));
        assert_eq!(ines.sign_in("INES@corner.example", "other dry words").await.status, 200);
        let link = world.app.reset_link(&world.db, "ines@corner.EXAMPLE").await.unwrap();
        let token = token_in(&link);
        let reset =
            lost.post("/api/accounts/reset", json!({"token": token, "password": "third set of words"})).await;
        assert_eq!(reset.status, 200, "{}", reset.body);
    });
}

#[test]
fn a_letter_goes_to_the_spelling_that_was_claimed() {
    on_both(async |world| {
        let mut ines = world.browser();
        world.sign_up(&mut ines, "Ines@corner.example").await;
        world.letter("Ines@corner.example").await;
        ines.post("/api/accounts/resend", json!({"email": "ines@CORNER.example"})).await;
        assert!(world.letters("ines@CORNER.example").await.is_empty());
        let token = world.letter("Ines@corner.example").await.token();
        assert_eq!(ines.post("/api/accounts/verify", json!({"token": token})).await.status, 200);
    });
}
