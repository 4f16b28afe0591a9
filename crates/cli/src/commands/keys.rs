//! `mains keys create|list|revoke`.

use mains_base::Result;
use serde_json::Value;

use super::{minute, text};
use crate::arguments::Keys;
use crate::backend::Backend;
use crate::operations::Operation;
use crate::talk::Talk;

/// Prints the new key alone on stdout, so that a script can catch it.
pub(crate) fn run(backend: &mut Backend, command: &Keys, talk: Talk) -> Result<()> {
    match command {
        Keys::Create { roles, note, expires } => {
            let (roles, note, expires) = (roles.clone(), note.clone(), expires.clone());
            let made = backend.ask(Operation::KeysCreate { roles, note, expires })?;
            talk.print(text(&made, "secret"))?;
            talk.say(&format!(
                "Keep it, it is shown this once. It ends with: mains keys revoke {}",
                text(&made, "id")
            ));
        }
        Keys::List => {
            let keys = backend.ask(Operation::KeysList)?;
            let rows: Vec<Vec<String>> = keys.as_array().into_iter().flatten().map(row).collect();
            if rows.is_empty() {
                talk.say("There are no keys yet; `mains keys create --role staff` makes one.");
            }
            talk.print_table(&["ID", "ROLES", "MADE (UTC)", "STATE", "NOTE"], &rows)?;
        }
        Keys::Revoke { id } => {
            backend.ask(Operation::KeysRevoke { id: id.clone() })?;
            talk.say(&format!("{id} is revoked."));
        }
    }
    Ok(())
}

fn row(key: &Value) -> Vec<String> {
    let roles = key.get("roles").and_then(Value::as_array).into_iter().flatten();
    let roles: Vec<&str> = roles.filter_map(Value::as_str).collect();
    let at = |name: &str| key.get(name).and_then(Value::as_str).map(minute);
    let is_over = key.get("over").and_then(Value::as_bool) == Some(true);
    let state = match (at("revoked"), at("expires")) {
        (Some(at), _) => format!("revoked {at}"),
        (None, Some(at)) => format!("{} {at}", if is_over { "ended" } else { "valid until" }),
        (None, None) => "valid".to_owned(),
    };
    vec![
        text(key, "id").to_owned(),
        roles.join(","),
        minute(text(key, "made")).to_owned(),
        state,
        text(key, "note").to_owned(),
    ]
}
