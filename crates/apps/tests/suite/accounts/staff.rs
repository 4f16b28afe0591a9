//! Roles and rights, the first owner, and accounts that are closed.

use mains_database::write::New;
use serde_json::json;

use super::on_both;
use super::world::{Browser, token_in};

#[test]
fn the_first_owner_is_made_once() {
    on_both(async |world| {
        let password = world.app.first_owner(&world.db, "owner@corner.example").await.unwrap().unwrap();
        assert_eq!(password.len(), 23);
        assert!(world.app.first_owner(&world.db, "owner@corner.example").await.unwrap().is_none());
        assert!(world.app.first_owner(&world.db, "other@corner.example").await.unwrap().is_none());
        let mut owner = world.browser();
        assert_eq!(owner.sign_in("owner@corner.example", &password).await.status, 200);
        let ines = world.account("ines@corner.example").await.id().await;
        assert_eq!(
            owner.get(&format!("/api/accounts/{ines}")).await.json["email"],
            json!("ines@corner.example")
        );
    });
}

#[test]
fn roles_rise_with_a_new_sign_in_and_fall_at_once() {
    on_both(async |world| {
        let mut owner = world.owner().await;
        let mut ines = world.account("ines@corner.example").await;
        let id = ines.id().await;
        let path = format!("/api/accounts/{id}/set-roles");
        assert_eq!(ines.post(&path, json!({"roles": ["staff"]})).await.status, 403, "not for oneself");
        let set = owner.post(&path, json!({"roles": ["editor"], "rights": ["accounts"]})).await;
        assert_eq!(
            (set.status, &set.json["roles"], &set.json["rights"]),
            (200, &json!(["editor"]), &json!(["accounts"]))
        );
        assert_eq!(ines.get("/api/accounts/me").await.status, 404, "rights begin with a new session");
        ines.sign_in("ines@corner.example", "four wet words").await;
        let jon = world.account("jon@corner.example").await.id().await;
        assert_eq!(ines.get(&format!("/api/accounts/{jon}")).await.status, 200, "staff of accounts");

        let beyond = ines.post(&format!("/api/accounts/{jon}/set-roles"), json!({"roles": ["staff"]})).await;
        assert_eq!((beyond.status, beyond.code()), (403, "accounts.beyond_own"));
        let unknown = owner.post(&path, json!({"rights": ["everything"]})).await;
        assert_eq!(unknown.status, 422);

        assert_eq!(owner.post(&path, json!({"roles": [], "rights": []})).await.status, 200);
        assert_eq!(ines.get("/api/accounts/me").await.status, 200, "still signed in");
        assert_eq!(ines.get(&format!("/api/accounts/{jon}")).await.status, 404, "and no longer staff");
    });
}

#[test]
fn the_last_owner_stays() {
    on_both(async |world| {
        let mut owner = world.owner().await;
        let id = owner.id().await;
        let taken = owner.post(&format!("/api/accounts/{id}/set-roles"), json!({"roles": []})).await;
        assert_eq!((taken.status, taken.code()), (409, "accounts.last_owner"));
        assert_eq!(
            owner.post(&format!("/api/accounts/{id}/deactivate"), json!({})).await.code(),
            "accounts.last_owner"
        );
        assert_eq!(
            owner.post(&format!("/api/accounts/{id}/erase"), json!({})).await.code(),
            "accounts.last_owner"
        );
    });
}

#[test]
fn a_closed_account_is_out_at_once_and_may_come_back() {
    on_both(async |world| {
        let mut owner = world.owner().await;
        let mut ines = world.account("ines@corner.example").await;
        let id = ines.id().await;
        assert_eq!(ines.post(&format!("/api/accounts/{id}/deactivate"), json!({})).await.status, 403);
        assert_eq!(owner.post(&format!("/api/accounts/{id}/deactivate"), json!({})).await.status, 200);
        assert_eq!(ines.get("/api/accounts/me").await.status, 404);
        let refused = ines.sign_in("ines@corner.example", "four wet words").await;
        assert_eq!(refused.code(), "accounts.mismatch", "and nobody is told why");
        ines.post("/api/accounts/forgot", json!({"email": "ines@corner.example"})).await;
        assert!(world.letters("ines@corner.example").await.is_empty());
        assert_eq!(owner.post(&format!("/api/accounts/{id}/reactivate"), json!({})).await.status, 200);
        assert_eq!(ines.sign_in("ines@corner.example", "four wet words").await.status, 200);
    });
}

