//! What stands in letters, and whether their links open.

use serde_json::json;

use super::guests::LINES;
use super::world::World;
use super::{on_both, on_both_in};

const UP: &str = "/api/accounts/sign-up";
const VERIFY: &str = "/api/accounts/verify";
const EMAIL: &str = "ines@corner.example";

async fn of(world: &World, email: &str, template: &str) -> String {
    let letter = world.letters(email).await.into_iter().find(|letter| letter.template == template);
    let letter = letter.unwrap_or_else(|| panic!("no {template} to {email}"));
    letter.text + &letter.html.unwrap_or_default()
}

/// Whoever signs up writes the name, and anybody may be the one who reads the letter.
#[test]
fn no_name_stands_in_a_letter_to_an_unproven_address() {
    on_both(async |world| {
        let mut ines = world.browser();
        let name = "Call 555-0199 now";
        let lines =
            json!({"email": EMAIL, "password": "four wet words", "name": "Ines\nhttps://evil.example"});
        let refused = ines.post(UP, lines).await;
        assert_eq!((refused.status, &refused.json["errors"][0]["pointer"]), (422, &json!("/name")));
        ines.post(UP, json!({"email": EMAIL, "password": "four wet words", "name": name})).await;
        let letter = world.letter(EMAIL).await;
        assert!(
            !letter.text.contains(name) && !letter.html.clone().unwrap().contains(name),
            "{}",
            letter.text
        );
        assert_eq!(ines.post(VERIFY, json!({"token": letter.token()})).await.status, 200);
        assert_eq!(ines.patch("/api/accounts/me", json!({"name": "two\u{2028}lines"})).await.status, 422);
        ines.post("/api/accounts/me/change-email", json!({"email": "jon@corner.example"})).await;
        assert!(!of(&world, "jon@corner.example", "change_email").await.contains(name));
        assert!(of(&world, EMAIL, "email_asked").await.contains(name), "to the proven one it is a greeting");
        world.browser().post("/api/accounts/forgot", json!({"email": EMAIL})).await;
        assert!(of(&world, EMAIL, "reset").await.contains(name));
    });
}

/// A double click, or a form sent again: the one letter opens, for guests and for who is nobody yet.
#[test]
fn who_signs_up_twice_in_a_minute_gets_a_link_that_opens() {
    on_both_in(&[("lines", LINES)], async |world| {
        for (number, guest) in [true, false].into_iter().enumerate() {
            for work_between in [true, false] {
                let email = format!("twice{number}{work_between}@corner.example");
                let mut ines = world.browser();
                if guest {
                    ines.post("/api/lines", json!({"thing": "bread"})).await;
                }
                let mut tokens = Vec::new();
                for password in ["typed the first time", "typed the second time"] {
                    assert_eq!(
                        ines.post(UP, json!({"email": email, "password": password})).await.status,
                        202
                    );
                    if work_between {
                        tokens.extend(world.letters(&email).await.iter().map(super::world::Letter::token));
                    }
                }
                tokens.extend(world.letters(&email).await.iter().map(super::world::Letter::token));
                assert_eq!(tokens.len(), 1, "one letter a minute");
                let me = ines.post(VERIFY, json!({"token": tokens[0]})).await;
                assert_eq!(
                    (me.status, &me.json["has_password"]),
                    (200, &json!(true)),
                    "{email}: {}",
                    me.body
                );
                assert_eq!(world.browser().sign_in(&email, "typed the second time").await.status, 200);
            }
        }
    });
}

/// Who signs up with another address has the first one no more.
#[test]
fn a_link_dies_with_the_claim_of_another_address() {
    on_both_in(&[("lines", LINES)], async |world| {
        let mut ines = world.browser();
        ines.post("/api/lines", json!({"thing": "bread"})).await;
        world.sign_up(&mut ines, "mistyped@corner.example").await;
        let old = world.letter("mistyped@corner.example").await.token();
        world.sign_up(&mut ines, EMAIL).await;
        let stranger = world.browser().post(VERIFY, json!({"token": old})).await;
        assert_eq!(stranger.code(), "accounts.dead_link");
        let token = world.letter(EMAIL).await.token();
        assert_eq!(ines.post(VERIFY, json!({"token": token})).await.status, 200);
    });
}

