//! Mains under test: a site with one collection, filled by an import, served by the release binary.

use std::fmt::Write;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

use mains_base::Uuid;

use crate::process::Server;

/// The collection of the bench.
pub(crate) const COLLECTION: &str = r#"prefix = "post"

[fields.title]
type = "text"
required = true

[fields.body]
type = "text"
required = true

[fields.views]
type = "integer"

[fields.public]
type = "bool"

[[indexes]]
fields = ["created"]

[rules]
read = 'public || "member" in auth.roles'
create = '"member" in auth.roles'
"#;

/// Settings of every site here.
pub(crate) const SETTINGS: &str = "[log]\nlevel = \"warn\"\n[server]\nconnections = 20000\n";

/// A site on disk.
pub(crate) struct Site {
    folder: PathBuf,
    program: PathBuf,
    /// Bearer key of a caller whom the rules bind.
    pub(crate) key: String,
}

impl Site {
    /// Makes a site with `records` posts.
    pub(crate) fn make(program: &Path, folder: &Path, records: u64) -> Result<Self> {
        let site =
            Self::of(program, folder, &[("mains.toml", SETTINGS), ("collections/posts.toml", COLLECTION)])?;
        site.fill(records)?;
        Ok(site)
    }

    /// Imports so many posts.
    pub(crate) fn fill(&self, records: u64) -> Result<()> {
        let lines = self.folder.join("posts.jsonl");
        std::fs::write(&lines, posts(records))?;
        self.run(&["import", "posts", &lines.display().to_string()])?;
        std::fs::remove_file(lines)
    }

    /// Makes a site of these files, with a key for a member.
    pub(crate) fn of(program: &Path, folder: &Path, files: &[(&str, &str)]) -> Result<Self> {
        std::fs::create_dir_all(folder.join("collections"))?;
        for (name, text) in files {
            std::fs::write(folder.join(name), text)?;
        }
        let mut site = Self { folder: folder.to_owned(), program: program.to_owned(), key: String::new() };
        site.run(&["migrate"])?;
        site.key = site.run(&["keys", "create", "--role", "member"])?;
        Ok(site)
    }

    fn run(&self, arguments: &[&str]) -> Result<String> {
        let done = Command::new(&self.program).arg("--site").arg(&self.folder).args(arguments).output()?;
        if done.status.success() {
            return Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned());
        }
        Err(Error::other(format!("mains {arguments:?}: {}", String::from_utf8_lossy(&done.stderr))))
    }

    /// Serves it.
    pub(crate) fn serve(&self) -> Result<Server> {
        let mut command = Command::new(&self.program);
        command.arg("--site").arg(&self.folder).args(["serve", "--listen", "127.0.0.1:0"]);
        Server::start_told(command)
    }

    /// The header of the caller.
    pub(crate) fn header(&self) -> String {
        format!("authorization: Bearer {}\r\n", self.key)
    }
}

/// The id of the post with this number: a TypeID around a UUID of version 7.
pub(crate) fn id_of(number: u64) -> String {
    format!("post_{}", String::from_utf8_lossy(&uuid_of(number).suffix()))
}

/// The same, bare.
pub(crate) fn uuid_of(number: u64) -> Uuid {
    let value = (1_700_000_000_000 + u128::from(number)) << 80 | 0x7 << 76 | 0b10 << 62 | u128::from(number);
    Uuid(value.to_be_bytes())
}

/// What stands for randomness in an id: spread like it, and free.
pub(crate) fn spread_bytes(number: u64) -> [u8; 10] {
    let mut bytes = [0; 10];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (place % 8 * 8) & 0xff) as u8;
    }
    bytes
}

/// Title and body of a post: the same for every peer.
pub(crate) fn content(number: u64) -> (String, String) {
    let title = format!("Post number {number}");
    let body = format!("What post {number} has to say, at some length, so that an answer has a usual size. ")
        .repeat(3);
    (title, body)
}

fn posts(records: u64) -> String {
    let mut lines = String::new();
    for number in 0..records {
        let (title, body) = content(number);
        let _ = writeln!(
            lines,
            r#"{{"id":"{}","title":"{title}","body":"{body}","views":{},"public":{}}}"#,
            id_of(number),
            number % 1000,
            number.is_multiple_of(2)
        );
    }
    lines
}
