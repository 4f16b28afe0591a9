//! Every command of the app: as JSON and as a plain form; not for visitors and strangers where it is not theirs, and
//! never for a page of another site. The list is the app's own: a command without a row here fails.

use std::fmt::Write as _;

use mains_apps::accounts;
use mains_language::schema::{Collection, Command, On};
use mains_language::site::load;
use serde_json::{Value, json};

use super::on_both;
use super::world::{Browser, World};

const PASSWORD: &str = "four wet words";

/// A command that is about to be run.
struct Scene<'w> {
    /// Who may.
    actor: Browser<'w>,
    path: String,
    sent: Vec<(&'static str, String)>,
}

/// Whose the command is.
#[derive(Clone, Copy, PartialEq)]
enum Whose {
    /// Visitors may run it: what is sent proves who asks.
    Everybody,
    /// Whoever is signed in does it to themselves.
    SignedIn,
    /// Of one account, or of staff.
    OfOne,
}

fn whose(name: &str) -> Whose {
    match name {
        "sign_up" | "verify" | "resend" | "sign_in" | "sign_out" | "forgot" | "reset" | "confirm_email"
        | "restore_email" => Whose::Everybody,
        "prove" | "revoke_others" => Whose::SignedIn,
        _ => Whose::OfOne,
    }
}

/// Sets the stage for what comes before there is an account.
async fn before<'w>(world: &'w World, command: &str, email: &str) -> Option<Scene<'w>> {
    let mut actor = world.browser();
    let sent = match command {
        "sign_up" => vec![("email", email.to_owned()), ("password", PASSWORD.to_owned())],
        "verify" => {
            world.sign_up(&mut actor, email).await;
            vec![("token", world.letter(email).await.token())]
        }
        "resend" => {
            world.sign_up(&mut actor, email).await;
            vec![("email", email.to_owned())]
        }
        _ => return None,
    };
    Some(Scene { actor, path: format!("/api/accounts/{}", command.replace('_', "-")), sent })
}

/// Sets the stage for one run, for an account of this name.
async fn scene<'w>(world: &'w World, command: &str, name: &str) -> Scene<'w> {
    let email = format!("{name}@corner.example");
    if let Some(scene) = before(world, command, &email).await {
        return scene;
    }
    let secret = || ("password", PASSWORD.to_owned());
    let new = || ("password", "other dry words".to_owned());
    let mut actor = world.account(&email).await;
    let id = actor.id().await;
    let own = |command: &str| format!("/api/accounts/{id}/{command}");
    let all = |command: &str| format!("/api/accounts/{command}");
    let asked = async |actor: &mut Browser<'_>| {
        let other = format!("other.{email}");
        actor.post(&own("change-email"), json!({"email": other})).await;
        world.letter(&other).await.token()
    };
    let (path, sent) = match command {
        "sign_in" => (all("sign-in"), vec![("email", email.clone()), secret()]),
        "sign_out" => (all("sign-out"), vec![]),
        "prove" => (all("prove"), vec![secret()]),
        "forgot" => (all("forgot"), vec![("email", email.clone())]),
        "reset" => {
            actor.post(&all("forgot"), json!({"email": email})).await;
            (all("reset"), vec![("token", world.letter(&email).await.token()), new()])
        }
        "change_password" => (own("change-password"), vec![("current", PASSWORD.to_owned()), new()]),
        "change_email" => {
            (own("change-email"), vec![("current", PASSWORD.to_owned()), ("email", format!("other.{email}"))])
        }
        "confirm_email" => (all("confirm-email"), vec![("token", asked(&mut actor).await)]),
        "restore_email" => {
            let token = asked(&mut actor).await;
            actor.post(&all("confirm-email"), json!({"token": token})).await;
            let letters = world.letters(&email).await;
            let back = letters.iter().find(|letter| letter.text.contains("token=")).expect("a way back");
            (all("restore-email"), vec![("token", back.token()), new()])
        }
        "set_roles" => (own("set-roles"), vec![("roles", "editor".to_owned())]),
        "deactivate" | "reactivate" => (own(command), vec![]),
        "erase" => (own("erase"), vec![("current", PASSWORD.to_owned())]),
        "revoke" => {
            let list = actor.get("/api/account_sessions").await;
            (
                format!("/api/account_sessions/{}/revoke", list.json["items"][0]["id"].as_str().unwrap()),
                vec![],
            )
        }
        "revoke_others" => ("/api/account_sessions/revoke-others".to_owned(), vec![]),
        unknown => panic!("{unknown} has no row in this table: say how it is run"),
    };
    if matches!(command, "set_roles" | "deactivate" | "reactivate") {
        actor = staff(world, name).await;
        if command == "reactivate" {
            assert_eq!(actor.post(&own("deactivate"), json!({})).await.status, 200);
        }
    }
    Scene { actor, path, sent }
}

