//! Who hears of a change, and what, on both databases.

mod site;
mod view;

use mains_base::Caller;
use mains_database::records::live::topics;
use serde_json::json;

use self::site::Heard;
use crate::reads::account;

/// Runs a test on both databases.
fn on_both<Done: Future<Output = ()>>(test: impl Fn(Heard) -> Done + Sync) {
    mains_testkit::on_both(site::FILES, |db| async { test(Heard::new(db).await).await });
}

#[test]
fn those_hear_who_may_read_and_asked() {
    on_both(async |mut heard: Heard| {
        let (ada, bob) = (heard.account("Ada").await, heard.account("Bob").await);
        heard.listen("ada", &ada, "notes");
        heard.listen("bob", &bob, "notes");
        heard.listen("nobody", &Caller::visitor(), "notes,boards");
        heard.listen("staff", &Caller { staff: true, ..bob.clone() }, "notes");
        heard.listen("todo", &ada, "notes(status=todo)");
        heard.listen("both", &ada, "notes(status=todo),notes");
        let one = heard.create("notes", json!({ "owner": heard.id(&ada), "text": "one" })).await;
        heard.create("notes", json!({ "owner": heard.id(&bob), "text": "two", "public": true })).await;
        assert_eq!(
            heard.told(2).await,
            "ada+both+staff+todo: create one\nada+bob+both+nobody+staff+todo: create two"
        );
        heard.update("notes", one, json!({ "text": "uno" })).await;
        heard.update("notes", one, json!({ "status": "done" })).await;
        heard.update("notes", one, json!({ "text": "eins" })).await;
        heard.update("notes", one, json!({ "status": "todo" })).await;
        assert_eq!(
            heard.told(4).await,
            "ada+both+staff+todo: update uno\nada+both+staff: update uno\ntodo: gone\nada+both+staff: update eins\n\
             ada+both+staff+todo: update eins"
        );
        heard.delete("notes", one).await;
        assert_eq!(heard.told(1).await, "ada+both+staff+todo: gone");
    });
}

#[test]
fn what_leaves_ones_sight_is_gone_and_what_was_never_in_it_is_nothing() {
    on_both(async |mut heard: Heard| {
        let (ada, bob) = (heard.account("Ada").await, heard.account("Bob").await);
        heard.listen("ada", &ada, "notes");
        heard.listen("bob", &bob, "notes");
        heard.listen("bobs", &ada, &format!("notes(owner={})", heard.id(&bob)));
        let note = heard.create("notes", json!({ "owner": heard.id(&ada), "text": "x" })).await;
        assert_eq!(heard.told(1).await, "ada: create x");
        heard.update("notes", note, json!({ "public": true })).await;
        assert_eq!(heard.told(1).await, "ada+bob: update x");
        heard.update("notes", note, json!({ "public": false })).await;
        assert_eq!(heard.told(1).await, "ada: update x\nbob: gone");
        heard.update("notes", note, json!({ "owner": heard.id(&bob) })).await;
        assert_eq!(heard.told(1).await, "bob: update x\nada: gone");
        heard.update("notes", note, json!({ "owner": null })).await;
        assert_eq!(heard.told(1).await, "bob: gone");
        heard.delete("notes", note).await;
        assert_eq!(heard.told(1).await, "");
    });
}

#[test]
fn rules_that_follow_relations_are_asked_for_all_at_once() {
    on_both(async |mut heard: Heard| {
        let (ada, bob, cyd) =
            (heard.account("Ada").await, heard.account("Bob").await, heard.account("Cyd").await);
        let board = heard.create("boards", json!({ "title": "b", "level": 2 })).await;
        for member in [&ada, &bob] {
            let member = json!({ "board": heard.text("boards", board), "account": heard.id(member) });
            heard.create("members", member).await;
        }
        heard.skip(3).await;
        for (name, caller) in [("ada", &ada), ("bob", &bob), ("cyd", &cyd), ("nobody", &Caller::visitor())] {
            heard.listen(name, caller, "cards,boards,levels");
        }
        heard.listen("high", &Caller { level: 2, ..cyd.clone() }, "levels");
        let on_board = json!({ "board": heard.text("boards", board), "title": "c" });
        let card = heard.create("cards", on_board.clone()).await;
        heard.update("boards", board, json!({ "title": "B" })).await;
        heard.create("levels", on_board).await;
        assert_eq!(heard.told(3).await, "ada+bob: create c\nada+bob: update B\nhigh: create c");
        // Moved where nobody is a member.
        let empty = heard.create("boards", json!({ "title": "empty", "level": 9 })).await;
        heard.update("cards", card, json!({ "board": heard.text("boards", empty) })).await;
        assert_eq!(heard.told(2).await, "ada+bob: gone");
    });
}

