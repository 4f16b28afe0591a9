//! What happened to others, tried here. Each test is an incident of the field; none may succeed.
//!
//! | incident | test |
//! | --- | --- |
//! | PocketBase CVE-2024-38351, CVE-2026-44166: unproven accounts | `pre_hijacking_an_address`, `pre_hijacking_by_signing_up_last`, `proving` |
//! | PocketBase CVE-2026-82410: a panic in a worker | `passwords::a_panic_on_the_thread_fails_one_answer_and_no_other` |
//! | PocketBase #4417, #5863, Directus CVE-2026-35442: oracles | `doors::fields_guessed_by_filter_sort_aggregate_and_expand` |
//! | PocketBase v0.37.4: users told by time | `timing` |
//! | PocketBase v0.38.1: streams that outlive a password | `live::streams_end_with_their_session` |
//! | Supabase GHSA-3529-5m8x-rpv3: a forged host | `a_forged_host_in_a_letter` |
//! | Supabase #2612, #2483: one code used twice, or for another flow | `credentials::a_link_opened_by_many_at_once`, `a_link_for_another_purpose` |
//! | Supabase #2642, Directus GHSA-56p6-qw3c-fq2g: suspended users | `a_suspended_account_with_a_session` |
//! | Supabase #2565: delicate changes without a proof | `credentials::a_session_left_open_changes_nothing_delicate` |
//! | Supabase 2.196: links that outlive an address | `a_link_that_outlives_its_address` |
//! | Supabase self-hosted: default secrets | `credentials::two_fresh_sites_have_no_secret_in_common` |
//! | Directus CVE-2024-54151: a door without rules | `doors::the_same_rules_at_every_door` |
//! | Appwrite 1.9.10: keys that make broader keys | `credentials::a_credential_that_makes_a_stronger_one` |
//! | Strapi CVE-2025-64526: limits whose key the client chooses | `a_limit_dodged_by_other_addresses_accounts_and_guests` |
//!
//! What concerns sign-in by others (Supabase CVE-2026-31813, PocketBase v0.36.9) and files waits for those parts.

use serde_json::json;

use super::on_both;
use super::world::Browser;

/// PocketBase CVE-2024-38351 and CVE-2026-44166: an account prepared in another's name, entered by who prepared it.
#[test]
fn pre_hijacking_an_address() {
    on_both(async |world| {
        let email = "victim@corner.example";
        let mut attacker = world.browser();
        let body = json!({"email": email, "password": "attacker knows this"});
        attacker.post("/api/accounts/sign-up", body).await;
        let first = world.letter(email).await.token();
        let mut victim = world.browser();
        world.pass_hours(1);
        world.sign_up(&mut victim, email).await;
        let second = world.letter(email).await.token();
        assert_eq!(victim.post("/api/accounts/verify", json!({"token": second})).await.status, 200);
        let dead = victim.post("/api/accounts/verify", json!({"token": first})).await;
        assert_eq!(dead.code(), "accounts.dead_link", "the attacker's letter opens nothing any more");
        assert_eq!(attacker.sign_in(email, "attacker knows this").await.code(), "accounts.mismatch");
        let path = "/api/accounts/me/change-password";
        assert_eq!(victim.post(path, json!({"password": "only victim knows"})).await.status, 204);
        assert_eq!(attacker.sign_in(email, "attacker knows this").await.code(), "accounts.mismatch");
        assert_eq!(victim.sign_in(email, "only victim knows").await.status, 200);
    });
}

/// The same after the victim's sign-up: the attacker's comes last and still wins nothing.
#[test]
fn pre_hijacking_by_signing_up_last() {
    on_both(async |world| {
        let email = "victim@corner.example";
        let (mut victim, mut attacker) = (world.browser(), world.browser());
        world.sign_up(&mut victim, email).await;
        world.letter(email).await;
        world.pass_hours(1);
        attacker
            .post("/api/accounts/sign-up", json!({"email": email, "password": "attacker knows this"}))
            .await;
        let last = world.letter(email).await.token();
        assert_eq!(victim.post("/api/accounts/verify", json!({"token": last})).await.status, 200);
        assert_eq!(attacker.sign_in(email, "attacker knows this").await.code(), "accounts.mismatch");
    });
}

