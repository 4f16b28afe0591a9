//! What happened to others where one door knew the rules and another did not.

use http_body_util::BodyExt as _;
use mains_apps::accounts::Accounts;
use mains_database::dialect::Dialect;
use mains_server::Body;
use mains_testkit::database::on;
use serde_json::json;

use super::world::{Browser, Parts, World, settings};
use super::{NAMED, on_both_in};

const NOTES: &str = r#"
prefix = "note"
[fields.author]
type = "relation"
to = "accounts"
on_create = 'auth.id'
inverse = "notes"
[fields.text]
type = "text"
[rules]
read = 'true'
create = 'auth.signed_in'
"#;

const PEOPLE: &str = r#"+++
[people]
list = "accounts"
[notes]
list = "notes"
expand = "author"
+++
{% for one in people %}{{ one.username }} {{ one.email }} {{ one.preferences }} {{ one.roles }};{% endfor %}
{% for note in notes %}{{ note.text }} {{ note.expand.author.email }}{% endfor %}"#;

/// What nobody but Zoe and staff may see.
const SECRETS: [&str; 3] = ["zoe@corner.example", "s3cret-theme", "vip"];

/// Somebody with a public name, an address, preferences, a role and a note.
async fn zoe(world: &World) -> Browser<'_> {
    let mut zoe = person(world, "zoe").await;
    let id = zoe.id().await;
    let mut owner = world.owner().await;
    let roles = owner.post(&format!("/api/accounts/{id}/set-roles"), json!({"roles": ["vip"]})).await;
    assert_eq!(roles.status, 200);
    let liked = zoe.patch("/api/accounts/me", json!({"preferences": {"theme": "s3cret-theme"}})).await;
    assert_eq!(liked.status, 200, "{}", liked.body);
    assert_eq!(zoe.post("/api/notes", json!({"text": "zoe's"})).await.status, 201);
    zoe
}

async fn person<'w>(world: &'w World, name: &str) -> Browser<'w> {
    let email = format!("{name}@corner.example");
    let mut browser = world.browser();
    let body = json!({"email": email, "password": "four wet words", "username": name});
    assert_eq!(browser.post("/api/accounts/sign-up", body).await.status, 202);
    let token = world.letter(&email).await.token();
    assert_eq!(browser.post("/api/accounts/verify", json!({"token": token})).await.status, 200);
    browser
}

