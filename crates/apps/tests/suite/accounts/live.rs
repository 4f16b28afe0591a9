//! Streams of changes end with what opened them, and tell nothing of what came after.

use http_body_util::BodyExt as _;
use mains_server::Body;
use serde_json::json;

use super::guests::LINES;
use super::on_both_in;
use super::world::{Browser, World};

const NOTES: &str = r#"
prefix = "note"
[fields.text]
type = "text"
[rules]
read = 'auth.signed_in'
create = 'auth.signed_in'
"#;

/// An open stream.
struct Listening {
    body: Body,
    text: String,
}

impl Listening {
    async fn begin(browser: &Browser<'_>, topic: &str) -> Self {
        let body = browser.open(&format!("/api/changes?topics={topic}")).await;
        let mut listening = Self { body, text: String::new() };
        assert_eq!(listening.next().await.as_deref(), Some("ready"));
        listening
    }

    /// The next event, with the text of its record or the reason of its end; `None` at the end of the stream.
    async fn next(&mut self) -> Option<String> {
        loop {
            let Some((whole, rest)) = self.text.split_once("\n\n") else {
                let frame = self.body.frame().await?.unwrap().into_data().unwrap();
                self.text.push_str(std::str::from_utf8(&frame).unwrap());
                continue;
            };
            let find = |name: &str| whole.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            let (name, data) = (find("event: "), find("data: "));
            let rest = rest.to_owned();
            self.text = rest;
            let (Some(name), Some(data)) = (name, data) else { continue };
            let data: serde_json::Value = serde_json::from_str(&data).unwrap();
            let said =
                data["record"]["text"].as_str().or(data["reason"].as_str()).map(|text| format!(" {text}"));
            return Some(name + &said.unwrap_or_default());
        }
    }

    /// Nothing came but the end.
    async fn expect_ended(&mut self, why: &str) {
        assert_eq!(self.next().await.as_deref(), Some("bye caller"), "{why}");
        assert_eq!(self.next().await, None, "{why}");
    }

    async fn expect(&mut self, text: &str) {
        assert_eq!(self.next().await, Some(format!("change {text}")));
    }
}

const PASSWORD: &str = "four wet words";

/// Somebody with two devices, and who stands above.
struct Parties<'p, 'w> {
    email: &'p str,
    here: &'p mut Browser<'w>,
    there: &'p mut Browser<'w>,
    owner: &'p mut Browser<'w>,
}

/// Ends the session of `there`, one way or the other; whether that of `here` goes on.
async fn end(world: &World, what: &str, parties: Parties<'_, '_>) -> bool {
    let Parties { email, here, there, owner } = parties;
    let id = here.id().await;
    let (path, body) = match what {
        "revoke" => (format!("/api/account_sessions/{}/revoke", youngest(there).await), json!({})),
        "revoke others" => ("/api/account_sessions/revoke-others".to_owned(), json!({})),
        "sign out" => ("/api/accounts/sign-out".to_owned(), json!({})),
        "change password" => (
            "/api/accounts/me/change-password".to_owned(),
            json!({"current": PASSWORD, "password": "other dry words"}),
        ),
        "reset password" => {
            there.post("/api/accounts/forgot", json!({"email": email})).await;
            let token = world.letter(email).await.token();
            ("/api/accounts/reset".to_owned(), json!({"token": token, "password": "other dry words"}))
        }
        "change address" => {
            let new = format!("new.{email}");
            let body = json!({"email": new, "current": PASSWORD});
            assert_eq!(here.post("/api/accounts/me/change-email", body).await.status, 202);
            let token = world.letter(&new).await.token();
            ("/api/accounts/confirm-email".to_owned(), json!({"token": token}))
        }
        "erase" => ("/api/accounts/me/erase".to_owned(), json!({"current": PASSWORD})),
        "staff deactivates" => (format!("/api/accounts/{id}/deactivate"), json!({})),
        "staff erases" => (format!("/api/accounts/{id}/erase"), json!({})),
        "staff takes roles" => (format!("/api/accounts/{id}/set-roles"), json!({"roles": []})),
        _ => panic!("{what}"),
    };
    let acting = match what {
        "sign out" => there,
        staff if staff.starts_with("staff") => owner,
        _ => here,
    };
    let answer = acting.post(&path, body).await;
    assert!(answer.status < 300, "{what}: {}", answer.body);
    matches!(what, "revoke" | "revoke others" | "sign out")
}

/// The session that was begun last.
async fn youngest(browser: &mut Browser<'_>) -> String {
    let list = browser.get("/api/account_sessions?sort=-created").await;
    list.json["items"][0]["id"].as_str().unwrap().to_owned()
}

/// PocketBase v0.38.1: a stream that kept its rights after the password was changed.
#[test]
fn streams_end_with_their_session() {
    on_both_in(&[("notes", NOTES)], async |world| {
        let stop = world.feed();
        let mut jon = world.account("jon@corner.example").await;
        let mut owner = world.owner().await;
        let mut jons = Listening::begin(&jon, "notes").await;
        for (number, what) in [
            "revoke",
            "revoke others",
            "sign out",
            "change password",
            "reset password",
            "change address",
            "erase",
            "staff deactivates",
            "staff erases",
            "staff takes roles",
        ]
        .into_iter()
        .enumerate()
        {
            let email = format!("ines{number}@corner.example");
            let mut here = world.account(&email).await;
            // Later, so that this one is the youngest.
            world.clock.advance_micros(1_000_000);
            let mut there = world.browser();
            assert_eq!(there.sign_in(&email, PASSWORD).await.status, 200);
            if what == "staff takes roles" {
                let id = here.id().await;
                let path = format!("/api/accounts/{id}/set-roles");
                assert_eq!(owner.post(&path, json!({"roles": ["desk"]})).await.status, 200);
            }
            let (mut first, mut second) =
                (Listening::begin(&here, "notes").await, Listening::begin(&there, "notes").await);
            let parties = Parties { email: &email, here: &mut here, there: &mut there, owner: &mut owner };
            let goes_on = end(&world, what, parties).await;
            // Made after the end: who was signed in before hears nothing of it.
            jon.post("/api/notes", json!({"text": what})).await;
            jons.expect(what).await;
            second.expect_ended(what).await;
            if goes_on {
                first.expect(what).await;
            } else {
                first.expect_ended(what).await;
            }
        }
        stop.ask();
    });
}

/// Who was a guest and signs in is somebody else from then on.
#[test]
fn the_stream_of_a_guest_ends_when_it_signs_in() {
    on_both_in(&[("notes", NOTES), ("lines", LINES)], async |world| {
        let stop = world.feed();
        world.account("ines@corner.example").await;
        let mut guest = world.browser();
        assert_eq!(guest.post("/api/lines", json!({"thing": "bread"})).await.status, 201);
        let mut listening = Listening::begin(&guest, "lines").await;
        assert_eq!(guest.sign_in("ines@corner.example", PASSWORD).await.status, 200);
        // That the line is another's now is of the same transaction, and may still be told.
        let mut last = listening.next().await;
        while last.as_deref().is_some_and(|event| event.starts_with("change")) {
            last = listening.next().await;
        }
        assert_eq!(last.as_deref(), Some("bye caller"));
        stop.ask();
    });
}
