//! Where somebody is signed in, and ending that.

use serde_json::json;

use super::on_both;

#[test]
fn sessions_are_listed_and_revoked_one_or_all_others() {
    on_both(async |world| {
        let mut ines = world.account("ines@corner.example").await;
        let (mut phone, mut tablet) = (world.browser(), world.browser());
        phone.agent = "Phone/1.0";
        phone.sign_in("ines@corner.example", "four wet words").await;
        tablet.sign_in("ines@corner.example", "four wet words").await;
        let list = ines.get("/api/account_sessions?sort=created").await;
        let items = list.json["items"].as_array().unwrap().clone();
        assert_eq!(items.len(), 3);
        assert!(
            items.iter().all(|item| item.get("session").is_none()),
            "what names them inside stays inside"
        );
        let of_phone = items.iter().find(|item| item["agent"] == json!("Phone/1.0")).unwrap();

        let path = format!("/api/account_sessions/{}/revoke", of_phone["id"].as_str().unwrap());
        let mut jon = world.account("jon@corner.example").await;
        assert_eq!(jon.post(&path, json!({})).await.status, 404, "of somebody else");
        assert_eq!(ines.post(&path, json!({})).await.status, 204);
        assert_eq!(phone.get("/api/accounts/me").await.status, 404);
        assert_eq!(tablet.get("/api/accounts/me").await.status, 200);

        assert_eq!(ines.post("/api/account_sessions/revoke-others", json!({})).await.status, 204);
        assert_eq!(tablet.get("/api/accounts/me").await.status, 404);
        assert_eq!(ines.get("/api/accounts/me").await.status, 200);
        assert_eq!(ines.get("/api/account_sessions").await.json["items"].as_array().unwrap().len(), 1);
        assert_eq!(jon.get("/api/accounts/me").await.status, 200);
    });
}

#[test]
fn signing_out_ends_the_session_and_a_copy_of_its_cookie() {
    on_both(async |world| {
        let mut ines = world.account("ines@corner.example").await;
        let mut thief = world.browser();
        thief.cookie.clone_from(&ines.cookie);
        assert_eq!(thief.get("/api/accounts/me").await.status, 200);
        assert_eq!(ines.post("/api/accounts/sign-out", json!({})).await.status, 204);
        assert!(ines.cookie.is_none(), "the cookie is taken away");
        assert_eq!(thief.get("/api/accounts/me").await.status, 404);
        assert_eq!(ines.post("/api/accounts/sign-out", json!({})).await.status, 204, "twice is no mistake");
    });
}

#[test]
fn a_bearer_token_is_a_session_too() {
    on_both(async |world| {
        let ines = world.account("ines@corner.example").await;
        let token = ines.cookie.clone().unwrap();
        let (_, token) = token.split_once('=').unwrap();
        let mut program = world.browser();
        program.bearer = Some(token.to_owned());
        assert_eq!(program.get("/api/accounts/me").await.json["email"], json!("ines@corner.example"));
    });
}
