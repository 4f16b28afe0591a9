//! Defaults that are lists, and the first values of enums that expressions give.

use mains_base::Caller;
use mains_testkit::on_both_with;
use serde_json::json;

use super::site::{Site, refused, schema_of};

const TASKS: &str = r#"
prefix = "task"
[fields.urgent]
type = "bool"
[fields.state]
type = "enum"
values = ["open", "hot", "done"]
default = { expr = 'urgent ? "hot" : "open"' }
[fields.state.transitions]
"* -> done" = 'true'
[fields.phase]
type = "enum"
values = ["one", "two"]
default = { expr = 'urgent ? "two" : "one"' }
[fields.phase.transitions]
"new -> one" = 'true'
"one -> two" = 'true'
[fields.tags]
type = "text"
many = true
max_items = 3
ignore_case = true
default = ["New", "open"]
[rules]
read = 'true'
create = 'true'
update = 'true'
"#;

fn on_both(test: impl AsyncFn(Site) + Sync) {
    on_both_with(|| schema_of(&[("tasks", TASKS)]), async |db| test(Site::new(db)).await);
}

#[test]
fn a_first_value_that_an_expression_gives_needs_no_line() {
    on_both(async |site| {
        let visitor = Caller::visitor();
        let made = site.create(&visitor, "tasks", json!({})).await.unwrap().id;
        assert_eq!(site.value("tasks", made, "state").await, "open");
        // Sent by hand it is the same value.
        let sent = site.create(&visitor, "tasks", json!({ "state": "open" })).await.unwrap().id;
        assert_eq!(site.value("tasks", sent, "state").await, "open");
        let hot = site.create(&visitor, "tasks", json!({ "urgent": true, "phase": "one" })).await.unwrap().id;
        assert_eq!(site.value("tasks", hot, "state").await, "hot");
        let other = site.create(&visitor, "tasks", json!({ "state": "hot" })).await;
        assert_eq!(refused(other), "records.transition /state transition");
        let later = site.update(&visitor, site.target("tasks", made), json!({ "state": "hot" })).await;
        assert_eq!(refused(later), "records.transition /state transition");
        site.update(&visitor, site.target("tasks", made), json!({ "state": "done" })).await.unwrap();
        // Where lines say what comes first, the default is no exception.
        let second = site.create(&visitor, "tasks", json!({ "urgent": true })).await;
        assert_eq!(refused(second), "records.transition /phase transition");
    });
}

#[test]
fn a_list_that_nobody_gives_is_its_default() {
    on_both(async |site| {
        let visitor = Caller::visitor();
        for (sent, stored) in [
            (json!({}), json!(["New", "open"])),
            (json!({ "tags": [] }), json!([])),
            (json!({ "tags": ["own"] }), json!(["own"])),
            (json!({ "tags": { "add": ["OPEN", "more"] } }), json!(["New", "open", "more"])),
        ] {
            let id = site.create(&visitor, "tasks", sent.clone()).await.unwrap().id;
            assert_eq!(site.value("tasks", id, "tags").await, stored, "{sent}");
        }
    });
}
