//! Proving an address: who may go on with what was prepared, and who may not.

use mains_apps::accounts::{Settings, Verify};
use mains_database::dialect::Dialect;
use mains_testkit::database::on;
use serde_json::{Value, json};

use super::guests::LINES;
use super::world::{Browser, World, settings};
use super::{NAMED, on_both, on_both_in};

const EMAIL: &str = "ines@corner.example";
const UP: &str = "/api/accounts/sign-up";
const VERIFY: &str = "/api/accounts/verify";
const CHANGE: &str = "/api/accounts/me/change-password";

/// Runs a test on both databases, whether addresses are verified first or later.
fn either_way(test: impl AsyncFn(World) + Sync) {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        for verify in [Verify::Required, Verify::Later] {
            on(dialect, async || {
                test(World::with(dialect, Settings { verify, ..settings() }, &[("lines", LINES)]).await)
                    .await;
            });
        }
    }
}

async fn open_link(world: &World, browser: &mut Browser<'_>) -> Value {
    let token = world.letter(EMAIL).await.token();
    let answer = browser.post(VERIFY, json!({"token": token})).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json
}

#[test]
fn the_browser_that_signed_up_goes_on() {
    either_way(async |world| {
        let mut ines = world.browser();
        world.sign_up(&mut ines, EMAIL).await;
        let me = open_link(&world, &mut ines).await;
        assert_eq!((&me["verified"], &me["has_password"]), (&json!(true), &json!(true)));
        assert_eq!(world.browser().sign_in(EMAIL, "four wet words").await.status, 200);
    });
}

/// The person may have signed up on a desktop and read mail on a phone, or somebody else prepared the account.
#[test]
fn another_browser_is_asked_for_a_password() {
    either_way(async |world| {
        let (mut desktop, mut phone) = (world.browser(), world.browser());
        world.sign_up(&mut desktop, EMAIL).await;
        let me = open_link(&world, &mut phone).await;
        assert_eq!((&me["verified"], &me["has_password"]), (&json!(true), &json!(false)));
        let page = phone.get("/account?done=verified").await;
        assert!(page.body.contains("Choose a password"), "{}", page.body);
        assert!(!page.body.contains("Current password"), "there is none to type");
        assert_eq!(phone.post(CHANGE, json!({"password": "chosen on a phone"})).await.status, 204);
        assert_eq!(phone.get("/api/accounts/me").await.json["has_password"], json!(true));
        assert!(!phone.get("/account").await.body.contains("Choose a password"));
        assert_eq!(desktop.sign_in(EMAIL, "chosen on a phone").await.status, 200);
    });
}

/// The victim clicks a letter that they did not ask for, and nothing else.
#[test]
fn one_click_gives_nothing_to_who_prepared_the_account() {
    either_way(async |world| {
        let (mut attacker, mut victim) = (world.browser(), world.browser());
        attacker.post("/api/lines", json!({"thing": "bread"})).await;
        let prepared = json!({"email": EMAIL, "password": "attacker knows this"});
        assert_eq!(attacker.post(UP, prepared.clone()).await.status, 202);
        open_link(&world, &mut victim).await;
        let id = victim.id().await;
        assert_eq!(attacker.get("/api/accounts/me").await.status, 404, "the session ended");
        assert_ne!(attacker.patch("/api/accounts/me", json!({"name": "x"})).await.status, 200);
        assert_ne!(attacker.patch(&format!("/api/accounts/{id}"), json!({"name": "x"})).await.status, 200);
        assert_eq!(attacker.sign_in(EMAIL, "attacker knows this").await.code(), "accounts.mismatch");
        attacker.post(UP, prepared).await;
        assert_eq!(attacker.sign_in(EMAIL, "attacker knows this").await.code(), "accounts.mismatch");
        assert_eq!(victim.get("/api/accounts/me").await.json["email"], json!(EMAIL));
    });
}

