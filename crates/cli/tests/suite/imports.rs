//! Imports that are killed, come from a pipe, or name records by their address; exports that nobody reads to the end.

use std::fs;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

use crate::program::{Site, command, out, refused, said, until};

/// Enough rows that an import is in the middle when it is looked at.
pub(crate) const ROWS: usize = 6_000;

pub(crate) fn rows(site: &Site) -> String {
    let rows: Vec<String> = (1..=ROWS).map(|n| format!(r#"{{"title":"Row {n}","body":"{n}"}}"#)).collect();
    site.write("rows.jsonl", &rows.join("\n"))
}

pub(crate) fn begin(site: &Site, file: &str) -> Child {
    command(&site.path, &["import", "notes", file]).stderr(Stdio::piped()).spawn().unwrap()
}

/// The same command again brings in the rest, and nothing twice.
pub(crate) fn goes_on(site: &Site, file: &str) {
    let before = site.notes("title").len() - 2;
    assert!(before > 0 && before < ROWS, "it was not in the middle: {before}");
    let done = site.run(&["import", "notes", file]);
    assert!(said(&done).contains(&format!("{before} rows are in already")), "{}", said(&done));
    assert!(said(&done).contains(&format!("{ROWS} rows are in notes.")), "{}", said(&done));
    are_in_once(site);
}

#[test]
fn a_killed_import_goes_on() {
    let site = Site::new();
    out(&site.run(&["migrate"]));
    let file = rows(&site);
    let mut import = begin(&site, &file);
    let size = |name: &str| fs::metadata(site.path.join(name)).map_or(0, |metadata| metadata.len());
    until("a chunk is in", || size("data/site.db-wal") > 1 << 20);
    import.kill().unwrap();
    import.wait().unwrap();
    goes_on(&site, &file);
}

#[test]
fn an_import_goes_on_after_the_server_was_killed() {
    let site = Site::new();
    let served = site.start(&["serve"]);
    let file = rows(&site);
    let mut import = begin(&site, &file);
    until("a chunk is in", || {
        served.get("/api/notes?limit=1&sort=-created").json()["items"][0]["body"] != "second"
            && served.get("/api/notes?limit=5").json()["items"].as_array().unwrap().len() > 2
    });
    served.kill();
    let mut told = String::new();
    import.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(import.wait().unwrap().code(), Some(1));
    assert!(told.contains("The server stopped before it answered."), "{told}");
    goes_on(&site, &file);
}

/// Sends a signal.
fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
}

/// While one import is held up in the middle, the same command brings in the rest. The first one, let go on, is told and
/// writes nothing.
pub(crate) fn one_overtakes_another(site: &Site, file: &str, has_begun: impl FnMut() -> bool) {
    let mut first = begin(site, file);
    until("a chunk is in", has_begun);
    signal(&first, "-STOP");
    // What the server was asked before is still done; the second begins behind it or is told.
    let mut second = site.run(&["import", "notes", file]);
    if !second.status.success() {
        assert!(refused(&second).contains("Another import into notes runs at this moment"));
        second = site.run(&["import", "notes", file]);
    }
    assert!(said(&second).contains(&format!("{ROWS} rows are in notes.")), "{}", said(&second));
    signal(&first, "-CONT");
    let mut told = String::new();
    first.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(first.wait().unwrap().code(), Some(1), "{told}");
    assert!(told.contains("Another import into notes runs at this moment"), "{told}");
    are_in_once(site);
}

/// Every row is there, and none twice.
pub(crate) fn are_in_once(site: &Site) {
    let mut titles = site.notes("title");
    assert_eq!(titles.len(), ROWS + 2);
    titles.dedup();
    assert_eq!(titles.len(), ROWS + 2, "a row is in twice");
}

#[test]
fn an_import_that_was_overtaken_writes_nothing_more() {
    let site = Site::new();
    let served = site.start(&["serve"]);
    let file = rows(&site);
    one_overtakes_another(&site, &file, || {
        served.get("/api/notes?limit=5").json()["items"].as_array().unwrap().len() > 2
    });
}

#[test]
fn an_import_that_was_given_up_elsewhere_writes_nothing_more() {
    let site = Site::new();
    let served = site.start(&["serve"]);
    let file = rows(&site);
    let mut first = begin(&site, &file);
    until("a chunk is in", || served.get("/api/notes?limit=5").json()["items"].as_array().unwrap().len() > 2);
    signal(&first, "-STOP");
    let other = site.write("other.jsonl", "{\"title\":\"Other\"}\n");
    assert!(said(&site.run(&["import", "notes", &other, "--fresh"])).contains("1 row is in notes."));
    let before = site.notes("title").len();
    signal(&first, "-CONT");
    assert_eq!(first.wait().unwrap().code(), Some(1));
    assert_eq!(site.notes("title").len(), before);
}

/// Without a server the one that comes second has no way to the file of SQLite.
#[test]
fn without_a_server_the_second_import_is_refused() {
    let site = Site::new();
    out(&site.run(&["migrate"]));
    let file = rows(&site);
    let first = begin(&site, &file);
    let size = |name: &str| fs::metadata(site.path.join(name)).map_or(0, |metadata| metadata.len());
    until("a chunk is in", || size("data/site.db-wal") > 1 << 20);
    signal(&first, "-STOP");
    let told = refused(&site.run(&["import", "notes", &file]));
    assert!(told.contains("Another process of Mains has"), "{told}");
    signal(&first, "-CONT");
    let done = first.wait_with_output().unwrap();
    assert!(done.status.success(), "{}", said(&done));
    are_in_once(&site);
}

#[test]
fn another_file_does_not_go_on_unless_the_first_is_given_up() {
    let site = Site::new();
    let rows: Vec<String> = (1..=600).map(|n| format!("{{\"title\":\"Row {n}\"}}")).collect();
    let broken = site.write("a.jsonl", &format!("{}\n{{oops\n", rows.join("\n")));
    let told = refused(&site.run(&["import", "notes", &broken]));
    assert!(
        told.contains("line 601: This is no JSON") && told.contains("500 rows are in before that"),
        "{told}"
    );
    let other = site.write("b.jsonl", "{\"title\":\"Other\"}\n");
    let told = refused(&site.run(&["import", "notes", &other]));
    assert!(told.contains("Another file was being imported here") && told.contains("--fresh"), "{told}");
    assert!(said(&site.run(&["import", "notes", &other, "--fresh"])).contains("1 row is in notes."));
    assert_eq!(site.notes("title").len(), 2 + 500 + 1);
}

#[test]
fn rows_come_from_a_pipe() {
    let site = Site::new();
    let mut import = command(&site.path, &["import", "notes", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    import.stdin.take().unwrap().write_all(b"{\"title\":\"One\"}\n\n{\"title\":\"Two\"}").unwrap();
    let done = import.wait_with_output().unwrap();
    assert!(done.status.success() && said(&done).contains("2 rows are in notes."), "{}", said(&done));
    assert_eq!(site.notes("title").len(), 4);
}

#[test]
fn an_export_that_nobody_reads_to_the_end_ends_quietly() {
    let site = Site::new();
    let body = "x".repeat(10_000);
    let rows: Vec<String> =
        (1..=600).map(|n| format!("{{\"title\":\"Row {n}\",\"body\":\"{body}\"}}")).collect();
    let file = site.write("rows.jsonl", &rows.join("\n"));
    out(&site.run(&["import", "notes", &file]));
    let mut export = command(&site.path, &["export", "notes"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 100];
    export.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let done = export.wait_with_output().unwrap();
    assert_eq!((done.status.code(), said(&done).as_str()), (Some(0), ""));
}

#[test]
fn an_export_that_fails_leaves_the_file_as_it_was() {
    let site = Site::new();
    out(&site.run(&["migrate"]));
    let file = site.write("notes.csv", "before");
    refused(&site.run(&["export", "notes", "--fields", "nothing", "--to", &file]));
    assert_eq!(site.read("notes.csv"), "before");
    out(&site.run(&["export", "notes", "--fields", "slug", "--to", &file]));
    let mut lines: Vec<String> = site.read("notes.csv").lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["hello", "second", "slug"]);
    assert!(!site.path.join("notes.csv.part").exists());
    let told = refused(&site.run(&["export", "notes", "--to", "/nowhere/notes.csv"]));
    assert!(told.contains("/nowhere/notes.csv cannot be written"), "{told}");
}

#[test]
fn lists_of_relations_name_records_by_their_addresses() {
    let site = Site::new();
    site.write("collections/tags.toml", "prefix = \"tag\"\n[fields.name]\ntype = \"text\"\nunique = true\n");
    let posts = "prefix = \"post\"\n[fields.name]\ntype = \"text\"\n[fields.tags]\ntype = \"relation\"\n\
                 to = \"tags\"\nmany = true\nmax_items = 3\n";
    site.write("collections/posts.toml", posts);
    let tags = site.write("tags.jsonl", "{\"name\": \"red\"}\n{\"name\": \"blue\"}\n");
    out(&site.run(&["import", "tags", &tags]));
    let exported = out(&site.run(&["export", "tags"]));
    let id = exported.split('"').find(|part| part.starts_with("tag_")).unwrap();
    let rows = format!(
        "{{\"name\": \"one\", \"tags\": [\"name=blue\", \"{id}\"]}}\n{{\"name\": \"two\", \"tags\": []}}\n"
    );
    let rows = site.write("posts.jsonl", &rows);
    out(&site.run(&["import", "posts", &rows]));
    let cells =
        site.write("posts.csv", "name,tags\nthree,\"name=red, name=blue\"\nfour,\"[\"\"name=red\"\"]\"\n");
    out(&site.run(&["import", "posts", &cells]));
    let counts: Vec<usize> =
        out(&site.run(&["export", "posts"])).lines().map(|line| line.matches("\"tag_").count()).collect();
    assert_eq!(counts, [2, 0, 2, 1]);
    for (row, part) in [
        ("[\"name=green\"]", "There is no record name=green."),
        ("[\"name=red\", \"name=red\"]", "stands in the list already"),
        ("[\"nome=red\"]", "address"),
        ("[\"name=red\", 5]", "Send text"),
        ("[\"name=red\", \"name=a\", \"name=b\", \"name=c\"]", "At most 3 fit here"),
    ] {
        let rows = site.write("wrong.jsonl", &format!("{{\"tags\": {row}}}\n"));
        let told = refused(&site.run(&["import", "posts", &rows]));
        assert!(told.contains(part) && told.contains("tags"), "{told}");
    }
}
