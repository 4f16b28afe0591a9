//! The end of an account.

use mains_database::log::{Position, read};
use serde_json::json;

use super::{on_both, on_both_in};

const NOTES: &str = r#"
prefix = "note"
[fields.author]
type = "relation"
to = "accounts"
on_create = 'auth.id'
[fields.signed]
type = "text"
personal = "author"
[fields.text]
type = "text"
[rules]
read = 'true'
create = 'auth.signed_in'
"#;

#[test]
fn what_was_personal_is_gone_here_and_in_the_log() {
    on_both_in(&[("notes", NOTES)], async |world| {
        let mut ines = world.account("ines@corner.example").await;
        ines.patch("/api/accounts/me", json!({"name": "Ines Maria", "preferences": {"theme": "dark"}})).await;
        ines.headers = vec![("idempotency-key", "k1")];
        let note = ines.post("/api/notes", json!({"signed": "Ines Maria", "text": "Rye at eleven"})).await;
        ines.headers.clear();
        // Of an answer to somebody else nobody knows whether it tells of Ines.
        let mut jon = world.account("jon@corner.example").await;
        jon.headers = vec![("idempotency-key", "k1")];
        let about = json!({"signed": "Jon of the oats", "text": "Oats"});
        let jons = jon.post("/api/notes", about.clone()).await;
        assert!(world.rows("mains_idempotency").await.contains("Ines Maria"));
        let note = note.json["id"].as_str().unwrap().to_owned();
        let id = ines.id().await;
        jon.headers.clear();
        assert_eq!(jon.post(&format!("/api/accounts/{id}/erase"), json!({})).await.status, 404);

        world.pass_hours(1);
        let unproven = ines.post("/api/accounts/me/erase", json!({})).await;
        assert_eq!((unproven.status, unproven.code()), (403, "accounts.unproven"));
        let erased = ines.post("/api/accounts/me/erase", json!({"current": "four wet words"})).await;
        assert_eq!(erased.status, 204);
        assert_eq!(ines.get("/api/accounts/me").await.status, 404, "out at once");
        assert_eq!(world.letter("ines@corner.example").await.template, "erased");
        world.work().await;

        let left = world.rows("mains_idempotency").await;
        assert!(!left.contains("Ines Maria") && !left.contains("of the oats"), "{left}");
        jon.headers = vec![("idempotency-key", "k1")];
        let again = jon.post("/api/notes", about).await;
        assert_eq!((again.status, &again.json["id"]), (201, &jons.json["id"]), "Jon's key still counts");
        jon.headers.clear();

        let kept = jon.get(&format!("/api/notes/{note}")).await;
        assert_eq!((&kept.json["text"], &kept.json["signed"]), (&json!("Rye at eleven"), &json!(null)));
        let mut owner = world.owner().await;
        let tombstone = owner.get(&format!("/api/accounts/{id}")).await;
        assert_eq!((&tombstone.json["status"], &tombstone.json["email"]), (&json!("erased"), &json!(null)));
        assert_eq!(ines.sign_in("ines@corner.example", "four wet words").await.code(), "accounts.mismatch");

        let log = read(world.db.engine(), Position(0), 1000).await.unwrap();
        let told: Vec<_> = log.iter().filter_map(|change| change.data.as_deref()).collect();
        assert!(!told.iter().any(|data| data.contains("Ines") || data.contains("ines@")), "{told:#?}");
        assert!(told.iter().any(|data| data.contains("jon@")), "others stay");
        // The address is free again, and is another account.
        let again = world.account("ines@corner.example").await.id().await;
        assert_ne!(again, id);
    });
}

#[test]
fn staff_erases_those_who_cannot() {
    on_both(async |world| {
        let mut owner = world.owner().await;
        let mut ines = world.account("ines@corner.example").await;
        let id = ines.id().await;
        assert_eq!(owner.post(&format!("/api/accounts/{id}/erase"), json!({})).await.status, 204);
        assert_eq!(ines.get("/api/accounts/me").await.status, 404);
        world.work().await;
        assert_eq!(owner.get(&format!("/api/accounts/{id}")).await.json["status"], json!("erased"));
        let gone = owner.post(&format!("/api/accounts/{id}/reactivate"), json!({})).await;
        assert_eq!(gone.code(), "accounts.gone");
    });
}

/// Where letters are kept instead of sent, those to somebody who is erased go with them; the last one says what happened.
#[test]
fn letters_that_were_kept_go_with_the_account() {
    on_both(async |world| {
        let mut ines = world.account("ines@corner.example").await;
        world.account("jon@corner.example").await;
        ines.post("/api/accounts/forgot", json!({"email": "ines@corner.example"})).await;
        world.work().await;
        assert_eq!(ines.post("/api/accounts/me/erase", json!({})).await.status, 204);
        world.work().await;
        let kept = mains_server::mail::list(world.db.engine()).await.unwrap();
        let mut told: Vec<_> = kept.iter().map(|mail| (mail.to.as_str(), mail.template.as_str())).collect();
        told.sort_unstable();
        assert_eq!(told, [("ines@corner.example", "erased"), ("jon@corner.example", "verify")]);
    });
}