/// Somebody prepared the address with a profile, the victim signed up too and opens the letter on a phone.
#[test]
fn of_several_who_claim_an_address_nobody_gives_it_their_profile_elsewhere() {
    on_both_in(&[("lines", LINES)], async |world| {
        for attacker_first in [true, false] {
            let email = format!("vic{attacker_first}@corner.example");
            let (mut attacker, mut victim, mut phone) = (world.browser(), world.browser(), world.browser());
            attacker.post("/api/lines", json!({"thing": "evil"})).await;
            victim.post("/api/lines", json!({"thing": "good"})).await;
            let evil = json!({"email": email, "password": "attacker knows this", "name": "Evil"});
            let good = json!({"email": email, "password": "victim knows this", "name": "Good"});
            if attacker_first {
                attacker.post(UP, evil).await;
                victim.post(UP, good).await;
            } else {
                victim.post(UP, good).await;
                attacker.post(UP, evil).await;
            }
            let token = world.letter(&email).await.token();
            let me = phone.post(VERIFY, json!({"token": token})).await;
            assert_eq!(
                (me.status, &me.json["name"], &me.json["has_password"]),
                (200, &json!(null), &json!(false))
            );
            assert_eq!(phone.get("/api/lines").await.json["items"], json!([]));
            let choose = json!({"password": "chosen on the phone"});
            assert_eq!(phone.post("/api/accounts/me/change-password", choose).await.status, 204);
            assert_eq!(attacker.sign_in(&email, "attacker knows this").await.code(), "accounts.mismatch");
            assert_eq!(victim.sign_in(&email, "chosen on the phone").await.status, 200);
            let lines = victim.get("/api/lines").await.json["items"].clone();
            assert_eq!(
                (lines.as_array().unwrap().len(), &lines[0]["thing"]),
                (1, &json!("good")),
                "hers come along"
            );
        }
    });
}

/// A link of an attacker's own account: the page that opens it names whose it is, and cannot be made to name another.
#[test]
fn a_page_names_the_address_that_a_link_opens() {
    on_both_in(&[("lines", LINES)], async |world| {
        let (mut attacker, mut victim) = (world.browser(), world.browser());
        world.sign_up(&mut attacker, "attacker+1@corner.example").await;
        let letter = world.letter("attacker+1@corner.example").await;
        let token = letter.token();
        assert!(letter.text.contains("&email=attacker%2B1%40corner.example"), "{}", letter.text);
        victim.post("/api/lines", json!({"thing": "secret"})).await;
        let page = victim.get(&format!("/verify?token={token}&email=attacker%2B1%40corner.example")).await;
        assert!(page.body.contains("<b>attacker+1@corner.example</b>"), "{}", page.body);
        assert!(page.body.contains("What you left here as a guest goes to it."), "{}", page.body);
        for cut in ["", "&email="] {
            for way in ["/verify", "/reset", "/account/email-back"] {
                let page = victim.get(&format!("{way}?token={token}{cut}")).await.body;
                let field = "id=\"email\" name=\"email\" required";
                assert!(page.contains(field) && !page.contains("novalidate"), "it is typed then: {page}");
            }
        }
        for other in ["victim@corner.example", "attacker@corner.example"] {
            let dead = victim.post(VERIFY, json!({"token": token, "email": other})).await;
            assert_eq!(dead.code(), "accounts.dead_link", "{other}");
        }
        let right = json!({"token": token, "email": "Attacker+1@corner.example"});
        assert_eq!(attacker.post(VERIFY, right).await.status, 200);
        attacker.post("/api/accounts/forgot", json!({"email": "attacker+1@corner.example"})).await;
        let token = world.letter("attacker+1@corner.example").await.token();
        let page = victim.get(&format!("/reset?token={token}&email=attacker%2B1%40corner.example")).await;
        assert!(page.body.contains("<b>attacker+1@corner.example</b>"), "{}", page.body);
        let wrong = json!({"token": token, "email": "victim@corner.example", "password": "other dry words"});
        assert_eq!(victim.post("/api/accounts/reset", wrong).await.code(), "accounts.dead_link");
    });
}

/// An address that holds a key is kept by nobody.
#[test]
fn a_page_with_a_link_in_its_address_is_not_stored() {
    on_both(async |world| {
        for (path, wanted) in [
            ("/verify?token=x&email=ines%40corner.example", "private, no-store"),
            ("/reset?token=x", "private, no-store"),
            ("/reset", "no-cache"),
        ] {
            assert_eq!(world.browser().get(path).await.caching.as_deref(), Some(wanted), "{path}");
        }
    });
}
