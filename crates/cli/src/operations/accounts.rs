//! Accounts, by the services of the app itself, as the system.

use mains_apps::accounts::Accounts;
use mains_base::{Error, Kind, Result};
use serde_json::{Value, json};

use crate::apps;
use crate::site::Site;

/// Answers a page: `{accounts, next}`.
pub(super) async fn list(site: &Site, after: Option<String>) -> Result<Value> {
    let (accounts, next) = app(site)?.list(site.db(), after).await?;
    Ok(json!({"accounts": accounts, "next": next}))
}

/// Makes an account; answers its password.
pub(super) async fn create(site: &Site, email: &str, roles: Vec<String>) -> Result<Value> {
    let password = app(site)?.create(site.db(), email, roles).await?;
    Ok(json!({"password": password.as_str()}))
}

/// Sets roles and rights.
pub(super) async fn set_roles(
    site: &Site,
    email: &str,
    roles: Vec<String>,
    rights: Vec<String>,
) -> Result<Value> {
    app(site)?.set_roles(site.db(), email, (roles, rights)).await.map(|()| Value::Null)
}

/// Answers a link by which a new password is chosen.
pub(super) async fn reset(site: &Site, email: &str) -> Result<Value> {
    let path = app(site)?.reset_link(site.db(), email).await?;
    Ok(json!({"link": format!("{}{}", site.address(), path.as_str())}))
}

/// Closes an account, or opens it again.
pub(super) async fn set_active(site: &Site, email: &str, active: bool) -> Result<Value> {
    app(site)?.set_active(site.db(), email, active).await.map(|()| Value::Null)
}

fn app(site: &Site) -> Result<Accounts> {
    apps::accounts(&site.settings).ok_or_else(|| {
        let detail =
            "This site has no accounts. Write enabled = [\"accounts\"] under [apps] in mains.toml first.";
        Error::new(Kind::NotFound, "cli.no_accounts", detail)
    })
}
