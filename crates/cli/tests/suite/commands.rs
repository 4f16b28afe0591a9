//! Commands on a site that nobody serves.

use std::fs;
use std::sync::Arc;

use mains_base::SystemClock;
use mains_database::engine::{Engine, EngineSettings};
use mains_database::log::{Follower, Start};
use tempfile::TempDir;

use crate::program::{SEED, Site, mains, out, refused, said};

fn site() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let made = mains(folder.path(), &["new", &folder.path().join("site").display().to_string()]);
    out(&made);
    folder
}

#[test]
fn wrong_usage_ends_with_2_and_a_failure_with_1() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(mains(folder.path(), &["nonsense"]).status.code(), Some(2));
    let lost = mains(folder.path(), &["check"]);
    assert_eq!(lost.status.code(), Some(1));
    assert!(said(&lost).contains("There is no mains.toml in"), "{}", said(&lost));
}

#[test]
fn new_makes_a_site_once() {
    let folder = site();
    let again = mains(folder.path(), &["new", &folder.path().join("site").display().to_string()]);
    assert_eq!(again.status.code(), Some(1));
    assert!(said(&again).contains("is there already and not empty"));
}

#[test]
fn check_points_at_a_mistake() {
    let folder = site();
    let path = folder.path().join("site");
    assert!(said(&mains(&path, &["check"])).contains("1 collection, nothing wrong."));
    let file = path.join("collections/notes.toml");
    let text = fs::read_to_string(&file).unwrap().replace("type = \"bool\"", "type = \"boll\"");
    fs::write(&file, text).unwrap();
    let wrong = mains(&path, &["check"]);
    assert_eq!(wrong.status.code(), Some(1));
    let said = said(&wrong);
    assert!(
        said.contains("collections/notes.toml:") && said.contains("bool") && said.contains("1 mistake."),
        "{said}"
    );
}

#[test]
fn check_refuses_what_would_not_start() {
    let site = Site::new();
    let refuses = |name: &str, text: &str, parts: &[&str]| {
        let path = site.path.join(name);
        let before = fs::read_to_string(&path).ok();
        site.write(name, text);
        for command in ["check", "serve"] {
            let told = refused(&site.run(&[command]));
            assert!(parts.iter().all(|part| told.contains(part)), "{command}: {told}");
        }
        match before {
            Some(before) => _ = site.write(name, &before),
            None => fs::remove_file(path).unwrap(),
        }
    };
    refuses(
        "seeds/memos.jsonl",
        "{}",
        &["seeds/memos.jsonl: There is no collection memos.", "Declare it, or remove the file."],
    );
    refuses("seeds/notes.jsonl", "{\"title\": 5}", &["seeds/notes.jsonl, line 1"]);
    let twice = "{\"key\": [\"slug\"], \"slug\": \"a\"}";
    refuses("seeds/notes.jsonl", twice, &["The seed in line 1 cannot be put"]);
    let guests = "prefix = \"vote\"\nguests = true\n[rules]\ncreate = 'true'\n";
    site.write("collections/accounts.toml", "prefix = \"account\"\n[fields.name]\ntype = \"text\"\n");
    site.write("collections/votes.toml", guests);
    let told = refused(&site.run(&["check"]));
    assert!(told.contains("votes says guests = true") && told.contains("enable accounts"), "{told}");
    fs::remove_file(site.path.join("collections/votes.toml")).unwrap();
    assert!(said(&site.run(&["check"])).contains("2 collections, nothing wrong."));
}

