//! How the program talks: data to stdout, everything else to stderr, colored where somebody looks.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the one place that prints")]

use std::io::{IsTerminal, Write};

use mains_base::{Error, Result};

use crate::arguments::Color;

/// Where words go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Talk {
    colored: bool,
}

impl Talk {
    /// Decides about colors once; `NO_COLOR` (no-color.org) is honored.
    #[expect(clippy::disallowed_methods, reason = "NO_COLOR is no setting of ours")]
    pub(crate) fn new(color: Color) -> Self {
        let colored = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => std::io::stderr().is_terminal() && std::env::var("NO_COLOR").is_err(),
        };
        Self { colored }
    }

    /// Whether messages are colored.
    pub(crate) fn is_colored(self) -> bool {
        self.colored
    }

    /// A sentence for whoever looks.
    pub(crate) fn say(self, text: &str) {
        eprintln!("{text}");
    }

    /// A mishap, with its stable code.
    pub(crate) fn fail(self, error: &Error) {
        let (red, plain) = if self.colored { ("\u{1b}[1;31m", "\u{1b}[0m") } else { ("", "") };
        eprintln!("{red}error{plain}: {}", error.detail());
        for field in error.fields() {
            eprintln!("  {}: {}", field.pointer.trim_start_matches('/'), field.message);
        }
        if let Some(cause) = error.cause() {
            eprintln!("  because: {cause}");
        }
    }

    /// Data: a line on stdout. A reader that went away ends the program quietly.
    pub(crate) fn print(self, line: &str) -> Result<()> {
        let mut out = std::io::stdout().lock();
        out.write_all(line.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush())?;
        Ok(())
    }
}
