//! A site that is being served: starting and stopping, and commands that reach it through its control socket.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::program::{Site, out, refused, said, until};

#[test]
fn serve_fills_an_empty_database_and_wants_any_other_as_declared() {
    let site = Site::new();
    let first = site.start(&["serve"]);
    assert_eq!(first.get("/api/notes").json()["items"].as_array().unwrap().len(), 2);
    first.stop();
    assert_eq!(first.end().0, Some(0));

    let second = site.start(&["serve"]);
    assert_eq!(second.get("/api/notes").json()["items"].as_array().unwrap().len(), 2);
    second.stop();
    assert_eq!(second.end().0, Some(0));

    site.change("collections/notes.toml", "[[indexes]]", "[fields.stars]\ntype = \"integer\"\n\n[[indexes]]");
    let told = refused(&site.run(&["serve", "--listen", "127.0.0.1:0"]));
    assert!(told.contains("+ field notes.stars") && told.contains("mains migrate"), "{told}");
}

#[test]
fn a_site_is_served_once() {
    let site = Site::new();
    let first = site.start(&["serve"]);
    for command in ["serve", "dev"] {
        let told = refused(&site.run(&[command, "--listen", "127.0.0.1:0"]));
        assert!(told.contains("is being served already. Stop that one first."), "{told}");
    }
    // Without its socket the lock on the database still holds a second one off.
    std::fs::remove_file(site.path.join("data/control.sock")).unwrap();
    let told = refused(&site.run(&["serve", "--listen", "127.0.0.1:0"]));
    assert!(told.contains("Another process of Mains has"), "{told}");
    assert_eq!(first.get("/health").status, 200);
}

#[test]
fn a_server_goes_on_when_nobody_reads_what_it_prints() {
    let site = Site::new();
    site.change("mains.toml", "#enabled = ", "enabled = ");
    let mut served = site.start_unread(&["serve"]);
    assert!(served.wait_for("The first owner is ").contains(", with the password "));
    assert_eq!(served.get("/health").status, 200);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let (site, other) = (Site::new(), Site::new());
    let first = site.start(&["serve"]);
    let told = refused(&other.run(&["serve", "--listen", &format!("127.0.0.1:{}", first.port)]));
    assert!(told.contains("cannot be listened on; another program may have it"), "{told}");
}

#[test]
fn keys_take_effect_at_once() {
    let site = Site::new();
    let served = site.start(&["serve"]);
    let note = json!({"title": "By key"});
    assert_eq!(served.call("POST", "/api/notes", "", Some(&note)).status, 401);
    let key = out(&site.run(&["keys", "create", "--role", "staff"]));
    let key = key.trim();
    assert_eq!(served.call("POST", "/api/notes", key, Some(&note)).status, 201);
    let listed = out(&site.run(&["keys", "list"]));
    assert!(!listed.contains(key), "{listed}");
    let id = listed.split_whitespace().next().unwrap();
    out(&site.run(&["keys", "revoke", id]));
    assert_eq!(served.call("POST", "/api/notes", key, Some(&note)).status, 401);
    served.stop();
    let (code, heard) = served.end();
    assert!(code == Some(0) && !heard.contains(key), "{heard}");
}

#[test]
fn import_export_migrate_and_doctor_reach_the_server() {
    let site = Site::new();
    let served = site.start(&["serve"]);
    let file = site.write("more.jsonl", "{\"title\": \"One\"}\n{\"title\": \"Two\"}\n");
    let imported = site.run(&["import", "notes", &file]);
    assert!(said(&imported).contains("2 rows are in notes."), "{}", said(&imported));
    assert_eq!(served.get("/api/notes/slug=two").status, 200);
    assert_eq!(site.notes("title").len(), 4);

    site.change(
        "collections/notes.toml",
        "[[indexes]]",
        "[fields.stars]\ntype = \"integer\"\ndefault = 3\n\n[[indexes]]",
    );
    let wrong = site.run(&["doctor"]);
    assert!(String::from_utf8_lossy(&wrong.stdout).contains("mains migrate --plan"), "{wrong:?}");
    let plan = out(&site.run(&["migrate", "--plan"]));
    assert!(plan.contains("+ field notes.stars"), "{plan}");
    assert!(served.get("/api/notes/slug=two").json().get("stars").is_none());
    assert_eq!(out(&site.run(&["migrate"])), plan);
    assert_eq!(served.get("/api/notes/slug=two").json()["stars"], 3);

    site.change("collections/notes.toml", "[fields.stars]\ntype = \"integer\"\ndefault = 3\n\n", "");
    let told = refused(&site.run(&["migrate"]));
    assert!(told.contains("mains migrate --drop notes.stars"), "{told}");
    let told = refused(&site.run(&["migrate", "--drop", "notes.star", "--drop", "notes.stars"]));
    assert!(told.contains("no notes.star that could be dropped. Did you mean notes.stars?"), "{told}");
    let told = refused(&site.run(&["migrate", "--drop", "notes.title"]));
    assert!(told.contains("notes.title is still declared"), "{told}");
    out(&site.run(&["migrate", "--drop", "notes.stars"]));
    assert!(served.get("/api/notes/slug=two").json().get("stars").is_none());
    out(&site.run(&["doctor"]));
}

#[test]
fn what_the_site_stores_is_private() {
    let site = Site::new();
    std::fs::create_dir(site.path.join("data")).unwrap();
    std::fs::set_permissions(site.path.join("data"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let _served = site.start(&["serve"]);
    let mode = |name: &str| std::fs::metadata(site.path.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("data"), mode("data/control.sock")), (0o700, 0o600));
}

#[test]
fn a_request_in_flight_is_answered_before_the_end() {
    let site = Site::new();
    let served = site.start(&["serve"]);
    let key = out(&site.run(&["keys", "create", "--role", "staff"]));
    let body = json!({"title": "In flight"}).to_string();
    let mut stream = TcpStream::connect(("127.0.0.1", served.port)).unwrap();
    write!(
        stream,
        "POST /api/notes HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         expect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        key.trim(),
        body.len()
    )
    .unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    served.stop();
    until("nobody new is let in", || TcpStream::connect(("127.0.0.1", served.port)).is_err());
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert_eq!(served.end().0, Some(0));
    assert!(site.notes("title").iter().any(|line| line.contains("In flight")));
}
