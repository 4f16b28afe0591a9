//! The site under torture: one collection, a server over it.

use std::io::{BufRead, BufReader, Error, Result};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const COLLECTION: &str = r#"prefix = "entry"

[fields.writer]
type = "integer"
required = true

[fields.number]
type = "integer"
required = true

[fields.body]
type = "text"
required = true

[[indexes]]
fields = ["writer", "number"]
unique = true

[rules]
read = 'true'
"#;

/// A site's folder and how its server is started.
pub(crate) struct Site {
    pub(crate) folder: PathBuf,
    program: PathBuf,
    environment: Vec<(&'static str, String)>,
}

/// A running server.
pub(crate) struct Running {
    child: Child,
    pub(crate) port: u16,
}

impl Site {
    /// Writes the files of the site.
    pub(crate) fn make(
        folder: &Path,
        program: &Path,
        environment: Vec<(&'static str, String)>,
    ) -> Result<Self> {
        std::fs::create_dir_all(folder.join("collections"))?;
        std::fs::create_dir_all(folder.join("data"))?;
        std::fs::write(folder.join("mains.toml"), "[log]\nlevel = \"error\"\n")?;
        let site = Self { folder: folder.to_owned(), program: program.canonicalize()?, environment };
        site.write("collections/entries.toml", COLLECTION)?;
        Ok(site)
    }

    /// Writes a file of the site.
    pub(crate) fn write(&self, path: &str, text: &str) -> Result<()> {
        std::fs::write(self.folder.join(path), text)
    }

    /// A command of the command line.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--site").arg(&self.folder).args(arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command of the command line; its output.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String> {
        let done = self.command(arguments).output()?;
        if !done.status.success() {
            let said = String::from_utf8_lossy(&done.stderr).into_owned();
            return Err(Error::other(format!("mains {}: {said}", arguments.join(" "))));
        }
        Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned())
    }

    /// Starts the server and reads the port from its first line.
    pub(crate) fn serve(&self) -> Result<Running> {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        // A file, not a pipe: nobody reads while it runs, and a full pipe would stop it.
        let log = self.folder.join("serve.log");
        let mut child = command.stdout(Stdio::piped()).stderr(std::fs::File::create(&log)?).spawn()?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let port = line.trim().trim_end_matches('/').rsplit(':').next().and_then(|port| port.parse().ok());
        let Some(port) = port else {
            child.kill()?;
            child.wait()?;
            return Err(Error::other(format!("no address: {line} {}", std::fs::read_to_string(log)?)));
        };
        Ok(Running { child, port })
    }
}

impl Running {
    /// Whether it has not ended by itself.
    pub(crate) fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// `kill -9`, waited for.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