/// Supabase GHSA-3529-5m8x-rpv3: a forged host in the links of letters.
#[test]
fn a_forged_host_in_a_letter() {
    on_both(async |world| {
        world.account("ines@corner.example").await;
        let mut attacker = world.browser();
        attacker.headers = vec![
            ("host", "evil.example"),
            ("x-forwarded-host", "evil.example"),
            ("forwarded", "host=evil.example"),
        ];
        attacker.post("/api/accounts/forgot", json!({"email": "ines@corner.example"})).await;
        let letter = world.letter("ines@corner.example").await;
        assert!(!letter.text.contains("evil") && !letter.html.unwrap().contains("evil"));
        assert!(letter.text.contains("https://corner.example/reset?token="));
    });
}

/// Directus GHSA-56p6-qw3c-fq2g, Supabase #2642: a suspended account whose session goes on.
#[test]
fn a_suspended_account_with_a_session() {
    on_both(async |world| {
        let mut owner = world.owner().await;
        let mut ines = world.account("ines@corner.example").await;
        let id = ines.id().await;
        owner.post(&format!("/api/accounts/{id}/deactivate"), json!({})).await;
        assert_eq!(ines.get("/api/accounts/me").await.status, 404);
        assert_eq!(ines.patch("/api/accounts/me", json!({"name": "x"})).await.status, 404);
    });
}

/// Strapi CVE-2026-22706: a stolen session that outlives a reset of the password.
#[test]
fn a_stolen_session_after_a_reset() {
    on_both(async |world| {
        let mut thief = world.account("ines@corner.example").await;
        let mut ines = world.browser();
        ines.post("/api/accounts/forgot", json!({"email": "ines@corner.example"})).await;
        let token = world.letter("ines@corner.example").await.token();
        ines.post("/api/accounts/reset", json!({"token": token, "password": "other dry words"})).await;
        assert_eq!(thief.get("/api/accounts/me").await.status, 404);
        thief.post("/api/accounts/me/change-password", json!({"password": "third set of words"})).await;
        assert_eq!(ines.sign_in("ines@corner.example", "other dry words").await.status, 200);
    });
}

/// Saleor CVE-2026-35407: a link to change an address that is bound to nobody.
#[test]
fn a_link_of_one_account_used_by_another() {
    on_both(async |world| {
        let mut ines = world.account("ines@corner.example").await;
        let mut jon = world.account("jon@corner.example").await;
        ines.post("/api/accounts/me/change-email", json!({"email": "new@corner.example"})).await;
        let token = world.letter("new@corner.example").await.token();
        let done = jon.post("/api/accounts/confirm-email", json!({"token": token})).await;
        assert_eq!((done.status, done.body.as_str()), (204, ""), "it is Ines's link, whoever opens it");
        assert_eq!(jon.get("/api/accounts/me").await.json["email"], json!("jon@corner.example"));
        let mut again = world.browser();
        assert_eq!(again.sign_in("jon@corner.example", "four wet words").await.status, 200, "Jon keeps his");
        assert_eq!(again.sign_in("new@corner.example", "four wet words").await.status, 200);
    });
}

/// Supabase auth 2.196: links that outlive the address that they were sent to.
#[test]
fn a_link_that_outlives_its_address() {
    on_both(async |world| {
        let mut ines = world.account("ines@corner.example").await;
        ines.post("/api/accounts/forgot", json!({"email": "ines@corner.example"})).await;
        let old = world.letter("ines@corner.example").await.token();
        ines.post("/api/accounts/me/change-email", json!({"email": "new@corner.example"})).await;
        let link = world.letter("new@corner.example").await.token();
        ines.post("/api/accounts/confirm-email", json!({"token": link})).await;
        let dead =
            ines.post("/api/accounts/reset", json!({"token": old, "password": "other dry words"})).await;
        assert_eq!(dead.code(), "accounts.dead_link");
    });
}

/// A link for one thing, tried for others; and links that were made up.
#[test]
fn a_link_for_another_purpose() {
    on_both(async |world| {
        let mut ines = world.account("ines@corner.example").await;
        ines.post("/api/accounts/forgot", json!({"email": "ines@corner.example"})).await;
        let token = world.letter("ines@corner.example").await.token();
        for path in ["/api/accounts/verify", "/api/accounts/confirm-email"] {
            assert_eq!(ines.post(path, json!({"token": token})).await.code(), "accounts.dead_link");
        }
        let long = "0".repeat(52);
        for made_up in ["0", long.as_str(), "' OR 1=1 --", "%00", "null"] {
            let dead = ines.post("/api/accounts/verify", json!({"token": made_up})).await;
            assert_eq!(dead.code(), "accounts.dead_link", "{made_up}");
        }
        let reset =
            ines.post("/api/accounts/reset", json!({"token": token, "password": "other dry words"})).await;
        assert_eq!(reset.status, 200, "and it still opens what it is for");
    });
}

