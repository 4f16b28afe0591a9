//! Visitors who write before they say who they are.

use serde_json::json;

use super::on_both_in;

pub(super) const LINES: &str = r#"
prefix = "line"
guests = true
[fields.owner]
type = "relation"
to = "accounts"
on_create = 'auth.id'
on_delete = "cascade"
immutable = true
[fields.thing]
type = "text"
required = true
[[indexes]]
fields = ["owner", "thing"]
unique = true
[rules]
read = 'owner == auth.id'
create = 'auth.id == owner'
"#;

async fn things(browser: &mut super::world::Browser<'_>) -> Vec<String> {
    let list = browser.get("/api/lines?sort=thing").await;
    let items = list.json["items"].as_array().unwrap();
    items.iter().map(|item| item["thing"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_guest_who_signs_up_keeps_what_they_had() {
    on_both_in(&[("lines", LINES)], async |world| {
        let mut ines = world.browser();
        assert_eq!(ines.post("/api/lines", json!({"thing": "bread"})).await.status, 201);
        assert!(ines.cookie.is_some(), "the first write made a guest");
        assert_eq!(things(&mut ines).await, ["bread"]);
        let guest = ines.cookie.clone();
        world.sign_up(&mut ines, "ines@corner.example").await;
        let token = world.letter("ines@corner.example").await.token();
        ines.post("/api/accounts/verify", json!({"token": token})).await;
        assert_ne!(ines.cookie, guest, "the session is a new one");
        assert_eq!(things(&mut ines).await, ["bread"]);
        let mut copy = world.browser();
        copy.cookie = guest;
        assert!(things(&mut copy).await.is_empty(), "the guest's cookie opens nothing any more");
    });
}

#[test]
fn a_guest_who_signs_in_brings_what_they_had() {
    on_both_in(&[("lines", LINES)], async |world| {
        let mut ines = world.account("ines@corner.example").await;
        ines.post("/api/lines", json!({"thing": "bread"})).await;
        ines.post("/api/lines", json!({"thing": "milk"})).await;
        let mut phone = world.browser();
        phone.post("/api/lines", json!({"thing": "milk"})).await;
        phone.post("/api/lines", json!({"thing": "soap"})).await;
        assert_eq!(phone.sign_in("ines@corner.example", "four wet words").await.status, 200);
        assert_eq!(things(&mut phone).await, ["bread", "milk", "soap"], "of two of a kind the guest's goes");
        assert_eq!(things(&mut ines).await, ["bread", "milk", "soap"]);
    });
}

#[test]
fn a_guest_who_fails_to_sign_up_stays_a_guest() {
    on_both_in(&[("lines", LINES)], async |world| {
        world.account("ines@corner.example").await;
        world.pass_hours(1);
        let mut other = world.browser();
        other.post("/api/lines", json!({"thing": "bread"})).await;
        world.sign_up(&mut other, "ines@corner.example").await;
        assert_eq!(world.letter("ines@corner.example").await.template, "already");
        assert_eq!(things(&mut other).await, ["bread"]);
        assert_eq!(other.get("/api/accounts/me").await.json["kind"], json!("guest"));
    });
}
