//! What is over is forgotten every night, and what has happened is told each time.

use serde_json::json;

use super::guests::LINES;
use super::{on_both, on_both_in};

#[test]
fn a_session_that_ran_out_leaves_the_list() {
    on_both(async |world| {
        let mut ines = world.account("ines@corner.example").await;
        world.pass_hours(20 * 24);
        let mut phone = world.browser();
        phone.sign_in("ines@corner.example", "four wet words").await;
        let listed = async |browser: &mut super::world::Browser<'_>| {
            browser.get("/api/account_sessions").await.json["items"].as_array().unwrap().len()
        };
        assert_eq!(listed(&mut phone).await, 2);
        world.sweep().await;
        assert_eq!(listed(&mut phone).await, 2, "both are open");
        world.pass_hours(11 * 24);
        assert_eq!(ines.get("/api/accounts/me").await.status, 404, "it has ended");
        assert_eq!(listed(&mut phone).await, 2, "nobody looked");
        world.sweep().await;
        assert_eq!(listed(&mut phone).await, 1);
        world.pass_hours(40 * 24);
        world.sweep().await;
        assert_eq!(world.rows("account_sessions").await, "", "the agent and network of nobody stay");
    });
}

#[test]
fn links_that_nobody_opened_are_forgotten() {
    on_both(async |world| {
        world.account("ines@corner.example").await;
        world.browser().post("/api/accounts/forgot", json!({"email": "ines@corner.example"})).await;
        world.letter("ines@corner.example").await;
        world.sweep().await;
        assert_ne!(world.rows("account_tokens").await, "", "it still opens");
        world.pass_hours(48);
        world.sweep().await;
        assert_eq!(world.rows("account_tokens").await, "");
    });
}

#[test]
fn a_guest_is_forgotten_unless_something_of_theirs_is_kept() {
    on_both_in(&[("lines", LINES)], async |world| {
        let (mut keeps, mut leaves) = (world.browser(), world.browser());
        for guest in [&mut keeps, &mut leaves] {
            assert_eq!(guest.post("/api/lines", json!({"thing": "bread"})).await.status, 201);
        }
        let take = world.db.write(&[], |tx| {
            let lines = tx.schema().find("lines").unwrap().id;
            let last = tx.images(lines, "ORDER BY r.\"id\" DESC LIMIT 1", &[])?;
            tx.delete(lines, last.first().unwrap().id())
        });
        take.await.unwrap();
        let guests = async || world.rows("accounts").await.matches("guest").count();
        world.pass_hours(29 * 24);
        world.sweep().await;
        assert_eq!(guests().await, 2, "both may come back");
        world.pass_hours(5 * 24);
        world.sweep().await;
        assert_eq!(guests().await, 1);
        assert_eq!(
            world.rows("lines").await.matches("bread").count(),
            1,
            "what is kept stays, and whose it is"
        );
    });
}

#[test]
fn each_change_of_a_password_is_told() {
    on_both(async |world| {
        let mut ines = world.account("ines@corner.example").await;
        let path = "/api/accounts/me/change-password";
        for password in ["other dry words", "third set of words"] {
            assert_eq!(ines.post(path, json!({ "password": password })).await.status, 204);
        }
        let told = world.letters("ines@corner.example").await;
        assert_eq!(told.iter().filter(|letter| letter.template == "password_changed").count(), 2);
        for _ in 0..2 {
            world.browser().post("/api/accounts/forgot", json!({"email": "ines@corner.example"})).await;
        }
        assert_eq!(world.letters("ines@corner.example").await.len(), 1, "the same link is sent once");
    });
}
