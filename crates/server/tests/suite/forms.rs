//! Plain HTML forms, and who may post them.

use insta::assert_snapshot;

use crate::talk::{id_of, on_both, say};

#[test]
fn a_plain_form_works() {
    assert_snapshot!(on_both(async |talk| {
        talk.editor(say("POST /api/notes?fields=title,stars,tags,price").form("title=A+b&tags=x&tags=y&stars=&price=1.5")).await;
        let note = talk.editor(say("POST /api/notes?fields=id").form("title=C&_next=")).await;
        let note = id_of(&note);
        let at = format!("POST /api/notes/{note}");
        talk.editor(say(&at).form("_method=PATCH&stars=4&_next=%2Fthanks%3Fa%3Dgr%C3%BC%C3%9Fe")).await;
        talk.editor(say(&at).form("_method=PATCH&stars=40&_next=%2Fthanks")).await;
        talk.editor(say(&at).form("_method=PATCH&stars=4&_next=%2F%2Fevil.example")).await;
        talk.editor(say(&at).form("stars=4")).await;
        talk.editor(say(&at).form("_method=DELETE&_next=%2F")).await;
    }), @r#"
    > POST /api/notes?fields=title,stars,tags,price title=A+b&tags=x&tags=y&stars=&price=1.5
    201 location: /api/notes/note_1 etag: "v1"
    {"id":"note_1","title":"A b","stars":null,"price":"1.50","tags":["x","y"]}

    > POST /api/notes?fields=id title=C&_next=
    201 location: /api/notes/note_2 etag: "v1"
    {"id":"note_2"}

    > POST /api/notes/note_2 _method=PATCH&stars=4&_next=%2Fthanks%3Fa%3Dgr%C3%BC%C3%9Fe
    303 location: /thanks?a=gr%C3%BC%C3%9Fe


    > POST /api/notes/note_2 _method=PATCH&stars=40&_next=%2Fthanks
    422
    {"type":"/api/docs/errors#records.invalid","title":"Unprocessable Entity","status":422,"code":"records.invalid","detail":"Some fields need another value.","errors":[{"pointer":"/stars","code":"too_large","detail":"The most here is 10."}],"request_id":"req_1"}

    > POST /api/notes/note_2 _method=PATCH&stars=4&_next=%2F%2Fevil.example
    400
    {"type":"/api/docs/errors#forms.next","title":"Bad Request","status":400,"code":"forms.next","detail":"_next must be a path of this site, such as /thanks.","request_id":"req_1"}

    > POST /api/notes/note_2 stars=4
    405 allow: GET, HEAD, OPTIONS, PATCH, PUT, DELETE
    {"type":"/api/docs/errors#request.method","title":"Method Not Allowed","status":405,"code":"request.method","detail":"This address does not take that method; it takes GET, HEAD, OPTIONS, PATCH, PUT, DELETE.","request_id":"req_1"}

    > POST /api/notes/note_2 _method=DELETE&_next=%2F
    303 location: /
    "#);
}

#[test]
fn pages_of_other_sites_cannot_post() {
    let said = on_both(async |talk| {
        let post = || say("POST /api/accounts?fields=id").form("name=a").with("host", "shop.example");
        talk.send(post().with("origin", "https://evil.example")).await;
        talk.send(post().with("origin", "null")).await;
        talk.send(post().with("sec-fetch-site", "cross-site")).await;
        talk.send(post().with("origin", "http://shop.example")).await;
    });
    assert_eq!(said.matches("\"code\":\"request.cross_site\"").count(), 3, "{said}");
    assert_eq!(said.matches("\n201 ").count(), 1, "{said}");
}

/// What a failed form was answered with stands at the address of the API: loaded again by hand, it is the page once more.
#[test]
fn the_address_of_a_failed_form_leads_back_to_its_page() {
    let said = on_both(async |talk| {
        talk.editor(say("GET /api/notes?_page=%2Fform%3Fa%3Db")).await;
        talk.editor(say("GET /api/notes/no-command?_page=%2Fform")).await;
        talk.editor(say("GET /api/notes?_page=https%3A%2F%2Fevil.example%2F")).await;
        let sent = "title=Fine&status=draft&_page=%2Fform&_next=%2Fthanks";
        talk.editor(say("POST /api/notes?_page=%2Fform").form(sent)).await;
    });
    for part in [
        "303 location: /form?a=b",
        "no-command?_page=%2Fform \n303 location: /form",
        "evil.example%2F \n400\n",
        "303 location: /thanks",
    ] {
        assert!(said.contains(part), "{part:?} is missing in\n{said}");
    }
}

/// What somebody changed in an address is told to them as such, not as what a query is.
#[test]
fn an_address_that_a_page_cannot_read_is_told_in_plain_words() {
    let said = on_both(async |talk| {
        talk.send(say("GET /notes?cursor=zzz").with("accept", "text/html")).await;
    });
    assert!(said.contains("\n400\n") && said.contains("does not know what its address asks for"), "{said}");
}
