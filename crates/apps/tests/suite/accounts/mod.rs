//! Accounts.

mod address;
mod again;
mod astray;
mod bound;
mod commands;
mod consents;
mod credentials;
mod depth;
mod doors;
mod end;
mod entering;
mod flood;
mod guests;
mod incidents;
mod lapsing;
mod letters;
mod live;
mod merging;
mod pages;
mod passwords;
mod profile;
mod proving;
mod sessions;
mod spelling;
mod staff;
mod sweep;
mod timing;
mod world;

use mains_apps::accounts::{Settings, Verify};
use mains_database::dialect::Dialect;
use mains_testkit::database::on;

use world::{World, settings};

/// Runs a test on both databases, in a site where addresses are verified first.
fn on_both(test: impl AsyncFn(World) + Sync) {
    on_both_in(&[], test);
}

/// The same in a site with these collections.
fn on_both_in(files: &[(&str, &str)], test: impl AsyncFn(World) + Sync) {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        on(dialect, async || test(World::with(dialect, settings(), files).await).await);
    }
}

/// Accounts with a name that is public and unique.
const NAMED: &str = r#"
extends = "accounts"
[fields.username]
type = "text"
unique = true
ignore_case = true
pattern = '[A-Za-z0-9_.-]+'
message = "This name is taken or has other characters than letters, digits, _ . -"
personal = "id"
read = 'true'
write = 'id == auth.id'
[fields.credit]
type = "integer"
read = 'true'
[rules]
read = 'true'
"#;