/// Session fixation: a cookie planted before the sign-in is worth nothing after it.
#[test]
fn a_session_planted_before_the_sign_in() {
    on_both(async |world| {
        let attacker = world.account("attacker@corner.example").await;
        world.account("ines@corner.example").await;
        let planted = attacker.cookie.clone();
        let mut ines = world.browser();
        ines.cookie.clone_from(&planted);
        ines.sign_in("ines@corner.example", "four wet words").await;
        assert_ne!(ines.cookie, planted);
        let mut holder = world.browser();
        holder.cookie = planted;
        assert_eq!(holder.get("/api/accounts/me").await.status, 404);
    });
}

/// Cezerin #269 and OWASP API3: fields that nobody asked for.
#[test]
fn more_fields_than_a_form_has() {
    on_both(async |world| {
        let mut ines = world.browser();
        for (name, value) in [
            ("roles", json!(["staff"])),
            ("verified", json!(true)),
            ("kind", json!("person")),
            ("status", json!("active")),
            ("id", json!("account_01h2xcejqtf2nbrexx3vqjhp41")),
        ] {
            let mut body = json!({"email": "ines@corner.example", "password": "four wet words"});
            body[name] = value;
            let refused = ines.post("/api/accounts/sign-up", body).await;
            assert_eq!(refused.status, 422, "{name}");
        }
        let plain = ines.post("/api/accounts", json!({"email": "ines@corner.example"})).await;
        assert_eq!(plain.status, 401, "accounts are not made like records");
    });
}

/// Strapi CVE-2025-64526: a limit whose key the client chooses, by the body or by the cookie that comes along.
#[test]
fn a_limit_dodged_by_other_addresses_accounts_and_guests() {
    super::on_both_in(&[("lines", super::guests::LINES)], async |world| {
        // Everybody is in one network; each account and each guest would like a count of its own.
        let mut cookies = vec![None];
        for number in 0..3 {
            cookies.push(world.account(&format!("own{number}@corner.example")).await.cookie);
            let mut guest = world.browser();
            assert_eq!(guest.post("/api/lines", json!({"thing": "bread"})).await.status, 201);
            cookies.push(guest.cookie);
        }
        let guess = async |path: &str, body: fn(usize) -> serde_json::Value| {
            let mut tried = 0;
            for number in 0..90 {
                let mut attacker = world.browser();
                attacker.cookie.clone_from(&cookies[number % cookies.len()]);
                if attacker.post(path, body(number)).await.status != 429 {
                    tried += 1;
                }
            }
            tried
        };
        let guesses = guess(
            "/api/accounts/sign-in",
            |number| json!({"email": format!("person{number}@corner.example"), "password": format!("guess {number}")}),
        );
        assert_eq!(guesses.await, 60, "one network, one limit, whatever the body and the cookie say");
        for (path, most) in [("/api/accounts/forgot", 10), ("/api/accounts/resend", 10)] {
            let letters =
                guess(path, |number| json!({"email": format!("person{number}@corner.example")})).await;
            assert_eq!(letters, most, "{path}");
        }
        for (path, most) in [("/api/accounts/reset", 60), ("/api/accounts/confirm-email", 60)] {
            let links =
                guess(path, |number| json!({"token": format!("{number}"), "password": "four wet words"}));
            assert_eq!(links.await, most, "{path}");
        }
    });
}

