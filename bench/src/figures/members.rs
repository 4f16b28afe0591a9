//! A room and its members, each a guest's account with a session of its own, who hear of the room's lines.

use std::io::{Error, Read, Result, Write};
use std::net::TcpStream;
use std::path::Path;

use serde_json::Value;

use crate::load::post;
use crate::ours::{SETTINGS, Site};
use crate::process::Server;

const ROOMS: &str = r#"prefix = "room"

[fields.name]
type = "text"

[rules]
read = 'true'
create = '"member" in auth.roles'
"#;

const MEMBERS: &str = r#"prefix = "member"
guests = true

[fields.room]
type = "relation"
to = "rooms"
inverse = "members"
required = true

[fields.account]
type = "relation"
to = "accounts"
on_create = 'auth.id'

[[indexes]]
fields = ["room", "account"]
unique = true

[rules]
read = 'account == auth.id'
create = 'true'
"#;

const LINES: &str = r#"prefix = "line"

[fields.room]
type = "relation"
to = "rooms"
required = true

[fields.text]
type = "text"

[rules]
read = 'room.members.exists(m, m.account == auth.id)'
create = '"member" in auth.roles'
"#;

/// A served site with a room that is full.
pub(crate) struct Members {
    pub(crate) server: Server,
    /// For each member the header that says who it is.
    pub(crate) cookies: Vec<String>,
    site: Site,
    room: String,
}

impl Members {
    /// Makes the site, the room and its members.
    pub(crate) fn make(program: &Path, folder: &Path, count: usize) -> Result<Self> {
        let settings =
            format!("{SETTINGS}trusted_proxies = [\"127.0.0.1\"]\n[apps]\nenabled = [\"accounts\"]\n");
        let files = [
            ("mains.toml", settings.as_str()),
            ("collections/rooms.toml", ROOMS),
            ("collections/members.toml", MEMBERS),
            ("collections/lines.toml", LINES),
        ];
        let site = Site::of(program, folder, &files)?;
        let server = site.serve()?;
        let room = made(server.port, "/api/rooms", &site.header(), r#"{"name":"hall"}"#)?;
        let room = identity(&room)?;
        let body = format!(r#"{{"room":"{room}"}}"#);
        let join = |number: usize| {
            // Each from a network of its own, because one makes few guests.
            let from = format!("x-forwarded-for: 10.{}.{}.1\r\n", number / 250, number % 250);
            let answer = made(server.port, "/api/members", &from, &body)?;
            let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: "));
            let cookie = cookie.and_then(|cookie| cookie.split(';').next());
            cookie.map(|cookie| format!("cookie: {cookie}\r\n")).ok_or_else(|| Error::other(answer.clone()))
        };
        let cookies = (0..count).map(join).collect::<Result<_>>()?;
        Ok(Self { server, cookies, site, room })
    }

    /// The request of a line in the room.
    pub(crate) fn line(&self) -> Vec<u8> {
        post("/api/lines", &self.site.header(), &format!(r#"{{"room":"{}","text":"hello"}}"#, self.room))
    }
}

/// The answer to one that makes a record.
fn made(port: u16, path: &str, header: &str, body: &str) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.write_all(&post(path, &format!("connection: close\r\n{header}"), body))?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 201") { Ok(answer) } else { Err(Error::other(answer)) }
}

fn identity(answer: &str) -> Result<String> {
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let record: Value = serde_json::from_str(body).map_err(Error::other)?;
    record.get("id").and_then(Value::as_str).map(str::to_owned).ok_or_else(|| Error::other("no id"))
}
