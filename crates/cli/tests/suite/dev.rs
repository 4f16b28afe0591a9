//! `mains dev`: what happens to the files while it runs.

use crate::program::{SEED, Site, mains, out, refused, until};

const STARS: &str = "[fields.stars]\ntype = \"integer\"\ndefault = 3\n\n";

#[test]
fn a_field_is_taken_up_a_mistake_is_shown_and_mended() {
    let site = Site::new();
    let mut dev = site.start(&["dev"]);
    dev.wait_for("taken up as they are saved");
    let with = format!("{STARS}[[indexes]]");
    site.change("collections/notes.toml", "[[indexes]]", &with);
    dev.wait_for("+ field notes.stars");
    assert_eq!(dev.get("/api/notes/slug=hello").json()["stars"], 3);

    site.change("collections/notes.toml", "\"integer\"", "\"integr\"");
    dev.wait_for("collections/notes.toml:");
    dev.wait_for("type = \"integr\"");
    dev.wait_for("integer");
    dev.wait_for("The site goes on as it was");
    assert_eq!(dev.get("/api/notes/slug=hello").json()["stars"], 3);

    site.change("collections/notes.toml", "\"integr\"", "\"integer\"");
    dev.wait_for("Taken up.");
    site.change("collections/notes.toml", "default = 3", "default = 3\nmax = 5");
    dev.wait_for("Taken up:");
    assert_eq!(dev.get("/api/notes/slug=hello").status, 200);
}

#[test]
fn a_mistake_at_the_start_is_waited_for() {
    let site = Site::new();
    site.change("collections/notes.toml", "\"text\"", "\"txt\"");
    let mut dev = site.begin(&["dev"]);
    dev.wait_for("type = \"txt\"");
    dev.wait_for("goes on by itself");
    site.change("collections/notes.toml", "\"txt\"", "\"text\"");
    dev.serves();
    assert_eq!(dev.get("/api/notes/slug=hello").status, 200);
}

#[test]
fn what_is_no_plain_file_is_refused_and_never_read_to_its_end() {
    let site = Site::new();
    std::os::unix::fs::symlink("/dev/zero", site.path.join("collections/zeros.toml")).unwrap();
    assert!(refused(&site.run(&["check"])).contains("no plain file"));
}

#[test]
fn a_collection_in_a_folder_that_was_not_there_is_taken_up() {
    let site = Site::new();
    std::fs::remove_dir_all(site.path.join("collections")).unwrap();
    std::fs::remove_dir_all(site.path.join("seeds")).unwrap();
    let mut dev = site.start(&["dev"]);
    dev.wait_for("taken up as they are saved");
    site.write(
        "collections/words.toml",
        "prefix = \"word\"\n[fields.word]\ntype = \"text\"\nunique = true\n[rules]\nread = 'true'\n",
    );
    dev.wait_for("+ collection words");
    site.write("seeds/words.jsonl", "{\"key\": [\"word\"], \"word\": \"one\"}\n");
    dev.wait_for("Taken up.");
    until("the seed is put", || dev.get("/api/words").json()["items"][0]["word"] == "one");
}

#[test]
fn what_would_lose_data_waits_for_migrate() {
    let site = Site::new();
    let mut dev = site.start(&["dev"]);
    dev.wait_for("taken up as they are saved");
    site.write("seeds/notes.jsonl", SEED);
    site.change("collections/notes.toml", "[fields.body]\ntype = \"text\"\nmax = 20_000\n", "");
    dev.wait_for("mains migrate --drop notes.body");
    dev.wait_for("The site goes on as it was");
    assert!(dev.get("/api/notes/slug=hello").json()["body"].is_string());
    let done = site.run(&["migrate", "--drop", "notes.body"]);
    assert!(out(&done).contains("- field notes.body"));
    assert!(dev.get("/api/notes/slug=hello").json().get("body").is_none());
}

#[test]
fn other_settings_are_a_new_start_and_wrong_ones_are_shown() {
    let site = Site::new();
    let mut dev = site.start(&["dev"]);
    dev.wait_for("taken up as they are saved");
    let settings = site.read("mains.toml");
    site.write("mains.toml", &format!("{settings}\n[files]\nurl = \"x\"\n"));
    dev.wait_for("[files] is not there yet");
    dev.wait_for("goes on with the settings it started with");
    site.write("mains.toml", &settings.replace("#limit = 30", "limit = 1"));
    dev.wait_for("starting again with it");
    dev.serves();
    dev.wait_for("taken up as they are saved");
    assert_eq!(dev.get("/api/notes").json()["items"].as_array().unwrap().len(), 1);
}

#[test]
fn an_app_that_is_enabled_works_at_once_with_its_commands_and_pages() {
    let site = Site::new();
    let mut dev = site.start(&["dev"]);
    dev.wait_for("taken up as they are saved");
    assert_eq!(dev.get("/sign-in").status, 404);
    site.change("mains.toml", "#enabled = ", "enabled = ");
    dev.wait_for("starting again with it");
    dev.serves();
    dev.wait_for("taken up as they are saved");
    assert_eq!(dev.get("/sign-in").status, 200);
    let body = serde_json::json!({"email": "a@site.example", "password": "four wet words"});
    let sent = dev.call("POST", "/api/accounts/sign-in", "", Some(&body));
    assert_eq!(sent.json()["code"], "accounts.mismatch");
    // An app that does not exist is told, and nothing ends.
    site.change("mains.toml", "enabled = [\"accounts\"]", "enabled = [\"acounts\"]");
    dev.wait_for("Did you mean accounts?");
    dev.wait_for("goes on with the settings it started with");
    assert_eq!(dev.get("/sign-in").status, 200);
    // Without it its doors are closed; what it holds stays for when it comes back.
    site.change("mains.toml", "enabled = [\"acounts\"]", "enabled = []");
    dev.wait_for("starting again with it");
    dev.serves();
    assert_eq!((dev.get("/sign-in").status, dev.get("/api/accounts").status), (404, 404));
    dev.stop();
    assert_eq!(dev.end().0, Some(0));
}

#[test]
fn a_new_site_may_have_accounts_from_the_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("club");
    out(&mains(folder.path(), &["new", &path.display().to_string(), "--accounts"]));
    out(&mains(&path, &["accounts", "create", "ines@club.example"]));
    assert!(out(&mains(&path, &["accounts", "list"])).contains("ines@club.example"));
}
