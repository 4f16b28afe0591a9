//! A delete of more than one transaction takes, killed in the middle: the next start does the rest.

use mains_testkit::server::ask;
use serde_json::json;

use crate::postgres;
use crate::program::{Running, Site, out, until};

const FOLDERS: &str = "prefix = \"folder\"\n[fields.parent]\ntype = \"relation\"\nto = \"folders\"\non_delete = \"cascade\"\n\
    [rules]\nread = 'true'\n";
const ROWS: usize = 12_000;

fn count(served: &Running) -> u64 {
    let counted = served.get("/api/folders/aggregate?count").json();
    counted.pointer("/items/0/count").and_then(serde_json::Value::as_u64).unwrap_or(0)
}

/// Begins a large delete, kills the server in the middle, and starts it again.
fn killed(site: &Site) {
    site.write("collections/folders.toml", FOLDERS);
    out(&site.run(&["migrate"]));
    let served = site.start(&["serve"]);
    let key = out(&site.run(&["keys", "create", "--role", "staff"]));
    let key = key.trim();
    let made = served.call("POST", "/api/folders", key, Some(&json!({})));
    let root = made.json().get("id").and_then(serde_json::Value::as_str).unwrap().to_owned();
    let rows: Vec<String> = (0..ROWS).map(|_| format!(r#"{{"parent":"{root}"}}"#)).collect();
    let file = site.write("rows.jsonl", &rows.join("\n"));
    out(&site.run(&["import", "folders", &file]));
    let address = format!("/api/folders/{root}");
    let begun = served.call("DELETE", &address, key, None);
    assert_eq!((begun.status, begun.json()), (202, json!({"id": root, "deleting": true})));
    until("some of it is gone", || count(&served) <= ROWS as u64);
    served.kill();
    let again = site.start(&["serve"]);
    let left = count(&again);
    assert!(left > 0, "it was not in the middle");
    until("all of it is gone", || {
        let gone = again.get(&address).status == 404;
        // The record goes last.
        assert!(!gone || count(&again) == 0);
        gone
    });
    assert_eq!(again.call("DELETE", &address, key, None).status, 404);
    until("the job is done", || out(&site.run(&["jobs", "list"])).is_empty());
}

#[test]
fn a_large_delete_goes_on_after_a_kill() {
    killed(&Site::new());
}

#[test]
fn a_large_delete_goes_on_after_a_kill_on_postgres_and_logs_each_record_once() {
    let (site, database) = postgres::site();
    killed(&site);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sql = "SELECT count(*), count(DISTINCT record) FROM mains_changes WHERE op = 3";
    let logged = runtime.block_on(ask(&database.url(), sql)).unwrap();
    assert_eq!(logged, [(ROWS + 1).to_string(), (ROWS + 1).to_string()]);
}
