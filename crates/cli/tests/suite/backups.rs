//! `mains backup` and `mains restore`, as people run them.

use std::fs;
use std::path::Path;

use crate::program::{Running, Site, out, refused, said};

fn key(site: &Site) -> String {
    out(&site.run(&["keys", "create", "--role", "staff"])).trim().to_owned()
}

fn write(running: &Running, key: &str, title: &str) {
    let note = serde_json::json!({"title": title});
    assert_eq!(running.call("POST", "/api/notes", key, Some(&note)).status, 201);
}

fn titles(site: &Site) -> Vec<String> {
    site.notes("title")
}

#[test]
fn a_backup_of_a_served_site_comes_back() {
    let site = Site::new();
    let server = site.start(&["serve"]);
    let key = key(&site);
    write(&server, &key, "Before");
    let file = site.path.join("copy.tar").display().to_string();
    let made = site.run(&["backup", &file]);
    assert_eq!(out(&made).trim(), file);
    assert!(said(&made).contains("read back and whole"), "{}", said(&made));
    let before = titles(&site);
    write(&server, &key, "After");
    assert!(refused(&site.run(&["backup", &file])).contains("is there already"));
    assert!(refused(&site.run(&["restore", &file, "--replace"])).contains("being served"));
    server.stop();
    server.end();

    assert!(refused(&site.run(&["restore", &file])).contains("--replace"));
    let restored = site.run(&["restore", &file, "--replace"]);
    assert!(said(&restored).contains("Restored"), "{}", said(&restored));
    assert_eq!(titles(&site), before);
    assert!(!site.path.join("data/restoring").exists());
    // Whoever had a key has it again.
    let server = site.start(&["serve"]);
    write(&server, &key, "Again");
}

#[test]
fn rows_move_to_another_site_and_a_folder_gets_a_named_file() {
    let (site, other) = (Site::new(), Site::new());
    let folder = site.path.join("backups");
    fs::create_dir(&folder).unwrap();
    out(&site.run(&["import", "notes", &site.write("more.jsonl", "{\"title\": \"More\"}\n")]));
    let file = out(&site.run(&["backup", "--rows", &folder.display().to_string()])).trim().to_owned();
    assert!(Path::new(&file).starts_with(&folder) && file.rsplit('.').next() == Some("tar"), "{file}");
    out(&other.run(&["restore", &file]));
    assert_eq!(titles(&other), titles(&site));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

#[test]
fn what_is_no_backup_changes_nothing() {
    let site = Site::new();
    let before = titles(&site);
    let file = site.write("wrong.tar", "nothing of the kind");
    assert!(refused(&site.run(&["restore", &file, "--replace"])).contains("no whole backup"));
    assert!(refused(&site.run(&["restore", "absent.tar", "--replace"])).contains("absent.tar"));
    assert_eq!(titles(&site), before);
    assert!(!site.path.join("data/restoring").exists());
}