/// A guest signs up in one browser and opens the link in another: what the first still holds is worth nothing.
#[test]
fn a_guest_whose_account_was_proven_elsewhere() {
    either_way(async |world| {
        let (mut left, mut phone) = (world.browser(), world.browser());
        left.post("/api/lines", json!({"thing": "bread"})).await;
        let guest = left.cookie.clone();
        world.sign_up(&mut left, EMAIL).await;
        let mut copy = world.browser();
        copy.cookie = guest;
        open_link(&world, &mut phone).await;
        assert_eq!(phone.get("/api/lines").await.json["items"][0]["thing"], json!("bread"));
        for (number, old) in [&mut left, &mut copy].into_iter().enumerate() {
            assert_eq!(old.get("/api/accounts/me").await.status, 404);
            let other = format!("other{number}@corner.example");
            let again = json!({"email": other, "password": "attacker knows this"});
            assert_eq!(old.post(UP, again).await.status, 202, "as anybody may, with an account of its own");
        }
        assert_eq!(phone.get("/api/accounts/me").await.json["email"], json!(EMAIL));
        let mut attacker = world.browser();
        assert_eq!(attacker.sign_in(EMAIL, "attacker knows this").await.code(), "accounts.mismatch");
        assert_eq!(attacker.sign_in(EMAIL, "four wet words").await.code(), "accounts.mismatch");
    });
}

/// Somebody signs up after an attacker did, or before: in their own browser every letter leads to what they sent.
#[test]
fn whoever_signed_up_here_gets_what_they_sent_here() {
    on_both_in(&[("accounts", NAMED)], async |world| {
        for attacker_first in [true, false] {
            let email = format!("victim{attacker_first}@corner.example");
            let (mut victim, mut attacker) = (world.browser(), world.browser());
            let own = json!({"email": email, "password": "only victim knows", "username": format!("v{attacker_first}")});
            let bad = json!({"email": email, "password": "attacker knows this", "username": format!("a{attacker_first}")});
            let (first, second) = if attacker_first {
                ((&mut attacker, &bad), (&mut victim, &own))
            } else {
                ((&mut victim, &own), (&mut attacker, &bad))
            };
            assert_eq!(first.0.post(UP, first.1.clone()).await.status, 202);
            let one = world.letter(&email).await.token();
            world.pass_hours(1);
            assert_eq!(second.0.post(UP, second.1.clone()).await.status, 202);
            world.letter(&email).await;
            let me = victim.post(VERIFY, json!({"token": one})).await;
            assert_eq!(me.json["username"], own["username"], "{}", me.body);
            assert_eq!(victim.sign_in(&email, "only victim knows").await.status, 200);
            assert_eq!(attacker.sign_in(&email, "attacker knows this").await.code(), "accounts.mismatch");
        }
    });
}

#[test]
fn other_devices_hear_that_the_address_is_proven() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        on(dialect, async || {
            let proven = r#"
prefix = "thing"
[fields.name]
type = "text"
[rules]
create = 'auth.verified'
"#;
            let world =
                World::with(dialect, Settings { verify: Verify::Later, ..settings() }, &[("things", proven)])
                    .await;
            let (mut here, mut phone) = (world.browser(), world.browser());
            world.sign_up(&mut here, EMAIL).await;
            phone.sign_in(EMAIL, "four wet words").await;
            assert_eq!(phone.post("/api/things", json!({"name": "x"})).await.status, 403);
            open_link(&world, &mut here).await;
            assert_eq!(phone.post("/api/things", json!({"name": "x"})).await.status, 201);
        });
    }
}

