//! A server under test: started, watched, ended. CPU is read from `/proc/PID/stat` (proc(5)).

use std::io::{BufRead, BufReader, Error, Result};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// A child process that ends with its owner.
pub(crate) struct Server {
    child: Child,
    /// Where it prints, kept open.
    _out: Option<BufReader<ChildStdout>>,
    pub(crate) port: u16,
}

impl Server {
    /// Starts `command`, which listens on `port`, and waits until it does.
    pub(crate) fn start(mut command: Command, port: u16) -> Result<Self> {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let server = Self { child, _out: None, port };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if begun.elapsed() > Duration::from_secs(30) {
                return Err(Error::other(format!("{command:?} does not listen on {port}")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// Starts `command`, whose first line on stdout ends in `:PORT` or `:PORT/`.
    pub(crate) fn start_told(mut command: Command) -> Result<Self> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut line = String::new();
        let out = child.stdout.take().ok_or_else(|| Error::other("no stdout"))?;
        let mut out = BufReader::new(out);
        out.read_line(&mut line)?;
        let port = line.trim().trim_end_matches('/').rsplit(':').next().and_then(|port| port.parse().ok());
        if let Some(port) = port {
            return Ok(Self { child, _out: Some(out), port });
        }
        child.kill()?;
        Err(Error::other(format!("{command:?} said {line:?}, no address")))
    }

    /// `error`, with the program that it met.
    pub(crate) fn blame(&self, error: &Error) -> Error {
        let program =
            std::fs::read_to_string(format!("/proc/{}/cmdline", self.child.id())).unwrap_or_default();
        Error::new(error.kind(), format!("{}: {error}", program.replace('\0', " ").trim()))
    }

    /// Memory that is resident now, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kilobytes.unwrap_or_default() * 1024
    }

    /// CPU time used so far, of all threads, user and system.
    pub(crate) fn cpu(&self) -> Duration {
        cpu_of(&self.child.id().to_string())
    }
}

/// CPU time of this process.
pub(crate) fn own_cpu() -> Duration {
    cpu_of("self")
}

fn cpu_of(process: &str) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second().max(1))
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that is free now.
pub(crate) fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
