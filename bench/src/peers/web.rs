//! The product page of the Corner Shop as a team would otherwise write it: Fastify with libsql and EJS, and Django, both
//! on SQLite with a process per core. Their files are in `bench/peers/`.

use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Server, free_port};

const DJANGO: [&str; 2] = ["django==5.2.*", "gunicorn==27.*"];

/// Where the peers and what they read are.
#[derive(Debug)]
pub(crate) struct Web {
    root: PathBuf,
}

impl Web {
    /// Installs both with npm and pip, where they are not yet.
    pub(crate) fn install(root: &Path) -> Result<Self> {
        let web = Self { root: root.to_owned() };
        if !web.of("fastify").join("node_modules").exists() {
            run(Command::new("npm")
                .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
                .arg("--prefix")
                .arg(web.of("fastify")))?;
        }
        if !web.python("gunicorn").exists() {
            run(Command::new("python3").args(["-m", "venv"]).arg(web.root.join("target/django")))?;
            run(Command::new(web.python("pip")).args(["install", "-q"]).args(DJANGO))?;
        }
        Ok(web)
    }

    /// The shop of Fastify, its database in `folder`.
    pub(crate) fn fastify(&self, folder: &Path) -> Result<Server> {
        let port = free_port()?;
        let mut command = Command::new("node");
        command.arg(self.of("fastify").join("server.mjs")).arg(port.to_string());
        command.arg(folder.join("shop.db")).arg(self.seeds()).env("NODE_ENV", "production");
        Server::start(command, port)
    }

    /// The shop of Django, its database in `folder`.
    pub(crate) fn django(&self, folder: &Path) -> Result<Server> {
        let (port, database) = (free_port()?, folder.join("shop.db"));
        let prepared = |program: &str| {
            let mut command = Command::new(self.python(program));
            command
                .current_dir(self.of("django"))
                .env("DATABASE", &database)
                .env("PYTHONDONTWRITEBYTECODE", "1");
            command
        };
        run(prepared("python").arg("fill.py").arg(self.seeds()))?;
        let mut command = prepared("gunicorn");
        let workers = std::thread::available_parallelism()?.to_string();
        command.args([
            "--worker-class",
            "gthread",
            "--threads",
            "4",
            "--keep-alive",
            "75",
            "--no-control-socket",
        ]);
        command.args(["--workers", &workers, "--bind", &format!("127.0.0.1:{port}"), "urls:application"]);
        Server::start(command, port)
    }

    /// The site itself.
    pub(crate) fn shop(&self) -> PathBuf {
        self.root.join("examples/corner-shop")
    }

    fn seeds(&self) -> PathBuf {
        self.shop().join("seeds")
    }

    fn of(&self, peer: &str) -> PathBuf {
        self.root.join("bench/peers").join(peer)
    }

    fn python(&self, program: &str) -> PathBuf {
        self.root.join("target/django/bin").join(program)
    }
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(Error::other(format!("{command:?}: {status}"))) }
}
