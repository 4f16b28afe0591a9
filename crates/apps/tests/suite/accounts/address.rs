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
        let mut phone = world.browser();
        let done = phone.post("/api/accounts/confirm-email", json!({"token": link.token()})).await;
        assert_eq!((done.status, &done.json["email"]), (200, &json!("new@corner.example")));
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