#[test]
fn whoever_runs_the_site_makes_accounts_and_links() {
    on_both(async |world| {
        let password =
            world.app.create(&world.db, "jon@corner.example", vec!["editor".into()]).await.unwrap();
        let mut jon = world.browser();
        assert_eq!(jon.sign_in("jon@corner.example", &password).await.json["roles"], json!(["editor"]));
        let twice = world.app.create(&world.db, "JON@corner.example", Vec::new()).await.unwrap_err();
        assert_eq!(twice.code(), "accounts.email_taken");
        let link = world.app.reset_link(&world.db, "jon@corner.example").await.unwrap();
        let token = token_in(&link);
        let reset =
            jon.post("/api/accounts/reset", json!({"token": token, "password": "other dry words"})).await;
        assert_eq!(reset.status, 200);
        assert_eq!(
            world.app.reset_link(&world.db, "nobody@corner.example").await.unwrap_err().code(),
            "accounts.unknown"
        );
        let (listed, next) = world.app.list(&world.db, None).await.unwrap();
        assert_eq!((listed.len(), next), (1, None));
        assert_eq!(
            (listed[0].email.as_deref(), listed[0].status.as_str()),
            (Some("jon@corner.example"), "active")
        );
    });
}

/// An account that came by an import has no row of secrets.
#[test]
fn an_imported_account_gets_a_password() {
    on_both(async |world| {
        let import = async |email: &'static str| {
            let made = world.db.write(&[], move |tx| {
                let schema = tx.schema();
                let accounts = schema.find("accounts").unwrap();
                let [address, verified] = ["email", "verified"].map(|name| accounts.find(name).unwrap().id);
                tx.insert(accounts.id, &New::of([(address, email.into()), (verified, true.into())])).map(drop)
            });
            made.await.unwrap();
        };
        import("ines@corner.example").await;
        let mut ines = world.browser();
        assert_eq!(ines.sign_in("ines@corner.example", "four wet words").await.code(), "accounts.mismatch");
        ines.post("/api/accounts/forgot", json!({"email": "ines@corner.example"})).await;
        let token = world.letter("ines@corner.example").await.token();
        let reset =
            ines.post("/api/accounts/reset", json!({"token": token, "password": "other dry words"})).await;
        assert_eq!((reset.status, &reset.json["has_password"]), (200, &json!(true)), "{}", reset.body);
        assert_eq!(ines.sign_in("ines@corner.example", "other dry words").await.status, 200);

        import("jon@corner.example").await;
        let link = world.app.reset_link(&world.db, "jon@corner.example").await.unwrap();
        let token = token_in(&link);
        let reset =
            ines.post("/api/accounts/reset", json!({"token": token, "password": "other dry words"})).await;
        assert_eq!(reset.status, 200);
    });
}

#[test]
fn somebody_who_signed_up_and_gets_no_mail() {
    on_both(async |world| {
        let mut ines = world.browser();
        world.sign_up(&mut ines, "ines@corner.example").await;
        let link = world.app.reset_link(&world.db, "ines@corner.example").await.unwrap();
        assert!(link.starts_with("/verify?token="), "{}", link.as_str());
        let me = ines.post("/api/accounts/verify", json!({"token": token_in(&link)})).await;
        assert_eq!((me.status, &me.json["has_password"]), (200, &json!(true)));
    });
}

#[test]
fn nobody_gives_roles_that_they_do_not_have_or_changes_their_own() {
    on_both(async |world| {
        let mut owner = world.owner().await;
        let mut clerk = world.account("clerk@corner.example").await;
        let (clerk_id, jon) = (clerk.id().await, world.account("jon@corner.example").await.id().await);
        let roles = async |who: &mut Browser<'_>, id: &str, roles: &[&str], rights: &[&str]| {
            let body = json!({"roles": roles, "rights": rights});
            who.post(&format!("/api/accounts/{id}/set-roles"), body).await.status
        };
        assert_eq!(roles(&mut owner, &clerk_id, &["editor"], &["accounts"]).await, 200);
        clerk.sign_in("clerk@corner.example", "four wet words").await;
        assert_eq!(
            roles(&mut clerk, &clerk_id, &["editor", "moderator"], &["accounts"]).await,
            403,
            "one's own"
        );
        assert_eq!(roles(&mut clerk, &jon, &["moderator"], &[]).await, 403, "a role one does not have");
        assert_eq!(roles(&mut clerk, &jon, &["editor"], &[]).await, 200);
        assert_eq!(roles(&mut owner, &jon, &["editor", "moderator"], &[]).await, 200, "who has all may");
        assert_eq!(roles(&mut clerk, &jon, &["moderator"], &[]).await, 200, "what was there may stay");
    });
}

/// Roles of the site count at once, for better and for worse.
#[test]
fn a_role_of_the_site_counts_at_once() {
    let editors =
        "prefix = \"text\"\n[fields.line]\ntype = \"text\"\n[rules]\ncreate = '\"editor\" in auth.roles'\n";
    super::on_both_in(&[("texts", editors)], async |world| {
        let mut owner = world.owner().await;
        let mut ines = world.account("ines@corner.example").await;
        let path = format!("/api/accounts/{}/set-roles", ines.id().await);
        for (roles, status) in [(json!([]), 403), (json!(["editor"]), 201), (json!([]), 403)] {
            assert_eq!(owner.post(&path, json!({"roles": roles})).await.status, 200);
            assert_eq!(ines.post("/api/texts", json!({"line": "x"})).await.status, status, "{roles}");
        }
    });
}
