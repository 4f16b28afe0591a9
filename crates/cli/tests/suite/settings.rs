//! Settings from the file and from variables, and how wrong ones are told.

use crate::program::{Site, command, mains, out, refused, said};

#[test]
fn wrong_settings_are_shown_where_they_are() {
    let site = Site::new();
    for (text, parts) in [
        ("[server]\nlissen = \"x\"\n", ["mains.toml:2:1", "Did you mean listen?"]),
        ("[site]\nspa = \"yes\"\n", ["mains.toml:2:7", "wants a boolean"]),
        ("[files]\nurl = \"x\"\n", ["mains.toml:1:2", "is not there yet"]),
        ("[site\n", ["mains.toml:1", "This is not TOML"]),
        ("[records]\nlimit = 501\n", ["limit is 501", "1 to 500"]),
    ] {
        site.write("mains.toml", text);
        for command in ["check", "serve"] {
            let told = refused(&site.run(&[command]));
            assert!(parts.iter().all(|part| told.contains(part)), "{told}");
        }
    }
}

#[test]
fn variables_win_over_the_file_and_are_checked_too() {
    let site = Site::new();
    let with = |name: &str, value: &str, arguments: &[&str]| {
        command(&site.path, arguments).env(name, value).output().unwrap()
    };
    let told = refused(&with("MAINS_RECORDS_LIMIT", "many", &["check"]));
    assert!(told.contains("MAINS_RECORDS_LIMIT is \"many\"; it wants an integer."), "{told}");
    let told = refused(&with("MAINS_RECORD_LIMIT", "3", &["check"]));
    assert!(told.contains("Did you mean MAINS_RECORDS_LIMIT?"), "{told}");
    out(&with("MAINS_SERVICE_HOST", "10.0.0.1", &["check"]));
    let told = refused(&with("MAINS_RECORDS_LIMITS", "3", &["check"]));
    assert!(told.contains("Did you mean MAINS_RECORDS_LIMIT?"), "{told}");
    out(&with("MAINS_RECORDS_LIMIT", "3", &["check"]));
    site.write("mains.toml", "[records]\nlimit = 1\n");
    let served = site.start(&["serve"]);
    assert_eq!(served.get("/api/notes").json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(served.get("/api/notes?limit=2").json()["items"].as_array().unwrap().len(), 2);
}

#[test]
fn a_password_is_never_shown() {
    let site = Site::new();
    let url = "postgres://mains:s3cr3t-word@127.0.0.1:1/nothing";
    for arguments in [&["serve"][..], &["doctor"], &["migrate"], &["keys", "list"], &["check"]] {
        let done = command(&site.path, arguments)
            .env("MAINS_DATABASE_URL", url)
            .env("MAINS_LOG_LEVEL", "debug")
            .output()
            .unwrap();
        let all = format!("{}{}", said(&done), String::from_utf8_lossy(&done.stdout));
        assert!(!all.contains("s3cr3t"), "{all}");
        assert!(arguments == ["check"] || done.status.code() == Some(1), "{all}");
    }
}

#[test]
fn doctor_changes_nothing_and_names_what_is_wrong() {
    let site = Site::new();
    let well = out(&site.run(&["doctor"]));
    assert!(well.contains("not there yet; the first start makes it"), "{well}");
    assert!(!site.path.join("data").exists());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    site.write("mains.toml", &format!("[server]\nlisten = \"{}\"\n", taken.local_addr().unwrap()));
    site.change("collections/notes.toml", "\"bool\"", "\"boll\"");
    std::fs::create_dir(site.path.join("data")).unwrap();
    let wrong = site.run(&["doctor"]);
    refused(&wrong);
    let found = String::from_utf8_lossy(&wrong.stdout).into_owned();
    for part in ["1 mistake; `mains check`", "taken by another program", "chmod 700"] {
        assert!(found.contains(part), "{part}: {found}");
    }
}

#[test]
fn days_are_within_bounds() {
    let site = Site::new();
    for (line, part) in [
        ("unproven_days = 1", "[accounts] unproven_days is 1; it may be 2 to 3650."),
        ("guest_days = 0", "[accounts] guest_days is 0; it may be 1 to 3650."),
    ] {
        site.write("mains.toml", &format!("[accounts]\n{line}\n"));
        let told = refused(&site.run(&["serve"]));
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn odd_names_are_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    for odd in [".hidden", "a\"b", "x/..", "-", "end."] {
        let name = folder.path().join(odd).display().to_string();
        let told = refused(&mains(folder.path(), &["new", &name]));
        assert!(told.contains("A site cannot be named"), "{odd}: {told}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