/// Somebody who may do everything.
async fn staff<'w>(world: &'w World, name: &str) -> Browser<'w> {
    let email = format!("staff.{name}@corner.example");
    let password = world.app.create(&world.db, &email, vec!["staff".into()]).await.unwrap();
    let mut staff = world.browser();
    assert_eq!(staff.sign_in(&email, &password).await.status, 200);
    staff
}

fn as_json(sent: &[(&str, String)]) -> Value {
    let value = |name: &str, text: &String| if name == "roles" { json!([text]) } else { json!(text) };
    sent.iter().map(|(name, text)| ((*name).to_owned(), value(name, text))).collect()
}

fn as_form(sent: &[(&str, String)]) -> String {
    let mut form = "_next=%2Fdone".to_owned();
    for (name, text) in sent {
        let text = text.replace('@', "%40").replace(' ', "+");
        let _ = write!(form, "&{name}={text}");
    }
    form
}

async fn check(world: &World, command: &str) {
    // So that no limit is met.
    world.pass_hours(2);
    for form in [false, true] {
        let kind = if form { "form" } else { "plain" };
        let Scene { mut actor, path, sent } = scene(world, command, &format!("{command}-{kind}")).await;
        let (cookie, body) = (actor.cookie.clone(), as_json(&sent));

        actor.headers = vec![("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
        for refused in [actor.post(&path, body.clone()).await, actor.form(&path, &as_form(&sent)).await] {
            assert_eq!(
                (refused.status, refused.code()),
                (403, "request.cross_site"),
                "{path} from elsewhere"
            );
        }
        actor.headers.clear();
        assert_eq!(actor.cookie, cookie, "{path} from elsewhere");
        if whose(command) != Whose::Everybody {
            let mut visitor = world.browser();
            let refused = visitor.post(&path, body.clone()).await;
            assert!(matches!(refused.status, 401 | 404), "{path} by a visitor: {}", refused.body);
        }
        if whose(command) == Whose::OfOne {
            let mut stranger = world.account(&format!("{command}-{kind}-stranger@corner.example")).await;
            let refused = stranger.post(&path, body.clone()).await;
            assert!(matches!(refused.status, 403 | 404), "{path} by a stranger: {}", refused.body);
        }

        if form {
            let done = actor.form(&path, &as_form(&sent)).await;
            assert_eq!(
                (done.status, done.location.as_deref()),
                (303, Some("/done")),
                "{path}: {}",
                done.body
            );
        } else {
            let done = actor.post(&path, body).await;
            assert!(matches!(done.status, 200 | 202 | 204), "{path}: {} {}", done.status, done.body);
        }
    }
}

/// The commands that the app declares.
fn declared() -> Vec<Command> {
    let schema = load(&[mains_server::tables(), accounts::layer()]).expect("it loads");
    let of = |collection: &Collection| collection.commands.clone();
    schema.collections.iter().flat_map(of).collect()
}

#[test]
fn every_command_by_json_and_by_form_and_for_nobody_else() {
    let commands = declared();
    assert!(commands.len() >= 18 && commands.iter().any(|command| command.on == On::Record));
    on_both(async |world| {
        for command in &commands {
            check(&world, &command.name).await;
        }
    });
}
