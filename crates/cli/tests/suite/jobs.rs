//! Jobs and kept mails on the command line, and where they are shown.

use crate::program::{Site, out, refused, said};

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
