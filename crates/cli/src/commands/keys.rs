//! `mains keys create|list|revoke`.

use mains_base::Result;
use serde_json::Value;

use crate::arguments::Keys;
use crate::backend::Backend;
use crate::operations::Operation;
use crate::talk::Talk;

/// Prints the new key alone on stdout, so that a script can catch it.
pub(crate) fn run(backend: &mut Backend, command: &Keys, talk: Talk) -> Result<()> {
    match command {
        Keys::Create { roles, note } => {
            let made = backend.ask(Operation::KeysCreate { roles: roles.clone(), note: note.clone() })?;
            talk.print(text(&made, "secret"))?;
            talk.say("Keep it: it is shown this once. `mains keys list` shows its id, `mains keys revoke` ends it.");
        }
        Keys::List => {
            let keys = backend.ask(Operation::KeysList)?;
            for key in keys.as_array().into_iter().flatten() {
                talk.print(&line(key))?;
            }
        }
        Keys::Revoke { id } => {
            backend.ask(Operation::KeysRevoke { id: id.clone() })?;
            talk.say(&format!("{id} is revoked."));
        }
    }
    Ok(())
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn line(key: &Value) -> String {
    let roles: Vec<&str> =
        key.get("roles").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let state = match key.get("revoked").and_then(Value::as_str) {
        Some(at) => format!("revoked {at}"),
        None => format!("since {}", text(key, "made")),
    };
    format!("{}  {}  {state}  {}", text(key, "id"), roles.join(","), text(key, "note")).trim_end().to_owned()
}
