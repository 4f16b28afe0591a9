//! A site on PostgreSQL, from its first start to a killed import.

use mains_testkit::server::Database;
use serde_json::json;

use crate::imports;
use crate::program::{SEED, Site, out, refused, said, until};

/// A site on a database of its own.
pub(crate) fn site() -> (Site, Database) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let database = runtime.block_on(Database::create()).unwrap();
    let site = Site::new();
    site.write("mains.toml", &format!("[database]\nurl = \"{}\"\n", database.url()));
    (site, database)
}

#[test]
fn a_site_runs_on_postgres_from_end_to_end() {
    let (site, _database) = site();
    assert!(out(&site.run(&["migrate", "--plan"])).contains("+ collection notes"));
    let fresh = out(&site.run(&["doctor"]));
    assert!(fresh.contains("empty yet; the first start fills it"), "{fresh}");
    let served = site.start(&["serve"]);
    let key = out(&site.run(&["keys", "create", "--role", "staff"]));
    let made = served.call("POST", "/api/notes", key.trim(), Some(&json!({"title": "On PostgreSQL"})));
    assert_eq!((made.status, &made.json()["slug"]), (201, &json!("on-postgresql")));
    assert_eq!(site.notes("title").len(), 3);
    let told = refused(&site.run(&["serve", "--listen", "127.0.0.1:0"]));
    assert!(told.contains("is being served already"), "{told}");
    site.write("seeds/notes.jsonl", SEED);
    site.change("collections/notes.toml", "[fields.body]\ntype = \"text\"\nmax = 20_000\n", "");
    assert!(refused(&site.run(&["migrate"])).contains("mains migrate --drop notes.body"));
    out(&site.run(&["migrate", "--drop", "notes.body"]));
    assert!(served.get("/api/notes/slug=hello").json().get("body").is_none());
    let doctor = out(&site.run(&["doctor"]));
    assert!(doctor.contains("commits") && doctor.contains("[database] writers = "), "{doctor}");
    served.stop();
    assert_eq!(served.end().0, Some(0));
    assert!(!site.path.join("data/site.db").exists());
    let again = site.start(&["dev"]);
    assert_eq!(again.get("/api/notes").json()["items"].as_array().unwrap().len(), 3);
}

#[test]
fn a_backup_names_what_postgres_itself_has_and_restores_on_either() {
    let (site, _database) = site();
    let (other, _others) = self::site();
    let served = site.start(&["serve"]);
    let key = out(&site.run(&["keys", "create", "--role", "staff"]));
    let write = |title: &str| {
        assert_eq!(
            served.call("POST", "/api/notes", key.trim(), Some(&json!({ "title": title }))).status,
            201
        );
    };
    write("Before");
    let file = site.path.join("copy.tar").display().to_string();
    let made = site.run(&["backup", &file]);
    assert_eq!(out(&made).trim(), file);
    let told = said(&made);
    for part in ["restore on either database", "pg_dump, one database:", "read back and whole"] {
        assert!(told.contains(part), "{told}");
    }
    assert!(told.contains("archive_mode is "), "{told}");
    assert!(told.contains(" rows of "), "{told}");
    let before = site.notes("title");
    write("After");
    served.stop();
    served.end();
    assert!(refused(&site.run(&["restore", &file])).contains("--replace"));
    out(&site.run(&["restore", &file, "--replace"]));
    assert_eq!(site.notes("title"), before);
    // Whoever had a key has it again.
    let served = site.start(&["serve"]);
    assert_eq!(served.call("POST", "/api/notes", key.trim(), Some(&json!({"title": "Again"}))).status, 201);
    // Into another server, into SQLite, and from the file of SQLite back.
    out(&other.run(&["restore", &file]));
    let embedded = Site::new();
    out(&embedded.run(&["restore", &file]));
    let back = embedded.path.join("back.tar").display().to_string();
    out(&embedded.run(&["backup", &back]));
    out(&other.run(&["restore", &back, "--replace"]));
    for restored in [&other, &embedded] {
        assert_eq!(restored.notes("title"), before);
    }
}

#[test]
fn a_killed_import_goes_on_here_too() {
    let (site, _database) = site();
    out(&site.run(&["migrate"]));
    let file = imports::rows(&site);
    let mut import = imports::begin(&site, &file);
    until("a chunk is in", || site.notes("title").len() > 2);
    import.kill().unwrap();
    import.wait().unwrap();
    imports::goes_on(&site, &file);
}

#[test]
fn an_import_that_was_overtaken_writes_nothing_more_here_either() {
    let (site, _database) = site();
    let served = site.start(&["serve"]);
    let file = imports::rows(&site);
    imports::one_overtakes_another(&site, &file, || {
        served.get("/api/notes?limit=5").json()["items"].as_array().unwrap().len() > 2
    });
}

/// Two processes on one database, and nobody who serves: of each chunk one is first.
#[test]
fn of_two_imports_by_themselves_one_brings_in_all() {
    let (site, _database) = site();
    out(&site.run(&["migrate"]));
    let file = imports::rows(&site);
    let first = imports::begin(&site, &file);
    until("a chunk is in", || site.notes("title").len() > 2);
    let second = site.run(&["import", "notes", &file]);
    let first = first.wait_with_output().unwrap();
    let (won, lost) = if first.status.success() { (&first, &second) } else { (&second, &first) };
    assert!(said(won).contains(&format!("{} rows are in notes.", imports::ROWS)), "{}", said(won));
    assert!(refused(lost).contains("Another import into notes runs at this moment"));
    imports::are_in_once(&site);
}

/// Another node of the same site: its own folder, the same database.
fn beside(site: &Site) -> Site {
    let other = Site::new();
    other.write("mains.toml", &site.read("mains.toml"));
    other
}

#[test]
fn a_node_goes_on_where_another_version_only_adds_and_stops_answering_where_it_does_not() {
    let (site, _database) = site();
    let served = site.start(&["serve"]);
    let key = out(&site.run(&["keys", "create", "--role", "staff"]));
    let post = |title: &str| served.call("POST", "/api/notes", key.trim(), Some(&json!({"title": title})));
    assert_eq!(post("Before").status, 201);
    let newer = beside(&site);
    newer.write(
        "collections/notes.toml",
        &format!("{}\n[fields.summary]\ntype = \"text\"\n", site.read("collections/notes.toml")),
    );
    assert!(out(&newer.run(&["migrate"])).contains("summary"));
    assert_eq!(post("Between").status, 201);
    assert_eq!((served.get("/api/notes").status, served.get("/health").status), (200, 200));
    newer.write(
        "collections/notes.toml",
        &format!(
            "{}\n[[checks]]\nexpr = 'title != \"Forbidden\"'\nmessage = \"Another one.\"\n",
            newer.read("collections/notes.toml")
        ),
    );
    out(&newer.run(&["migrate"]));
    let refused = post("Behind");
    assert_eq!((refused.status, &refused.json()["code"]), (503, &json!("schema.changed")));
    assert_eq!((served.get("/api/notes").status, served.get("/").status), (503, 503));
    let health = served.get("/health");
    assert_eq!((health.status, &health.json()["status"]), (503, &json!("outdated")));
    served.stop();
    assert_eq!(served.end().0, Some(0));
    let again = newer.start(&["serve"]);
    let made = again.call("POST", "/api/notes", key.trim(), Some(&json!({"title": "Behind"})));
    assert_eq!(made.status, 201);
    let refused = again.call("POST", "/api/notes", key.trim(), Some(&json!({"title": "Forbidden"})));
    assert_eq!(refused.status, 422);
}
