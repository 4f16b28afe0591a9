//! `mains accounts`, served and not, on both databases.

use serde_json::json;

use crate::postgres;
use crate::program::{Running, Site, out, refused, said, until};

/// Runs a test in a site with accounts, on each database.
pub(crate) fn on_both(test: impl Fn(&Site)) {
    let with = |site: &Site| {
        let settings = site.read("mains.toml");
        let accounts = "[apps]\nenabled = [\"accounts\"]\n[accounts]\nowner = \"owner@shop.example\"\n";
        site.write("mains.toml", &format!("{settings}\n{accounts}"));
    };
    let embedded = Site::new();
    embedded.write("mains.toml", "");
    with(&embedded);
    test(&embedded);
    let (site, _database) = postgres::site();
    with(&site);
    test(&site);
}

fn list(site: &Site) -> String {
    out(&site.run(&["accounts", "list"]))
}

fn row(site: &Site, email: &str) -> String {
    let list = list(site);
    list.lines().find(|line| line.contains(email)).unwrap_or_else(|| panic!("{list}")).to_owned()
}

fn signs_in(served: &Running, email: &str, password: &str) -> bool {
    let given = json!({ "email": email, "password": password });
    let answer = served.call("POST", "/api/accounts/sign-in", "", Some(&given));
    assert!([200, 401].contains(&answer.status), "{}", answer.json());
    answer.status == 200
}

/// Breaks a start off as soon as `made` is there; gives what it said.
fn broken_off(site: &Site, made: &str) -> String {
    let starting = site.begin(&["serve"]);
    until(made, || site.path.join(made).exists());
    starting.stop();
    let (code, heard) = starting.end();
    assert_eq!(code, Some(0), "{heard}");
    heard
}

/// A start that is broken off ends in order: nobody has a password that was told to nobody, and the seeds are in.
#[test]
fn a_start_that_is_broken_off_leaves_nothing_half_made() {
    for made in ["data", "data/control.sock"] {
        on_both(|site| {
            let heard = broken_off(site, made);
            let told = heard.lines().find_map(|line| line.split_once(", with the password "));
            let (_, password) = told.unwrap_or_else(|| panic!("nobody was told: {heard}"));
            let served = site.start(&["serve"]);
            assert!(signs_in(&served, "owner@shop.example", password));
            assert_eq!(served.get("/api/notes").json()["items"].as_array().unwrap().len(), 2, "seeds are in");
            served.stop();
            assert_eq!(served.end().0, Some(0));
        });
    }
}

/// Everything that changes an account and can be seen from here.
fn go_through(site: &Site, email: &str) {
    let password = out(&site.run(&["accounts", "create", email, "--role", "editor"])).trim().to_owned();
    assert_eq!(password.len(), 23, "the password stands alone on stdout");
    assert!(row(site, email).contains("editor") && row(site, email).contains("active"));
    refused(&site.run(&["accounts", "create", email]));
    refused(&site.run(&["accounts", "create", "no address"]));
    assert!(
        refused(&site.run(&["accounts", "roles", email, "--role", "Two Words"])).contains("a-z, 0-9 and _")
    );
    refused(&site.run(&["accounts", "roles", email, "--right", "nowhere"]));
    assert!(row(site, email).contains("editor"), "what was refused changed nothing");
    out(&site.run(&["accounts", "roles", email, "--role", "editor", "--right", "accounts"]));
    assert!(row(site, email).contains("accounts"));
    out(&site.run(&["accounts", "roles", email, "--role", "author"]));
    let now = row(site, email);
    assert!(now.contains("author") && !now.contains("editor") && !now.contains("accounts"), "{now}");
    out(&site.run(&["accounts", "deactivate", email]));
    assert!(row(site, email).contains("deactivated"));
    refused(&site.run(&["accounts", "reset", email]));
    out(&site.run(&["accounts", "reactivate", email]));
    assert!(row(site, email).contains("active"));
    let nobody = "nobody@shop.example";
    for command in ["roles", "reset", "deactivate", "reactivate"] {
        let told = refused(&site.run(&["accounts", command, nobody]));
        assert!(told.contains("mains accounts list"), "{command}: {told}");
    }
    assert_eq!(site.run(&["accounts", "reset"]).status.code(), Some(2), "an address is missing");
}

#[test]
fn accounts_are_made_and_changed_served_or_not() {
    on_both(|site| {
        go_through(site, "ada@shop.example");
        let _served = site.start(&["serve"]);
        go_through(site, "bob@shop.example");
        assert!(list(site).contains("ada@shop.example"));
    });
}

#[test]
fn what_the_command_line_gives_opens_an_account_and_what_it_takes_closes_it() {
    on_both(|site| {
        let email = "ada@shop.example";
        let first = out(&site.run(&["accounts", "create", email])).trim().to_owned();
        let early = out(&site.run(&["accounts", "reset", email]));
        let served = site.start(&["serve"]);
        assert!(signs_in(&served, email, &first));
        let link = out(&site.run(&["accounts", "reset", email]));
        for (link, password) in [(&early, "four wet words"), (&link, "other dry words")] {
            let (_, token) = link.trim().split_once("/reset?token=").unwrap();
            let (token, named) = token.split_once('&').unwrap();
            assert_eq!(named, "email=ada%40shop.example");
            let chosen = json!({ "token": token, "password": password });
            let reset = served.call("POST", "/api/accounts/reset", "", Some(&chosen));
            // The first to be opened ends the other.
            assert_eq!(reset.status < 300, password == "four wet words", "{}", reset.json());
        }
        assert!(signs_in(&served, email, "four wet words") && !signs_in(&served, email, &first));
        out(&site.run(&["accounts", "deactivate", email]));
        assert!(!signs_in(&served, email, "four wet words"));
        out(&site.run(&["accounts", "reactivate", email]));
        assert!(signs_in(&served, email, "four wet words"));
    });
}

#[test]
fn the_first_owners_password_is_shown_once() {
    on_both(|site| {
        let mut served = site.start(&["serve"]);
        let line = served.wait_for("The first owner is owner@shop.example, with the password ");
        let password = line.rsplit(' ').next().unwrap().to_owned();
        assert!(signs_in(&served, "owner@shop.example", &password));
        assert!(row(site, "owner@shop.example").contains("staff"));
        let told = refused(&site.run(&["accounts", "deactivate", "owner@shop.example"]));
        assert!(told.contains("last account"), "somebody has to be left: {told}");
        served.stop();
        served.end();
        let again = site.start(&["serve"]);
        assert_eq!(again.get("/sign-in").status, 200);
        again.stop();
        let (code, text) = again.end();
        assert_eq!(code, Some(0));
        assert!(!text.contains("password"), "{text}");
    });
}

#[test]
fn a_site_without_accounts_says_what_is_missing() {
    let site = Site::new();
    site.write("mains.toml", "");
    let told = site.run(&["accounts", "list"]);
    assert!(refused(&told).contains("[apps]"), "{}", said(&told));
}