/// PocketBase #4417 and #5863, Directus CVE-2026-35442: fields that nobody shows, guessed by what they do to an answer.
#[test]
fn fields_guessed_by_filter_sort_aggregate_and_expand() {
    on_both_in(&[("accounts", NAMED), ("notes", NOTES)], async |world| {
        let zoe_id = zoe(&world).await.id().await;
        let adam_id = person(&world, "adam").await.id().await;
        let mut jon = person(&world, "jon").await;
        for (query, right, wrong) in [
            ("accounts?where.email=", "zoe@corner.example", "no@corner.example"),
            ("accounts?where.roles=", "vip", "nobody"),
            ("accounts/aggregate?count&where.email=", "zoe@corner.example", "no@corner.example"),
            ("accounts/aggregate?count&where.roles=", "vip", "nobody"),
            ("notes?where.author.email=", "zoe@corner.example", "no@corner.example"),
            ("notes?where.author.roles=", "vip", "nobody"),
            ("notes/aggregate?count&where.author.email=", "zoe@corner.example", "no@corner.example"),
            (
                "accounts?filter=",
                "email%20%3D%3D%20%22zoe@corner.example%22",
                "email%20%3D%3D%20%22no@corner.example%22",
            ),
            ("accounts?filter=", "email%20%3E%20%22zoe%22", "email%20%3E%20%22zzz%22"),
            ("accounts?filter=", "%22vip%22%20in%20roles", "%22nobody%22%20in%20roles"),
            ("notes?filter=", "author.email%20%3E%20%22zoe%22", "author.email%20%3E%20%22zzz%22"),
            ("notes?filter=", "%22vip%22%20in%20author.roles", "%22nobody%22%20in%20author.roles"),
            ("accounts/email=", "zoe@corner.example", "no@corner.example"),
        ] {
            let guess = async |jon: &mut Browser<'_>, value: &str| {
                let answer = jon.get(&format!("/api/{query}{value}")).await;
                (answer.status, answer.body.replace(&answer.request, "").replace(value, ""))
            };
            let (right, wrong) = (guess(&mut jon, right).await, guess(&mut jon, wrong).await);
            assert_eq!(right, wrong, "{query}");
        }
        for query in [
            "accounts?fields=email,preferences,roles",
            "accounts/aggregate?group=email&count",
            "accounts/aggregate?group=roles&count",
            "accounts/aggregate?min=email&max=email&count",
            "notes?expand=author",
            "notes/aggregate?group=author.email&count",
            "notes/aggregate?group=author.roles&count",
            &format!("accounts/{zoe_id}?expand=notes.author"),
        ] {
            let answer = jon.get(&format!("/api/{query}")).await;
            let told = SECRETS.iter().find(|secret| answer.body.contains(*secret));
            assert_eq!(told, None, "{query}: {}", answer.body);
        }
        // Sorting by what one may not see is refused, or sorts by nothing.
        let order = async |jon: &mut Browser<'_>, sort: &str| {
            let answer = jon.get(&format!("/api/accounts?sort={sort}")).await;
            let items = answer.json["items"].as_array().cloned().unwrap_or_default();
            let ids = items.iter().map(|item| item["id"].as_str().unwrap().to_owned());
            (answer.status, ids.filter(|id| *id == zoe_id || *id == adam_id).collect::<Vec<_>>())
        };
        for (secret, plain) in [("email", "kind"), ("-email", "-kind")] {
            let (status, sorted) = order(&mut jon, secret).await;
            if status == 200 {
                let (_, unsorted) = order(&mut jon, plain).await;
                assert_eq!((sorted.len(), &sorted), (2, &unsorted), "{secret}");
            }
        }
    });
}

/// What a stream told until this was in it.
async fn heard(mut body: Body, last: &str) -> String {
    let mut text = String::new();
    while !text.contains(last) {
        let frame = body.frame().await.expect("it goes on").unwrap().into_data().unwrap();
        text.push_str(std::str::from_utf8(&frame).unwrap());
    }
    text
}

/// Directus CVE-2024-54151: a door behind which the rules were not asked. Records, lists, expansions, totals, streams
/// and pages show Zoe what is hers, and nobody else.
#[test]
fn the_same_rules_at_every_door() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        on(dialect, async || {
            let files = [("accounts", NAMED), ("notes", NOTES)];
            let pages = [("people.html", PEOPLE)];
            let parts = Parts { files: &files, pages: &pages, ..Parts::default() };
            let world = World::made(dialect, Accounts::new(settings()), parts).await;
            let stop = world.feed();
            let mut zoe = zoe(&world).await;
            let id = zoe.id().await;
            let doors = [
                format!("/api/accounts/{id}"),
                "/api/accounts".to_owned(),
                "/api/notes?expand=author".to_owned(),
                "/people".to_owned(),
            ];
            for (mut caller, sees) in
                [(zoe.twin(), true), (person(&world, "jon").await, false), (world.browser(), false)]
            {
                for door in &doors {
                    let answer = caller.get(door).await;
                    assert_eq!(answer.status, 200, "{door}: {}", answer.body);
                    let shown = answer.body.contains(SECRETS[0]);
                    assert_eq!(shown, sees, "{door}: {}", answer.body);
                    assert!(sees || SECRETS.iter().all(|secret| !answer.body.contains(secret)), "{door}");
                }
                let stream = caller.open("/api/changes?topics=accounts").await;
                let name = if sees { "zoe-one" } else { "zoe-two" };
                assert_eq!(zoe.patch("/api/accounts/me", json!({"username": "between"})).await.status, 200);
                assert_eq!(zoe.patch("/api/accounts/me", json!({"username": name})).await.status, 200);
                let told = heard(stream, name).await;
                assert_eq!(told.contains(SECRETS[0]), sees, "the stream: {told}");
                assert!(sees || SECRETS.iter().all(|secret| !told.contains(secret)), "{told}");
            }
            stop.ask();
        });
    }
}
