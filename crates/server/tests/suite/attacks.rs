//! Bad input through the router: refused with a sentence, the same on both databases, and never answered 500.

use crate::talk::{id_of, on_both, say};

/// The statuses of a conversation, in order.
fn statuses(said: &str) -> Vec<u16> {
    said.split("\n> ")
        .filter_map(|one| one.lines().nth(1))
        .filter_map(|line| line.get(..3)?.parse().ok())
        .collect()
}

#[test]
fn bodies_made_to_break_something() {
    let deep = format!("{{\"title\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let large = format!("{{\"title\": \"{}\"}}", "x".repeat(2 << 20));
    let cases: Vec<(&str, u16)> = vec![
        (r#"{"title": "a\u0000b"}"#, 422),
        (r#"{"title": "\ud800"}"#, 400),
        (r#"{"title": "a", "title": "b"}"#, 400),
        (r#"{"title": "a", "stars": 9007199254740993}"#, 422),
        (r#"{"title": "a", "stars": 1e999}"#, 400),
        (r#"{"title": "a", "stars": NaN}"#, 400),
        (r#"{"title": "a", "stars": "1"}"#, 422),
        (r#"{"title": "a", "stars": {"add": {"add": 1}}}"#, 422),
        (r#"{"title": "a", "price": 1.5}"#, 422),
        (r#"{"title": "a", "price": "1e5"}"#, 422),
        (r#"{"title": "a", "price": "99999999999999999999"}"#, 422),
        (r#"{"title": {"$ne": null}}"#, 422),
        (r#"{"title": "a", "tags": [[["x"]]]}"#, 422),
        (r#"{"title": "a", "tags": {"add": "x"}}"#, 422),
        (r#"{"title": "a", "author": "account_'; DROP TABLE notes; --"}"#, 422),
        (r#"{"title": "a", "author": "me"}"#, 422),
        (r#"{"title": "a", "id": "note_00000000000000000000000000"}"#, 422),
        (r#"{"title": "a", "id": "account_01j00000000000000000000000"}"#, 422),
        (r#"{"title": "a", "__proto__": {"x": 1}}"#, 422),
        (r#"["title"]"#, 400),
        ("null", 400),
        ("", 400),
        ("\u{feff}{}", 400),
        (&deep, 400),
        (&large, 413),
    ];
    let said = on_both(async |talk| {
        for (body, _) in &cases {
            talk.editor(say("POST /api/notes?fields=id").json(*body)).await;
        }
    });
    let expected: Vec<u16> = cases.iter().map(|(_, status)| *status).collect();
    assert_eq!(statuses(&said), expected);
}

#[test]
fn addresses_made_to_break_something() {
    let cases: Vec<(String, u16)> = [
        ("/api/notes/slug=%00", 404),
        ("/api/notes/slug=%ff", 400),
        ("/api/notes/slug=a,slug=b", 400),
        ("/api/notes/=", 400),
        ("/api/notes/note_1/../x", 404),
        ("/api/notes/..%2f..%2fetc", 404),
        ("/api/notes%00", 404),
        ("/api//notes", 404),
        ("/API/notes", 404),
        ("/api/mains_keys", 404),
        ("/api/notes?where.slug=%00", 400),
        ("/api/notes?where.slug=x&where.stars=1", 200),
        ("/api/notes?where.slug%00%00%00stars=x", 400),
        ("/api/notes?filter=%00", 400),
        ("/api/notes?filter=stars%20%3E%2099999999999999999999", 400),
        ("/api/notes?filter=1%20%2F%200%20%3D%3D%201", 200),
        ("/api/notes?sort=stars,stars", 400),
        ("/api/notes?fields=secret,-title", 400),
        ("/api/notes?limit=1&limit=2", 400),
        ("/api/notes?cursor=AAAA", 400),
    ]
    .map(|(address, status)| (address.to_owned(), status))
    .into_iter()
    .chain([
        (format!("/api/notes?filter={}true{}", "(".repeat(1000), ")".repeat(1000)), 400),
        (format!("/api/notes?filter=true{}", "%26%26true".repeat(700)), 400),
        // Said two hundred times it is asked once.
        (format!("/api/notes?{}", "where.stars=1&".repeat(200)), 200),
    ])
    .collect();
    let said = on_both(async |talk| {
        for (address, _) in &cases {
            talk.send(say(&format!("GET {address}"))).await;
        }
    });
    let expected: Vec<u16> = cases.iter().map(|(_, status)| *status).collect();
    assert_eq!(statuses(&said), expected, "{}", said.chars().take(20_000).collect::<String>());
}

#[test]
fn headers_lend_no_rights() {
    let said = on_both(async |talk| {
        let note = id_of(&talk.editor(say("POST /api/notes?fields=id").json(r#"{"title": "a"}"#)).await);
        let patch = format!("PATCH /api/notes/{note}");
        let with = |name, value: &str| say(&patch).json(r#"{"title": "b"}"#).with(name, value);
        talk.send(with("x-forwarded-user", "staff")).await;
        talk.send(with("x-http-method-override", "DELETE")).await;
        talk.send(with("cookie", "session=staff")).await;
        talk.send(with("authorization", "Basic c3RhZmY6")).await;
        talk.send(with("authorization", "Bearer ")).await;
        talk.editor(with("if-match", "\"v1\", \"v2\"")).await;
        talk.editor(with("origin", "https://evil.example")).await;
        talk.editor(say(&patch).with("content-type", "text/plain")).await;
    });
    let statuses = statuses(&said);
    assert_eq!(statuses[..6], [201, 401, 401, 401, 401, 401], "{said}");
    assert_eq!(statuses[6], 400, "{said}");
    assert!(statuses.iter().all(|status| *status < 500), "{said}");
}
