//! What the records API refuses, in which order and with which words, on both databases.

use insta::assert_snapshot;

use crate::talk::{id_of, on_both, say};

const NOTE: &str = r#"{"title": "Hello, world", "tags": ["a", "b"], "price": "12.50", "secret": "s"}"#;

#[test]
fn what_is_wrong_with_fields_is_said_all_at_once() {
    assert_snapshot!(on_both(async |talk| {
        let body = r#"{"titel": "x", "stars": 11, "price": "1.234", "tags": ["a", 1], "status": "gone", "author": "note_1"}"#;
        talk.editor(say("POST /api/notes").json(body)).await;
        talk.editor(say("POST /api/notes").json("{}")).await;
        talk.editor(say("POST /api/notes").json(r#"{"title": 5}"#)).await;
        talk.editor(say("POST /api/notes").json("[1]")).await;
        talk.editor(say("POST /api/notes")).await;
        talk.editor(say("POST /api/notes").json("{\"title\": \"a\", \"title\": \"b\"}")).await;
    }), @r#"
    > POST /api/notes {"titel": "x", "stars": 11, "price": "1.234", "tags": ["a", 1], "status": "gone", "author": "note_1"}
    422
    {"type":"/api/docs/errors#records.invalid","title":"Unprocessable Entity","status":422,"code":"records.invalid","detail":"Some fields need another value.","errors":[{"pointer":"/titel","code":"unknown_field","detail":"notes has no field of this name. Did you mean title?"},{"pointer":"/stars","code":"too_large","detail":"The most here is 10."},{"pointer":"/price","code":"type","detail":"Write a number with up to 2 digits after the point, such as \"12.50\"."},{"pointer":"/tags/1","code":"type","detail":"Send text, such as \"words\"."},{"pointer":"/status","code":"choice","detail":"Choose one of: draft, done."},{"pointer":"/author","code":"id","detail":"Give the id of one of accounts; it begins with account_."},{"pointer":"/title","code":"required","detail":"This is needed. Give it a value."}],"request_id":"req_1"}

    > POST /api/notes {}
    422
    {"type":"/api/docs/errors#records.invalid","title":"Unprocessable Entity","status":422,"code":"records.invalid","detail":"Some fields need another value.","errors":[{"pointer":"/title","code":"required","detail":"This is needed. Give it a value."}],"request_id":"req_1"}

    > POST /api/notes {"title": 5}
    422
    {"type":"/api/docs/errors#records.invalid","title":"Unprocessable Entity","status":422,"code":"records.invalid","detail":"Some fields need another value.","errors":[{"pointer":"/title","code":"type","detail":"Send text, such as \"words\"."}],"request_id":"req_1"}

    > POST /api/notes [1]
    400
    {"type":"/api/docs/errors#request.json","title":"Bad Request","status":400,"code":"request.json","detail":"The body must be one JSON object: invalid type: sequence, expected a JSON object at line 1 column 0.","request_id":"req_1"}

    > POST /api/notes 
    400
    {"type":"/api/docs/errors#request.json","title":"Bad Request","status":400,"code":"request.json","detail":"The body is empty; send one JSON object, or a form.","request_id":"req_1"}

    > POST /api/notes {"title": "a", "title": "b"}
    400
    {"type":"/api/docs/errors#request.json","title":"Bad Request","status":400,"code":"request.json","detail":"The body must be one JSON object: \"title\" comes twice at line 1 column 22.","request_id":"req_1"}
    "#);
}

#[test]
fn which_error_first() {
    assert_snapshot!(on_both(async |talk| {
        let note = id_of(&talk.editor(say("POST /api/notes?fields=id").json(r#"{"title": "P", "private": true}"#)).await);
        let open = id_of(&talk.editor(say("POST /api/notes?fields=id").json(r#"{"title": "O"}"#)).await);
        talk.reader(say(&format!("GET /api/notes/{note}"))).await;
        talk.reader(say(&format!("PATCH /api/notes/{note}")).json(r#"{"stars": 99}"#)).await;
        talk.reader(say(&format!("PATCH /api/notes/{open}")).json(r#"{"stars": 99}"#)).await;
        talk.send(say(&format!("PATCH /api/notes/{open}")).json(r#"{"stars": 99}"#)).await;
        talk.send(say("POST /api/notes").json(NOTE)).await;
        talk.editor(say(&format!("PATCH /api/notes/{open}")).json(r#"{"status": "done", "stars": 1}"#)).await;
        talk.editor(say(&format!("PATCH /api/notes/{open}")).json(r#"{"status": "draft"}"#)).await;
        talk.reader(say("POST /api/notes").json(r#"{"title": "Q", "private": true}"#)).await;
        talk.send(say("GET /api/notes").with("authorization", "Bearer mains_key_nobody")).await;
    }), @r#"
    > POST /api/notes?fields=id {"title": "P", "private": true}
    201 location: /api/notes/note_1 etag: "v1"
    {"id":"note_1"}

    > POST /api/notes?fields=id {"title": "O"}
    201 location: /api/notes/note_2 etag: "v1"
    {"id":"note_2"}

    > GET /api/notes/note_1 
    404
    {"type":"/api/docs/errors#not_found","title":"Not Found","status":404,"code":"not_found","detail":"There is nothing here, or it is not yours to see.","request_id":"req_1"}

    > PATCH /api/notes/note_1 {"stars": 99}
    404
    {"type":"/api/docs/errors#not_found","title":"Not Found","status":404,"code":"not_found","detail":"There is nothing here, or it is not yours to see.","request_id":"req_1"}

    > PATCH /api/notes/note_2 {"stars": 99}
    403
    {"type":"/api/docs/errors#forbidden","title":"Forbidden","status":403,"code":"forbidden","detail":"You may not do this. Ask who runs this site if you should.","request_id":"req_1"}

    > PATCH /api/notes/note_2 {"stars": 99}
    401
    {"type":"/api/docs/errors#unauthenticated","title":"Unauthorized","status":401,"code":"unauthenticated","detail":"Sign in to do this.","request_id":"req_1"}

    > POST /api/notes {"title": "Hello, world", "tags": ["a", "b"], "price": "12.50", "secret": "s"}
    401
    {"type":"/api/docs/errors#unauthenticated","title":"Unauthorized","status":401,"code":"unauthenticated","detail":"Sign in to do this.","request_id":"req_1"}

    > PATCH /api/notes/note_2 {"status": "done", "stars": 1}
    200 etag: "v2"
    {"id":"note_2","created":"2026-01-02T03:04:05.000000Z","updated":"2026-01-02T03:04:05.000000Z","version":2,"title":"O","slug":"o","stars":1,"price":null,"tags":[],"status":"done","author":null,"private":false,"secret":null}

    > PATCH /api/notes/note_2 {"status": "draft"}
    409
    {"type":"/api/docs/errors#records.transition","title":"Conflict","status":409,"code":"records.transition","detail":"It cannot go from done to draft.","errors":[{"pointer":"/status","code":"transition","detail":"It cannot go from done to draft."}],"request_id":"req_1"}

    > POST /api/notes {"title": "Q", "private": true}
    201 location: /api/notes/note_3
    {"id":"note_3"}

    > GET /api/notes 
    401
    {"type":"/api/docs/errors#callers.unknown_key","title":"Unauthorized","status":401,"code":"callers.unknown_key","detail":"This key is unknown, revoked or expired; ask the owner of the site for a new one.","request_id":"req_1"}
    "#);
}

#[test]
fn what_is_not_there_yet_is_refused() {
    let said = on_both(async |talk| {
        for line in [
            "GET /api/notes?search=x",
            "GET /api/notes/note_1/history",
            "POST /api/batch",
            "GET /api/openapi.json",
        ] {
            talk.editor(say(line)).await;
        }
        talk.editor(say("PUT /api/notes/slug=x").json(NOTE).with("idempotency-key", "k")).await;
        talk.editor(say("PUT /api/notes/slug=x").json(NOTE).with("if-none-match", "*")).await;
    });
    assert_eq!(said.matches("\n501\n").count(), 6, "{said}");
}

#[test]
fn what_is_not_known_is_refused() {
    assert_snapshot!(on_both(async |talk| {
        talk.send(say("GET /api/notes?sortt=title")).await;
        talk.send(say("GET /api/notes?sort=titel")).await;
        talk.send(say("GET /api/notes?where.titel=x")).await;
        talk.send(say("GET /api/notes?filter=titel%20%3D%3D%201")).await;
        talk.send(say("GET /api/notes?limit=501")).await;
        talk.send(say("GET /api/notes?cursor=abc")).await;
        talk.send(say("GET /api/nots")).await;
        talk.send(say("GET /api/mains_keys")).await;
        talk.editor(say("POST /api/notes?limit=1").json(NOTE)).await;
        talk.editor(say("POST /api/notes").with("content-type", "multipart/form-data; boundary=x")).await;
    }), @r#"
    > GET /api/notes?sortt=title 
    400
    {"type":"/api/docs/errors#query.unknown","title":"Bad Request","status":400,"code":"query.unknown","detail":"There is no parameter \"sortt\" here. Did you mean sort? A condition on a field is where.<field>=.","request_id":"req_1"}

    > GET /api/notes?sort=titel 
    400
    {"type":"/api/docs/errors#query.sort","title":"Bad Request","status":400,"code":"query.sort","detail":"notes has no field \"titel\" that can be read.","request_id":"req_1"}

    > GET /api/notes?where.titel=x 
    400
    {"type":"/api/docs/errors#query.where","title":"Bad Request","status":400,"code":"query.where","detail":"notes has no field \"titel\" that can be read.","request_id":"req_1"}

    > GET /api/notes?filter=titel%20%3D%3D%201 
    400
    {"type":"/api/docs/errors#query.filter","title":"Bad Request","status":400,"code":"query.filter","detail":"Filter, at character 1: notes has no field `titel`. Did you mean `title`?","request_id":"req_1"}

    > GET /api/notes?limit=501 
    400
    {"type":"/api/docs/errors#query.limit","title":"Bad Request","status":400,"code":"query.limit","detail":"Limit is a whole number from 1 to 500.","request_id":"req_1"}

    > GET /api/notes?cursor=… 
    400
    {"type":"/api/docs/errors#query.cursor","title":"Bad Request","status":400,"code":"query.cursor","detail":"This cursor does not belong to this list: take `next` of the page before, with the same sort, conditions and caller.","request_id":"req_1"}

    > GET /api/nots 
    404
    {"type":"/api/docs/errors#not_found","title":"Not Found","status":404,"code":"not_found","detail":"There is nothing here, or it is not yours to see.","request_id":"req_1"}

    > GET /api/mains_keys 
    404
    {"type":"/api/docs/errors#not_found","title":"Not Found","status":404,"code":"not_found","detail":"There is nothing here, or it is not yours to see.","request_id":"req_1"}

    > POST /api/notes?limit=1 {"title": "Hello, world", "tags": ["a", "b"], "price": "12.50", "secret": "s"}
    400
    {"type":"/api/docs/errors#query.unknown","title":"Bad Request","status":400,"code":"query.unknown","detail":"There is no parameter \"limit\" here.","request_id":"req_1"}

    > POST /api/notes 
    400
    {"type":"/api/docs/errors#forms.unreadable","title":"Bad Request","status":400,"code":"forms.unreadable","detail":"The form is not multipart/form-data as its Content-Type says; send it again as browsers do.","request_id":"req_1"}
    "#);
}

#[test]
fn methods() {
    assert_snapshot!(on_both(async |talk| {
        talk.send(say("OPTIONS /api/notes")).await;
        talk.send(say("OPTIONS /api/notes/slug=x")).await;
        talk.send(say("OPTIONS /api/nots")).await;
        talk.editor(say("PUT /api/notes").json(NOTE)).await;
        talk.editor(say("POST /api/notes/slug=x").json(NOTE)).await;
        talk.editor(say("TRACE /api/notes")).await;
        talk.editor(say("DELETE /api/notes/slug=x").json(NOTE)).await;
    }), @r#"
    > OPTIONS /api/notes 
    204 allow: GET, HEAD, OPTIONS, POST, PATCH, DELETE


    > OPTIONS /api/notes/slug=x 
    204 allow: GET, HEAD, OPTIONS, PATCH, PUT, DELETE


    > OPTIONS /api/nots 
    404
    {"type":"/api/docs/errors#not_found","title":"Not Found","status":404,"code":"not_found","detail":"There is nothing here, or it is not yours to see.","request_id":"req_1"}

    > PUT /api/notes {"title": "Hello, world", "tags": ["a", "b"], "price": "12.50", "secret": "s"}
    405 allow: GET, HEAD, OPTIONS, POST, PATCH, DELETE
    {"type":"/api/docs/errors#request.method","title":"Method Not Allowed","status":405,"code":"request.method","detail":"This address does not take that method; it takes GET, HEAD, OPTIONS, POST, PATCH, DELETE.","request_id":"req_1"}

    > POST /api/notes/slug=x {"title": "Hello, world", "tags": ["a", "b"], "price": "12.50", "secret": "s"}
    405 allow: GET, HEAD, OPTIONS, PATCH, PUT, DELETE
    {"type":"/api/docs/errors#request.method","title":"Method Not Allowed","status":405,"code":"request.method","detail":"This address does not take that method; it takes GET, HEAD, OPTIONS, PATCH, PUT, DELETE.","request_id":"req_1"}

    > TRACE /api/notes 
    405 allow: GET, HEAD, OPTIONS, POST, PATCH, DELETE
    {"type":"/api/docs/errors#request.method","title":"Method Not Allowed","status":405,"code":"request.method","detail":"This address does not take that method; it takes GET, HEAD, OPTIONS, POST, PATCH, DELETE.","request_id":"req_1"}

    > DELETE /api/notes/slug=x {"title": "Hello, world", "tags": ["a", "b"], "price": "12.50", "secret": "s"}
    400
    {"type":"/api/docs/errors#request.body","title":"Bad Request","status":400,"code":"request.body","detail":"A delete takes no body; leave it out.","request_id":"req_1"}
    "#);
}
