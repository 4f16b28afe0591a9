//! The built-in pages: there, usable without a script, and the site's to replace.

use serde_json::json;

use super::on_both;

#[test]
fn the_pages_are_there_and_say_what_failed() {
    on_both(async |world| {
        let mut ines = world.browser();
        for path in [
            "/sign-in",
            "/sign-up",
            "/sign-up?done=1",
            "/reset",
            "/reset?done=1",
            "/reset?token=x",
            "/verify?token=x",
            "/verify",
            "/account/email?token=x",
        ] {
            let page = ines.get(path).await;
            assert_eq!(page.status, 200, "{path}");
            assert!(
                page.body.contains("<h1") && page.body.contains("<form") || path.contains("done"),
                "{path}"
            );
            assert!(!page.body.contains("<script") && !page.body.contains("style=\""), "{path}");
        }
        let to_sign_in = ines.get("/account").await;
        assert_eq!(
            (to_sign_in.status, to_sign_in.location.as_deref()),
            (303, Some("/sign-in?next=%2Faccount"))
        );

        let form = "email=nobody&password=swordfish+under+water&_page=%2Fsign-up&_next=%2Fsign-up%3Fdone%3D1";
        let again = ines.form("/api/accounts/sign-up", form).await;
        assert_eq!(again.status, 422);
        assert!(again.body.contains("aria-invalid=\"true\"") && again.body.contains("value=\"nobody\""));
        assert!(!again.body.contains("swordfish"), "a password is not typed back");
    });
}

#[test]
fn an_account_sees_itself_and_its_devices() {
    on_both(async |world| {
        let mut ines = world.account("ines@corner.example").await;
        ines.patch("/api/accounts/me", json!({"name": "<Ines>", "preferences": {"theme": "dark"}})).await;
        let page = ines.get("/account").await;
        assert_eq!(page.status, 200);
        assert!(page.body.contains("Hello, &lt;Ines&gt;") && page.body.contains("ines@corner.example"));
        assert!(page.body.contains("value=\"dark\" checked"));
        let devices = ines.get("/account/sessions").await;
        assert_eq!(devices.status, 200);
        assert!(devices.body.contains("Test/1.0"), "{}", devices.body);
    });
}
