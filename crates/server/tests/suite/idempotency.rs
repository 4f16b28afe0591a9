//! `Idempotency-Key`: done once, answered twice.

use futures_util::future::join_all;

use crate::lab::{Lab, on_both};

async fn post(lab: &Lab, address: &str, (cookie, key): (&str, &str), body: &str) -> crate::lab::Got {
    let headers = [("content-type", "application/json"), ("cookie", cookie), ("idempotency-key", key)];
    lab.send(&format!("POST {address}"), &headers, body).await
}

#[test]
fn a_record_is_made_once_and_answered_twice() {
    on_both(async |lab| {
        let (ada, _) = lab.sign_up("ada").await;
        let (bob, _) = lab.sign_up("bob").await;
        let one = r#"{"title":"One"}"#;
        let first = post(&lab, "/api/notes", (&ada, "k1"), one).await;
        let again = post(&lab, "/api/notes", (&ada, "\"k1\""), one).await;
        assert_eq!((first.status, again.status), (201, 201));
        assert_eq!(
            (&first.body, first.header("location"), first.header("etag")),
            (&again.body, again.header("location"), again.header("etag"))
        );
        let other = post(&lab, "/api/notes", (&ada, "k1"), r#"{"title":"Two"}"#).await;
        assert_eq!((other.status, other.json()["code"].as_str()), (422, Some("idempotency.other_payload")));
        let other = post(&lab, "/api/notes?fields=title", (&ada, "k1"), one).await;
        assert_eq!(other.status, 422, "another address is another request");
        let bobs = post(&lab, "/api/notes", (&bob, "k1"), one).await;
        assert!(bobs.status == 201 && bobs.id() != first.id(), "a key belongs to its caller");
        assert_eq!(post(&lab, "/api/notes", (&ada, "k2"), one).await.status, 201);
        let count = lab.json("GET /api/notes", &ada, "").await.json()["items"].as_array().unwrap().len();
        assert_eq!(count, 2);
    });
}

#[test]
fn what_fails_leaves_no_key_and_a_key_is_kept_for_a_day() {
    on_both(async |lab| {
        let (ada, _) = lab.sign_up("ada").await;
        assert_eq!(post(&lab, "/api/notes", (&ada, "k1"), "{}").await.status, 422);
        let made = post(&lab, "/api/notes", (&ada, "k1"), r#"{"title":"One"}"#).await;
        assert_eq!(made.status, 201);
        lab.clock.advance_micros(23 * 3_600 * 1_000_000);
        let again = post(&lab, "/api/notes", (&ada, "k1"), r#"{"title":"One"}"#).await;
        assert_eq!(again.id(), made.id());
        lab.clock.advance_micros(2 * 3_600 * 1_000_000);
        let anew = post(&lab, "/api/notes", (&ada, "k1"), r#"{"title":"Two"}"#).await;
        assert!(anew.status == 201 && anew.id() != made.id());
        for bad in ["", " ", &"x".repeat(256)] {
            let got = post(&lab, "/api/notes", (&ada, bad), "{}").await;
            assert_eq!(got.json()["code"], "idempotency.key", "{bad}");
        }
    });
}

#[test]
fn many_at_once_are_done_once() {
    on_both(async |lab| {
        let (ada, id) = lab.sign_up("ada").await;
        let pay = format!("/api/accounts/{id}/pay");
        let all = join_all((0..8).map(|_| post(&lab, &pay, (&ada, "k1"), ""))).await;
        assert!(
            all.iter().all(|got| matches!(got.status, 204 | 409)),
            "{:?}",
            all.iter().map(|got| got.status).collect::<Vec<_>>()
        );
        assert!(all.iter().any(|got| got.status == 204));
        assert_eq!(post(&lab, &pay, (&ada, "k1"), "").await.status, 204);
        let paid = lab.json("GET /api/accounts/me", &ada, "").await.json()["renamed"].clone();
        assert_eq!(paid, 1);
        let without = lab.json(&format!("POST {pay}"), &ada, "").await;
        assert_eq!((without.status, without.json()["code"].as_str()), (400, Some("idempotency.required")));
    });
}

#[test]
fn what_carries_a_session_is_not_kept() {
    on_both(async |lab| {
        lab.sign_up("ada").await;
        let body = r#"{"name":"ada"}"#;
        let first = post(&lab, "/api/accounts/sign-in", ("", "k1"), body).await;
        let again = post(&lab, "/api/accounts/sign-in", ("", "k1"), body).await;
        assert_eq!((first.status, again.status), (200, 200));
        assert!(first.cookie() != again.cookie() && again.cookie().len() > 20);
    });
}

#[test]
fn what_is_sent_with_a_secret_is_not_kept_either() {
    on_both(async |lab| {
        let body = r#"{"name":"eve","password":"12345678","nick":"e"}"#;
        let made = post(&lab, "/api/accounts/sign-up", ("", "k2"), body).await;
        let again = post(&lab, "/api/accounts/sign-up", ("", "k2"), body).await;
        assert_eq!((made.status, again.status), (201, 409), "done again, and refused: the name is taken");
        assert_eq!(kept(&lab).await, 0, "a hash of a body with a password can be guessed");
    });
}

async fn kept(lab: &Lab) -> usize {
    let count = lab.records.db().write(&[], |tx| tx.query("SELECT status FROM mains_idempotency", &[]));
    count.await.unwrap().0.len()
}

async fn bodies(lab: &Lab) -> String {
    let sql = "SELECT body FROM mains_idempotency WHERE body IS NOT NULL ORDER BY body";
    let rows = lab.records.db().write(&[], move |tx| tx.query(sql, &[])).await.unwrap();
    rows.0.iter().map(|row| row.text(0).unwrap().unwrap().to_owned()).collect()
}

#[test]
fn an_answer_is_forgotten_with_its_record_and_its_key_counts() {
    on_both(async |lab| {
        let (ada, _) = lab.sign_up("ada").await;
        let headers = [("cookie", ada.as_str())];
        let mut notes = Vec::new();
        for number in 0..3 {
            let (key, body) = (format!("k{number}"), format!(r#"{{"title":"Text {number}"}}"#));
            notes.push((post(&lab, "/api/notes", (&ada, &key), &body).await, key, body));
        }
        assert!(
            ["Text 0", "Text 1", "Text 2"]
                .iter()
                .all(|text| notes.iter().any(|(got, ..)| got.body.contains(text)))
        );
        let one = lab.send(&format!("DELETE /api/notes/{}", notes[0].0.id()), &headers, "").await;
        assert_eq!(one.status, 204, "{}", one.body);
        let many = lab.send(&format!("DELETE /api/notes?where.id={}", notes[1].0.id()), &headers, "").await;
        assert_eq!((many.status, many.json()["changed"].as_i64()), (200, Some(1)), "{}", many.body);
        let left = bodies(&lab).await;
        assert!(!left.contains("Text 0") && !left.contains("Text 1") && left.contains("Text 2"), "{left}");
        for (made, key, body) in &notes[..2] {
            let again = post(&lab, "/api/notes", (&ada, key), body).await;
            assert_eq!((again.status, again.id()), (201, made.id()), "it is not made twice");
            assert_eq!(again.json().get("title"), None);
        }
    });
}

#[test]
fn a_key_beside_anything_but_post_is_refused() {
    on_both(async |lab| {
        let (ada, id) = lab.sign_up("ada").await;
        let headers =
            [("content-type", "application/json"), ("cookie", ada.as_str()), ("idempotency-key", "k1")];
        assert_eq!(lab.send(&format!("PATCH /api/accounts/{id}"), &headers, "{}").await.status, 501);
    });
}
