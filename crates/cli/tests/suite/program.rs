//! Starts the binary and looks at what it says.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use mains_testkit::wire::{Answer, Wire};
use serde_json::Value;
use tempfile::TempDir;

/// A seed of the notes without a body.
pub(crate) const SEED: &str = "{\"key\": [\"slug\"], \"slug\": \"hello\", \"title\": \"Hello\"}\n";

/// How long anything may take before the test gives up.
const DEADLINE: Duration = Duration::from_mins(1);

/// A command of the program, on the site in `folder`.
pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mains"));
    command.arg("--site").arg(folder).args(arguments).env("MAINS_LOG_LEVEL", "error");
    command
}

/// The program, on the site in `folder`.
pub(crate) fn mains(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

/// What it printed on stdout, when it went well.
pub(crate) fn out(output: &Output) -> String {
    assert!(output.status.success(), "{}", said(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What it said on stderr.
pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What it said, when it failed.
pub(crate) fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", said(output));
    said(output)
}

/// A port that is free now.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// A site of its own, as `mains new` makes it.
pub(crate) struct Site {
    _folder: TempDir,
    pub(crate) path: PathBuf,
}

impl Site {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("site");
        out(&mains(folder.path(), &["new", &path.display().to_string()]));
        Self { _folder: folder, path }
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        mains(&self.path, arguments)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.path.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path.join(name)).unwrap()
    }

    /// Puts `to` in the place of `from` in a file.
    pub(crate) fn change(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert!(text.contains(from), "{text}");
        self.write(name, &text.replacen(from, to, 1));
    }

    /// The lines of an export of the notes, sorted.
    pub(crate) fn notes(&self, fields: &str) -> Vec<String> {
        let text = out(&self.run(&["export", "notes", "--fields", fields]));
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }

    /// Starts `serve` or `dev` on a free port and waits until it serves.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        Running::start(command(&self.path, arguments).args(["--listen", "127.0.0.1:0"]))
    }

    /// The same where nobody reads stdout any more.
    pub(crate) fn start_unread(&self, arguments: &[&str]) -> Running {
        let (_, out) = std::io::pipe().unwrap();
        let mut running =
            Running::hear(command(&self.path, arguments).args(["--listen", "127.0.0.1:0"]).stdout(out));
        running.serves();
        running
    }

    /// The same without waiting, for what does not serve yet.
    pub(crate) fn begin(&self, arguments: &[&str]) -> Running {
        Running::begin(command(&self.path, arguments).args(["--listen", "127.0.0.1:0"]))
    }
}

/// A program that runs until it is told to stop, or the test is over.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    /// What was said and is still to be looked at: stdout and stderr come in no order between them.
    ahead: VecDeque<String>,
    heard: Vec<String>,
    pub(crate) port: u16,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut running = Self::begin(command);
        running.serves();
        running
    }

    /// Starts it and waits for nothing.
    fn begin(command: &mut Command) -> Self {
        Self::hear(command.stdout(Stdio::piped()))
    }

    /// Starts it and hears stderr, and stdout where that is a pipe.
    fn hear(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let out = child.stdout.take().map(|out| Box::new(out) as Box<dyn Read + Send>);
        for stream in out.into_iter().chain([Box::new(child.stderr.take().unwrap()) as Box<dyn Read + Send>])
        {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    drop(sender.send(line));
                }
            });
        }
        Self { child, lines, ahead: VecDeque::new(), heard: Vec::new(), port: 0 }
    }

    /// Waits until it serves; what it said before can still be waited for.
    pub(crate) fn serves(&mut self) {
        let line = self.wait_for("Serving ");
        self.heard.pop();
        self.ahead = std::mem::take(&mut self.heard).into();
        self.port = line.trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap();
    }

    /// Waits for a line that holds `part`, and gives it.
    pub(crate) fn wait_for(&mut self, part: &str) -> String {
        let until = Instant::now() + DEADLINE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let next = self.ahead.pop_front().map_or_else(|| self.lines.recv_timeout(left), Ok);
            let Ok(line) = next else {
                panic!("no line holds {part:?}:\n{}", self.heard.join("\n"));
            };
            self.heard.push(line.clone());
            if line.contains(part) {
                return line;
            }
        }
    }

    /// One request.
    pub(crate) fn call(&self, method: &str, path: &str, key: &str, body: Option<&Value>) -> Answer {
        Wire::open(self.port, key).unwrap().call(method, path, body).unwrap()
    }

    /// The answer to a GET of a visitor.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.call("GET", path, "", None)
    }

    /// Sends SIGTERM.
    pub(crate) fn stop(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    /// Kills it as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end: its exit code, and all it said.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        self.heard.extend(self.ahead.drain(..));
        while let Ok(line) = self.lines.recv_timeout(DEADLINE) {
            self.heard.push(line);
        }
        (self.child.wait().unwrap().code(), self.heard.join("\n"))
    }
}

/// Asks until it is so, for as long as anything may take.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < end, "it never came to this: {what}");
        thread::yield_now();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