/// What differs between a known and an unknown address must not show in what others may read or take either.
#[test]
fn a_sign_up_leaves_the_same_behind_for_known_and_unknown_addresses() {
    on_both_in(&[("accounts", NAMED), ("lines", LINES)], async |world| {
        world.account("known@corner.example").await;
        let watch = async |email: &str, name: &str, guest: bool| {
            let mut attacker = world.browser();
            if guest {
                attacker.post("/api/lines", json!({"thing": "bread"})).await;
            }
            let before = world.browser().get("/api/accounts?sort=-created").await.json["items"].clone();
            let body = json!({"email": email, "password": "attacker knows this", "username": name});
            let up = attacker.post(UP, body.clone()).await;
            let mut other = world.browser();
            let by_name = other.get(&format!("/api/accounts/username={name}")).await.status;
            let after = other.get("/api/accounts?sort=-created").await.json["items"].clone();
            let again = other
                .post(
                    UP,
                    json!({"email": "x@corner.example", "password": "attacker knows this", "username": name}),
                )
                .await;
            let own = attacker.get("/api/accounts/me").await;
            let own = (
                own.status,
                own.json["kind"].clone(),
                own.json["email"].clone(),
                own.json["has_password"].clone(),
            );
            (
                up.status,
                attacker.mark.is_some(),
                attacker.cookie.is_some(),
                by_name,
                before == after,
                again.status,
                again.code().to_owned(),
                own,
            )
        };
        for guest in [false, true] {
            let known = watch("known@corner.example", &format!("one{guest}"), guest).await;
            let unknown =
                watch(&format!("unknown{guest}@corner.example"), &format!("two{guest}"), guest).await;
            assert_eq!(known, unknown);
            assert_eq!((known.0, known.3, known.4, known.5), (202, 404, true, 409), "{known:?}");
        }
    });
}

#[test]
fn an_account_is_seen_by_others_once_it_is_proven() {
    on_both_in(&[("accounts", NAMED)], async |world| {
        let mut ines = world.browser();
        let body = json!({"email": EMAIL, "password": "four wet words", "username": "ines"});
        assert_eq!(ines.post(UP, body).await.status, 202);
        let mut owner = world.owner().await;
        let mut other = world.browser();
        assert_eq!(other.get("/api/accounts/username=ines").await.status, 404);
        assert_eq!(owner.get("/api/accounts/username=ines").await.status, 200, "staff sees it");
        open_link(&world, &mut ines).await;
        assert_eq!(other.get("/api/accounts/username=ines").await.status, 200);
    });
}

/// Forgetting the password before the address is proven leads to the same link.
#[test]
fn a_forgotten_password_of_an_unproven_address() {
    on_both(async |world| {
        let mut ines = world.browser();
        world.sign_up(&mut ines, EMAIL).await;
        world.letter(EMAIL).await;
        let mut phone = world.browser();
        phone.post("/api/accounts/forgot", json!({"email": EMAIL})).await;
        let letter = world.letter(EMAIL).await;
        assert_eq!(letter.template, "verify");
        assert_eq!(
            phone.post(VERIFY, json!({"token": letter.token()})).await.json["has_password"],
            json!(false)
        );
    });
}

/// Claims are let go after a week, those of known addresses like those of unknown ones.
#[test]
fn what_nobody_proved_is_free_again() {
    on_both_in(&[("accounts", NAMED)], async |world| {
        world.account("known@corner.example").await;
        let up =
            |email: &str, name: &str| json!({"email": email, "password": "four wet words", "username": name});
        for (email, name) in [("known@corner.example", "one"), (EMAIL, "two")] {
            assert_eq!(world.browser().post(UP, up(email, name)).await.status, 202);
            assert_eq!(world.browser().post(UP, up("other@corner.example", name)).await.status, 409);
        }
        world.letter(EMAIL).await;
        world.pass_hours(7 * 24 - 1);
        world.lapse().await;
        assert_eq!(world.browser().post(UP, up("other@corner.example", "one")).await.status, 409, "not yet");
        world.pass_hours(2);
        world.lapse().await;
        world.browser().post("/api/accounts/resend", json!({"email": EMAIL})).await;
        assert!(world.letters(EMAIL).await.is_empty(), "there is nothing to prove any more");
        for name in ["one", "two"] {
            let free = world.browser().post(UP, up(&format!("{name}@corner.example"), name)).await;
            assert_eq!(free.status, 202, "{name}");
        }
        assert_eq!(world.browser().sign_in("known@corner.example", "four wet words").await.status, 200);
    });
}
