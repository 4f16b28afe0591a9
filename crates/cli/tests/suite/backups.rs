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
    site.write("bells.tar", &"\u{7}\u{1b}[31m".repeat(200));
    let told = refused(&site.run(&["restore", "bells.tar", "--replace"]));
    assert!(!told.trim_end().contains(|letter: char| letter.is_control() && letter != '\n'), "{told:?}");
    assert!(refused(&site.run(&["restore", "absent.tar", "--replace"])).contains("absent.tar"));
    assert_eq!(titles(&site), before);
    assert!(!site.path.join("data/restoring").exists());
}

/// The token of the session that an answer begins.
fn token(head: &str) -> String {
    let at = head.find("mains_session_").unwrap_or_else(|| panic!("{head}"));
    head[at..].chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect()
}

#[test]
fn a_restore_signs_everybody_out_and_kills_the_links_of_that_time() {
    crate::accounts::on_both(|site| {
        let email = "ada@shop.example";
        let password = out(&site.run(&["accounts", "create", email])).trim().to_owned();
        let link = out(&site.run(&["accounts", "reset", email]));
        let (_, link) = link.trim().split_once("/reset?token=").unwrap();
        let server = site.start(&["serve"]);
        let given = serde_json::json!({"email": email, "password": password});
        let signed = server.call("POST", "/api/accounts/sign-in", "", Some(&given));
        let session = token(&signed.head);
        assert_eq!(server.call("GET", "/api/accounts/me", &session, None).status, 200);
        let files = ["file.tar", "rows.tar"].map(|name| site.path.join(name).display().to_string());
        out(&site.run(&["backup", &files[0]]));
        out(&site.run(&["backup", "--rows", &files[1]]));
        server.stop();
        server.end();
        for file in &files {
            let restored = site.run(&["restore", file, "--replace"]);
            assert!(said(&restored).contains("Everybody is signed out"), "{}", said(&restored));
            let server = site.start(&["serve"]);
            assert_eq!(server.call("GET", "/api/accounts/me", &session, None).status, 401);
            let reset = serde_json::json!({"token": link, "password": "other dry words"});
            assert_eq!(server.call("POST", "/api/accounts/reset", "", Some(&reset)).status, 404);
            let signed = server.call("POST", "/api/accounts/sign-in", "", Some(&given));
            assert_eq!(signed.status, 200, "the password of that time");
            let list = server.call("GET", "/api/account_sessions", &token(&signed.head), None).json();
            assert_eq!(list["items"].as_array().unwrap().len(), 1, "{list}");
            server.stop();
            server.end();
        }
    });
}
