//! What somebody agreed to.

use serde_json::json;

use super::on_both;

const PATH: &str = "/api/account_consents";

#[test]
fn a_consent_is_kept_as_it_was_and_goes_with_the_account() {
    on_both(async |world| {
        let said = |granted: bool| json!({"purpose": "newsletter", "granted": granted, "wording": "A letter a month."});
        let mut ines = world.account("ines@corner.example").await;
        let mut jon = world.account("jon@corner.example").await;
        let (own, other) = (ines.id().await, jon.id().await);
        let given = ines.post(PATH, said(true)).await;
        assert_eq!((given.status, &given.json["account"]), (201, &json!(own)), "{}", given.body);
        let one = format!("{PATH}/{}", given.json["id"].as_str().unwrap());
        assert_eq!(ines.post(PATH, said(false)).await.status, 201, "taking it back is a line of its own");
        let mut forged = said(true);
        forged["account"] = json!(other);
        assert_ne!(ines.post(PATH, forged).await.status, 201, "nobody agrees for another");
        assert_ne!(world.browser().post(PATH, said(true)).await.status, 201, "nor a visitor for anybody");
        assert_ne!(ines.patch(&one, json!({"granted": false})).await.status, 200);
        let last = format!("{PATH}?where.purpose=newsletter&sort=-created&limit=1");
        assert_eq!(ines.get(&last).await.json["items"][0]["granted"], json!(false), "the last one counts");
        assert_eq!(jon.get(PATH).await.json["items"], json!([]));
        assert_eq!(jon.get(&one).await.status, 404);
        assert_eq!(ines.post("/api/accounts/me/erase", json!({})).await.status, 204);
        world.work().await;
        assert_eq!(world.rows("account_consents").await, "");
    });
}
