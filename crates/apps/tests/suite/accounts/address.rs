//! Changing the address: confirmed at the new one, told to the old one.

use serde_json::json;

use super::on_both;

const PATH: &str = "/api/accounts/me/change-email";

#[test]
fn the_new_address_confirms_and_the_old_one_is_told() {
    on_both(async |world| {
        let mut ines = world.account("ines@corner.example").await;
        let asked = ines.post(PATH, json!({"email": "new@corner.example"})).await;
        assert_eq!(asked.status, 202);
        assert_eq!(ines.get("/api/accounts/me").await.json["email"], json!("ines@corner.example"), "not yet");
        assert_eq!(world.letter("ines@corner.example").await.template, "email_asked");
        let link = world.letter("new@corner.example").await;
        assert_eq!(link.template, "change_email");
        let mut laptop = world.browser();
        laptop.sign_in("ines@corner.example", "four wet words").await;
        let done = laptop.post("/api/accounts/confirm-email", json!({"token": link.token()})).await;
        assert_eq!((done.status, &done.json["email"]), (200, &json!("new@corner.example")));
        assert_eq!(laptop.get("/api/accounts/me").await.status, 200, "it was signed in, and is");
        assert_eq!(world.letter("ines@corner.example").await.template, "email_changed");
        assert_eq!(ines.get("/api/accounts/me").await.status, 404, "other sessions end");
        assert_eq!(ines.sign_in("ines@corner.example", "four wet words").await.status, 401);
        assert_eq!(ines.sign_in("new@corner.example", "four wet words").await.status, 200);
    });
}

#[test]
fn an_address_of_somebody_else_is_told_by_mail_alone() {
    on_both(async |world| {
        let mut ines = world.account("ines@corner.example").await;
        world.account("jon@corner.example").await;
        let free = ines.post(PATH, json!({"email": "free@corner.example"})).await;
        world.pass_hours(1);
        let taken =
            ines.post(PATH, json!({"email": "jon@corner.example", "current": "four wet words"})).await;
        assert_eq!((free.status, free.body), (taken.status, taken.body));
        assert_eq!(world.letter("jon@corner.example").await.template, "already");
    });
}

#[test]
fn an_address_that_was_taken_meanwhile_is_a_dead_link() {
    on_both(async |world| {
        let mut ines = world.account("ines@corner.example").await;
        ines.post(PATH, json!({"email": "new@corner.example"})).await;
        let link = world.letter("new@corner.example").await.token();
        world.account("new@corner.example").await;
        let dead = ines.post("/api/accounts/confirm-email", json!({"token": link})).await;
        assert_eq!(dead.code(), "accounts.dead_link");
        assert_eq!(ines.get("/api/accounts/me").await.json["email"], json!("ines@corner.example"));
    });
}

/// A mistyped address is a stranger's: the link makes it the account's, and gives the stranger nothing.
#[test]
fn a_mistyped_address_opens_nothing_and_is_taken_back() {
    on_both(async |world| {
        let mut ines = world.account("ines@corner.example").await;
        let id = ines.id().await;
        ines.post(PATH, json!({"email": "imes@corner.example"})).await;
        let link = world.letter("imes@corner.example").await.token();
        let mut stranger = world.browser();
        let done = stranger.post("/api/accounts/confirm-email", json!({"token": link})).await;
        assert_eq!((done.status, done.body.as_str()), (204, ""));
        assert!(stranger.cookie.is_none(), "no session");
        let mut letters = world.letters("ines@corner.example").await;
        letters.retain(|letter| letter.template == "email_changed");
        let back = letters.pop().unwrap();
        // The stranger goes on to take the account, and the way back still leads there.
        stranger.post("/api/accounts/forgot", json!({"email": "imes@corner.example"})).await;
        let reset = world.letter("imes@corner.example").await.token();
        stranger.post("/api/accounts/reset", json!({"token": reset, "password": "stranger's words"})).await;
        stranger.post(PATH, json!({"email": "far@corner.example"})).await;
        let far = world.letter("far@corner.example").await.token();
        stranger.post("/api/accounts/confirm-email", json!({"token": far})).await;
        let mut later = world.letters("imes@corner.example").await;
        later.retain(|letter| letter.template == "email_changed");
        let path = "/api/accounts/restore-email";
        assert!(ines.get("/account/email-back?token=x").await.body.contains("Take the address back"));
        let token = back.token();
        let restored = ines.post(path, json!({"token": token, "password": "mine once again"})).await;
        assert_eq!(
            (restored.status, &restored.json["email"]),
            (200, &json!("ines@corner.example")),
            "{}",
            restored.body
        );
        assert_eq!(ines.id().await, id);
        assert_eq!(stranger.get("/api/accounts/me").await.status, 404);
        assert_eq!(stranger.sign_in("ines@corner.example", "stranger's words").await.status, 401);
        let own = json!({"token": later.pop().unwrap().token(), "password": "stranger's words"});
        assert_eq!(
            stranger.post(path, own).await.code(),
            "accounts.dead_link",
            "of two ways back the earlier wins"
        );
        let twice = ines.post(path, json!({"token": token, "password": "mine once again"})).await;
        assert_eq!(twice.code(), "accounts.dead_link");
        assert_eq!(world.browser().sign_in("ines@corner.example", "mine once again").await.status, 200);
    });
}

#[test]
fn the_way_back_ends_after_three_days() {
    on_both(async |world| {
        let mut ines = world.account("ines@corner.example").await;
        ines.post(PATH, json!({"email": "new@corner.example"})).await;
        let link = world.letter("new@corner.example").await.token();
        world.letters("ines@corner.example").await;
        ines.post("/api/accounts/confirm-email", json!({"token": link})).await;
        let back = world.letter("ines@corner.example").await.token();
        world.pass_hours(73);
        let body = json!({"token": back, "password": "mine once again"});
        assert_eq!(ines.post("/api/accounts/restore-email", body).await.code(), "accounts.dead_link");
    });
}

/// A thief of a session asks for the thief's address; the owner changes the password before the letter is written.
#[test]
fn a_change_that_was_asked_for_before_a_new_password() {
    on_both(async |world| {
        let mut thief = world.account("ines@corner.example").await;
        let mut ines = world.browser();
        ines.sign_in("ines@corner.example", "four wet words").await;
        assert_eq!(thief.post(PATH, json!({"email": "thief@corner.example"})).await.status, 202);
        let change = json!({"password": "other dry words"});
        assert_eq!(ines.post("/api/accounts/me/change-password", change).await.status, 204);
        assert!(world.letters("thief@corner.example").await.is_empty(), "the wish died with the password");
        assert_eq!(ines.post(PATH, json!({"email": "new@corner.example"})).await.status, 202);
        assert_eq!(world.letter("new@corner.example").await.template, "change_email");
    });
}
