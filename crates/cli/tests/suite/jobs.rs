//! Jobs and kept mails on the command line, and where they are shown.

use serde_json::json;

use crate::accounts;
use crate::mailbox::Mailbox;
use crate::program::{Site, out, refused, said, until};

#[test]
fn mails_are_shown_in_dev_alone() {
    let site = Site::new();
    let mut dev = site.start(&["dev"]);
    dev.wait_for("/mails");
    let page = dev.get("/mails");
    assert_eq!(page.status, 200);
    assert!(
        String::from_utf8_lossy(&page.body).contains("None yet"),
        "{}",
        String::from_utf8_lossy(&page.body)
    );
    assert_eq!(dev.get("/mails?mail=x").status, 404);
    assert!(said(&site.run(&["mails"])).contains("No mails are kept"));
    dev.stop();
    dev.end();
    let serve = site.start(&["serve"]);
    assert_eq!(serve.get("/mails").status, 404);
}

#[test]
fn jobs_are_listed_served_or_not() {
    let site = Site::new();
    let not_served = site.run(&["jobs", "list"]);
    assert!(out(&not_served).is_empty() && said(&not_served).contains("no such jobs"));
    let _serve = site.start(&["serve"]);
    assert!(out(&site.run(&["jobs", "list", "--state", "dead", "--name", "mail.send"])).is_empty());
    assert!(
        refused(&site.run(&["jobs", "list", "--state", "lost"])).contains("waiting, running, done or dead")
    );
    assert!(refused(&site.run(&["jobs", "retry", "mail.send", "x"])).contains("mains jobs list"));
    assert!(refused(&site.run(&["jobs", "drop", "mail.send", "x"])).contains("mains jobs list"));
}

#[test]
fn schedules_are_listed_with_their_next_slots() {
    let plain = Site::new();
    assert!(said(&plain.run(&["jobs", "schedules"])).contains("no schedules"));
    accounts::on_both(|site| {
        for is_served in [false, true] {
            let _serve = is_served.then(|| site.start(&["serve"]));
            let listed = out(&site.run(&["jobs", "schedules"]));
            let sweep = listed.lines().find(|line| line.starts_with("account.sweep")).unwrap();
            assert!(sweep.contains(" 03:43") || sweep.contains("T03:43"), "{listed}");
        }
    });
}

#[test]
fn a_mail_that_was_given_up_is_listed_begun_again_or_dropped() {
    accounts::on_both(|site| {
        let mailbox = Mailbox::refusing();
        let settings = site.read("mains.toml");
        site.write("mains.toml", &format!("{settings}\n[mail]\nurl = \"{}\"\n", mailbox.url));
        out(&site.run(&["accounts", "create", "ada@shop.example"]));
        out(&site.run(&["accounts", "create", "bob@shop.example"]));
        let serve = site.start(&["serve"]);
        for email in ["ada@shop.example", "bob@shop.example"] {
            let asked = serve.call("POST", "/api/accounts/forgot", "", Some(&json!({ "email": email })));
            assert!(asked.status < 300, "{}", asked.json());
        }
        let dead = || out(&site.run(&["jobs", "list", "--state", "dead", "--name", "mail.send"]));
        until("both are given up", || dead().matches("nothing is taken here").count() == 2);
        let keys: Vec<String> = dead()
            .lines()
            .filter(|line| line.starts_with("mail.send"))
            .map(|line| line.split_whitespace().nth(1).unwrap().to_owned())
            .collect();
        assert!(!dead().contains("ada@shop.example"), "no list tells an address");
        out(&site.run(&["jobs", "drop", "mail.send", &keys[1]]));
        mailbox.accept();
        out(&site.run(&["jobs", "retry", "mail.send", &keys[0]]));
        let done = || out(&site.run(&["jobs", "list", "--state", "done", "--name", "mail.send"]));
        until("one is sent", || mailbox.taken() == 1 && done().contains(&keys[0]));
        assert!(done().contains(&keys[1]), "what was dropped keeps its key");
        assert!(!dead().contains("mail.send"), "{}", dead());
        assert!(refused(&site.run(&["jobs", "retry", "mail.send", &keys[1]])).contains("mains jobs list"));
        serve.stop();
        serve.end();
        assert_eq!(mailbox.taken(), 1);
    });
}
