//! Profile, preferences, and what a site adds.

use serde_json::json;

use super::{NAMED, on_both, on_both_in};

#[test]
fn a_profile_is_a_plain_record() {
    on_both(async |world| {
        let mut ines = world.account("ines@corner.example").await;
        let saved = ines
            .patch(
                "/api/accounts/me",
                json!({"name": "Ines Maria", "locale": "pt-PT", "zone": "Europe/Lisbon"}),
            )
            .await;
        assert_eq!((saved.status, &saved.json["name"]), (200, &json!("Ines Maria")));
        for closed in [
            json!({"email": "x@y.example"}),
            json!({"verified": false}),
            json!({"roles": ["staff"]}),
            json!({"rights": ["records"]}),
            json!({"status": "erased"}),
            json!({"kind": "guest"}),
        ] {
            let refused = ines.patch("/api/accounts/me", closed.clone()).await;
            assert_eq!(refused.status, 422, "{closed}");
        }
        let mut jon = world.account("jon@corner.example").await;
        let id = saved.json["id"].as_str().unwrap().to_owned();
        let other = jon.get(&format!("/api/accounts/{id}")).await;
        assert_eq!(other.status, 404, "nobody else sees it");
        assert_eq!(jon.patch(&format!("/api/accounts/{id}"), json!({"name": "x"})).await.status, 404);
        assert_eq!(jon.get("/api/accounts").await.json["items"].as_array().unwrap().len(), 1);
    });
}

#[test]
fn preferences_are_merged_and_bounded() {
    on_both(async |world| {
        let mut ines = world.account("ines@corner.example").await;
        let path = "/api/accounts/me";
        ines.patch(path, json!({"preferences": {"theme": "dark", "shop": {"currency": "EUR", "rows": 2}}}))
            .await;
        let merged =
            ines.patch(path, json!({"preferences": {"shop": {"currency": "DKK", "rows": null}}})).await;
        assert_eq!(merged.json["preferences"], json!({"theme": "dark", "shop": {"currency": "DKK"}}));
        let form = ines
            .form(path, "_method=PATCH&_next=%2Faccount&preferences.theme=light&preferences.shop.mail=weekly")
            .await;
        assert_eq!(form.status, 303);
        let mut phone = world.browser();
        phone.sign_in("ines@corner.example", "four wet words").await;
        let seen = phone.get(path).await.json["preferences"].clone();
        assert_eq!(
            seen,
            json!({"theme": "light", "shop": {"currency": "DKK", "mail": "weekly"}}),
            "on another device"
        );
        let empty = ines.form(path, "_method=PATCH&_next=%2Faccount&preferences.theme=").await;
        assert_eq!(empty.status, 303);
        assert_eq!(ines.get(path).await.json["preferences"].get("theme"), None);
        let large = ines.patch(path, json!({"preferences": {"x": "a".repeat(17_000)}})).await;
        assert_eq!(large.status, 422);
        // Many small ones may not add up to more either.
        ines.patch(path, json!({"preferences": {"a": "a".repeat(9_000)}})).await;
        let sum = ines.patch(path, json!({"preferences": {"b": "b".repeat(9_000)}})).await;
        assert_eq!(sum.status, 422);
    });
}

#[test]
fn a_site_adds_fields_and_sign_up_takes_them() {
    on_both_in(&[("accounts", NAMED)], async |world| {
        let mut ines = world.browser();
        let up = |username: &str, email: &str| json!({"email": email, "password": "four wet words", "username": username});
        assert_eq!(ines.post("/api/accounts/sign-up", up("ines", "ines@corner.example")).await.status, 202);
        let token = world.letter("ines@corner.example").await.token();
        let me = ines.post("/api/accounts/verify", json!({"token": token})).await;
        assert_eq!(me.json["username"], json!("ines"));
        let public = world.browser().get(&format!("/api/accounts/{}", me.json["id"].as_str().unwrap())).await;
        assert_eq!(public.status, 200, "the site opens the record");
        assert_eq!(
            (public.json.get("email"), &public.json["username"]),
            (None, &json!("ines")),
            "and not the address"
        );
        let wrong = world.browser().post("/api/accounts/sign-up", up("in es", "other@corner.example")).await;
        assert_eq!((wrong.status, &wrong.json["errors"][0]["pointer"]), (422, &json!("/username")));
        // A field that its rule gives to nobody stays closed.
        let closed = json!({"email": "x@corner.example", "password": "four wet words", "credit": 100});
        assert_eq!(world.browser().post("/api/accounts/sign-up", closed).await.status, 422);
    });
}