#[test]
fn fields_are_told_as_a_read_shows_them() {
    on_both(async |mut heard: Heard| {
        let (ada, bob) = (heard.account("Ada").await, heard.account("Bob").await);
        heard.listen("ada", &ada, "posts");
        heard.listen("bob", &bob, "posts");
        let long = "long ".repeat(300);
        let post =
            json!({ "author": heard.id(&ada), "title": "t", "draft": "d", "body": long, "secret": "s" });
        let id = heard.create("posts", post).await;
        let told = heard.frames(1).await;
        let [(to, all), (others, some)] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((to.as_str(), others.as_str()), ("ada", "bob"));
        assert_eq!(all["draft"], "d");
        assert_eq!(all["shout"], "t!");
        assert_eq!(all["body"], long, "what the log left out is there");
        assert_eq!(all["tags"], json!([]));
        for absent in ["secret", "mine", "name"] {
            assert_eq!(all.get(absent), None, "{absent}");
        }
        assert_eq!(some.get("draft"), None);
        assert_eq!(some["id"], heard.text("posts", id));
        // A record that says little in the log, since it never changes.
        heard.listen("log", &bob, "entries");
        heard.create("entries", json!({ "text": "kept" })).await;
        assert_eq!(heard.told(1).await, "log: create kept");
    });
}

#[test]
fn one_who_comes_back_misses_nothing() {
    on_both(async |mut heard: Heard| {
        let (ada, bob) = (heard.account("Ada").await, heard.account("Bob").await);
        let mut notes = Vec::new();
        for text in ["a", "b", "c", "d"] {
            let note = json!({ "owner": heard.id(&ada), "text": text, "public": text == "d" });
            notes.push(heard.create("notes", note).await);
        }
        heard.skip(4).await;
        let from = heard.position();
        heard.update("notes", notes[0], json!({ "text": "A" })).await;
        heard.update("notes", notes[0], json!({ "text": "AA" })).await;
        heard.delete("notes", notes[1]).await;
        heard.update("notes", notes[2], json!({ "owner": heard.id(&bob) })).await;
        heard.update("notes", notes[3], json!({ "public": false })).await;
        let new = heard.create("notes", json!({ "owner": heard.id(&bob), "text": "new" })).await;
        heard.create("notes", json!({ "owner": heard.id(&ada), "text": "gone again" })).await;
        heard.update("notes", new, json!({ "text": "newer" })).await;
        heard.skip(8).await;
        assert_eq!(
            heard.missed(&ada, "notes", from).await,
            "update AA, gone, gone, update d, create gone again"
        );
        assert_eq!(heard.missed(&bob, "notes", from).await, "update c, gone, create newer");
        assert_eq!(heard.missed(&bob, "notes(text=newer)", from).await, "create newer");
        assert_eq!(heard.missed(&Caller::visitor(), "notes", from).await, "gone");
        assert_eq!(heard.missed(&ada, "notes", heard.position()).await, "");
    });
}

#[test]
fn topics_that_mean_nothing_are_refused() {
    on_both(async |heard: Heard| {
        let schema = heard.schema();
        for (bad, says) in [
            ("", "Name topics"),
            ("note", "Did you mean notes?"),
            ("notes(", "never closes"),
            ("notes(txt=x)", "Did you mean text?"),
            ("notes(status)", "Name topics"),
            ("notes(public=yes)", "true or false"),
            ("notes(text=a,text=b)", "twice"),
            ("posts(tags=a)", "no own field"),
            ("posts(secret=a)", "no own field"),
            ("posts(score=1.5)", "cannot listen by"),
            ("notes,", "Name topics"),
            ("notes(text=a)b", "Name topics"),
        ] {
            let error = topics(&schema, &account(1), bad).expect_err(bad);
            assert_eq!(error.code(), "changes.topics", "{bad}");
            assert!(error.detail().contains(says), "{bad}: {}", error.detail());
        }
        let many = vec!["notes"; 21].join(",");
        assert_eq!(topics(&schema, &account(1), &many).unwrap_err().code(), "changes.topics");
        assert_eq!(topics(&schema, &account(1), "closed").unwrap_err().code(), "not_found");
        assert!(topics(&schema, &Caller::system(), "closed").is_ok());
    });
}

#[test]
fn what_cannot_be_known_is_not_told() {
    on_both(async |mut heard: Heard| {
        let ada = heard.account("Ada").await;
        let later = mains_base::Time::from_micros(mains_testkit::database::START + 10);
        heard.listen("ada", &ada, "unsure,timed");
        heard.create("unsure", json!({ "text": "x" })).await;
        heard.create("unsure", json!({ "text": "y", "number": 1 })).await;
        assert_eq!(heard.told(2).await, "ada: create y");
        heard.create("timed", json!({ "text": "early", "from": later.to_string() })).await;
        assert_eq!(heard.told(1).await, "");
        heard.clock().advance_micros(20);
        heard.create("timed", json!({ "text": "in time", "from": later.to_string() })).await;
        assert_eq!(heard.told(1).await, "ada: create in time");
    });
}
