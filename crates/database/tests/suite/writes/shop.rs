//! A second site for the tests of writes: a shop, for what the first one does not declare.

use std::future::Future;

use mains_database::jobs;
use mains_testkit::on_both_with;

use super::site::{Site, schema_of, schema_with};

/// The shop's files.
const FILES: &[(&str, &str)] = &[
    (
        "accounts",
        r#"
prefix = "account"
[fields.name]
type = "text"
[fields.town]
type = "text"
[rules]
read = 'true'
"#,
    ),
    (
        "orders",
        r#"
prefix = "order"
[fields.buyer]
type = "relation"
to = "accounts"
inverse = "orders"
on_delete = "clear"
[fields.currency]
type = "text"
pattern = "[A-Z]{3}"
[fields.total]
type = "money"
currency = { field = "currency" }
[fields.email]
type = "email"
required = true
personal = "buyer"
[fields.town]
type = "text"
default = { expr = 'buyer.town + "!"' }
[fields.local]
type = "bool"
default = { expr = 'buyer.town == "Kiel"' }
[fields.closed]
type = "bool"
[fields.amount]
type = "integer"
on_write = 'math.least(amount, 10)'
[fields.number]
type = "integer"
sequence = ""
gaps = true
[fields.phase]
type = "enum"
values = ["open", "paid", "gone"]
default = "open"
[fields.phase.transitions]
"new -> open" = 'true'
"new -> paid" = '"clerk" in auth.roles'
"* -> gone" = 'true'
[[checks]]
expr = 'buyer != null || closed'
message = "An open order needs its buyer."
field = "buyer"
[rules]
read = 'true'
create = 'true'
update = 'true'
delete = 'true'
"#,
    ),
    (
        "workspaces",
        r#"
prefix = "workspace"
[fields.name]
type = "text"
[rules]
read = 'true'
"#,
    ),
    (
        "pages",
        r#"
prefix = "page"
[fields.workspace]
type = "relation"
to = "workspaces"
required = true
on_delete = "cascade"
[fields.title]
type = "text"
[fields.slug]
type = "slug"
from = "title"
scope = "workspace"
follows = true
[fields.secret]
type = "text"
hidden = true
[fields.draft]
type = "text"
read = '!public'
[fields.public]
type = "bool"
[fields.loud]
computed = 'title + "!"'
[fields.place]
computed = 'workspace.name'
[[indexes]]
fields = ["workspace", "title"]
unique = true
where = '!public'
[rules]
read = 'title != "unreadable"'
create = 'true'
update = 'true'
"#,
    ),
    (
        "folders",
        r#"
prefix = "folder"
[fields.parent]
type = "relation"
to = "folders"
inverse = "children"
on_delete = "cascade"
[fields.name]
type = "text"
[fields.touched]
type = "datetime"
on_write = 'now'
[rules]
read = 'true'
"#,
    ),
    (
        "labels",
        r#"
prefix = "label"
[fields.folder]
type = "relation"
to = "folders"
[rules]
read = 'true'
"#,
    ),
    (
        "houses",
        r#"
prefix = "house"
[fields.owner]
type = "relation"
to = "people"
required = true
on_delete = "cascade"
[rules]
read = 'true'
create = 'true'
"#,
    ),
    (
        "people",
        r#"
prefix = "person"
[fields.home]
type = "relation"
to = "houses"
on_delete = "cascade"
[fields.guardian]
type = "relation"
to = "guardians"
on_delete = "cascade"
[rules]
read = 'true'
"#,
    ),
    (
        "guardians",
        r#"
prefix = "guardian"
[fields.ward]
type = "relation"
to = "people"
required = true
on_delete = "cascade"
[rules]
read = 'true'
"#,
    ),
];

/// Runs a test on both databases, each with the shop.
pub(crate) fn on_both<F, Done>(test: F)
where
    F: Fn(Site) -> Done + Sync,
    Done: Future<Output = ()>,
{
    on_both_with(|| schema_of(FILES), |db| test(Site::new(db)));
}

/// The same, with the tables of jobs.
pub(crate) fn on_both_with_jobs<F, Done>(test: F)
where
    F: Fn(Site) -> Done + Sync,
    Done: Future<Output = ()>,
{
    on_both_with(|| schema_with(FILES, jobs::tables()), |db| test(Site::new(db)));
}
