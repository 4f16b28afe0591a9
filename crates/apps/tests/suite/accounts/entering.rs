//! From a visitor to somebody who is signed in.

use mains_apps::accounts::{Settings, Verify};
use mains_database::dialect::Dialect;
use mains_testkit::database::on;
use serde_json::json;

use super::on_both;
use super::world::{World, settings};

#[test]
fn somebody_signs_up_confirms_and_signs_in() {
    on_both(async |world| {
        let mut ines = world.browser();
        let up = ines
            .post(
                "/api/accounts/sign-up",
                json!({"email": "ines@corner.example", "password": "four wet words", "name": "Ines"}),
            )
            .await;
        assert_eq!(up.status, 202);
        assert!(ines.cookie.is_none(), "no session before the address is proven");
        let early = ines
            .post(
                "/api/accounts/sign-in",
                json!({"email": "ines@corner.example", "password": "four wet words"}),
            )
            .await;
        assert_eq!((early.status, early.code()), (401, "accounts.mismatch"));

        let letter = world.letter("ines@corner.example").await;
        assert_eq!(letter.template, "verify");
        assert!(
            letter.text.contains("Hello,") && letter.text.contains("https://corner.example/verify?token=")
        );
        assert!(letter.html.as_deref().unwrap().contains("verify?token="));
        let verified = ines.post("/api/accounts/verify", json!({"token": letter.token()})).await;
        assert_eq!(verified.status, 200);
        assert_eq!(verified.json["verified"], json!(true));
        let me = ines.get("/api/accounts/me").await;
        assert_eq!(
            (me.status, &me.json["email"], &me.json["name"]),
            (200, &json!("ines@corner.example"), &json!("Ines"))
        );

        ines.post("/api/accounts/sign-out", json!({})).await;
        assert_eq!(ines.get("/api/accounts/me").await.status, 404);
        let back = ines
            .post(
                "/api/accounts/sign-in",
                json!({"email": "INES@corner.example", "password": "four wet words"}),
            )
            .await;
        assert_eq!(back.status, 200);
        assert_eq!(ines.get("/api/accounts/me").await.json["id"], me.json["id"]);
    });
}

#[test]
fn the_same_by_plain_forms() {
    on_both(async |world| {
        let mut ines = world.browser();
        let form = "email=ines%40corner.example&password=four+wet+words&_next=%2Fsign-up%3Fdone%3D1";
        let up = ines.form("/api/accounts/sign-up", form).await;
        assert_eq!((up.status, up.location.as_deref()), (303, Some("/sign-up?done=1")));
        let token = world.letter("ines@corner.example").await.token();
        let verified = ines.form("/api/accounts/verify", &format!("token={token}&_next=%2Faccount")).await;
        assert_eq!((verified.status, verified.location.as_deref()), (303, Some("/account")));
        assert_eq!(ines.get("/api/accounts/me").await.status, 200);
        let out = ines.form("/api/accounts/sign-out", "_next=%2F").await;
        assert_eq!(out.status, 303);
        assert_eq!(ines.get("/api/accounts/me").await.status, 404);
    });
}

#[test]
fn a_link_opens_once_and_not_for_ever() {
    on_both(async |world| {
        let mut ines = world.browser();
        world.sign_up(&mut ines, "ines@corner.example").await;
        let token = world.letter("ines@corner.example").await.token();
        let mut other = world.browser();
        let both = futures_util::future::join(
            ines.post("/api/accounts/verify", json!({"token": token})),
            other.post("/api/accounts/verify", json!({"token": token})),
        );
        let (one, two) = both.await;
        let mut answers = [one.status, two.status];
        answers.sort_unstable();
        assert_eq!(answers, [200, 404], "of two at once one opens");
        let dead = other.post("/api/accounts/verify", json!({"token": token})).await;
        assert_eq!(dead.code(), "accounts.dead_link");

        let mut jon = world.browser();
        world.sign_up(&mut jon, "jon@corner.example").await;
        let late = world.letter("jon@corner.example").await.token();
        world.pass_hours(49);
        assert_eq!(jon.post("/api/accounts/verify", json!({"token": late})).await.status, 404);
        assert_eq!(
            jon.post("/api/accounts/resend", json!({"email": "jon@corner.example"})).await.status,
            202
        );
        let fresh = world.letter("jon@corner.example").await.token();
        assert_eq!(jon.post("/api/accounts/verify", json!({"token": fresh})).await.status, 200);
    });
}

#[test]
fn passwords_and_addresses_are_looked_at_first() {
    on_both(async |world| {
        let mut ines = world.browser();
        let refused = async |ines: &mut super::world::Browser<'_>, body: serde_json::Value| {
            let answer = ines.post("/api/accounts/sign-up", body).await;
            (
                answer.status,
                answer.json["errors"][0]["pointer"].clone(),
                answer.json["errors"][0]["code"].clone(),
            )
        };
        let email = "ines@corner.example";
        assert_eq!(refused(&mut ines, json!({"email": email, "password": "short"})).await.0, 422);
        assert_eq!(refused(&mut ines, json!({"email": "ines", "password": "four wet words"})).await.0, 422);
        let weak = refused(&mut ines, json!({"email": email, "password": "password1"})).await;
        assert_eq!(weak, (422, json!("/password"), json!("weak")));
        let named =
            refused(&mut ines, json!({"email": "ines.maria@corner.example", "password": "ines.maria"})).await;
        assert_eq!(named, (422, json!("/password"), json!("weak")));
        assert!(world.letters(email).await.is_empty());
    });
}

#[test]
fn an_owner_may_close_the_door_or_open_it_wide() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        on(dialect, async || {
            let world = World::begin(dialect, Settings { sign_up: false, ..settings() }).await;
            let mut ines = world.browser();
            let body = json!({"email": "ines@corner.example", "password": "four wet words"});
            let closed = ines.post("/api/accounts/sign-up", body.clone()).await;
            assert_eq!((closed.status, closed.code()), (403, "accounts.closed"));
        });
        on(dialect, async || {
            let world = World::begin(dialect, Settings { verify: Verify::Later, ..settings() }).await;
            let mut ines = world.browser();
            let body = json!({"email": "ines@corner.example", "password": "four wet words"});
            assert_eq!(ines.post("/api/accounts/sign-up", body.clone()).await.status, 202);
            let me = ines.get("/api/accounts/me").await;
            assert_eq!((me.status, &me.json["verified"]), (200, &json!(false)), "signed in at once");
            let mut jon = world.browser();
            let taken = jon.post("/api/accounts/sign-up", body).await;
            assert_eq!(
                (taken.status, taken.code()),
                (409, "accounts.email_taken"),
                "this is what the owner chose"
            );
            let token = world.letter("ines@corner.example").await.token();
            assert_eq!(
                ines.post("/api/accounts/verify", json!({"token": token})).await.json["verified"],
                json!(true)
            );
        });
    }
}
