//! The records API as api.md promises it, on both databases.

use insta::assert_snapshot;

use crate::talk::{id_of, on_both, say};

const NOTE: &str = r#"{"title": "Hello, world", "tags": ["a", "b"], "price": "12.50", "secret": "s"}"#;

#[test]
fn a_record_from_create_to_delete() {
    assert_snapshot!(on_both(async |talk| {
        let note = id_of(&talk.editor(say("POST /api/notes").json(NOTE)).await);
        let at = |method: &str| format!("{method} /api/notes/{note}");
        talk.editor(say(&at("GET"))).await;
        talk.reader(say(&at("HEAD"))).await;
        talk.send(say("GET /api/notes/slug=hello-world?fields=title,tags")).await;
        talk.clock.advance_micros(1_000_000);
        talk.editor(say(&at("PATCH")).json(r#"{"stars": {"add": 3}, "tags": {"add": ["c"], "remove": ["a"]}}"#)).await;
        talk.editor(say(&at("PATCH")).json(r#"{"title": "x"}"#).with("if-match", "\"v1\"")).await;
        talk.editor(say(&at("PATCH")).json(r#"{"title": "Later", "price": null}"#).with("if-match", "\"v2\"")).await;
        talk.editor(say(&at("DELETE"))).await;
        talk.editor(say(&at("GET"))).await;
    }), @r#"
    > POST /api/notes {"title": "Hello, world", "tags": ["a", "b"], "price": "12.50", "secret": "s"}
    201 location: /api/notes/note_1 etag: "v1"
    {"id":"note_1","created":"2026-01-02T03:04:05.000000Z","updated":"2026-01-02T03:04:05.000000Z","version":1,"title":"Hello, world","slug":"hello-world","stars":0,"price":"12.50","tags":["a","b"],"status":"draft","author":null,"private":false,"secret":"s"}

    > GET /api/notes/note_1 
    200 etag: "v1"
    {"id":"note_1","created":"2026-01-02T03:04:05.000000Z","updated":"2026-01-02T03:04:05.000000Z","version":1,"title":"Hello, world","slug":"hello-world","stars":0,"price":"12.50","tags":["a","b"],"status":"draft","author":null,"private":false,"secret":"s"}

    > HEAD /api/notes/note_1 
    200 etag: "v1" content-length: 266


    > GET /api/notes/slug=hello-world?fields=title,tags 
    200 etag: "v1"
    {"id":"note_1","title":"Hello, world","tags":["a","b"]}

    > PATCH /api/notes/note_1 {"stars": {"add": 3}, "tags": {"add": ["c"], "remove": ["a"]}}
    200 etag: "v2"
    {"id":"note_1","created":"2026-01-02T03:04:05.000000Z","updated":"2026-01-02T03:04:06.000000Z","version":2,"title":"Hello, world","slug":"hello-world","stars":3,"price":"12.50","tags":["b","c"],"status":"draft","author":null,"private":false,"secret":"s"}

    > PATCH /api/notes/note_1 {"title": "x"}
    412
    {"type":"/api/docs/errors#records.changed","title":"Precondition Failed","status":412,"code":"records.changed","detail":"This was changed meanwhile. Read it again, then decide.","request_id":"req_1"}

    > PATCH /api/notes/note_1 {"title": "Later", "price": null}
    200 etag: "v3"
    {"id":"note_1","created":"2026-01-02T03:04:05.000000Z","updated":"2026-01-02T03:04:06.000000Z","version":3,"title":"Later","slug":"hello-world","stars":3,"price":null,"tags":["b","c"],"status":"draft","author":null,"private":false,"secret":"s"}

    > DELETE /api/notes/note_1 
    204


    > GET /api/notes/note_1 
    404
    {"type":"/api/docs/errors#not_found","title":"Not Found","status":404,"code":"not_found","detail":"There is nothing here, or it is not yours to see.","request_id":"req_1"}
    "#);
}

#[test]
fn lists() {
    assert_snapshot!(on_both(async |talk| {
        for title in ["One", "Two", "Three"] {
            talk.editor(say("POST /api/notes?fields=title").json(format!("{{\"title\": \"{title}\"}}"))).await;
            talk.clock.advance_micros(1);
        }
        talk.send(say("GET /api/notes?fields=title&total=true&where.tags=")).await;
        let page = talk.send(say("GET /api/notes?fields=title&sort=-title&limit=2")).await;
        let next = serde_json::from_str::<serde_json::Value>(&page).unwrap()["next"].as_str().unwrap().to_owned();
        let more = talk.send(say(&format!("GET /api/notes?fields=title&sort=-title&limit=2&cursor={next}"))).await;
        assert!(more.contains("One") && more.contains("\"next\":null"), "{more}");
        talk.send(say("GET /api/notes?fields=title&where.title=One&where.title=Two")).await;
        talk.send(say("GET /api/notes?fields=title&filter=stars%20%3D%3D%200%20%26%26%20title%20%3E%20%22Th%22")).await;
    }), @r#"
    > POST /api/notes?fields=title {"title": "One"}
    201 location: /api/notes/note_1 etag: "v1"
    {"id":"note_1","title":"One"}

    > POST /api/notes?fields=title {"title": "Two"}
    201 location: /api/notes/note_2 etag: "v1"
    {"id":"note_2","title":"Two"}

    > POST /api/notes?fields=title {"title": "Three"}
    201 location: /api/notes/note_3 etag: "v1"
    {"id":"note_3","title":"Three"}

    > GET /api/notes?fields=title&total=true&where.tags= 
    200
    {"items":[{"id":"note_1","title":"One"},{"id":"note_2","title":"Two"},{"id":"note_3","title":"Three"}],"next":null,"total":3}

    > GET /api/notes?fields=title&sort=-title&limit=2 
    200
    {"items":[{"id":"note_2","title":"Two"},{"id":"note_3","title":"Three"}],"next":"…"}

    > GET /api/notes?fields=title&sort=-title&limit=2&cursor=… 
    200
    {"items":[{"id":"note_1","title":"One"}],"next":null}

    > GET /api/notes?fields=title&where.title=One&where.title=Two 
    200
    {"items":[{"id":"note_1","title":"One"},{"id":"note_2","title":"Two"}],"next":null}

    > GET /api/notes?fields=title&filter=stars%20%3D%3D%200%20%26%26%20title%20%3E%20%22Th%22 
    200
    {"items":[{"id":"note_2","title":"Two"},{"id":"note_3","title":"Three"}],"next":null}
    "#);
}

#[test]
fn a_unique_index_is_an_address() {
    assert_snapshot!(on_both(async |talk| {
        let account = id_of(&talk.send(say("POST /api/accounts?fields=id").json(r#"{"name": "Ada, B=C"}"#)).await);
        let note = id_of(&talk.editor(say("POST /api/notes?fields=id").json(r#"{"title": "V"}"#)).await);
        let vote = |method: &str| format!("{method} /api/votes/account={account},note={note}?fields=up");
        talk.send(say(&vote("GET"))).await;
        talk.send(say(&vote("PUT"))).await;
        talk.send(say(&vote("PUT")).json(r#"{"up": false}"#)).await;
        talk.send(say(&vote("PUT")).json(r#"{"up": false}"#)).await;
        talk.send(say(&vote("PUT")).json(r#"{"up": true}"#).with("if-match", "*")).await;
        let body = format!(r#"{{"note": "{note}", "account": "{account}"}}"#);
        talk.send(say("POST /api/votes").json(body)).await;
        talk.send(say(&format!("DELETE /api/votes/account={account},note={note}"))).await;
        talk.send(say(&vote("PUT")).json(r#"{"up": true}"#).with("if-match", "*")).await;
        talk.send(say(&vote("GET"))).await;
        talk.send(say("GET /api/accounts/name=Ada%2C%20B%3DC?fields=name")).await;
        talk.send(say("GET /api/accounts/Ada")).await;
        talk.send(say("GET /api/accounts/nme=Ada")).await;
        talk.send(say(&format!("GET /api/notes/{account}"))).await;
    }), @r#"
    > POST /api/accounts?fields=id {"name": "Ada, B=C"}
    201 location: /api/accounts/account_1 etag: "v1"
    {"id":"account_1"}

    > POST /api/notes?fields=id {"title": "V"}
    201 location: /api/notes/note_2 etag: "v1"
    {"id":"note_2"}

    > GET /api/votes/account=account_1,note=note_2?fields=up 
    404
    {"type":"/api/docs/errors#not_found","title":"Not Found","status":404,"code":"not_found","detail":"There is nothing here, or it is not yours to see.","request_id":"req_1"}

    > PUT /api/votes/account=account_1,note=note_2?fields=up 
    201 location: /api/votes/vote_3 etag: "v1"
    {"id":"vote_3","up":true}

    > PUT /api/votes/account=account_1,note=note_2?fields=up {"up": false}
    200 etag: "v2"
    {"id":"vote_3","up":false}

    > PUT /api/votes/account=account_1,note=note_2?fields=up {"up": false}
    200 etag: "v2"
    {"id":"vote_3","up":false}

    > PUT /api/votes/account=account_1,note=note_2?fields=up {"up": true}
    200 etag: "v3"
    {"id":"vote_3","up":true}

    > POST /api/votes {"note": "note_2", "account": "account_1"}
    409
    {"type":"/api/docs/errors#records.not_unique","title":"Conflict","status":409,"code":"records.not_unique","detail":"You have voted already.","errors":[{"pointer":"/note","code":"not_unique","detail":"You have voted already."},{"pointer":"/account","code":"not_unique","detail":"You have voted already."}],"request_id":"req_1"}

    > DELETE /api/votes/account=account_1,note=note_2 
    204


    > PUT /api/votes/account=account_1,note=note_2?fields=up {"up": true}
    412
    {"type":"/api/docs/errors#records.changed","title":"Precondition Failed","status":412,"code":"records.changed","detail":"This was changed meanwhile. Read it again, then decide.","request_id":"req_1"}

    > GET /api/votes/account=account_1,note=note_2?fields=up 
    404
    {"type":"/api/docs/errors#not_found","title":"Not Found","status":404,"code":"not_found","detail":"There is nothing here, or it is not yours to see.","request_id":"req_1"}

    > GET /api/accounts/name=Ada%2C%20B%3DC?fields=name 
    200 etag: "v1"
    {"id":"account_1","name":"Ada, B=C"}

    > GET /api/accounts/Ada 
    404
    {"type":"/api/docs/errors#not_found","title":"Not Found","status":404,"code":"not_found","detail":"There is nothing here, or it is not yours to see.","request_id":"req_1"}

    > GET /api/accounts/nme=Ada 
    400
    {"type":"/api/docs/errors#query.address","title":"Bad Request","status":400,"code":"query.address","detail":"A record's address is its id, or name=value of each field of one unique index, with commas between.","request_id":"req_1"}

    > GET /api/notes/account_1 
    404
    {"type":"/api/docs/errors#not_found","title":"Not Found","status":404,"code":"not_found","detail":"There is nothing here, or it is not yours to see.","request_id":"req_1"}
    "#);
}

#[test]
fn an_id_made_by_the_client_makes_a_repetition_harmless() {
    assert_snapshot!(on_both(async |talk| {
        let note = |title: &str| format!(r#"{{"id": "note_01j00000000ag0800000000000", "title": "{title}"}}"#);
        let made = note("Mine").replace("01j00000000ag0800000000000", "01kdysb65xe0080000000000ab");
        talk.editor(say("POST /api/notes?fields=title").json(made.clone())).await;
        talk.editor(say("POST /api/notes?fields=title").json(made.clone())).await;
        talk.editor(say("POST /api/notes?fields=title").json(made.replace("Mine", "Other"))).await;
        talk.editor(say("POST /api/notes").json(r#"{"id": "note_x", "title": "t"}"#)).await;
        talk.editor(say("POST /api/notes").json(r#"{"id": "vote_01kdysb65xe0080000000000ab", "title": "t"}"#)).await;
    }), @r#"
    > POST /api/notes?fields=title {"id": "note_1", "title": "Mine"}
    201 location: /api/notes/note_1 etag: "v1"
    {"id":"note_1","title":"Mine"}

    > POST /api/notes?fields=title {"id": "note_1", "title": "Mine"}
    200 etag: "v1"
    {"id":"note_1","title":"Mine"}

    > POST /api/notes?fields=title {"id": "note_1", "title": "Other"}
    409
    {"type":"/api/docs/errors#records.id_taken","title":"Conflict","status":409,"code":"records.id_taken","detail":"Another record has this id. Make a new one.","request_id":"req_1"}

    > POST /api/notes {"id": "note_x", "title": "t"}
    422
    {"type":"/api/docs/errors#records.invalid","title":"Unprocessable Entity","status":422,"code":"records.invalid","detail":"Some fields need another value.","errors":[{"pointer":"/id","code":"id","detail":"An id here is note_ and 26 characters; or leave it out."}],"request_id":"req_1"}

    > POST /api/notes {"id": "vote_1", "title": "t"}
    422
    {"type":"/api/docs/errors#records.invalid","title":"Unprocessable Entity","status":422,"code":"records.invalid","detail":"Some fields need another value.","errors":[{"pointer":"/id","code":"id","detail":"An id here is note_ and 26 characters; or leave it out."}],"request_id":"req_1"}
    "#);
}

#[test]
fn many_by_a_condition() {
    assert_snapshot!(on_both(async |talk| {
        for title in ["One", "Two", "Three"] {
            talk.editor(say("POST /api/notes?fields=id").json(format!("{{\"title\": \"{title}\"}}"))).await;
        }
        talk.editor(say("PATCH /api/notes?where.title=One&where.title=Two").json(r#"{"stars": 5}"#)).await;
        talk.editor(say("PATCH /api/notes?where.stars=5").json(r#"{"stars": 50}"#)).await;
        talk.editor(say("PATCH /api/notes").json(r#"{"stars": 1}"#)).await;
        talk.reader(say("DELETE /api/notes?where.stars=5")).await;
        talk.editor(say("DELETE /api/notes?filter=stars%20%3D%3D%205")).await;
        talk.editor(say("DELETE /api/notes?where.stars=")).await;
        talk.send(say("GET /api/notes?fields=title,stars")).await;
    }), @r#"
    > POST /api/notes?fields=id {"title": "One"}
    201 location: /api/notes/note_1 etag: "v1"
    {"id":"note_1"}

    > POST /api/notes?fields=id {"title": "Two"}
    201 location: /api/notes/note_2 etag: "v1"
    {"id":"note_2"}

    > POST /api/notes?fields=id {"title": "Three"}
    201 location: /api/notes/note_3 etag: "v1"
    {"id":"note_3"}

    > PATCH /api/notes?where.title=One&where.title=Two {"stars": 5}
    200
    {"changed":2,"more":false}

    > PATCH /api/notes?where.stars=5 {"stars": 50}
    422
    {"type":"/api/docs/errors#records.invalid","title":"Unprocessable Entity","status":422,"code":"records.invalid","detail":"Some fields need another value.","errors":[{"pointer":"/stars","code":"too_large","detail":"The most here is 10."}],"request_id":"req_1"}

    > PATCH /api/notes {"stars": 1}
    400
    {"type":"/api/docs/errors#query.no_condition","title":"Bad Request","status":400,"code":"query.no_condition","detail":"Say which records with where.… or filter=, or name one in the address.","request_id":"req_1"}

    > DELETE /api/notes?where.stars=5 
    403
    {"type":"/api/docs/errors#forbidden","title":"Forbidden","status":403,"code":"forbidden","detail":"You may not do this. Ask who runs this site if you should.","request_id":"req_1"}

    > DELETE /api/notes?filter=stars%20%3D%3D%205 
    200
    {"changed":2,"more":false}

    > DELETE /api/notes?where.stars= 
    400
    {"type":"/api/docs/errors#query.no_condition","title":"Bad Request","status":400,"code":"query.no_condition","detail":"Say which records with where.… or filter=, or name one in the address.","request_id":"req_1"}

    > GET /api/notes?fields=title,stars 
    200
    {"items":[{"id":"note_3","title":"Three","stars":0}],"next":null}
    "#);
}

#[test]
fn more_than_a_thousand_at_once() {
    let said = on_both(async |talk| {
        for place in 0..1001 {
            talk.send(say("POST /api/accounts?fields=id").json(format!("{{\"name\": \"{place}\"}}"))).await;
        }
        let staff = mains_server::keys::NewKey { roles: vec!["staff".into()], ..Default::default() };
        let key = talk.callers.create_key(staff).await.unwrap().1;
        let staff = |line| say(line).with("authorization", format!("Bearer {}", key.expose()));
        talk.send(staff("DELETE /api/accounts?filter=name%20!%3D%20%22x%22")).await;
        talk.send(staff("DELETE /api/accounts?filter=name%20!%3D%20%22x%22")).await;
    });
    let answers: Vec<&str> = said.lines().filter(|line| line.starts_with("{\"changed")).collect();
    assert_eq!(answers, ["{\"changed\":1000,\"more\":true}", "{\"changed\":1,\"more\":false}"]);
}
