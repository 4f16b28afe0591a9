//! `mains followers list|drop`.

use mains_base::Result;
use serde_json::Value;

use crate::arguments::Followers;
use crate::backend::Backend;
use crate::operations::Operation;
use crate::talk::Talk;

/// Prints who reads the changes by name, or drops one.
pub(crate) fn run(backend: &mut Backend, command: &Followers, talk: Talk) -> Result<()> {
    match command {
        Followers::List => {
            let standing = backend.ask(Operation::Changes)?;
            let followers = standing.get("followers").and_then(Value::as_array);
            let rows: Vec<Vec<String>> = followers.into_iter().flatten().map(row).collect();
            if rows.is_empty() {
                talk.say("Nobody follows the changes by name.");
            }
            talk.print_table(&["NAME", "CHANGES TO READ"], &rows)?;
        }
        Followers::Drop { name } => {
            backend.ask(Operation::FollowersDrop { name: name.clone() })?;
            talk.say(&format!("{name} is dropped; should it run again, it begins anew."));
        }
    }
    Ok(())
}

fn row(follower: &Value) -> Vec<String> {
    let name = follower.get("name").and_then(Value::as_str).unwrap_or_default();
    let behind = follower.get("behind").and_then(Value::as_i64).unwrap_or_default();
    vec![name.to_owned(), behind.to_string()]
}
