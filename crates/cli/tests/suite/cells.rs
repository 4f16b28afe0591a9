//! Every type of field goes out as CSV and comes in again as it was.

use crate::program::{Site, out, refused, said};

const PEOPLE: &str = "prefix = \"person\"\n[fields.name]\ntype = \"text\"\nunique = true\n";

const THINGS: &str = r#"
prefix = "thing"

[fields.text]
type = "text"
[fields.email]
type = "email"
[fields.url]
type = "url"
[fields.slug]
type = "slug"
from = "text"
[fields.integer]
type = "integer"
[fields.number]
type = "number"
[fields.decimal]
type = "decimal"
scale = 3
[fields.price]
type = "money"
currency = "EUR"
[fields.paid]
type = "money"
[fields.open]
type = "bool"
[fields.day]
type = "date"
[fields.at]
type = "datetime"
[fields.state]
type = "enum"
values = ["open", "done"]
[fields.extra]
type = "json"
[fields.person]
type = "relation"
to = "people"
[fields.words]
type = "text"
many = true
[fields.numbers]
type = "integer"
many = true
[fields.friends]
type = "relation"
to = "people"
many = true
"#;

fn site() -> Site {
    let site = Site::new();
    std::fs::remove_file(site.path.join("seeds/notes.jsonl")).unwrap();
    site.write("collections/people.toml", PEOPLE);
    site.write("collections/things.toml", THINGS);
    let people = site.write("people.jsonl", "{\"name\":\"admin\"}\n{\"name\":\"Ines, \\\"the\\\" one\"}\n");
    out(&site.run(&["import", "people", &people]));
    site
}

fn ids(site: &Site) -> Vec<String> {
    let text = out(&site.run(&["export", "people", "--fields", "id,name"]));
    let mut people: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    people.sort_by_key(|person| person["name"] != "admin");
    people.iter().map(|person| person["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn all_types_come_back_from_csv() {
    let site = site();
    let ids = ids(&site);
    let full = format!(
        r#"{{"text":"a, \"b\"\nc = d","email":"a@example.com","url":"https://example.com/?a=1","integer":-9007199254740991,
        "number":0.1,"decimal":"-1234.050","price":{{"amount":1999,"currency":"EUR"}},"paid":{{"amount":-5,"currency":"JPY"}},
        "open":false,"day":"2024-02-29","at":"2026-01-02T03:04:05.000006Z","state":"done","extra":"a text, as JSON",
        "person":"{}","words":["one, two","[three]","\"four\""],"numbers":[3,1,2],"friends":["{1}","{0}"]}}"#,
        ids[0], ids[1]
    )
    .replace('\n', " ");
    let others = [
        r#"{"text":" blank "}"#,
        r#"{"extra":{"a":[1,null,"x"]},"words":["one"]}"#,
        r#"{"extra":12.5,"text":"{\"not\":\"json\"}","open":true}"#,
        r#"{"extra":[],"paid":{"amount":0,"currency":"USD"}}"#,
    ];
    let file = site.write("things.jsonl", &format!("{full}\n{}\n", others.join("\n")));
    let imported = site.run(&["import", "things", &file]);
    assert!(said(&imported).contains("5 rows are in things."), "{}", said(&imported));

    let fields = "-created,-updated,-version";
    let before = out(&site.run(&["export", "things", "--fields", fields]));
    let csv = site.path.join("things.csv").display().to_string();
    out(&site.run(&["export", "things", "--to", &csv]));
    // Into a site that holds the same people and no things yet.
    site.change("collections/things.toml", "prefix = \"thing\"", "prefix = \"thing\"\n# emptied");
    std::fs::rename(site.path.join("collections/things.toml"), site.path.join("things.toml")).unwrap();
    out(&site.run(&["migrate", "--drop", "things"]));
    std::fs::rename(site.path.join("things.toml"), site.path.join("collections/things.toml")).unwrap();
    out(&site.run(&["migrate"]));
    assert_eq!(out(&site.run(&["export", "things"])), "");
    let imported = site.run(&["import", "things", &csv]);
    assert!(said(&imported).contains("5 rows are in things."), "{}", said(&imported));
    assert_eq!(out(&site.run(&["export", "things", "--fields", fields])), before);
}

#[test]
fn a_relation_may_be_said_by_an_address() {
    let site = site();
    let admin = &ids(&site)[0];
    let jsonl = site.write("a.jsonl", "{\"text\":\"a\",\"person\":\"name=admin\"}\n");
    out(&site.run(&["import", "things", &jsonl]));
    let csv = site.write("a.csv", "text,person\nb,name=admin\n");
    out(&site.run(&["import", "things", &csv]));
    let found = out(&site.run(&["export", "things", "--fields", "person"]));
    assert_eq!(found.matches(&format!("\"person\":\"{admin}\"")).count(), 2, "{found}");
    let wrong = site.write("b.csv", "text,person\nc,name=nobody\n");
    let told = refused(&site.run(&["import", "things", &wrong]));
    assert!(told.contains("line 2, person: There is no record name=nobody."), "{told}");
}