#[test]
fn a_key_ends_by_itself_when_that_was_said() {
    let site = Site::new();
    let made = out(&site.run(&["keys", "create", "--role", "editor", "--expires", "2999-12-31"]));
    assert!(made.starts_with("mains_key_"), "{made}");
    let listed = out(&site.run(&["keys", "list"]));
    assert!(listed.contains("valid until 2999-12-31T00:00"), "{listed}");
    for (when, part) in [("tomorrow", "is no time"), ("2001-01-01T00:00:00Z", "is over already")] {
        let told = refused(&site.run(&["keys", "create", "--role", "editor", "--expires", when]));
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn a_key_is_printed_alone_and_ends_when_revoked() {
    let folder = site();
    let path = folder.path().join("site");
    let made = out(&mains(&path, &["keys", "create", "--role", "editor", "--note", "for the test"]));
    assert!(made.starts_with("mains_key_") && made.lines().count() == 1, "{made}");
    let listed = out(&mains(&path, &["keys", "list"]));
    assert!(
        listed.contains("editor") && listed.contains("for the test") && !listed.contains(made.trim()),
        "{listed}"
    );
    let id = listed.split_whitespace().next().unwrap();
    out(&mains(&path, &["keys", "revoke", id]));
    assert!(out(&mains(&path, &["keys", "list"])).contains("revoked"));
    assert_eq!(mains(&path, &["keys", "revoke", "key_nonsense"]).status.code(), Some(1));
}

#[test]
fn migrate_shows_its_plan_and_does_nothing_twice() {
    let folder = site();
    let path = folder.path().join("site");
    out(&mains(&path, &["migrate"]));
    let file = path.join("collections/notes.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(
        &file,
        text.replace("[[indexes]]", "[fields.stars]\ntype = \"integer\"\ndefault = 3\n\n[[indexes]]"),
    )
    .unwrap();
    let plan = out(&mains(&path, &["migrate", "--plan"]));
    assert!(plan.contains("notes.stars"), "{plan}");
    assert_eq!(out(&mains(&path, &["migrate"])), plan);
    assert!(out(&mains(&path, &["export", "notes", "--fields", "slug,stars"])).contains(r#""stars":3"#));
    assert_eq!(out(&mains(&path, &["migrate"])), "");
}

#[test]
fn what_would_lose_data_is_refused_with_a_way_on() {
    let folder = site();
    let path = folder.path().join("site");
    out(&mains(&path, &["migrate"]));
    let file = path.join("collections/notes.toml");
    let text = fs::read_to_string(&file).unwrap();
    let without = text.replace("[fields.body]\ntype = \"text\"\nmax = 20_000\n", "");
    assert_ne!(without, text);
    fs::write(&file, without).unwrap();
    let refused = mains(&path, &["migrate"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("mains migrate --drop notes.body"), "{}", said(&refused));
    let seeded = mains(&path, &["migrate", "--drop", "notes.body"]);
    assert!(said(&seeded).contains("seeds/notes.jsonl, line 1"), "{}", said(&seeded));
    assert!(
        out(&mains(&path, &["migrate", "--plan", "--drop", "notes.body"])).contains("- field notes.body")
    );
    fs::write(path.join("seeds/notes.jsonl"), SEED).unwrap();
    let dropped = out(&mains(&path, &["migrate", "--drop", "notes.body"]));
    assert!(dropped.contains("with the values of 2 records"), "{dropped}");
    assert_eq!(out(&mains(&path, &["migrate"])), "");
}

#[test]
fn what_was_exported_comes_in_again() {
    let folder = site();
    let path = folder.path().join("site");
    for name in ["notes.jsonl", "notes.csv"] {
        let file = folder.path().join(name).display().to_string();
        out(&mains(&path, &["export", "notes", "--to", &file]));
        let before = out(&mains(&path, &["export", "notes"]));
        assert_eq!(before.lines().count(), 2);
        let imported = mains(&path, &["import", "notes", &file]);
        assert!(said(&imported).contains("2 rows are in notes."), "{}", said(&imported));
        assert_eq!(out(&mains(&path, &["export", "notes"])), before, "{name}");
    }
}

#[test]
fn an_import_names_lines_and_fields_and_goes_on() {
    let folder = site();
    let path = folder.path().join("site");
    let file = folder.path().join("rows.jsonl");
    let mut rows: Vec<String> = (1..=1200).map(|n| format!(r#"{{"title":"Row {n}"}}"#)).collect();
    rows[699] = r#"{"titel":"Row 700","pinned":"perhaps"}"#.to_owned();
    fs::write(&file, rows.join("\n")).unwrap();
    let name = file.display().to_string();
    let stopped = mains(&path, &["import", "notes", &name]);
    assert_eq!(stopped.status.code(), Some(1));
    let told = said(&stopped);
    assert!(told.contains("line 700, titel: There is no such field. Did you mean title?"), "{told}");
    assert!(told.contains("line 700, pinned: ") && told.contains("500 rows are in before that."), "{told}");
    rows[699] = r#"{"title":"Row 700"}"#.to_owned();
    fs::write(&file, rows.join("\n")).unwrap();
    let done = mains(&path, &["import", "notes", &name]);
    assert!(
        said(&done).contains("500 rows are in already") && said(&done).contains("1200 rows are in notes."),
        "{}",
        said(&done)
    );
    assert_eq!(out(&mains(&path, &["export", "notes"])).lines().count(), 1202);
}

#[test]
fn a_row_that_the_database_refuses_is_named() {
    let folder = site();
    let path = folder.path().join("site");
    let file = folder.path().join("rows.jsonl");
    fs::write(
        &file,
        "{\"title\":\"A\",\"slug\":\"same\"}\n{\"title\":\"B\"}\n{\"title\":\"C\",\"slug\":\"same\"}\n",
    )
    .unwrap();
    let refused = mains(&path, &["import", "notes", &file.display().to_string()]);
    assert!(said(&refused).contains("line 3, slug: "), "{}", said(&refused));
    assert_eq!(out(&mains(&path, &["export", "notes"])).lines().count(), 2, "nothing of the chunk is in");
}

#[test]
fn names_that_are_not_there_come_with_the_nearest() {
    let folder = site();
    let path = folder.path().join("site");
    let unknown = mains(&path, &["export", "nots"]);
    assert!(said(&unknown).contains("There is no collection nots. Did you mean notes?"));
    let field = mains(&path, &["export", "notes", "--fields", "titel"]);
    assert!(said(&field).contains("Did you mean title?"), "{}", said(&field));
}

#[test]
fn doctor_says_what_is_wrong() {
    let folder = site();
    let path = folder.path().join("site");
    out(&mains(&path, &["migrate"]));
    fs::write(path.join("mains.toml"), "[server]\nlisten = \"127.0.0.1:0\"\n").unwrap();
    let well = mains(&path, &["doctor"]);
    assert!(out(&well).lines().all(|line| line.starts_with("well")), "{}", out(&well));
    fs::write(path.join("mains.toml"), "[server]\nlisten = \"nowhere\"\n").unwrap();
    let wrong = mains(&path, &["doctor"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&wrong.stdout).contains("WRONG  settings  [server] listen"));
}

/// The plan makes an empty database to look at; nothing is wrong with that.
#[test]
fn doctor_finds_a_fresh_site_well_after_its_plan_was_shown() {
    let folder = site();
    let path = folder.path().join("site");
    fs::write(path.join("mains.toml"), "[server]\nlisten = \"127.0.0.1:0\"\n").unwrap();
    assert!(out(&mains(&path, &["migrate", "--plan"])).contains("+ collection notes"));
    let well = out(&mains(&path, &["doctor"]));
    assert!(well.contains("well   database     empty yet; the first start fills it"), "{well}");
}

#[test]
fn completions_are_printed() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        assert!(out(&mains(folder.path(), &["completions", shell])).contains("migrate"), "{shell}");
    }
}

#[test]
fn a_follower_that_nobody_runs_is_dropped_by_name() {
    let folder = site();
    let path = folder.path().join("site");
    out(&mains(&path, &["migrate"]));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let settings = EngineSettings::sqlite(path.join("data/site.db"));
        let engine = Engine::open(&settings, Arc::new(SystemClock)).await.unwrap();
        Follower::open(&engine, "search", Start::Beginning).await.unwrap();
        engine.close().await;
    });
    let listed = out(&mains(&path, &["followers", "list"]));
    assert!(listed.starts_with("search ") && listed.lines().count() == 1, "{listed}");
    // Another program may have the port of the settings, which doctor tells besides.
    let doctor = String::from_utf8_lossy(&mains(&path, &["doctor"]).stdout).into_owned();
    assert!(doctor.contains("well   changes      "), "{doctor}");
    let unknown = mains(&path, &["followers", "drop", "serch"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(
        said(&unknown).contains("There is no follower serch. Did you mean search?"),
        "{}",
        said(&unknown)
    );
    out(&mains(&path, &["followers", "drop", "search"]));
    assert!(said(&mains(&path, &["followers", "list"])).contains("Nobody follows"));
}
