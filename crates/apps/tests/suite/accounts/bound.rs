//! What only commands do to accounts: their guards hold for whoever asks, by every door of records.

use serde_json::{Value, json};

use super::on_both;
use super::world::{Browser, World};

const JON: &str = "jon@corner.example";
const INES: &str = "ines@corner.example";

/// Jon, staff of accounts; signed in, with his id.
async fn jon(world: &World) -> (Browser<'_>, String) {
    let mut owner = world.owner().await;
    let mut jon = world.account(JON).await;
    let id = jon.id().await;
    let rights = json!({"rights": ["accounts"]});
    assert_eq!(owner.post(&format!("/api/accounts/{id}/set-roles"), rights).await.status, 200);
    assert_eq!(jon.sign_in(JON, "four wet words").await.status, 200);
    (jon, id)
}

/// What is kept of all accounts.
async fn all(browser: &mut Browser<'_>) -> Value {
    browser.get("/api/accounts?sort=id").await.json["items"].clone()
}

#[test]
fn no_staff_changes_by_a_patch_what_a_command_guards() {
    on_both(async |world| {
        let (mut jon, _) = jon(&world).await;
        let mut owner = world.browser();
        let password =
            world.app.create(&world.db, "vera@corner.example", vec!["staff".into()]).await.unwrap();
        owner.sign_in("vera@corner.example", &password).await;
        let whom = owner.id().await;
        let before = all(&mut owner).await;
        for by in [&mut jon, &mut owner] {
            for change in [
                json!({"kind": "guest"}),
                json!({"email": "other@corner.example"}),
                json!({"verified": false}),
                json!({"has_password": false}),
                json!({"roles": ["staff", "editor"]}),
                json!({"roles": {"add": ["editor"]}}),
                json!({"rights": ["records"]}),
                json!({"status": "deactivated"}),
                json!({"merged_into": "me"}),
            ] {
                let name = change.as_object().unwrap().keys().next().unwrap().clone();
                for path in [
                    "/api/accounts/me".to_owned(),
                    format!("/api/accounts/{whom}"),
                    format!("/api/accounts?where.id={whom}"),
                ] {
                    let refused = by.patch(&path, change.clone()).await;
                    // One's own state may be said again; to say what is stored is no change.
                    if change == json!({"merged_into": "me"}) || refused.status != 200 {
                        assert_eq!(refused.status, 422, "{path} {change}: {}", refused.body);
                        assert_eq!(refused.json["errors"][0]["pointer"], json!(format!("/{name}")));
                    }
                }
                let put = format!("_method=PUT&{name}=x");
                let put = by.form(&format!("/api/accounts/{whom}"), &put).await;
                assert!(matches!(put.status, 409 | 422), "{name}: {} {}", put.status, put.body);
            }
        }
        assert_eq!(all(&mut owner).await, before);
        // What has no guards is staff's to change.
        let named = jon.patch(&format!("/api/accounts/{whom}"), json!({"name": "Vera"})).await;
        assert_eq!((named.status, &named.json["name"]), (200, &json!("Vera")));
    });
}

#[test]
fn no_staff_makes_or_deletes_accounts_but_by_commands() {
    on_both(async |world| {
        let (mut jon, id) = jon(&world).await;
        let mut ines = world.account(INES).await;
        let whom = ines.id().await;
        let mut owner = world.browser();
        let password =
            world.app.create(&world.db, "vera@corner.example", vec!["staff".into()]).await.unwrap();
        owner.sign_in("vera@corner.example", &password).await;
        let before = all(&mut owner).await;
        let new =
            json!({"email": "new@corner.example", "kind": "person", "roles": ["staff"], "verified": true});
        for by in [&mut jon, &mut owner] {
            let only = |answer: super::world::Answer| {
                assert_eq!((answer.status, answer.code()), (403, "records.commands_only"), "{}", answer.body);
            };
            only(by.post("/api/accounts", new.clone()).await);
            only(by.post("/api/accounts", json!({})).await);
            only(by.form("/api/accounts/email=new@corner.example", "_method=PUT&verified=true").await);
            only(by.form(&format!("/api/accounts/{whom}"), "_method=DELETE").await);
            only(by.form(&format!("/api/accounts/{id}"), "_method=DELETE").await);
            only(by.form("/api/accounts/email=ines@corner.example", "_method=DELETE").await);
            only(by.form("/api/accounts?where.kind=person", "_method=DELETE").await);
        }
        // Who is bound by rules learns nothing new.
        let refused = ines.post("/api/accounts", new.clone()).await;
        assert_eq!((refused.status, refused.code()), (403, "forbidden"));
        let refused = ines.form("/api/accounts/me", "_method=DELETE").await;
        assert_eq!((refused.status, refused.code()), (403, "forbidden"));
        assert_eq!(world.browser().post("/api/accounts", new).await.status, 401);
        assert_eq!(all(&mut owner).await, before);
        assert_eq!(ines.get("/api/accounts/me").await.status, 200);
    });
}

#[test]
fn no_staff_touches_sessions_or_consents_but_by_commands() {
    on_both(async |world| {
        let (mut jon, _) = jon(&world).await;
        let mut ines = world.account(INES).await;
        let yes = json!({"purpose": "newsletter", "granted": true, "wording": "A letter a month."});
        let consent = ines.post("/api/account_consents", yes).await.json["id"].clone();
        let session = ines.get("/api/account_sessions").await.json["items"][0]["id"].clone();
        let at = |what: &str, id: &Value| format!("/api/{what}/{}", id.as_str().unwrap());
        let session = at("account_sessions", &session);
        assert_eq!(jon.patch(&session, json!({"agent": "Other"})).await.code(), "records.commands_only");
        assert_eq!(jon.form(&session, "_method=DELETE").await.code(), "records.commands_only");
        let all = "/api/account_sessions?where.account=me";
        assert_eq!(jon.form(all, "_method=DELETE").await.code(), "records.commands_only");
        assert_eq!(jon.patch(all, json!({"agent": "Other"})).await.code(), "records.commands_only");
        let made = jon.post("/api/account_sessions", json!({"account": "me"})).await;
        assert_eq!(made.code(), "records.commands_only");
        let refused = jon.form(&at("account_consents", &consent), "_method=DELETE").await;
        assert_eq!(refused.code(), "records.commands_only");
        assert_eq!(ines.get("/api/accounts/me").await.status, 200);
        assert_eq!(jon.post(&format!("{session}/revoke"), json!({})).await.status / 100, 2);
        assert_ne!(ines.get("/api/accounts/me").await.status, 200, "by the command");
    });
}
