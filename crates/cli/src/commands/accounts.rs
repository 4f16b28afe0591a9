//! `mains accounts list|create|roles|reset|deactivate|reactivate`.

use mains_base::Result;
use serde_json::Value;

use crate::arguments::Accounts;
use crate::backend::Backend;
use crate::operations::Operation;
use crate::talk::Talk;

/// Passwords and links are printed alone on stdout, so that a script can catch them.
pub(crate) fn run(backend: &mut Backend, command: Accounts, talk: Talk) -> Result<()> {
    match command {
        Accounts::List => list(backend, talk),
        Accounts::Create { email, roles } => {
            let made = backend.ask(Operation::AccountsCreate { email, roles })?;
            talk.print(text(&made, "password"))?;
            talk.say("This is its password, shown this once. It is changed after the sign-in, at /account.");
            Ok(())
        }
        Accounts::Roles { email, roles, rights } => {
            backend.ask(Operation::AccountsRoles { email: email.clone(), roles, rights })?;
            talk.say(&format!(
                "The roles of {email} are set. Where it became staff, that begins with its next sign-in."
            ));
            Ok(())
        }
        Accounts::Reset { email } => {
            let made = backend.ask(Operation::AccountsReset { email })?;
            talk.print(text(&made, "link"))?;
            talk.say("Whoever opens this within an hour chooses the new password. It works once.");
            Ok(())
        }
        Accounts::Deactivate { email } => set_active(backend, &email, false, talk),
        Accounts::Reactivate { email } => set_active(backend, &email, true, talk),
    }
}

fn set_active(backend: &mut Backend, email: &str, active: bool, talk: Talk) -> Result<()> {
    backend.ask(Operation::AccountsActive { email: email.to_owned(), active })?;
    let said = if active { "may sign in again" } else { "is closed and signed out everywhere" };
    talk.say(&format!("{email} {said}."));
    Ok(())
}

fn list(backend: &mut Backend, talk: Talk) -> Result<()> {
    let mut rows = Vec::new();
    let mut after = None;
    loop {
        let page = backend.ask(Operation::AccountsList { after })?;
        let accounts = page.get("accounts").and_then(Value::as_array);
        rows.extend(accounts.into_iter().flatten().map(row));
        after = page.get("next").and_then(Value::as_str).map(str::to_owned);
        if after.is_none() {
            break;
        }
    }
    talk.print_table(&["ID", "ADDRESS", "NAME", "STATUS", "ROLES", "RIGHTS", "MADE (UTC)"], &rows)
}

fn row(account: &Value) -> Vec<String> {
    let words = |name: &str| {
        let words = account.get(name).and_then(Value::as_array).into_iter().flatten();
        words.filter_map(Value::as_str).collect::<Vec<_>>().join(",")
    };
    let own = |name: &str| text(account, name).to_owned();
    let made = text(account, "made").get(..16).unwrap_or_default().to_owned();
    vec![own("id"), own("email"), own("name"), own("status"), words("roles"), words("rights"), made]
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
