//! Commands over HTTP: each reads what was sent, calls one service function and answers.

use std::sync::Arc;

use mains_base::{Result, Value};
use mains_server::commands::{Answer, Handled, Invocation};

use super::passwords::Password;
use super::service::{self, Accounts, SignUp};

/// One run of a command.
type Call = Arc<Invocation>;

/// What does each command of `collections/*.toml`.
pub(super) fn handlers(app: &Accounts) -> Vec<Handled> {
    let of = |command, handler| handled(app, "accounts", command, handler);
    vec![
        of("sign_up", |app, call| Box::pin(sign_up(app, call))),
        of("verify", |app, call| Box::pin(verify(app, call))),
        of("resend", |app, call| Box::pin(resend(app, call))),
        of("sign_in", |app, call| Box::pin(sign_in(app, call))),
        of("sign_out", |_, call| Box::pin(service::sign_out(call))),
        of("prove", |app, call| Box::pin(prove(app, call))),
        of("forgot", |_, call| Box::pin(forgot(call))),
        of("reset", |app, call| Box::pin(reset(app, call))),
        of("change_password", |app, call| Box::pin(change_password(app, call))),
        of("change_email", |app, call| Box::pin(change_email(app, call))),
        of("confirm_email", |_, call| Box::pin(confirm_email(call))),
        of("restore_email", |app, call| Box::pin(restore_email(app, call))),
        of("set_roles", |_, call| Box::pin(set_roles(call))),
        of("deactivate", |_, call| Box::pin(service::set_active(call, false))),
        of("reactivate", |_, call| Box::pin(service::set_active(call, true))),
        of("erase", |app, call| Box::pin(erase(app, call))),
        handled(app, "account_sessions", "revoke", |_, call| Box::pin(service::end_one(call))),
        handled(app, "account_sessions", "revoke_others", |_, call| Box::pin(service::end_others(call))),
    ]
}

type Handling = std::pin::Pin<Box<dyn Future<Output = Result<Answer>> + Send>>;

fn handled(
    app: &Accounts,
    collection: &'static str,
    command: &'static str,
    handler: fn(Accounts, Call) -> Handling,
) -> Handled {
    let app = app.clone();
    Handled::new(collection, command, move |call| handler(app.clone(), call))
}

async fn sign_up(app: Accounts, call: Call) -> Result<Answer> {
    let new = SignUp { email: text(&call, "email"), name: call.value("name").as_text().map(str::to_owned) };
    let password = secret(&call, "password");
    service::sign_up(&app, call, new, password).await
}

async fn verify(_: Accounts, call: Call) -> Result<Answer> {
    let (link, email) = (secret(&call, "token"), text(&call, "email"));
    service::verify(call, &link, &email).await
}

async fn resend(_: Accounts, call: Call) -> Result<Answer> {
    let email = text(&call, "email");
    service::resend(call, email).await
}

async fn sign_in(app: Accounts, call: Call) -> Result<Answer> {
    let (email, password) = (text(&call, "email"), secret(&call, "password"));
    service::sign_in(&app, call, &email, password).await
}

async fn prove(app: Accounts, call: Call) -> Result<Answer> {
    let password = secret(&call, "password");
    service::prove(&app, call, password).await
}

async fn forgot(call: Call) -> Result<Answer> {
    let email = text(&call, "email");
    service::forgot(call, email).await
}

async fn reset(app: Accounts, call: Call) -> Result<Answer> {
    let (link, email, password) = opening(&call);
    service::reset(&app, call, (link.as_str(), email.as_str()), password).await
}

async fn change_password(app: Accounts, call: Call) -> Result<Answer> {
    let (current, password) = (secret(&call, "current"), secret(&call, "password"));
    service::change_password(&app, call, current, password).await
}

async fn change_email(app: Accounts, call: Call) -> Result<Answer> {
    let (email, current) = (text(&call, "email"), secret(&call, "current"));
    service::change_email(&app, call, email, current).await
}

async fn confirm_email(call: Call) -> Result<Answer> {
    let link = secret(&call, "token");
    service::confirm_email(call, &link).await
}

async fn restore_email(app: Accounts, call: Call) -> Result<Answer> {
    let (link, email, password) = opening(&call);
    service::restore_email(&app, call, (link.as_str(), email.as_str()), password).await
}

async fn set_roles(call: Call) -> Result<Answer> {
    let (roles, rights) = (words(&call, "roles"), words(&call, "rights"));
    service::set_roles(call, roles, rights).await
}

async fn erase(app: Accounts, call: Call) -> Result<Answer> {
    let current = secret(&call, "current");
    service::erase(&app, call, current).await
}

/// A mailed link, the address that the page named beside it, and a new password.
fn opening(call: &Invocation) -> (Password, String, Password) {
    (secret(call, "token"), text(call, "email"), secret(call, "password"))
}

fn text(call: &Invocation, name: &str) -> String {
    call.text(name).to_owned()
}

fn secret(call: &Invocation, name: &str) -> Password {
    Password::new(text(call, name))
}

/// The words of a list; `None` where it was not sent.
fn words(call: &Invocation, name: &str) -> Option<Vec<String>> {
    let list = call.value(name).as_list()?;
    Some(list.iter().filter_map(Value::as_text).map(str::to_owned).collect())
}