/// PocketBase v0.37.4, Saleor CVE-2026-39851: answers that tell who has an account.
#[test]
fn answers_are_the_same_for_known_and_unknown() {
    on_both(async |world| {
        world.account("known@corner.example").await;
        let said = async |browser: &mut Browser<'_>, path: &str, email: &str, password: &str| {
            let mut body = json!({"email": email});
            if !password.is_empty() {
                body["password"] = json!(password);
            }
            let answer = browser.post(path, body).await;
            (answer.status, answer.body.replace(&answer.request, "req"), answer.names)
        };
        let mut attacker = world.browser();
        for (path, password) in [
            ("/api/accounts/sign-up", "attacker knows this"),
            ("/api/accounts/sign-in", "attacker knows this"),
            ("/api/accounts/forgot", ""),
            ("/api/accounts/resend", ""),
        ] {
            let known = said(&mut attacker, path, "known@corner.example", password).await;
            let unknown = said(&mut attacker, path, "unknown@corner.example", password).await;
            assert_eq!(known, unknown, "{path}");
        }
        // What the attacker made by signing up answers like what is not there.
        let own =
            said(&mut attacker, "/api/accounts/sign-in", "unknown@corner.example", "attacker knows this")
                .await;
        let other =
            said(&mut attacker, "/api/accounts/sign-in", "known@corner.example", "attacker knows this").await;
        assert_eq!(own, other);
    });
}

/// By the order of violations: a name that is taken is told the same way for a known and an unknown address.
#[test]
fn a_taken_name_with_a_known_and_an_unknown_address() {
    super::on_both_in(&[("accounts", super::NAMED)], async |world| {
        let mut ines = world.browser();
        let up = |email: &str| json!({"email": email, "password": "four wet words", "username": "ines"});
        assert_eq!(ines.post("/api/accounts/sign-up", up("ines@corner.example")).await.status, 202);
        let mut attacker = world.browser();
        let known = attacker.post("/api/accounts/sign-up", up("ines@corner.example")).await;
        let unknown = attacker.post("/api/accounts/sign-up", up("unknown@corner.example")).await;
        assert_eq!(known.status, 409);
        assert_eq!(known.body.replace(&known.request, ""), unknown.body.replace(&unknown.request, ""));
    });
}

/// CSRF: a page of another site that signs its visitor in to the attacker's account, or out.
#[test]
fn a_form_on_a_page_of_another_site() {
    on_both(async |world| {
        world.account("attacker@corner.example").await;
        let mut ines = world.account("ines@corner.example").await;
        let cookie = ines.cookie.clone();
        ines.headers = vec![("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
        let form = "email=attacker%40corner.example&password=four+wet+words";
        assert_eq!(ines.form("/api/accounts/sign-in", form).await.status, 403);
        assert_eq!(ines.form("/api/accounts/sign-out", "_next=%2F").await.status, 403);
        assert_eq!(ines.form("/api/accounts/me/erase", "").await.status, 403);
        ines.headers.clear();
        assert_eq!(ines.cookie, cookie);
        assert_eq!(ines.get("/api/accounts/me").await.json["email"], json!("ines@corner.example"));
    });
}

/// Open redirects (Directus CVE-2026-22032): a form leads within the site alone.
#[test]
fn a_way_on_that_leads_elsewhere() {
    on_both(async |world| {
        let mut ines = world.account("ines@corner.example").await;
        for next in ["https%3A%2F%2Fevil.example", "%2F%2Fevil.example", "%2F%5Cevil.example"] {
            let form = format!("email=ines%40corner.example&password=four+wet+words&_next={next}");
            let answer = ines.form("/api/accounts/sign-in", &form).await;
            assert_ne!(answer.status, 303, "{next}");
            assert_eq!(answer.location, None);
        }
    });
}

/// A password never comes back: not in answers, not in the log of changes, not in the queue of jobs.
#[test]
fn a_password_that_comes_back() {
    on_both(async |world| {
        let mut ines = world.browser();
        let secret = "swordfish under water";
        let up = ines
            .post("/api/accounts/sign-up", json!({"email": "ines@corner.example", "password": secret}))
            .await;
        assert!(!up.body.contains(secret));
        let wrong =
            ines.post("/api/accounts/sign-up", json!({"email": "no address", "password": secret})).await;
        assert!(!wrong.body.contains(secret));
        for table in ["mains_changes", "mains_jobs", "account_secrets", "account_tokens", "accounts"] {
            let rows = world.rows(table).await;
            assert!(!rows.contains(secret), "{table}");
        }
        assert!(world.rows("account_secrets").await.contains("$argon2id$v=19$m=19456,t=2,p=1$"));
        let token = world.letter("ines@corner.example").await.token();
        assert!(!world.rows("account_tokens").await.contains(&token));
        assert!(
            !world.rows("mains_jobs").await.contains("ines@corner.example"),
            "who gets a letter is sealed"
        );
    });
}
